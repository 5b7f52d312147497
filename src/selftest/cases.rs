//! The cases: each builds a small plan with the layer functions and asks the twins for the answer.

use super::{Case, Expected};
use crate::gpu::{AdapterClass, BufferRole, Plan, Shape, Tensor};
use crate::mel::{Band, FilterBank, band_table};
use crate::ops::{
    self, ActivationKind, AdamW, Augment, Basis, ConvShape, Distance, EpisodeShape, NormShape,
    OptimizerState, OptimizerTensors, Place, PoolKind, PoolShape, RowsAt, Slot, StatisticsShape,
    StepInfo,
};
use crate::reference as twin;

/// Collects a case while its plan is built.
struct Builder {
    plan: Plan,
    inputs: Vec<(Tensor, Vec<u32>)>,
    expected: Vec<Expected>,
    stream: u32,
}

impl Builder {
    fn new(class: AdapterClass) -> Self {
        Self {
            plan: Plan::new(class),
            inputs: Vec::new(),
            expected: Vec::new(),
            stream: 0,
        }
    }

    /// An input of normal numbers, a different stream each; returned as the twin sees it.
    fn normal(&mut self, shape: Shape) -> (Tensor, Vec<f64>) {
        self.stream += 1;
        let count = shape.iter().product::<usize>();
        let values = (0..count)
            .map(|k| twin::normal([7, 7, self.stream, k as u32]) as f32)
            .collect();
        self.values(shape, values)
    }

    fn values(&mut self, shape: Shape, values: Vec<f32>) -> (Tensor, Vec<f64>) {
        let exact = values.iter().map(|&v| f64::from(v)).collect();
        let tensor = self.plan.tensor("input", shape, BufferRole::Input);
        self.inputs.push((tensor, bytemuck::cast_vec(values)));
        (tensor, exact)
    }

    fn words(&mut self, shape: Shape, words: Vec<u32>) -> Tensor {
        let tensor = self.plan.words("input", shape, BufferRole::Input);
        self.inputs.push((tensor, words));
        tensor
    }

    fn output(&mut self, shape: Shape) -> Tensor {
        self.plan.tensor("output", shape, BufferRole::Output)
    }

    /// Expects a sum of `terms` products in f32.
    fn expect(&mut self, tensor: Tensor, values: Vec<f64>, terms: usize) {
        self.expect_rounded(tensor, values, terms, 0.0);
    }

    /// The same of differences, whose terms' rounding is `rounding` and may be all that is left of them.
    fn expect_rounded(&mut self, tensor: Tensor, values: Vec<f64>, terms: usize, rounding: f64) {
        self.expected.push(Expected {
            tensor,
            values,
            tolerance: 4e-6 * (terms as f64).sqrt().max(1.0),
            rounding,
        });
    }

    fn case(self, label: String) -> Case {
        Case {
            label,
            plan: self.plan,
            inputs: self.inputs,
            expected: self.expected,
        }
    }
}

/// The relative error of a mean of `terms` products in f32: each rounding of the sum's, at random, and 4 more, because
/// Vulkan lets a division be off by 2.5 units and a compiler fuse a product with what it is subtracted from.
fn mean_rounding(terms: usize) -> f64 {
    f64::from(f32::EPSILON) * (4.0 + (terms as f64).sqrt())
}

/// The mean of the magnitudes.
fn mean_magnitude(values: &[f64]) -> f64 {
    values.iter().map(|v| v.abs()).sum::<f64>() / values.len() as f64
}

/// The largest magnitude.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| v.abs().max(most))
}

