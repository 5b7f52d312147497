//! Cases of episodes, teachers and the optimiser.

use super::builder::{Builder, largest, mean_rounding};
use super::case::Case;
use crate::gpu::{AdapterClass, BufferRole};
use crate::ops::{
    self, AdamW, Augment, Distance, EpisodeShape, Note, OptimizerState, OptimizerTensors, Place,
    RowsAt, Slot, StepInfo,
};
use crate::reference as twin;

/// Clips cut from a bank of two buffers.
pub fn gather(class: AdapterClass, bands: usize, frames: usize, augment: &Augment) -> Case {
    let mut b = Builder::new(class);
    // Files shorter than a clip, as long, and longer.
    let lengths = [1, frames, 2 * frames + 3, frames + 1, 3 * frames];
    let step_info = StepInfo {
        seed: 3,
        step: 17,
        learning_rate: 0.0,
        threshold: 0.0,
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
    ops::distance_forward(
        &mut b.plan,
        shape.distance,
        shape.supports(),
        [embedding, prototype],
        distance,
        products,
    );
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
    let rounding = distance_rounding(shape.distance, shape.width);
    b.expect_rounded(distance, distances, shape.width, rounding);
    b.expect(score, scores, terms);
    b.expect(grad_distance, by_distance, terms);
    b.expect(history, rows, terms * shape.queries());
    b.case(format!("episode {shape:?}"))
}

/// What rounding may leave of a distance of 0: of a cosine's, all of 1 - 1.
fn distance_rounding(distance: Distance, width: usize) -> f64 {
    match distance {
        Distance::Euclidean => 0.0,
        Distance::Cosine => mean_rounding(width),
    }
}

/// Distances of `queries` to `rows` embeddings of `width` numbers, as a search asks for them.
pub fn distances(
    class: AdapterClass,
    distance: Distance,
    [queries, rows, width]: [usize; 3],
) -> Case {
    let mut b = Builder::new(class);
    let (query, query_values) = b.normal([queries, width, 1, 1]);
    let (embedding, values) = b.normal([rows, width, 1, 1]);
    let found = b.output([1, 1, queries, rows]);
    let products = b.output([1, queries, rows, 3]);
    ops::distance_forward(
        &mut b.plan,
        distance,
        0,
        [query, embedding],
        found,
        products,
    );
    let shape = EpisodeShape {
        way: rows,
        shot: 0,
        query: 1,
        width,
        distance,
        scale: 1.0,
    };
    b.expect_rounded(
        found,
        twin::distance_forward(&shape, &query_values, &values),
        width,
        distance_rounding(distance, width),
    );
    b.expect(
        products,
        twin::distance_products(&shape, &query_values, &values),
        width,
    );
    b.case(format!(
        "distance_forward {distance:?}, {queries} to {rows} of {width}"
    ))
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
        threshold: 0.0,
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
    let (score, scores) = b.normal([1, 1, 37, 2]);
    let history = b.output([1, 1, 1, 4]);
    let mut norm = 0.0;
    for note in [None, Some(Note { score, history })] {
        ops::adamw_step_noted(&mut b.plan, &constants, &tensors, step, note);
        norm = twin::adamw_step(
            &constants,
            &mut expected,
            &grad_values,
            &decay_values,
            0.125,
        );
    }
    let mean = |figure: usize| scores.iter().skip(figure).step_by(2).sum::<f64>() / 37.0;
    b.expect(history, vec![mean(0), mean(1), norm, 0.0], 37 + size);
    // The norm of all gradients scales every update.
    b.expect(parameter, expected.parameter, size);
    b.expect(first, expected.first, size);
    b.expect(second, expected.second, size);
    b.case(format!(
        "adamw_step on {size} parameters, gradients times {factor}"
    ))
}

/// What makes a network sparse: gradients of removed weights taken away, and edges of [taps, slots, co_pad] weights shortened,
/// about half of them to nothing.
pub fn sparse(class: AdapterClass, [taps, slots, co_pad]: [usize; 3]) -> Case {
    let mut b = Builder::new(class);
    let size = (taps * slots * co_pad).next_multiple_of(32);
    let (grad, mut grad_values) = b.normal([1, 1, 1, size]);
    let bits: Vec<u32> = (0..size / 32)
        .map(|k| (k as u32).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995)
        .collect();
    let kept = b.words([1, 1, 1, bits.len()], bits.clone());
    let (weight, mut weights) = b.normal([taps, slots, 1, co_pad]);
    let threshold = 1.0;
    let info = StepInfo {
        threshold,
        ..StepInfo::default()
    };
    let step = b.words([1, 1, 1, 4], bytemuck::cast_slice(&[info]).to_vec());
    ops::mask_gradients(&mut b.plan, kept, grad);
    ops::shrink_edges(&mut b.plan, [taps, slots, co_pad], weight, step);
    twin::mask_gradients(&bits, &mut grad_values);
    twin::shrink_edges(f64::from(threshold), [slots, co_pad], &mut weights);
    b.expect(grad, grad_values, 1);
    // A factor near 0 is a difference of numbers near 1.
    let rounding = 8.0 * f64::from(f32::EPSILON) * largest(&weights).max(1.0);
    b.expect_rounded(weight, weights, slots, rounding);
    b.case(format!(
        "shrink_edges of {taps} x {slots} x {co_pad} weights"
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
