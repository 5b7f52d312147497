//! One function for each kernel: it knows the kernel's shapes, override constants and dispatch, and
//! appends the step to a plan. The CPU twin of the same name is in `src/reference`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod basis;
mod ceiling;
mod conv;
mod element;
mod episode;
mod mel;
mod norm;
mod optimizer;
mod pool;

pub use basis::*;
pub use ceiling::*;
pub use conv::*;
pub use element::*;
pub use episode::*;
pub use mel::*;
pub use norm::*;
pub use optimizer::*;
pub use pool::*;

use crate::gpu::{AdapterClass, GpuError, Plan, Tensor, workgroups};

/// Invocations a workgroup of kernels that work element by element.
const WORKGROUP: usize = 128;

/// Appends a kernel with one invocation for each of `count` elements.
fn each(
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

/// Invocations that fill a GPU: a large one holds a quarter of a million, and hides the latency of loads with a quarter of
/// them. What has fewer is cut smaller, if it can be.
const ENOUGH: usize = 65_536;

/// Appends a kernel that sums `turns` values for each of `count` sums. On a GPU several lanes share a sum where the sums
/// alone are few: its constant `LANES` (see `shaders/shared/lane_sum.wgsl`).
fn each_sum(
    plan: &mut Plan,
    kernel: &str,
    overrides: &[(&str, f64)],
    bindings: &[Tensor],
    count: usize,
    turns: usize,
) {
    limit_turns(plan, kernel, turns);
    let lanes = match plan.class {
        AdapterClass::Software => 1,
        AdapterClass::Hardware => ENOUGH
            .div_ceil(count.max(1))
            .min(turns)
            .checked_next_power_of_two()
            .map_or(WORKGROUP, |lanes| lanes.min(WORKGROUP)),
    };
    let mut all = overrides.to_vec();
    all.push(("LANES", lanes as f64));
    each(plan, kernel, &all, bindings, product(&[count, lanes]));
}

/// The product of sizes, at most `usize::MAX`. A plan with a tensor, a constant or a dispatch near it does not validate.
pub(crate) fn product(sizes: &[usize]) -> usize {
    sizes.iter().copied().fold(1, usize::saturating_mul)
}

/// `size / by`. A `by` of 0, with which no plan validates, counts as 1.
fn quotient(size: usize, by: usize) -> usize {
    size.checked_div(by).unwrap_or(size)
}

/// Refuses a step whose loops take so many turns in one invocation that a software adapter would end them early: lavapipe
/// ends all loops of an invocation after 65,535 turns, without a word.
fn limit_turns(plan: &mut Plan, kernel: &str, turns: usize) {
    if plan.class == AdapterClass::Software && turns > SOFTWARE_TURNS {
        plan.refuse(GpuError::LoopTooLong {
            kernel: kernel.to_string(),
            turns,
            limit: SOFTWARE_TURNS,
        });
    }
}

/// Turns that all loops of an invocation may take on a software adapter.
const SOFTWARE_TURNS: usize = 65_000;

/// Turns that the compiler writes out in kernels with long loops: `UNROLLED` in their WGSL.
const UNROLLED: usize = 8;

/// Refuses a window that is larger than what it moves over.
fn require_window(plan: &mut Plan, kernel: [usize; 2], input: [usize; 2]) {
    if kernel[0] > input[0] || kernel[1] > input[1] {
        plan.refuse(GpuError::InvalidPlan {
            reason: format!("a window of {kernel:?} does not fit {input:?}"),
        });
    }
}

/// How many elements a kernel reads at a time from rows of so many: its constant `WIDTH` (see
/// `shaders/shared/few.wgsl`).
fn width(row: usize) -> usize {
    if row.is_multiple_of(4) { 4 } else { 1 }
}
