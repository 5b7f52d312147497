//! Scoring systems on the same episodes: accuracy with both its intervals, confusions, paired differences.

use super::{
    EpisodeError, EpisodeSampler, Head,
    halves::Halves,
    interval::{Files, Interval, mean_and_deviation, variance_over_files},
    multi_label::MOST_TOGETHER,
};
use crate::data::{PoolError, Task};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// The confidence of the intervals of single accuracies.
pub(super) const LEVEL: f64 = 0.95;

/// Something that has turned each file into one embedding: a network, an untrained one, MFCC statistics.
#[derive(Debug, Clone, Copy)]
pub struct System<'a> {
    /// Its name in the results.
    pub name: &'a str,
    /// One embedding per file, by the pool's file indices. Those of files outside the pool are not looked at.
    pub embeddings: &'a [Vec<f32>],
    /// What stands for a file where it is a query, if not its embedding above: that of an altered recording.
    pub queries: Option<&'a [Vec<f32>]>,
    /// What classifies them.
    pub head: Head,
}

impl<'a> System<'a> {
    /// The embedding of a query file.
    pub(super) fn query(&self, file: usize) -> &'a [f32] {
        &self.queries.unwrap_or(self.embeddings)[file]
    }
}

/// Why something cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// No episodes can be drawn.
    #[error(transparent)]
    Episode(#[from] EpisodeError),
    /// Fewer than two episodes have no deviation.
    #[error("an interval needs at least 2 episodes, better 1000: ask for more")]
    TooFewEpisodes,
    /// A file of the pool has no embedding.
    #[error(
        "{system} has no embedding for file number {file}: embed every file of the pool, or leave the file out of it"
    )]
    Missing {
        /// The system.
        system: String,
        /// The file's index.
        file: usize,
    },
    /// An embedding with NaN, infinite or overflowing values.
    #[error(
        "{system} has an embedding that is not finite for file number {file}: the model may have diverged, or the file is broken"
    )]
    NotFinite {
        /// The system.
        system: String,
        /// The file's index.
        file: usize,
    },
    /// Embeddings of several lengths.
    #[error(
        "an embedding has {found} values where {expected} are expected: use embeddings of one model only"
    )]
    Lengths {
        /// Found.
        found: usize,
        /// Expected.
        expected: usize,
    },
    /// Files with too many labels at once.
    #[error(
        "{way}-way episodes of files with up to {labels} labels have too many combinations of labels: use {MOST_TOGETHER} ways or fewer"
    )]
    Combinations {
        /// The most labels of a file.
        labels: usize,
        /// Ways asked for.
        way: usize,
    },
    /// Nothing to compare with.
    #[error(
        "there is a class without examples, or no class at all: give at least one example file a class"
    )]
    NoExamples,
    /// The query or an example is not finite.
    #[error(
        "an embedding to be compared is not finite: the model may have diverged, or the file is broken"
    )]
    QueryNotFinite,
    /// A confidence that is none.
    #[error("{0} is no confidence level: give a number between 0 and 1, such as 0.95")]
    Level(f64),
    /// A difference from a system that was not scored.
    #[error("no system number {0} was scored")]
    UnknownSystem(usize),
}

/// A mean with its two intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Mean over the episodes, as a fraction.
    pub mean: f64,
    /// How far OTHER EPISODES from the same files would move it: mean +- 1.96 s / sqrt n. It shrinks with every
    /// episode drawn and says nothing about other files.
    pub over_episodes: Interval,
    /// How far NEW FILES of the same classes would move it, episodes included. Comparisons use this one. None where
    /// the files are too few, see [`Evaluation::note`].
    pub over_files: Option<Interval>,
}

/// A class's part in an accuracy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScore {
    /// The class.
    pub class: String,
    /// How many of its queries were right; none where no episode had it.
    pub accuracy: Option<f64>,
    /// Its queries.
    pub queries: u64,
}

/// One system's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemScore {
    /// The system.
    pub name: String,
    /// Its accuracy, with 95 % intervals.
    pub accuracy: Estimate,
    /// By class, in the evaluation's order.
    pub per_class: Vec<ClassScore>,
    /// Queries by true class (row) and predicted class (column), each query of each episode counted.
    pub confusion: Vec<Vec<u64>>,
}

/// The difference between two systems on the same episodes and files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The system whose accuracy ...
    pub of: String,
    /// ... is compared with this one's.
    pub against: String,
    /// The confidence of the intervals.
    pub level: f64,
    /// Accuracy of the first less that of the second.
    pub difference: Estimate,
}

/// What became of a file as a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EvaluationQueries {
    /// Episodes that asked for it.
    pub asked: u64,
    /// How often each system was right.
    pub right: Vec<u64>,
}

