//! Building a case.

use super::case::{Case, Expected};
use crate::gpu::{BufferRole, Plan, Shape, Tensor, Tuning};
use crate::reference as twin;

/// Collects a case while its plan is built.
pub(super) struct Builder {
    pub plan: Plan,
    pub inputs: Vec<(Tensor, Vec<u32>)>,
    pub expected: Vec<Expected>,
    stream: u32,
}

impl Builder {
    pub(super) fn new(tuning: impl Into<Tuning>) -> Self {
        Self {
            plan: Plan::new(tuning),
            inputs: Vec::new(),
            expected: Vec::new(),
            stream: 0,
        }
    }

    /// An input of normal numbers, a different stream each; returned as the twin sees it.
    pub(super) fn normal(&mut self, shape: Shape) -> (Tensor, Vec<f64>) {
        self.stream += 1;
        let count = shape.iter().product::<usize>();
        let values = (0..count)
            .map(|k| twin::normal([7, 7, self.stream, k as u32]) as f32)
            .collect();
        self.values(shape, values)
    }

    pub(super) fn values(&mut self, shape: Shape, values: Vec<f32>) -> (Tensor, Vec<f64>) {
        let exact = values.iter().map(|&v| f64::from(v)).collect();
        let tensor = self.plan.tensor("input", shape, BufferRole::Input);
        self.inputs.push((tensor, bytemuck::cast_vec(values)));
        (tensor, exact)
    }

    pub(super) fn words(&mut self, shape: Shape, words: Vec<u32>) -> Tensor {
        let tensor = self.plan.words("input", shape, BufferRole::Input);
        self.inputs.push((tensor, words));
        tensor
    }

    pub(super) fn output(&mut self, shape: Shape) -> Tensor {
        self.plan.tensor("output", shape, BufferRole::Output)
    }

    /// Expects a sum of `terms` products in f32.
    pub(super) fn expect(&mut self, tensor: Tensor, values: Vec<f64>, terms: usize) {
        self.expect_rounded(tensor, values, terms, 0.0);
    }

    /// The same of differences, whose terms' rounding is `rounding` and may be all that is left of them.
    pub(super) fn expect_rounded(
        &mut self,
        tensor: Tensor,
        values: Vec<f64>,
        terms: usize,
        rounding: f64,
    ) {
        self.expected.push(Expected {
            tensor,
            values,
            tolerance: Expected::tolerance(terms),
            rounding,
        });
    }

    pub(super) fn case(self, label: String) -> Case {
        Case {
            label,
            plan: self.plan,
            inputs: self.inputs,
            expected: self.expected,
        }
    }
}

/// The relative error of a mean of `terms` products in f32: each rounding of the sum's, at random, and 4 more, because
/// Vulkan lets a division be off by 2.5 units and a compiler fuse a product with what it is subtracted from.
pub(super) fn mean_rounding(terms: usize) -> f64 {
    f64::from(f32::EPSILON) * (4.0 + (terms as f64).sqrt())
}

/// The mean of the magnitudes.
pub(super) fn mean_magnitude(values: &[f64]) -> f64 {
    values.iter().map(|v| v.abs()).sum::<f64>() / values.len() as f64
}

/// The largest magnitude.
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| v.abs().max(most))
}
