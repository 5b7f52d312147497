//! What a cell leaves: a file with its validations and its embeddings of the test files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Cell;
use crate::adapt::AdaptedAccuracy;
use crate::settings::TrainConfig;
use crate::train::Validation;

/// What a cell leaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CellResult {
    /// Which training it is.
    pub cell: Cell,
    /// The training's configuration, as TOML.
    pub config: String,
    /// Hash of the data set's files and labels.
    pub data: String,
    /// Hash of the split and of the groups that files belong to.
    #[serde(default)]
    pub split: Option<String>,
    /// Trained values of the network.
    pub parameters: usize,
    /// Floating-point operations of a forward pass over a clip.
    pub flops: u64,
    /// Clips that pass the body forward and backward in a training episode, inner steps included.
    pub clips: usize,
    /// Training episodes.
    pub episodes: usize,
    /// Seconds of training, without the validations.
    pub seconds: f64,
    /// Every validation.
    pub validations: Vec<Validation>,
    /// Mean embedding of the training files.
    pub centre: Vec<f32>,
    /// What it reaches on a few test episodes when its body adapts as well; MAML and Reptile only.
    pub adapted: Option<AdaptedAccuracy>,
    /// Embeddings of the test files, by their paths; NaN throughout where a network's numbers overflow.
    #[serde(deserialize_with = "nan_for_null")]
    pub trained: BTreeMap<PathBuf, Vec<f32>>,
    /// The same by the network's initial parameters.
    #[serde(deserialize_with = "nan_for_null")]
    pub untrained: BTreeMap<PathBuf, Vec<f32>>,
}

/// Embeddings from JSON, which has no NaN and writes null for it.
fn nan_for_null<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<PathBuf, Vec<f32>>, D::Error> {
    let stored = BTreeMap::<PathBuf, Vec<Option<f32>>>::deserialize(from)?;
    let values = |values: Vec<Option<f32>>| {
        let values = values.into_iter();
        values.map(|value| value.unwrap_or(f32::NAN)).collect()
    };
    let embeddings = stored.into_iter();
    Ok(embeddings.map(|(path, v)| (path, values(v))).collect())
}

impl CellResult {
    /// Its best accuracy on the validation classes; 0 without validation.
    pub fn validated(&self) -> f64 {
        let accuracies = self.validations.iter().map(|v| v.accuracy);
        accuracies.fold(0.0, f64::max)
    }

    /// Its configuration.
    pub fn config(&self) -> TrainConfig {
        TrainConfig::from_toml(&self.config).unwrap_or_default()
    }
}
