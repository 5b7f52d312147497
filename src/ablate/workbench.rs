//! What a comparison works with: a data set read once, its splits, and a device.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::cell::CellResult;
use super::{AblateError, Cell, Grid};
use crate::data::{DataError, Dataset, Part, Split, SplitMatch};
use crate::features::{FrontEnd, KeptFeatures};
use crate::fewshot::EpisodeSampler;
use crate::gpu::{DeviceChoice, Gpu};
use crate::model::{Network, Spec};
use crate::settings::TrainConfig;
use crate::train::{self, Collections, Material, TrainError, Units, Wanted};
use crate::tuning;

/// How a comparison runs, beside what it compares.
#[derive(Debug)]
pub struct AblateOptions<'a> {
    /// The adapter.
    pub device: DeviceChoice,
    /// Where the cells' files go: a result and a model each.
    pub folder: &'a Path,
    /// Limit of device memory in bytes.
    pub memory: Option<u64>,
    /// Damaged files are errors.
    pub strict: bool,
    /// A file of features to start from and to add to.
    pub features: Option<Arc<KeptFeatures>>,
    /// Set to stop; what was done is kept.
    pub stop: &'a AtomicBool,
}

/// What a comparison tells while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// Files are read, or something of a cell's training.
    Training(train::Event<'a>),
    /// A sentence for people.
    Note(String),
    /// Network and learner number `done` of `pairs` was timed.
    Timed {
        /// Timed so far.
        done: usize,
        /// In all.
        pairs: usize,
    },
    /// What lies ahead.
    Estimate {
        /// Cells in all.
        cells: usize,
        /// Cells whose files are there already.
        done: usize,
        /// Seconds that the others will take.
        seconds: f64,
    },
    /// Cell number `number`, from 0, begins.
    Cell {
        /// Its number.
        number: usize,
        /// Which.
        cell: &'a Cell,
    },
    /// A cell is done.
    Done(&'a CellResult),
}

/// A data set that has been read, and the device that its cells are trained on.
#[derive(Debug)]
pub struct Workbench<'a> {
    pub(super) grid: &'a Grid,
    pub(super) options: &'a AblateOptions<'a>,
    pub(super) dataset: &'a Dataset,
    pub(super) data: String,
    pub(super) units: Units,
    pub(super) splits: Vec<Split>,
    /// Each split's files in the data set.
    pub(super) parts: Vec<SplitMatch>,
    pub(super) gpu: Gpu,
}

