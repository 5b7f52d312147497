//! What a training works on: the features of its files, read once.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Event, TrainConfig, TrainError};
use crate::data::{Dataset, Part, Pool, Split};
use crate::embed::{Embedder, mean_embedding};
use crate::features::{FILES_AT_ONCE, FeatureStore, FrontEnd, Segment, cut_segments};
use crate::fewshot::Standardiser;
use crate::random::Stream;

/// Mel frames and MFCC of a data set's files, read once.
pub(crate) struct Features {
    pub store: FeatureStore,
    /// By file index: mean and deviation of 20 MFCC; empty where the file was not read.
    pub mfcc: Vec<Vec<f32>>,
    /// Files that could not be read.
    pub failed: Vec<PathBuf>,
    /// What was wrong with the first of them.
    first_failure: String,
    files: usize,
}

impl Features {
    /// Reads the files of a data set that are `wanted`.
    ///
    /// # Errors
    /// [`TrainError::Strict`], [`TrainError::Store`], [`TrainError::Unstarted`]; another file that cannot be read
    /// is only noted.
    pub fn read(
        dataset: &Dataset,
        wanted: &[usize],
        config: &TrainConfig,
        front_end: &FrontEnd,
        stop: &AtomicBool,
        on: &mut dyn FnMut(Event),
    ) -> Result<Self, TrainError> {
        let count = dataset.items.len();
        let mut features = Self {
            store: FeatureStore::new(count, config.preset.n_mels)?,
            mfcc: vec![Vec::new(); count],
            failed: Vec::new(),
            first_failure: String::new(),
            files: wanted.len(),
        };
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
            let read = front_end.features_of(&paths, config.max_seconds);
            for ((&index, path), result) in chunk.iter().zip(&paths).zip(read) {
                match result {
                    Ok(read) => {
                        read.info.warnings.iter().for_each(|w| {
                            on(Event::Note(format!("{}: {w}", path.display())));
                        });
                        features.store.put(index, &read.values)?;
                        features.mfcc[index] = read.mfcc;
                    }
                    Err(error) if error.is_device_fault() || front_end.strict() => {
                        return Err(TrainError::Strict(error));
                    }
                    Err(error) => {
                        on(Event::Note(format!("left out: {error}")));
                        if features.failed.is_empty() {
                            features.first_failure = error.to_string();
                        }
                        features.failed.push(dataset.items[index].path.clone());
                    }
                }
            }
        }
        on(Event::Reading {
            done: wanted.len(),
            files: wanted.len(),
        });
        Ok(features)
    }

    /// The segments of a file, as an evaluation cuts them.
    pub fn segments(&self, config: &TrainConfig, index: usize) -> Result<Vec<Segment>, TrainError> {
        let values = self.store.get(index)?;
        Ok(cut_segments(
            config.segment(),
            config.preset.n_mels,
            &values,
        ))
    }

    /// A file's embedding: the mean over its segments.
    pub fn embed(
        &self,
        config: &TrainConfig,
        embedder: &Embedder,
        index: usize,
    ) -> Result<Vec<f32>, TrainError> {
        let clips: Vec<_> = self
            .segments(config, index)?
            .into_iter()
            .map(|s| s.values)
            .collect();
        Ok(mean_embedding(&embedder.embed(&clips)?))
    }
}

/// What one training works on: the pools of its training and validation files. It does not touch the test files.
pub(crate) struct Material<'a> {
    pub features: &'a Features,
    pub train: Pool,
    pub validation: Pool,
    pub mfcc: Standardiser,
}

impl<'a> Material<'a> {
    /// # Errors
    /// If the files that could be read are too few for the episodes.
    pub fn new(
        features: &'a Features,
        dataset: &Dataset,
        split: &Split,
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let parts = split.apply(dataset);
        let pool = |part| {
            let mut files = parts.indices(part);
            files.retain(|&index| features.store.frames(index).is_some());
            dataset.pool(&files)
        };
        let train = fewer_classes(pool(Part::Train), config.train_share, config.seed);
        let validation = pool(Part::Validation);
        let [way, shot, query] = config.train_episode(train.classes.len());
        let checked =
            train
                .check(way, shot, query)
                .and_then(|()| match validation.classes.is_empty() {
                    true => Ok(()), // a manifest may leave validation out
                    false => validation.check(config.way, config.shot, config.query),
                });
        if let Err(reason) = &checked
            && features.failed.is_empty()
        {
            return Err(TrainError::Config(format!(
                "{reason}; lower train_shot or train_query, or --shot or --query"
            )));
        }
        if let Err(reason) = checked {
            return Err(TrainError::TooManyFailed {
                failed: features.failed.len(),
                files: features.files,
                reason: reason.to_string(),
                first: features.first_failure.clone(),
            });
        }
        let rows: Vec<&[f32]> = train
            .files
            .iter()
            .flatten()
            .map(|&index| features.mfcc[index].as_slice())
            .collect();
        let mfcc = Standardiser::fit(&rows).ok_or_else(|| {
            TrainError::Config(
                "the training files have no MFCC to standardise: are they all silent?".into(),
            )
        })?;
        Ok(Self {
            features,
            train,
            validation,
            mfcc,
        })
    }

    /// The training files.
    pub fn train_files(&self) -> impl Iterator<Item = usize> {
        self.train.files.iter().flatten().copied()
    }

    /// Frames of a file that was read.
    pub fn frames(&self, index: usize) -> usize {
        self.features.store.frames(index).unwrap_or(1)
    }
}

/// A random share of a pool's classes, at least two: a larger share has those of a smaller one.
fn fewer_classes(pool: Pool, share: f64, seed: u64) -> Pool {
    let count = pool.classes.len();
    let kept = ((share * count as f64).round() as usize).max(2);
    if kept >= count {
        return pool;
    }
    let mut order: Vec<usize> = (0..count).collect();
    Stream::new(seed, "train share", 0).shuffle(&mut order);
    order.truncate(kept);
    order.sort_unstable();
    let classes = order.iter().map(|&k| pool.classes[k].clone()).collect();
    let files = order.iter().map(|&k| pool.files[k].clone()).collect();
    Pool::new(classes, files, pool.group_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_share_of_the_classes_is_part_of_a_larger_one() {
        let names: Vec<String> = (0..10).map(|class| format!("class {class}")).collect();
        let files: Vec<Vec<usize>> = (0..10)
            .map(|class| vec![2 * class, 2 * class + 1])
            .collect();
        let pool = Pool::new(names, files, (0..20).collect());
        let of = |share| fewer_classes(pool.clone(), share, 7);
        assert_eq!(of(1.0), pool);
        let (few, more) = (of(0.3), of(0.6));
        assert_eq!((few.classes.len(), more.classes.len()), (3, 6));
        assert!(few.classes.iter().all(|class| more.classes.contains(class)));
        for (name, files) in few.classes.iter().zip(&few.files) {
            assert_eq!(*name, format!("class {}", files[0] / 2));
        }
        // Two classes are the least that make an episode.
        assert_eq!(of(0.01).classes.len(), 2);
    }
}