/// A convolution with functions on its edges: forward, all gradients, curvature penalty.
pub fn conv(class: AdapterClass, shape: &ConvShape) -> Case {
    let mut b = Builder::new(class);
    let (x, x_values) = b.normal(shape.input_shape());
    // Reach well beyond the grid.
    let (bias, bias_values) = b.normal([1, 1, 1, shape.co]);
    let (grad_y, grad_y_values) = b.normal(shape.output_shape());
    let weight_shape = [1, shape.taps(), shape.basis.slots(), shape.co_pad()];
    let mut weights: Vec<f32> = (0..shape.weight_len())
        .map(|k| twin::normal([7, 7, 99, k as u32]) as f32)
        .collect();
    for row in weights.chunks_mut(shape.co_pad()) {
        row[shape.co..].fill(0.0);
    }
    let (weight, weight_values) = b.values(weight_shape, weights);

    let y = b.output(shape.output_shape());
    let grad_x = b.output(shape.input_shape());
    let grad_weight = b.output(weight_shape);
    let grad_bias = b.output([1, 1, 1, shape.co]);
    let kept = ops::conv_forward(&mut b.plan, shape, x, weight, bias, y);
    let by_parameters = [grad_weight, grad_bias];
    ops::conv_backward(
        &mut b.plan,
        shape,
        &kept,
        grad_y,
        by_parameters,
        Some(grad_x),
    );

    let area = shape.output()[0] * shape.output()[1];
    let edges = shape.taps() * shape.basis.slots();
    b.expect(
        y,
        twin::conv_forward(shape, &x_values, &weight_values, &bias_values),
        edges,
    );
    b.expect(
        grad_x,
        twin::conv_grad_input(shape, &x_values, &weight_values, &grad_y_values),
        shape.co * shape.kernel[0] * shape.kernel[1] * shape.basis.slots(),
    );
    let mut by_weight = twin::conv_grad_weight(shape, &x_values, &grad_y_values);
    if shape.basis.order > 0 {
        ops::curvature_penalty(&mut b.plan, shape, 0.25, weight, grad_weight);
        let penalty =
            twin::curvature_penalty(0.25, shape.basis.slots(), shape.co_pad(), &weight_values);
        by_weight.iter_mut().zip(penalty).for_each(|(g, p)| *g += p);
    }
    b.expect(grad_weight, by_weight, shape.n * area);
    let partial = twin::channel_sum(&grad_y_values, area);
    b.expect(
        grad_bias,
        twin::reduce_partials(&partial, shape.co),
        shape.n * area,
    );
    b.case(format!("kan_conv {shape:?}"))
}

/// Adding partial sums.
pub fn reduce(class: AdapterClass, splits: usize, size: usize) -> Case {
    let mut b = Builder::new(class);
    let (partial, values) = b.normal([1, 1, splits, size]);
    let total = b.output([1, 1, 1, size]);
    ops::reduce_partials(&mut b.plan, partial, total);
    b.expect(total, twin::reduce_partials(&values, size), splits);
    b.case(format!("reduce_partials {splits} x {size}"))
}

/// Group normalisation: forward and all gradients.
pub fn norm(class: AdapterClass, shape: &NormShape) -> Case {
    let mut b = Builder::new(class);
    let full = [shape.n, shape.c, 1, shape.positions];
    let (x, x_values) = b.normal(full);
    let (affine, affine_values) = b.normal([1, 1, 2, shape.c]);
    let (grad_y, grad_y_values) = b.normal(full);
    let (y, grad_x) = (b.output(full), b.output(full));
    let moments = b.output([shape.n, 1, shape.groups, 2]);
    let grad_affine = b.output([1, 1, 2, shape.c]);
    ops::group_norm_forward(&mut b.plan, shape, x, affine, y, moments);
    ops::group_norm_grad_input(&mut b.plan, shape, x, affine, moments, grad_y, grad_x);
    ops::group_norm_grad_weight(&mut b.plan, shape, x, moments, grad_y, grad_affine);
    let size = shape.c / shape.groups * shape.positions;
    let moment_values = twin::group_norm_moments(shape, &x_values);
    // What is subtracted is a mean: of x, and in grad_x of the slopes. The error of either is as large as its terms were,
    // however little is left: nothing at all in a group of one element.
    let unit = mean_rounding(size);
    let slopes: Vec<f64> = grad_y_values
        .iter()
        .enumerate()
        .map(|(k, g)| g * affine_values[k / shape.positions % shape.c])
        .collect();
    let rows = || moment_values.iter().skip(1).step_by(2);
    let rounding = |terms: &[f64]| -> Vec<f64> {
        terms
            .chunks(size)
            .zip(rows())
            .map(|(row, inverse)| unit * mean_magnitude(row) * inverse)
            .collect()
    };
    let of_normal = rounding(&x_values);
    let of_affine = (0..shape.c).map(|c| {
        let images = (0..shape.n).map(|n| {
            let channel = n * shape.c + c;
            let g = &grad_y_values[channel * shape.positions..][..shape.positions];
            let group = n * shape.groups + c / (shape.c / shape.groups);
            mean_magnitude(g) * shape.positions as f64 * of_normal[group]
        });
        images.sum()
    });
    let of_affine = largest(&of_affine.collect::<Vec<f64>>());
    let of_y = largest(&of_normal) * largest(&affine_values[..shape.c]);
    let of_grad_x = largest(&rounding(&slopes));
    b.expect(moments, moment_values.clone(), size);
    b.expect_rounded(
        y,
        twin::group_norm_forward(shape, &x_values, &affine_values),
        size,
        of_y,
    );
    b.expect_rounded(
        grad_x,
        twin::group_norm_grad_input(shape, &x_values, &affine_values, &grad_y_values),
        size,
        of_grad_x,
    );
    b.expect_rounded(
        grad_affine,
        twin::group_norm_grad_weight(shape, &x_values, &grad_y_values),
        shape.n * shape.positions,
        of_affine,
    );
    b.case(format!("group_norm {shape:?}"))
}

