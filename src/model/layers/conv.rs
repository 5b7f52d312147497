//! Convolutions and dense layers, with functions or with weights on their edges.

use serde::{Deserialize, Serialize};

use super::{Build, Forward, Gradients, Init, LARGEST, Layer, Parameter};
use crate::gpu::{Plan, Shape, Tensor};
use crate::ops::{self, Basis, ConvKept, ConvShape, Gradient, Wanted};
use crate::reference;

/// Height and width; in a spec also one number for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Pair {
    /// The same for both.
    Both(usize),
    /// Height (bands), width (frames).
    Each([usize; 2]),
}

impl Pair {
    /// Height and width.
    pub fn get(self) -> [usize; 2] {
        match self {
            Self::Both(value) => [value; 2],
            Self::Each(values) => values,
        }
    }
}

const fn one() -> Pair {
    Pair::Both(1)
}

const fn zero() -> Pair {
    Pair::Both(0)
}

pub(super) const fn default_grid() -> usize {
    4
}

pub(super) const fn default_order() -> usize {
    3
}

pub(super) const fn default_range() -> f32 {
    2.5
}

/// A convolution whose every edge is a spline plus a silu base. Normalise before it: the grid is fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KanConv {
    /// Output channels.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: Pair,
    /// Strides.
    #[serde(default = "one")]
    pub stride: Pair,
    /// Padding on each side; taps there are absent edges.
    #[serde(default = "zero")]
    pub padding: Pair,
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

/// A dense layer whose every edge is a spline plus a silu base: a KAN layer as in Liu et al. (2404.19756).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KanLinear {
    /// Outputs.
    pub channels: usize,
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

/// An ordinary convolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv {
    /// Output channels.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: Pair,
    /// Strides.
    #[serde(default = "one")]
    pub stride: Pair,
    /// Padding with zeros on each side.
    #[serde(default = "zero")]
    pub padding: Pair,
}

/// An ordinary dense layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Outputs.
    pub channels: usize,
}

impl KanConv {
    /// The functions on its edges.
    pub fn basis(&self) -> Basis {
        Basis {
            order: self.order,
            grid: self.grid,
            range: self.range,
            centre: self.centre,
        }
    }
}

impl KanLinear {
    /// The functions on its edges.
    pub fn basis(&self) -> Basis {
        Basis {
            order: self.order,
            grid: self.grid,
            range: self.range,
            centre: self.centre,
        }
    }
}

/// What the four have in common once the input is known.
struct EdgeLayer {
    shape: ConvShape,
    curvature: f32,
}

trait Edges {
    fn edge_layer(&self, input: Shape) -> Result<EdgeLayer, String>;
}

impl Edges for KanConv {
    fn edge_layer(&self, input: Shape) -> Result<EdgeLayer, String> {
        let basis = self.basis();
        check_splines(&basis, self.curvature)?;
        let shape = conv_shape(
            input,
            self.channels,
            [self.kernel, self.stride, self.padding],
            basis,
        )?;
        Ok(EdgeLayer {
            shape,
            curvature: self.curvature,
        })
    }
}

impl Edges for KanLinear {
    fn edge_layer(&self, input: Shape) -> Result<EdgeLayer, String> {
        let basis = self.basis();
        check_splines(&basis, self.curvature)?;
        Ok(EdgeLayer {
            shape: dense_shape(input, self.channels, basis)?,
            curvature: self.curvature,
        })
    }
}

impl Edges for Conv {
    fn edge_layer(&self, input: Shape) -> Result<EdgeLayer, String> {
        let geometry = [self.kernel, self.stride, self.padding];
        Ok(EdgeLayer {
            shape: conv_shape(input, self.channels, geometry, Basis::IDENTITY)?,
            curvature: 0.0,
        })
    }
}

impl Edges for Linear {
    fn edge_layer(&self, input: Shape) -> Result<EdgeLayer, String> {
        Ok(EdgeLayer {
            shape: dense_shape(input, self.channels, Basis::IDENTITY)?,
            curvature: 0.0,
        })
    }
}

fn check_splines(basis: &Basis, curvature: f32) -> Result<(), String> {
    if !(1..=3).contains(&basis.order) {
        return Err(format!(
            "order {} of the splines must be 1, 2 or 3",
            basis.order
        ));
    }
    if !(1..=64).contains(&basis.grid) {
        return Err(format!("grid {} must be 1 to 64 cells", basis.grid));
    }
    // Beyond these the squares and cubes of the splines leave f32.
    if !(1e-3..=1e6).contains(&basis.range) {
        return Err(format!(
            "range {} must be from 0.001 to 1000000",
            basis.range
        ));
    }
    if !(-1e6..=1e6).contains(&basis.centre) {
        return Err(format!(
            "centre {} must be from -1000000 to 1000000",
            basis.centre
        ));
    }
    if !(0.0..=1e6).contains(&curvature) {
        return Err(format!("curvature {curvature} must be from 0 to 1000000"));
    }
    Ok(())
}

/// Most places from which a step of the strides may start: the gradient has workgroups for each.
const MOST_PHASES: usize = 1 << 14;

