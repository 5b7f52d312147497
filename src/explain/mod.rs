//! What a network has learned, and why it answers as it does: numbers, without pictures.

mod attribution;
mod clusters;
mod curves;
mod decision;
mod forms;
mod input_gradient;
mod inputs;
#[cfg(test)]
mod tests;

pub use attribution::{Attribution, COMPLETE, Explainer, Sound};
pub use clusters::Cluster;
pub use curves::{Curve, FormCount, LayerCurves, LayerNorms, curves, norms};
pub use decision::{Classes, Decision};
pub use forms::{Fit, Fits, Form, Forms};
pub use input_gradient::InputGradient;
pub use inputs::{ChannelInputs, LayerInputs, inputs};
