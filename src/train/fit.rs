//! Whether collections give the episodes that a training asks for, and the nearest settings with which they do.

use std::fmt;

use rayon::prelude::*;

use super::TrainError;
use super::parts::{Heard, parts, parts_of_track};
use super::pools::Pools;
use super::split::{joined, split};
use crate::data::{Dataset, Part, Pool, Protocol, Task};
use crate::features::{FrontEnd, Hearing, SegmentShape};
use crate::fewshot::EpisodeSampler;
use crate::mel::EngineChoice;
use crate::settings::TrainConfig;
use crate::words::count;

/// The shortest segment in seconds that [`Collections::advise`] proposes.
const SHORTEST_SEGMENT: f64 = 1.0;

/// Most files that [`measure`] decodes.
const MEASURED: usize = 200;

/// How long the tracks of a data set are, without reading them whole: each is heard for as long as a configuration's parts
/// take, and of many tracks only some, evenly spaced, are heard at all.
///
/// # Errors
/// [`TrainError::Mel`] if the preset is wrong. A file that cannot be decoded has 0 frames.
pub fn measure(dataset: &Dataset, config: &TrainConfig) -> Result<Heard, TrainError> {
    let parts = parts(dataset, config);
    let frames = (3 * parts - 1) * config.segment().frames();
    let seconds = SegmentShape::seconds(&config.preset, frames) + 1.0;
    let hearing = Hearing {
        max_seconds: seconds.min(config.max_seconds),
        ..config.hearing(false)
    };
    let front_end = FrontEnd::new(EngineChoice::Cpu, None, hearing)?;
    let every = dataset.items.len().div_ceil(MEASURED).max(1);
    let chosen: Vec<usize> = (0..dataset.items.len()).step_by(every).collect();
    let heard = chosen.into_par_iter().map(|file| {
        let samples = front_end.samples(&dataset.file(&dataset.items[file]));
        let frames = samples.map_or(0, |(samples, _)| config.preset.n_frames(samples.len()));
        (file, frames)
    });
    Ok(vec![heard.collect()])
}

/// A setting that a collection may be too small for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// [`TrainConfig::protocol`].
    Protocol,
    /// [`TrainConfig::way`].
    Way,
    /// [`TrainConfig::shot`].
    Shot,
    /// [`TrainConfig::query`].
    Query,
    /// [`TrainConfig::segment_seconds`].
    Segment,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Protocol,
        Self::Way,
        Self::Shot,
        Self::Query,
        Self::Segment,
    ];

    /// Its value in a configuration, as the command line takes it.
    pub fn value(self, config: &TrainConfig) -> String {
        match self {
            Self::Protocol => config.protocol.to_string(),
            Self::Way => config.way.to_string(),
            Self::Shot => config.shot.to_string(),
            Self::Query => config.query.to_string(),
            Self::Segment => config.segment_seconds.to_string(),
        }
    }

    /// Those that differ between two configurations.
    pub fn changed(from: &TrainConfig, to: &TrainConfig) -> Vec<Self> {
        let differs = |setting: &Self| setting.value(from) != setting.value(to);
        Self::ALL.into_iter().filter(differs).collect()
    }
}

/// What is to be trained on: the data, and possibly a collection to mix in.
#[derive(Debug, Clone, Copy)]
pub struct Collections<'a> {
    /// The data sets.
    pub datasets: &'a [&'a Dataset],
    /// The seeds that each are to split them.
    pub seeds: &'a [u64],
    /// What is known of their files, if they were read.
    pub heard: Option<&'a Heard>,
}

