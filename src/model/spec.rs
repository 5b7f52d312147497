//! A network as data: layers that compose freely, written in TOML, stored in every model file.

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::layers::{
    Activation, Conv, Dropout, GroupNorm, KanConv, KanLinear, Layer, Linear, Noise, Pool,
    SharedSpline, Standardise, StatisticsPool,
};
use crate::ops::{Basis, Distance};

/// One layer of a spec; in TOML a table with its `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LayerSpec {
    /// A convolution with a spline and a silu base on every edge.
    KanConv(KanConv),
    /// A dense layer with a spline and a silu base on every edge.
    KanLinear(KanLinear),
    /// One function, a spline and a silu base, of every value.
    SharedSpline(SharedSpline),
    /// An ordinary convolution.
    Conv(Conv),
    /// An ordinary dense layer.
    Linear(Linear),
    /// Mel bands standardised by the training files.
    Standardise(Standardise),
    /// Group or instance normalisation.
    GroupNorm(GroupNorm),
    /// A fixed function on every value.
    Activation(Activation),
    /// Mean or maximum of windows.
    Pool(Pool),
    /// Mean and deviation over time.
    StatisticsPool(StatisticsPool),
    /// Normal noise while training.
    Noise(Noise),
    /// Dropout while training.
    Dropout(Dropout),
}

impl LayerSpec {
    pub(super) fn layer(&self) -> &dyn Layer {
        match self {
            Self::KanConv(layer) => layer,
            Self::KanLinear(layer) => layer,
            Self::SharedSpline(layer) => layer,
            Self::Conv(layer) => layer,
            Self::Linear(layer) => layer,
            Self::Standardise(layer) => layer,
            Self::GroupNorm(layer) => layer,
            Self::Activation(layer) => layer,
            Self::Pool(layer) => layer,
            Self::StatisticsPool(layer) => layer,
            Self::Noise(layer) => layer,
            Self::Dropout(layer) => layer,
        }
    }

    /// Its output channels, if it says how many.
    pub(crate) fn channels(&self) -> Option<usize> {
        self.clone().channels_mut().copied()
    }

    /// Its output channels, to be changed.
    pub(crate) fn channels_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::KanConv(layer) => Some(&mut layer.channels),
            Self::KanLinear(layer) => Some(&mut layer.channels),
            Self::Conv(layer) => Some(&mut layer.channels),
            Self::Linear(layer) => Some(&mut layer.channels),
            _ => None,
        }
    }

    /// The functions that it learns, if it has splines.
    pub fn basis(&self) -> Option<Basis> {
        match self {
            Self::KanConv(layer) => Some(layer.basis()),
            Self::KanLinear(layer) => Some(layer.basis()),
            Self::SharedSpline(layer) => Some(layer.basis()),
            _ => None,
        }
    }

    /// Its `type` in TOML.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KanConv(_) => "kan_conv",
            Self::KanLinear(_) => "kan_linear",
            Self::SharedSpline(_) => "shared_spline",
            Self::Conv(_) => "conv",
            Self::Linear(_) => "linear",
            Self::Standardise(_) => "standardise",
            Self::GroupNorm(_) => "group_norm",
            Self::Activation(_) => "activation",
            Self::Pool(_) => "pool",
            Self::StatisticsPool(_) => "statistics_pool",
            Self::Noise(_) => "noise",
            Self::Dropout(_) => "dropout",
        }
    }
}

/// A network: its layers, and how distances between its embeddings are taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What people call it.
    pub name: String,
    /// The distance between embeddings.
    #[serde(default)]
    pub distance: Distance,
    /// Logits are minus this times the distance.
    #[serde(default = "default_scale")]
    pub scale: f32,
    /// The layers, first to last.
    pub layers: Vec<LayerSpec>,
}

const fn default_scale() -> f32 {
    1.0
}

/// Most layers of a network.
const MOST_LAYERS: usize = 256;

/// Longest name of a network, in characters.
const LONGEST_NAME: usize = 100;

/// Whether a name can be printed in a line.
pub(super) fn is_name(name: &str) -> bool {
    let length = name.chars().take(LONGEST_NAME + 1).count();
    (1..=LONGEST_NAME).contains(&length) && !name.chars().any(char::is_control)
}

/// The specs that come with the crate, by name; the first one is the default.
pub(super) const NAMED: &[(&str, &str)] = &[
    (
        "ickan-late",
        include_str!("../../assets/specs/ickan-late.toml"),
    ),
    ("ickan", include_str!("../../assets/specs/ickan.toml")),
    (
        "shared-spline",
        include_str!("../../assets/specs/shared-spline.toml"),
    ),
    (
        "conv-kan-head",
        include_str!("../../assets/specs/conv-kan-head.toml"),
    ),
    (
        "ickan-paper",
        include_str!("../../assets/specs/ickan-paper.toml"),
    ),
    ("kan", include_str!("../../assets/specs/kan.toml")),
    ("cnn", include_str!("../../assets/specs/cnn.toml")),
    ("mlp", include_str!("../../assets/specs/mlp.toml")),
    ("conv", include_str!("../../assets/specs/conv.toml")),
];

/// Specs made from others: (name, what is widened, whose parameters it gets).
pub(super) const DERIVED: &[(&str, &str, &str)] =
    &[("cnn-params", "cnn", "ickan"), ("mlp-params", "mlp", "kan")];

