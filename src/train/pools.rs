//! What the episodes of a training are drawn from: classes large enough for them, and a share of these.

use crate::data::{Dataset, Part, Pool, Task};
use crate::fewshot::{EpisodeError, EpisodeSampler};
use crate::random::Stream;
use crate::settings::{TrainConfig, ValidateOn};
use crate::words::count;

/// What the episodes of a training are drawn from.
pub(crate) struct Pools {
    pub train: Pool,
    /// Training files of the collection that is mixed in.
    pub mix: Option<Pool>,
    pub validation: Pool,
    /// What a validation's episodes ask.
    pub validation_task: Task,
    /// The data set that validates.
    pub validates: usize,
}

impl Pools {
    /// Pools of the data sets' parts, as `pool` gives them by the number of a data set and the part. Classes too small for
    /// the episodes are left out where others are enough; the second value tells which, a sentence each.
    pub(super) fn new(
        datasets: &[&Dataset],
        config: &TrainConfig,
        pool: impl Fn(usize, Part) -> Pool,
    ) -> (Self, Vec<String>) {
        let mut left_out = Vec::new();
        let train_task = config.train_task(config.train_way);
        let mut of_train = |set| {
            without_small(
                pool(set, Part::Train),
                Task {
                    way: train_task.way.min(config.way),
                    ..train_task
                },
                &mut left_out,
            )
        };
        let train = fewer_classes(of_train(0), config.train_share, config.seed);
        let mix = (datasets.len() > 1).then(|| of_train(1));
        let validates = usize::from(config.validate_on == ValidateOn::Mix && mix.is_some());
        let validation_task = match datasets[validates].tracks {
            true => Task {
                way: config.way,
                ..train_task
            },
            false => config.task(),
        };
        let validation = pool(validates, Part::Validation);
        let pools = Self {
            train,
            mix,
            validation: without_small(validation, validation_task, &mut left_out),
            validation_task,
            validates,
        };
        (pools, left_out)
    }

    /// Checks that every pool of training files gives training episodes, and the validation files theirs.
    pub(super) fn check(&self, config: &TrainConfig) -> Result<(), EpisodeError> {
        let task = config.train_task(self.classes());
        let way = task.way.max(2);
        for pool in self.training() {
            EpisodeSampler::new(pool.clone(), Task { way, ..task })?.check_draws()?;
        }
        // A manifest may leave validation out.
        if !self.validation.classes.is_empty() {
            EpisodeSampler::new(self.validation.clone(), self.validation_task)?.check_draws()?;
        }
        Ok(())
    }

    /// What training episodes are drawn from: the data, and what is mixed in.
    pub(crate) fn training(&self) -> impl Iterator<Item = &Pool> {
        std::iter::once(&self.train).chain(&self.mix)
    }

    /// How many classes an episode can choose from, whichever pool it is drawn from.
    pub(crate) fn classes(&self) -> usize {
        let classes = self.training().map(|pool| pool.classes.len());
        classes.min().unwrap_or(0)
    }

    /// What trains: files, or parts of tracks.
    pub(crate) fn train_files(&self) -> impl Iterator<Item = usize> {
        let files = self.training().flat_map(|pool| &pool.files);
        files.flatten().copied()
    }
}

/// A pool without the classes that are too small for an episode, if `way` others are left.
fn without_small(pool: Pool, task: Task, left_out: &mut Vec<String>) -> Pool {
    let (kept, small): (Vec<usize>, Vec<usize>) =
        (0..pool.classes.len()).partition(|&class| pool.check_class(class, task).is_ok());
    if small.is_empty() || kept.len() < task.way {
        return pool;
    }
    left_out.extend(small.iter().map(|&class| {
        format!(
            "left out: of class `{}` only {} left, too few for {} and {}",
            pool.classes[class],
            count(pool.files[class].len(), "file is", "files are"),
            count(task.shot, "shot", "shots"),
            count(task.query, "query", "queries")
        )
    }));
    let files = kept
        .iter()
        .map(|&class| pool.files[class].clone())
        .collect();
    pool.with_classes(&kept, files)
}

/// A random share of a pool's classes, at least two: a larger share has those of a smaller one.
fn fewer_classes(pool: Pool, share: f64, seed: u64) -> Pool {
    let count = pool.classes.len();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count is rounded to a count"
    )]
    let kept = ((share * count as f64).round() as usize).max(2);
    if kept >= count {
        return pool;
    }
    let mut order: Vec<usize> = (0..count).collect();
    Stream::new(seed, "train share", 0).shuffle(&mut order);
    order.truncate(kept);
    order.sort_unstable();
    let files = order.iter().map(|&k| pool.files[k].clone()).collect();
    pool.with_classes(&order, files)
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
