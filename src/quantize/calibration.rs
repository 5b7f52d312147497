//! What reaches the weights of a network: means and covariances of what they are multiplied by, from clips.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program, Shape};
use crate::model::{EdgeTensor, LayerSpec, Network, Storage};
use crate::ops::Basis;
use crate::random::Stream;
use crate::reference::edge_basis;

/// Clips that go through the network at a time.
const BATCH: usize = 16;

/// Places of outputs that are looked at, of each layer.
const PLACES: usize = 4096;

/// Weights of an output that are looked at together, about.
const BLOCK: usize = 64;

/// Rows of a column whose errors are weighed together: those of one input, or of as many as have about 64 weights.
pub(super) fn block_rows(tensor: &EdgeTensor) -> usize {
    let of_input = tensor.kernel[0] * tensor.kernel[1] * tensor.slots;
    of_input * (BLOCK / of_input).clamp(1, tensor.inputs)
}

/// Of some rows of a weight tensor: what they are multiplied by.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// Means.
    pub mean: Vec<f64>,
    /// Covariances.
    pub covariance: DMatrix<f64>,
}

/// What reaches the weights of each layer.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// For each tensor of edges its blocks of rows.
    pub(super) tensors: Vec<Vec<Rows>>,
}

/// Sums of what some rows are multiplied by, and of its products.
type Sums = (Vec<f64>, DMatrix<f64>);

/// How a layer's outputs see its inputs.
struct Windows {
    basis: Basis,
    /// Channels, height and width of the input.
    input: [usize; 3],
    output: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

impl Windows {
    fn of(layer: &LayerSpec, tensor: &EdgeTensor, [_, c, h, w]: Shape) -> Self {
        let basis = layer.basis().unwrap_or(Basis::IDENTITY);
        let (input, stride, padding) = match layer {
            LayerSpec::KanConv(conv) => ([c, h, w], conv.stride.get(), conv.padding.get()),
            LayerSpec::Conv(conv) => ([c, h, w], conv.stride.get(), conv.padding.get()),
            // A single edge sees every value.
            LayerSpec::SharedSpline(_) => ([1, 1, c * h * w], [1; 2], [0; 2]),
            _ => ([c * h * w, 1, 1], [1; 2], [0; 2]),
        };
        let outputs = |axis: usize| {
            (input[axis + 1] + 2 * padding[axis] - tensor.kernel[axis]) / stride[axis] + 1
        };
        Self {
            basis,
            input,
            output: [outputs(0), outputs(1)],
            stride,
            padding,
        }
    }

    /// What rows `first` and the next ones of a tensor are multiplied by, at output `place` of a clip's inputs; a tap on padding
    /// is absent.
    fn rows(&self, tensor: &EdgeTensor, first: usize, clip: &[f32], place: usize, to: &mut [f64]) {
        let [height, width] = tensor.kernel;
        let [_, h, w] = self.input;
        let at = [place / self.output[1], place % self.output[1]];
        for (taps, to) in to.chunks_mut(tensor.slots).enumerate() {
            let tap = first / tensor.slots + taps;
            let (channel, tap) = (tap / (height * width), tap % (height * width));
            let y = (at[0] * self.stride[0] + tap / width).wrapping_sub(self.padding[0]);
            let x = (at[1] * self.stride[1] + tap % width).wrapping_sub(self.padding[1]);
            if y >= h || x >= w {
                to.fill(0.0);
                continue;
            }
            let z = f64::from(clip[(channel * h + y) * w + x]);
            for (slot, to) in to.iter_mut().enumerate() {
                *to = edge_basis(&self.basis, slot, z);
            }
        }
    }
}

impl Calibration {
    /// By a network that hears clips, band-major `[bands][frames]` each.
    ///
    /// # Errors
    /// [`GpuError`].
    pub fn new(
        gpu: &Gpu,
        network: &Network,
        parameters: &[f32],
        clips: &[Vec<f32>],
    ) -> Result<Self, GpuError> {
        let tensors = network.edge_tensors();
        let mut plan = Plan::new(gpu.tuning());
        plan.quick = gpu.class().is_software();
        let storage = Storage::of(parameters);
        let weights = storage.weights(&mut plan, network.flat_len());
        let [bands, frames] = network.input;
        let batch = clips.len().clamp(1, BATCH);
        let x = plan.tensor("clips", [batch, 1, bands, frames], BufferRole::Input);
        let forward = network.forward(&mut plan, weights, x, None);
        let inputs: Vec<_> = tensors
            .iter()
            .map(|tensor| {
                let input = network.input_of(&forward, tensor.layer);
                plan.keep(input);
                let layer = &network.spec.layers[tensor.layer];
                let windows = Windows::of(layer, tensor, input.shape);
                (input, windows)
            })
            .collect();
        plan.keep(forward.embedding);
        plan.share_scratch();
        let program = Program::new(gpu, plan)?;
        program.write(weights.tensor(), &storage.words(parameters));
        let places = PLACES.div_ceil(clips.len().max(1));
        let mut sums: Vec<Vec<Sums>> = Vec::new();
        for tensor in &tensors {
            let (rows, block) = (tensor.taps() * tensor.slots, block_rows(tensor));
            let blocks = (0..rows).step_by(block);
            let zero = blocks.map(|first| {
                let n = block.min(rows - first);
                (vec![0.0; n], DMatrix::zeros(n, n))
            });
            sums.push(zero.collect());
        }
        let mut counts = vec![0; tensors.len()];
        for (number, clips) in clips.chunks(batch).enumerate() {
            for (k, clip) in clips.iter().enumerate() {
                program.write_at(x, k * bands * frames, clip);
            }
            program.run()?;
            for (t, tensor) in tensors.iter().enumerate() {
                let (input, windows) = &inputs[t];
                let values: Vec<f32> = program.read(*input)?;
                let len = values.len() / batch;
                let all = windows.output[0] * windows.output[1];
                let mut chosen = Vec::new();
                for k in 0..clips.len() {
                    let mut of_clip: Vec<usize> = (0..all).collect();
                    Stream::new((number * batch + k) as u64, "places", t as u64)
                        .shuffle(&mut of_clip);
                    of_clip.truncate(places);
                    chosen.extend(of_clip.into_iter().map(|place| (k, place)));
                }
                counts[t] += chosen.len();
                let block = block_rows(tensor);
                sums[t]
                    .par_iter_mut()
                    .enumerate()
                    .for_each(|(b, (sum, products))| {
                        let n = sum.len();
                        let mut rows = DMatrix::zeros(n, chosen.len());
                        for (mut column, &(k, place)) in rows.column_iter_mut().zip(&chosen) {
                            let clip = &values[k * len..][..len];
                            let to = column.as_mut_slice();
                            windows.rows(tensor, b * block, clip, place, to);
                        }
                        for column in rows.column_iter() {
                            sum.iter_mut().zip(column.iter()).for_each(|(s, v)| *s += v);
                        }
                        products.gemm(1.0, &rows, &rows.transpose(), 1.0);
                    });
            }
        }
        let of = |(sums, count): (Vec<Sums>, usize)| {
            let count = count.max(1) as f64;
            let blocks = sums.into_iter().map(|(sum, products)| {
                let mean = Vec::from_iter(sum.iter().map(|sum| sum / count));
                let n = mean.len();
                let covariance =
                    DMatrix::from_fn(n, n, |a, b| products[(a, b)] / count - mean[a] * mean[b]);
                Rows { mean, covariance }
            });
            blocks.collect()
        };
        Ok(Self {
            tensors: sums.into_iter().zip(counts).map(of).collect(),
        })
    }
}