fn conv_shape(
    input: Shape,
    channels: usize,
    geometry: [Pair; 3],
    basis: Basis,
) -> Result<ConvShape, String> {
    let [n, ci, height, width] = input;
    let [kernel, stride, padding] = geometry.map(Pair::get);
    if channels == 0 || kernel.contains(&0) || stride.contains(&0) {
        return Err("channels, kernel and stride must be at least 1".to_string());
    }
    for (name, number) in [
        ("channels", channels),
        ("kernel", kernel[0].max(kernel[1])),
        ("stride", stride[0].max(stride[1])),
        ("padding", padding[0].max(padding[1])),
    ] {
        if number > LARGEST {
            return Err(format!("{name} is {number}, but must be {LARGEST} or less"));
        }
    }
    for (axis, size) in [height, width].into_iter().enumerate() {
        let padded = size.saturating_add(padding[axis].saturating_mul(2));
        if kernel[axis] > padded {
            return Err(format!(
                "a kernel of {kernel:?} does not fit an input of {height} x {width} with padding {padding:?}"
            ));
        }
        if padding[axis] >= kernel[axis] {
            return Err(format!(
                "a padding of {padding:?} must be less than the kernel of {kernel:?}: beyond it are outputs that hear nothing"
            ));
        }
        if stride[axis] > padded {
            return Err(format!(
                "a stride of {stride:?} leaves an input of {height} x {width} with padding {padding:?}"
            ));
        }
    }
    if ops::product(&stride) > MOST_PHASES {
        return Err(format!(
            "a stride of {stride:?} skips more than {MOST_PHASES} places at a time: pool before it"
        ));
    }
    Ok(ConvShape {
        n,
        ci,
        input: [height, width],
        co: channels,
        kernel,
        stride,
        padding,
        basis,
    })
}

fn dense_shape([n, c, h, w]: Shape, channels: usize, basis: Basis) -> Result<ConvShape, String> {
    conv_shape(
        [n, ops::product(&[c, h, w]), 1, 1],
        channels,
        [Pair::Both(1), Pair::Both(1), Pair::Both(0)],
        basis,
    )
}

impl<T: Edges> Layer for T {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(self.edge_layer(input)?.shape.output_shape())
    }

    fn parameters(&self, input: Shape) -> Vec<Parameter> {
        let ConvShape {
            ci,
            co,
            kernel,
            basis,
            ..
        } = self.placed(input).shape;
        let fan = ops::product(&[ci, kernel[0], kernel[1]]);
        let (init, decay) = match basis.order {
            0 => (Init::Normal { gain: 2.0, fan }, 1.0),
            // Spline coefficients want little decay: at most 1e-5 against the usual 1e-4.
            _ => (Init::Edges { basis, fan }, 0.1),
        };
        let padded = co.next_multiple_of(4);
        let dims = vec![ci, kernel[0], kernel[1], basis.slots(), co];
        vec![
            Parameter {
                name: "weight",
                dims,
                padded,
                init,
                decay,
                trained: true,
            },
            Parameter {
                name: "bias",
                dims: vec![co],
                padded: co,
                init: Init::Constant(0.0),
                decay: 0.0,
                trained: true,
            },
        ]
    }

    fn flops(&self, input: Shape) -> u64 {
        self.placed(input).shape.flops()
    }

    fn splines(&self, input: Shape) -> Option<ConvShape> {
        let shape = self.placed(input).shape;
        shape.basis.has_powers().then_some(shape)
    }

    fn forward(&self, build: &mut Build, x: Tensor, parameters: &[Tensor]) -> Forward {
        let shape = self.placed(x.shape).shape;
        let output = build.scratch("conv", shape.output_shape());
        let [weight, bias] = [parameters[0], parameters[1]];
        let plan = &mut *build.plan;
        let kept = match (build.taps, build.powers) {
            (Some(taps), _) => {
                ops::conv_forward_by_taps(plan, &shape, x, weight, bias, taps, output)
            }
            (None, Some(powers)) => {
                ops::conv_forward_prepared(plan, &shape, x, powers, bias, output)
            }
            (None, None) => ops::conv_forward(plan, &shape, x, weight, bias, output),
        };
        Forward {
            input: x,
            output,
            kept: vec![kept.kernel_x, kept.kernel_weight],
        }
    }

    fn bias(&self, gradients: &[Tensor]) -> Option<Tensor> {
        gradients.get(1).copied()
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
        let shape = self.placed(forward.input.shape).shape;
        let kept = ConvKept {
            x: forward.input,
            kernel_x: forward.kept[0],
            kernel_weight: forward.kept[1],
        };
        let grad_x = match wanted {
            Wanted::Nothing => None,
            _ => Some(build.scratch("conv grad", forward.input.shape)),
        };
        let by_parameters = gradients.map(|Gradients { of, sums }| ([of[0], of[1]], sums));
        ops::conv_backward_pending(build.plan, &shape, &kept, grad_y, by_parameters, grad_x);
        grad_x.map(Gradient::Plain)
    }

    fn penalise(&self, plan: &mut Plan, input: Shape, parameters: &[Tensor], gradients: &[Tensor]) {
        let EdgeLayer { shape, curvature } = self.placed(input);
        if curvature > 0.0 {
            ops::curvature_penalty(plan, &shape, curvature, parameters[0], gradients[0]);
        }
    }

    fn reference(
        &self,
        input: Shape,
        x: &[f64],
        parameters: &[&[f64]],
        _: Option<[u32; 3]>,
    ) -> Vec<f64> {
        reference::conv_forward(&self.placed(input).shape, x, parameters[0], parameters[1])
    }
}

/// For inputs that `output` has accepted.
trait Placed: Edges {
    fn placed(&self, input: Shape) -> EdgeLayer {
        match self.edge_layer(input) {
            Ok(layer) => layer,
            Err(reason) => unreachable!("the network accepted this input: {reason}"),
        }
    }
}

impl<T: Edges> Placed for T {}
