//! What a training works on: the features of its files, read once.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Event, TrainConfig, TrainError};
use crate::data::{Dataset, Part, Pool, Split};
use crate::features::{FILES_AT_ONCE, FeatureStore, FrontEnd, Segment, cut_segments};
use crate::fewshot::Standardiser;

/// Features and pools of the training and validation files. The test files are not touched.
pub(super) struct Material {
    pub store: FeatureStore,
    pub train: Pool,
    pub validation: Pool,
    pub mfcc: Standardiser,
    pub failed: Vec<PathBuf>,
}

impl Material {
    pub fn read(
        dataset: &Dataset,
        split: &Split,
        config: &TrainConfig,
        front_end: &FrontEnd,
        stop: &AtomicBool,
        on: &mut dyn FnMut(Event),
    ) -> Result<Self, TrainError> {
        let parts = split.apply(dataset);
        let mut train = parts.indices(Part::Train);
        let mut validation = parts.indices(Part::Validation);
        let wanted: Vec<usize> = train.iter().chain(&validation).copied().collect();
        let temporary = |error| TrainError::Temporary {
            folder: std::env::temp_dir(),
            error,
        };
        let mut store =
            FeatureStore::new(dataset.items.len(), config.preset.n_mels).map_err(temporary)?;
        let mut cepstra = vec![Vec::new(); dataset.items.len()];
        let mut failed = Vec::new();
        let mut first_failure = String::new();
        for (done, chunk) in wanted.chunks(FILES_AT_ONCE).enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(TrainError::Unstarted);
            }
            on(Event::Reading {
                done: done * FILES_AT_ONCE,
                files: wanted.len(),
            });
            let paths: Vec<PathBuf> = chunk
                .iter()
                .map(|&index| dataset.file(&dataset.items[index]))
                .collect();
            let features = front_end.features_of(&paths, config.max_seconds);
            for ((&index, path), result) in chunk.iter().zip(&paths).zip(features) {
                match result {
                    Ok(features) => {
                        features.info.warnings.iter().for_each(|w| {
                            on(Event::Note(format!("{}: {w}", path.display())));
                        });
                        store.put(index, &features.values).map_err(temporary)?;
                        cepstra[index] = features.mfcc;
                    }
                    Err(error) if error.is_device_fault() || front_end.strict() => {
                        return Err(TrainError::Strict(error));
                    }
                    Err(error) => {
                        on(Event::Note(format!("left out: {error}")));
                        if failed.is_empty() {
                            first_failure = error.to_string();
                        }
                        failed.push(dataset.items[index].path.clone());
                    }
                }
            }
        }
        on(Event::Reading {
            done: wanted.len(),
            files: wanted.len(),
        });
        train.retain(|&index| store.frames(index).is_some());
        validation.retain(|&index| store.frames(index).is_some());
        let (train, validation) = (dataset.pool(&train), dataset.pool(&validation));
        let [way, shot, query] = config.train_episode(train.classes.len());
        let checked =
            train
                .check(way, shot, query)
                .and_then(|()| match validation.classes.is_empty() {
                    true => Ok(()), // a manifest may leave validation out
                    false => validation.check(config.way, config.shot, config.query),
                });
        if let Err(reason) = &checked
            && failed.is_empty()
        {
            return Err(TrainError::Config(format!(
                "{reason}; lower train_shot or train_query, or --shot or --query"
            )));
        }
        if let Err(reason) = checked {
            return Err(TrainError::TooManyFailed {
                failed: failed.len(),
                files: wanted.len(),
                reason: reason.to_string(),
                first: first_failure,
            });
        }
        let rows: Vec<&[f32]> = train
            .files
            .iter()
            .flatten()
            .map(|&index| cepstra[index].as_slice())
            .collect();
        let mfcc = Standardiser::fit(&rows).ok_or_else(|| {
            TrainError::Config(
                "the training files have no MFCC to standardise: are they all silent?".into(),
            )
        })?;
        Ok(Self {
            store,
            train,
            validation,
            mfcc,
            failed,
        })
    }

    /// The segments of a file, as an evaluation cuts them.
    pub fn segments(&self, config: &TrainConfig, index: usize) -> Result<Vec<Segment>, TrainError> {
        let temporary = |error| TrainError::Temporary {
            folder: std::env::temp_dir(),
            error,
        };
        let values = self.store.get(index).map_err(temporary)?;
        Ok(cut_segments(
            config.segment(),
            config.preset.n_mels,
            &values,
        ))
    }
}
