//! The reference networks: splines, and the two plain networks that they are fairly compared with.

use crate::data::Task;
use crate::model::{Network, Spec};
use crate::ops::{AdamW, Augment};
use crate::settings::Learner;
use crate::train::{Shaping, StepShape};

/// Mel bands and frames of a clip.
pub const INPUT: [usize; 2] = [64, 128];

/// Ways, shots and queries of an episode: 50 clips.
pub const TASK: Task = Task::new(5, 5, 5);

/// Channels of the four convolutions.
const CHANNELS: [usize; 4] = [12, 24, 32, 48];

/// `ickan`, `conv_same_channels` and `conv_equal_params` (also their specs' names), all channels of the
/// first two `factor` times those of the reference: 12, 24, 32 and 48 channels, 3x3, stride 2, with a
/// normalisation before each. The first has full per-edge cubic splines on four cells, the second plain
/// weights and silu, the third the second's layers as wide as it takes for the parameters of the first.
pub fn reference_networks(factor: usize) -> [Network; 3] {
    let channels = CHANNELS.map(|c| c * factor);
    let ickan = network("ickan", true, channels);
    let target = ickan.parameter_count();
    let same = network("conv_same_channels", false, channels);
    // An edge of the first has eight values: the root of eight, about 2.8, is the factor to expect.
    let last = channels[3];
    let (equal, _) = (last..=4 * last)
        .map(|width| {
            let channels = channels.map(|c| (c * width + last / 2) / last);
            let network = network("conv_equal_params", false, channels);
            let off = network.parameter_count().abs_diff(target);
            (network, off)
        })
        .min_by_key(|(_, off)| *off)
        .unwrap_or_else(|| unreachable!("the range is not empty"));
    [ickan, same, equal]
}

/// The training step that networks are compared by: an episode of [`TASK`], no augmentation, no bank yet.
pub fn reference_step(network: &Network) -> StepShape<'_> {
    StepShape {
        network,
        task: TASK,
        augment: Augment::default(),
        optimizer: AdamW::default(),
        learner: Learner::default(),
        banks: &[],
        shaping: Shaping::default(),
        teacher: None,
    }
}

fn network(name: &str, splines: bool, channels: [usize; 4]) -> Network {
    let (kind, activation) = if splines {
        ("kan_conv\"\ngrid = 4\norder = 3", "")
    } else {
        (
            "conv\"",
            "[[layers]]\ntype = \"activation\"\nkind = \"silu\"\n",
        )
    };
    let layers = channels.map(|c| {
        format!(
            "[[layers]]\ntype = \"group_norm\"\ngroups = 1\n\
             [[layers]]\ntype = \"{kind}\nchannels = {c}\nkernel = 3\nstride = 2\npadding = 1\n{activation}"
        )
    });
    let layers = layers.concat();
    let text = format!(
        "name = \"{name}\"\n{layers}[[layers]]\ntype = \"statistics_pool\"\nover = \"all\"\n"
    );
    Spec::from_toml(&text)
        .and_then(|spec| Network::new(spec, INPUT))
        .unwrap_or_else(|e| unreachable!("the reference networks are tested: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values on the edges: neither biases nor norms.
    fn edge_weights(network: &Network) -> usize {
        network
            .named_parameters(&network.initial_parameters(1))
            .iter()
            .filter(|p| p.name.ends_with("conv.weight"))
            .map(|p| p.values.len())
            .sum()
    }

    #[test]
    fn the_yardsticks_have_an_eighth_of_the_edge_weights_or_the_same_parameters() {
        for factor in [1, 4] {
            let [ickan, same, equal] = reference_networks(factor);
            assert_eq!(ickan.width(), 2 * 48 * factor);
            assert_eq!(edge_weights(&ickan), 8 * edge_weights(&same));
            assert_eq!(ickan.flops(), 8 * same.flops());
            let ratio = equal.parameter_count() as f64 / ickan.parameter_count() as f64;
            assert!((ratio - 1.0).abs() < 0.02, "{factor}: {ratio}");
        }
    }

    #[test]
    fn the_reference_is_the_one_of_the_documents() {
        let [ickan, ..] = reference_networks(1);
        assert_eq!(ickan.parameter_count(), 187_742);
        assert_eq!(ickan.flops() / 1_000_000, 46);
    }
}
