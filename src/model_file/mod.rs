//! Model files: safetensors, with everything else that a model is in the metadata.

mod model;
mod read;
mod stored;
mod write;

pub(crate) use model::KEY;
pub use model::{Model, ModelInfo};
