//! What really reaches the edges of a network: the inputs that its layers with splines make of music.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program, Shape};
use crate::model::{Density, LayerSpec, Moments, Network, Storage};
use crate::ops::Basis;

/// Clips that go through the network at a time.
const BATCH: usize = 16;

/// Intervals within a half of the grid by which inputs are counted; they widen with the distance from its middle.
const INTERVALS: f64 = 256.0;

/// What reaches the edges of a layer with splines.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerInputs {
    /// Place of the layer in the network.
    pub layer: usize,
    /// The functions on its edges.
    pub basis: Basis,
    /// Its input channels: every value of a clip for a dense layer, a single one for a shared spline.
    pub channels: Vec<ChannelInputs>,
}

/// What reaches the edges of an input channel. A value counts as often as edges hear it: none hears padding, and with a
/// stride some values are heard by more taps than others.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelInputs {
    /// The distribution of the inputs; a place is the mean of those in a narrow interval.
    pub density: Density,
    /// Means and second moments of the basis functions under it, silu the last of them.
    pub moments: Moments,
    /// Share of the inputs below and above the grid, where splines go on straight.
    pub outside: [f64; 2],
}

impl LayerInputs {
    /// Share of all inputs that lies outside the grid.
    pub fn outside(&self) -> f64 {
        let shares = self.channels.iter().map(|c| c.outside.iter().sum::<f64>());
        shares.sum::<f64>() / self.channels.len().max(1) as f64
    }

    /// The distribution over all channels.
    pub fn density(&self) -> Density {
        let mut counted = Counted::default();
        for (z, share) in self.channels.iter().flat_map(|c| c.density.points()) {
            counted.add(&self.basis, z, share);
        }
        counted.density()
    }
}

/// Means of the inputs by narrow intervals.
#[derive(Debug, Clone, Default)]
struct Counted {
    /// Weight and weighted sum.
    intervals: BTreeMap<i32, (f64, f64)>,
    total: f64,
    outside: [f64; 2],
}

impl Counted {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the hyperbolic sine of an interval's number is within f64"
    )]
    fn add(&mut self, basis: &Basis, z: f64, weight: f64) {
        if !z.is_finite() || weight <= 0.0 {
            return;
        }
        let from_middle = (z - f64::from(basis.centre)) / f64::from(basis.range);
        let interval = (from_middle.asinh() * INTERVALS).floor() as i32;
        let (count, sum) = self.intervals.entry(interval).or_default();
        *count += weight;
        *sum += weight * z;
        self.total += weight;
        self.outside[0] += if from_middle < -1.0 { weight } else { 0.0 };
        self.outside[1] += if from_middle > 1.0 { weight } else { 0.0 };
    }

    fn density(&self) -> Density {
        let means = self
            .intervals
            .values()
            .map(|(count, sum)| (sum / count, *count));
        Density::of(means)
    }
}

/// What reaches the edges of each layer with splines when the network hears these clips, band-major `[bands][frames]` each;
/// none of a network without splines.
///
/// # Errors
/// [`GpuError`].
pub fn inputs(
    gpu: &Gpu,
    network: &Network,
    parameters: &[f32],
    clips: &[Vec<f32>],
) -> Result<Vec<LayerInputs>, GpuError> {
    let layers = &network.spec.layers;
    let splines: Vec<(usize, Basis)> = (0..)
        .zip(layers)
        .filter_map(|(place, layer)| Some((place, layer.basis()?)))
        .collect();
    let Some(&(last, _)) = splines.last() else {
        return Ok(Vec::new());
    };
    let mut plan = Plan::new(gpu.tuning());
    plan.quick = gpu.class().is_software();
    let storage = Storage::of(parameters);
    let weights = storage.weights(&mut plan, network.flat_len());
    let [bands, frames] = network.input;
    let batch = clips.len().clamp(1, BATCH);
    let x = plan.tensor("clips", [batch, 1, bands, frames], BufferRole::Input);
    let forward = network.forward_layers(&mut plan, weights, x, None, 0..last + 1);
    let mut read = Vec::new();
    for (layer, basis) in splines {
        let tensor = network.input_of(&forward, layer);
        plan.keep(tensor);
        let (channels, heard) = heard(&layers[layer], tensor.shape);
        read.push((
            layer,
            basis,
            tensor,
            heard,
            vec![Counted::default(); channels],
        ));
    }
    plan.share_scratch();
    let program = Program::new(gpu, plan)?;
    program.write(weights.tensor(), &storage.words(parameters));
    for clips in clips.chunks(batch) {
        for (k, clip) in clips.iter().enumerate() {
            program.write_at(x, k * bands * frames, clip);
        }
        program.run()?;
        for (_, basis, tensor, heard, channels) in &mut read {
            let values: Vec<f32> = program.read(*tensor)?;
            let len = heard.len();
            let images = channels.len();
            channels
                .par_iter_mut()
                .enumerate()
                .for_each(|(k, counted)| {
                    for clip in 0..clips.len() {
                        let channel = &values[(clip * images + k) * len..][..len];
                        for (&z, &weight) in channel.iter().zip(heard.iter()) {
                            counted.add(basis, z.into(), weight);
                        }
                    }
                });
        }
    }
    let of_channel = |basis: &Basis, counted: &Counted| {
        let density = counted.density();
        ChannelInputs {
            moments: density.moments(basis),
            outside: counted.outside.map(|n| n / counted.total.max(1.0)),
            density,
        }
    };
    Ok(read
        .iter()
        .map(|(layer, basis, _, _, channels)| LayerInputs {
            layer: *layer,
            basis: *basis,
            channels: channels.par_iter().map(|c| of_channel(basis, c)).collect(),
        })
        .collect())
}

