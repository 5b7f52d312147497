//! What a network has learned, and why it answers as it does: numbers, without pictures.

mod clusters;
mod curves;
mod forms;
mod inputs;
#[cfg(test)]
mod tests;

pub use clusters::Cluster;
pub use curves::{Curve, FormCount, LayerCurves, LayerNorms, curves, norms};
pub use forms::{Fit, Fits, Form, Forms};
pub use inputs::{ChannelInputs, LayerInputs, inputs};