impl Collections<'_> {
    /// Checks that under every seed every part gives its episodes: those of the training, of its validation and of an
    /// evaluation of its test files. A file that has not been read counts as good, and a track as long enough.
    ///
    /// # Errors
    /// [`TrainError::Config`], [`TrainError::Data`] or [`TrainError::Episode`]: the first thing that is lacking.
    pub fn check(&self, config: &TrainConfig) -> Result<(), TrainError> {
        config.validate()?;
        self.seeds.iter().try_for_each(|&seed| {
            self.check_one(&TrainConfig {
                seed,
                ..config.clone()
            })
        })
    }

    fn check_one(&self, config: &TrainConfig) -> Result<(), TrainError> {
        let splits = split(self.datasets, config)?;
        joined(&splits)?;
        let sources = self.datasets.iter().zip(&splits);
        let found: Vec<_> = sources
            .map(|(dataset, split)| split.apply(dataset))
            .collect();
        let pool = |set: usize, part| self.pool(set, found[set].indices(part), config);
        let (pools, _) = Pools::new(self.datasets, config, pool);
        pools.check(config)?;
        for (dataset, found) in self.datasets.iter().zip(&found) {
            if !dataset.tracks {
                let test = dataset.pool(&found.indices(Part::Test));
                EpisodeSampler::new(test, config.task())?.check_draws()?;
            }
        }
        Ok(())
    }

    /// Whether a file can be used, as far as is known.
    fn is_usable(&self, set: usize, file: usize, config: &TrainConfig) -> bool {
        let frames = self.heard.and_then(|heard| heard[set].get(&file));
        let dataset = self.datasets[set];
        frames.is_none_or(|&frames| match dataset.tracks {
            true => {
                parts_of_track(frames, parts(dataset, config), config.segment().frames()).is_some()
            }
            false => frames > 0,
        })
    }

    /// What episodes could draw of some files, as a training makes it after reading them.
    fn pool(&self, set: usize, mut files: Vec<usize>, config: &TrainConfig) -> Pool {
        let dataset = self.datasets[set];
        files.retain(|&file| self.is_usable(set, file, config));
        let mut pool = dataset.pool(&files);
        if dataset.tracks {
            let parts = parts(dataset, config);
            let units = |class| (class * parts..(class + 1) * parts).collect();
            pool.files = (0..pool.classes.len()).map(units).collect();
            pool.group_of = (0..pool.classes.len() * parts).collect();
        }
        pool
    }

    /// The configurations nearest to one that passes [`Self::check`] not, with which it does: at most one for each protocol,
    /// the better first. They differ in the settings of [`Setting`] only. Settings in `given` change only where nothing
    /// else helps; then the protocol is kept if possible, then segments as long, as many shots, ways and queries as possible.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds are counted in tenths"
    )]
    pub fn advise(&self, config: &TrainConfig, given: &[Setting]) -> Vec<TrainConfig> {
        let mut candidates = self.candidates(config);
        let distance = |to: &TrainConfig| {
            let changed = Setting::changed(config, to);
            let of_given = changed.iter().filter(|s| given.contains(s)).count();
            let shorter = ((config.segment_seconds - to.segment_seconds) * 10.0).round() as usize;
            let fewer = [
                config.shot - to.shot,
                config.way - to.way,
                config.query - to.query,
            ];
            (of_given, to.protocol != config.protocol, shorter, fewer)
        };
        candidates.sort_by_cached_key(distance);
        // A training begins with the list of files, and may end with what was heard.
        let listed = Self {
            heard: None,
            ..*self
        };
        let fits = |config: &&TrainConfig| {
            self.keeps_most(config) && listed.check(config).is_ok() && self.check(config).is_ok()
        };
        let best = candidates.iter().find(fits);
        let other = best.and_then(|best| {
            let mut others = candidates.iter().filter(|c| c.protocol != best.protocol);
            others.find(fits)
        });
        best.into_iter().chain(other).cloned().collect()
    }

    /// Whether half of the tracks that could be read are long enough for their parts.
    fn keeps_most(&self, config: &TrainConfig) -> bool {
        let heard = self.heard.into_iter().flatten().enumerate();
        heard
            .filter(|(set, _)| self.datasets[*set].tracks)
            .all(|(set, files)| {
                let read = files.iter().filter(|(_, frames)| **frames > 0);
                let usable = |&(file, _): &(&usize, &usize)| self.is_usable(set, *file, config);
                2 * read.clone().filter(usable).count() >= read.count()
            })
    }

    /// All configurations of less, but for those that a count of classes and files rules out.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds are counted in tenths"
    )]
    fn candidates(&self, config: &TrainConfig) -> Vec<TrainConfig> {
        let tracks = self.datasets.iter().any(|dataset| dataset.tracks);
        let protocols = [Protocol::NovelClasses, Protocol::SeenClasses];
        let limits: Vec<Limits> = self.datasets.iter().map(|d| Limits::of(d)).collect();
        let mut candidates = Vec::new();
        for protocol in protocols
            .into_iter()
            .filter(|p| !tracks || *p == Protocol::NovelClasses)
        {
            for way in 2..=config.way {
                for shot in 1..=config.shot {
                    for query in 1..=config.query {
                        let allow = |limits: &Limits| limits.allow(protocol, way, shot + query);
                        if limits.iter().all(allow) {
                            candidates.push(TrainConfig {
                                protocol,
                                way,
                                shot,
                                query,
                                ..config.clone()
                            });
                        }
                    }
                }
            }
        }
        if tracks {
            // Where the episodes of training are smaller than the task's, the task's do not matter.
            candidates.retain(|c| {
                (c.shot, c.query) == (config.shot, config.query)
                    || c.train_task(c.way) == Task::new(c.way.min(c.train_way), c.shot, c.query)
            });
            let shorter = candidates.iter().flat_map(|candidate| {
                let tenths = (candidate.segment_seconds * 10.0).ceil() as usize;
                let shorter = ((SHORTEST_SEGMENT * 10.0) as usize..tenths).rev();
                shorter.map(|tenths| candidate.clone().with_segment(tenths as f64 / 10.0))
            });
            let shorter: Vec<TrainConfig> = shorter.collect();
            candidates.extend(shorter);
        }
        candidates
    }

    /// How many classes and files the data sets have, without files that cannot be read.
    pub fn sizes(&self) -> Vec<Size> {
        let of = |(set, dataset): (usize, &&Dataset)| {
            let heard = self.heard.map(|heard| &heard[set]);
            let good = |file: &usize| heard.and_then(|h| h.get(file)) != Some(&0);
            let files: Vec<usize> = (0..dataset.items.len()).filter(good).collect();
            let pool = dataset.pool(&files);
            let counts = pool.files.iter().map(Vec::len);
            let fewest = counts.clone().zip(&pool.classes).min();
            Size {
                tracks: dataset.tracks,
                classes: pool.classes.len(),
                fewest: fewest.map_or_else(Default::default, |(n, class)| (class.clone(), n)),
                most: counts.max().unwrap_or(0),
            }
        };
        self.datasets.iter().enumerate().map(of).collect()
    }

    /// How long a track must be for the least parts that [`Self::advise`] proposes, in seconds.
    pub fn least_track(&self, config: &TrainConfig) -> Option<f64> {
        let least = TrainConfig {
            shot: 1,
            query: 1,
            ..config.clone()
        };
        let seconds = SHORTEST_SEGMENT.min(config.segment_seconds);
        self.shortest_track(&least.with_segment(seconds))
    }

    /// Of the tracks that were heard, how many there are, and how many are long enough for a configuration's parts.
    pub fn long_tracks(&self, config: &TrainConfig) -> [usize; 2] {
        let heard = self.heard.into_iter().flatten().enumerate();
        let tracks = heard.filter(|(set, _)| self.datasets[*set].tracks);
        let files = tracks.flat_map(|(set, files)| files.keys().map(move |file| (set, *file)));
        let usable = |&(set, file): &(usize, usize)| self.is_usable(set, file, config);
        [files.clone().count(), files.filter(usable).count()]
    }

    /// How long a track must be for a configuration's parts, in seconds.
    pub fn shortest_track(&self, config: &TrainConfig) -> Option<f64> {
        let tracks = self.datasets.iter().find(|dataset| dataset.tracks)?;
        let frames = (3 * parts(tracks, config) - 1) * config.segment().frames();
        Some(SegmentShape::seconds(&config.preset, frames))
    }
}

