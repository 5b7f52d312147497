//! What a training works on: the features of its files, read once.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::teacher::{Lessons, Matched};
use super::{Event, Heard, TrainError};
use crate::data::{Dataset, Part, Pool, Split, linked};
use crate::embed::{Embedder, mean_embedding};
use crate::features::{
    self, FILES_AT_ONCE, FeatureError, FeatureStore, FrontEnd, Segment, SegmentShape, cut_segments,
};
use crate::fewshot::{EpisodeError, EpisodeSampler, Standardiser};
use crate::model::Network;
use crate::random::Stream;
use crate::settings::{TrainConfig, ValidateOn};
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
pub(crate) struct Features {
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
    heard: Heard,
    /// For each data set its first unit, and the units of each of its files.
    units: Vec<(usize, usize)>,
    /// Altered copies of each training file.
    copies: usize,
    /// By data set, where its whole files lie in the store: for a teacher, whose rows are not of parts of tracks.
    wholes: Vec<usize>,
}

/// What is read of one file.
struct Read {
    /// The file's features, then those of its altered copies.
    versions: Vec<features::Features>,
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

/// Where the parts of a track lie that has `frames` frames: `parts` of equal length, of at least two segments each, with a
/// gap of a segment between them, so that no two parts have a beat in common. None if the track is too short.
pub(super) fn parts_of_track(
    frames: usize,
    parts: usize,
    segment: usize,
) -> Option<Vec<Range<usize>>> {
    let length = ((frames + segment) / parts).checked_sub(segment)?;
    let part = |k: usize| k * (length + segment)..k * (length + segment) + length;
    (length >= 2 * segment).then(|| (0..parts).map(part).collect())
}

/// Into how many parts a data set's files are cut: one, or as many as an episode takes of a track.
pub(super) fn parts(dataset: &Dataset, config: &TrainConfig) -> usize {
    let [_, shot, query] = config.train_episode(config.train_way);
    if dataset.tracks { shot + query } else { 1 }
}

impl Features {
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
        let mut units = Vec::new();
        let mut count = 0;
        for (dataset, _) in sources {
            let parts = parts(dataset, config);
            units.push((count, parts));
            count += dataset.items.len() * parts;
        }
        let copies = config.copies();
        // A file that is not cut into parts is a unit.
        let mut stored = count * (1 + copies);
        let mut wholes = Vec::new();
        for ((dataset, _), (first, _)) in sources.iter().zip(&units) {
            if dataset.tracks && config.teacher.is_some() {
                wholes.push(stored);
                stored += dataset.items.len();
            } else {
                wholes.push(*first);
            }
        }
        let files = sources.iter().map(|(_, wanted)| wanted.len()).sum();
        let mut features = Self {
            store: FeatureStore::new(stored, config.preset.n_mels)?,
            mfcc: vec![Vec::new(); count],
            failed: Vec::new(),
            first_failure: String::new(),
            files,
            short: 0,
            heard: vec![HashMap::new(); sources.len()],
            units,
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
                    features.heard[set].insert(index, frames);
                    match result {
                        Ok(read) => {
                            let path = dataset.file(&dataset.items[index]);
                            let heard = &read.versions[0];
                            cut += usize::from(heard.stopped);
                            heard.warnings.iter().for_each(|w| {
                                on(Event::Note(format!("{}: {w}", path.display())));
                            });
                            read.unaltered.iter().for_each(|error| {
                                on(Event::Note(format!("{}: {error}", path.display())));
                            });
                            features.put(set, dataset.tracks, index, config, &read.versions)?;
                        }
                        Err(error) if error.is_device_fault() || front_end.strict() => {
                            return Err(TrainError::Strict(error));
                        }
                        Err(error) => {
                            on(Event::Note(format!("left out: {error}")));
                            if features.failed.is_empty() {
                                features.first_failure = error.to_string();
                            }
                            features.failed.push(dataset.items[index].path.clone());
                        }
                    }
                }
            }
        }
        on(Event::Reading { done, files });
        let notes = front_end.cut_note(cut).into_iter();
        let notes = notes.chain(front_end.save_kept()?);
        notes.for_each(|note| on(Event::Note(note)));
        Ok(features)
    }

    /// Says that tracks were too short for their parts, if any were.
    fn short_note(&self, config: &TrainConfig) -> Option<String> {
        let parts = self.units.iter().map(|(_, parts)| *parts).max()?;
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
        versions: &[features::Features],
    ) -> Result<(), TrainError> {
        let (first, parts) = self.units[set];
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
                let bands = read.values.chunks(read.frames.max(1));
                let values: Vec<f32> = bands
                    .flat_map(|band| &band[range.clone()])
                    .copied()
                    .collect();
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
    fn pool(&self, set: usize, dataset: &Dataset, mut files: Vec<usize>) -> Pool {
        let (first, parts) = self.units[set];
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
    fn losses(&self) -> String {
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
        let values = self.store.get(index)?;
        Ok(cut_segments(
            config.segment(),
            config.preset.n_mels,
            &values,
        ))
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

/// What the episodes of a training are drawn from.
pub(super) struct Pools {
    pub train: Pool,
    /// Training files of the collection that is mixed in.
    pub mix: Option<Pool>,
    pub validation: Pool,
    /// Ways, shots and queries of a validation's episodes.
    pub validation_episode: [usize; 3],
    /// The data set that validates.
    pub validates: usize,
}

impl Pools {
    /// Pools of the data sets' parts, as `pool` gives them by the number of a data set and the part. Classes too small for
    /// the episodes are left out where others are enough; the second value tells which, a sentence each.
    pub(super) fn new(
        datasets: &[&Dataset],
        config: &TrainConfig,
        pool: impl Fn(usize, Part) -> Pool,
    ) -> (Self, Vec<String>) {
        let mut left_out = Vec::new();
        let [train_way, shot, query] = config.train_episode(config.train_way);
        let mut of_train = |set| {
            without_small(
                pool(set, Part::Train),
                [train_way.min(config.way), shot, query],
                &mut left_out,
            )
        };
        let train = fewer_classes(of_train(0), config.train_share, config.seed);
        let mix = (datasets.len() > 1).then(|| of_train(1));
        let validates = usize::from(config.validate_on == ValidateOn::Mix && mix.is_some());
        let validation_episode = match datasets[validates].tracks {
            true => [config.way, shot, query],
            false => [config.way, config.shot, config.query],
        };
        let validation = pool(validates, Part::Validation);
        let pools = Self {
            train,
            mix,
            validation: without_small(validation, validation_episode, &mut left_out),
            validation_episode,
            validates,
        };
        (pools, left_out)
    }

    /// Checks that every pool of training files gives training episodes, and the validation files theirs.
    pub(super) fn check(&self, config: &TrainConfig) -> Result<(), EpisodeError> {
        let pools: Vec<&Pool> = std::iter::once(&self.train).chain(&self.mix).collect();
        let [way, shot, query] = config.train_episode(fewest_classes(&pools));
        for pool in pools {
            EpisodeSampler::new(pool.clone(), way.max(2), shot, query)?.check_draws()?;
        }
        // A manifest may leave validation out.
        if !self.validation.classes.is_empty() {
            let [way, shot, query] = self.validation_episode;
            EpisodeSampler::new(self.validation.clone(), way, shot, query)?.check_draws()?;
        }
        Ok(())
    }
}

/// A pool without the classes that are too small for an episode, if `way` others are left.
fn without_small(pool: Pool, [way, shot, query]: [usize; 3], left_out: &mut Vec<String>) -> Pool {
    let (kept, small): (Vec<usize>, Vec<usize>) =
        (0..pool.classes.len()).partition(|&class| pool.check_class(class, shot, query).is_ok());
    if small.is_empty() || kept.len() < way {
        return pool;
    }
    left_out.extend(small.iter().map(|&class| {
        format!(
            "left out: of class `{}` only {} left, too few for {} and {}",
            pool.classes[class],
            count(pool.files[class].len(), "file is", "files are"),
            count(shot, "shot", "shots"),
            count(query, "query", "queries")
        )
    }));
    let files = kept
        .iter()
        .map(|&class| pool.files[class].clone())
        .collect();
    pool.with_classes(&kept, files)
}

/// What one training works on: the pools of its training and validation files. It does not touch the test files.
pub(crate) struct Material<'a> {
    pub features: &'a Features,
    pub train: Pool,
    /// Training files of the collection that is mixed in.
    pub mix: Option<Pool>,
    pub validation: Pool,
    /// Ways, shots and queries of a validation's episodes.
    pub validation_episode: [usize; 3],
    /// Into how many parts the files of data, mix and validation are cut.
    pub parts: [usize; 3],
    /// What is validated on, for people.
    pub validated_on: &'static str,
    /// Of classes left out because too few of their files could be read, a sentence each.
    pub left_out: Vec<String>,
    pub mfcc: Standardiser,
    /// What a teacher teaches, if there is one.
    pub lessons: Option<Lessons>,
}

impl<'a> Material<'a> {
    /// `sources` are the data sets that the features were read of, with their splits: the one to train on, and possibly
    /// one that is mixed in.
    ///
    /// # Errors
    /// [`TrainError::TooLittle`] if the files that could be read are too few for the episodes.
    pub(crate) fn new(
        features: &'a Features,
        sources: &[(&Dataset, &Split)],
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let pool = |set: usize, part| {
            let (dataset, split) = sources[set];
            features.pool(set, dataset, split.apply(dataset).indices(part))
        };
        let datasets: Vec<&Dataset> = sources.iter().map(|(dataset, _)| *dataset).collect();
        let (pools, mut left_out) = Pools::new(&datasets, config, pool);
        // Not before it is known that the rest suffices: else other parts are tried.
        left_out.extend(features.short_note(config));
        pools
            .check(config)
            .map_err(|lacking| TrainError::TooLittle {
                reason: format!(
                    "{}, and what remains is too little: {lacking}",
                    features.losses()
                ),
                heard: features.heard.clone(),
            })?;
        let Pools {
            train,
            mix,
            validation,
            validation_episode,
            validates,
        } = pools;
        let validated_on = match (datasets[validates].tracks, validates) {
            (true, _) => "parts of the validation tracks",
            (false, 0) => "the validation files",
            (false, _) => "the validation files of the collection mixed in",
        };
        let pools: Vec<&Pool> = std::iter::once(&train).chain(&mix).collect();
        let units = pools.iter().flat_map(|pool| pool.files.iter().flatten());
        let rows: Vec<&[f32]> = units.map(|&unit| features.mfcc[unit].as_slice()).collect();
        let mfcc = Standardiser::fit(&rows).ok_or_else(|| {
            TrainError::config(
                "the training files have no MFCC to standardise: are they all silent?",
            )
        })?;
        Ok(Self {
            features,
            train,
            mix,
            validation,
            validation_episode,
            parts: [0, 1, validates]
                .map(|set| features.units.get(set).map_or(1, |(_, parts)| *parts)),
            validated_on,
            left_out,
            mfcc,
            lessons: None,
        })
    }

    /// Adds a teacher's rows: those of the files that train, and those of all validation files. `sources` are those that the
    /// material was made of.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if too few rows are left of the files that could be read.
    pub(crate) fn teach(
        mut self,
        matched: &Matched,
        sources: &[(&Dataset, &Split)],
        config: &TrainConfig,
    ) -> Result<Self, TrainError> {
        let mut train = Vec::new();
        for (set, pool) in self.pools().enumerate() {
            let (first, parts) = self.features.units[set];
            let files = pool.files.iter().flatten();
            train.extend(files.map(|unit| (set, (unit - first) / parts)));
        }
        train.sort_unstable();
        train.dedup();
        let sets = sources.iter().enumerate();
        let validation: Vec<_> = sets
            .flat_map(|(set, (dataset, split))| {
                let files = split.apply(dataset).indices(Part::Validation);
                files.into_iter().map(move |file| (set, file))
            })
            .collect();
        let lessons = Lessons::new(
            matched,
            self.features,
            &train,
            &validation,
            config,
            &mut self.left_out,
        )?;
        self.lessons = Some(lessons);
        Ok(self)
    }

    /// What training episodes are drawn from: the data, and what is mixed in.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Pool> {
        std::iter::once(&self.train).chain(&self.mix)
    }

    /// How many classes an episode can choose from, whichever pool it is drawn from.
    pub(crate) fn classes(&self) -> usize {
        fewest_classes(&self.pools().collect::<Vec<_>>())
    }

    /// What trains: files, or parts of tracks.
    pub(crate) fn train_files(&self) -> impl Iterator<Item = usize> {
        self.pools()
            .flat_map(|pool| pool.files.iter().flatten().copied())
    }

    /// The network with the means and deviations of mel bands over the training files, if its first layer lacks them. A band
    /// that never varies keeps its scale.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub(crate) fn standardised(&self, network: Network) -> Result<Network, TrainError> {
        if !network.lacks_moments() {
            return Ok(network);
        }
        let mut frames = 0;
        let mut sums = vec![[0.0; 2]; network.input[0]];
        for unit in self.train_files() {
            let values = self.features.store.get(unit)?;
            let of_unit = values.len() / sums.len();
            frames += of_unit;
            for (sums, band) in sums.iter_mut().zip(values.chunks(of_unit.max(1))) {
                for value in band.iter().copied().map(f64::from) {
                    sums[0] += value;
                    sums[1] += value * value;
                }
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the moments are summed in f64"
        )]
        let moments = sums.iter().map(|[sum, square]| {
            let mean = sum / frames as f64;
            let deviation = (square / frames as f64 - mean * mean).max(0.0).sqrt();
            let deviation = if deviation > 1e-6 { deviation } else { 1.0 };
            (mean as f32, deviation as f32)
        });
        let (mean, deviation) = moments.unzip();
        Ok(network.with_moments(mean, deviation)?)
    }

    /// Where what training clips are cut from lies in the store, with its frames, for one of [`Self::train_files`]: the unit
    /// itself and its altered copies.
    pub(crate) fn versions(&self, unit: usize) -> impl Iterator<Item = (usize, usize)> {
        let versions = self.features.versions(unit);
        versions.map(|version| (version, self.features.store.frames(version).unwrap_or(1)))
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

fn fewest_classes(pools: &[&Pool]) -> usize {
    let classes = pools.iter().map(|pool| pool.classes.len());
    classes.min().unwrap_or(0)
}

/// A random share of a pool's classes, at least two: a larger share has those of a smaller one.
fn fewer_classes(pool: Pool, share: f64, seed: u64) -> Pool {
    let count = pool.classes.len();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count is rounded to a count"
    )]
    let kept = ((share * count as f64).round() as usize).max(2);
    if kept >= count {
        return pool;
    }
    let mut order: Vec<usize> = (0..count).collect();
    Stream::new(seed, "train share", 0).shuffle(&mut order);
    order.truncate(kept);
    order.sort_unstable();
    let files = order.iter().map(|&k| pool.files[k].clone()).collect();
    pool.with_classes(&order, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_track_are_of_one_length_with_a_segment_between_them_and_end_with_the_track() {
        for (frames, parts, segment) in [(110, 4, 10), (111, 4, 10), (5000, 4, 64), (320, 10, 8)] {
            let ranges = parts_of_track(frames, parts, segment).unwrap();
            assert_eq!(ranges.len(), parts);
            assert_eq!(ranges[0].start, 0);
            for pair in ranges.windows(2) {
                assert_eq!(pair[1].start - pair[0].end, segment);
                assert_eq!(pair[0].len(), pair[1].len());
            }
            assert!(ranges[0].len() >= 2 * segment);
            // No part could be longer.
            let end = ranges[parts - 1].end;
            assert!(end <= frames && end + parts > frames);
        }
        for frames in [0, 1, 50, 109] {
            assert_eq!(parts_of_track(frames, 4, 10), None);
        }
    }

    #[test]
    fn a_smaller_share_of_the_classes_is_part_of_a_larger_one() {
        let names: Vec<String> = (0..10).map(|class| format!("class {class}")).collect();
        let files: Vec<Vec<usize>> = (0..10)
            .map(|class| vec![2 * class, 2 * class + 1])
            .collect();
        let pool = Pool::new(names, files, (0..20).collect());
        let of = |share| fewer_classes(pool.clone(), share, 7);
        assert_eq!(of(1.0), pool);
        let (few, more) = (of(0.3), of(0.6));
        assert_eq!((few.classes.len(), more.classes.len()), (3, 6));
        assert!(few.classes.iter().all(|class| more.classes.contains(class)));
        for (name, files) in few.classes.iter().zip(&few.files) {
            assert_eq!(*name, format!("class {}", files[0] / 2));
        }
        // Two classes are the least that make an episode.
        assert_eq!(of(0.01).classes.len(), 2);
    }
}
