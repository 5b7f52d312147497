//! Which of a teacher's vectors belong to which files.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::taught::{TaughtFile, TaughtSet};
use crate::data::{Dataset, Part, Split};
use crate::features::SegmentShape;
use crate::gpu::word;
use crate::model::LayerSpec;
use crate::settings::TrainConfig;
use crate::train::TrainError;
use crate::train::units::Units;
use crate::vectors::{VectorRow, Vectors};
use crate::words::count;

/// By how many frames a row may be longer or shorter than a segment. `gamaka embed` ends the last segment with the sound, up to a
/// frame before the end of its own; the rest is for rounding.
const TOLERANCE: f64 = 1.01;

impl TrainConfig {
    /// The configuration as a training with these vectors keeps it: with their hash, and a read-out of their width. Without
    /// vectors it stays as it is.
    ///
    /// # Errors
    /// [`TrainError::Config`] if the configuration has a teacher and there are no vectors, or the reverse.
    pub fn taught_by(&self, vectors: Option<&Vectors>) -> Result<Cow<'_, Self>, TrainError> {
        let (teacher, vectors) = match (&self.teacher, vectors) {
            (None, None) => return Ok(Cow::Borrowed(self)),
            (Some(teacher), Some(vectors)) => (teacher, vectors),
            (Some(_), None) => {
                return Err(TrainError::NoVectors);
            }
            (None, Some(vectors)) => {
                return Err(TrainError::teacher(
                    &vectors.file,
                    "is given to a training without [teacher]",
                ));
            }
        };
        let mut teacher = teacher.clone();
        teacher.blake3.clone_from(&vectors.hash);
        if let Some(channels) = teacher.readout.last_mut().and_then(LayerSpec::channels_mut) {
            *channels = vectors.width;
        }
        Ok(Cow::Owned(Self {
            teacher: Some(teacher),
            ..self.clone()
        }))
    }
}

/// Which rows of a teacher belong to which files of the data sets.
#[derive(Debug)]
pub(crate) struct Matched<'a> {
    pub(super) vectors: &'a Vectors,
    /// By (number of a data set, index of a file): its rows, by start.
    rows: HashMap<(usize, usize), Vec<usize>>,
    /// Rows of training files, as far as the files can be read.
    pub training_rows: usize,
    /// What to know, a sentence each.
    pub(super) notes: Vec<String>,
}

impl<'a> Matched<'a> {
    /// Finds the files that the rows name: as the data set names them, by their path from here, or by any other path to them.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if no row is of a file of the data, none of a training file, fewer than a batch, or one is of
    /// another length than a segment.
    pub(crate) fn new(
        vectors: &'a Vectors,
        sources: &[(&Dataset, &Split)],
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let datasets: Vec<&Dataset> = sources.iter().map(|(dataset, _)| *dataset).collect();
        let file_of = find(&vectors.paths, &datasets);
        let refuse = |reason: String| Err(TrainError::teacher(&vectors.file, reason));
        let unknown: Vec<&String> = vectors
            .paths
            .iter()
            .zip(&file_of)
            .filter(|(_, file)| file.is_none())
            .map(|(path, _)| path)
            .collect();
        let of_data = datasets[0].root.display();
        if unknown.len() == vectors.paths.len() {
            return refuse(format!(
                "none of its {} is in the data ({of_data}); the first is {:?}: embed the files of this data set, or name them as it does",
                count(vectors.paths.len(), "path", "paths"),
                vectors.paths[0]
            ));
        }
        let mut notes = Vec::new();
        if let Some(first) = unknown.first() {
            notes.push(format!(
                "{}: {} of {} paths are not in the data, and their vectors are left out (the first: {first:?})",
                vectors.file.display(),
                unknown.len(),
                vectors.paths.len()
            ));
        }
        let mut rows: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (row, VectorRow { path, .. }) in vectors.rows.iter().enumerate() {
            if let Some(file) = file_of[*path] {
                rows.entry(file).or_default().push(row);
            }
        }
        let start = |row: &usize| vectors.rows[*row].start_s;
        let by_start = |a: &usize, b: &usize| start(a).total_cmp(&start(b));
        rows.values_mut().for_each(|rows| rows.sort_by(by_start));
        let mut matched = Self {
            vectors,
            rows,
            training_rows: 0,
            notes,
        };
        for (row, found) in vectors.rows.iter().enumerate() {
            // What begins with its file may be all of a short one, which is not known yet.
            let fits =
                is_segment(found, config) || found.start_s == 0.0 && is_shorter(found, config);
            if file_of[found.path].is_some() && !fits {
                return Err(matched.another_length(row, config));
            }
        }
        let of_train = sources.iter().enumerate().map(|(set, (dataset, split))| {
            let files = split.apply(dataset).indices(Part::Train).into_iter();
            let rows = files.filter_map(|file| matched.rows.get(&(set, file)));
            rows.map(Vec::len).sum::<usize>()
        });
        matched.training_rows = of_train.sum();
        matched.check_batch(matched.training_rows, config)?;
        Ok(matched)
    }

    fn another_length(&self, row: usize, config: &TrainConfig) -> TrainError {
        let VectorRow {
            path,
            start_s,
            end_s,
        } = self.vectors.rows[row];
        let shape = config.segment();
        TrainError::OtherSegments {
            path: self.vectors.file.clone(),
            reason: format!(
                "row {row}, of {:?}, is {:.2} s long, and a segment of this training {:.2} s: train with segments of {:.2} s, or make the vectors of segments as long",
                self.vectors.paths[path],
                end_s - start_s,
                SegmentShape::seconds(&config.preset, shape.frames()),
                end_s - start_s,
            ),
        }
    }