/// Activations, squared error, noise and dropout on `size` elements.
pub fn element(class: AdapterClass, size: usize) -> Case {
    let mut b = Builder::new(class);
    let shape = [1, 1, 1, size];
    let (x, x_values) = b.normal(shape);
    let (grad_y, grad_y_values) = b.normal(shape);
    for kind in [
        ActivationKind::Silu,
        ActivationKind::Relu,
        ActivationKind::Gelu,
    ] {
        let (y, grad_x) = (b.output(shape), b.output(shape));
        ops::activation_forward(&mut b.plan, kind, x, y);
        ops::activation_grad_input(&mut b.plan, kind, x, grad_y, grad_x);
        b.expect(y, twin::activation_forward(kind, &x_values), 16);
        b.expect(
            grad_x,
            twin::activation_grad_input(kind, &x_values, &grad_y_values),
            16,
        );
    }
    let (error, grad) = (b.output(shape), b.output(shape));
    ops::squared_error(&mut b.plan, x, grad_y, error, grad);
    let (errors, slopes) = twin::squared_error(&x_values, &grad_y_values);
    b.expect(error, errors, 1);
    b.expect(grad, slopes, 1);
    let stream = [11, 5, 3];
    let step = b.words([1, 1, 1, 4], vec![stream[0], stream[1], 0, 0]);
    let (noisy, dropped) = (b.output(shape), b.output(shape));
    ops::noise_forward(&mut b.plan, 0.5, stream[2], x, step, noisy);
    ops::dropout_forward(&mut b.plan, 0.25, stream[2], x, step, dropped);
    b.expect(noisy, twin::noise_forward(0.5, stream, &x_values), 4);
    b.expect(dropped, twin::dropout_forward(0.25, stream, &x_values), 1);
    b.case(format!("element-wise, {size} elements"))
}

/// The ceilings of the bench: multiply-adds and a copy of `rows` rows.
pub fn ceiling(class: AdapterClass, rows: usize) -> Case {
    const ROUNDS: usize = 2;
    let mut b = Builder::new(class);
    // Factors within 1, that the sums do not grow.
    let values = (0..rows * 16).map(|k| (k as f32 * 0.7).sin()).collect();
    let (x, x_values) = b.values([1, 1, rows, 16], values);
    let (sums, copy) = (b.output([1, 1, rows, 4]), b.output(x.shape));
    ops::fma_ceiling(&mut b.plan, ROUNDS, x, sums);
    ops::copy_ceiling(&mut b.plan, x, copy);
    b.expect(sums, twin::fma_ceiling(ROUNDS, &x_values), 8 * ROUNDS);
    b.expect(copy, twin::copy_ceiling(&x_values), 1);
    b.case(format!("ceilings, {rows} rows"))
}

/// Pooling: forward and gradient.
pub fn pool(class: AdapterClass, shape: &PoolShape) -> Case {
    let mut b = Builder::new(class);
    let [oh, ow] = shape.output();
    let (x, x_values) = b.normal([1, shape.rows, shape.input[0], shape.input[1]]);
    let (grad_y, grad_y_values) = b.normal([1, shape.rows, oh, ow]);
    let (y, grad_x) = (b.output(grad_y.shape), b.output(x.shape));
    ops::pool_forward(&mut b.plan, shape, x, y);
    ops::pool_grad_input(&mut b.plan, shape, x, grad_y, grad_x);
    let window = shape.kernel[0] * shape.kernel[1];
    b.expect(y, twin::pool_forward(shape, &x_values), window);
    b.expect(
        grad_x,
        twin::pool_grad_input(shape, &x_values, &grad_y_values),
        window,
    );
    b.case(format!("pool {shape:?}"))
}

