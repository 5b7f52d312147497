//! One function for each kernel: it knows the kernel's shapes, override constants and dispatch, and
//! appends the step to a plan. The CPU twin of the same name is in [`crate::reference`].

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

use crate::gpu::{Plan, Tensor, workgroups};

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

/// How many elements a kernel reads at a time from rows of so many (see `shaders/shared/few.wgsl`).
fn width(row: usize) -> (&'static str, f64) {
    ("WIDTH", if row.is_multiple_of(4) { 4.0 } else { 1.0 })
}
