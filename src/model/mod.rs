//! Networks: specs, layers, parameters.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod edge_tensors;
mod edges;
mod error;
pub mod layers;
mod moments;
mod named;
mod network;
mod packing;
mod parameters;
mod passes;
mod placed;
mod spec;
mod tap_lists;
mod weights;
mod widths;

pub use edge_tensors::EdgeTensor;
pub use edges::LearnedEdge;
pub use error::ModelError;
pub use moments::{Density, Moments};
pub use network::{LayerTally, Network};
pub use packing::{Codebook, Integers, Packed, Packing};
pub use parameters::NamedParameter;
pub use passes::NetworkForward;
pub use spec::{LayerSpec, Spec};
pub use tap_lists::TapLists;
pub(crate) use weights::is_half;
pub use weights::{PackedWords, Storage, Weights};
pub(crate) use widths::equal_parameters;
