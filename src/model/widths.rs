//! Networks of equal size: a spec made as wide as it takes for a number of parameters.

use super::spec::LayerSpec;
use super::{ModelError, Network, Spec};

/// How far from the number of parameters that was asked for is still equal.
const TOLERANCE: f64 = 0.02;

/// Channels that the widest layer may have.
const WIDEST: usize = 4096;

/// The spec with about `target` parameters, within 2 %, on clips of `input` = [bands, frames]. All output
/// channels but those of the embedding grow or shrink by one factor, single layers then by one step more.
///
/// # Errors
/// [`ModelError::Size`] with the nearest number there is, or what [`Network::new`] finds wrong.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "channels are at most 65,536, and their units divide what a network makes of a clip"
)]
pub(crate) fn equal_parameters(
    spec: &Spec,
    target: usize,
    input: [usize; 2],
) -> Result<Spec, ModelError> {
    // Refuses what no width can mend, such as a layer of no channels.
    Network::new(spec.clone(), input)?;
    let places = widths(spec);
    let units: Vec<usize> = places.iter().map(|&place| unit(spec, place)).collect();
    let original: Vec<usize> = places
        .iter()
        .map(|&place| spec.layers[place].channels().unwrap_or(1))
        .collect();
    let widened = |widths: &[usize]| {
        let mut spec = spec.clone();
        for (&place, &width) in places.iter().zip(widths) {
            if let Some(channels) = spec.layers[place].channels_mut() {
                *channels = width;
            }
        }
        spec
    };
    // None where a layer is too large for any device.
    let count = |widths: &[usize]| match Network::new(widened(widths), input) {
        Ok(network) => Ok(Some(network.parameter_count())),
        Err(ModelError::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    };

    // So many channels of the widest layer, the others in proportion.
    let widest = original.iter().copied().max().unwrap_or(1);
    let scaled = |numerator: usize| -> Vec<usize> {
        let scale = |(&channels, &unit): (&usize, &usize)| {
            let units = (channels * numerator + widest * unit / 2) / (widest * unit);
            unit * units.max(1)
        };
        original.iter().zip(&units).map(scale).collect()
    };
    let (mut low, mut high) = (1, WIDEST);
    while low < high {
        let middle = (low + high).div_ceil(2);
        // A norm of a single value does not fit: that is too narrow.
        if count(&scaled(middle)).map_or(true, |count| count.is_some_and(|n| n <= target)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    // The answer lies between this factor and the next: single layers take the step there, each time the
    // one that comes nearest.
    let next = scaled(low + 1);
    let mut best = scaled(low);
    if count(&best).is_err() {
        best.clone_from(&next);
    }
    let mut nearest = count(&best)?.unwrap_or(0);
    loop {
        let mut found = None;
        for layer in 0..best.len() {
            let mut widths = best.clone();
            widths[layer] = next[layer];
            if let Some(reached) = count(&widths)?
                && reached.abs_diff(target) < nearest.abs_diff(target)
            {
                nearest = reached;
                found = Some(widths);
            }
        }
        match found {
            Some(widths) => best = widths,
            None => break,
        }
    }
    if nearest.abs_diff(target) as f64 > TOLERANCE * target as f64 {
        return Err(ModelError::Size {
            name: spec.name.clone(),
            target,
            nearest,
        });
    }
    Ok(widened(&best))
}

/// Places of the layers whose channels may change: all that have some but the last, the embedding.
fn widths(spec: &Spec) -> Vec<usize> {
    let has_channels = |place: &usize| spec.layers[*place].channels().is_some();
    let mut places: Vec<usize> = (0..spec.layers.len()).filter(has_channels).collect();
    places.pop();
    places
}

/// What the channels of the layer at `place` must be a multiple of: the groups of the norms above it.
fn unit(spec: &Spec, place: usize) -> usize {
    spec.layers
        .iter()
        .skip(place)
        .skip(1)
        .take_while(|layer| layer.channels().is_none())
        .filter_map(|layer| match layer {
            LayerSpec::GroupNorm(norm) if norm.groups > 1 => Some(norm.groups),
            _ => None,
        })
        .fold(1, lcm)
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "neither is 0, and both divide what a network makes of a clip"
)]
fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: [[usize; 2]; 4] = [[64, 129], [64, 64], [40, 61], [128, 200]];

    fn parameters(spec: Spec, input: [usize; 2]) -> usize {
        Network::new(spec, input).unwrap().parameter_count()
    }

    #[test]
    fn derived_networks_have_the_parameters_of_those_they_are_compared_with() {
        for input in INPUTS {
            for (name, other) in [("cnn-params", "ickan"), ("mlp-params", "kan")] {
                let [got, want] =
                    [name, other].map(|n| parameters(Spec::named(n, input).unwrap(), input));
                let off = (got as f64 / want as f64 - 1.0).abs();
                assert!(off < 0.02, "{name} at {input:?}: {got} for {want}");
            }
        }
    }

    #[test]
    fn proportions_stay_and_the_embedding_keeps_its_width() {
        let input = [64, 128];
        let spec = Spec::named("cnn-params", input).unwrap();
        let channels: Vec<usize> = spec.layers.iter().filter_map(LayerSpec::channels).collect();
        let [a, b, c, d, embedding] = channels[..] else {
            panic!("{channels:?}");
        };
        assert_eq!(embedding, 64);
        for (width, was) in [(b, 16), (c, 24), (d, 32)] {
            let ratio = width as f64 / a as f64 / (was as f64 / 8.0);
            assert!((0.8..1.25).contains(&ratio), "{channels:?}");
        }
    }

    #[test]
    fn the_parameters_of_the_spec_itself_change_nothing() {
        for name in ["ickan", "cnn", "kan"] {
            let spec = Spec::named(name, [64, 128]).unwrap();
            let target = parameters(spec.clone(), [64, 128]);
            assert_eq!(equal_parameters(&spec, target, [64, 128]).unwrap(), spec);
        }
    }

    #[test]
    fn channels_stay_multiples_of_the_groups_of_their_norms() {
        let text = Spec::named("cnn", [64, 128]).unwrap().to_toml();
        let spec = Spec::from_toml(&text.replacen("groups = 1\naffine = true", "groups = 4", 4));
        for target in [60_000, 150_000, 333_333] {
            let spec = equal_parameters(spec.as_ref().unwrap(), target, [64, 128]).unwrap();
            let got = parameters(spec, [64, 128]);
            assert!(got.abs_diff(target) * 50 <= target, "{got} for {target}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_is_refused_with_the_nearest() {
        let named = |name| Spec::named(name, [64, 128]).unwrap();
        let refused = |spec: &Spec, target| {
            let error = equal_parameters(spec, target, [64, 128]).unwrap_err();
            error.to_string()
        };
        let least = refused(&named("cnn"), 100);
        assert!(least.contains("`cnn`") && least.contains("100 parameters"));
        assert!(least.contains("the nearest count is"), "{least}");
        for (name, target) in [("mlp", 0), ("mlp", usize::MAX), ("kan", 100)] {
            let said = refused(&named(name), target);
            assert!(said.contains("the nearest count is"), "{said}");
        }
        // A single layer is the embedding, which stays.
        let one = "name = \"one\"\n[[layers]]\ntype = \"linear\"\nchannels = 2\n";
        let one = Spec::from_toml(one).unwrap();
        let fixed = refused(&one, 1000);
        assert!(fixed.contains("16386"), "{fixed}");
    }
}
