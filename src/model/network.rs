//! A spec placed on an input: shapes, parameters, and the steps it appends to a plan.

use std::ops::Range;

use super::ModelError;
use super::layers::{
    Build, Forward, Init, LARGEST, Layer, MOST_VALUES, Parameter, Standardise, values,
};
use super::moments::spline_power;
use super::spec::{LayerSpec, Spec};
use super::weights::Weights;
use crate::gpu::{BufferRole, Plan, Shape, Tensor, VIEW_ALIGNMENT};
use crate::ops::{self, Basis, product};
use crate::reference::normal;

/// Most values that all layers together make of a clip.
const MOST_ACTIVATIONS: usize = 4 * MOST_VALUES;

/// Where a parameter tensor lies in the flat parameter vector.
#[derive(Debug, Clone, PartialEq)]
struct Placed {
    parameter: Parameter,
    first: usize,
}

impl Placed {
    /// Its part of a flat parameter vector.
    fn of<'a, T>(&self, flat: &'a [T]) -> &'a [T] {
        &flat[self.first..][..self.parameter.device_len()]
    }

    fn of_mut<'a>(&self, flat: &'a mut [f32]) -> &'a mut [f32] {
        &mut flat[self.first..][..self.parameter.device_len()]
    }
}

/// One layer's shapes for a batch of one, and its parameters.
#[derive(Debug, Clone, PartialEq)]
struct Stage {
    input: Shape,
    output: Shape,
    parameters: Vec<Placed>,
}

/// A parameter tensor as a model file holds it: without padding.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedParameter {
    /// For example `3.kan_conv.weight`.
    pub name: String,
    /// Its dimensions; edge weights are [input, height, width, slot, output].
    pub dims: Vec<usize>,
    /// Its values, last dimension fastest.
    pub values: Vec<f32>,
}