/// How large a data set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Whether every track is a class of its own.
    pub tracks: bool,
    /// Classes, or tracks.
    pub classes: usize,
    /// The class with the fewest files, and their number.
    pub fewest: (String, usize),
    /// The most files of a class.
    pub most: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tracks,
            classes,
            fewest: (smallest, fewest),
            most,
        } = self;
        if *tracks {
            return f.write_str(&count(*classes, "track", "tracks"));
        }
        let classes = count(*classes, "class", "classes");
        match fewest == most {
            true => write!(f, "{classes} of {}", count(*most, "file", "files")),
            false => write!(
                f,
                "{classes} of {fewest} to {most} files, the fewest in `{smallest}`"
            ),
        }
    }
}

/// The most that a data set may give, by counts alone.
struct Limits {
    /// Whether the manifest gives the split.
    given: bool,
    /// The fewest classes of a part; of the data set where no split is given.
    classes: usize,
    /// The fewest files of a class in a part; of tracks as many as one likes.
    files: usize,
}

impl Limits {
    fn of(dataset: &Dataset) -> Self {
        let given = dataset.items.iter().any(|item| item.part.is_some());
        let pools: Vec<Pool> = match given {
            false => vec![dataset.pool_of_all()],
            true => Part::ALL.map(|part| dataset.pool_of_part(part)).into(),
        };
        let pools = pools.iter().filter(|pool| !pool.classes.is_empty());
        let files = pools
            .clone()
            .flat_map(|pool| pool.files.iter().map(Vec::len));
        Self {
            given,
            classes: pools.clone().map(|p| p.classes.len()).min().unwrap_or(0),
            files: match dataset.tracks {
                true => usize::MAX,
                false => files.min().unwrap_or(0),
            },
        }
    }

    fn allow(&self, protocol: Protocol, way: usize, files: usize) -> bool {
        let parts = if self.given { 1 } else { 3 };
        match protocol {
            Protocol::NovelClasses => way * parts <= self.classes && files <= self.files,
            Protocol::SeenClasses => way <= self.classes && files * parts <= self.files,
        }
    }
}
