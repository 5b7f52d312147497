//! Sums over rows, and of what the splits of a step have written.

use super::append::each_sum;
use super::sizes::{quotient, width};
use super::tiles::{UNROLLED, tiles};
use crate::gpu::{BufferRole, Plan, Tensor};

/// What the splits of a step write: `total` itself if there is one.
pub(super) fn split_target(plan: &mut Plan, splits: usize, total: Tensor) -> Tensor {
    if splits == 1 {
        return total;
    }
    let shape = [splits, 1, 1, total.len()];
    plan.tensor("split partials", shape, BufferRole::Scratch)
}

/// Adds what the splits of a step have written.
pub(super) fn add_splits(plan: &mut Plan, written: Tensor, total: Tensor) {
    if written != total {
        reduce_partials(plan, written, total);
    }
}

/// What the splits of a step have written to be added to `total` by the last step, which is taken back, if that was so: for a
/// kernel that adds it up itself.
pub(super) fn unadded(plan: &mut Plan, total: Tensor) -> Option<Tensor> {
    match tiles(plan).joined {
        true => plan.take_back("reduce_partials", total),
        false => None,
    }
}

/// Splits of `rows` so that about `wanted` invocations run, within 64 MiB of partial sums.
pub(super) fn wanted_splits(wanted: usize, places: usize, rows: usize, weights: usize) -> usize {
    let affordable = quotient(16 << 20, weights);
    wanted
        .div_ceil(places.max(1))
        .min(affordable)
        .min(rows)
        .max(1)
}

/// partial = sums of rows of `positions` values.
pub fn channel_sum(plan: &mut Plan, positions: usize, values: Tensor, partial: Tensor) {
    let overrides = [
        ("ROWS", partial.len() as f64),
        ("POSITIONS", positions as f64),
        ("WIDTH", width(positions) as f64),
    ];
    each_sum(
        plan,
        "channel_sum",
        &overrides,
        &[values, partial],
        partial.len(),
        quotient(positions, width(positions)),
    );
}

/// total = sum of the rows of partial.
pub fn reduce_partials(plan: &mut Plan, partial: Tensor, total: Tensor) {
    let splits = quotient(partial.len(), total.len());
    let overrides = [("SPLITS", splits as f64), ("SIZE", total.len() as f64)];
    each_sum(
        plan,
        "reduce_partials",
        &overrides,
        &[partial, total],
        total.len(),
        splits.div_ceil(UNROLLED),
    );
}
