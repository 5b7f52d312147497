//! The GPU layer: adapters, kernels, plans and their replay. It knows nothing of music.
//!
//! A computation is described once as a [`Plan`] (tensors and steps, plain data) and compiled for a
//! device into a [`Program`], which replays it without allocating or creating anything.

mod adapter;
mod fault;
mod kernel;
mod plan;
mod program;

pub use adapter::{AdapterClass, AdapterSummary, DeviceChoice, Gpu, adapters, install_hint};
pub use fault::GpuError;
pub use kernel::{KERNELS, Kernel, kernel};
pub(crate) use plan::VIEW_ALIGNMENT;
pub use plan::{BufferRole, Plan, Shape, Step, Tensor, element_count, workgroups};
pub use program::Program;