/// A scale and a shift of each band.
pub fn band_affine(class: AdapterClass, shape: Shape) -> Case {
    let mut b = Builder::new(class);
    let (x, x_values) = b.normal(shape);
    let (affine, affine_values) = b.normal([1, 1, 2, shape[2]]);
    let y = b.output(shape);
    ops::band_affine(&mut b.plan, x, affine, y);
    let values = twin::band_affine(shape[2], shape[3], &x_values, &affine_values);
    b.expect(y, values, 2);
    b.case(format!("band_affine {shape:?}"))
}

/// Statistics pooling: forward and gradient.
pub fn statistics(class: AdapterClass, shape: &StatisticsShape) -> Case {
    let mut b = Builder::new(class);
    let (x, x_values) = b.normal([shape.n, 1, shape.rows, shape.frames]);
    let (grad_y, grad_y_values) = b.normal([shape.n, 2, 1, shape.rows]);
    let (y, grad_x) = (b.output(grad_y.shape), b.output(x.shape));
    ops::statistics_pool_forward(&mut b.plan, shape, x, y);
    ops::statistics_pool_grad_input(&mut b.plan, shape, x, y, grad_y, grad_x);
    let y_values = twin::statistics_pool_forward(shape, &x_values);
    // Deviations from a mean, as in `norm`.
    let unit = mean_rounding(shape.frames);
    let rounding = x_values.chunks(shape.frames).enumerate().map(|(row, x)| {
        let at = row / shape.rows * 2 * shape.rows + shape.rows + row % shape.rows;
        unit * mean_magnitude(x) / y_values[at] * grad_y_values[at] / shape.frames as f64
    });
    let rounding = largest(&rounding.collect::<Vec<f64>>());
    b.expect(y, y_values, shape.frames);
    b.expect_rounded(
        grad_x,
        twin::statistics_pool_grad_input(shape, &x_values, &grad_y_values),
        shape.frames,
        rounding,
    );
    b.case(format!("statistics_pool {shape:?}"))
}

/// Clips cut from a bank of two buffers.
pub fn gather(class: AdapterClass, bands: usize, frames: usize, augment: &Augment) -> Case {
    let mut b = Builder::new(class);
    // Files shorter than a clip, as long, and longer.
    let lengths = [1, frames, 2 * frames + 3, frames + 1, 3 * frames];
    let step_info = StepInfo {
        seed: 3,
        step: 17,
        learning_rate: 0.0,
        unused: 0,
    };
    let mut banks = [Vec::new(), Vec::new()];
    let mut slots = Vec::new();
    for (file, length) in lengths.into_iter().enumerate() {
        let bank = file % 2;
        let slot = Slot::file(bank as u32, banks[bank].len() as u32, length as u32);
        slots.push(slot);
        // The clip may lie anywhere in the file, or in a window of its middle, which may be shorter than the clip.
        if length > frames {
            let (length, half) = (length as u32, (frames as u32 / 2).max(1));
            slots.push(slot.window(length / 4, length - length / 8));
            slots.push(slot.window(length / 3, length / 3 + half));
        }
        banks[bank].extend(
            (0..bands * length)
                .map(|k| twin::uniform4([1, 2, file as u32, k as u32])[0] as f32 * 4.0),
        );
    }
    let slot_words = b.words(
        [1, 1, slots.len(), Slot::WORDS],
        bytemuck::cast_slice(&slots).to_vec(),
    );
    let step = b.words([1, 1, 1, 4], bytemuck::cast_slice(&[step_info]).to_vec());
    let clips = b.output([slots.len(), 1, bands, frames]);
    let mut expected = vec![0.0; clips.len()];
    for (index, bank) in banks.into_iter().enumerate() {
        let (tensor, exact) = b.values([1, 1, 1, bank.len()], bank);
        ops::clip_gather(&mut b.plan, augment, index, tensor, slot_words, step, clips);
        // The twin reads one buffer: give it the others' slots as one frame of silence, and take only its own.
        let padded = [exact, vec![0.0; bands]].concat();
        let silence = Slot::file(0, (padded.len() - bands) as u32, 1);
        let own: Vec<_> = slots
            .iter()
            .map(|s| {
                if s.bank as usize == index {
                    *s
                } else {
                    silence
                }
            })
            .collect();
        let cut = twin::clip_gather(augment, bands, frames, &padded, &own, &step_info);
        let size = bands * frames;
        for (clip, slot) in slots
            .iter()
            .enumerate()
            .filter(|(_, s)| s.bank as usize == index)
        {
            debug_assert_eq!(slot.bank as usize, index);
            expected[clip * size..(clip + 1) * size]
                .copy_from_slice(&cut[clip * size..(clip + 1) * size]);
        }
    }
    b.expect(clips, expected, 64);
    b.case(format!("clip_gather {bands} x {frames} {augment:?}"))
}

