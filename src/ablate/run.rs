//! Training the cells of a grid, one after the other; each leaves a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{AblateError, Cell, Grid, TEST_SEED, UNTRAINED};
use crate::adapt::{AdaptedAccuracy, Adapter};
use crate::bench::TrainingStep;
use crate::data::{DataError, Dataset, Part, Split, SplitMatch, Task};
use crate::embed::Embedder;
use crate::features::{FrontEnd, KeptFeatures};
use crate::fewshot::EpisodeSampler;
use crate::files;
use crate::gpu::{DeviceChoice, Gpu, GpuError};
use crate::model::Network;
use crate::settings::{Method, TrainConfig};
use crate::train::{
    self, Collections, Features, Material, StepShape, TrainError, TrainOptions, Validation, Wanted,
    checkpoint_path, train_on,
};

/// Test episodes that a network's body is adapted to: each takes as long as a training step.
const ADAPTED_EPISODES: usize = 50;

/// How many times the search for a learning rate goes beyond those given.
const RATES_BEYOND: usize = 2;

/// How far a comparison is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Cells done.
    number: usize,
    /// Cells in all, as far as they are known.
    cells: usize,
}

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
    /// Cell number `number` of `cells`, from 0, begins.
    Cell {
        /// Its number.
        number: usize,
        /// Cells in all.
        cells: usize,
        /// Which.
        cell: &'a Cell,
    },
    /// A cell is done.
    Done(&'a CellResult),
}

/// What a cell leaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CellResult {
    /// Which training it is.
    pub cell: Cell,
    /// The training's configuration, as TOML.
    pub config: String,
    /// Hash of the data set's files and labels.
    pub data: String,
    /// Hash of the split and of the groups that files belong to.
    #[serde(default)]
    pub split: Option<String>,
    /// Trained values of the network.
    pub parameters: usize,
    /// Floating-point operations of a forward pass over a clip.
    pub flops: u64,
    /// Clips that pass the body forward and backward in a training episode, inner steps included.
    pub clips: usize,
    /// Training episodes.
    pub episodes: usize,
    /// Seconds of training, without the validations.
    pub seconds: f64,
    /// Every validation.
    pub validations: Vec<Validation>,
    /// Mean embedding of the training files.
    pub centre: Vec<f32>,
    /// What it reaches on a few test episodes when its body adapts as well; MAML and Reptile only.
    pub adapted: Option<AdaptedAccuracy>,
    /// Embeddings of the test files, by their paths; NaN throughout where a network's numbers overflow.
    #[serde(deserialize_with = "nan_for_null")]
    pub trained: BTreeMap<PathBuf, Vec<f32>>,
    /// The same by the network's initial parameters.
    #[serde(deserialize_with = "nan_for_null")]
    pub untrained: BTreeMap<PathBuf, Vec<f32>>,
}

/// Embeddings from JSON, which has no NaN and writes null for it.
fn nan_for_null<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<PathBuf, Vec<f32>>, D::Error> {
    let stored = BTreeMap::<PathBuf, Vec<Option<f32>>>::deserialize(from)?;
    let values = |values: Vec<Option<f32>>| {
        let values = values.into_iter();
        values.map(|value| value.unwrap_or(f32::NAN)).collect()
    };
    let embeddings = stored.into_iter();
    Ok(embeddings.map(|(path, v)| (path, values(v))).collect())
}

impl CellResult {
    /// Its best accuracy on the validation classes; 0 without validation.
    pub fn validated(&self) -> f64 {
        let accuracies = self.validations.iter().map(|v| v.accuracy);
        accuracies.fold(0.0, f64::max)
    }

    /// Its configuration.
    pub fn config(&self) -> TrainConfig {
        TrainConfig::from_toml(&self.config).unwrap_or_default()
    }
}

