//! What a network has learned, and why it answers as it does: numbers, without pictures.

mod inputs;

pub use inputs::{ChannelInputs, LayerInputs, inputs};
