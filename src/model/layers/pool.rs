//! Pooling over windows.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Gradients, Layer, Pair};
use crate::gpu::{Shape, Tensor};
use crate::ops::{self, Gradient, PoolKind, PoolShape, Wanted};
use crate::reference;

/// The mean or maximum of windows that lie wholly inside the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Mean or maximum.
    pub kind: PoolKind,
    /// Height and width of a window; also the strides unless they are given.
    pub kernel: Pair,
    /// Strides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
}

impl Pool {
    fn shape(&self, [n, c, h, w]: Shape) -> PoolShape {
        PoolShape {
            rows: ops::product(&[n, c]),
            input: [h, w],
            kernel: self.kernel.get(),
            stride: self.stride.unwrap_or(self.kernel).get(),
            kind: self.kind,
        }
    }
}

impl Layer for Pool {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let shape = self.shape(input);
        if shape.kernel.contains(&0) || shape.stride.contains(&0) {
            return Err("kernel and stride must be at least 1".to_string());
        }
        if (0..2).any(|a| shape.kernel[a] > shape.input[a]) {
            return Err(format!(
                "a window of {:?} does not fit an input of {:?}",
                shape.kernel, shape.input
            ));
        }
        if (0..2).any(|a| shape.stride[a] > shape.input[a]) {
            return Err(format!(
                "a stride of {:?} leaves an input of {:?}",
                shape.stride, shape.input
            ));
        }
        let [h, w] = shape.output();
        Ok([input[0], input[1], h, w])
    }

    fn forward(&self, build: &mut Build, x: Tensor, _: &[Tensor]) -> Forward {
        let shape = self.shape(x.shape);
        let [h, w] = shape.output();
        let output = build.scratch("pool", [x.shape[0], x.shape[1], h, w]);
        ops::pool_forward(build.plan, &shape, x, output);
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
        _: Option<Gradients>,
        grad_y: Gradient,
        wanted: Wanted,
    ) -> Option<Gradient> {
        if matches!(wanted, Wanted::Nothing) {
            return None;
        }
        let grad_y = grad_y.plain();
        let grad_x = build.scratch("pool grad", forward.input.shape);
        ops::pool_grad_input(
            build.plan,
            &self.shape(forward.input.shape),
            forward.input,
            grad_y,
            grad_x,
        );
        Some(Gradient::Plain(grad_x))
    }

    fn reference(&self, input: Shape, x: &[f64], _: &[&[f64]], _: Option<[u32; 3]>) -> Vec<f64> {
        reference::pool_forward(&self.shape(input), x)
    }
}
