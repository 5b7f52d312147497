//! What a network learned and what it hears, as data: the curves on its edges, and what of a file mattered.

mod attribution;
mod decision;
mod input_gradient;

pub use attribution::{Attribution, COMPLETE, Explainer, Sound};
pub use decision::{Classes, Decision};
pub use input_gradient::InputGradient;
