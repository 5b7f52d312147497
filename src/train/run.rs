//! The training loop.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::bank::{pack, turn_files};
use super::checkpoint::{self, Identity, LogRow, Progress, Validation, Weights, checkpoint_path};
use super::material::Material;
use super::{HISTORY, StepShape, TrainConfig, TrainError, TrainingPlan};
use crate::data::{Dataset, Part, Pool, Split};
use crate::embed::{Embedder, mean_embedding};
use crate::features::FrontEnd;
use crate::fewshot::{EpisodeSampler, Metric, System, evaluate};
use crate::gpu::{AdapterClass, DeviceChoice, Gpu, GpuError, Program};
use crate::mel::filter_bank;
use crate::model::{Model, ModelInfo, Network};
use crate::ops::{OptimizerState, Slot, StepInfo};

/// Episodes between two looks at the loss.
const READ_EVERY: usize = 10;

/// Episodes drawn from one turn of a data set that does not fit the device.
const TURN: usize = 100;

/// Device memory for the clip bank where the user sets no limit.
const DEFAULT_BANK: u64 = 1 << 30;

/// Bytes of the clip bank on their way to the device at a time.
const UNSENT: usize = 16 << 20;

/// How a training runs, beside what it does.
#[derive(Debug)]
pub struct TrainOptions<'a> {
    /// The adapter.
    pub device: DeviceChoice,
    /// Where the model goes. The state goes beside it, to a name with `.checkpoint` added.
    pub model: &'a Path,
    /// Go on from the state of an earlier run.
    pub resume: bool,
    /// Limit of device memory in bytes.
    pub memory: Option<u64>,
    /// Damaged files are errors.
    pub strict: bool,
    /// Set to stop after the current episode, keeping the state.
    pub stop: &'a AtomicBool,
}

/// What a training tells while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// Files read so far.
    Reading {
        /// Files done.
        done: usize,
        /// Files in all.
        files: usize,
    },
    /// A sentence for people: a damaged file, a lost device.
    Note(String),
    /// About to start, on a device.
    Start(&'a TrainSummary, &'a Gpu),
    /// Episodes done, with the figures of the last ones.
    Episodes(&'a [LogRow]),
    /// A validation.
    Validated(Validation),
}

/// What a training is about to do.
#[derive(Debug, Clone)]
pub struct TrainSummary {
    /// The adapter.
    pub adapter: String,
    /// Trained values.
    pub parameters: usize,
    /// Floating-point operations of a forward pass over a clip.
    pub flops: u64,
    /// Training classes and files.
    pub train: (usize, usize),
    /// Validation classes and files.
    pub validation: (usize, usize),
    /// Ways, shots and queries of a training episode.
    pub episode: [usize; 3],
    /// Device memory in bytes.
    pub memory: u64,
    /// Whether the clips do not fit at once and are streamed in turns.
    pub in_turns: bool,
    /// Episodes already done.
    pub resumed_at: usize,
}

/// A finished training.
#[derive(Debug)]
pub struct Trained {
    /// The model with its best parameters.
    pub model: Model,
    /// Every episode.
    pub log: Vec<LogRow>,
    /// Every validation.
    pub validations: Vec<Validation>,
    /// Training time of this run in seconds, without reading the files.
    pub seconds: f64,
}

