//! What an episode asks for, and why files cannot give it.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize, Serializer};

/// How many classes an episode may have.
pub const WAYS: RangeInclusive<usize> = 2..=10_000;

/// How many supports, and how many queries, a class of an episode may have.
pub const SHOTS: RangeInclusive<usize> = 1..=10_000;

/// An N-way K-shot task: the shape of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Classes of an episode.
    pub way: usize,
    /// Support files of each class.
    pub shot: usize,
    /// Query files of each class.
    pub query: usize,
}

impl Task {
    /// A task of `way` classes with `shot` supports and `query` queries each.
    pub const fn new(way: usize, shot: usize, query: usize) -> Self {
        Self { way, shot, query }
    }

    /// Checks that there can be such episodes. Whatever takes such numbers from outside calls this first, so that they
    /// can be added and multiplied.
    ///
    /// # Errors
    /// [`PoolError::NoEpisode`].
    pub fn check(self) -> Result<(), PoolError> {
        let Self { way, shot, query } = self;
        match WAYS.contains(&way) && SHOTS.contains(&shot) && SHOTS.contains(&query) {
            true => Ok(()),
            false => Err(PoolError::NoEpisode(self)),
        }
    }

    /// Files that it takes of each class.
    pub fn files(self) -> usize {
        self.shot + self.query
    }

    /// Writes it as `[way, shot, query]`.
    ///
    /// # Errors
    /// The serialiser's.
    pub(crate) fn serialize_as_list<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        [self.way, self.shot, self.query].serialize(to)
    }

    /// What guessing reaches, as a fraction.
    pub fn chance(self) -> f64 {
        1.0 / self.way as f64
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-way {}-shot", self.way, self.shot)
    }
}

/// Why a pool cannot give the episodes asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Fewer classes than ways.
    #[error(
        "{way}-way episodes need {way} classes and there are {classes}: ask for fewer ways, or add classes"
    )]
    TooFewClasses {
        /// Ways asked for.
        way: usize,
        /// Classes there are.
        classes: usize,
    },
    /// Ways, shots or queries that make no episode.
    #[error(
        "an episode has 2 to {} ways, 1 to {} shots and as many queries, not {}, {} and {}",
        WAYS.end(),
        SHOTS.end(),
        .0.way,
        .0.shot,
        .0.query
    )]
    NoEpisode(Task),
    /// A class too small for shots and queries on separate sides.
    #[error(
        "class `{class}` has {files} files in {groups} groups, which cannot be parted into {shot} for support and {query} for query with no group on both sides: use fewer shots or queries, or add files"
    )]
    TooFewFiles {
        /// The class.
        class: String,
        /// Its files.
        files: usize,
        /// Its groups; a file without a group is one by itself.
        groups: usize,
        /// Shots asked for.
        shot: usize,
        /// Queries asked for.
        query: usize,
    },
    /// A file index beyond the table of groups.
    #[error("file {0} has no group: the pool must give one for every file")]
    NoGroup(usize),
}
