//! What lives on one device: the compiled training step, the embedder for validations, the clip bank.

use std::collections::{HashMap, HashSet};

use super::bank::{pack, turn_files};
use super::checkpoint::{LogRow, Progress, Weights};
use super::run::Run;
use super::{Event, HISTORY, StepShape, TrainConfig, TrainError, TrainSummary, TrainingPlan};
use crate::data::Pool;
use crate::embed::Embedder;
use crate::fewshot::EpisodeSampler;
use crate::gpu::{AdapterClass, Gpu, GpuError, Program};
use crate::model::Network;
use crate::ops::{OptimizerState, Slot};

/// Episodes drawn from one turn of a data set that does not fit the device.
const TURN: usize = 100;

/// Device memory for the clip bank where the user sets no limit.
const DEFAULT_BANK: u64 = 1 << 30;

/// Bytes of the clip bank on their way to the device at a time.
const UNSENT: usize = 16 << 20;

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
///
/// # Errors
/// [`GpuError::OverMemoryLimit`] if the rest of a training does not fit.
pub(crate) fn bank_budget(
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
            limit,
        }),
        Some(limit) => Ok(limit - rest),
        None => Ok(DEFAULT_BANK),
    }
}

/// The files of a pool that are among the chosen.
fn kept(pool: &Pool, chosen: &HashSet<usize>) -> Pool {
    let of_class = |files: &Vec<usize>| {
        let files = files.iter().copied();
        files.filter(|f| chosen.contains(f)).collect::<Vec<_>>()
    };
    let (classes, files): (Vec<usize>, _) = pool
        .files
        .iter()
        .map(of_class)
        .enumerate()
        .filter(|(_, files)| !files.is_empty())
        .unzip();
    pool.with_classes(&classes, files)
}

/// What lives on one device.
pub(super) struct Session {
    pub program: Program,
    pub plan: TrainingPlan,
    pub embedder: Embedder,
    turn: Option<Turn>,
    bank_elements: usize,
    bank_limit: usize,
}

/// The part of the training files that is on the device.
pub(super) struct Turn {
    number: u64,
    /// Of the data, and of what is mixed in.
    pub samplers: Vec<EpisodeSampler>,
    /// Where each of its files lies, and each altered copy.
    pub slots: HashMap<usize, Slot>,
}

impl Session {
    /// Compiles a training for a device.
    pub(super) fn new(
        run: &Run,
        gpu: &Gpu,
        progress: &Progress,
        on: &mut dyn FnMut(Event),
    ) -> Result<Self, TrainError> {
        let bands = run.config.preset.n_mels;
        let limit = (gpu.limits().max_storage_buffer_binding_size / 4) as usize;
        let files: Vec<(usize, usize)> = run
            .material
            .train_files()
            .flat_map(|unit| run.material.versions(unit))
            .collect();
        let all = pack(&files, bands, limit);
        let needed: usize = all.buffers.iter().sum();
        let classes = run.material.classes();
        let memory = run.options.memory;
        let budget = bank_budget(gpu.class(), run.network, run.config, classes, memory)?;
        let in_turns = needed as u64 * 4 > budget;
        let (banks, bank_limit) = if in_turns {
            // Buffers of one size, small enough that a file which does not fit wastes little.
            let size = limit.min((budget / 4) as usize).max(bands);
            (vec![size; ((budget / 4) as usize / size).max(1)], size)
        } else {
            (all.buffers, limit)
        };
        let plan = step_plan(gpu.class(), run.network, run.config, classes, &banks);
        let count = |pool: &Pool| (pool.classes.len(), pool.files.iter().map(Vec::len).sum());
        let units = run.material.train_files().count();
        let summary = TrainSummary {
            adapter: gpu.adapter.to_string(),
            parameters: run.network.parameter_count(),
            flops: run.network.flops(),
            train: count(&run.material.train),
            mix: run.material.mix.as_ref().map(count),
            altered: files.len() - units,
            validation: count(&run.material.validation),
            parts: run.material.parts,
            validated_on: run.material.validated_on,
            validation_episode: run.material.validation_episode,
            episode: run.config.train_episode(classes),
            memory: plan.plan.bytes() + Embedder::bytes(gpu.class(), run.network),
            in_turns,
            resumed_at: progress.episode,
        };
        on(Event::Start(&summary, gpu));
        let embedder = Embedder::new(gpu, run.network, &progress.weights.parameters)?;
        let program = Program::new(gpu, plan.plan.clone())?;
        let bank_elements = if in_turns {
            banks.iter().sum()
        } else {
            usize::MAX
        };
        Ok(Self {
            program,
            plan,
            embedder,
            turn: None,
            bank_elements,
            bank_limit,
        })
    }

