//! Removing channels: a smaller network that computes what is left.

use std::collections::BTreeMap;

use crate::embed::Embedder;
use crate::gpu::{Gpu, GpuError};
use crate::model::layers::{Over, StatisticsPool};
use crate::model::{EdgeTensor, LayerSpec, ModelError, NamedParameter, Network};

/// Channels of a layer that go together: the kernels work on four outputs at a time.
const TOGETHER: usize = 4;

/// The output channels that are kept of layers, in ascending order; of a layer that is not named all are.
pub type KeptChannels = BTreeMap<usize, Vec<usize>>;

/// A layer whose channels may be removed, and who hears them.
#[derive(Debug, Clone)]
struct Hidden {
    /// Place of the layer.
    layer: usize,
    /// Output channels.
    channels: usize,
    /// For each input channel of the next layer with edges the channel that it comes of.
    sources: Vec<usize>,
    /// The next layer with edges.
    next: EdgeTensor,
}

/// The layers whose output channels may be removed: those with edges, up to another one. What is normalised in several groups
/// keeps all of its channels, and so does what is embedded.
fn hidden(network: &Network) -> Vec<Hidden> {
    let tensors = network.edge_tensors();
    let edges = |layer: usize| {
        let shared = matches!(network.spec.layers[layer], LayerSpec::SharedSpline(_));
        tensors.iter().find(|t| t.layer == layer && !shared)
    };
    let mut found = Vec::new();
    // The layer whose channels are looked at, and the channel that each of the present ones comes of.
    let mut open: Option<(usize, Vec<usize>)> = None;
    for (layer, spec) in network.spec.layers.iter().enumerate() {
        let [_, _, height, width] = network.input_shape(layer);
        if let Some(tensor) = edges(layer) {
            if let Some((from, sources)) = open.take() {
                let dense = matches!(spec, LayerSpec::Linear(_) | LayerSpec::KanLinear(_));
                let each = if dense { height * width } else { 1 };
                let sources = (0..tensor.inputs).map(|input| sources[input / each]);
                found.push(Hidden {
                    layer: from,
                    channels: edges(from).map_or(0, |tensor| tensor.outputs),
                    sources: sources.collect(),
                    next: *tensor,
                });
            }
            open = Some((layer, (0..tensor.outputs).collect()));
            continue;
        }
        open = open.and_then(|(from, sources)| match spec {
            LayerSpec::GroupNorm(norm) if norm.groups > 1 => None,
            LayerSpec::StatisticsPool(pool) => {
                let of_rows = of_statistics(pool, &sources, height);
                Some((from, of_rows))
            }
            _ => Some((from, sources)),
        });
    }
    found
}

/// The channel that each statistic comes of: first all means, then all deviations.
fn of_statistics(pool: &StatisticsPool, sources: &[usize], height: usize) -> Vec<usize> {
    let each = match pool.over {
        Over::Time => height,
        Over::All => 1,
    };
    let rows = sources
        .iter()
        .flat_map(|&source| std::iter::repeat_n(source, each));
    let rows: Vec<usize> = rows.collect();
    [&rows[..], &rows[..]].concat()
}

