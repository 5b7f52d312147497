//! The splits of the collections of a training.

use std::collections::HashMap;

use super::TrainError;
use crate::data::{Dataset, Split};
use crate::settings::TrainConfig;

/// Draws the split of each data set.
pub(super) fn split(datasets: &[&Dataset], config: &TrainConfig) -> Result<Vec<Split>, TrainError> {
    let TrainConfig { protocol, seed, .. } = *config;
    let split = |dataset: &&Dataset| Split::create(dataset, protocol, config.task(), seed);
    Ok(datasets.iter().map(split).collect::<Result<_, _>>()?)
}

/// The splits of two collections as one, for the model to know the files of both.
///
/// # Errors
/// [`TrainError::Config`] if a file is in both, in different parts.
pub(super) fn joined(splits: &[Split]) -> Result<Split, TrainError> {
    let files: Vec<_> = splits
        .iter()
        .flat_map(|split| &split.files)
        .cloned()
        .collect();
    let mut part_of = HashMap::new();
    for file in &files {
        let part = *part_of.entry(&file.hash).or_insert(file.part);
        if part != file.part {
            return Err(TrainError::config(format!(
                "{} is in both collections, for {part} in one and for {} in the other: take it out of one",
                file.path.display(),
                file.part
            )));
        }
    }
    Ok(Split {
        protocol: splits[0].protocol,
        seed: splits.iter().find_map(|split| split.seed),
        files,
    })
}
