//! A spec placed on an input: shapes, parameters, and the steps it appends to a plan.

use std::ops::Range;

use super::ModelError;
use super::layers::{Build, Forward, Gradients, LARGEST, Layer, MOST_VALUES, Standardise, values};
use super::packing::Packing;
use super::placed::Placed;
use super::spec::{LayerSpec, Spec};
use super::tap_lists::TapLists;
use super::weights::{PackedWords, Storage, Weights};
use crate::gpu::{Plan, Shape, Tensor, VIEW_ALIGNMENT};
use crate::ops::{self, ConvShape, Gradient, PendingSums, Wanted, product};

/// Most values that all layers together make of a clip.
const MOST_ACTIVATIONS: usize = 4 * MOST_VALUES;

/// One layer's shapes for a batch of one, and its parameters.
#[derive(Debug, Clone, PartialEq)]
struct Stage {
    input: Shape,
    output: Shape,
    parameters: Vec<Placed>,
}

/// A spec with its input size: everything is known but the values of the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// What it was made from.
    pub spec: Spec,
    /// Mel bands and frames of a clip.
    pub input: [usize; 2],
    stages: Vec<Stage>,
    pub(super) flat_len: usize,
}

/// What a layer makes of a clip, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerTally {
    /// Its `type`.
    pub kind: &'static str,
    /// Channels, height and width of its output.
    pub output: [usize; 3],
    /// Values that are trained, padding not counted.
    pub parameters: usize,
    /// Floating-point operations of a forward pass, as [`Network::flops`] counts them.
    pub flops: u64,
}

/// A network's forward within a plan.
#[derive(Debug, Clone)]
pub struct NetworkForward {
    /// The embeddings, [n, width, 1, 1]; of some of the layers, what the last of them makes.
    pub embedding: Tensor,
    /// The first of the layers, by its place in the network.
    first: usize,
    layers: Vec<Forward>,
    step: Option<Tensor>,
}

impl Network {
    /// Places a spec on clips of `input` = [bands, frames], 1 to 65536 each. All numbers of the spec are checked here, so
    /// that every network that exists can be computed with: no tensor of a clip has more than 2^25 values, nor have
    /// all parameters together, nor all activations of a clip more than 2^27.
    ///
    /// # Errors
    /// [`ModelError::Layer`] or [`ModelError::TooLarge`], naming the first layer that does not fit, or [`ModelError::Spec`].
    pub fn new(spec: Spec, input: [usize; 2]) -> Result<Self, ModelError> {
        let refuse = |reason: String| Err(ModelError::Spec { reason });
        spec.check()?;
        if input.iter().any(|size| !(1..=LARGEST).contains(size)) {
            return refuse(format!(
                "a clip of {} bands and {} frames is not possible: both must be from 1 to {LARGEST}",
                input[0], input[1]
            ));
        }
        let mut shape = [1, 1, input[0], input[1]];
        if values(&shape).is_none() {
            return refuse(format!(
                "a clip of {} bands and {} frames has more than {MOST_VALUES} values",
                input[0], input[1]
            ));
        }
        let (mut flat_len, mut activations) = (0, 0);
        let mut stages: Vec<Stage> = Vec::new();
        for (index, layer_spec) in spec.layers.iter().enumerate() {
            let layer = layer_spec.layer();
            if index > 0 && lacks_moments(layer_spec) {
                return Err(ModelError::Layer {
                    index,
                    kind: layer_spec.kind(),
                    reason:
                        "only as the first layer can it measure means and deviations of mel bands"
                            .into(),
                });
            }
            let output = layer.output(shape).map_err(|reason| ModelError::Layer {
                index,
                kind: layer_spec.kind(),
                reason,
            })?;
            let too_large = |reason: String| ModelError::TooLarge {
                index,
                kind: layer_spec.kind(),
                reason,
            };
            let made = values(&output).ok_or_else(|| {
                let [_, c, h, w] = output;
                too_large(format!(
                    "its output of {c} x {h} x {w} has more than {MOST_VALUES} values"
                ))
            })?;
            activations = made.saturating_add(activations);
            if activations > MOST_ACTIVATIONS {
                return Err(too_large(format!(
                    "up to it the network makes more than {MOST_ACTIVATIONS} values of a clip"
                )));
            }
            let mut parameters = Vec::new();
            for parameter in layer.parameters(shape) {
                let first = flat_len;
                let end = values(&parameter.device_dims())
                    .map(|len| len.next_multiple_of(VIEW_ALIGNMENT).saturating_add(first));
                flat_len = end.filter(|&end| end <= MOST_VALUES).ok_or_else(|| {
                    too_large(format!(
                        "up to it the network has more than {MOST_VALUES} parameters"
                    ))
                })?;
                parameters.push(Placed { parameter, first });
            }
            stages.push(Stage {
                input: shape,
                output,
                parameters,
            });
            shape = output;
        }
        let trained = |s: &Stage| s.parameters.iter().any(|p| p.parameter.trained);
        if !stages.iter().any(trained) {
            return refuse("the network has no parameters to train".into());
        }
        let width: usize = shape.iter().product();
        if width > LARGEST {
            return refuse(format!(
                "an embedding of {width} values is too long: the last layer may make {LARGEST} or less"
            ));
        }
        Ok(Self {
            spec,
            input,
            stages,
            flat_len,
        })
    }

