//! Whether a local copy of a data set is whole and sound, what will be used of it, and its manifest.

use super::{
    dataset::check_labels,
    duplicates::{self, Duplicate},
    error::DataError,
    faults::{ClassCount, Durations, Fault, Problem, WayOut},
    fingerprint::Fingerprint,
    hash,
    layouts::{Layout, Listing},
    manifest,
    part::Part,
    row::Row,
};
use crate::audio::{self, AudioWarning};
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// How many files a sentence names.
const NAMED: usize = 5;

/// A file of less than this share of the length that it should have is left out.
const MIN_LENGTH: f64 = 0.5;

/// A file of less than this share of the length that it should have is told of.
const FULL_LENGTH: f64 = 0.95;

/// What to check, and how strictly.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions {
    /// How the files lie; recognised where it is none.
    pub layout: Option<Layout>,
    /// Leave out all but one of files that are the same recording. Of several, the one in the test part is kept, else
    /// the one in validation, so that a test set stays as it was published and the training gives way.
    pub drop_duplicates: bool,
    /// Forget the published split, so that commands split by seed.
    pub no_split: bool,
    /// Accept that files, classes or parts which the metadata names are missing.
    pub partial: bool,
}

/// What was found out about a data set.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// How its files lie.
    pub layout: Layout,
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// Files that can be used.
    pub files: usize,
    /// The classes, with their files.
    pub classes: BTreeMap<String, ClassCount>,
    /// Lengths.
    pub durations: Durations,
    /// The split that commands will use, in words.
    pub split: String,
    /// What files of a group, which is never divided, have in common.
    pub groups: String,
    /// Files with faults.
    pub faults: Vec<Fault>,
    /// Files that are the same recording.
    pub duplicates: Vec<Duplicate>,
    /// Files left out because they are the same recording as another.
    pub dropped: Vec<PathBuf>,
    /// What people should know though nothing has to be mended, one sentence each.
    pub notes: Vec<String>,
    /// Why this cannot be used as it is, each with the mend. No manifest is written then.
    pub problems: Vec<Problem>,
    #[serde(skip)]
    rows: Vec<Row>,
}

/// A file that was decoded.
struct Examined {
    hash: String,
    fingerprint: Fingerprint,
    seconds: f64,
    warnings: Vec<AudioWarning>,
}

/// Checks the local copy of a data set: reads its metadata, decodes every file on all cores, and looks for files that
/// are the same recording. `on` is told the files done and the files in all.
///
/// # Errors
/// [`DataError`] where the layout or the metadata makes no sense; a faulty file is only listed.
pub fn check(
    path: &Path,
    options: CheckOptions,
    on: &(dyn Fn(usize, usize) + Sync),
) -> Result<Checked, DataError> {
    let layout = match options.layout {
        Some(layout) => layout,
        None => Layout::recognise(path)?,
    };
    let mut listing = layout.list(path)?;
    let promised: BTreeSet<String> = listing.rows.iter().map(|row| row.label.clone()).collect();
    check_labels(path, &promised.iter().cloned().collect::<Vec<_>>())?;
    if let Some(row) = listing.rows.iter().find(|row| row.label.is_empty()) {
        let reason = format!("{} has no label", row.path.display());
        return Err(DataError::metadata(Path::new(&listing.source), reason));
    }
    if options.no_split {
        listing.rows.iter_mut().for_each(|row| row.part = None);
        listing.split = None;
    }
    let promised_parts = part_counts(&listing.rows);
    listing.rows.sort_by(|a, b| a.path.cmp(&b.path));

    let mut checked = Checked {
        layout,
        root: listing.root.clone(),
        files: 0,
        classes: BTreeMap::new(),
        durations: Durations::default(),
        split: String::new(),
        groups: listing
            .groups
            .map_or("none known: each file by itself".into(), |what| {
                format!("by {what}")
            }),
        faults: Vec::new(),
        duplicates: Vec::new(),
        dropped: Vec::new(),
        notes: std::mem::take(&mut listing.notes),
        problems: Vec::new(),
        rows: Vec::new(),
    };
    // A folder's loose files are told of already, and beside a manifest may lie anything.
    let unlisted = match layout {
        Layout::Folder | Layout::Csv => Vec::new(),
        _ => unlisted(&listing),
    };
    let rows = checked.existing(&listing, options)?;
    let (rows, examined) = checked.examine(rows, on);
    let (mut rows, lengths) = checked.compare(rows, examined, options.drop_duplicates);
    if let [first, ..] = &unlisted[..] {
        checked.notes.push(format!(
            "{} audio files are not in {} and not used, first {}",
            unlisted.len(),
            listing.source,
            first.display()
        ));
    }
    for group in groups_in_two_parts(&rows) {
        checked.problem(group, WayOut::NoSplit);
    }
    checked.count(&rows, lengths);
    checked.lost(&promised, promised_parts, options.partial);
    checked.split = split_in_words(listing.split, promised_parts, part_counts(&rows));
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    checked.rows = rows;
    Ok(checked)
}