/// The network without the output channels that are not kept, and its parameters. Where nothing normalises over several channels it
/// makes what the whole network makes when all edges from these channels are zero.
///
/// # Errors
/// [`ModelError`] if the rest is no network: a layer without channels, or with too few for its groups.
pub fn without_channels(
    network: &Network,
    parameters: &[f32],
    kept: &KeptChannels,
) -> Result<(Network, Vec<f32>), ModelError> {
    let hidden = hidden(network);
    let mut spec = network.spec.clone();
    // By layer: input and output channels that stay.
    let mut inputs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut channels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for found in &hidden {
        let Some(kept) = kept.get(&found.layer) else {
            continue;
        };
        let stays = |source: &usize| kept.binary_search(source).is_ok();
        let heard = (0..found.sources.len()).filter(|&input| stays(&found.sources[input]));
        inputs.insert(found.next.layer, heard.collect());
        if let Some(channels) = spec.layers[found.layer].channels_mut() {
            *channels = kept.len();
        }
        // Of the layer itself, and of all that have as many channels up to the next.
        for layer in found.layer..found.next.layer {
            channels.insert(layer, kept.clone());
        }
    }
    let smaller = Network::new(spec, network.input)?;
    let named = network.named_parameters(parameters);
    let all = |count: usize| (0..count).collect::<Vec<_>>();
    let named: Vec<NamedParameter> = named
        .into_iter()
        .map(|parameter| {
            let layer = parameter.name.split('.').next();
            let layer = layer.and_then(|layer| layer.parse().ok()).unwrap_or(0);
            let dims = &parameter.dims;
            let last = dims.last().copied().unwrap_or(1);
            // A shared spline's single edge serves any number of channels.
            let shared = matches!(network.spec.layers[layer], LayerSpec::SharedSpline(_));
            let outputs = channels.get(&layer).filter(|_| !shared);
            let outputs = outputs.cloned().unwrap_or_else(|| all(last));
            let first = inputs.get(&layer).filter(|_| dims.len() == 5);
            let rows = first.cloned().unwrap_or_else(|| all(dims[0]));
            let one_row: usize = dims[1..].iter().product();
            let (rows, one_row) = match dims.len() {
                1 => (vec![0], last),
                _ => (rows, one_row),
            };
            let values = rows.iter().flat_map(|row| {
                let row = &parameter.values[row * one_row..][..one_row];
                let outputs = &outputs;
                row.chunks(last)
                    .flat_map(move |values| outputs.iter().map(|&output| values[output]))
            });
            let values: Vec<f32> = values.collect();
            let mut dims = dims.clone();
            if dims.len() > 1 {
                dims[0] = rows.len();
            }
            if let Some(last) = dims.last_mut() {
                *last = outputs.len();
            }
            NamedParameter {
                name: parameter.name,
                dims,
                values,
            }
        })
        .collect();
    let flat = smaller.flat_parameters(&named)?;
    Ok((smaller, flat))
}

/// How much each channel of the layers that may lose some matters: the mean squared distance of the embeddings of these clips from
/// those without it, as a share of their mean square.
#[derive(Debug, Clone)]
pub struct RankedChannels {
    hidden: Vec<Hidden>,
    /// By place in `hidden`, by channel.
    matters: Vec<Vec<f64>>,
}

