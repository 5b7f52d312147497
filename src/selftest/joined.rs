//! Cases of kernels that do several operations at once: sums of splits where they are read, gradients as a convolution takes them.

use super::builder::{Builder, largest};
use super::case::Case;
use crate::gpu::{AdapterClass, Shape, Tensor};
use crate::ops::{
    self, ActivationKind, Gradient, NormInput, NormShape, PendingSums, StatisticsShape, Wanted,
};
use crate::reference as twin;

/// A tensor that the last step adds up of `splits` parts, and its values.
fn of_splits(b: &mut Builder, splits: usize, shape: Shape) -> (Tensor, Vec<f64>) {
    let len: usize = shape.iter().product();
    let (parts, values) = b.normal([splits, 1, 1, len]);
    let sum = b.output(shape);
    ops::reduce_partials(&mut b.plan, parts, sum);
    (sum, twin::reduce_partials(&values, len))
}

/// Values [n, c, height, width] with the channels innermost and filled up to a multiple of 4.
fn channels_last([n, c, h, w]: Shape, values: &[f64]) -> Vec<f64> {
    let (positions, padded) = (h * w, c.next_multiple_of(4));
    let mut last = vec![0.0; n * positions * padded];
    for (at, value) in values.iter().enumerate() {
        let (row, p) = (at / positions, at % positions);
        last[(row / c * positions + p) * padded + row % c] = *value;
    }
    last
}

/// Expects a gradient in the layout that it came in, and its sums by channel in `bias` if they came with it.
fn expect_gradient(
    b: &mut Builder,
    (gradient, bias): (Gradient, Tensor),
    (shape, values): (Shape, &[f64]),
    terms: usize,
    rounding: f64,
) {
    let (tensor, expected) = match gradient {
        Gradient::Plain(tensor) => (tensor, values.to_vec()),
        Gradient::ChannelsLast(tensor) => {
            let positions = shape[2] * shape[3];
            let sums = twin::channel_sum(values, positions);
            let sums = twin::reduce_partials(&sums, shape[1]);
            // Slopes that the norm has taken the mean from add up to little or nothing.
            let of_sums = positions as f64 * shape[0] as f64 * (rounding + 1e-6 * largest(values));
            b.expect_rounded(bias, sums, terms * positions, of_sums);
            (tensor, channels_last(shape, values))
        }
    };
    b.plan.keep(tensor);
    b.expect_rounded(tensor, expected, terms, rounding);
}

/// A normalisation [n, c, height, width] of what is added up of splits, and all its gradients from a gradient that is, as a
/// convolution below wants them.
pub fn norm_between(
    class: AdapterClass,
    [n, c, h, w]: Shape,
    groups: usize,
    splits: usize,
) -> Case {
    let mut b = Builder::new(class);
    let shape = NormShape {
        n,
        c,
        groups,
        positions: h * w,
    };
    let full = [n, c, h, w];
    let (affine, affines) = b.normal([1, 1, 2, c]);
    let (y, moments) = (b.output(full), b.output([n, 1, groups, 2]));
    let (grad_affine, bias) = (b.output([1, 1, 2, c]), b.output([1, 1, 1, c]));
    let (x, xs) = of_splits(&mut b, splits, full);
    ops::group_norm_forward(&mut b.plan, &shape, x, affine, y, moments);
    let (grad_y, slopes) = of_splits(&mut b, splits, full);
    let mut sums = PendingSums::default();
    let by_affine = Some((Some(grad_affine), &mut sums));
    let input = (NormInput { x, moments }, full);
    let wanted = Wanted::ChannelsLast(bias);
    let plan = &mut b.plan;
    let gradient = ops::group_norm_backward(plan, &shape, input, affine, grad_y, by_affine, wanted);
    sums.add_up(&mut b.plan);

    let size = c / groups * h * w;
    let terms = 16 * size * splits;
    // Of few values with a small deviation the rounding is as large as the means are to it.
    let inverse = twin::group_norm_moments(&shape, &xs);
    let inverse = largest(&inverse.into_iter().skip(1).step_by(2).collect::<Vec<f64>>());
    let rounding = 1e-5 * (1.0 + inverse);
    b.expect_rounded(x, xs.clone(), splits, 0.0);
    let ys = twin::group_norm_forward(&shape, &xs, &affines);
    b.expect_rounded(y, ys, terms, rounding);
    let by_affine = twin::group_norm_grad_weight(&shape, &xs, &slopes);
    b.expect_rounded(grad_affine, by_affine, n * terms, rounding);
    let by_x = twin::group_norm_grad_input(&shape, &xs, &affines, &slopes);
    if let Some(gradient) = gradient {
        let rounding = rounding * (1.0 + inverse);
        expect_gradient(&mut b, (gradient, bias), (full, &by_x), terms, rounding);
    }
    b.case(format!(
        "group_norm of {splits} splits, {full:?}, {groups} groups"
    ))
}