/// An episode: prototypes, distances, loss, and the gradient of all embeddings.
pub fn episode(class: AdapterClass, shape: &EpisodeShape) -> Case {
    let mut b = Builder::new(class);
    let (embedding, values) = b.normal([shape.clips(), shape.width, 1, 1]);
    let prototype = b.output([shape.way, shape.width, 1, 1]);
    let distance = b.output([1, 1, shape.queries(), shape.way]);
    let products = b.output([1, shape.queries(), shape.way, 3]);
    let score = b.output([1, 1, shape.queries(), 2]);
    let grad_distance = b.output(distance.shape);
    let grad = b.output(embedding.shape);
    let history = b.output([1, 1, 4, 4]);
    let state = OptimizerState {
        norm: 2.5,
        skipped: 3,
        ..OptimizerState::START
    };
    let state = b.words([1, 1, 1, 8], bytemuck::cast_slice(&[state]).to_vec());
    let step = b.words([1, 1, 1, 4], vec![0, 6, 0, 0]);
    ops::prototype_forward(&mut b.plan, shape, embedding, prototype);
    ops::distance_forward(&mut b.plan, shape, embedding, prototype, distance, products);
    ops::episode_loss(&mut b.plan, shape, distance, score, grad_distance);
    ops::distance_grad(
        &mut b.plan,
        shape,
        embedding,
        prototype,
        products,
        grad_distance,
        grad,
    );
    let row = b
        .plan
        .tensor("unused rows", history.shape, BufferRole::Input);
    b.inputs.push((row, vec![0; 16]));
    b.inputs.push((history, vec![0; 16]));
    ops::record_step(&mut b.plan, score, state, step, history);

    let prototypes = twin::prototype_forward(shape, &values);
    let distances = twin::distance_forward(shape, &values, &prototypes);
    let (scores, by_distance) = twin::episode_loss(shape, &distances);
    b.expect(
        products,
        twin::distance_products(shape, &values, &prototypes),
        shape.width,
    );
    let mean = |at: usize| scores.iter().skip(at).step_by(2).sum::<f64>() / shape.queries() as f64;
    let mut rows = vec![0.0; 16];
    rows[8..12].copy_from_slice(&[mean(0), mean(1), 2.5, 3.0]);
    // The loss amplifies the distances' rounding by its scale.
    let terms = shape.width * (1.0 + f64::from(shape.scale)).powi(2) as usize * 4;
    b.expect(
        grad,
        twin::distance_grad(shape, &values, &by_distance),
        terms * shape.queries(),
    );
    b.expect(prototype, prototypes, shape.shot);
    b.expect(distance, distances, shape.width);
    b.expect(score, scores, terms);
    b.expect(grad_distance, by_distance, terms);
    b.expect(history, rows, terms * shape.queries());
    b.case(format!("episode {shape:?}"))
}

