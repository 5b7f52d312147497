//! What a training hears: the features of its files, read once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::TrainError;
use super::event::Event;
use super::parts::{Heard, parts, parts_of_track};
use crate::data::{Dataset, Pool, linked};
use crate::embed::{Embedder, mean_embedding};
use crate::features::{
    FILES_AT_ONCE, FeatureError, FeatureStore, Features, FrontEnd, Segment, SegmentShape,
    cut_window,
};
use crate::settings::TrainConfig;
use crate::shift::ShiftError;
use crate::words::count;

/// A file to read, of some data set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Its index.
    pub index: usize,
    /// Whether it trains, and so has altered copies where any are wanted.
    pub trains: bool,
}

/// Mel frames and MFCC of what episodes draw, read once: of files, or of the parts of tracks.
#[derive(Debug)]
pub(crate) struct Units {
    /// By unit: a file, or a part of a track; then again for each of the altered copies.
    pub store: FeatureStore,
    /// By unit: mean and deviation of 20 MFCC of its file; empty where the file was not read.
    pub mfcc: Vec<Vec<f32>>,
    /// Files that could not be read.
    pub failed: Vec<PathBuf>,
    /// What was wrong with the first of them.
    first_failure: String,
    files: usize,
    /// Tracks too short for their parts.
    short: usize,
    /// By data set, the frames of each file that was to be read.
    pub(super) heard: Heard,
    /// For each data set its first unit, and the units of each of its files.
    pub(super) of_sets: Vec<(usize, usize)>,
    /// Altered copies of each training file.
    copies: usize,
    /// By data set, where its whole files lie in the store: for a teacher, whose rows are not of parts of tracks.
    wholes: Vec<usize>,
}

/// What is read of one file.
struct Read {
    /// The file's features, then those of its altered copies.
    versions: Vec<Features>,
    /// Copies that could not be made.
    unaltered: Vec<ShiftError>,
}

fn read(
    dataset: &Dataset,
    wanted: Wanted,
    config: &TrainConfig,
    front_end: &FrontEnd,
) -> Result<Read, FeatureError> {
    let shifts = config.shifts.as_ref().filter(|_| wanted.trains);
    let Some(shifts) = shifts else {
        let read = |path: &Path| front_end.features(path);
        return Ok(Read {
            versions: vec![front_end.features_or(dataset, wanted.index, read)?],
            unaltered: Vec::new(),
        });
    };
    let item = &dataset.items[wanted.index];
    let path = dataset.file(item);
    let (samples, info) = front_end.samples(&path)?;
    let features = |samples: &[f32]| front_end.features_of_samples(&path, samples, info.clone());
    let mut read = Read {
        versions: vec![front_end.features_or(dataset, wanted.index, |_| features(&samples))?],
        unaltered: Vec::new(),
    };
    let rate = config.preset.sample_rate;
    for copy in 0..config.copies() {
        match shifts.alter(copy, config.seed, &item.hash, &samples, rate) {
            Ok(altered) => read.versions.push(features(&altered)?),
            Err(error) => read.unaltered.push(error),
        }
    }
    Ok(read)
}

