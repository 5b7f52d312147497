//! One learned function for a whole layer.

use serde::{Deserialize, Serialize};

use super::conv::{default_grid, default_order, default_range};
use super::{Build, Forward, Gradients, Init, KanConv, Layer, Pair, Parameter};
use crate::gpu::{Plan, Shape, Tensor};
use crate::ops::{Basis, ConvShape, Gradient, Wanted, product};

/// One function, a spline plus a silu base, of every value: an activation that the layer learns. Followed
/// by an ordinary convolution it is the single-variable KAN of 2606.24371. Normalise before it: the grid
/// is fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedSpline {
    /// Cells of the spline grid.
    #[serde(default = "default_grid")]
    pub grid: usize,
    /// Order of the splines, 1 to 3.
    #[serde(default = "default_order")]
    pub order: usize,
    /// The grid spans [centre - range, centre + range].
    #[serde(default = "default_range")]
    pub range: f32,
    /// Middle of the grid; silu sees the input itself.
    #[serde(default)]
    pub centre: f32,
    /// Weight of the curvature penalty on the spline coefficients.
    #[serde(default)]
    pub curvature: f32,
}

impl SharedSpline {
    /// Its function.
    pub fn basis(&self) -> Basis {
        self.edge().basis()
    }

    /// The layer as a convolution of a single edge: each channel is an image of its own.
    fn edge(&self) -> KanConv {
        KanConv {
            channels: 1,
            kernel: Pair::Both(1),
            stride: Pair::Both(1),
            padding: Pair::Both(0),
            grid: self.grid,
            order: self.order,
            range: self.range,
            centre: self.centre,
            curvature: self.curvature,
        }
    }
}

/// The shape that the edge sees.
fn images([n, c, h, w]: Shape) -> Shape {
    [product(&[n, c]), 1, h, w]
}

impl Layer for SharedSpline {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        self.edge().output(images(input))?;
        Ok(input)
    }

    /// The bias comes with the convolution and adds nothing: B-splines sum to one, so it is a function that
    /// the coefficients can make too.
    fn parameters(&self, input: Shape) -> Vec<Parameter> {
        let mut parameters = self.edge().parameters(images(input));
        let basis = self.basis();
        parameters[0].init = Init::Function { basis };
        parameters
    }

    fn flops(&self, input: Shape) -> u64 {
        self.edge().flops(images(input))
    }

    fn splines(&self, input: Shape) -> Option<ConvShape> {
        self.edge().splines(images(input))
    }

    fn forward(&self, build: &mut Build, x: Tensor, parameters: &[Tensor]) -> Forward {
        let forward = self
            .edge()
            .forward(build, x.reshaped(images(x.shape)), parameters);
        Forward {
            output: forward.output.reshaped(x.shape),
            ..forward
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
        let grad_y = grad_y.plain().reshaped(forward.input.shape);
        self.edge().backward(
            build,
            forward,
            parameters,
            gradients,
            Gradient::Plain(grad_y),
            wanted,
        )
    }

    fn penalise(&self, plan: &mut Plan, input: Shape, parameters: &[Tensor], gradients: &[Tensor]) {
        let edge = self.edge();
        edge.penalise(plan, images(input), parameters, gradients);
    }

    fn reference(
        &self,
        input: Shape,
        x: &[f64],
        parameters: &[&[f64]],
        stream: Option<[u32; 3]>,
    ) -> Vec<f64> {
        self.edge().reference(images(input), x, parameters, stream)
    }
}
