//! Drawing episodes, each a pure function of the seed and its number.

use std::collections::{BTreeMap, HashSet};

use crate::data::{Pool, PoolError, Task};
use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// How often a draw that groups have led into a dead end is tried anew.
const TRIES: usize = 200;

/// Where this many draws each take no more than these tries, it takes billions of draws to use up [`TRIES`].
const EASY_DRAWS: u64 = 100;
const EASY_TRIES: usize = TRIES / 4;

/// An N-way K-shot task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// The classes, indices into the pool's, in random order.
    pub classes: Vec<usize>,
    /// For each of them, in the same order, the files to learn from.
    pub support: Vec<Vec<usize>>,
    /// And the files to be classified.
    pub query: Vec<Vec<usize>>,
}

impl Episode {
    /// An episode of some classes, all whose candidates are queries.
    pub(crate) fn of(classes: Vec<usize>, sides: Vec<Sides>) -> Self {
        let sides = sides
            .into_iter()
            .map(|side| (side.support, side.candidates));
        let (support, query) = sides.unzip();
        Self {
            classes,
            support,
            query,
        }
    }
}

/// Why an episode cannot be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EpisodeError {
    /// The files are too few.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Each class has enough files, but groups that span classes leave no way to part them.
    #[error(
        "{}-way episodes with {} support and {} query files a class are not found, or not at every draw, because groups (or files of several labels) span classes and none may stand on both sides: use fewer shots, queries or ways, or correct the groups",
        .0.way,
        .0.shot,
        .0.query
    )]
    GroupsSpanClasses(Task),
    /// A class has too few files on one of two sides.
    #[error(
        "class `{class}` has {files} files to {side} and {needed} are needed: use fewer {what}, or add files"
    )]
    TooFewOnOneSide {
        /// The class.
        class: String,
        /// Its files on that side.
        files: usize,
        /// `learn from` or `find`.
        side: &'static str,
        /// Shots or queries asked for.
        needed: usize,
        /// Which of these: `shots` or `queries`.
        what: &'static str,
    },
}

/// The task nearest to `asked`, and of no more in any of its three numbers, that `fits`: with as many shots, then ways,
/// then queries as possible.
pub fn nearest_task(asked: Task, fits: impl Fn(Task) -> bool) -> Option<Task> {
    let of_shot = |shot| (2..=asked.way).rev().map(move |way| [way, shot]);
    let mut shapes = (1..=asked.shot).rev().flat_map(of_shot);
    shapes.find_map(|[way, shot]| {
        let mut tasks = (1..=asked.query)
            .rev()
            .map(|query| Task::new(way, shot, query));
        tasks.find(|&task| fits(task))
    })
}

/// Draws episodes from a pool.
///
/// The rule: classes uniformly, those of different albums first where the pool has albums; of each class the files in random order, a file becoming support, and its group with
/// it, unless that would leave a class of the episode with too few files outside the support's groups; queries
/// uniformly among the files whose group has no file in any support. Without groups this is plain sampling without
/// replacement. Groups larger than one file make the support neither more concentrated nor more spread than chance
/// does, except as far as room for the queries asks for it, and a large group is as likely on either side as its files.
#[derive(Debug, Clone)]
pub struct EpisodeSampler {
    pool: Pool,
    task: Task,
    /// Where supports and queries come from different collections: whether a file may only be a query. The others
    /// may only be supports then.
    query_only: Option<Vec<bool>>,
    spans: Vec<Vec<Span>>,
}

/// A class that a group has files in.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub class: usize,
    /// Its files that may be supports and those that may be queries.
    pub files: [usize; 2],
}

/// Which files a side takes: an index into [`Span::files`].
pub(crate) const SUPPORT: usize = 0;
pub(crate) const QUERY: usize = 1;

/// The two sides of one class of an episode.
pub(crate) struct Sides {
    /// `shot` files.
    pub support: Vec<usize>,
    /// All files that may be queries.
    pub candidates: Vec<usize>,
}