/// Two AdamW steps on `size` parameters (rounded up to 64) with gradients `factor` times normal.
pub fn optimizer(class: AdapterClass, size: usize, factor: f32) -> Case {
    let size = size.next_multiple_of(64);
    let mut b = Builder::new(class);
    let shape = [1, 1, 1, size];
    let (parameter, values) = b.normal(shape);
    let scaled = (0..size)
        .map(|k| factor * twin::normal([7, 7, 50, k as u32]) as f32)
        .collect();
    let (grad, grad_values) = b.values(shape, scaled);
    let (first, _) = b.values(shape, vec![0.0; size]);
    let (second, _) = b.values(shape, vec![0.0; size]);
    let decays = (0..size / 64).map(|k| (k % 3) as f32 * 0.01).collect();
    let (decay, decay_values) = b.values([1, 1, 1, size / 64], decays);
    let state = b.words(
        [1, 1, 1, 8],
        bytemuck::cast_slice(&[OptimizerState::START]).to_vec(),
    );
    let info = StepInfo {
        seed: 0,
        step: 0,
        learning_rate: 0.125,
        unused: 0,
    };
    let step = b.words([1, 1, 1, 4], bytemuck::cast_slice(&[info]).to_vec());
    let constants = AdamW::default();
    let tensors = OptimizerTensors {
        parameter,
        grad,
        first,
        second,
        decay,
        state,
    };
    let zeros = vec![0.0; size];
    let mut expected = twin::AdamWState {
        parameter: values,
        first: zeros.clone(),
        second: zeros,
        ..twin::AdamWState::default()
    };
    for _ in 0..2 {
        ops::adamw_step(&mut b.plan, &constants, &tensors, step);
        twin::adamw_step(
            &constants,
            &mut expected,
            &grad_values,
            &decay_values,
            0.125,
        );
    }
    // The norm of all gradients scales every update.
    b.expect(parameter, expected.parameter, size);
    b.expect(first, expected.first, size);
    b.expect(second, expected.second, size);
    b.case(format!(
        "adamw_step on {size} parameters, gradients times {factor}"
    ))
}

/// The weighted sum of two tensors of `size` elements.
pub fn weighted(class: AdapterClass, size: usize) -> Case {
    let mut b = Builder::new(class);
    let shape = [1, 1, 1, size];
    let ((x, x_values), (y, y_values)) = (b.normal(shape), b.normal(shape));
    let sum = b.output(shape);
    ops::weighted_sum(&mut b.plan, [1.5, -0.25], [x, y], sum);
    b.expect(
        sum,
        twin::weighted_sum([1.5, -0.25], &x_values, &y_values),
        2,
    );
    b.case(format!("weighted_sum of {size} elements"))
}

/// Copies rows: of two blocks of `way` rows, `sizes` elements long, each row of the second behind its
/// like of the first.
pub fn rows(class: AdapterClass, way: usize, sizes: [usize; 2]) -> Case {
    let mut b = Builder::new(class);
    let (x, x_values) = b.normal([1, 1, way, sizes[0] + sizes[1]]);
    let y = b.output(x.shape);
    let mut values = vec![0.0; x_values.len()];
    for (block, size) in sizes.into_iter().enumerate() {
        let from = RowsAt {
            first: block * way * sizes[0],
            stride: size,
        };
        let to = RowsAt {
            first: block * sizes[0],
            stride: sizes[0] + sizes[1],
        };
        ops::copy_rows(&mut b.plan, [way, size], (x, from), (y, to));
        twin::copy_rows([way, size], (&x_values, from), (&mut values, to));
    }
    b.expect(y, values, 1);
    b.case(format!("copy_rows, {way} of {sizes:?} elements"))
}

/// Embeddings centred and scaled by their statistics, and the gradient of that.
pub fn standardised_rows(class: AdapterClass, rows: usize, width: usize) -> Case {
    let mut b = Builder::new(class);
    let shape = [rows, width, 1, 1];
    let (x, x_values) = b.normal(shape);
    for (scaled, centred) in [(true, true), (true, false), (false, true)] {
        let statistics = b.output([1, 1, 1, width + 1]);
        ops::row_statistics(&mut b.plan, scaled, x, statistics);
        let statistics_values = twin::row_statistics(scaled, width, &x_values);
        b.expect(statistics, statistics_values.clone(), rows);
        let y = b.output(shape);
        ops::standardise_rows(&mut b.plan, centred, x, statistics, y);
        let values = twin::standardise_rows(centred, &x_values, &statistics_values);
        let scale = statistics_values[width];
        b.expect_rounded(
            y,
            values,
            rows,
            mean_rounding(rows) * largest(&x_values) * scale,
        );
    }
    b.case(format!("standardised rows, {rows} of {width}"))
}

