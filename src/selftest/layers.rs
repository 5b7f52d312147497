//! Cases of layers: each builds a small plan with the layer functions and asks the twins for the answer.

use super::builder::{Builder, largest, mean_magnitude, mean_rounding};
use super::case::Case;
use crate::gpu::{AdapterClass, Shape, Tuning};
use crate::ops::{self, ActivationKind, ConvShape, NormShape, PoolShape, StatisticsShape};
use crate::reference as twin;

/// A convolution with functions on its edges: forward, all gradients, curvature penalty.
pub fn conv(tuning: impl Into<Tuning>, shape: &ConvShape) -> Case {
    let mut b = Builder::new(tuning);
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
        Some(by_parameters),
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
    let ids: Vec<&String> = b.plan.choices.values().collect();
    let label = format!("kan_conv {shape:?} {ids:?}");
    b.case(label)
}

/// Adding partial sums.
#[cfg(feature = "internals")]
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

/// A convolution with functions on its edges of which most are zero, by the lists of those that are not.
pub fn sparse_conv(class: AdapterClass, shape: &ConvShape) -> Case {
    let mut b = Builder::new(class);
    let (x, x_values) = b.normal(shape.input_shape());
    let (slots, co_pad) = (shape.basis.slots(), shape.co_pad());
    // A third of the bundles of four outputs are alive, none of the first outputs; of each only some edges.
    let alive = |tap: usize, output: usize| {
        output >= 4 && (tap * 7 + output / 4 * 5).is_multiple_of(3) && (tap + output) % 4 != 1
    };
    let values = (0..shape.weight_len()).map(|k| {
        let (tap, output) = (k / (slots * co_pad), k % co_pad);
        let value = twin::normal([6, 6, 6, k as u32]) as f32;
        if output < shape.co && alive(tap, output) {
            value
        } else {
            0.0
        }
    });
    let (weight, weights) = b.values([shape.taps(), slots, 1, co_pad], values.collect());
    let (bias, biases) = b.normal([1, 1, 1, shape.co]);
    let lists: Vec<Vec<u32>> = (0..co_pad / 4)
        .map(|tile| {
            let outputs = 4 * tile..(4 * tile + 4).min(shape.co);
            let heard = |tap: &usize| outputs.clone().any(|output| alive(*tap, output));
            (0..shape.taps())
                .filter(heard)
                .map(|tap| tap as u32)
                .collect()
        })
        .collect();
    let y = b.output(shape.output_shape());
    ops::conv_forward_by_taps(&mut b.plan, shape, x, weight, bias, &lists, y);
    b.expect(
        y,
        twin::conv_forward(shape, &x_values, &weights, &biases),
        shape.taps() * slots,
    );
    b.case(format!("kan_conv_forward_sparse {shape:?}"))
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