/// Statistics [n, c, height, width] of what is added up of splits, over all positions or those of a row, and their gradient with
/// the channels innermost.
pub fn statistics_between(class: AdapterClass, full: Shape, all: bool, splits: usize) -> Case {
    let mut b = Builder::new(class);
    let [n, c, h, w] = full;
    let (rows, frames) = if all { (c, h * w) } else { (c * h, w) };
    let shape = StatisticsShape { n, rows, frames };
    let (grad_y, slopes) = b.normal([n, 2, 1, rows]);
    let (y, bias) = (b.output(grad_y.shape), b.output([1, 1, 1, c]));
    let (x, xs) = of_splits(&mut b, splits, full);
    ops::statistics_pool_forward(&mut b.plan, &shape, x, y);
    let gradient = if PendingSums::joined(&b.plan) {
        let mut sums = PendingSums::default();
        let given = [x, y, grad_y];
        let last = ops::statistics_pool_grad_last(&mut b.plan, &mut sums, &shape, given, bias);
        sums.add_up(&mut b.plan);
        Gradient::ChannelsLast(last)
    } else {
        let grad_x = b.output(full);
        ops::statistics_pool_grad_input(&mut b.plan, &shape, x, y, grad_y, grad_x);
        Gradient::Plain(grad_x)
    };
    b.expect(x, xs.clone(), splits);
    b.expect(y, twin::statistics_pool_forward(&shape, &xs), 4 * frames);
    let by_x = twin::statistics_pool_grad_input(&shape, &xs, &slopes);
    let rounding = 1e-5 * largest(&slopes);
    let by_x = (full, &by_x[..]);
    expect_gradient(&mut b, (gradient, bias), by_x, 16 * frames, rounding);
    b.case(format!(
        "statistics_pool of {splits} splits, {full:?}, all {all}"
    ))
}

/// The gradient of an activation with the channels innermost.
pub fn activation_last(class: AdapterClass, kind: ActivationKind, full: Shape) -> Case {
    let mut b = Builder::new(class);
    let ((x, xs), (grad_y, slopes)) = (b.normal(full), b.normal(full));
    let bias = b.output([1, 1, 1, full[1]]);
    let gradient = if PendingSums::joined(&b.plan) {
        let mut sums = PendingSums::default();
        let last = ops::activation_grad_last(&mut b.plan, &mut sums, kind, [x, grad_y], bias);
        sums.add_up(&mut b.plan);
        Gradient::ChannelsLast(last)
    } else {
        let grad_x = b.output(full);
        ops::activation_grad_input(&mut b.plan, kind, x, grad_y, grad_x);
        Gradient::Plain(grad_x)
    };
    let by_x = twin::activation_grad_input(kind, &xs, &slopes);
    expect_gradient(&mut b, (gradient, bias), (full, &by_x), 16, 0.0);
    b.case(format!("activation_grad_last {kind:?} {full:?}"))
}
