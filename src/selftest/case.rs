//! A case.

use crate::gpu::{Plan, Tensor};

/// One plan with its inputs and what the twins say its outputs are.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is tried, for people.
    pub label: String,
    /// The steps under test.
    pub plan: Plan,
    /// Words of each input tensor.
    pub inputs: Vec<(Tensor, Vec<u32>)>,
    /// What the outputs must be.
    pub expected: Vec<Expected>,
}

/// A tensor's expected content.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Which tensor.
    pub tensor: Tensor,
    /// The twin's values.
    pub values: Vec<f64>,
    /// Allowed error of element k: `tolerance * (|values[k]| + root mean square of values) + rounding`.
    pub tolerance: f64,
    /// What the rounding of terms in f32 may leave where they cancel, in the values' own unit: a difference of
    /// equals is 0 for the twin, and a share of 0 allows nothing.
    pub rounding: f64,
}

impl Expected {
    /// What the rounding of a sum of so many products in f32 is allowed.
    pub fn tolerance(terms: usize) -> f64 {
        4e-6 * (terms as f64).sqrt().max(1.0)
    }
}
