//! Removing edges: those first whose functions matter least under the inputs that really reach them.

use crate::explain::LayerInputs;
use crate::model::layers::Pair;
use crate::model::{EdgeTensor, LayerSpec, Network};

/// Edges of a network, those that matter least first.
#[derive(Debug, Clone)]
pub struct RankedEdges {
    tensors: Vec<EdgeTensor>,
    bundles: Vec<Bundle>,
    /// Edges in all.
    pub edges: usize,
}

/// Edges that go together: one, or those of a tap to neighbouring outputs.
#[derive(Debug, Clone, Copy)]
struct Bundle {
    tensor: usize,
    tap: usize,
    /// Of the first output.
    output: usize,
    outputs: usize,
    /// How much they matter, as a share of what all edges of the layer do.
    matters: f64,
}

impl RankedEdges {
    /// Ranks the edges of a network's layers with splines, and where `plain` says so those of its other convolutions and dense
    /// layers: by the deviation of what each adds to its output under the inputs that reach it, a plain weight by its magnitude,
    /// both against the root mean square of their layer. `together` neighbouring outputs of a tap go as one. The single edge of a
    /// shared spline stays.
    pub fn new(
        network: &Network,
        parameters: &[f32],
        inputs: &[LayerInputs],
        plain: bool,
        together: usize,
    ) -> Self {
        let tensors: Vec<EdgeTensor> = network
            .edge_tensors()
            .into_iter()
            .filter(|tensor| {
                let spec = &network.spec.layers[tensor.layer];
                let shared = matches!(spec, LayerSpec::SharedSpline(_));
                !shared && (plain || tensor.has_splines())
            })
            .collect();
        let mut bundles = Vec::new();
        for (number, tensor) in tensors.iter().enumerate() {
            let found = inputs.iter().find(|inputs| inputs.layer == tensor.layer);
            let square = |tap: usize, output: usize| {
                let weights: Vec<f32> = tensor.edge(parameters, tap, output).collect();
                match found {
                    Some(inputs) => {
                        let channel = &inputs.channels[tap / kernel_area(tensor)];
                        channel.moments.deviation(&weights).powi(2)
                    }
                    None => weights.iter().map(|&w| f64::from(w).powi(2)).sum(),
                }
            };
            let first = bundles.len();
            for tap in 0..tensor.taps() {
                for output in (0..tensor.outputs).step_by(together) {
                    let outputs = together.min(tensor.outputs - output);
                    let squares = (output..output + outputs).map(|output| square(tap, output));
                    bundles.push(Bundle {
                        tensor: number,
                        tap,
                        output,
                        outputs,
                        matters: squares.sum(),
                    });
                }
            }
            let of_layer = &mut bundles[first..];
            let total: f64 = of_layer.iter().map(|bundle| bundle.matters).sum();
            let mean = total / tensor.edges() as f64;
            for bundle in of_layer {
                bundle.matters /= mean.max(f64::MIN_POSITIVE) * bundle.outputs as f64;
            }
        }
        bundles.sort_by(|a, b| a.matters.total_cmp(&b.matters));
        Self {
            edges: tensors.iter().map(EdgeTensor::edges).sum(),
            tensors,
            bundles,
        }
    }

    /// Sets the least of the edges to zero, so many that this share of all of them is zero. What a function adds on average is
    /// added to the bias of its output instead.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count is rounded to a count"
    )]
    pub fn remove(
        &self,
        network: &Network,
        parameters: &mut [f32],
        inputs: &[LayerInputs],
        share: f64,
    ) {
        let mut left = (share * self.edges as f64).round() as usize;
        for bundle in &self.bundles {
            if bundle.outputs > left {
                break;
            }
            left -= bundle.outputs;
            let tensor = &self.tensors[bundle.tensor];
            let found = inputs.iter().find(|inputs| inputs.layer == tensor.layer);
            for output in bundle.output..bundle.output + bundle.outputs {
                if let Some(inputs) = found {
                    let mean = &inputs.channels[bundle.tap / kernel_area(tensor)]
                        .moments
                        .mean;
                    let weights = tensor.edge(parameters, bundle.tap, output);
                    let mean: f64 = weights.zip(mean).map(|(w, m)| f64::from(w) * m).sum();
                    let added = mean * present(network, tensor, bundle.tap);
                    parameters[tensor.bias + output] += added as f32;
                }
                tensor.remove(parameters, bundle.tap, output);
            }
        }
    }
}

fn kernel_area(tensor: &EdgeTensor) -> usize {
    tensor.kernel[0] * tensor.kernel[1]
}

/// The share of a layer's output positions where a tap meets the input and not its padding.
fn present(network: &Network, tensor: &EdgeTensor, tap: usize) -> f64 {
    let [_, _, height, width] = network.input_shape(tensor.layer);
    let (stride, padding) = match &network.spec.layers[tensor.layer] {
        LayerSpec::KanConv(layer) => (layer.stride, layer.padding),
        LayerSpec::Conv(layer) => (layer.stride, layer.padding),
        _ => return 1.0,
    };
    let [stride, padding] = [stride, padding].map(Pair::get);
    let [rows, columns] = tensor.kernel;
    let axis = |axis: usize, size: usize, kernel: usize, at: usize| {
        let places = (size + 2 * padding[axis] - kernel) / stride[axis] + 1;
        let inside = |place: &usize| {
            let at = place * stride[axis] + at;
            at >= padding[axis] && at < size + padding[axis]
        };
        (0..places).filter(inside).count() as f64 / places as f64
    };
    axis(0, height, rows, tap / columns % rows) * axis(1, width, columns, tap % columns)
}
