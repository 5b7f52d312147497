//! Appending steps: what many kernels have in common.

use super::sizes::product;
use super::tiles::{WORKGROUP, tiles};
use crate::gpu::{GpuError, Plan, Tensor, workgroups};

/// Appends a kernel with one invocation for each of `count` elements.
pub(super) fn each(
    plan: &mut Plan,
    kernel: &str,
    overrides: &[(&str, f64)],
    bindings: &[Tensor],
    count: usize,
) {
    let mut all = overrides.to_vec();
    all.push(("WORKGROUP", WORKGROUP as f64));
    plan.dispatch(kernel, &all, bindings, workgroups(count, WORKGROUP));
}

/// Appends a kernel that sums `turns` values for each of `count` sums. On a GPU several lanes share a sum where the sums
/// alone are few: its constant `LANES` (see `shaders/shared/lane_sum.wgsl`).
pub(super) fn each_sum(
    plan: &mut Plan,
    kernel: &str,
    overrides: &[(&str, f64)],
    bindings: &[Tensor],
    count: usize,
    turns: usize,
) {
    limit_turns(plan, kernel, turns);
    let lanes = tiles(plan)
        .fill
        .div_ceil(count.max(1))
        .min(turns)
        .checked_next_power_of_two()
        .map_or(WORKGROUP, |lanes| lanes.min(WORKGROUP));
    let mut all = overrides.to_vec();
    all.push(("LANES", lanes as f64));
    each(plan, kernel, &all, bindings, product(&[count, lanes]));
}

/// Appends a kernel of a single workgroup, whose loops take so many turns in all.
pub(super) fn alone(
    plan: &mut Plan,
    kernel: &str,
    overrides: &[(&str, f64)],
    bindings: &[Tensor],
    turns: usize,
) {
    let workgroup = tiles(plan).lone_workgroup;
    limit_turns(plan, kernel, turns.div_ceil(workgroup));
    let mut all = overrides.to_vec();
    all.push(("WORKGROUP", workgroup as f64));
    plan.dispatch(kernel, &all, bindings, [1, 1, 1]);
}

/// Refuses a step whose loops take so many turns in one invocation that a software adapter would end them early: lavapipe
/// ends all loops of an invocation after 65,535 turns, without a word.
pub(super) fn limit_turns(plan: &mut Plan, kernel: &str, turns: usize) {
    let limit = tiles(plan).most_turns;
    if turns > limit {
        plan.refuse(GpuError::LoopTooLong {
            kernel: kernel.to_string(),
            turns,
            limit,
        });
    }
}

/// Refuses a window that is larger than what it moves over.
pub(super) fn require_window(plan: &mut Plan, kernel: [usize; 2], input: [usize; 2]) {
    if kernel[0] > input[0] || kernel[1] > input[1] {
        plan.refuse(GpuError::InvalidPlan {
            reason: format!("a window of {kernel:?} does not fit {input:?}"),
        });
    }
}
