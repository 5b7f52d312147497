//! A network as data: layers that compose freely, written in TOML, stored in every model file.

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::layers::{
    Activation, Conv, Dropout, GroupNorm, KanConv, KanLinear, Layer, Linear, Noise, Pool,
    StatisticsPool,
};
use crate::ops::Distance;

/// One layer of a spec; in TOML a table with its `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LayerSpec {
    /// A convolution with a spline and a silu base on every edge.
    KanConv(KanConv),
    /// A dense layer with a spline and a silu base on every edge.
    KanLinear(KanLinear),
    /// An ordinary convolution.
    Conv(Conv),
    /// An ordinary dense layer.
    Linear(Linear),
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
            Self::Conv(layer) => layer,
            Self::Linear(layer) => layer,
            Self::GroupNorm(layer) => layer,
            Self::Activation(layer) => layer,
            Self::Pool(layer) => layer,
            Self::StatisticsPool(layer) => layer,
            Self::Noise(layer) => layer,
            Self::Dropout(layer) => layer,
        }
    }

    /// Its `type` in TOML.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KanConv(_) => "kan_conv",
            Self::KanLinear(_) => "kan_linear",
            Self::Conv(_) => "conv",
            Self::Linear(_) => "linear",
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

/// The specs that come with the crate, by name; the first one is the default.
const NAMED: &[(&str, &str)] = &[
    (
        "ickan-late",
        include_str!("../../assets/specs/ickan-late.toml"),
    ),
    ("ickan", include_str!("../../assets/specs/ickan.toml")),
    ("conv", include_str!("../../assets/specs/conv.toml")),
];

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

    /// The spec as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| unreachable!("a spec is plain data: {e}"))
    }

    /// A spec that comes with the crate.
    ///
    /// # Errors
    /// [`ModelError::UnknownSpec`] with the names there are.
    pub fn named(name: &str) -> Result<Self, ModelError> {
        match NAMED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::from_toml(text),
            None => Err(ModelError::UnknownSpec {
                name: name.to_string(),
                known: Self::names().join(", "),
            }),
        }
    }

    /// Names of the specs that come with the crate; the first one is the default.
    pub fn names() -> Vec<&'static str> {
        NAMED.iter().map(|(name, _)| *name).collect()
    }
}

impl Default for Spec {
    fn default() -> Self {
        Self::named(NAMED[0].0).unwrap_or_else(|e| unreachable!("the default spec is tested: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_spec_bears_its_name_and_fits() {
        for name in Spec::names() {
            let spec = Spec::named(name).unwrap();
            assert_eq!(spec.name, name);
            crate::model::Network::new(spec, [64, 129]).unwrap();
        }
    }

    #[test]
    fn every_ickan_has_splines_in_a_3x3_convolution() {
        let convolves =
            |layer: &LayerSpec| matches!(layer, LayerSpec::KanConv(c) if c.kernel.get() == [3, 3]);
        for name in ["ickan", "ickan-late"] {
            assert!(Spec::named(name).unwrap().layers.iter().any(convolves));
        }
    }
}
