//! Where a training starts: at parameters drawn at random, or at those of a model.

use std::collections::HashSet;

use super::TrainError;
use super::checkpoint::{Progress, Weights};
use crate::data::{Part, Split};
use crate::model::Network;
use crate::model_file::Model;
use crate::ops::OptimizerState;
use crate::settings::TrainConfig;

impl TrainConfig {
    /// This training from a model with this hash: its network and its mel front end are the model's.
    #[must_use]
    pub fn starting_from(self, model: &Model, blake3: String) -> Self {
        Self {
            from: Some(blake3),
            preset: model.info.preset.clone(),
            network: model.network.spec.clone(),
            ..self
        }
    }
}

/// Checks that a training can start from a model, and that what it will be judged by is new to the model too.
///
/// # Errors
/// [`TrainError::Config`].
pub(super) fn check_start(
    network: &Network,
    split: &Split,
    config: &TrainConfig,
    from: Option<&Model>,
) -> Result<(), TrainError> {
    let Some(model) = from else {
        return match config.from {
            None => Ok(()),
            Some(_) => Err(TrainError::NoStart),
        };
    };
    if model.parameters.len() != network.flat_len() || network.spec != model.network.spec {
        return Err(TrainError::config(
            "the network is not that of the model to start from, or does not fit clips of this length",
        ));
    }
    let learned = model.info.split.files.iter();
    let learned = learned.filter(|file| file.part == Part::Train);
    let learned: HashSet<_> = learned.map(|file| &file.hash).collect();
    let seen = split
        .files
        .iter()
        .filter(|file| file.part != Part::Train && learned.contains(&file.hash));
    let seen: Vec<_> = seen.collect();
    match seen.first() {
        None => Ok(()),
        Some(first) => Err(TrainError::config(format!(
            "{} of the files kept for validation or test, the first {}, trained the model to start from, so nothing could be judged by them: give a manifest with a column `split` that trains them, or leave them out",
            seen.len(),
            first.path.display()
        ))),
    }
}

/// The state before the first episode.
pub(super) fn start(network: &Network, seed: u64, from: Option<&Model>) -> Progress {
    let mut parameters = network.initial_parameters(seed);
    if let Some(model) = from {
        // What lies behind is the read-out of a teacher.
        parameters[..model.parameters.len()].copy_from_slice(&model.parameters);
    }
    let zeros = vec![0.0; parameters.len()];
    Progress {
        episode: 0,
        best: parameters.clone(),
        weights: Weights {
            parameters,
            first: zeros.clone(),
            second: zeros,
            state: OptimizerState::START,
        },
        seconds: 0.0,
        log: Vec::new(),
        validations: Vec::new(),
    }
}