/// What [`evaluate`] found.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Classes an episode.
    pub way: usize,
    /// Support files a class.
    pub shot: usize,
    /// Query files a class.
    pub query: usize,
    /// Episodes.
    pub episodes: usize,
    /// The seed they were drawn by.
    pub seed: u64,
    /// The classes, in the order of all per-class figures.
    pub classes: Vec<String>,
    /// Files of each class.
    pub files: Vec<usize>,
    /// The systems, in the order given.
    pub systems: Vec<SystemScore>,
    /// What is to be known about the intervals over files: why there are none, or that they are a rougher estimate.
    pub note: Option<String>,
    /// By file that was a query, what became of it.
    #[serde(skip)]
    pub queries: BTreeMap<usize, EvaluationQueries>,
    #[serde(skip)]
    outcomes: Vec<Vec<f64>>,
    #[serde(skip)]
    halves: Option<Halves>,
    #[serde(skip)]
    counted: Files,
}

/// Scores systems on the same `episodes` episodes: the head of each is fitted on an episode's supports, and each
/// query goes to the class that it finds nearest, the first class of the pool among equals. The same seed gives the same result.
///
/// # Errors
/// [`ScoreError`]: too few episodes, none that can be drawn, or embeddings that are missing, not finite or of several
/// lengths.
pub fn evaluate(
    sampler: &EpisodeSampler,
    systems: &[System],
    episodes: usize,
    seed: u64,
) -> Result<Evaluation, ScoreError> {
    if episodes < 2 {
        return Err(ScoreError::TooFewEpisodes);
    }
    systems
        .iter()
        .try_for_each(|system| check(sampler, system))?;
    let predicted: Vec<Vec<Vec<Answer>>> = (0..episodes as u64)
        .into_par_iter()
        .map(|index| {
            let episode = sampler.sample(seed, index)?;
            Ok(systems
                .iter()
                .map(|system| predict(system, &episode))
                .collect())
        })
        .collect::<Result<_, EpisodeError>>()?;

    let pool = sampler.pool();
    let Task { way, shot, query } = sampler.task();
    let halves = Halves::draw(sampler, systems, seed);
    let note = Halves::note(halves.as_ref(), shot);
    let mut evaluation = Evaluation {
        way,
        shot,
        query,
        episodes,
        seed,
        classes: pool.classes.clone(),
        files: pool.files.iter().map(Vec::len).collect(),
        systems: Vec::new(),
        note,
        queries: BTreeMap::new(),
        outcomes: Vec::new(),
        halves,
        counted: Files::of(sampler),
    };
    for (number, system) in systems.iter().enumerate() {
        let of_system = || predicted.iter().map(|by_system| &by_system[number]);
        let mut confusion = vec![vec![0u64; pool.classes.len()]; pool.classes.len()];
        of_system()
            .flatten()
            .for_each(|answer| confusion[answer.truth][answer.given] += 1);
        for answer in of_system().flatten() {
            let file = evaluation.queries.entry(answer.file).or_default();
            file.right.resize(systems.len(), 0);
            file.right[number] += u64::from(answer.is_right());
            file.asked += u64::from(number == 0);
        }
        let accuracies: Vec<f64> = of_system()
            .map(|answers| {
                let right = answers.iter().filter(|answer| answer.is_right());
                right.count() as f64 / answers.len() as f64
            })
            .collect();
        let per_class =
            pool.classes
                .iter()
                .zip(&confusion)
                .enumerate()
                .map(|(class, (name, row))| {
                    let queries: u64 = row.iter().sum();
                    let accuracy = (queries > 0).then(|| row[class] as f64 / queries as f64);
                    ClassScore {
                        class: name.clone(),
                        accuracy,
                        queries,
                    }
                });
        let halves = evaluation
            .halves
            .as_ref()
            .map(|halves| halves.accuracy[number].as_slice());
        evaluation.systems.push(SystemScore {
            name: system.name.into(),
            accuracy: evaluation.estimate(&accuracies, halves, LEVEL, Interval::of_accuracy),
            per_class: per_class.collect(),
            confusion,
        });
        evaluation.outcomes.push(accuracies);
    }
    Ok(evaluation)
}

impl Evaluation {
    /// The share of its classes that another evaluation has too, from 0 to 1, as [`super::pooled`] wants it.
    pub fn shared_classes(&self, other: &Self) -> f64 {
        let common = self.classes.iter().filter(|c| other.classes.contains(c));
        common.count() as f64 / self.classes.len().max(other.classes.len()).max(1) as f64
    }

