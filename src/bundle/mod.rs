//! A model as a folder that any program that speaks WebGPU can run: plans with named ports as JSON, the WGSL of their
//! kernels, all constants and weights once in a safetensors file, and a list of all that with hashes. docs/bundle.md has the format.

mod builder;
mod check;
mod content;
mod distance;
mod error;
mod manifest;
mod plan_file;
mod plans;
mod read;
mod tensors;
mod training;

pub use content::{Bundle, MANIFEST, Options};
pub use error::BundleError;
pub use manifest::{
    Compared, FileEntry, Hearing, KIND, Manifest, ModelEntry, PlanEntry, VERSION, WhiteningEntry,
};
pub use training::{Curves, Initial, Training, TrainingEntry, TrainingOptions, TrainingTask};