/// A spec with its input size: everything is known but the values of the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// What it was made from.
    pub spec: Spec,
    /// Mel bands and frames of a clip.
    pub input: [usize; 2],
    stages: Vec<Stage>,
    flat_len: usize,
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

    /// One line for each layer: type, output shape, parameters.
    pub fn summary(&self) -> Vec<String> {
        self.spec
            .layers
            .iter()
            .zip(&self.stages)
            .map(|(spec, stage)| {
                let [_, c, h, w] = stage.output;
                let count: usize = stage
                    .parameters
                    .iter()
                    .map(|p| p.parameter.trained_len())
                    .sum();
                format!(
                    "{:16} {:>16} {count:>9}",
                    spec.kind(),
                    format!("{c} x {h} x {w}")
                )
            })
            .collect()
    }

    fn layers(&self) -> impl DoubleEndedIterator<Item = (u32, &dyn Layer, &Stage)> {
        let layers = self.spec.layers.iter().map(|s| s.layer());
        (0..)
            .zip(layers.zip(&self.stages))
            .map(|(index, (layer, stage))| (index, layer, stage))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn placed(&self) -> impl Iterator<Item = (usize, &Placed)> {
        self.stages
            .iter()
            .enumerate()
            .flat_map(|(index, stage)| stage.parameters.iter().map(move |p| (index, p)))
    }

    /// Initial parameters for a seed, in the device's flat layout.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects,
        reason = "random words are 32 bits of the seed and of places; parameters are f32, and no tensor of them is empty"
    )]
    pub fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        let mut flat = vec![0.0; self.flat_len];
        for (stream, (_, placed)) in self.placed().enumerate() {
            let Parameter { padded, init, .. } = &placed.parameter;
            let row = placed.parameter.row();
            // Of the splines and of silu.
            let deviations = match *init {
                Init::Edges { basis, fan } => edge_deviations(&basis, fan),
                Init::Function { basis } => edge_deviations(&basis, 1),
                _ => [0.0; 2],
            };
            let values = placed.of_mut(&mut flat);
            for (k, value) in values.iter_mut().enumerate() {
                if k % padded >= row {
                    continue;
                }
                let standard =
                    || normal([seed as u32, (seed >> 32) as u32, stream as u32, k as u32]) as f32;
                *value = match *init {
                    Init::Constant(constant) => constant,
                    Init::Affine => f32::from(u8::from(k / padded == 0)),
                    Init::Normal { gain, fan } => (gain / fan as f32).sqrt() * standard(),
                    Init::Edges { basis, .. } => {
                        let slot = k / padded % basis.slots();
                        deviations[usize::from(slot == basis.slots() - 1)] * standard()
                    }
                    Init::Function { basis } if k / padded == basis.slots() - 1 => deviations[1],
                    Init::Function { .. } => deviations[0] * standard(),
                };
            }
        }
        flat
    }

    /// Weight decay for every 64 parameters of the flat layout, for a run's `decay`.
    pub fn decay_table(&self, decay: f32) -> Vec<f32> {
        let mut table = vec![0.0; self.flat_len / VIEW_ALIGNMENT];
        for (_, placed) in self.placed() {
            let first = placed.first / VIEW_ALIGNMENT;
            let blocks = placed.parameter.device_len().div_ceil(VIEW_ALIGNMENT);
            table[first..][..blocks].fill(decay * placed.parameter.decay);
        }
        table
    }

    /// Names and dimensions of its parameter tensors, in the order of [`Self::named_parameters`].
    pub(crate) fn parameter_shapes(&self) -> Vec<(String, &[usize])> {
        self.placed()
            .map(|(index, placed)| {
                let Parameter { name, dims, .. } = &placed.parameter;
                let kind = self.spec.layers[index].kind();
                (format!("{index}.{kind}.{name}"), &dims[..])
            })
            .collect()
    }

    /// Writes the values of parameter tensor number `place` into a flat parameter vector.
    pub(crate) fn set_parameter(&self, flat: &mut [f32], place: usize, values: &[f32]) {
        let Some((_, placed)) = self.placed().nth(place) else {
            return;
        };
        let target = placed.of_mut(flat);
        let row = placed.parameter.row();
        for (to, from) in target
            .chunks_mut(placed.parameter.padded)
            .zip(values.chunks(row))
        {
            to[..row].copy_from_slice(from);
        }
    }

    /// Splits a flat parameter vector into named tensors without padding.
    pub fn named_parameters(&self, flat: &[f32]) -> Vec<NamedParameter> {
        self.parameter_shapes()
            .into_iter()
            .zip(self.placed())
            .map(|((name, dims), (_, placed))| {
                let row = placed.parameter.row();
                let values = placed
                    .of(flat)
                    .chunks(placed.parameter.padded)
                    .flat_map(|r| &r[..row])
                    .copied()
                    .collect();
                NamedParameter {
                    name,
                    dims: dims.to_vec(),
                    values,
                }
            })
            .collect()
    }

    /// The flat parameter vector from named tensors.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if one is missing or has another shape.
    pub fn flat_parameters(&self, named: &[NamedParameter]) -> Result<Vec<f32>, ModelError> {
        let mut flat = vec![0.0; self.flat_len];
        for (place, (name, dims)) in self.parameter_shapes().into_iter().enumerate() {
            let fits = |n: &&NamedParameter| {
                n.name == name && n.dims == dims && n.values.len() == dims.iter().product::<usize>()
            };
            let Some(found) = named.iter().find(fits) else {
                return Err(ModelError::Parameter {
                    name,
                    dims: dims.to_vec(),
                });
            };
            self.set_parameter(&mut flat, place, &found.values);
        }
        Ok(flat)
    }

    /// The parameters of a stage as its kernels read them.
    fn views(&self, plan: &mut Plan, weights: Weights, stage: &Stage) -> Vec<Tensor> {
        let first = stage.parameters.first().map_or(0, |p| p.first);
        let (floats, base) = match weights {
            Weights::Floats(flat) => (flat, 0),
            Weights::Halves(_) if stage.parameters.is_empty() => return Vec::new(),
            Weights::Halves(halves) => {
                let end = |p: &Placed| p.first.saturating_add(p.parameter.device_len());
                let len = stage.parameters.iter().map(end).max().unwrap_or(first);
                let len = [1, 1, 1, len.saturating_sub(first)];
                let floats = plan.tensor("unpacked", len, BufferRole::Scratch);
                ops::unpack_halves(plan, halves, first, floats);
                (floats, first)
            }
        };
        let view = |p: &Placed| {
            plan.view(
                p.parameter.name,
                floats,
                p.first.saturating_sub(base),
                [1, 1, 1, p.parameter.device_len()],
            )
        };
        stage.parameters.iter().map(view).collect()
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
    pub fn forward(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights>,
        x: Tensor,
        step: Option<Tensor>,
    ) -> NetworkForward {
        self.forward_layers(plan, parameters, x, step, 0..self.stages.len())
    }

    /// [`Self::forward`] of some of the layers, at least one; `x` is the input of the first of them.
    pub(crate) fn forward_layers(
        &self,
        plan: &mut Plan,
        parameters: impl Into<Weights>,
        x: Tensor,
        step: Option<Tensor>,
        range: Range<usize>,
    ) -> NetworkForward {
        let parameters = parameters.into();
        let n = x.shape[0];
        let [_, c, h, w] = self.stages[range.start].input;
        let mut output = x.reshaped([n, c, h, w]);
        let mut layers = Vec::new();
        for (index, layer, stage) in self.layers().skip(range.start).take(range.len()) {
            let views = self.views(plan, parameters, stage);
            let forward = layer.forward(
                &mut Build {
                    plan,
                    step,
                    layer: index,
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
        let last = forward.layers.last().map_or(grad_embedding, |f| f.output);
        let mut grad = grad_embedding.reshaped(last.shape);
        let layers = self.layers().skip(forward.first);
        let layers: Vec<_> = layers.zip(&forward.layers).collect();
        for ((index, layer, stage), kept) in layers.into_iter().rev() {
            let views = self.views(plan, parameters.into(), stage);
            let gradient_views = self.views(plan, gradients.into(), stage);
            let grad_y = grad.reshaped(kept.output.shape);
            let mut build = Build {
                plan,
                step: forward.step,
                layer: index,
            };
            let wanted = index as usize > learning;
            match layer.backward(&mut build, kept, &views, &gradient_views, grad_y, wanted) {
                Some(grad_x) if wanted => grad = grad_x.reshaped(kept.input.shape),
                _ => return None,
            }
        }
        Some(grad)
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

fn lacks_moments(layer: &LayerSpec) -> bool {
    matches!(layer, LayerSpec::Standardise(layer) if layer.mean.is_empty())
}

/// Deviations of an edge's initial weights, of splines and of silu, so that the variance of a layer's
/// output is about that of its normalised input: a tenth of it through the splines, the rest through silu.
/// The constants are E[silu(z)^2] and E[sum of B_m(z)^2] for standard normal z.
#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
fn edge_deviations(basis: &Basis, fan: usize) -> [f32; 2] {
    const SPLINE_SHARE: f32 = 0.1;
    let fan = fan as f32;
    // Most inputs lie within a grid around 0, where neither cells nor range matter. Elsewhere many meet the
    // tangents, which rise far above the splines.
    let spline_power = if basis.centre == 0.0 {
        match basis.order {
            1 => 0.67,
            2 => 0.55,
            _ => 0.479,
        }
    } else {
        spline_power(basis) as f32
    };
    [
        (SPLINE_SHARE / (spline_power * fan)).sqrt(),
        ((1.0 - SPLINE_SHARE) / (0.356 * fan)).sqrt(),
    ]
}