impl Sides {
    /// Chooses at most `count` of those that may be queries.
    pub(crate) fn choose(&mut self, count: usize, stream: &mut Stream) {
        stream.partial_shuffle(&mut self.candidates, count);
        self.candidates.truncate(count);
    }
}

impl EpisodeSampler {
    /// A sampler, or the class that is too small.
    ///
    /// # Errors
    /// [`EpisodeError`], with the class that is too small.
    pub fn new(pool: Pool, task: Task) -> Result<Self, EpisodeError> {
        pool.check(task)?;
        Self::checked(pool, None, task)
    }

    /// A sampler whose supports come from one collection and whose queries from another: `query_only` says of each
    /// file whether it belongs to the second. Groups may have files in both, and stand on one side of an episode
    /// only.
    ///
    /// # Errors
    /// [`EpisodeError`], with the class that is too small.
    pub fn between(pool: Pool, query_only: Vec<bool>, task: Task) -> Result<Self, EpisodeError> {
        task.check()?;
        let Task { way, shot, query } = task;
        let classes = pool.files.len().min(pool.classes.len());
        if classes < way {
            return Err(PoolError::TooFewClasses { way, classes }.into());
        }
        for (class, files) in pool.classes.iter().zip(&pool.files) {
            let beyond = |file: &&usize| **file >= query_only.len().min(pool.group_of.len());
            if let Some(&file) = files.iter().find(beyond) {
                return Err(PoolError::NoGroup(file).into());
            }
            let queries = files.iter().filter(|file| query_only[**file]).count();
            for (files, needed, side, what) in [
                (files.len() - queries, shot, "learn from", "shots"),
                (queries, query, "find", "queries"),
            ] {
                if files < needed {
                    return Err(EpisodeError::TooFewOnOneSide {
                        class: class.clone(),
                        files,
                        side,
                        needed,
                        what,
                    });
                }
            }
        }
        Self::checked(pool, Some(query_only), task)
    }

    fn checked(
        pool: Pool,
        query_only: Option<Vec<bool>>,
        task: Task,
    ) -> Result<Self, EpisodeError> {
        let groups = pool.group_of.iter().max().map_or(0, |&group| group + 1);
        let mut sampler = Self {
            pool,
            task,
            query_only,
            spans: (0..groups).map(|_| Vec::new()).collect(),
        };
        for class in 0..sampler.pool.files.len() {
            let mut sizes: BTreeMap<usize, [usize; 2]> = BTreeMap::new();
            for &file in &sampler.pool.files[class] {
                let sizes = sizes.entry(sampler.pool.group_of[file]).or_default();
                for side in [SUPPORT, QUERY] {
                    sizes[side] += usize::from(sampler.may_be(side, file));
                }
            }
            for (group, files) in sizes {
                sampler.spans[group].push(Span { class, files });
            }
        }
        // Finds at once what only groups that span classes can cause.
        sampler.sample(0, 0)?;
        Ok(sampler)
    }

    /// The pool that it draws from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// For each group, the classes it has files in.
    pub(crate) fn spans(&self) -> &[Vec<Span>] {
        &self.spans
    }

    /// Whether a file may be a support, or a query.
    pub(crate) fn may_be(&self, side: usize, file: usize) -> bool {
        match &self.query_only {
            None => true,
            Some(query_only) => query_only[file] == (side == QUERY),
        }
    }

    /// Whether supports and queries come from different collections.
    pub(crate) fn is_between(&self) -> bool {
        self.query_only.is_some()
    }

    /// For each class, the number of groups with files that may be supports, or queries.
    pub(crate) fn groups_of_classes(&self, side: usize) -> Vec<usize> {
        let mut groups = vec![0; self.pool.files.len()];
        for span in self.spans.iter().flatten() {
            groups[span.class] += usize::from(span.files[side] > 0);
        }
        groups
    }

    /// The shape of each episode.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Episode number `index` under `seed`: the same whenever and wherever it is drawn.
    ///
    /// # Errors
    /// [`EpisodeError::GroupsSpanClasses`].
    pub fn sample(&self, seed: u64, index: u64) -> Result<Episode, EpisodeError> {
        self.sample_within(seed, index, TRIES)
    }