    /// Whether its first layer standardises mel bands whose means and deviations are not known yet.
    pub(crate) fn lacks_moments(&self) -> bool {
        self.spec.layers.first().is_some_and(lacks_moments)
    }

    /// The network that standardises each mel band by this mean and deviation.
    pub(crate) fn with_moments(
        self,
        mean: Vec<f32>,
        deviation: Vec<f32>,
    ) -> Result<Self, ModelError> {
        let mut spec = self.spec;
        spec.layers[0] = LayerSpec::Standardise(Standardise { mean, deviation });
        Self::new(spec, self.input)
    }

    /// Length of an embedding.
    pub fn width(&self) -> usize {
        self.stages.last().map_or(0, |s| s.output.iter().product())
    }

    /// Number of trained values, padding not counted.
    pub fn parameter_count(&self) -> usize {
        self.placed().map(|(_, p)| p.parameter.trained_len()).sum()
    }

    /// Length of the flat parameter vector on the device, padding included.
    pub fn flat_len(&self) -> usize {
        self.flat_len
    }

    /// Floating-point operations of a forward pass over one clip, convolutions and dense layers only.
    pub fn flops(&self) -> u64 {
        self.layers()
            .map(|(_, layer, stage)| layer.flops(stage.input))
            .sum()
    }

    /// What each layer makes and costs.
    pub fn tally(&self) -> Vec<LayerTally> {
        let tally = |(index, layer, stage): (u32, &dyn Layer, &Stage)| {
            let [_, c, h, w] = stage.output;
            let parameters = stage.parameters.iter();
            LayerTally {
                kind: self.spec.layers[index as usize].kind(),
                output: [c, h, w],
                parameters: parameters.map(|p| p.parameter.trained_len()).sum(),
                flops: layer.flops(stage.input),
            }
        };
        self.layers().map(tally).collect()
    }

    /// One line for each layer: type, output shape, parameters.
    pub fn summary(&self) -> Vec<String> {
        let line = |layer: LayerTally| {
            let [c, h, w] = layer.output;
            let output = format!("{c} x {h} x {w}");
            format!("{:16} {output:>16} {:>9}", layer.kind, layer.parameters)
        };
        self.tally().into_iter().map(line).collect()
    }

    fn layers(&self) -> impl DoubleEndedIterator<Item = (u32, &dyn Layer, &Stage)> {
        let layers = self.spec.layers.iter().map(|s| s.layer());
        (0..)
            .zip(layers.zip(&self.stages))
            .map(|(index, (layer, stage))| (index, layer, stage))
            .collect::<Vec<_>>()
            .into_iter()
    }

    pub(super) fn placed(&self) -> impl Iterator<Item = (usize, &Placed)> {
        self.stages
            .iter()
            .enumerate()
            .flat_map(|(index, stage)| stage.parameters.iter().map(move |p| (index, p)))
    }

    /// Parameters as a device keeps them that are packed so.
    pub(crate) fn packed(&self, parameters: &[f32], packing: &Packing) -> Storage {
        let placed = self.placed().map(|(_, placed)| placed);
        Storage::Packed(PackedWords::new(placed, parameters, packing))
    }

