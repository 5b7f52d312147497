//! Group normalisation.

use super::append::{each_sum, limit_turns};
use super::reduce_partials;
use super::sizes::{product, quotient, width};
use super::tiles::tiles;
use crate::gpu::{BufferRole, Plan, Tensor, workgroups};

/// The shape of a group normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormShape {
    /// Images in the batch.
    pub n: usize,
    /// Channels, a multiple of `groups`.
    pub c: usize,
    /// Groups of channels; as many as channels is instance normalisation.
    pub groups: usize,
    /// Height times width.
    pub positions: usize,
}

/// Added to the variance.
pub const NORM_EPSILON: f64 = 1e-5;

impl NormShape {
    fn overrides(&self) -> [(&'static str, f64); 5] {
        [
            ("N", self.n as f64),
            ("C", self.c as f64),
            ("GROUPS", self.groups as f64),
            ("POSITIONS", self.positions as f64),
            ("WIDTH", width(self.positions) as f64),
        ]
    }
}

/// Appends a kernel with one workgroup for each (image, group).
fn each_row(
    plan: &mut Plan,
    kernel: &str,
    shape: &NormShape,
    more: &[(&str, f64)],
    bindings: &[Tensor],
) {
    let workgroup = tiles(plan).norm_workgroup;
    // At most three loops over a row, and the sums of a workgroup.
    let row = product(&[quotient(shape.c, shape.groups), shape.positions]);
    let row = quotient(row, width(shape.positions));
    let turns = row.div_ceil(workgroup).saturating_mul(3).saturating_add(8);
    limit_turns(plan, kernel, turns);
    let mut overrides = shape.overrides().to_vec();
    overrides.extend(more);
    overrides.push(("WORKGROUP", workgroup as f64));
    plan.dispatch(
        kernel,
        &overrides,
        bindings,
        workgroups(product(&[shape.n, shape.groups]), 1),
    );
}

/// y = normalised x; `moments` keeps mean and 1/deviation, [n, groups, 2].
pub fn group_norm_forward(
    plan: &mut Plan,
    shape: &NormShape,
    x: Tensor,
    affine: Tensor,
    y: Tensor,
    moments: Tensor,
) {
    each_row(
        plan,
        "group_norm_forward",
        shape,
        &[("EPSILON", NORM_EPSILON)],
        &[x, affine, y, moments],
    );
}

/// grad_x from grad_y.
pub fn group_norm_grad_input(
    plan: &mut Plan,
    shape: &NormShape,
    x: Tensor,
    affine: Tensor,
    moments: Tensor,
    grad_y: Tensor,
    grad_x: Tensor,
) {
    each_row(
        plan,
        "group_norm_grad_input",
        shape,
        &[],
        &[x, affine, moments, grad_y, grad_x],
    );
}

/// Gradient of the affine parameters, [2, c], from grad_y.
pub fn group_norm_grad_weight(
    plan: &mut Plan,
    shape: &NormShape,
    x: Tensor,
    moments: Tensor,
    grad_y: Tensor,
    grad_affine: Tensor,
) {
    let partial = plan.tensor(
        "norm partials",
        [shape.n, 1, 2, shape.c],
        BufferRole::Scratch,
    );
    each_sum(
        plan,
        "group_norm_grad_weight",
        &shape.overrides(),
        &[x, moments, grad_y, partial],
        product(&[shape.n, shape.c]),
        quotient(shape.positions, width(shape.positions)),
    );
    reduce_partials(plan, partial, grad_affine);
}
