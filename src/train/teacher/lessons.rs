//! What a teacher teaches of files that have been read.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::matched::Matched;
use super::moments::Moments;
use super::taught::{TaughtFile, TaughtSet};
use crate::embed::Embedder;
use crate::features::{SegmentShape, cut_window};
use crate::gpu::word;
use crate::ops::{Place, Slot};
use crate::random::Stream;
use crate::reference;
use crate::settings::TrainConfig;
use crate::train::TrainError;
use crate::train::record::Examined;
use crate::train::units::Units;
use crate::words::count;

/// Clips that are embedded at a time in a validation.
const CLIPS_AT_ONCE: usize = 256;

/// Files that a model embeds at a time before it teaches.
const FILES_AT_A_TIME: usize = 16;

/// What a teacher teaches of files that have been read.
#[derive(Debug, Clone)]
pub(crate) struct Lessons {
    /// The file of vectors.
    pub file: PathBuf,
    /// Length of a target.
    pub width: usize,
    pub(crate) train: TaughtSet,
    pub(crate) validation: TaughtSet,
}

impl Lessons {
    /// The rows of the training files, and of the files that validate, standardised by the former. Adds to `notes` what to
    /// know.
    ///
    /// # Errors
    /// As [`Matched::new`], of what could be read.
    pub(crate) fn new(
        matched: &Matched,
        units: &Units,
        train: &[(usize, usize)],
        validation: &[(usize, usize)],
        config: &TrainConfig,
        notes: &mut Vec<String>,
    ) -> Result<Self, TrainError> {
        let mut found = matched.set(train.iter().copied(), units, config)?;
        matched.check_batch(found.rows.len(), config)?;
        let mut examined = matched.set(validation.iter().copied(), units, config)?;
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

    /// What a model makes of the segments of stored files, as it embeds them, for a network that is to do the same. `name` is what
    /// errors name.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if none of the files is as long as a segment; a fault of the device.
    pub(crate) fn of_model(
        name: &Path,
        embedder: &Embedder,
        units: &Units,
        stored: &[usize],
        segment: SegmentShape,
    ) -> Result<Self, TrainError> {
        let mut train = TaughtSet::default();
        for files in stored.chunks(FILES_AT_A_TIME) {
            let mut clips = Vec::new();
            for &stored in files {
                let Some(frames) = units.store.frames(stored) else {
                    continue;
                };
                let first = train.starts.len();
                for found in units.store.segments(stored, segment)? {
                    if found.present == segment.frames() {
                        train.starts.push(word(found.first));
                        clips.push(found.values);
                    }
                }
                let rows = first..train.starts.len();
                if !rows.is_empty() {
                    train.files.push(TaughtFile {
                        stored,
                        frames,
                        rows,
                    });
                }
            }
            train.targets.extend(embedder.embed(&clips)?.concat());
        }
        if train.starts.is_empty() {
            return Err(TrainError::teacher(
                name,
                "none of its training files is as long as a segment: give longer recordings",
            ));
        }
        Ok(Self {
            file: name.to_path_buf(),
            width: embedder.width(),
            train,
            validation: TaughtSet::default(),
        })
    }

    /// The mean target of every training file that has rows, by its number in the store.
    #[expect(clippy::cast_possible_truncation, reason = "targets are f32")]
    pub(crate) fn of_files(&self) -> HashMap<usize, Vec<f32>> {
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
    pub(crate) fn files_of_turn(
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
    pub(crate) fn on_device(&self, slots: &HashMap<usize, Slot>, segment: usize) -> Vec<OnDevice> {
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
    pub(crate) fn draw(
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
    pub(crate) fn examine(
        &self,
        units: &Units,
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
            let values = units.store.get(file.stored)?;
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
pub(crate) struct OnDevice {
    slot: Slot,
    /// Its rows of the training set.
    rows: Range<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
