//! Kernels that do one thing as fast as an adapter can.

use super::append::{each, limit_turns};
use crate::gpu::{Plan, Tensor};

/// Multiply-adds of an invocation of [`fma_ceiling`] in a round.
pub const FMA_ROUND: usize = 8 * 12;

/// Twelve values of each row become s * a + b, 8 * `rounds` times over, and y their sums by fours: x is
/// [k, 16], the twelve, a, b, and two unused; y is [k, 4].
pub fn fma_ceiling(plan: &mut Plan, rounds: usize, x: Tensor, y: Tensor) {
    let size = y.len() / 4;
    let overrides = [("SIZE", size as f64), ("ROUNDS", rounds as f64)];
    limit_turns(plan, "fma_ceiling", rounds);
    each(plan, "fma_ceiling", &overrides, &[x, y], size);
}

/// y = x; as many elements as a multiple of 4.
pub fn copy_ceiling(plan: &mut Plan, x: Tensor, y: Tensor) {
    let size = y.len() / 4;
    let overrides = [("SIZE", size as f64)];
    each(plan, "copy_ceiling", &overrides, &[x, y], size);
}