impl Spec {
    /// Reads a spec from TOML.
    ///
    /// # Errors
    /// [`ModelError::Spec`] with the place of the mistake.
    pub fn from_toml(text: &str) -> Result<Self, ModelError> {
        toml::from_str(text).map_err(|e| ModelError::Spec {
            reason: e.to_string(),
        })
    }

    /// Checks what does not depend on the clips; [`Network::new`](super::Network::new) checks the layers.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        let refuse = |reason: String| Err(ModelError::Spec { reason });
        if !is_name(&self.name) {
            return refuse(format!(
                "its name must have 1 to {LONGEST_NAME} characters, none of them a control character"
            ));
        }
        if !(1e-6..=1e6).contains(&self.scale) {
            return refuse(format!(
                "scale is {}, but must be from 0.000001 to 1000000",
                self.scale
            ));
        }
        if self.layers.len() > MOST_LAYERS {
            return refuse(format!(
                "it has {} layers, but may have {MOST_LAYERS} or less",
                self.layers.len()
            ));
        }
        Ok(())
    }

    /// The spec as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| unreachable!("a spec is plain data: {e}"))
    }

    /// Names of the specs that come with the crate; the first one is the default.
    pub fn names() -> Vec<&'static str> {
        let named = NAMED.iter().map(|(name, _)| *name);
        named
            .chain(DERIVED.iter().map(|(name, ..)| *name))
            .collect()
    }
}

impl Default for Spec {
    fn default() -> Self {
        Self::from_toml(NAMED[0].1)
            .unwrap_or_else(|e| unreachable!("the default spec is tested: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Network;

    #[test]
    fn every_named_spec_bears_its_name_fits_and_embeds_in_64_values() {
        for input in [[64, 129], [64, 64], [40, 61]] {
            for name in Spec::names() {
                let spec = Spec::named(name, input).unwrap();
                assert_eq!(spec.name, name);
                let network = Network::new(spec, input).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(network.width(), 64, "{name}");
            }
        }
        assert_eq!(Spec::default().name, Spec::names()[0]);
    }

    #[test]
    fn an_unknown_name_lists_those_there_are() {
        let said = Spec::named("vgg", [64, 128]).unwrap_err().to_string();
        for name in Spec::names() {
            assert!(said.contains(name), "{said}");
        }
    }

    #[test]
    fn a_grid_off_the_middle_survives_being_written_and_read() {
        for layer in [
            "kan_conv\"\nchannels = 2\nkernel = 1",
            "kan_linear\"\nchannels = 2",
            "shared_spline\"",
        ] {
            let text =
                format!("name = \"t\"\n[[layers]]\ntype = \"{layer}\nrange = 0.5\ncentre = 0.5\n");
            let spec = Spec::from_toml(&text).unwrap();
            let basis = spec.layers[0].basis().unwrap();
            assert_eq!((basis.centre, basis.range, basis.grid), (0.5, 0.5, 4));
            assert_eq!(Spec::from_toml(&spec.to_toml()).unwrap(), spec);
            let lost = text.replace("centre = 0.5", "centre = nan");
            let said = Network::new(Spec::from_toml(&lost).unwrap(), [4, 4]).unwrap_err();
            assert!(said.to_string().contains("centre"), "{said}");
        }
    }

    #[test]
    fn a_standardisation_is_refused_where_it_cannot_be_measured_and_where_its_moments_do_not_fit() {
        let network = |layers: &[&str]| {
            let layers = layers.iter().map(|l| format!("[[layers]]\ntype = {l}\n"));
            let layers: String = layers.collect();
            Network::new(
                Spec::from_toml(&format!("name = \"t\"\n{layers}")).unwrap(),
                [3, 8],
            )
        };
        let conv = "\"conv\"\nchannels = 2\nkernel = 1";
        let plain = network(&["\"standardise\"", conv]).unwrap();
        assert!(plain.lacks_moments());
        let found = plain
            .with_moments(vec![1.0, 2.0, 3.0], vec![0.5; 3])
            .unwrap();
        assert!(!found.lacks_moments());
        assert_eq!(Spec::from_toml(&found.spec.to_toml()).unwrap(), found.spec);
        for (layers, word) in [
            ([conv, "\"standardise\""], "first layer"),
            (
                ["\"standardise\"\nmean = [0.0]\ndeviation = [1.0]", conv],
                "3 mel bands",
            ),
            (
                ["\"standardise\"\nmean = [0.0, 0.0, 0.0]", conv],
                "leave out both",
            ),
            (
                [
                    "\"standardise\"\nmean = [0.0, 0.0, 0.0]\ndeviation = [1.0, 0.0, 1.0]",
                    conv,
                ],
                "above 0",
            ),
        ] {
            let said = network(&layers).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn every_ickan_has_splines_in_a_3x3_convolution() {
        let convolves =
            |layer: &LayerSpec| matches!(layer, LayerSpec::KanConv(c) if c.kernel.get() == [3, 3]);
        for name in ["ickan", "ickan-late"] {
            let spec = Spec::named(name, [64, 128]).unwrap();
            assert!(spec.layers.iter().any(convolves));
        }
    }
}
