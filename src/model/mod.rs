//! Networks: specs, layers, parameters.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod edges;
mod error;
pub mod layers;
mod network;
mod spec;
mod widths;

pub use edges::LearnedEdge;
pub use error::ModelError;
pub use network::{NamedParameter, Network, NetworkForward};
pub use spec::{LayerSpec, Spec};
pub use widths::equal_parameters;
