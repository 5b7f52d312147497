//! A data set: classes, files, groups, and the checks that every source of them has to pass.

use super::{
    error::DataError,
    folder,
    hash::{KnownFiles, hash_files},
    labels::Labels,
    linked::linked,
    manifest,
    part::Part,
    pool::Pool,
    row::Row,
    tags,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

/// How many pairs of the same content in two classes are named.
const PAIRS_TOLD: usize = 10;

/// One labelled audio file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Where it lies: relative to the data set's root, or absolute where a manifest says so.
    pub path: PathBuf,
    /// Its class, an index into [`Dataset::classes`].
    pub class: usize,
    /// Its group, an index into [`Dataset::groups`]. Files of a group (an artist, an album, copies of one recording)
    /// never stand on both sides of a split or of an episode; a file without a group is one by itself.
    pub group: usize,
    /// The part that the manifest puts it into.
    pub part: Option<Part>,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub hash: String,
    /// What else is known of it: the manifest's other columns (all but path, label, split and group) where they are not
    /// empty, by their names in lower case; for a folder labelled by its files' tags, these tags.
    pub columns: BTreeMap<String, String>,
}

/// The labelled files of a folder or a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// The labels, sorted.
    pub classes: Vec<String>,
    /// The files, sorted by path.
    pub items: Vec<Item>,
    /// The groups' names: as the manifest gives them, or the path of a file that is a group by itself.
    pub groups: Vec<String>,
    /// Whether every track is a class of its own ([`Labels::Track`]). Its label is the manifest's `piece` or the file's path.
    /// Files of one class are versions of one track, and a training takes its shots and queries from parts of the first
    /// of them that can be read.
    pub tracks: bool,
    /// What a user should know though nothing has to be mended, one sentence each.
    pub warnings: Vec<String>,
}

impl Dataset {
    /// Reads a folder of class folders or a CSV manifest, and hashes every file (on all cores).
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub fn open(path: &Path) -> Result<Self, DataError> {
        Self::open_with(path, &Labels::Folder)
    }

    /// As [`Self::open`], with the classes that `labels` chooses. Files without such a label are left out, with one
    /// warning that counts them.
    ///
    /// # Errors
    /// [`DataError`] where the path holds no data set, where a manifest or its labels make no sense, and where there are too
    /// few classes. A file that cannot be read is a warning only.
    pub fn open_with(path: &Path, labels: &Labels) -> Result<Self, DataError> {
        Self::open_known(path, labels, &KnownFiles::new())
    }

    /// As [`Self::open_with`]. Files that are known are not read to be hashed if they have the size that they had.
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub fn open_known(path: &Path, labels: &Labels, known: &KnownFiles) -> Result<Self, DataError> {
        if path.to_str().is_none() {
            return Err(DataError::Name(path.into()));
        }
        let mut warnings = Vec::new();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let (root, mut listed) = if path.is_dir() {
            let listed = match labels {
                Labels::Folder => folder::list(path, &mut warnings)?,
                Labels::Column(column) => tags::list(path, column, &mut warnings)?,
                Labels::Track => tags::list_all(path, &mut warnings)?,
            };
            (path.to_path_buf(), listed)
        } else if !path.exists() {
            return Err(DataError::NotFound(path.into()));
        } else if extension == "csv" || extension == "tsv" {
            let listed = manifest::list(path, labels, &mut warnings)?;
            (manifest::folder_of(path), listed)
        } else {
            return Err(DataError::NotADataset(path.into()));
        };

        match labels {
            Labels::Folder => {}
            Labels::Column(_) => free_classes_of_one_group(&mut listed, &mut warnings),
            Labels::Track => label_by_track(&mut listed),
        }
        let classes: BTreeSet<&str> = listed.iter().map(|file| file.label.as_str()).collect();
        let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
        let tracks = *labels == Labels::Track;
        if !tracks {
            check_labels(path, &classes)?;
        }
        Self::assemble(root, classes, listed, tracks, known, warnings)
    }

