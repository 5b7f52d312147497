//! Why embeddings cannot be compared or scored.

use super::EpisodeError;
use crate::data::PoolError;

/// The most of an episode's labels that one file may have: a file of 12 has 4095 combinations.
pub(crate) const MOST_TOGETHER: usize = 12;

/// Why something cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
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

impl From<PoolError> for ScoreError {
    fn from(error: PoolError) -> Self {
        Self::Episode(error.into())
    }
}
