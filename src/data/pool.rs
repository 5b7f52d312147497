//! The files that episodes are drawn from, and whether they are enough.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Files by class, with their groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The classes' names.
    pub classes: Vec<String>,
    /// The files of each class: indices into whatever table holds the files (the data set's items, their embeddings).
    pub files: Vec<Vec<usize>>,
    /// The group of each file, by the same index. Files of one group never stand on both sides of an episode; a file
    /// that belongs with no other has a group to itself. A group may span classes.
    pub group_of: Vec<usize>,
    /// Where classes are tracks: the album of each class. Episodes take tracks of different albums as far as there are
    /// albums. Empty where classes have none.
    pub album_of: Vec<usize>,
}

/// How many classes an episode may have.
pub const WAYS: RangeInclusive<usize> = 2..=10_000;

/// How many supports, and how many queries, a class of an episode may have.
pub const SHOTS: RangeInclusive<usize> = 1..=10_000;

/// Checks that there can be episodes of `way` classes with `shot` supports and `query` queries each. Whatever takes such
/// numbers from outside calls this first, so that they can be added and multiplied.
///
/// # Errors
/// [`PoolError::NoEpisode`].
pub fn check_episode(way: usize, shot: usize, query: usize) -> Result<(), PoolError> {
    match WAYS.contains(&way) && SHOTS.contains(&shot) && SHOTS.contains(&query) {
        true => Ok(()),
        false => Err(PoolError::NoEpisode { way, shot, query }),
    }
}

/// Why a pool cannot give the episodes asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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
        "an episode has 2 to {} ways, 1 to {} shots and as many queries, not {way}, {shot} and {query}",
        WAYS.end(),
        SHOTS.end()
    )]
    NoEpisode {
        /// Ways asked for.
        way: usize,
        /// Shots asked for.
        shot: usize,
        /// Queries asked for.
        query: usize,
    },
    /// A class too small for shots and queries on separate sides.
    #[error(
        "class `{class}` has {files} files in {groups} groups, which cannot be parted into {shot} for support and {query} for query with no group on both sides: use fewer --shot or --query, or add files"
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

impl Pool {
    /// A pool from its parts, without albums.
    pub fn new(classes: Vec<String>, files: Vec<Vec<usize>>, group_of: Vec<usize>) -> Self {
        Self {
            classes,
            files,
            group_of,
            album_of: Vec::new(),
        }
    }

    /// Some of its classes, by their places, with `files` for each.
    pub fn with_classes(&self, chosen: &[usize], files: Vec<Vec<usize>>) -> Self {
        let album = |&class: &usize| self.album_of.get(class).copied();
        Self {
            classes: chosen
                .iter()
                .map(|&class| self.classes[class].clone())
                .collect(),
            files,
            group_of: self.group_of.clone(),
            album_of: chosen.iter().filter_map(album).collect(),
        }
    }

    /// Checks that every class can give `shot` support and `query` query files, and that classes suffice for `way`.
    ///
    /// # Errors
    /// [`PoolError`], of classes that are too small for the first.
    pub fn check(&self, way: usize, shot: usize, query: usize) -> Result<(), PoolError> {
        check_episode(way, shot, query)?;
        if let Some(&file) = self
            .files
            .iter()
            .flatten()
            .find(|&&file| file >= self.group_of.len())
        {
            return Err(PoolError::NoGroup(file));
        }
        let classes = self.files.len().min(self.classes.len());
        if classes < way {
            return Err(PoolError::TooFewClasses { way, classes });
        }
        (0..classes).try_for_each(|class| self.check_class(class, shot, query))
    }

    /// Checks one class: some of its groups must hold at least `shot` files while the others hold at least `query`.
    ///
    /// # Errors
    /// [`PoolError::TooFewFiles`].
    pub fn check_class(&self, class: usize, shot: usize, query: usize) -> Result<(), PoolError> {
        let sizes = self.group_sizes(class);
        let files: usize = sizes.values().sum();
        if files >= shot + query {
            // Adding groups one by one cannot jump over a range wider than the largest of them.
            let largest = sizes.values().copied().max().unwrap_or(0);
            if files - query - shot + 1 >= largest {
                return Ok(());
            }
            // All the numbers of files that some choice of groups holds.
            let mut sums = BTreeSet::from([0]);
            for size in sizes.values() {
                sums.extend(sums.iter().map(|sum| sum + size).collect::<Vec<_>>());
            }
            if sums.range(shot..=files - query).next().is_some() {
                return Ok(());
            }
        }
        let name = self.classes.get(class).cloned().unwrap_or_default();
        Err(PoolError::TooFewFiles {
            class: name,
            files,
            groups: sizes.len(),
            shot,
            query,
        })
    }

    /// How many files of a class each of its groups holds.
    pub fn group_sizes(&self, class: usize) -> BTreeMap<usize, usize> {
        let mut sizes = BTreeMap::new();
        for group in self
            .files
            .get(class)
            .into_iter()
            .flatten()
            .filter_map(|&file| self.group_of.get(file))
        {
            *sizes.entry(*group).or_insert(0) += 1;
        }
        sizes
    }
}
