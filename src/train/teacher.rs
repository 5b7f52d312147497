//! A teacher: vectors of windows of the files, which the network learns to predict through a read-out.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::material::Features;
use super::{Examined, TrainError};
use crate::data::{Dataset, Part, Split};
use crate::embed::Embedder;
use crate::features::{SegmentShape, cut_window};
use crate::gpu::word;
use crate::model::LayerSpec;
use crate::ops::{Place, Slot};
use crate::random::Stream;
use crate::reference;
use crate::settings::TrainConfig;
use crate::vectors::{VectorRow, Vectors};
use crate::words::count;

/// By how many frames a row may be longer or shorter than a segment. `gamaka embed` ends the last segment with the sound, up to a
/// frame before the end of its own; the rest is for rounding.
const TOLERANCE: f64 = 1.01;

/// Clips that are embedded at a time in a validation.
const CLIPS_AT_ONCE: usize = 256;

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
                return Err(TrainError::config(
                    "[teacher] has no vectors to teach: give their file with --teacher, or take [teacher] out",
                ));
            }
            (None, Some(vectors)) => {
                return Err(vectors_error(
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

fn vectors_error(path: &Path, reason: impl Into<String>) -> TrainError {
    TrainError::Teacher {
        path: path.to_path_buf(),
        reason: reason.into(),
    }
}

/// Which rows of a teacher belong to which files of the data sets.
#[derive(Debug)]
pub(crate) struct Matched<'a> {
    vectors: &'a Vectors,
    /// By (number of a data set, index of a file): its rows, by start.
    rows: HashMap<(usize, usize), Vec<usize>>,
    /// Rows of training files, as far as the files can be read.
    pub training_rows: usize,
    /// What to know, a sentence each.
    notes: Vec<String>,
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
        let refuse = |reason: String| Err(vectors_error(&vectors.file, reason));
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
        vectors_error(
            &self.vectors.file,
            format!(
                "row {row}, of {:?}, is {:.2} s long, and a segment of this training {:.2} s: train with --segment {:.2}, or make the vectors of segments as long",
                self.vectors.paths[path],
                end_s - start_s,
                SegmentShape::seconds(&config.preset, shape.frames()),
                end_s - start_s,
            ),
        )
    }

    /// Refuses a teacher with too few rows of training files.
    fn check_batch(&self, rows: usize, config: &TrainConfig) -> Result<(), TrainError> {
        let batch = config.teacher.as_ref().map_or(0, |teacher| teacher.batch);
        let refuse = |reason: String| Err(vectors_error(&self.vectors.file, reason));
        match rows {
            0 => refuse(
                "none of its rows is of a training file that can be used, and only these teach: embed the training files too, or train with another --seed, which splits the files otherwise"
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
    fn set(
        &self,
        files: impl Iterator<Item = (usize, usize)>,
        features: &Features,
        config: &TrainConfig,
    ) -> Result<Found, TrainError> {
        let mut found = Found::default();
        for file in files {
            let stored = features.whole(file.0, file.1);
            let Some(frames) = features.store.frames(stored) else {
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
struct Found {
    set: TaughtSet,
    /// By row of the set its row of the vectors.
    rows: Vec<usize>,
    /// Files, with rows or without.
    files: usize,
    /// Rows beyond what is heard of their files.
    beyond: usize,
}

/// A file with rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TaughtFile {
    /// Its number in the store of features.
    pub stored: usize,
    pub frames: usize,
    /// Its rows of the set, by start.
    pub rows: Range<usize>,
}

/// Rows of some files.
#[derive(Debug, Clone, Default)]
pub(super) struct TaughtSet {
    pub files: Vec<TaughtFile>,
    /// By row, the first frame of its window.
    pub starts: Vec<u32>,
    /// The standardised targets, [rows, width].
    pub targets: Vec<f32>,
}

impl TaughtSet {
    /// Number of files and of rows.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.files.len(), self.starts.len()]
    }
}

/// What a teacher teaches of files that have been read.
#[derive(Debug, Clone)]
pub(crate) struct Lessons {
    /// The file of vectors.
    pub file: PathBuf,
    /// Length of a target.
    pub width: usize,
    pub(super) train: TaughtSet,
    pub(super) validation: TaughtSet,
}

impl Lessons {
    /// The rows of the training files, and of the files that validate, standardised by the former. Adds to `notes` what to
    /// know.
    ///
    /// # Errors
    /// As [`Matched::new`], of what could be read.
    pub(super) fn new(
        matched: &Matched,
        features: &Features,
        train: &[(usize, usize)],
        validation: &[(usize, usize)],
        config: &TrainConfig,
        notes: &mut Vec<String>,
    ) -> Result<Self, TrainError> {
        let mut found = matched.set(train.iter().copied(), features, config)?;
        matched.check_batch(found.rows.len(), config)?;
        let mut examined = matched.set(validation.iter().copied(), features, config)?;
        notes.extend(matched.notes.iter().cloned());
        let name = matched.vectors.file.display();
        let beyond = found.beyond + examined.beyond;
        if beyond > 0 {
            notes.push(format!(
                "{name}: {} beyond what is heard of the files, and left out",
                count(beyond, "row is", "rows are")
            ));
        }
        if found.set.files.len() < found.files {
            notes.push(format!(
                "{name}: teaches {} of {} training files; of the others it has no vectors",
                found.set.files.len(),
                found.files
            ));
        }
        let moments = Moments::new(matched.vectors, &found.rows);
        found.set.targets = moments.standardise(matched.vectors, &found.rows);
        examined.set.targets = moments.standardise(matched.vectors, &examined.rows);
        Ok(Self {
            file: matched.vectors.file.clone(),
            width: matched.vectors.width,
            train: found.set,
            validation: examined.set,
        })
    }

    /// The mean target of every training file that has rows, by its number in the store.
    #[expect(clippy::cast_possible_truncation, reason = "targets are f32")]
    pub(super) fn of_files(&self) -> HashMap<usize, Vec<f32>> {
        let mean = |rows: &Range<usize>| {
            let values = &self.train.targets[rows.start * self.width..rows.end * self.width];
            let mut sums = vec![0.0; self.width];
            for row in values.chunks_exact(self.width) {
                let sums = sums.iter_mut().zip(row);
                sums.for_each(|(sum, &value)| *sum += f64::from(value));
            }
            let count = rows.len().max(1) as f64;
            sums.iter().map(|sum| (sum / count) as f32).collect()
        };
        let files = self.train.files.iter();
        files.map(|file| (file.stored, mean(&file.rows))).collect()
    }

    /// The files that a turn has room for: all of them, or as many as have room in `capacity` elements beside those that are
    /// there already, in an order that seed and turn fix.
    pub(super) fn files_of_turn(
        &self,
        there: &HashSet<usize>,
        capacity: Option<usize>,
        size: impl Fn(&TaughtFile) -> usize,
        [seed, turn]: [u64; 2],
    ) -> Vec<(usize, usize)> {
        let mut files: Vec<&TaughtFile> = self.train.files.iter().collect();
        files.retain(|file| !there.contains(&file.stored));
        if let Some(mut left) = capacity {
            Stream::new(seed, "teacher turn", turn).shuffle(&mut files);
            files.retain(|file| {
                let size = size(file);
                let fits = size <= left;
                left -= if fits { size } else { 0 };
                fits
            });
        }
        let files = files.into_iter();
        files.map(|file| (file.stored, file.frames)).collect()
    }

    /// The files that are on the device, with their rows there: a file longer than a buffer is cut.
    pub(super) fn on_device(&self, slots: &HashMap<usize, Slot>, segment: usize) -> Vec<OnDevice> {
        let of_file = |file: &TaughtFile| {
            let slot = *slots.get(&file.stored)?;
            let starts = &self.train.starts[file.rows.clone()];
            let rows = match slot.frames as usize == file.frames {
                true => starts.len(),
                false => starts.partition_point(|&s| s as usize + segment <= slot.frames as usize),
            };
            (rows > 0).then(|| OnDevice {
                slot,
                rows: file.rows.start..file.rows.start + rows,
            })
        };
        self.train.files.iter().filter_map(of_file).collect()
    }

    /// Draws the rows of a step, a function of seed and step: a file, each as likely as any other, then one of its rows.
    /// Adds the windows that their clips are cut from to `slots`, and puts the places of their targets in buffers of `bank`
    /// rows to `places`.
    pub(super) fn draw(
        &self,
        files: &[OnDevice],
        (segment, jitter): (usize, usize),
        bank: usize,
        mut stream: Stream,
        slots: &mut Vec<Slot>,
        places: &mut [Place],
    ) {
        for place in places {
            let OnDevice { slot, rows } = &files[stream.below(files.len())];
            let row = rows.start + stream.below(rows.len());
            let start = self.train.starts[row] as usize;
            let end = (start + segment + jitter).min(slot.frames as usize);
            slots.push(slot.window(word(start.saturating_sub(jitter)), word(end)));
            *place = Place {
                bank: word(row / bank),
                row: word(row % bank),
            };
        }
    }

    /// Mean loss and mean cosine over the validation rows by a network with its read-out; none if there are no rows. They are
    /// not finite where its predictions are not.
    pub(super) fn examine(
        &self,
        features: &Features,
        config: &TrainConfig,
        embedder: &Embedder,
    ) -> Result<Option<Examined>, TrainError> {
        let cosine = config.teacher.as_ref().map_or(0.0, |t| f64::from(t.cosine));
        let TaughtSet {
            files,
            starts,
            targets,
        } = &self.validation;
        if starts.is_empty() {
            return Ok(None);
        }
        let (mut clips, mut done) = (Vec::new(), 0);
        let mut sums = [0.0; 2];
        for file in files {
            let values = features.store.get(file.stored)?;
            for row in file.rows.clone() {
                let start = starts[row] as usize;
                clips.push(cut_window(
                    &values,
                    config.preset.n_mels,
                    start..start + config.segment().frames(),
                ));
                if clips.len() == CLIPS_AT_ONCE || row + 1 == starts.len() {
                    for prediction in embedder.embed(&clips)? {
                        let exact =
                            |values: &[f32]| values.iter().map(|&v| v.into()).collect::<Vec<f64>>();
                        let (score, _) = reference::prediction_loss(
                            [cosine, 1.0],
                            self.width,
                            &exact(&prediction),
                            &exact(&targets[done * self.width..][..self.width]),
                        );
                        sums[0] += score[0];
                        sums[1] += score[1];
                        done += 1;
                    }
                    clips.clear();
                }
            }
        }
        let rows = starts.len();
        let [loss, cosine] = sums.map(|sum| sum / rows as f64);
        Ok(Some(Examined { loss, cosine, rows }))
    }
}

/// A file on the device.
#[derive(Debug, Clone)]
pub(super) struct OnDevice {
    slot: Slot,
    /// Its rows of the training set.
    rows: Range<usize>,
}

/// Mean and scale of each value of the vectors.
struct Moments {
    mean: Vec<f64>,
    /// One over the deviation; 0 where a value never varies, so that it becomes 0 everywhere.
    scale: Vec<f64>,
}

impl Moments {
    fn new(vectors: &Vectors, rows: &[usize]) -> Self {
        let count = rows.len() as f64;
        let mut mean = vec![0.0; vectors.width];
        for &row in rows {
            let values = mean.iter_mut().zip(vectors.vector(row));
            values.for_each(|(mean, &v)| *mean += f64::from(v) / count);
        }
        let mut square = vec![0.0; vectors.width];
        for &row in rows {
            let values = square.iter_mut().zip(vectors.vector(row)).zip(&mean);
            values
                .for_each(|((square, &v), mean)| *square += (f64::from(v) - mean).powi(2) / count);
        }
        // What differs by rounding alone does not vary.
        let scale = square.iter().zip(&mean).map(|(square, mean)| {
            let deviation = square.sqrt();
            match deviation > 1e-7 * mean.abs() && deviation > 0.0 {
                true => deviation.recip(),
                false => 0.0,
            }
        });
        Self {
            scale: scale.collect(),
            mean,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "targets are f32")]
    fn standardise(&self, vectors: &Vectors, rows: &[usize]) -> Vec<f32> {
        let mut targets = Vec::with_capacity(rows.len() * vectors.width);
        for &row in rows {
            let values = vectors.vector(row).iter().zip(&self.mean).zip(&self.scale);
            targets
                .extend(values.map(|((&v, mean), scale)| ((f64::from(v) - mean) * scale) as f32));
        }
        targets
    }
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

    #[test]
    fn files_are_drawn_alike_however_many_rows_they_have_and_clips_lie_about_their_rows() {
        let lessons = Lessons {
            file: PathBuf::new(),
            width: 1,
            train: TaughtSet {
                files: Vec::new(),
                starts: (0..101)
                    .map(|row| if row < 100 { row } else { 30 })
                    .collect(),
                targets: vec![0.0; 101],
            },
            validation: TaughtSet::default(),
        };
        let files = [0..100, 100..101].map(|rows| OnDevice {
            slot: Slot::file(0, 0, 110),
            rows,
        });
        let draw = |step, jitter| {
            let mut slots = Vec::new();
            let mut places = vec![Place::default(); 4000];
            let stream = Stream::new(1, "teacher", step);
            lessons.draw(&files, (10, jitter), 50, stream, &mut slots, &mut places);
            (slots, places)
        };
        let (slots, places) = draw(0, 0);
        assert_eq!((&slots, &places), (&draw(0, 0).0, &draw(0, 0).1));
        assert_ne!(places, draw(1, 0).1);
        let row = |place: &Place| place.bank * 50 + place.row;
        // 4000 rows: five deviations are 158.
        let of_short = places.iter().filter(|place| row(place) == 100).count();
        assert!(of_short.abs_diff(2000) < 158, "{of_short}");
        for (slot, place) in slots.iter().zip(&places) {
            assert!(place.row < 50);
            assert_eq!(
                (slot.first, slot.window),
                (lessons.train.starts[row(place) as usize], 10)
            );
            assert_eq!((slot.frames, slot.stride), (110 - slot.first, 110));
        }
        // Up to three frames more on either side, within the file.
        let (slots, places) = draw(0, 3);
        for (slot, place) in slots.iter().zip(&places) {
            let start = lessons.train.starts[row(place) as usize];
            assert_eq!(slot.first, start.saturating_sub(3));
            assert_eq!(slot.first + slot.window, (start + 13).min(110));
        }
    }
}