impl Units {
    /// Reads the files of data sets that are wanted, and makes their altered copies.
    ///
    /// # Errors
    /// [`TrainError::Strict`], [`TrainError::Store`], [`TrainError::Unstarted`]; another file that cannot be read
    /// is only noted.
    pub(crate) fn read(
        sources: &[(&Dataset, &[Wanted])],
        config: &TrainConfig,
        front_end: &FrontEnd,
        stop: &AtomicBool,
        on: &mut dyn FnMut(Event),
    ) -> Result<Self, TrainError> {
        let mut of_sets = Vec::new();
        let mut count = 0;
        for (dataset, _) in sources {
            let parts = parts(dataset, config);
            of_sets.push((count, parts));
            count += dataset.items.len() * parts;
        }
        let copies = config.copies();
        // A file that is not cut into parts is a unit.
        let mut stored = count * (1 + copies);
        let mut wholes = Vec::new();
        for ((dataset, _), (first, _)) in sources.iter().zip(&of_sets) {
            if dataset.tracks && config.teacher.is_some() {
                wholes.push(stored);
                stored += dataset.items.len();
            } else {
                wholes.push(*first);
            }
        }
        let files = sources.iter().map(|(_, wanted)| wanted.len()).sum();
        let mut units = Self {
            store: FeatureStore::new(stored, config.preset.n_mels)?,
            mfcc: vec![Vec::new(); count],
            failed: Vec::new(),
            first_failure: String::new(),
            files,
            short: 0,
            heard: vec![HashMap::new(); sources.len()],
            of_sets,
            copies,
            wholes,
        };
        let (mut done, mut cut) = (0, 0);
        for (set, (dataset, wanted)) in sources.iter().enumerate() {
            for chunk in wanted.chunks(FILES_AT_ONCE.div_ceil(1 + copies)) {
                if stop.load(Ordering::Relaxed) {
                    front_end.save_kept()?;
                    return Err(TrainError::Unstarted);
                }
                on(Event::Reading { done, files });
                done += chunk.len();
                let read: Vec<_> = chunk
                    .par_iter()
                    .map(|&wanted| read(dataset, wanted, config, front_end))
                    .collect();
                for (&Wanted { index, .. }, result) in chunk.iter().zip(read) {
                    let frames = result.as_ref().map_or(0, |read| read.versions[0].frames);
                    units.heard[set].insert(index, frames);
                    match result {
                        Ok(read) => {
                            let path = dataset.file(&dataset.items[index]);
                            let heard = &read.versions[0];
                            cut += usize::from(heard.stopped);
                            let warnings = heard.warnings.iter().map(ToString::to_string);
                            let unaltered = read.unaltered.iter().map(ToString::to_string);
                            for note in warnings.chain(unaltered) {
                                on(Event::Note(format!("{}: {note}", path.display())));
                            }
                            units.put(set, dataset.tracks, index, config, &read.versions)?;
                        }
                        Err(error) if error.is_device_fault() || front_end.hearing().strict => {
                            return Err(TrainError::Strict(error));
                        }
                        Err(error) => {
                            on(Event::Note(format!("left out: {error}")));
                            if units.failed.is_empty() {
                                units.first_failure = error.to_string();
                            }
                            units.failed.push(dataset.items[index].path.clone());
                        }
                    }
                }
            }
        }
        on(Event::Reading { done, files });
        let notes = front_end.hearing().cut_note(cut).into_iter();
        let notes = notes.chain(front_end.save_kept()?);
        notes.for_each(|note| on(Event::Note(note)));
        Ok(units)
    }

    /// Says that tracks were too short for their parts, if any were.
    pub(super) fn short_note(&self, config: &TrainConfig) -> Option<String> {
        let parts = self.of_sets.iter().map(|(_, parts)| *parts).max()?;
        let frames = (3 * parts - 1) * config.segment().frames();
        (self.short > 0).then(|| {
            format!(
                "left out: {} shorter than {:.0} s, too short for {parts} parts of two segments with a segment between them",
                count(self.short, "track is", "tracks are"),
                SegmentShape::seconds(&config.preset, frames)
            )
        })
    }

    /// Keeps the features of file `index` of data set `set` and of its altered copies, part by part if it is a track.
    fn put(
        &mut self,
        set: usize,
        track: bool,
        index: usize,
        config: &TrainConfig,
        versions: &[Features],
    ) -> Result<(), TrainError> {
        let (first, parts) = self.of_sets[set];
        let first = first + index * parts;
        if track && config.teacher.is_some() {
            let whole = self.whole(set, index);
            self.store.put(whole, &versions[0].values)?;
        }
        for (version, read) in versions.iter().enumerate() {
            let ranges = match track {
                true => parts_of_track(read.frames, parts, config.segment().frames()),
                false => Some(std::iter::once(0..read.frames).collect()),
            };
            let Some(ranges) = ranges else {
                if version == 0 {
                    self.short += 1;
                    return Ok(());
                }
                continue; // at a quicker tempo
            };
            for (unit, range) in (first..).zip(ranges) {
                let values = cut_window(&read.values, config.preset.n_mels, range);
                self.store.put(self.version(unit, version), &values)?;
                self.mfcc[unit].clone_from(&versions[0].mfcc);
            }
        }
        Ok(())
    }