    /// Checks that none of many episodes is likely to be in want of files: where groups span classes, a first one may be
    /// found by luck.
    ///
    /// # Errors
    /// [`EpisodeError::GroupsSpanClasses`].
    pub fn check_draws(&self) -> Result<(), EpisodeError> {
        let alone = |span: &Span| span.files.iter().all(|files| *files < 2);
        if self
            .spans
            .iter()
            .all(|classes| classes.len() < 2 && classes.iter().all(alone))
        {
            return Ok(());
        }
        (0..EASY_DRAWS).try_for_each(|index| self.sample_within(0, index, EASY_TRIES).map(drop))
    }

    fn sample_within(&self, seed: u64, index: u64, tries: usize) -> Result<Episode, EpisodeError> {
        let mut stream = Stream::new(seed, "episode", index);
        for _ in 0..tries {
            let classes = self.classes(&mut stream);
            let mut files: Vec<Vec<usize>> = classes
                .iter()
                .map(|&class| self.pool.files[class].clone())
                .collect();
            files.iter_mut().for_each(|files| stream.shuffle(files));
            let Some(mut sides) = self.part(&classes, &files, self.task.shot, self.task.query)
            else {
                continue;
            };
            let choose = |side: &mut Sides| side.choose(self.task.query, &mut stream);
            sides.iter_mut().for_each(choose);
            return Ok(Episode::of(classes, sides));
        }
        Err(EpisodeError::GroupsSpanClasses(self.task))
    }

    /// Classes of an episode, in random order.
    fn classes(&self, stream: &mut Stream) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.pool.files.len()).collect();
        if self.pool.album_of.is_empty() {
            stream.partial_shuffle(&mut classes, self.task.way);
        } else {
            stream.shuffle(&mut classes);
            let mut taken = HashSet::new();
            let first_of_album = |class: &usize| taken.insert(self.pool.album_of[*class]);
            let (mut first, others): (Vec<usize>, Vec<usize>) =
                classes.into_iter().partition(first_of_album);
            first.extend(others);
            classes = first;
        }
        classes.truncate(self.task.way);
        classes
    }

    /// Parts the files of some classes into `shot` of support and at least `query` that may be queries, taking
    /// `files` (one list per class) in their order; none where the order leads into a dead end. A group has to lie in
    /// `files` wholly or not at all.
    pub(crate) fn part(
        &self,
        classes: &[usize],
        files: &[Vec<usize>],
        shot: usize,
        query: usize,
    ) -> Option<Vec<Sides>> {
        let mut in_support = vec![false; self.spans.len()];
        let queries = |files: &Vec<usize>| {
            let may = files.iter().filter(|file| self.may_be(QUERY, **file));
            may.count()
        };
        let mut outside: Vec<usize> = files.iter().map(queries).collect();
        let mut supports = Vec::with_capacity(files.len());
        for files in files {
            let mut support = Vec::with_capacity(shot);
            for &file in files {
                if support.len() == shot {
                    break;
                }
                if !self.may_be(SUPPORT, file) {
                    continue;
                }
                let group = self.pool.group_of[file];
                if !in_support[group] {
                    let taken = || {
                        self.spans[group].iter().filter_map(|span| {
                            let slot = classes.iter().position(|&chosen| chosen == span.class)?;
                            Some((slot, span.files[QUERY]))
                        })
                    };
                    if taken().any(|(slot, size)| outside[slot] < size + query) {
                        continue;
                    }
                    taken().for_each(|(slot, size)| outside[slot] -= size);
                    in_support[group] = true;
                }
                support.push(file);
            }
            if support.len() < shot {
                return None;
            }
            supports.push(support);
        }
        let open =
            |file: &&usize| !in_support[self.pool.group_of[**file]] && self.may_be(QUERY, **file);
        let sides = supports
            .into_iter()
            .zip(files)
            .map(|(support, files)| Sides {
                support,
                candidates: files.iter().filter(open).copied().collect(),
            });
        Some(sides.collect())
    }
}