/// Targets out of two buffers, and the loss of predictions; of the first rows the prediction is 0, the target, and both.
pub fn teacher(class: AdapterClass, rows: usize, width: usize) -> Case {
    let mut b = Builder::new(class);
    let shape = [rows, width, 1, 1];
    let normals = |stream: u32, count: usize| -> Vec<f32> {
        let normal = |k| twin::normal([7, 7, stream, k as u32]) as f32;
        (0..count).map(normal).collect()
    };
    let mut banks = [normals(1, 3 * width), normals(2, (rows + 1) * width)];
    banks[1][width..2 * width].fill(0.0);
    if rows > 2 {
        banks[1][2 * width..3 * width].fill(0.0);
    }
    let places: Vec<Place> = (0..rows)
        .map(|row| match row {
            3.. if row % 3 == 0 => Place {
                bank: 0,
                row: row as u32 % 3,
            },
            _ => Place {
                bank: 1,
                row: row as u32,
            },
        })
        .collect();
    let words = bytemuck::cast_slice(&places).to_vec();
    let place_words = b.words([1, 1, rows, 2], words);
    let target = b.output(shape);
    let mut exact = Vec::new();
    for (index, bank) in banks.into_iter().enumerate() {
        let (tensor, values) = b.values([1, 1, bank.len() / width, width], bank);
        ops::target_gather(&mut b.plan, index, tensor, place_words, target);
        exact.push(values);
    }
    let banks: Vec<&[f64]> = exact.iter().map(Vec::as_slice).collect();
    let target_values = twin::target_gather(&banks, width, &places);
    let mut predictions = normals(3, rows * width);
    predictions[..width].fill(0.0);
    if rows > 2 {
        predictions[2 * width..3 * width].fill(0.0);
    }
    let (prediction, prediction_values) = b.values(shape, predictions);
    for constants in [[0.0, 1.0], [1.5, 0.25]] {
        let score = b.output([1, 1, rows, 2]);
        let grad = b.output(shape);
        ops::prediction_loss(&mut b.plan, constants, [prediction, target], score, grad);
        let (scores, grads) = twin::prediction_loss(
            constants.map(f64::from),
            width,
            &prediction_values,
            &target_values,
        );
        b.expect(score, scores, width);
        b.expect(grad, grads, width);
    }
    b.expect(target, target_values, 1);
    b.case(format!("teacher, {rows} rows of {width}"))
}

/// Halves `first` and those behind it: as many of all there are that are finite, large and small ones in turns.
pub fn halves(class: AdapterClass, first: usize, count: usize) -> Case {
    let mut b = Builder::new(class);
    // 63 is prime to the number of finite halves without a sign.
    let half = |k: usize| (k * 63 % 0x7c00) as u32 | (k as u32 % 3 % 2) << 15;
    let words: Vec<u32> = (0..(first + count).div_ceil(2))
        .map(|word| half(2 * word) | half(2 * word + 1) << 16)
        .collect();
    let shape = [1, 1, 1, 2 * words.len()];
    let packed = b.plan.halves("input", shape, BufferRole::Input);
    b.inputs.push((packed, words.clone()));
    let y = b.output([1, 1, 1, count]);
    ops::unpack_halves(&mut b.plan, packed, first, y);
    b.expected.push(Expected {
        tensor: y,
        values: twin::unpack_halves(&words, first, count),
        tolerance: 0.0,
        rounding: 0.0,
    });
    b.case(format!("{count} halves from {first} on"))
}

