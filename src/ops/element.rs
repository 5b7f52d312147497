//! Kernels that work element by element.

use super::append::each;
use super::gradient::channels_last_sum;
use super::pending::PendingSums;
use crate::gpu::{Plan, Tensor};

/// An element-wise activation. The discriminant is the kernel's `KIND`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationKind {
    /// z * sigmoid(z), also called swish.
    Silu = 0,
    /// max(z, 0).
    Relu = 1,
    /// The tanh form of the Gaussian error linear unit.
    Gelu = 2,
}

/// y = f(x).
pub fn activation_forward(plan: &mut Plan, kind: ActivationKind, x: Tensor, y: Tensor) {
    let overrides = [("SIZE", x.len() as f64), ("KIND", kind as u32 as f64)];
    let count = x.len().div_ceil(4);
    each(plan, "activation_forward", &overrides, &[x, y], count);
}

/// grad_x = grad_y * f'(x).
pub fn activation_grad_input(
    plan: &mut Plan,
    kind: ActivationKind,
    x: Tensor,
    grad_y: Tensor,
    grad_x: Tensor,
) {
    let overrides = [("SIZE", x.len() as f64), ("KIND", kind as u32 as f64)];
    each(
        plan,
        "activation_grad_input",
        &overrides,
        &[x, grad_y, grad_x],
        x.len().div_ceil(4),
    );
}

/// grad_x with the channels innermost, and its sums by channel, the gradient of a bias, among the pending ones.
pub(crate) fn activation_grad_last(
    plan: &mut Plan,
    sums: &mut PendingSums,
    kind: ActivationKind,
    [x, grad_y]: [Tensor; 2],
    bias: Tensor,
) -> Tensor {
    let kind = ("KIND", kind as u32 as f64);
    let kernel: (_, &[_], &[_]) = ("activation_grad_last", &[kind], &[x, grad_y]);
    channels_last_sum(plan, sums, x.shape, kernel, bias)
}

/// y = scale * x + shift with a scale and a shift for each band: `affine` is [2, bands], and the bands are x's heights.
pub fn band_affine(plan: &mut Plan, x: Tensor, affine: Tensor, y: Tensor) {
    let overrides = [
        ("SIZE", x.len() as f64),
        ("BANDS", x.shape[2] as f64),
        ("FRAMES", x.shape[3] as f64),
    ];
    each(plan, "band_affine", &overrides, &[x, affine, y], x.len());
}

/// y = x + normal noise; `layer` keeps the streams of two layers apart.
pub fn noise_forward(
    plan: &mut Plan,
    deviation: f32,
    layer: u32,
    x: Tensor,
    step: Tensor,
    y: Tensor,
) {
    let overrides = [
        ("SIZE", x.len() as f64),
        ("DEVIATION", f64::from(deviation)),
        ("LAYER", f64::from(layer)),
    ];
    each(plan, "noise_forward", &overrides, &[x, step, y], x.len());
}

/// y = x with elements dropped at `rate` and the rest scaled up; its own gradient.
pub fn dropout_forward(plan: &mut Plan, rate: f32, layer: u32, x: Tensor, step: Tensor, y: Tensor) {
    let overrides = [
        ("SIZE", x.len() as f64),
        ("RATE", f64::from(rate)),
        ("LAYER", f64::from(layer)),
    ];
    each(plan, "dropout_forward", &overrides, &[x, step, y], x.len());
}

/// error = (y - target)^2 and the gradient of its mean by y.
pub fn squared_error(plan: &mut Plan, y: Tensor, target: Tensor, error: Tensor, grad_y: Tensor) {
    each(
        plan,
        "squared_error",
        &[("SIZE", y.len() as f64)],
        &[y, target, error, grad_y],
        y.len(),
    );
}