    /// Accuracy of system `of` less that of system `against`, episode by episode and on the same files, with
    /// intervals at `level` (0.95; 1 - 0.05 / m where the best of m comparisons will be told).
    ///
    /// # Errors
    /// [`ScoreError::Level`], [`ScoreError::UnknownSystem`].
    pub fn difference(
        &self,
        of: usize,
        against: usize,
        level: f64,
    ) -> Result<Difference, ScoreError> {
        if !(level > 0.0 && level < 1.0) {
            return Err(ScoreError::Level(level));
        }
        let known = |number: usize| {
            let found = self.systems.get(number).zip(self.outcomes.get(number));
            found.ok_or(ScoreError::UnknownSystem(number))
        };
        let ((first, first_outcomes), (second, second_outcomes)) = (known(of)?, known(against)?);
        let paired: Vec<f64> = first_outcomes
            .iter()
            .zip(second_outcomes)
            .map(|(a, b)| a - b)
            .collect();
        let halves = self.halves.as_ref().map(|halves| halves.less(of, against));
        Ok(Difference {
            of: first.name.clone(),
            against: second.name.clone(),
            level,
            difference: self.estimate(&paired, halves.as_deref(), level, Interval::of_difference),
        })
    }

    fn estimate(
        &self,
        values: &[f64],
        halves: Option<&[[f64; 2]]>,
        level: f64,
        over_files: impl Fn(f64, f64, &Files, f64) -> Interval,
    ) -> Estimate {
        let fewer_shots = self
            .halves
            .as_ref()
            .is_some_and(|halves| halves.shot < self.shot);
        let over_files = |mean, variance| over_files(mean, variance, &self.counted, level);
        estimate(values, halves, fewer_shots, level, over_files)
    }
}

/// A mean with both its intervals, from its value in each episode and in both halves of each halving. `over_files`
/// makes an interval of a mean and a variance.
pub(super) fn estimate(
    values: &[f64],
    halves: Option<&[[f64; 2]]>,
    fewer_shots: bool,
    level: f64,
    over_files: impl Fn(f64, f64) -> Interval,
) -> Estimate {
    let (mean, deviation) = mean_and_deviation(values);
    let of_episodes = deviation * deviation / values.len() as f64;
    Estimate {
        mean,
        over_episodes: Interval::over_episodes(values, level),
        over_files: halves.map(|halves| {
            let variance = variance_over_files(halves, fewer_shots).max(0.0) + of_episodes;
            over_files(mean, variance)
        }),
    }
}

/// A query's true class and the one that was given to it.
struct Answer {
    file: usize,
    truth: usize,
    given: usize,
}

impl Answer {
    fn is_right(&self) -> bool {
        self.truth == self.given
    }
}

/// The nearest class of every query of an episode.
fn predict(system: &System, episode: &super::Episode) -> Vec<Answer> {
    let embedding = |file: usize| system.embeddings[file].as_slice();
    let supports: Vec<Vec<&[f32]>> = episode
        .support
        .iter()
        .map(|files| files.iter().map(|&file| embedding(file)).collect())
        .collect();
    let fitted = system.head.fit(&supports);
    let mut answers = Vec::new();
    for (&truth, queries) in episode.classes.iter().zip(&episode.query) {
        for &file in queries {
            let near = |(slot, &class): (usize, &usize)| {
                (fitted.distance(system.query(file), slot), class)
            };
            let nearest = episode
                .classes
                .iter()
                .enumerate()
                .map(near)
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            answers.extend(nearest.map(|(_, given)| Answer { file, truth, given }));
        }
    }
    answers
}

/// Every file of the pool needs an embedding, of one length, whose distances cannot overflow.
pub(super) fn check(sampler: &EpisodeSampler, system: &System) -> Result<(), ScoreError> {
    let mut expected = None;
    let files = || sampler.pool().files.iter().flatten().copied();
    let supports = files().map(|file| (file, system.embeddings.get(file)));
    let queries = system.queries.into_iter();
    let queries = queries.flat_map(|queries| files().map(|file| (file, queries.get(file))));
    for (file, embedding) in supports.chain(queries) {
        let name = || system.name.to_owned();
        let embedding = embedding.filter(|embedding| !embedding.is_empty());
        let embedding = embedding.ok_or_else(|| ScoreError::Missing {
            system: name(),
            file,
        })?;
        let expected = *expected.get_or_insert(embedding.len());
        if embedding.len() != expected {
            return Err(ScoreError::Lengths {
                found: embedding.len(),
                expected,
            });
        }
        let squares: f32 = embedding.iter().map(|value| value * value).sum();
        if !(4.0 * squares).is_finite() {
            return Err(ScoreError::NotFinite {
                system: name(),
                file,
            });
        }
    }
    Ok(())
}

impl From<PoolError> for ScoreError {
    fn from(error: PoolError) -> Self {
        Self::Episode(error.into())
    }
}