/// How many input channels a layer's edges tell apart in an input of this shape, and how many taps of a kernel hear each value
/// of a channel.
fn heard(layer: &LayerSpec, [_, c, h, w]: Shape) -> (usize, Vec<f64>) {
    match layer {
        LayerSpec::KanConv(conv) => {
            let [kernel, stride, padding] =
                [conv.kernel, conv.stride, conv.padding].map(|p| p.get());
            let [rows, columns] = [(0, h), (1, w)]
                .map(|(axis, size)| taps(size, kernel[axis], stride[axis], padding[axis]));
            let each = rows
                .iter()
                .flat_map(|row| columns.iter().map(move |column| row * column));
            (c, each.collect())
        }
        LayerSpec::SharedSpline(_) => (1, vec![1.0; c * h * w]),
        _ => (c * h * w, vec![1.0]),
    }
}

/// How many taps along an axis hear each of its values.
fn taps(size: usize, kernel: usize, stride: usize, padding: usize) -> Vec<f64> {
    let mut heard = vec![0.0; size];
    let last = (size + 2 * padding).saturating_sub(kernel);
    for first in (0..=last).step_by(stride) {
        for at in first..first + kernel {
            if let Some(count) = at.checked_sub(padding).and_then(|at| heard.get_mut(at)) {
                *count += 1.0;
            }
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::normal;

    #[test]
    fn values_count_as_often_as_taps_hear_them() {
        // Kernel 3, stride 2, padding 1 over 6 values: windows begin at -1, 1 and 3.
        assert_eq!(taps(6, 3, 2, 1), [1.0, 2.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(taps(5, 3, 1, 0), [1.0, 2.0, 3.0, 2.0, 1.0]);
        assert_eq!(taps(4, 1, 3, 0), [1.0, 0.0, 0.0, 1.0]);
        // Every output has as many taps as it has values that are not padding.
        assert_eq!(taps(9, 4, 2, 0).iter().sum::<f64>(), 12.0);
    }

    #[test]
    fn counted_inputs_have_the_moments_of_what_was_counted() {
        let basis = Basis {
            order: 3,
            grid: 4,
            range: 2.5,
            centre: 0.0,
        };
        let mut counted = Counted::default();
        let n = 20_000;
        for k in 0..n {
            counted.add(&basis, 1.5 * normal([3, 1, 1, k]), 1.0);
        }
        counted.add(&basis, f64::NAN, 1.0);
        let exact = Density::of((0..n).map(|k| (1.5 * normal([3, 1, 1, k]), 1.0)));
        let (got, want) = (counted.density().moments(&basis), exact.moments(&basis));
        for a in 0..basis.slots() {
            assert!((got.mean[a] - want.mean[a]).abs() < 1e-4);
            for b in 0..basis.slots() {
                assert!((got.second[a][b] - want.second[a][b]).abs() < 5e-4);
            }
        }
        // P(|z| > 2.5 / 1.5) of a normal z is 9.56 %.
        let outside: f64 = counted.outside.iter().sum::<f64>() / counted.total;
        assert!((outside - 0.0956).abs() < 0.01, "{outside}");
    }
}