impl<'a> Workbench<'a> {
    /// Checks the grid against the data, then reads every file once.
    ///
    /// # Errors
    /// [`AblateError`]: a grid that makes no sense, too few classes or files, a network that does not fit.
    pub fn new(
        dataset: &'a Dataset,
        grid: &'a Grid,
        options: &'a AblateOptions,
        on: &mut dyn FnMut(Event),
    ) -> Result<Self, AblateError> {
        grid.validate()?;
        if dataset.tracks {
            return Err(DataError::TracksHaveNoFiles {
                reason: "and networks are compared on classes of several files: use other labels",
            }
            .into());
        }
        let (protocol, task) = (grid.config.protocol, grid.config.task());
        let collections = Collections {
            datasets: &[dataset],
            seeds: &grid.seeds,
            heard: None,
        };
        let checked = collections.check(&grid.config);
        checked.map_err(AblateError::Reading)?;
        let splits = grid
            .seeds
            .iter()
            .map(|&seed| Split::create(dataset, protocol, task, seed))
            .collect::<Result<Vec<_>, _>>()?;
        if splits
            .iter()
            .any(|split| split.classes(Part::Validation).is_empty())
        {
            return Err(AblateError::grid(
                "the manifest gives no file the split `validation`, and learning rates are chosen by validation classes: give some classes that split",
            ));
        }
        for spec in &grid.networks {
            network(&grid.config, spec.clone())?;
        }
        let gpu = tuning::open(&options.device, &mut |note| on(Event::Note(note)))?;
        let engine = grid.config.engine().map_err(TrainError::from);
        let engine = engine.map_err(AblateError::Reading)?;
        let front_end = FrontEnd::new(engine, Some(&gpu), grid.config.hearing(options.strict))?
            .keeping(options.features.clone());
        let parts: Vec<SplitMatch> = splits.iter().map(|split| split.apply(dataset)).collect();
        let of_any = |index: usize, part| parts.iter().any(|found| found.part[index] == Some(part));
        let wanted: Vec<Wanted> = (0..dataset.items.len())
            .filter(|&index| parts.iter().any(|found| found.part[index].is_some()))
            .map(|index| Wanted {
                index,
                trains: of_any(index, Part::Train),
            })
            .collect();
        let units = Units::read(
            &[(dataset, &wanted)],
            &grid.config,
            &front_end,
            options.stop,
            &mut |event| on(Event::Training(event)),
        )
        .map_err(AblateError::Reading)?;
        let bench = Self {
            grid,
            options,
            dataset,
            data: data_hash(dataset),
            units,
            splits,
            parts,
            gpu,
        };
        // What the trainings and the scores need must not be missing after hours.
        for (&seed, split) in grid.seeds.iter().zip(&bench.splits) {
            let config = TrainConfig {
                seed,
                ..grid.config.clone()
            };
            let material = Material::new(&bench.units, &[(dataset, split)], &config);
            let material = material.map_err(AblateError::Reading)?;
            let notes = material.left_out.into_iter();
            notes.for_each(|note| on(Event::Note(note)));
        }
        for &seed in &grid.seeds {
            let pool = dataset.pool(&bench.part(seed, Part::Test));
            EpisodeSampler::new(pool, task)?;
        }
        bench
            .split_note()
            .into_iter()
            .for_each(|note| on(Event::Note(note)));
        Ok(bench)
    }

    /// What to know where the seeds do not split the classes.
    pub(super) fn split_note(&self) -> Option<String> {
        let given = self.splits.len() > 1 && self.splits[0].seed.is_none();
        given.then(|| "the manifest gives the split, so the seeds differ in parameters and episodes only: intervals over seeds say nothing about other classes".to_string())
    }

    /// The data set.
    pub fn dataset(&self) -> &Dataset {
        self.dataset
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        self.grid
    }

    /// By file index: mean and deviation of 20 MFCC.
    pub(super) fn mfcc(&self) -> &[Vec<f32>] {
        &self.units.mfcc
    }

    /// The files of a part of a seed's split that could be read.
    pub(super) fn part(&self, seed: u64, part: Part) -> Vec<usize> {
        let mut files = self.parts[self.place(seed)].indices(part);
        files.retain(|&index| self.units.store.frames(index).is_some());
        files
    }

    pub(super) fn split(&self, seed: u64) -> &Split {
        &self.splits[self.place(seed)]
    }

    pub(super) fn place(&self, seed: u64) -> usize {
        let place = self.grid.seeds.iter().position(|&known| known == seed);
        place.unwrap_or_else(|| unreachable!("the cells have the grid's seeds"))
    }

    pub(super) fn path(&self, cell: &Cell, extension: &str) -> PathBuf {
        self.options
            .folder
            .join(format!("{}.{extension}", cell.name()))
    }

    /// A hash of a seed's split and of the groups that files belong to.
    pub(super) fn split_hash(&self, seed: u64) -> String {
        let mut hasher = blake3::Hasher::new();
        for file in &self.split(seed).files {
            hasher.update(format!("{} {} {}\n", file.hash, file.label, file.part).as_bytes());
        }
        for item in &self.dataset.items {
            hasher.update(format!("{} {}\n", item.hash, item.group).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

pub(super) fn network(config: &TrainConfig, spec: Spec) -> Result<Network, AblateError> {
    let name = spec.name.clone();
    Network::new(spec, [config.preset.n_mels, config.segment().frames()])
        .map_err(|error| AblateError::Network { name, error })
}

/// A hash of all files' contents and labels.
fn data_hash(dataset: &Dataset) -> String {
    let mut hasher = blake3::Hasher::new();
    for item in &dataset.items {
        hasher.update(item.hash.as_bytes());
        hasher.update(dataset.classes[item.class].as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}
