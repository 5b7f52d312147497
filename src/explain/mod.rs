//! What a network has learned, and why it answers as it does: numbers, without pictures.

mod attribution;
mod base_only;
mod belief;
mod change;
mod clusters;
mod curves;
mod decision;
mod forms;
mod input_gradient;
mod inputs;
mod nearest;
mod order;
mod parts;
#[cfg(test)]
mod tests;

pub use attribution::{Attribution, COMPLETE, Explainer, Sound};
pub use base_only::{Base, base_only};
pub use belief::{Agreement, Asked, Belief, BeliefError, OrderCourse, WithoutSplines, believe};
pub use change::{Change, Changes, Gain, LARGEST_DB};
pub use clusters::Cluster;
pub use curves::{Curve, FormCount, LayerCurves, LayerNorms, curves, norms};
pub use decision::{Classes, Decision};
pub use forms::{Fit, Fits, Form, Forms};
pub use input_gradient::InputGradient;
pub use inputs::{ChannelInputs, LayerInputs, inputs};
pub use nearest::{Like, Pair, Span, pairs};
pub use order::{CELL, Course, SHARES, cells, largest_first, rank_correlation};
pub use parts::{BandPart, PeriodPart, by_band, by_period, by_span, smoothed};