    /// Refuses a teacher with too few rows of training files.
    pub(super) fn check_batch(&self, rows: usize, config: &TrainConfig) -> Result<(), TrainError> {
        let batch = config.teacher.as_ref().map_or(0, |teacher| teacher.batch);
        let refuse = |reason: String| Err(TrainError::teacher(&self.vectors.file, reason));
        match rows {
            0 => refuse(
                "none of its rows is of a training file that can be used, and only these teach: embed the training files too, or train with another seed, which splits the files otherwise"
                    .into(),
            ),
            _ if rows < batch => refuse(format!(
                "has {} of training files, fewer than the {batch} of a step: embed more of them, or lower batch in [teacher]",
                count(rows, "row", "rows")
            )),
            _ => Ok(()),
        }
    }

    /// The rows of files that could be read, as targets of windows. `files` are the data sets' files, of which each has a
    /// number in the store of features.
    pub(super) fn set(
        &self,
        files: impl Iterator<Item = (usize, usize)>,
        units: &Units,
        config: &TrainConfig,
    ) -> Result<Found, TrainError> {
        let mut found = Found::default();
        for file in files {
            let stored = units.whole(file.0, file.1);
            let Some(frames) = units.store.frames(stored) else {
                continue;
            };
            found.files += 1;
            let Some(rows) = self.rows.get(&file) else {
                continue;
            };
            let first = found.rows.len();
            for &row in rows {
                let window = self.window(row, frames, config)?;
                match window {
                    Some(start) => {
                        found.rows.push(row);
                        found.set.starts.push(word(start));
                    }
                    None => found.beyond += 1,
                }
            }
            if found.rows.len() > first {
                found.set.files.push(TaughtFile {
                    stored,
                    frames,
                    rows: first..found.rows.len(),
                });
            }
        }
        Ok(found)
    }

    /// First frame of a row's window within a file of so many frames; none if it lies beyond what is heard of the file.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a second of a recording is at most some 2^30 frames"
    )]
    fn window(
        &self,
        row: usize,
        frames: usize,
        config: &TrainConfig,
    ) -> Result<Option<usize>, TrainError> {
        let found = self.vectors.rows[row];
        let segment = config.segment().frames();
        let start = to_frames(found.start_s, config).round() as usize;
        if !is_segment(&found, config) && frames > segment {
            return Err(self.another_length(row, config));
        }
        let room = frames.saturating_sub(segment);
        Ok((start <= room + 1).then(|| start.min(room)))
    }
}

/// Seconds as frames.
fn to_frames(seconds: f64, config: &TrainConfig) -> f64 {
    seconds * f64::from(config.preset.sample_rate) / config.preset.hop_length as f64
}

/// Whether a row is as long as a segment: as it is asked for, or as it is, in whole frames.
fn is_segment(row: &VectorRow, config: &TrainConfig) -> bool {
    let length = to_frames(row.end_s - row.start_s, config);
    let asked = to_frames(config.segment_seconds, config);
    let is = |frames: f64| (length - frames).abs() <= TOLERANCE;
    is(config.segment().frames() as f64) || is(asked)
}

fn is_shorter(row: &VectorRow, config: &TrainConfig) -> bool {
    to_frames(row.end_s - row.start_s, config) < config.segment().frames() as f64
}

/// For each path the file of a data set that it names: (number of the data set, index of the file).
fn find(paths: &[String], datasets: &[&Dataset]) -> Vec<Option<(usize, usize)>> {
    let all = || {
        let sets = datasets.iter().enumerate();
        sets.flat_map(|(set, dataset)| {
            let items = dataset.items.iter().enumerate();
            items.map(move |(index, item)| ((set, index), *dataset, item))
        })
    };
    // A name that stands for files of two collections tells neither.
    let mut named: HashMap<PathBuf, Option<(usize, usize)>> = HashMap::new();
    for (file, dataset, item) in all() {
        for name in HashSet::from([item.path.clone(), dataset.file(item)]) {
            let place = named.entry(name).or_insert(Some(file));
            if *place != Some(file) {
                *place = None;
            }
        }
    }
    let by_name = |path: &String| named.get(Path::new(path)).copied().flatten();
    let mut found: Vec<_> = paths.iter().map(by_name).collect();
    if found.iter().all(Option::is_some) {
        return found;
    }
    let canonical = |path: &Path| path.canonicalize().ok();
    let places: HashMap<PathBuf, (usize, usize)> = all()
        .filter_map(|(file, dataset, item)| Some((canonical(&dataset.file(item))?, file)))
        .collect();
    for (path, file) in paths.iter().zip(&mut found) {
        if file.is_none() && named.get(Path::new(path)) != Some(&None) {
            *file = canonical(Path::new(path)).and_then(|path| places.get(&path).copied());
        }
    }
    found
}

/// Rows of some files while they are gathered.
#[derive(Default)]
pub(super) struct Found {
    pub set: TaughtSet,
    /// By row of the set its row of the vectors.
    pub rows: Vec<usize>,
    /// Files, with rows or without.
    pub files: usize,
    /// Rows beyond what is heard of their files.
    pub beyond: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_segment_if_it_is_as_long_as_asked_for_or_in_whole_frames() {
        // 3 s are 129.2 frames, of which a segment has 128; a frame is 23.2 ms.
        let config = TrainConfig::default();
        let frame = SegmentShape::seconds(&config.preset, 1);
        let of = |length: f64| VectorRow {
            path: 0,
            start_s: 7.0,
            end_s: 7.0 + length,
        };
        for frames in [127.0, 128.0, 129.0, 130.2] {
            assert!(is_segment(&of(frames * frame), &config), "{frames}");
        }
        assert!(is_segment(&of(3.0), &config));
        for frames in [126.8, 130.4, 64.0, 256.0] {
            assert!(!is_segment(&of(frames * frame), &config), "{frames}");
        }
    }
}
