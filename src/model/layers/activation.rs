//! Element-wise activations.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Layer};
use crate::gpu::{Shape, Tensor};
use crate::ops::{self, ActivationKind};
use crate::reference;

/// A fixed function on every value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// Which function.
    pub kind: ActivationKind,
}

impl Layer for Activation {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn forward(&self, build: &mut Build, x: Tensor, _: &[Tensor]) -> Forward {
        let output = build.scratch("activation", x.shape);
        ops::activation_forward(build.plan, self.kind, x, output);
        Forward {
            input: x,
            output,
            kept: Vec::new(),
        }
    }

    fn backward(
        &self,
        build: &mut Build,
        forward: &Forward,
        _: &[Tensor],
        _: Option<&[Tensor]>,
        grad_y: Tensor,
        wants_grad_x: bool,
    ) -> Option<Tensor> {
        wants_grad_x.then(|| {
            let grad_x = build.scratch("activation grad", forward.input.shape);
            ops::activation_grad_input(build.plan, self.kind, forward.input, grad_y, grad_x);
            grad_x
        })
    }

    fn reference(&self, _: Shape, x: &[f64], _: &[&[f64]], _: Option<[u32; 3]>) -> Vec<f64> {
        reference::activation_forward(self.kind, x)
    }
}