    /// Puts the files that an episode draws from on the device, if they are not there.
    pub(super) fn load(&mut self, run: &Run, step: usize) -> Result<&Turn, TrainError> {
        let number = if self.bank_elements == usize::MAX {
            0
        } else {
            (step / TURN) as u64
        };
        match self.turn.take() {
            Some(turn) if turn.number == number => Ok(self.turn.insert(turn)),
            _ => {
                let turn = self.load_turn(run, number)?;
                Ok(self.turn.insert(turn))
            }
        }
    }

    /// Chooses the files of a turn and puts them on the device.
    fn load_turn(&self, run: &Run, number: u64) -> Result<Turn, TrainError> {
        let bands = run.config.preset.n_mels;
        let config = run.config;
        let [way, shot, query] = config.train_episode(run.material.classes());
        // A unit comes with its altered copies.
        let sizes = |unit: usize| {
            let versions = run.material.versions(unit);
            versions.map(|(_, frames)| frames.min(self.bank_limit / bands) * bands)
        };
        let size = |unit: usize| sizes(unit).sum::<usize>();
        let chosen: HashSet<usize> = if self.bank_elements == usize::MAX {
            run.material.train_files().collect()
        } else {
            // Whole files leave a gap at the end of each buffer but the last.
            let largest = run.material.train_files().flat_map(sizes).max();
            let largest = largest.unwrap_or(0);
            let gaps = largest * (self.plan.banks.len() - 1);
            let capacity = self.bank_elements.saturating_sub(gaps);
            // Each collection gets what its share of the episodes is.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a count is rounded down to a count"
            )]
            let of_mix = match run.material.mix {
                Some(_) => (capacity as f64 * config.mix_share) as usize,
                None => 0,
            };
            let capacities = [capacity - of_mix, of_mix];
            let pools = run.material.pools().zip(capacities);
            pools
                .flat_map(|(pool, capacity)| {
                    turn_files(pool, size, capacity, [shot, query], config.seed, number)
                })
                .collect()
        };
        let pools: Vec<Pool> = run
            .material
            .pools()
            .map(|pool| kept(pool, &chosen))
            .collect();
        let layout = pack(
            &pools
                .iter()
                .flat_map(|pool| pool.files.iter().flatten())
                .flat_map(|&unit| run.material.versions(unit))
                .collect::<Vec<_>>(),
            bands,
            self.bank_limit,
        );
        let too_small = || TrainError::BankTooSmall {
            budget_mib: (self.bank_elements as u64 * 4) >> 20,
        };
        let too_few = pools.iter().any(|pool| pool.files.len() < way);
        if too_few || layout.buffers.len() > self.plan.banks.len() {
            return Err(too_small());
        }
        let mut unsent = 0;
        for (file, slot) in &layout.slots {
            let values = run.material.features.store.get(*file)?;
            let kept = slot.frames as usize;
            let frames = values.len() / bands;
            // A file longer than a buffer keeps its beginning, band by band.
            let rows: Vec<f32> = values
                .chunks(frames)
                .flat_map(|band| &band[..kept])
                .copied()
                .collect();
            self.program.write_at(
                self.plan.banks[slot.bank as usize],
                slot.first as usize,
                &rows,
            );
            // Writes wait in memory until they are sent.
            unsent += rows.len() * 4;
            if unsent > UNSENT {
                self.program.gpu().send()?;
                unsent = 0;
            }
        }
        let samplers = pools
            .into_iter()
            .map(|pool| EpisodeSampler::new(pool, way, shot, query))
            .collect::<Result<_, _>>()?;
        Ok(Turn {
            number,
            samplers,
            slots: layout.slots.into_iter().collect(),
        })
    }

    pub(super) fn restore(&self, run: &Run, weights: &Weights) {
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

    pub(super) fn read_weights(&self) -> Result<Weights, GpuError> {
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
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the kernel counts in f32"
    )]
    pub(super) fn read_history(&self, first: usize, end: usize) -> Result<Vec<LogRow>, GpuError> {
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
