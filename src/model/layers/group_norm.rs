//! Group and instance normalisation.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Gradients, Init, Layer, Parameter};
use crate::gpu::{Shape, Tensor};
use crate::ops::{self, Gradient, NormInput, NormShape, Wanted};
use crate::reference;

/// Group normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNorm {
    /// Groups of channels; 0 for as many as channels, which is instance normalisation.
    #[serde(default)]
    pub groups: usize,
    /// Whether each channel learns a scale and a shift. Without them a first layer saves the layers
    /// above it the gradient of their input.
    #[serde(default = "yes")]
    pub affine: bool,
}

const fn yes() -> bool {
    true
}

impl GroupNorm {
    fn shape(&self, [n, c, h, w]: Shape) -> NormShape {
        NormShape {
            n,
            c,
            groups: if self.groups == 0 { c } else { self.groups },
            positions: ops::product(&[h, w]),
        }
    }
}

impl Layer for GroupNorm {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let NormShape {
            c,
            groups,
            positions,
            ..
        } = self.shape(input);
        if !c.is_multiple_of(groups) {
            return Err(format!("{c} channels cannot be cut into {groups} groups"));
        }
        if ops::product(&[c, positions]) < ops::product(&[2, groups]) {
            return Err("each group has a single value, which normalisation would set to zero: use fewer groups".into());
        }
        Ok(input)
    }

    fn parameters(&self, [_, c, ..]: Shape) -> Vec<Parameter> {
        vec![Parameter {
            name: "affine",
            dims: vec![2, c],
            padded: c,
            init: Init::Affine,
            decay: 0.0,
            trained: self.affine,
        }]
    }

    fn forward(&self, build: &mut Build, x: Tensor, parameters: &[Tensor]) -> Forward {
        let shape = self.shape(x.shape);
        let output = build.scratch("norm", x.shape);
        let moments = build.scratch("norm moments", [shape.n, 1, shape.groups, 2]);
        ops::group_norm_forward(build.plan, &shape, x, parameters[0], output, moments);
        Forward {
            input: x,
            output,
            kept: vec![moments],
        }
    }

    fn backward(
        &self,
        build: &mut Build,
        forward: &Forward,
        parameters: &[Tensor],
        gradients: Option<Gradients>,
        grad_y: Gradient,
        wanted: Wanted,
    ) -> Option<Gradient> {
        let input = NormInput {
            x: forward.input,
            moments: forward.kept[0],
        };
        let of_input = forward.input.shape;
        ops::group_norm_backward(
            build.plan,
            &self.shape(of_input),
            (input, of_input),
            parameters[0],
            grad_y.plain(),
            gradients.map(|Gradients { of, sums }| (self.affine.then_some(of[0]), sums)),
            wanted,
        )
    }

    fn reference(
        &self,
        input: Shape,
        x: &[f64],
        parameters: &[&[f64]],
        _: Option<[u32; 3]>,
    ) -> Vec<f64> {
        reference::group_norm_forward(&self.shape(input), x, parameters[0])
    }
}