/// A data set that has been read, and the device that its cells are trained on.
#[derive(Debug)]
pub struct Workbench<'a> {
    grid: &'a Grid,
    options: &'a AblateOptions<'a>,
    dataset: &'a Dataset,
    data: String,
    features: Features,
    splits: Vec<Split>,
    /// Each split's files in the data set.
    parts: Vec<SplitMatch>,
    gpu: Gpu,
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
            return Err(AblateError::Grid(
                "the manifest gives no file the split `validation`, and learning rates are chosen by validation classes: give some classes that split".into(),
            ));
        }
        for spec in &grid.networks {
            network(&grid.config, spec.clone())?;
        }
        let gpu = Gpu::open(&options.device)?;
        let engine = grid.config.engine().map_err(TrainError::from);
        let engine = engine.map_err(AblateError::Reading)?;
        let front_end = FrontEnd::new(engine, Some(&gpu), &grid.config.preset, options.strict)?
            .hearing(grid.config.max_seconds)
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
        let features = Features::read(
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
            features,
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
            let material = Material::new(&bench.features, &[(dataset, split)], &config);
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
        &self.features.mfcc
    }

    /// The files of a part of a seed's split that could be read.
    pub(super) fn part(&self, seed: u64, part: Part) -> Vec<usize> {
        let mut files = self.parts[self.place(seed)].indices(part);
        files.retain(|&index| self.features.store.frames(index).is_some());
        files
    }

    fn split(&self, seed: u64) -> &Split {
        &self.splits[self.place(seed)]
    }

    fn place(&self, seed: u64) -> usize {
        let place = self.grid.seeds.iter().position(|&known| known == seed);
        place.unwrap_or_else(|| unreachable!("the cells have the grid's seeds"))
    }

    /// Estimates the time, then runs every cell that has not run yet, and returns the results of those that are
    /// compared.
    ///
    /// # Errors
    /// [`AblateError`]. After [`AblateError::Interrupted`], or if the process is killed, the same call goes on.
    pub fn run(&mut self, on: &mut dyn FnMut(Event)) -> Result<Vec<CellResult>, AblateError> {
        let search = self.grid.search();
        // The rates are not known yet; their number of cells is.
        let compared = self.grid.compared(|_, _| self.grid.rates[0]);
        let found_again = self
            .grid
            .pairs()
            .iter()
            .filter(|(spec, _)| spec.name != UNTRAINED)
            .count();
        let cells = search.len() + compared.len() - found_again;
        self.estimate(&search, &compared, cells, on)?;

        let mut place = Place { number: 0, cells };
        let mut best: BTreeMap<(String, Method), f64> = BTreeMap::new();
        let mut searched = Vec::new();
        for of_pair in search.chunks(self.grid.rates.len()) {
            let cells = self.search(of_pair, &mut place, on)?;
            let found = best_of(&cells);
            best.insert((found.network.clone(), found.method), found.rate);
            searched.extend(cells.into_iter().map(|(cell, _)| cell));
        }
        let rate_of = |name: &str, method: Method| best[&(name.to_string(), method)];
        let mut results = Vec::new();
        for cell in self.grid.compared(rate_of) {
            results.push(self.cell(&cell, &place, on)?);
            place.number += usize::from(!searched.contains(&cell));
        }
        Ok(results)
    }

    /// Runs the cells that search a rate for one network and learner, and gives each with its accuracy on the
    /// validation classes. Where the best rate is at an end of those given, the search goes on beyond it.
    fn search(
        &mut self,
        cells: &[Cell],
        place: &mut Place,
        on: &mut dyn FnMut(Event),
    ) -> Result<Vec<(Cell, f64)>, AblateError> {
        let mut tried = Vec::new();
        for cell in cells {
            let validated = self.cell(cell, place, on)?.validated();
            place.number += 1;
            tried.push((cell.clone(), validated));
        }
        // A single rate is one that the user wants.
        let beyond = if cells.len() > 1 { RATES_BEYOND } else { 0 };
        for _ in 0..beyond {
            let best = best_of(&tried).clone();
            let rates = tried.iter().map(|(cell, _)| cell.rate);
            let rate = if rates.clone().all(|rate| rate <= best.rate) {
                2.0 * best.rate
            } else if rates.clone().all(|rate| rate >= best.rate) {
                best.rate / 2.0
            } else {
                break;
            };
            let next = Cell { rate, ..best };
            place.cells += 1;
            let validated = self.cell(&next, place, on)?.validated();
            place.number += 1;
            tried.push((next, validated));
        }
        Ok(tried)
    }

    /// Times a step of each network and learner that has cells left, and tells how long these will take.
    fn estimate(
        &self,
        search: &[Cell],
        compared: &[Cell],
        cells: usize,
        on: &mut dyn FnMut(Event),
    ) -> Result<(), AblateError> {
        let left = self.left(search, compared);
        let mut pairs = self.grid.pairs();
        pairs.retain(|(spec, method)| {
            let of_pair = |cell: &&Cell| cell.network == spec.name && cell.method == *method;
            spec.name != UNTRAINED && left.iter().any(of_pair)
        });
        let mut seconds = 0.0;
        for (done, (spec, method)) in pairs.iter().enumerate() {
            on(Event::Timed {
                done,
                pairs: pairs.len(),
            });
            if self.options.stop.load(Ordering::Relaxed) {
                let done = cells - left.len();
                return Err(AblateError::Interrupted { done, cells });
            }
            let step = self.time_step(&spec.name, *method)?;
            let of_pair = left
                .iter()
                .filter(|cell| cell.network == spec.name && cell.method == *method);
            seconds += of_pair.map(|cell| step * self.steps(cell)).sum::<f64>();
        }
        on(Event::Estimate {
            cells,
            done: cells - left.len(),
            seconds,
        });
        Ok(())
    }

    /// The cells that have no file yet. Which rate the compared ones will have is not known before the search; any
    /// counts.
    fn left<'c>(&self, search: &'c [Cell], compared: &'c [Cell]) -> Vec<&'c Cell> {
        let files = std::fs::read_dir(self.options.folder);
        let names: Vec<String> = files
            .into_iter()
            .flatten()
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .collect();
        let at_any_rate = |cell: &Cell| {
            let name = format!("{}.json", cell.name());
            let rate = format!("rate{:e}", cell.rate);
            let Some((before, after)) = name.split_once(&rate) else {
                return false;
            };
            let fits = |file: &String| file.starts_with(before) && file.ends_with(after);
            names.iter().any(fits)
        };
        // A searched cell comes again among the compared.
        let searched = |cell: &Cell| {
            let same = |s: &Cell| {
                (&s.network, s.method, s.seed) == (&cell.network, cell.method, cell.seed)
            };
            cell.share == 1.0 && search.iter().any(same)
        };
        let unsearched = search
            .iter()
            .filter(|cell| !self.path(cell, "json").exists());
        let fresh = compared
            .iter()
            .filter(|cell| !searched(cell) && !at_any_rate(cell));
        unsearched.chain(fresh).collect()
    }

    /// How many training steps a cell takes as long as, validations included: they embed their files' segments, about
    /// a third of a step for as many clips.
    fn steps(&self, cell: &Cell) -> f64 {
        let config = &self.grid.config;
        let classes = self.split(cell.seed).classes(Part::Train).len();
        let task = config.train_task(classes);
        let files = self.part(cell.seed, Part::Validation);
        let frames = files.iter().filter_map(|&k| self.features.store.frames(k));
        let segments = frames.sum::<usize>() as f64 / config.segment().hop() as f64;
        let validation = segments / (task.way * task.files()) as f64 / 3.0;
        let validations = config.episodes.div_ceil(config.validate_every) + 1;
        config.episodes as f64 + validations as f64 * validation
    }

    /// Seconds of a training step of a network under a learner.
    fn time_step(&self, name: &str, method: Method) -> Result<f64, AblateError> {
        let cell = Cell {
            network: name.to_string(),
            method,
            seed: self.grid.seeds[0],
            rate: self.grid.rates[0],
            share: 1.0,
        };
        let config = self.grid.config_of(&cell);
        let network = network(&config, config.network.clone())?;
        let classes = self.split(cell.seed).classes(Part::Train).len();
        let Task { way, shot, query } = config.train_task(classes);
        let at = |error| AblateError::Device {
            name: name.to_string(),
            error,
        };
        let student = train::Student {
            network: &network,
            whole: &network,
            config: &config,
        };
        train::bank_budget(self.gpu.class(), &student, classes, 0, self.options.memory)
            .map_err(at)?;
        let mut step = TrainingStep::new(
            &self.gpu,
            &StepShape {
                network: &network,
                way,
                shot,
                query,
                augment: config.augment,
                optimizer: config.optimizer,
                learner: config.learner,
                banks: &[],
                teacher: None,
            },
        )
        .map_err(at)?;
        // The first run compiles.
        step.run().map_err(at)?;
        Ok(step.run().map_err(at)?.as_secs_f64())
    }

    fn path(&self, cell: &Cell, extension: &str) -> PathBuf {
        self.options
            .folder
            .join(format!("{}.{extension}", cell.name()))
    }

    /// The result of a cell: read if it is there, else trained.
    fn cell(
        &mut self,
        cell: &Cell,
        place: &Place,
        on: &mut dyn FnMut(Event),
    ) -> Result<CellResult, AblateError> {
        let Place { number, cells } = *place;
        let config = self.grid.config_of(cell);
        let path = self.path(cell, "json");
        if path.exists() {
            return self.stored(&path, &config);
        }
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(AblateError::Interrupted {
                done: number,
                cells,
            });
        }
        on(Event::Cell {
            number,
            cells,
            cell,
        });
        let mut trained = self.train(cell, &config, on);
        if let Err(TrainError::Gpu(GpuError::DeviceLost { detail })) = &trained {
            on(Event::Note(format!(
                "the GPU was lost ({detail}); going on with cell {} on a new device",
                cell.name()
            )));
            self.gpu = Gpu::open(&self.options.device)?;
            trained = self.train(cell, &config, on);
        }
        let result = match trained {
            Ok(result) => result,
            Err(TrainError::Interrupted { .. } | TrainError::Unstarted) => {
                return Err(AblateError::Interrupted {
                    done: number,
                    cells,
                });
            }
            Err(TrainError::Checkpoint { path, .. }) => {
                return Err(AblateError::Stored {
                    path,
                    reason: "is the state of a cell that was stopped under other settings, or damaged: give the same options, delete it, or choose another folder with -o".into(),
                });
            }
            Err(error) => {
                return Err(AblateError::Cell {
                    cell: cell.name(),
                    error,
                });
            }
        };
        let text = serde_json::to_string(&result).map_err(|error| AblateError::Stored {
            path: path.clone(),
            reason: format!("the result cannot be written: {error}"),
        })?;
        files::write(&path, text.as_bytes())?;
        on(Event::Done(&result));
        Ok(result)
    }

    fn stored(&self, path: &Path, config: &TrainConfig) -> Result<CellResult, AblateError> {
        let at = |reason: String| AblateError::Stored {
            path: path.to_path_buf(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|e| at(format!("cannot be read: {e}")))?;
        let result: CellResult = serde_json::from_str(&text).map_err(|_| {
            at("is damaged or of another version: delete it, and its cell will run again".into())
        })?;
        let mut made = result.config();
        if made.learner.method == Method::Prototype {
            // Prototypes have no inner loop, so its settings do not matter.
            made.learner = config.learner;
        }
        if made != *config {
            return Err(at(
                "was made with other settings: give the same options, or another folder with -o"
                    .into(),
            ));
        }
        let split = self.split_hash(result.cell.seed);
        if result.data != self.data || result.split.as_ref().is_some_and(|made| *made != split) {
            return Err(at(
                "was made with other files, groups or another split: give the same data, or another folder with -o".into(),
            ));
        }
        Ok(result)
    }

    /// A hash of a seed's split and of the groups that files belong to.
    fn split_hash(&self, seed: u64) -> String {
        let mut hasher = blake3::Hasher::new();
        for file in &self.split(seed).files {
            hasher.update(format!("{} {} {}\n", file.hash, file.label, file.part).as_bytes());
        }
        for item in &self.dataset.items {
            hasher.update(format!("{} {}\n", item.hash, item.group).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn train(
        &self,
        cell: &Cell,
        config: &TrainConfig,
        on: &mut dyn FnMut(Event),
    ) -> Result<CellResult, TrainError> {
        let split = self.split(cell.seed);
        let network = Network::new(
            config.network.clone(),
            [config.preset.n_mels, config.segment().frames()],
        )?;
        let initial = network.initial_parameters(cell.seed);
        let material = Material::new(&self.features, &[(self.dataset, split)], config)?;
        let network = material.standardised(network)?;
        let Task { way, shot, query } = config.train_task(material.train.classes.len());
        let mut result = CellResult {
            cell: cell.clone(),
            config: config.to_toml(),
            data: self.data.clone(),
            split: Some(self.split_hash(cell.seed)),
            parameters: network.parameter_count(),
            flops: network.flops(),
            clips: match config.learner.method {
                Method::Prototype | Method::Anil => way * (shot + query),
                Method::Maml => way * (config.learner.steps * shot + query),
                Method::Reptile => way * config.learner.steps * (shot + query),
            },
            episodes: 0,
            seconds: 0.0,
            validations: Vec::new(),
            centre: Vec::new(),
            adapted: None,
            trained: BTreeMap::new(),
            untrained: BTreeMap::new(),
        };
        let mut parameters = initial.clone();
        if cell.network != UNTRAINED {
            let model = self.path(cell, "safetensors");
            let options = TrainOptions {
                device: self.options.device.clone(),
                model: &model,
                resume: checkpoint_path(&model).exists(),
                memory: self.options.memory,
                strict: self.options.strict,
                half: false,
                // Read already.
                features: None,
                stop: self.options.stop,
                teacher: None,
                from: None,
            };
            let trained = train_on(
                self.gpu.clone(),
                network.clone(),
                config,
                &material,
                split.clone(),
                &options,
                &mut |event| on(Event::Training(event)),
            )?;
            result.episodes = trained.log.len();
            result.seconds = trained.validations.last().map_or(0.0, |v| v.seconds);
            result.validations = trained.validations;
            result.centre = trained.model.info.centre;
            parameters = trained.model.parameters;
        }
        if config.learner.adapts_body() {
            result.adapted = Some(self.adapt(cell.seed, config, &network, &parameters)?);
        }
        let embedder = Embedder::new(&self.gpu, &network, &parameters)?;
        result.trained = self.embed_test(cell.seed, config, &embedder)?;
        embedder.set_parameters(&initial);
        result.untrained = self.embed_test(cell.seed, config, &embedder)?;
        Ok(result)
    }

    /// Accuracy on a few test episodes with body and head adapted to each.
    fn adapt(
        &self,
        seed: u64,
        config: &TrainConfig,
        network: &Network,
        parameters: &[f32],
    ) -> Result<AdaptedAccuracy, TrainError> {
        let learner = &config.learner;
        let adapter = Adapter::new(&self.gpu, network, learner, config.task(), learner.steps)?;
        let pool = self.dataset.pool(&self.part(seed, Part::Test));
        let sampler = EpisodeSampler::new(pool, config.task())?;
        adapter.accuracy(parameters, &sampler, ADAPTED_EPISODES, TEST_SEED, |index| {
            let segments = self.features.segments(config, index)?;
            Ok(segments.into_iter().map(|s| s.values).collect())
        })
    }

    fn embed_test(
        &self,
        seed: u64,
        config: &TrainConfig,
        embedder: &Embedder,
    ) -> Result<BTreeMap<PathBuf, Vec<f32>>, TrainError> {
        let embed = |index: usize| {
            let mut embedding = self.features.embed(config, embedder, index)?;
            if !embedding.iter().all(|value| value.is_finite()) {
                // The same now as when it is read again.
                embedding.fill(f32::NAN);
            }
            Ok((self.dataset.items[index].path.clone(), embedding))
        };
        self.part(seed, Part::Test).into_iter().map(embed).collect()
    }
}

/// The cell with the highest accuracy, the first of several.
fn best_of(cells: &[(Cell, f64)]) -> &Cell {
    let best = cells.iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
    best.map_or_else(|| unreachable!("a grid has rates"), |(cell, _)| cell)
}

fn network(config: &TrainConfig, spec: crate::model::Spec) -> Result<Network, AblateError> {
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