    /// Where a whole file lies in the store, of which a teacher's rows are windows.
    pub(super) fn whole(&self, set: usize, file: usize) -> usize {
        self.wholes[set] + file
    }

    /// Where a version of a unit lies in the store: 0 is the unit itself, others are its altered copies.
    pub(crate) fn version(&self, unit: usize, version: usize) -> usize {
        unit + version * self.mfcc.len()
    }

    /// Where a unit and those of its altered copies lie that there are.
    pub(crate) fn versions(&self, unit: usize) -> impl Iterator<Item = usize> {
        let versions = (0..=self.copies).map(move |version| self.version(unit, version));
        versions.filter(|&version| self.store.frames(version).is_some())
    }

    /// The units of some of a data set's files by class, as far as they could be read. A track has one file, the first of
    /// its versions, and each of its parts stands alone.
    pub(super) fn pool(&self, set: usize, dataset: &Dataset, mut files: Vec<usize>) -> Pool {
        let (first, parts) = self.of_sets[set];
        let unit = |file: usize| first + file * parts;
        files.retain(|&file| self.store.frames(unit(file)).is_some());
        let mut pool = dataset.pool(&files);
        if dataset.tracks {
            pool.album_of = albums(dataset, &pool);
        }
        let mut group_of: Vec<usize> = (0..self.mfcc.len()).collect();
        for files in &mut pool.files {
            if dataset.tracks {
                *files = (unit(files[0])..unit(files[0] + 1)).collect();
            } else {
                for file in files {
                    let group = pool.group_of[*file];
                    *file = unit(*file);
                    group_of[*file] = group;
                }
            }
        }
        pool.group_of = group_of;
        pool
    }

    /// What was lost of the files, for people.
    pub(super) fn losses(&self) -> String {
        let mut losses = Vec::new();
        if !self.failed.is_empty() {
            let (failed, files, first) = (self.failed.len(), self.files, &self.first_failure);
            losses.push(format!(
                "{failed} of {files} files could not be read (the first: {first})"
            ));
        }
        if self.short > 0 {
            losses.push(format!(
                "{} too short for their parts",
                count(self.short, "track was", "tracks were")
            ));
        }
        losses.join(" and ")
    }

    /// The segments of a unit, as an evaluation cuts them.
    pub(crate) fn segments(
        &self,
        config: &TrainConfig,
        index: usize,
    ) -> Result<Vec<Segment>, TrainError> {
        Ok(self.store.segments(index, config.segment())?)
    }

    /// A unit's embedding: the mean over its segments.
    pub(crate) fn embed(
        &self,
        config: &TrainConfig,
        embedder: &Embedder,
        index: usize,
    ) -> Result<Vec<f32>, TrainError> {
        let clips: Vec<_> = self
            .segments(config, index)?
            .into_iter()
            .map(|s| s.values)
            .collect();
        Ok(mean_embedding(&embedder.embed(&clips)?))
    }
}

/// The album of each class, a track: as the manifest or the files' tags say, else one of its own. Tracks of one group count as
/// one album too.
fn albums(dataset: &Dataset, pool: &Pool) -> Vec<usize> {
    let items = pool.files.iter().map(|files| files.first());
    let items: Vec<_> = items.map(|file| file.map(|&f| &dataset.items[f])).collect();
    let mut pairs = Vec::new();
    let (mut of_album, mut of_group) = (HashMap::new(), HashMap::new());
    for (class, item) in items.iter().enumerate() {
        let Some(item) = item else { continue };
        pairs.push((*of_group.entry(item.group).or_insert(class), class));
        if let Some(album) = item.columns.get("album") {
            pairs.push((*of_album.entry(album).or_insert(class), class));
        }
    }
    let mut album_of = vec![0; items.len()];
    for classes in linked(items.len(), pairs) {
        for &class in &classes {
            album_of[class] = classes[0];
        }
    }
    album_of
}