impl RankedChannels {
    /// Measures every channel on clips, band-major `[bands][frames]` each. `on` is told how many are done, of how many.
    ///
    /// # Errors
    /// [`GpuError`].
    pub fn new(
        gpu: &Gpu,
        network: &Network,
        parameters: &[f32],
        clips: &[Vec<f32>],
        on: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, GpuError> {
        let hidden = hidden(network);
        let embedder = Embedder::new(gpu, network, parameters)?;
        let whole = embedder.embed(clips)?.concat();
        let power: f64 = whole.iter().map(|&v| f64::from(v).powi(2)).sum();
        let count: usize = hidden.iter().map(|found| found.channels).sum();
        let mut done = 0;
        let mut matters = Vec::new();
        for found in &hidden {
            let mut of_layer = Vec::new();
            for channel in 0..found.channels {
                on(done, count);
                done += 1;
                let mut without = parameters.to_vec();
                silence(found, channel, &mut without);
                embedder.set_parameters(&without);
                let changed = embedder.embed(clips)?.concat();
                let distance = whole.iter().zip(&changed);
                let distance = distance.map(|(a, b)| f64::from(a - b).powi(2));
                of_layer.push(distance.sum::<f64>() / power.max(f64::MIN_POSITIVE));
            }
            matters.push(of_layer);
        }
        Ok(Self { hidden, matters })
    }

    /// Whether there is a layer that may lose channels.
    pub fn is_empty(&self) -> bool {
        self.hidden.is_empty()
    }

    /// The channels to keep so that the network takes at most this share of its floating-point operations, as far as each layer
    /// may keep four of them: again and again the four of a layer go that matter least for the operations that they take.
    ///
    /// # Errors
    /// [`ModelError`]: a rest that is no network.
    pub fn keep(&self, network: &Network, share: f64) -> Result<KeptChannels, ModelError> {
        // Most important first.
        let order: Vec<Vec<usize>> = self
            .matters
            .iter()
            .map(|matters| {
                let mut order: Vec<usize> = (0..matters.len()).collect();
                order.sort_by(|&a, &b| matters[b].total_cmp(&matters[a]));
                order
            })
            .collect();
        let sizes = |counts: &[usize]| {
            let mut spec = network.spec.clone();
            for (found, &count) in self.hidden.iter().zip(counts) {
                if let Some(channels) = spec.layers[found.layer].channels_mut() {
                    *channels = count;
                }
            }
            Network::new(spec, network.input).map(|network| network.flops())
        };
        let mut counts: Vec<usize> = order.iter().map(Vec::len).collect();
        let wanted = share * network.flops() as f64;
        loop {
            let now = sizes(&counts)?;
            if now as f64 <= wanted {
                break;
            }
            let mut best: Option<(f64, usize, usize)> = None;
            for (place, order) in order.iter().enumerate() {
                let count = counts[place];
                // The first to go leaves a multiple of four.
                let least = (count - 1) / TOGETHER * TOGETHER;
                if least < TOGETHER {
                    continue;
                }
                let mut fewer = counts.clone();
                fewer[place] = least;
                let saved = now.saturating_sub(sizes(&fewer)?).max(1);
                let matters = order[least..count].iter().map(|&c| self.matters[place][c]);
                let price = matters.sum::<f64>() / saved as f64;
                if best.is_none_or(|(least, ..)| price < least) {
                    best = Some((price, place, least));
                }
            }
            let Some((_, place, least)) = best else {
                break;
            };
            counts[place] = least;
        }
        let mut kept = KeptChannels::new();
        for ((found, order), &count) in self.hidden.iter().zip(&order).zip(&counts) {
            if count < order.len() {
                let mut channels = order[..count].to_vec();
                channels.sort_unstable();
                kept.insert(found.layer, channels);
            }
        }
        Ok(kept)
    }
}

/// Takes every edge away that leads from a channel on.
fn silence(found: &Hidden, channel: usize, parameters: &mut [f32]) {
    let tensor = &found.next;
    let area = tensor.kernel[0] * tensor.kernel[1];
    for (input, _) in found
        .sources
        .iter()
        .enumerate()
        .filter(|(_, s)| **s == channel)
    {
        for tap in input * area..(input + 1) * area {
            for output in 0..tensor.outputs {
                tensor.remove(parameters, tap, output);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spec;
    use crate::reference::normal;

    fn network(layers: &[&str]) -> Network {
        let layers = layers
            .iter()
            .map(|layer| format!("[[layers]]\ntype = {layer}\n"));
        let text = format!("name = \"t\"\n{}", layers.collect::<String>());
        Network::new(Spec::from_toml(&text).unwrap(), [9, 12]).unwrap()
    }

    /// Everything that may stand between two layers with edges, without anything that mixes channels.
    fn all_kinds() -> Network {
        network(&[
            "\"conv\"\nchannels = 6\nkernel = 3\npadding = 1",
            "\"group_norm\"\ngroups = 0",
            "\"activation\"\nkind = \"silu\"",
            "\"shared_spline\"",
            "\"kan_conv\"\nchannels = 7\nkernel = [3, 2]\nstride = 2",
            "\"pool\"\nkernel = 2\nkind = \"max\"",
            "\"linear\"\nchannels = 9",
            "\"kan_linear\"\nchannels = 5",
            "\"linear\"\nchannels = 3",
        ])
    }

    fn made(network: &Network, parameters: &[f32]) -> Vec<f64> {
        let clips: Vec<f64> = (0..2 * 9 * 12).map(|k| normal([5, 5, 5, k])).collect();
        let parameters: Vec<f64> = parameters.iter().map(|&p| p.into()).collect();
        network.reference(2, &clips, &parameters, None)
    }

    fn random(network: &Network) -> Vec<f32> {
        let mut parameters = network.initial_parameters(2);
        // Biases and scales are not what they begin with.
        for (k, value) in parameters.iter_mut().enumerate() {
            *value += 0.1 * normal([8, 8, 8, k as u32]) as f32;
        }
        parameters
    }

    #[test]
    fn a_smaller_network_makes_what_the_whole_one_makes_without_the_edges_of_the_removed_channels()
    {
        let statistics = |over: &str| {
            network(&[
                "\"conv\"\nchannels = 6\nkernel = 3",
                "\"group_norm\"\ngroups = 0",
                &format!("\"statistics_pool\"\nover = \"{over}\""),
                "\"linear\"\nchannels = 4",
            ])
        };
        for (network, kept) in [
            (all_kinds(), vec![(0, vec![1, 3, 4, 5])]),
            (all_kinds(), vec![(4, vec![0, 2, 6])]),
            (
                all_kinds(),
                vec![
                    (0, vec![2]),
                    (4, vec![5]),
                    (6, vec![0, 8]),
                    (7, vec![1, 2, 4]),
                ],
            ),
            (statistics("time"), vec![(0, vec![0, 2, 5])]),
            (statistics("all"), vec![(0, vec![1, 5])]),
        ] {
            let parameters = random(&network);
            let kept: KeptChannels = kept.into_iter().collect();
            let mut silent = parameters.clone();
            let hidden = hidden(&network);
            for (layer, kept) in &kept {
                let found = hidden.iter().find(|found| found.layer == *layer).unwrap();
                for channel in (0..found.channels).filter(|c| !kept.contains(c)) {
                    silence(found, channel, &mut silent);
                }
            }
            let (smaller, rest) = without_channels(&network, &parameters, &kept).unwrap();
            assert!(smaller.parameter_count() < network.parameter_count());
            assert!(smaller.flops() < network.flops());
            assert_ne!(made(&network, &parameters), made(&network, &silent));
            let (got, want) = (made(&smaller, &rest), made(&network, &silent));
            assert_eq!(got.len(), want.len());
            for (got, want) in got.iter().zip(&want) {
                assert!(
                    (got - want).abs() < 1e-9 * (1.0 + want.abs()),
                    "{got} {want}"
                );
            }
        }
    }

    #[test]
    fn channels_that_are_copies_go_without_a_trace_where_all_are_normalised_together() {
        let spec = |channels: usize| {
            network(&[
                &format!("\"conv\"\nchannels = {channels}\nkernel = 3"),
                "\"group_norm\"\ngroups = 1",
                "\"statistics_pool\"",
                "\"linear\"\nchannels = 4",
            ])
        };
        let (half, whole) = (spec(3), spec(6));
        let small = random(&half);
        // Each channel twice, heard at half the weight.
        let mut named = whole.named_parameters(&vec![0.0; whole.flat_len()]);
        for (to, from) in named.iter_mut().zip(half.named_parameters(&small)) {
            let last = *from.dims.last().unwrap();
            if from.name.starts_with("3.linear.weight") {
                let half = from.values.iter().map(|w| w / 2.0).collect::<Vec<_>>();
                let rows = half.len() / last;
                // Means of all channels, then deviations: bands within a channel.
                let of_channel = rows / 2 / 3 * last;
                let halves = half.chunks(rows / 2 * last);
                to.values = halves
                    .flat_map(|part| {
                        part.chunks(of_channel)
                            .flat_map(|c| [c, c].concat())
                            .collect::<Vec<_>>()
                    })
                    .collect();
            } else if from.name.starts_with("3.") {
                to.values = from.values;
            } else {
                to.values = from
                    .values
                    .chunks(last)
                    .flat_map(|row| row.iter().flat_map(|&w| [w, w]))
                    .collect();
            }
        }
        let parameters = whole.flat_parameters(&named).unwrap();
        for (got, want) in made(&whole, &parameters).iter().zip(made(&half, &small)) {
            assert!((got - want).abs() < 1e-6 * (1.0 + want.abs()));
        }
        let kept = KeptChannels::from([(0, vec![0, 2, 5])]);
        let (smaller, rest) = without_channels(&whole, &parameters, &kept).unwrap();
        assert_eq!(smaller, half);
        for (got, want) in smaller
            .named_parameters(&rest)
            .iter()
            .zip(half.named_parameters(&small))
        {
            let halved = if got.name == "3.linear.weight" {
                2.0
            } else {
                1.0
            };
            for (got, want) in got.values.iter().zip(&want.values) {
                assert!((halved * got - want).abs() < 1e-6, "{got} {want}");
            }
        }
    }

    #[test]
    fn what_is_normalised_in_groups_and_what_is_embedded_keeps_its_channels() {
        let network = network(&[
            "\"conv\"\nchannels = 6\nkernel = 3",
            "\"group_norm\"\ngroups = 2",
            "\"conv\"\nchannels = 8\nkernel = 3",
            "\"group_norm\"\ngroups = 1",
            "\"linear\"\nchannels = 4",
        ]);
        let layers: Vec<usize> = hidden(&network).iter().map(|found| found.layer).collect();
        assert_eq!(layers, [2]);
    }

    #[test]
    fn the_channels_that_matter_least_for_their_operations_go_first_and_four_stay() {
        let network = network(&[
            "\"conv\"\nchannels = 10\nkernel = 3",
            "\"conv\"\nchannels = 8\nkernel = 3",
            "\"linear\"\nchannels = 4",
        ]);
        let ranked = RankedChannels {
            hidden: hidden(&network),
            // The last channels of the first layer matter least.
            matters: vec![(0..10).map(|c| f64::from(10 - c)).collect(), vec![1e6; 8]],
        };
        let kept = |share| ranked.keep(&network, share).unwrap();
        assert!(kept(1.0).is_empty());
        assert_eq!(kept(0.99)[&0], (0..8).collect::<Vec<_>>());
        assert_eq!(kept(0.6)[&0], (0..4).collect::<Vec<_>>());
        let least = kept(0.0);
        assert_eq!((least[&0].len(), least[&1].len()), (4, 4));
    }
}
