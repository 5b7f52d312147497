//! The layers that a network is made of. Each is one file: its part of a spec, its shapes and
//! parameters, the kernels it appends forward and backward, and its reference in f64.

mod activation;
mod conv;
mod group_norm;
mod noise;
mod pool;
mod shared_spline;
mod standardise;
mod statistics_pool;

pub use activation::Activation;
pub use conv::{Conv, KanConv, KanLinear, Linear, Pair};
pub use group_norm::GroupNorm;
pub use noise::{Dropout, Noise};
pub use pool::Pool;
pub use shared_spline::SharedSpline;
pub use standardise::Standardise;
pub use statistics_pool::{Over, StatisticsPool};

use crate::gpu::{BufferRole, Plan, Shape, Tensor};
use crate::ops::{Basis, ConvShape, Gradient, PendingSums, Wanted};

/// Largest size of a clip, a kernel or a padding on one axis, and most channels that a layer makes.
pub(crate) const LARGEST: usize = 1 << 16;

/// Most values of a tensor of a single clip or of all parameters together: WebGPU's default limit of a binding, 128 MiB.
pub(crate) const MOST_VALUES: usize = 1 << 25;

/// How many values a tensor of these dimensions has; none if they are more than a tensor may have.
pub(crate) fn values(dims: &[usize]) -> Option<usize> {
    let product = dims.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
    product.filter(|&n| n <= MOST_VALUES)
}

/// How a parameter begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Init {
    /// All the same.
    Constant(f32),
    /// The scales (1) and shifts (0) of a normalisation.
    Affine,
    /// Normal weights of variance `gain / fan`.
    Normal { gain: f32, fan: usize },
    /// Splines and silu on edges, so that the variance of the output is about that of the input.
    Edges { basis: Basis, fan: usize },
    /// A single function like that of an edge of fan 1, but with the same silu in every network: one draw
    /// near zero would leave a whole layer with nothing but its random spline.
    Function { basis: Basis },
}

/// One parameter tensor of a layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub name: &'static str,
    /// Its dimensions, as stored in a model file.
    pub dims: Vec<usize>,
    /// What the last dimension is padded to on the device.
    pub padded: usize,
    pub init: Init,
    /// Share of the run's weight decay that it gets.
    pub decay: f32,
    /// Whether it learns; what does not keeps its initial values.
    pub trained: bool,
}

impl Parameter {
    /// Its dimensions on the device, padding included.
    pub(crate) fn device_dims(&self) -> Vec<usize> {
        let (_, outer) = self.dims.split_last().unwrap_or((&1, &[]));
        [outer, &[self.padded]].concat()
    }

    /// Its last dimension, without the padding.
    pub(crate) fn row(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }

    /// Elements on the device, padding included.
    pub(crate) fn device_len(&self) -> usize {
        self.device_dims().iter().product()
    }

    /// What counts as parameters: elements without padding, if they learn.
    pub(crate) fn trained_len(&self) -> usize {
        if self.trained {
            self.dims.iter().product()
        } else {
            0
        }
    }
}

/// Where a layer appends its steps.
pub(crate) struct Build<'a> {
    pub plan: &'a mut Plan,
    /// The step uniform while training; `None` for inference, where noise and dropout do nothing.
    pub step: Option<Tensor>,
    /// Place of the layer in the network, which keeps random streams apart.
    pub layer: u32,
    /// Its weights as its kernels take them, where [`Layer::splines`] asks for them and they are made for all layers at once.
    pub powers: Option<Tensor>,
    /// The taps that each four of its outputs hear by, where these alone are to be walked: for inference.
    pub taps: Option<&'a [Vec<u32>]>,
}

impl Build<'_> {
    fn scratch(&mut self, label: &str, shape: Shape) -> Tensor {
        self.plan.tensor(
            format!("{} {label}", self.layer),
            shape,
            BufferRole::Scratch,
        )
    }
}

/// What a layer's forward leaves for its backward.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    pub input: Tensor,
    pub output: Tensor,
    /// The layer's own intermediate results.
    pub kept: Vec<Tensor>,
}

/// Where the gradients of a layer's parameters go.
pub(crate) struct Gradients<'a> {
    pub of: &'a [Tensor],
    pub sums: &'a mut PendingSums,
}

/// A layer. Shapes are [n, channels, height, width]. The network calls [`Self::output`] first; what it refuses the other
/// functions never see, nor tensors of more than [`MOST_VALUES`].
pub(crate) trait Layer {
    /// Shape of the output of a single clip; a sentence if the layer cannot take this input. Its product may still overflow.
    fn output(&self, input: Shape) -> Result<Shape, String>;

    /// Its parameters, in the order in which the other functions take them.
    fn parameters(&self, _input: Shape) -> Vec<Parameter> {
        Vec::new()
    }

    /// Floating-point operations of a forward pass that grow with its parameters.
    fn flops(&self, _input: Shape) -> u64 {
        0
    }

    /// The convolution whose weights, its first parameter, its kernels want in the basis of truncated powers.
    fn splines(&self, _input: Shape) -> Option<ConvShape> {
        None
    }

    /// Appends the forward kernels.
    fn forward(&self, build: &mut Build, x: Tensor, parameters: &[Tensor]) -> Forward;

    /// Of the gradients of its parameters that of a bias whose gradient is that of the output summed by channel: a convolution's,
    /// which takes the gradient of its output as a [`Gradient::ChannelsLast`] too.
    fn bias(&self, _gradients: &[Tensor]) -> Option<Tensor> {
        None
    }

    /// Appends the gradient kernels and returns the gradient of the input, unless nobody wants it. Those of the parameters are
    /// left among the pending sums, where somebody wants them.
    fn backward(
        &self,
        build: &mut Build,
        forward: &Forward,
        parameters: &[Tensor],
        gradients: Option<Gradients>,
        grad_y: Gradient,
        wanted: Wanted,
    ) -> Option<Gradient>;

    /// Appends what is added to the gradients of its parameters, when these are complete: penalties.
    fn penalise(
        &self,
        _plan: &mut Plan,
        _input: Shape,
        _parameters: &[Tensor],
        _gradients: &[Tensor],
    ) {
    }

    /// The forward in f64. `stream` is (seed, step, layer) while training.
    fn reference(
        &self,
        input: Shape,
        x: &[f64],
        parameters: &[&[f64]],
        stream: Option<[u32; 3]>,
    ) -> Vec<f64>;
}