/// The mel front end: spectra, projection on a made-up filter bank, compression.
pub fn mel(class: AdapterClass, n_fft: usize, hop: usize, [clips, frames]: [usize; 2]) -> Case {
    let mut b = Builder::new(class);
    // A rest of each clip is too short for a frame.
    let length = (frames - 1) * hop + n_fft + hop.min(3) - 1;
    let n_bins = n_fft / 2 + 1;
    let noise: Vec<f32> = (0..clips * length)
        .map(|k| twin::normal([7, 7, 1, k as u32]) as f32)
        .collect();
    let hann = |k: usize| 0.5 - 0.5 * (std::f64::consts::TAU * k as f64 / n_fft as f64).cos();
    let window: Vec<f32> = (0..n_fft).map(|k| hann(k) as f32).collect();
    let (samples, _) = b.values([clips, 1, 1, length], noise.clone());
    let (window_tensor, _) = b.values([1, 1, 1, n_fft], window.clone());
    let (twiddle, _) = b.values([1, 1, n_fft, 2], ops::fft_twiddles(n_fft));
    let power = b.output([clips, 1, frames, n_bins]);
    ops::window_fft_power(
        &mut b.plan,
        n_fft,
        hop,
        samples,
        window_tensor,
        twiddle,
        power,
    );

    // Bands of growing width, the first one empty, all up to the Nyquist bin.
    let mut bank = FilterBank {
        n_bins,
        bands: Vec::new(),
        weights: Vec::new(),
    };
    for len in [0, 1, 2, n_bins.min(7)] {
        bank.bands.push(Band {
            first_bin: n_bins - len,
            len,
            offset: bank.weights.len(),
        });
        bank.weights.extend((0..len).map(|k| 0.25 + k as f32));
    }
    let (weight, _) = b.values([1, 1, 1, bank.weights.len()], bank.weights.clone());
    let bands = b.words([1, 1, bank.bands.len(), 4], band_table(&bank));
    let mel = b.output([clips, 1, bank.bands.len(), frames]);
    let compressed = b.output(mel.shape);
    ops::mel_project(&mut b.plan, power, bands, weight, mel);
    ops::log_compress(&mut b.plan, 1e-3, mel, compressed);

    let of_clip = |clip: &[f32]| twin::window_fft_power(clip, &window, hop);
    let spectra: Vec<Vec<f64>> = noise.chunks(length).map(of_clip).collect();
    let of_clip = |spectra: &Vec<f64>| twin::mel_project(spectra, &bank);
    let projected: Vec<f64> = spectra.iter().flat_map(of_clip).collect();
    let spectra = spectra.concat();
    b.expect(compressed, twin::log_compress(&projected, 1e-3), 64);
    b.expect(mel, projected, 64);
    b.expect(power, spectra, 64);
    b.case(format!(
        "mel n_fft {n_fft}, hop {hop}, {clips} clips of {frames} frames"
    ))
}

/// One small case for each kernel: what `gamaka doctor` runs.
pub fn doctor_cases(class: AdapterClass) -> Vec<Case> {
    let basis = Basis {
        order: 3,
        grid: 4,
        range: 2.5,
        centre: 0.25,
    };
    let spline = ConvShape {
        n: 2,
        ci: 5,
        input: [17, 19],
        co: 10,
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        basis,
    };
    let augment = Augment {
        stretch: 0.1,
        shift: 2,
        gain_db: 6.0,
        tilt_db: 3.0,
        band_masks: 1,
        band_mask: 4,
        frame_masks: 2,
        frame_mask: 5,
        noise: 0.05,
    };
    let pooling = PoolShape {
        rows: 3,
        input: [9, 11],
        kernel: [3, 2],
        stride: [2, 2],
        kind: PoolKind::Max,
    };
    let shots = EpisodeShape {
        way: 5,
        shot: 3,
        query: 4,
        width: 33,
        distance: Distance::Euclidean,
        scale: 0.1,
    };
    vec![
        halves(class, 64, 1000),
        mel(class, 1024, 512, [1, 5]),
        conv(class, &spline),
        conv(
            class,
            &ConvShape {
                basis: Basis { grid: 20, ..basis },
                ..spline
            },
        ),
        conv(
            class,
            &ConvShape {
                basis: Basis::IDENTITY,
                ..spline
            },
        ),
        norm(
            class,
            &NormShape {
                n: 3,
                c: 6,
                groups: 3,
                positions: 65,
            },
        ),
        element(class, 257),
        band_affine(class, [3, 1, 7, 65]),
        pool(class, &pooling),
        statistics(
            class,
            &StatisticsShape {
                n: 3,
                rows: 7,
                frames: 65,
            },
        ),
        gather(class, 16, 33, &augment),
        episode(class, &shots),
        optimizer(class, 1000, 10.0),
        weighted(class, 257),
        standardised_rows(class, 25, 65),
        rows(class, 3, [65, 7]),
        teacher(class, 5, 65),
        ceiling(class, 33),
    ]
}
