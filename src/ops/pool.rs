//! Pooling.

use super::each;
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
        [0, 1].map(|a| (self.input[a] - self.kernel[a]) / self.stride[a] + 1)
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

/// y = pooled x.
pub fn pool_forward(plan: &mut Plan, shape: &PoolShape, x: Tensor, y: Tensor) {
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
    each(
        plan,
        "pool_grad_input",
        &shape.overrides(),
        &[x, grad_y, grad_x],
        x.len(),
    );
}

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
    each(
        plan,
        "statistics_pool_forward",
        &overrides,
        &[x, y],
        shape.n * shape.rows,
    );
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
