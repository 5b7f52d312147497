//! The files that episodes are drawn from, and whether they are enough.

use std::collections::{BTreeMap, BTreeSet};

use super::task::{PoolError, Task};

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

    /// Checks that every class can give a task's support and query files, and that classes suffice for its ways.
    ///
    /// # Errors
    /// [`PoolError`], of classes that are too small for the first.
    pub fn check(&self, task: Task) -> Result<(), PoolError> {
        task.check()?;
        if let Some(&file) = self
            .files
            .iter()
            .flatten()
            .find(|&&file| file >= self.group_of.len())
        {
            return Err(PoolError::NoGroup(file));
        }
        let classes = self.files.len().min(self.classes.len());
        if classes < task.way {
            return Err(PoolError::TooFewClasses {
                way: task.way,
                classes,
            });
        }
        (0..classes).try_for_each(|class| self.check_class(class, task))
    }

    /// Checks one class: some of its groups must hold the supports while the others hold the queries.
    ///
    /// # Errors
    /// [`PoolError::TooFewFiles`].
    pub fn check_class(&self, class: usize, task: Task) -> Result<(), PoolError> {
        let Task { shot, query, .. } = task;
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