impl Checked {
    /// Writes the files that can be used as a manifest, with paths relative to its folder.
    ///
    /// # Errors
    /// [`DataError::Unwritable`]; [`DataError::Problems`] if there are any.
    pub fn write_manifest(&self, path: &Path) -> Result<(), DataError> {
        if !self.problems.is_empty() {
            return Err(DataError::Problems(self.problems.len()));
        }
        manifest::write(path, &self.root, &self.rows)
    }

    fn problem(&mut self, reason: String, way_out: WayOut) {
        self.problems.push(Problem { reason, way_out });
    }

    /// The rows whose files are there.
    fn existing(
        &mut self,
        listing: &Listing,
        options: CheckOptions,
    ) -> Result<Vec<Row>, DataError> {
        let is_there = |row: &&Row| listing.root.join(&row.path).is_file();
        let (here, missing): (Vec<&Row>, Vec<&Row>) = listing.rows.iter().partition(is_there);
        let Some(first) = missing.first() else {
            return Ok(listing.rows.clone());
        };
        if here.is_empty() {
            return Err(DataError::NoListedAudio {
                layout: self.layout.name(),
                path: listing.root.clone(),
                example: first.path.clone(),
            });
        }
        let sentence = format!(
            "{} of the {} files that {} lists are not there, first {}",
            missing.len(),
            listing.rows.len(),
            listing.source,
            named(missing.iter().map(|row| &row.path))
        );
        if options.partial {
            self.notes.push(sentence);
        } else {
            self.problem(format!("{sentence}: is the copy whole?"), WayOut::Partial);
        }
        Ok(here.into_iter().cloned().collect())
    }

    /// Decodes the files, and keeps those that can be used.
    fn examine(
        &mut self,
        rows: Vec<Row>,
        on: &(dyn Fn(usize, usize) + Sync),
    ) -> (Vec<Row>, Vec<Examined>) {
        let done = AtomicUsize::new(0);
        on(0, rows.len());
        let results: Vec<Result<Examined, String>> = rows
            .par_iter()
            .map(|row| {
                let result = examine(&self.root.join(&row.path));
                on(done.fetch_add(1, Ordering::Relaxed) + 1, rows.len());
                result
            })
            .collect();
        let mut kept = (Vec::new(), Vec::new());
        for (row, result) in rows.into_iter().zip(results) {
            let mut fault = |reason: String, left_out| {
                let path = row.path.clone();
                self.faults.push(Fault {
                    path,
                    reason,
                    left_out,
                });
            };
            let examined = match result {
                Ok(examined) => examined,
                Err(reason) => {
                    fault(reason, true);
                    continue;
                }
            };
            for warning in &examined.warnings {
                fault(warning.to_string(), false);
            }
            let expected = row.seconds.unwrap_or(0.0);
            if examined.seconds < FULL_LENGTH * expected {
                let left_out = examined.seconds < MIN_LENGTH * expected;
                fault(
                    format!(
                        "is {:.1} s long instead of {expected:.1} s",
                        examined.seconds
                    ),
                    left_out,
                );
                if left_out {
                    continue;
                }
            }
            kept.0.push(row);
            kept.1.push(examined);
        }
        kept
    }

    /// Finds files that are the same recording, and either leaves out all but one or makes them one group. Gives the
    /// rows with their lengths.
    fn compare(
        &mut self,
        rows: Vec<Row>,
        examined: Vec<Examined>,
        drop: bool,
    ) -> (Vec<Row>, Vec<f64>) {
        let hashes: Vec<&str> = examined.iter().map(|file| file.hash.as_str()).collect();
        let fingerprints: Vec<&Fingerprint> =
            examined.iter().map(|file| &file.fingerprint).collect();
        let pairs = duplicates::find(&hashes, &fingerprints);
        self.duplicates = pairs.iter().map(|pair| pair.describe(&rows)).collect();
        let short = fingerprints
            .iter()
            .filter(|fingerprint| !fingerprint.suffices())
            .count();
        if short > 0 {
            self.notes.push(format!(
                "{short} files are too short for an audio fingerprint (less than about five seconds) and were compared by their bytes only"
            ));
        }
        let mut lengths: Vec<f64> = examined.iter().map(|file| file.seconds).collect();
        if drop {
            let dropped = duplicates::superfluous(&rows, &pairs);
            self.dropped = dropped
                .iter()
                .map(|&file| rows[file].path.clone())
                .collect();
            let mut index = 0..;
            lengths.retain(|_| index.next().is_some_and(|file| !dropped.contains(&file)));
            let rows = rows.into_iter().enumerate();
            let rows = rows
                .filter(|(file, _)| !dropped.contains(file))
                .map(|(_, row)| row);
            return (rows.collect(), lengths);
        }
        let mut apart_pairs = Vec::new();
        // Commands refuse these, or a test would count what was trained on.
        for duplicate in self
            .duplicates
            .iter()
            .filter(|duplicate| duplicate.seconds.is_none())
        {
            let [a, b] = &duplicate.paths;
            let apart = match (&duplicate.labels, &duplicate.parts) {
                ([label_a, label_b], _) if label_a != label_b => {
                    format!("classes `{label_a}` and `{label_b}`")
                }
                (_, [Some(part_a), Some(part_b)]) if part_a != part_b => {
                    format!("{part_a} and {part_b}")
                }
                _ => continue,
            };
            let (a, b) = (a.display(), b.display());
            apart_pairs.push(format!(
                "{a} and {b} have the same content, but are in {apart}: leave one out"
            ));
        }
        for pair in apart_pairs {
            self.problem(pair, WayOut::DropDuplicates);
        }
        let mut rows = rows;
        duplicates::join(&mut rows, &pairs);
        (rows, lengths)
    }

