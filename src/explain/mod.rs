//! What a network has learned, and why it answers as it does: numbers, without pictures.

mod attribution;
mod change;
mod clusters;
mod curves;
mod decision;
mod forms;
mod input_gradient;
mod inputs;
mod nearest;
mod parts;
#[cfg(test)]
mod tests;

pub use attribution::{Attribution, COMPLETE, Explainer, Sound};
pub use change::{Change, Changes, Gain, LARGEST_DB};
pub use clusters::Cluster;
pub use curves::{Curve, FormCount, LayerCurves, LayerNorms, curves, norms};
pub use decision::{Classes, Decision};
pub use forms::{Fit, Fits, Form, Forms};
pub use input_gradient::InputGradient;
pub use inputs::{ChannelInputs, LayerInputs, inputs};
pub use nearest::{Like, Pair, Span, pairs};
pub use parts::{BandPart, PeriodPart, by_band, by_period, by_span, smoothed};