/// Trains a network by prototypical episodes and writes its best parameters to a model file.
///
/// # Errors
/// [`TrainError`]. After [`TrainError::Interrupted`], or if the process is killed, the same call with
/// `resume` goes on and ends with the same bits.
pub fn train(
    dataset: &Dataset,
    config: &TrainConfig,
    options: &TrainOptions,
    on: &mut dyn FnMut(Event),
) -> Result<Trained, TrainError> {
    config.validate()?;
    let network = Network::new(
        config.network.clone(),
        [config.preset.n_mels, config.segment().frames],
    )?;
    let split = Split::create(
        dataset,
        config.protocol,
        config.way,
        config.shot,
        config.query,
        config.seed,
    )?;
    let mut gpu = Gpu::open(&options.device)?;
    // Before hours of decoding.
    let classes = split.classes(Part::Train).len();
    bank_budget(gpu.class(), &network, config, classes, options.memory)?;
    let front_end = FrontEnd::new(config.engine()?, Some(&gpu), &config.preset, options.strict)?;
    let deaf = filter_bank(&config.preset)?.empty_bands().len();
    if deaf > 0 {
        on(Event::Note(format!(
            "{deaf} of {} mel bands lie between two bins of the FFT and hear nothing: raise n_fft or lower n_mels",
            config.preset.n_mels
        )));
    }
    let material = Material::read(dataset, &split, config, &front_end, options.stop, on)?;
    let identity = Identity {
        config: config.to_toml(),
        split: split.clone(),
        failed: material.failed.clone(),
        memory: options.memory,
    };
    let mut progress = if options.resume {
        checkpoint::load(
            &checkpoint_path(options.model),
            &identity,
            network.flat_len(),
        )?
    } else {
        start(&network, config.seed)
    };

    let started = Instant::now();
    let run = Run {
        network: &network,
        config,
        options,
        material: &material,
        identity: &identity,
    };
    let mut second_chance = true;
    loop {
        match run.on_device(&gpu, &mut progress, on) {
            Ok(()) => break,
            Err(TrainError::Gpu(GpuError::DeviceLost { detail })) if second_chance => {
                second_chance = false;
                on(Event::Note(format!(
                    "the GPU was lost ({detail}); going on from episode {} on a new device",
                    progress.episode
                )));
                gpu = Gpu::open(&options.device)?;
            }
            Err(error) => return Err(error),
        }
    }
    let skipped = progress.log.last().map_or(0, |row| row.skipped);
    if skipped > 0 {
        on(Event::Note(format!(
            "{skipped} of {} steps were skipped because a gradient was not finite; a lower learning rate may help",
            progress.episode
        )));
    }
    let best = progress.best_validation();
    let model = Model {
        parameters: progress.best,
        info: ModelInfo {
            format: ModelInfo::FORMAT,
            spec: config.network.clone(),
            preset: config.preset.clone(),
            segment: config.segment(),
            seed: config.seed,
            split,
            mfcc: material.mfcc,
            config: config.to_toml(),
            episodes: best.map_or(progress.episode, |v| v.episode),
        },
        network,
    };
    model.save(options.model)?;
    // The model is safe: the state has done its duty. If it cannot be removed nothing is lost.
    let _ = std::fs::remove_file(checkpoint_path(options.model));
    Ok(Trained {
        model,
        log: progress.log,
        validations: progress.validations,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn start(network: &Network, seed: u64) -> Progress {
    let parameters = network.initial_parameters(seed);
    let zeros = vec![0.0; parameters.len()];
    Progress {
        episode: 0,
        best: parameters.clone(),
        weights: Weights {
            parameters,
            first: zeros.clone(),
            second: zeros,
            state: OptimizerState::START,
        },
        log: Vec::new(),
        validations: Vec::new(),
    }
}

/// The plan of a training step on `classes` training classes.
fn step_plan(
    class: AdapterClass,
    network: &Network,
    config: &TrainConfig,
    classes: usize,
    banks: &[usize],
) -> TrainingPlan {
    let [way, shot, query] = config.train_episode(classes);
    let shape = StepShape {
        network,
        way,
        shot,
        query,
        augment: config.augment,
        optimizer: config.optimizer,
        learner: config.learner,
        banks,
    };
    TrainingPlan::new(class, &shape)
}

/// Device memory in bytes left to the clip bank.
fn bank_budget(
    class: AdapterClass,
    network: &Network,
    config: &TrainConfig,
    classes: usize,
    memory: Option<u64>,
) -> Result<u64, GpuError> {
    let step = step_plan(class, network, config, classes, &[1]);
    let rest = step.plan.bytes() + Embedder::bytes(class, network);
    match memory {
        Some(limit) if limit <= rest => Err(GpuError::OverMemoryLimit {
            needed_mib: rest.div_ceil(1 << 20),
            limit_mib: limit >> 20,
        }),
        Some(limit) => Ok(limit - rest),
        None => Ok(DEFAULT_BANK),
    }
}

struct Run<'a> {
    network: &'a Network,
    config: &'a TrainConfig,
    options: &'a TrainOptions<'a>,
    material: &'a Material,
    identity: &'a Identity,
}

/// What lives on one device.
struct Session {
    program: Program,
    plan: TrainingPlan,
    embedder: Embedder,
    turn: Option<Turn>,
    bank_elements: usize,
    bank_limit: usize,
}

/// The part of the training files that is on the device.
struct Turn {
    number: u64,
    sampler: EpisodeSampler,
    /// Where each of its files lies.
    slots: HashMap<usize, Slot>,
}

impl Run<'_> {
    /// Trains from `progress` to the end on a device; `progress` is the last checkpoint at any time.
    fn on_device(
        &self,
        gpu: &Gpu,
        progress: &mut Progress,
        on: &mut dyn FnMut(Event),
    ) -> Result<(), TrainError> {
        let mut session = self.session(gpu, progress, on)?;
        session.restore(self, &progress.weights);
        if progress.validations.is_empty() {
            self.validate(&session, 0, progress, on)?;
        }
        let mut rows = Vec::new();
        for step in progress.episode..self.config.episodes {
            self.episode(&mut session, step)?;
            let done = step + 1;
            let last = done == self.config.episodes;
            let stop = self.options.stop.load(Ordering::Relaxed);
            let validate = last || done % self.config.validate_every == 0;
            if done % READ_EVERY == 0 || validate || stop {
                let first = progress.episode + rows.len();
                rows.extend(session.read_history(first, done)?);
                on(Event::Episodes(&rows[first - progress.episode..]));
            }
            if validate || stop {
                // All or nothing: a device lost in the validation must not lose the validation.
                let mut next = progress.clone();
                next.weights = session.read_weights()?;
                next.episode = done;
                next.log.append(&mut rows);
                if validate {
                    self.validate(&session, done, &mut next, on)?;
                }
                checkpoint::save(&checkpoint_path(self.options.model), self.identity, &next)?;
                *progress = next;
            }
            if stop && !last {
                return Err(TrainError::Interrupted {
                    episode: done,
                    checkpoint: checkpoint_path(self.options.model),
                });
            }
        }
        Ok(())
    }

    fn session(
        &self,
        gpu: &Gpu,
        progress: &Progress,
        on: &mut dyn FnMut(Event),
    ) -> Result<Session, TrainError> {
        let bands = self.config.preset.n_mels;
        let limit = (gpu.limits().max_storage_buffer_binding_size / 4) as usize;
        let files: Vec<(usize, usize)> = self
            .train_files()
            .map(|index| (index, self.frames(index)))
            .collect();
        let all = pack(&files, bands, limit);
        let needed: usize = all.buffers.iter().sum();
        let classes = self.material.train.classes.len();
        let memory = self.options.memory;
        let budget = bank_budget(gpu.class(), self.network, self.config, classes, memory)?;
        let in_turns = needed as u64 * 4 > budget;
        let (banks, bank_limit) = if in_turns {
            // Buffers of one size, small enough that a file which does not fit wastes little.
            let size = limit.min((budget / 4) as usize).max(bands);
            (vec![size; ((budget / 4) as usize / size).max(1)], size)
        } else {
            (all.buffers, limit)
        };
        let plan = step_plan(gpu.class(), self.network, self.config, classes, &banks);
        let count = |pool: &Pool| (pool.classes.len(), pool.files.iter().map(Vec::len).sum());
        let summary = TrainSummary {
            adapter: gpu.adapter.to_string(),
            parameters: self.network.parameter_count(),
            flops: self.network.flops(),
            train: count(&self.material.train),
            validation: count(&self.material.validation),
            episode: self.config.train_episode(classes),
            memory: plan.plan.bytes() + Embedder::bytes(gpu.class(), self.network),
            in_turns,
            resumed_at: progress.episode,
        };
        on(Event::Start(&summary, gpu));
        let embedder = Embedder::new(gpu, self.network, &progress.weights.parameters)?;
        let program = Program::new(gpu, plan.plan.clone())?;
        let bank_elements = if in_turns {
            banks.iter().sum()
        } else {
            usize::MAX
        };
        Ok(Session {
            program,
            plan,
            embedder,
            turn: None,
            bank_elements,
            bank_limit,
        })
    }

    fn train_files(&self) -> impl Iterator<Item = usize> {
        self.material.train.files.iter().flatten().copied()
    }

    fn frames(&self, index: usize) -> usize {
        self.material.store.frames(index).unwrap_or(1)
    }

    /// Submits one episode; does not wait for it.
    fn episode(&self, session: &mut Session, step: usize) -> Result<(), TrainError> {
        let number = if session.bank_elements == usize::MAX {
            0
        } else {
            (step / TURN) as u64
        };
        if session
            .turn
            .as_ref()
            .is_none_or(|turn| turn.number != number)
        {
            session.turn = Some(self.load_turn(session, number)?);
        }
        let Some(turn) = &session.turn else {
            unreachable!("just loaded")
        };
        let episode = turn.sampler.sample(self.config.seed, step as u64)?;
        let files = episode
            .support
            .iter()
            .flatten()
            .chain(episode.query.iter().flatten());
        let slots: Vec<Slot> = files.map(|file| turn.slots[file]).collect();
        session.program.write(session.plan.slots, &slots);
        session.program.write(
            session.plan.step,
            &[StepInfo {
                seed: self.config.seed as u32,
                step: step as u32,
                learning_rate: self.config.learning_rate(step) as f32,
                unused: 0,
            }],
        );
        Ok(session.program.run()?)
    }

    /// Chooses the files of a turn and puts them on the device.
    fn load_turn(&self, session: &Session, number: u64) -> Result<Turn, TrainError> {
        let bands = self.config.preset.n_mels;
        let pool = &self.material.train;
        let [way, shot, query] = self.config.train_episode(pool.classes.len());
        let size = |index: usize| self.frames(index).min(session.bank_limit / bands) * bands;
        let chosen: HashSet<usize> = if session.bank_elements == usize::MAX {
            self.train_files().collect()
        } else {
            // Whole files leave a gap at the end of each buffer but the last.
            let largest = self.train_files().map(size).max().unwrap_or(0);
            let gaps = largest * (session.plan.banks.len() - 1);
            let capacity = session.bank_elements.saturating_sub(gaps);
            turn_files(
                pool,
                size,
                capacity,
                [shot, query],
                self.config.seed,
                number,
            )
            .into_iter()
            .collect()
        };
        let kept = |files: &Vec<usize>| {
            files
                .iter()
                .copied()
                .filter(|f| chosen.contains(f))
                .collect::<Vec<_>>()
        };
        let (classes, files): (Vec<_>, Vec<_>) = pool
            .classes
            .iter()
            .cloned()
            .zip(pool.files.iter().map(kept))
            .filter(|(_, files)| !files.is_empty())
            .unzip();
        let layout = pack(
            &files
                .iter()
                .flatten()
                .map(|&f| (f, self.frames(f)))
                .collect::<Vec<_>>(),
            bands,
            session.bank_limit,
        );
        let too_small = || TrainError::BankTooSmall {
            budget_mib: (session.bank_elements as u64 * 4) >> 20,
        };
        if files.len() < way || layout.buffers.len() > session.plan.banks.len() {
            return Err(too_small());
        }
        let temporary = |error| TrainError::Temporary {
            folder: std::env::temp_dir(),
            error,
        };
        let mut unsent = 0;
        for (file, slot) in &layout.slots {
            let values = self.material.store.get(*file).map_err(temporary)?;
            let kept = slot.frames as usize;
            let frames = values.len() / bands;
            // A file longer than a buffer keeps its beginning, band by band.
            let rows: Vec<f32> = values
                .chunks(frames)
                .flat_map(|band| &band[..kept])
                .copied()
                .collect();
            session.program.write_at(
                session.plan.banks[slot.bank as usize],
                slot.first as usize,
                &rows,
            );
            // Writes wait in memory until they are sent.
            unsent += rows.len() * 4;
            if unsent > UNSENT {
                session.program.gpu().send()?;
                unsent = 0;
            }
        }
        let pool = Pool::new(classes, files, pool.group_of.clone());
        Ok(Turn {
            number,
            sampler: EpisodeSampler::new(pool, way, shot, query)?,
            slots: layout.slots.into_iter().collect(),
        })
    }

    /// Scores the validation files and keeps the parameters if they are the best so far.
    fn validate(
        &self,
        session: &Session,
        episode: usize,
        progress: &mut Progress,
        on: &mut dyn FnMut(Event),
    ) -> Result<(), TrainError> {
        let pool = &self.material.validation;
        if pool.classes.is_empty() {
            // Nothing to choose by: the last parameters are the model.
            progress.best = progress.weights.parameters.clone();
            return Ok(());
        }
        session
            .embedder
            .set_parameters(&progress.weights.parameters);
        let mut embeddings = vec![Vec::new(); pool.group_of.len()];
        for &index in pool.files.iter().flatten() {
            let clips: Vec<_> = self
                .material
                .segments(self.config, index)?
                .into_iter()
                .map(|s| s.values)
                .collect();
            embeddings[index] = mean_embedding(&session.embedder.embed(&clips)?);
        }
        let TrainConfig {
            way, shot, query, ..
        } = *self.config;
        let sampler = EpisodeSampler::new(pool.clone(), way, shot, query)?;
        let metric = Metric {
            distance: self.network.spec.distance,
            scale: self.network.spec.scale,
        };
        let system = System {
            name: "network",
            embeddings: &embeddings,
            metric,
        };
        // Another seed than the training episodes'.
        let scored = evaluate(
            &sampler,
            &[system],
            self.config.validation_episodes,
            self.config.seed ^ (1 << 40),
        )?;
        let accuracy = scored.systems[0].accuracy;
        let validation = Validation {
            episode,
            accuracy: accuracy.mean,
            over_episodes: accuracy.over_episodes,
            over_files: accuracy.over_files,
        };
        if progress
            .best_validation()
            .is_none_or(|best| validation.accuracy > best.accuracy)
        {
            progress.best = progress.weights.parameters.clone();
        }
        progress.validations.push(validation);
        on(Event::Validated(validation));
        Ok(())
    }
}

impl Session {
    fn restore(&self, run: &Run, weights: &Weights) {
        let tensors = &self.plan.optimizer;
        self.program.write(tensors.parameter, &weights.parameters);
        self.program.write(tensors.first, &weights.first);
        self.program.write(tensors.second, &weights.second);
        self.program.write(tensors.state, &[weights.state]);
        self.program.write(
            tensors.decay,
            &run.network.decay_table(run.config.weight_decay),
        );
    }

    fn read_weights(&self) -> Result<Weights, GpuError> {
        let tensors = &self.plan.optimizer;
        let state: Vec<OptimizerState> = self.program.read(tensors.state)?;
        Ok(Weights {
            parameters: self.program.read(tensors.parameter)?,
            first: self.program.read(tensors.first)?,
            second: self.program.read(tensors.second)?,
            state: state[0],
        })
    }

    /// Figures of the episodes from `first` (counted from 0) up to `end`.
    fn read_history(&self, first: usize, end: usize) -> Result<Vec<LogRow>, GpuError> {
        let history: Vec<[f32; 4]> = self.program.read(self.plan.history)?;
        Ok((first..end)
            .map(|step| {
                let [loss, accuracy, gradient_norm, skipped] = history[step % HISTORY];
                LogRow {
                    episode: step + 1,
                    loss,
                    accuracy,
                    gradient_norm,
                    skipped: skipped as u32,
                }
            })
            .collect())
    }
}