    fn assemble(
        root: PathBuf,
        classes: Vec<String>,
        mut listed: Vec<Row>,
        tracks: bool,
        known_files: &KnownFiles,
        mut warnings: Vec<String>,
    ) -> Result<Self, DataError> {
        listed.sort_by(|a, b| a.path.cmp(&b.path));
        let names: Vec<&Path> = listed.iter().map(|file| file.path.as_path()).collect();
        let hashes = hash_files(&root, &names, known_files);

        let mut groups = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut items = Vec::with_capacity(listed.len());
        for (file, hash) in listed.into_iter().zip(hashes) {
            let hash = match hash {
                Ok(hash) => hash,
                Err(error) => {
                    warnings.push(format!("left out: {error}"));
                    continue;
                }
            };
            let mut new_group = |name: String| {
                groups.push(name);
                groups.len() - 1
            };
            let group = match file.group {
                Some(name) => *known.entry(name.clone()).or_insert_with(|| new_group(name)),
                None => new_group(file.path.display().to_string()),
            };
            let class = classes.binary_search(&file.label).unwrap_or_default();
            items.push(Item {
                path: file.path,
                class,
                group,
                part: file.part,
                hash,
                columns: file.columns,
            });
        }
        let mut dataset = Self {
            root,
            classes,
            items,
            groups,
            tracks,
            warnings,
        };
        dataset.join_copies()?;
        dataset.check_groups_in_parts()?;
        Ok(dataset)
    }

    /// Where a file lies.
    pub fn file(&self, item: &Item) -> PathBuf {
        self.root.join(&item.path)
    }

    /// The chosen files by class: what episodes are drawn from. Classes without a file are left out; the files keep
    /// their index in [`Dataset::items`]. Indices beyond the data set are ignored.
    pub fn pool(&self, indices: &[usize]) -> Pool {
        let mut files = vec![Vec::new(); self.classes.len()];
        for (index, item) in indices
            .iter()
            .filter_map(|&index| Some((index, self.items.get(index)?)))
        {
            files[item.class].push(index);
        }
        let (classes, files) = self
            .classes
            .iter()
            .cloned()
            .zip(files)
            .filter(|(_, files)| !files.is_empty())
            .unzip();
        Pool::new(
            classes,
            files,
            self.items.iter().map(|item| item.group).collect(),
        )
    }

    /// The files by class that the manifest puts into a part.
    pub(crate) fn pool_of_part(&self, part: Part) -> Pool {
        let indices = (0..self.items.len()).filter(|&index| self.items[index].part == Some(part));
        self.pool(&indices.collect::<Vec<_>>())
    }

    /// All files by class.
    pub fn pool_of_all(&self) -> Pool {
        self.pool(&(0..self.items.len()).collect::<Vec<_>>())
    }

    /// Leaves out classes whose files are all of one group, or a single one, with a warning each: no episode can have them on
    /// both of its sides. Not where every track is a class of its own.
    pub fn leave_out_lone_classes(&mut self) {
        if self.tracks {
            return;
        }
        let pool = self.pool_of_all();
        let lone = |name: &String| {
            let class = pool.classes.iter().position(|other| other == name)?;
            let groups = pool.group_sizes(class);
            (groups.len() == 1).then(|| groups.into_values().sum::<usize>())
        };
        for class in (0..self.classes.len()).rev() {
            let Some(files) = lone(&self.classes[class]) else {
                continue;
            };
            let why = match files {
                1 => "has one file only".to_string(),
                _ => format!("has {files} files that all belong together (copies, or one group)"),
            };
            self.warnings.push(format!(
                "left out: class `{}` {why}, and examples and questions need one each; add files to it",
                self.classes[class]
            ));
            self.items.retain(|item| item.class != class);
            self.items
                .iter_mut()
                .for_each(|item| item.class -= usize::from(item.class > class));
            self.classes.remove(class);
        }
    }

