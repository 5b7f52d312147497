//! Which files train, which choose between models, and which are kept for the test.

use super::{
    dataset::Dataset,
    deal::{check_given, novel_classes, seen_classes, too_few_files},
    error::DataError,
    part::Part,
    protocol::Protocol,
    task::{PoolError, Task},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    collections::{HashMap, HashSet},
    path::PathBuf,
};

/// Hexadecimal digits of a file's hash.
const HASH_DIGITS: usize = 2 * blake3::OUT_LEN;

/// A file and its part, as stored with a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitEntry {
    /// Its path in the data set that was split.
    pub path: PathBuf,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub hash: String,
    /// Its label; its path where every track was a class of its own.
    pub label: String,
    /// Its part.
    pub part: Part,
}

/// A split, to be stored and applied to the same files again, wherever they lie by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// What it follows.
    pub protocol: Protocol,
    /// The seed it was drawn by; none where the manifest gave it.
    pub seed: Option<u64>,
    /// Every file.
    pub files: Vec<SplitEntry>,
}

/// A split found again in a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMatch {
    /// The part of each item of the data set; none for a file that the split does not know.
    pub part: Vec<Option<Part>>,
    /// Items that the split does not know. They are in no part.
    pub new: Vec<usize>,
    /// Items whose path is known but whose content has changed. They keep the part of the path.
    pub changed: Vec<usize>,
    /// Items that now have another label. They keep their part.
    pub relabelled: Vec<usize>,
    /// Files of the split that are not in the data set, by neither content nor path.
    pub missing: Vec<PathBuf>,
}

impl SplitMatch {
    /// The items of a part.
    pub fn indices(&self, part: Part) -> Vec<usize> {
        self.part
            .iter()
            .enumerate()
            .filter(|(_, found)| **found == Some(part))
            .map(|(index, _)| index)
            .collect()
    }
}

impl Split {
    /// The labels of a part.
    pub fn classes(&self, part: Part) -> BTreeSet<&str> {
        let files = self.files.iter().filter(|file| file.part == part);
        files.map(|file| file.label.as_str()).collect()
    }

