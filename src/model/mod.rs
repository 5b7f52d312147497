//! Networks: specs, layers, parameters, model files.

mod error;
pub mod layers;
mod network;
mod spec;

pub use error::ModelError;
pub use network::{NamedParameter, Network, NetworkForward};
pub use spec::{LayerSpec, Spec};