    /// Refuses the same content under two classes; within a class, copies become one group, with a warning. Copies of a
    /// track are one class.
    fn join_copies(&mut self) -> Result<(), DataError> {
        let mut copies = 0;
        let mut contradicting = Vec::new();
        let empty = blake3::hash(b"").to_hex().to_string();
        let mut first_with: HashMap<String, usize> = HashMap::new();
        for index in 0..self.items.len() {
            let hash = self.items[index].hash.clone();
            // Files of no bytes are all alike; that they hold no audio is for the decoder to say.
            if hash == empty {
                continue;
            }
            let first = *first_with.entry(hash).or_insert(index);
            let (a, b) = (&self.items[first], &self.items[index]);
            if a.class != b.class && !self.tracks {
                let name = |item: &Item| {
                    let class = &self.classes[item.class];
                    format!("{} (class `{class}`)", self.file(item).display())
                };
                contradicting.push(format!("{} and {}", name(a), name(b)));
                continue;
            }
            if first != index {
                copies += 1;
                if !self.tracks {
                    self.warnings.push(format!(
                        "{} and {} (class `{}`) have the same content and count as one group: they never stand on both sides of an episode or split; remove one",
                        a.path.display(),
                        b.path.display(),
                        self.classes[a.class]
                    ));
                }
                let (kept, joined) = ([a.group, a.class], [b.group, b.class]);
                for item in &mut self.items {
                    if item.group == joined[0] {
                        item.group = kept[0];
                    }
                    if item.class == joined[1] {
                        item.class = kept[1];
                    }
                }
            }
        }
        let more = contradicting.len().saturating_sub(PAIRS_TOLD);
        if more > 0 {
            contradicting.truncate(PAIRS_TOLD);
            contradicting.push(format!("and {more} more pairs"));
        }
        if !contradicting.is_empty() {
            return Err(DataError::SameFileInTwoClasses {
                pairs: contradicting,
            });
        }
        if self.tracks && copies > 0 {
            self.warnings.push(format!(
                "{copies} files are copies of others and count as the same track"
            ));
        }
        Ok(())
    }

    fn check_groups_in_parts(&self) -> Result<(), DataError> {
        let mut first_in: HashMap<usize, &Item> = HashMap::new();
        for item in &self.items {
            let first = first_in.entry(item.group).or_insert(item);
            if let (Some(part_a), Some(part_b)) = (first.part, item.part)
                && part_a != part_b
            {
                return Err(DataError::GroupInTwoParts {
                    group: self.groups[item.group].clone(),
                    a: first.path.clone(),
                    part_a,
                    b: item.path.clone(),
                    part_b,
                });
            }
        }
        Ok(())
    }
}

/// Makes every track a class, those of one `piece` together. Where the files have no split yet, tracks of one group or one
/// album become a group: they go into one part.
fn label_by_track(listed: &mut [Row]) {
    for file in listed.iter_mut() {
        let piece = file.columns.get("piece").cloned();
        file.label = piece.unwrap_or_else(|| file.path.display().to_string());
    }
    if listed.iter().any(|file| file.part.is_some()) {
        return;
    }
    let mut first_of = HashMap::new();
    let mut pairs = Vec::new();
    for (number, file) in listed.iter().enumerate() {
        for (kind, name) in [
            ("group", file.group.as_ref()),
            ("album", file.columns.get("album")),
        ] {
            if let Some(name) = name {
                pairs.push((*first_of.entry((kind, name)).or_insert(number), number));
            }
        }
    }
    for together in linked(listed.len(), pairs) {
        let first = listed[together[0]].path.display().to_string();
        for &file in &together {
            listed[file].group = (together.len() > 1).then(|| first.clone());
        }
    }
}

/// Where a class is an album or an artist, the group is often the same artist, and no two of its files could stand on
/// both sides of an episode. The files of such a class count as a group each.
fn free_classes_of_one_group(listed: &mut [Row], warnings: &mut Vec<String>) {
    let mut groups: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    for file in listed.iter() {
        let groups = groups.entry(file.label.clone()).or_default();
        groups.insert(file.group.clone());
    }
    groups.retain(|_, groups| groups.len() == 1 && !groups.contains(&None));
    let Some(first) = groups.keys().next() else {
        return;
    };
    warnings.push(format!(
        "{} classes, `{first}` among them, lie in one group each: their files count as separate, for else none could stand on either side of an episode",
        groups.len()
    ));
    for file in listed.iter_mut() {
        if groups.contains_key(&file.label) {
            file.group = None;
        }
    }
}

/// Refuses a single class, and labels that differ only by case or blanks. `classes` is sorted.
pub(super) fn check_labels(path: &Path, classes: &[String]) -> Result<(), DataError> {
    if let [class] = classes {
        let hint = if path.is_dir() {
            folder::deeper(path, class)
        } else {
            String::new()
        };
        return Err(DataError::OneClass {
            path: path.into(),
            class: class.clone(),
            hint,
        });
    }
    let mut seen: HashMap<String, &String> = HashMap::new();
    for label in classes {
        let plain: String = label.to_lowercase().split_whitespace().collect();
        if let Some(other) = seen.insert(plain, label) {
            return Err(DataError::LabelsAlike {
                a: other.clone(),
                b: label.clone(),
            });
        }
    }
    Ok(())
}