    /// Checks a split that was stored: its hashes are hashes, and no content is in two parts.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut part_of = HashMap::new();
        for SplitEntry {
            path, hash, part, ..
        } in &self.files
        {
            if hash.len() != HASH_DIGITS || !hash.bytes().all(|c| c.is_ascii_hexdigit()) {
                return Err(format!(
                    "its split has no hash of {}",
                    path.display().to_string().escape_debug()
                ));
            }
            if *part_of.entry(hash).or_insert(*part) != *part {
                return Err(format!(
                    "its split has the content of {} in two parts",
                    path.display().to_string().escape_debug()
                ));
            }
        }
        Ok(())
    }

    /// Splits a data set so that every part can give episodes of a task. Where the manifest gives a split it is used as it is, after a check against the protocol (it may leave
    /// out validation); else about a half of the classes (or files) train and a quarter each validate and test, drawn
    /// by the seed. Groups are never divided. Of tracks every part needs as many as the task has ways; whether they are long enough for shots and
    /// queries shows when they are read.
    ///
    /// # Errors
    /// [`DataError`]: a data set or a part that is too small for such episodes, tracks where the protocol needs files, or a
    /// given split that does not fit.
    pub fn create(
        dataset: &Dataset,
        protocol: Protocol,
        task: Task,
        seed: u64,
    ) -> Result<Self, DataError> {
        task.check()?;
        let way = task.way;
        if dataset.tracks && protocol == Protocol::SeenClasses {
            return Err(DataError::TracksHaveNoFiles {
                reason: "which cannot be in several parts of a split: use novel-classes",
            });
        }
        let given = dataset.items.iter().any(|item| item.part.is_some());
        let parts: Vec<Option<Part>> = if given {
            dataset.items.iter().map(|item| item.part).collect()
        } else {
            let pool = dataset.pool_of_all();
            let drawn = match protocol {
                Protocol::NovelClasses => novel_classes(dataset, &pool, way, seed)?,
                Protocol::SeenClasses => seen_classes(dataset, &pool, task, seed)?,
            };
            drawn.into_iter().map(Some).collect()
        };
        if given {
            check_given(dataset, protocol, &parts)?;
        }
        let seed = (!given).then_some(seed);
        let split = Self::of(dataset, protocol, seed, &parts);
        let found = split.apply(dataset);
        for part in Part::ALL {
            let pool = dataset.pool(&found.indices(part));
            if given && part == Part::Validation && pool.classes.is_empty() {
                continue;
            }
            let checked = match dataset.tracks {
                // A class has one file, of which nothing is known yet.
                true if pool.classes.len() >= way => Ok(()),
                true => Err(PoolError::TooFewClasses {
                    way,
                    classes: pool.classes.len(),
                }),
                false => pool.check(task),
            };
            checked.map_err(|problem| match (protocol, problem) {
                (Protocol::SeenClasses, PoolError::TooFewFiles { class, .. }) => {
                    too_few_files(dataset, &class, task)
                }
                (_, problem) => DataError::Part { part, problem },
            })?;
        }
        Ok(split)
    }

    /// A split of a data set of which all files train: they are too few to keep any for something else.
    pub fn all_train(dataset: &Dataset, protocol: Protocol) -> Self {
        let parts = vec![Some(Part::Train); dataset.items.len()];
        Self::of(dataset, protocol, None, &parts)
    }

    fn of(
        dataset: &Dataset,
        protocol: Protocol,
        seed: Option<u64>,
        parts: &[Option<Part>],
    ) -> Self {
        let entries = dataset.items.iter().zip(parts).filter_map(|(item, part)| {
            Some(SplitEntry {
                path: item.path.clone(),
                hash: item.hash.clone(),
                label: match dataset.tracks {
                    true => item.path.display().to_string(),
                    false => dataset.classes.get(item.class)?.clone(),
                },
                part: (*part)?,
            })
        });
        Self {
            protocol,
            seed,
            files: entries.collect(),
        }
    }

    /// Finds the split's files in a data set: by content first, for files may have moved, then by path.
    pub fn apply(&self, dataset: &Dataset) -> SplitMatch {
        let mut by_hash: HashMap<&str, Vec<&SplitEntry>> = HashMap::new();
        let mut by_path: HashMap<&PathBuf, &SplitEntry> = HashMap::new();
        for entry in &self.files {
            by_hash.entry(&entry.hash).or_default().push(entry);
            by_path.insert(&entry.path, entry);
        }
        let mut found = SplitMatch {
            part: Vec::new(),
            new: vec![],
            changed: vec![],
            relabelled: vec![],
            missing: vec![],
        };
        let mut seen: HashSet<&PathBuf> = HashSet::new();
        let mut seen_hash: HashSet<&str> = HashSet::new();
        for (index, item) in dataset.items.iter().enumerate() {
            let same_path = by_path.get(&item.path).copied();
            // Of several copies the one at the same path, where there is one; all copies are in the same part.
            let same_content = by_hash.get(item.hash.as_str()).and_then(|copies| {
                copies
                    .iter()
                    .copied()
                    .find(|entry| entry.path == item.path)
                    .or_else(|| copies.first().copied())
            });
            let entry = same_content.or(same_path);
            found.part.push(entry.map(|entry| entry.part));
            let Some(entry) = entry else {
                found.new.push(index);
                continue;
            };
            if same_content.is_none() {
                found.changed.push(index);
            }
            // A track that was a class of its own has no label to lose.
            if !dataset.tracks
                && entry.label != entry.path.display().to_string()
                && dataset.classes.get(item.class) != Some(&entry.label)
            {
                found.relabelled.push(index);
            }
            seen.insert(&entry.path);
            seen_hash.insert(&item.hash);
        }
        found.missing = self
            .files
            .iter()
            .filter(|entry| !seen.contains(&entry.path) && !seen_hash.contains(entry.hash.as_str()))
            .map(|entry| entry.path.clone())
            .collect();
        found
    }
}
