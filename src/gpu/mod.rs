//! The GPU layer: adapters, kernels, plans and their replay. It knows nothing of music.
//!
//! A computation is described once as a [`Plan`] (tensors and steps, plain data) and compiled for a
//! device into a [`Program`], which replays it without allocating or creating anything.

mod adapter;
mod class;
mod dtype;
mod facts;
mod fault;
mod kernel;
mod plan;
mod program;
mod scratch;
mod tuning;
mod validate;

pub use adapter::{AdapterSummary, DeviceChoice, Gpu, adapters, install_hint};
pub use class::AdapterClass;
pub use dtype::Dtype;
pub use fault::GpuError;
pub use kernel::{KERNELS, Kernel, kernel};
pub use plan::{BufferInfo, BufferRole, Constant, Plan, Shape, Step, Tensor, TensorInfo};
pub(crate) use plan::{VIEW_ALIGNMENT, element_count, word, workgroups};
pub use program::Program;
pub use tuning::Tuning;
