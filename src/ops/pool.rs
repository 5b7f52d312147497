//! Pooling.

use super::append::{each, each_sum, limit_turns, require_window};
use super::gradient::channels_last_sum;
use super::pending::PendingSums;
use super::reduce::unadded;
use super::sizes::{product, quotient};
use super::tiles::UNROLLED;
use crate::gpu::{Plan, Tensor};

/// What a pooling window gives. The discriminant is the kernel's `KIND`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The mean of the window.
    Mean = 0,
    /// The maximum of the window.
    Max = 1,
}

/// The shape of a pooling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolShape {
    /// Images times channels.
    pub rows: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of a window, no larger than the input.
    pub kernel: [usize; 2],
    /// Strides, at least 1.
    pub stride: [usize; 2],
    /// Mean or maximum.
    pub kind: PoolKind,
}

impl PoolShape {
    /// Height and width of the output: windows that lie wholly inside.
    pub fn output(&self) -> [usize; 2] {
        [0, 1]
            .map(|a| quotient(self.input[a].saturating_sub(self.kernel[a]), self.stride[a]))
            .map(|steps| steps.saturating_add(1))
    }

    fn overrides(&self) -> Vec<(&'static str, f64)> {
        let [out_h, out_w] = self.output();
        [
            ("ROWS", self.rows),
            ("IN_H", self.input[0]),
            ("IN_W", self.input[1]),
            ("OUT_H", out_h),
            ("OUT_W", out_w),
            ("KERNEL_H", self.kernel[0]),
            ("KERNEL_W", self.kernel[1]),
            ("STRIDE_H", self.stride[0]),
            ("STRIDE_W", self.stride[1]),
            ("KIND", self.kind as usize),
        ]
        .map(|(name, value)| (name, value as f64))
        .to_vec()
    }
}

/// Turns of the two loops over a window.
fn window_turns(shape: &PoolShape) -> usize {
    product(&shape.kernel).saturating_add(shape.kernel[0])
}

/// y = pooled x.
pub fn pool_forward(plan: &mut Plan, shape: &PoolShape, x: Tensor, y: Tensor) {
    require_window(plan, shape.kernel, shape.input);
    limit_turns(plan, "pool_forward", window_turns(shape));
    each(plan, "pool_forward", &shape.overrides(), &[x, y], y.len());
}

/// grad_x from grad_y.
pub fn pool_grad_input(
    plan: &mut Plan,
    shape: &PoolShape,
    x: Tensor,
    grad_y: Tensor,
    grad_x: Tensor,
) {
    let turns = window_turns(shape);
    // For a maximum the loops run again in every window that holds one of the neighbours computed together.
    let windows = match shape.kind {
        PoolKind::Mean => 0,
        PoolKind::Max => {
            let [h, w] = [0, 1].map(|a| shape.kernel[a].div_ceil(shape.stride[a].max(1)));
            product(&[h, w, LANES]).min(product(&shape.kernel))
        }
    };
    let turns = product(&[turns, windows]).saturating_add(turns);
    limit_turns(plan, "pool_grad_input", turns);
    each(
        plan,
        "pool_grad_input",
        &shape.overrides(),
        &[x, grad_y, grad_x],
        x.len(),
    );
}

/// Invocations that a software adapter computes together, at most.
const LANES: usize = 16;

/// Added to the variance of statistics pooling, so that a constant row has a gradient.
pub const STATISTICS_EPSILON: f64 = 1e-5;

/// The shape of a statistics pooling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatisticsShape {
    /// Images in the batch.
    pub n: usize,
    /// Rows of an image: channels times height.
    pub rows: usize,
    /// Values of a row, over which mean and deviation are taken.
    pub frames: usize,
}

impl StatisticsShape {
    fn overrides(&self) -> [(&'static str, f64); 3] {
        [
            ("N", self.n as f64),
            ("ROWS", self.rows as f64),
            ("FRAMES", self.frames as f64),
        ]
    }
}

/// y = mean and deviation of the rows of x, [n, 2, rows].
pub fn statistics_pool_forward(plan: &mut Plan, shape: &StatisticsShape, x: Tensor, y: Tensor) {
    let mut overrides = shape.overrides().to_vec();
    overrides.push(("EPSILON", STATISTICS_EPSILON));
    let (kernel, bindings) = match unadded(plan, x) {
        None => ("statistics_pool_forward", vec![x, y]),
        Some(parts) => {
            let splits = quotient(parts.len(), x.len());
            overrides.push(("SPLITS", splits as f64));
            ("statistics_pool_forward_splits", vec![x, y, parts])
        }
    };
    let turns = shape.frames.div_ceil(UNROLLED).saturating_mul(2);
    let rows = product(&[shape.n, shape.rows]);
    each_sum(plan, kernel, &overrides, &bindings, rows, turns);
}

/// grad_x with the channels innermost, and its sums by channel, the gradient of a bias, among the pending ones. `x` is [n, c,
/// height, width], and `rows` are those of its channels.
pub(crate) fn statistics_pool_grad_last(
    plan: &mut Plan,
    sums: &mut PendingSums,
    shape: &StatisticsShape,
    [x, y, grad_y]: [Tensor; 3],
    bias: Tensor,
) -> Tensor {
    let [_, more @ ..] = shape.overrides();
    let kernel: (_, &[_], &[_]) = ("statistics_pool_grad_last", &more, &[x, y, grad_y]);
    channels_last_sum(plan, sums, x.shape, kernel, bias)
}

/// grad_x from grad_y.
pub fn statistics_pool_grad_input(
    plan: &mut Plan,
    shape: &StatisticsShape,
    x: Tensor,
    y: Tensor,
    grad_y: Tensor,
    grad_x: Tensor,
) {
    each(
        plan,
        "statistics_pool_grad_input",
        &shape.overrides(),
        &[x, y, grad_y, grad_x],
        x.len(),
    );
}