    /// The network with more layers behind its own. Its flat parameter vector begins with that of this network, and so do
    /// its initial parameters.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn followed_by(&self, layers: &[LayerSpec]) -> Result<Self, ModelError> {
        let mut spec = self.spec.clone();
        spec.layers.extend_from_slice(layers);
        Self::new(spec, self.input)
    }

    /// Appends the forward pass of clips `x`, [n, 1, bands, frames]. `step` is the step uniform of a
    /// training plan; without it noise and dropout do nothing.
    pub fn forward<'a>(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights<'a>>,
        x: Tensor,
        step: Option<Tensor>,
    ) -> NetworkForward {
        self.forward_layers(plan, parameters, x, step, 0..self.stages.len())
    }

    /// [`Self::forward`] for inference, with parameters that `taps` were made of.
    pub fn forward_by_taps<'a>(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights<'a>>,
        x: Tensor,
        taps: &TapLists,
    ) -> NetworkForward {
        self.forward_range(plan, parameters.into(), x, None, 0..self.stages.len(), taps)
    }

    /// [`Self::forward`] of some of the layers, at least one; `x` is the input of the first of them.
    pub(crate) fn forward_layers<'a>(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights<'a>>,
        x: Tensor,
        step: Option<Tensor>,
        range: Range<usize>,
    ) -> NetworkForward {
        self.forward_range(
            plan,
            parameters.into(),
            x,
            step,
            range,
            &TapLists::default(),
        )
    }

    fn forward_range(
        &self,
        plan: &mut Plan,
        parameters: Weights,
        x: Tensor,
        step: Option<Tensor>,
        range: Range<usize>,
        taps: &TapLists,
    ) -> NetworkForward {
        let n = x.shape[0];
        let [_, c, h, w] = self.stages[range.start].input;
        let mut output = x.reshaped([n, c, h, w]);
        let placed: Vec<_> = self.layers().skip(range.start).take(range.len()).collect();
        let mut powers = weights_of_powers(plan, parameters, &placed, taps).into_iter();
        let mut layers = Vec::new();
        for (index, layer, stage) in placed {
            let views = parameters.views(plan, &stage.parameters);
            let forward = layer.forward(
                &mut Build {
                    plan,
                    step,
                    layer: index,
                    powers: powers.next().flatten(),
                    taps: taps.of(index as usize),
                },
                output,
                &views,
            );
            output = forward.output;
            layers.push(forward);
        }
        let width = product(&output.shape[1..]);
        NetworkForward {
            embedding: output.reshaped([n, width, 1, 1]),
            first: range.start,
            layers,
            step,
        }
    }

    /// Shape of what reaches a layer when the network hears a single clip.
    pub fn input_shape(&self, layer: usize) -> Shape {
        self.stages[layer].input
    }

    /// What reached the layer at this place of the network, which is one of those that a forward pass went through.
    pub(crate) fn input_of(&self, forward: &NetworkForward, layer: usize) -> Tensor {
        let [_, c, h, w] = self.stages[layer].input;
        let input = forward.layers[layer.saturating_sub(forward.first)].input;
        input.reshaped([forward.embedding.shape[0], c, h, w])
    }

    /// Appends the backward pass of the layers that a forward pass went through: from the gradient of what they made to that of
    /// the flat parameters. Returns the gradient of their input, if a layer before them learns.
    pub fn backward(
        &self,
        plan: &mut Plan,
        forward: &NetworkForward,
        parameters: Tensor,
        gradients: Tensor,
        grad_embedding: Tensor,
    ) -> Option<Tensor> {
        // Below the first layer that learns nobody wants a gradient.
        let learns = |s: &Stage| s.parameters.iter().any(|p| p.parameter.trained);
        let learning = self.stages.iter().position(learns).unwrap_or(0);
        let wanted = |index| index > learning;
        self.back(
            plan,
            forward,
            parameters,
            Some(gradients),
            grad_embedding,
            wanted,
        )
    }

    /// Appends the backward pass to the input alone: from the gradient of what a forward pass made to that of what it was
    /// given, [n, 1, bands, frames] for all layers. Parameters get none.
    pub fn input_gradient(
        &self,
        plan: &mut Plan,
        forward: &NetworkForward,
        parameters: Tensor,
        grad_embedding: Tensor,
    ) -> Tensor {
        match self.back(plan, forward, parameters, None, grad_embedding, |_| true) {
            Some(grad) => grad,
            None => unreachable!("every layer gives the gradient of its input where it is wanted"),
        }
    }

    /// Goes back through the layers, as far as `wanted` wants the gradient of a layer's input.
    fn back(
        &self,
        plan: &mut Plan,
        forward: &NetworkForward,
        parameters: Tensor,
        gradients: Option<Tensor>,
        grad_embedding: Tensor,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<Tensor> {
        let last = forward.layers.last().map_or(grad_embedding, |f| f.output);
        let mut grad = Gradient::Plain(grad_embedding.reshaped(last.shape));
        let layers = self.layers().skip(forward.first);
        let layers: Vec<_> = layers.zip(&forward.layers).collect();
        let mut views = |flat: Tensor| -> Vec<Vec<Tensor>> {
            let of = |((_, _, stage), _): &((u32, &dyn Layer, &Stage), &Forward)| {
                Weights::Floats(flat).views(plan, &stage.parameters)
            };
            layers.iter().map(of).collect()
        };
        let parameters = views(parameters);
        let gradients = gradients.map(views);
        let joined = PendingSums::joined(plan);
        let mut sums = PendingSums::default();
        let mut input = None;
        for (place, ((index, layer, _), kept)) in layers.iter().enumerate().rev() {
            let below = place.checked_sub(1);
            let wanted = match (wanted(*index as usize), &gradients, below) {
                (false, ..) => Wanted::Nothing,
                (true, Some(gradients), Some(below)) if joined => {
                    let ((_, layer, _), _) = &layers[below];
                    let bias = layer.bias(&gradients[below]);
                    bias.map_or(Wanted::Plain, Wanted::ChannelsLast)
                }
                (true, ..) => Wanted::Plain,
            };
            let mut build = Build {
                plan,
                step: forward.step,
                layer: *index,
                powers: None,
                taps: None,
            };
            let of_parameters = gradients.as_ref().map(|gradients| Gradients {
                of: &gradients[place],
                sums: &mut sums,
            });
            let grad_y = match grad {
                Gradient::Plain(grad) => Gradient::Plain(grad.reshaped(kept.output.shape)),
                last => last,
            };
            let parameters = &parameters[place];
            let grad_x =
                layer.backward(&mut build, kept, parameters, of_parameters, grad_y, wanted);
            input = match (grad_x, wanted) {
                (None, _) | (_, Wanted::Nothing) => None,
                (Some(Gradient::Plain(grad_x)), _) => {
                    Some(Gradient::Plain(grad_x.reshaped(kept.input.shape)))
                }
                (last, _) => last,
            };
            match input {
                None => break,
                Some(grad_x) => grad = grad_x,
            }
        }
        sums.add_up(plan);
        for (place, ((_, layer, _), kept)) in layers.iter().enumerate().rev() {
            if let Some(gradients) = &gradients {
                let input = kept.input.shape;
                layer.penalise(plan, input, &parameters[place], &gradients[place]);
            }
        }
        input.map(Gradient::plain)
    }

    /// The forward in f64 with parameters in the flat layout; `stream` is (seed, step) while training.
    pub fn reference(
        &self,
        n: usize,
        x: &[f64],
        flat: &[f64],
        stream: Option<[u32; 2]>,
    ) -> Vec<f64> {
        let mut values = x.to_vec();
        for (index, layer, stage) in self.layers() {
            let views: Vec<&[f64]> = stage
                .parameters
                .iter()
                .map(|placed| placed.of(flat))
                .collect();
            let [_, c, h, w] = stage.input;
            let layer_stream = stream.map(|[seed, step]| [seed, step, index]);
            values = layer.reference([n, c, h, w], &values, &views, layer_stream);
        }
        values
    }
}

/// Of each layer the weights as its kernels take them, where it has them in another basis: of all at once, but of what is unpacked
/// for each layer by itself or goes by lists of taps.
fn weights_of_powers(
    plan: &mut Plan,
    parameters: Weights,
    layers: &[(u32, &dyn Layer, &Stage)],
    taps: &TapLists,
) -> Vec<Option<Tensor>> {
    let Weights::Floats(flat) = parameters else {
        return Vec::new();
    };
    let splines: Vec<Option<(ConvShape, usize)>> = layers
        .iter()
        .map(|(index, layer, stage)| {
            let dense = taps.of(*index as usize).is_none();
            let shape = layer.splines(stage.input).filter(|_| dense)?;
            Some((shape, stage.parameters.first()?.first))
        })
        .collect();
    let wanted: Vec<_> = splines.iter().flatten().copied().collect();
    let mut made = ops::weights_of_powers(plan, &wanted, flat).into_iter();
    let powers = splines.iter().map(|shape| shape.and_then(|_| made.next()));
    powers.collect()
}

fn lacks_moments(layer: &LayerSpec) -> bool {
    matches!(layer, LayerSpec::Standardise(layer) if layer.mean.is_empty())
}
