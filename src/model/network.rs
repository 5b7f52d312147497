//! A spec placed on an input: shapes, parameters and what each layer costs.

use super::ModelError;
use super::layers::{LARGEST, Layer, MOST_VALUES, Standardise, values};
use super::packing::Packing;
use super::placed::Placed;
use super::spec::{LayerSpec, Spec};
use super::weights::{PackedWords, Storage};
use crate::gpu::{Shape, VIEW_ALIGNMENT};

/// Most values that all layers together make of a clip.
const MOST_ACTIVATIONS: usize = 4 * MOST_VALUES;

/// One layer's shapes for a batch of one, and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    pub(super) input: Shape,
    output: Shape,
    pub(super) parameters: Vec<Placed>,
}

/// A spec with its input size: everything is known but the values of the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// What it was made from.
    pub spec: Spec,
    /// Mel bands and frames of a clip.
    pub input: [usize; 2],
    pub(super) stages: Vec<Stage>,
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

    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = (u32, &dyn Layer, &Stage)> {
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

    /// Shape of what reaches a layer when the network hears a single clip.
    pub fn input_shape(&self, layer: usize) -> Shape {
        self.stages[layer].input
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
