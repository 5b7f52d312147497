//! Element-wise activations.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Gradients, Layer};
use crate::gpu::{Shape, Tensor};
use crate::ops::{self, ActivationKind, Gradient, Wanted};
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
        gradients: Option<Gradients>,
        grad_y: Gradient,
        wanted: Wanted,
    ) -> Option<Gradient> {
        if matches!(wanted, Wanted::Nothing) {
            return None;
        }
        let (x, grad_y) = (forward.input, grad_y.plain());
        if let (Wanted::ChannelsLast(bias), Some(Gradients { sums, .. })) = (wanted, gradients) {
            let last = ops::activation_grad_last(build.plan, sums, self.kind, [x, grad_y], bias);
            return Some(Gradient::ChannelsLast(last));
        }
        let grad_x = build.scratch("activation grad", x.shape);
        ops::activation_grad_input(build.plan, self.kind, x, grad_y, grad_x);
        Some(Gradient::Plain(grad_x))
    }

    fn reference(&self, _: Shape, x: &[f64], _: &[&[f64]], _: Option<[u32; 3]>) -> Vec<f64> {
        reference::activation_forward(self.kind, x)
    }
}