    fn count(&mut self, rows: &[Row], mut lengths: Vec<f64>) {
        self.files = rows.len();
        for (row, seconds) in rows.iter().zip(&lengths) {
            let class = self.classes.entry(row.label.clone()).or_default();
            class.seconds += seconds;
            match row.part {
                Some(part) => class.parts[part as usize] += 1,
                None => class.unsplit += 1,
            }
        }
        lengths.sort_by(f64::total_cmp);
        if let (Some(shortest), Some(longest)) = (lengths.first(), lengths.last()) {
            self.durations = Durations {
                total: lengths.iter().sum(),
                shortest: *shortest,
                median: lengths[lengths.len() / 2],
                longest: *longest,
            };
        }
    }

    /// Tells of classes and parts of which nothing is left.
    fn lost(&mut self, promised: &BTreeSet<String>, parts: [usize; 3], partial: bool) {
        let gone: Vec<&str> = promised
            .iter()
            .filter(|label| !self.classes.contains_key(*label))
            .map(String::as_str)
            .collect();
        let mut sentences = Vec::new();
        if !gone.is_empty() {
            sentences.push(format!(
                "no usable file is left of {} of the {} classes ({})",
                gone.len(),
                promised.len(),
                gone.join(", ")
            ));
        }
        for part in Part::ALL {
            let left: usize = self
                .classes
                .values()
                .map(|class| class.parts[part as usize])
                .sum();
            if parts[part as usize] > 0 && left == 0 {
                sentences.push(format!("no usable file is left in {part}"));
            }
        }
        for sentence in sentences {
            match partial {
                true => self.notes.push(sentence),
                false => self.problem(
                    format!("{sentence}: mend the faults listed, or go on without"),
                    WayOut::Partial,
                ),
            }
        }
    }
}

/// Hashes and decodes a file.
fn examine(path: &Path) -> Result<Examined, String> {
    let reason = |error: audio::AudioError| error.kind.to_string();
    let (fingerprint, info) = Fingerprint::of_file(path).map_err(reason)?;
    Ok(Examined {
        hash: hash::hash_file(path).map_err(|error| error.to_string())?,
        fingerprint,
        seconds: info.duration_s,
        warnings: info.warnings,
    })
}

/// Audio files below the root that no row names, relative to it.
fn unlisted(listing: &Listing) -> Vec<PathBuf> {
    let known: BTreeSet<PathBuf> = listing
        .rows
        .iter()
        .map(|row| &row.path)
        .chain(&listing.left_out)
        .map(|path| listing.root.join(path))
        .collect();
    let found = audio::find(std::slice::from_ref(&listing.root));
    let unknown = found.files.into_iter().filter(|file| !known.contains(file));
    unknown
        .map(|file| {
            file.strip_prefix(&listing.root)
                .unwrap_or(&file)
                .to_path_buf()
        })
        .collect()
}

fn part_counts(rows: &[Row]) -> [usize; 3] {
    Part::ALL.map(|part| rows.iter().filter(|row| row.part == Some(part)).count())
}

fn split_in_words(name: Option<&str>, promised: [usize; 3], left: [usize; 3]) -> String {
    let Some(name) = name else {
        return "none given: commands split by seed, with no group in two parts".into();
    };
    let [train, validation, test] = left;
    let text = format!("{name}: {train} training, {validation} validation, {test} test");
    if promised == left {
        return text;
    }
    let [train, validation, test] = promised;
    format!("{text} (published: {train}/{validation}/{test}; the files left out are listed)")
}

/// A sentence for each group whose files are in different parts.
fn groups_in_two_parts(rows: &[Row]) -> Vec<String> {
    let mut first: BTreeMap<&str, &Row> = BTreeMap::new();
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for row in rows {
        let (Some(group), Some(part)) = (&row.group, row.part) else {
            continue;
        };
        let other = *first.entry(group).or_insert(row);
        if let Some(other_part) = other.part.filter(|other| *other != part) {
            found.entry(group).or_insert_with(|| {
                format!(
                    "group `{group}` is in two parts: {} ({other_part}) and {} ({part}); give all its files the same split, or split by seed",
                    other.path.display(),
                    row.path.display()
                )
            });
        }
    }
    found.into_values().collect()
}

/// The first few of some paths.
fn named<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    let names: Vec<String> = paths
        .take(NAMED)
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}
