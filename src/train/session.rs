//! What lives on one device: the compiled training step, the embedder for validations, the clip bank.

use std::collections::{HashMap, HashSet};

use super::TrainError;
use super::bank::{pack, turn_files};
use super::checkpoint::{Progress, Weights};
use super::event::{Event, TeacherSummary, TrainSummary};
use super::plan::{HISTORY, TrainingPlan};
use super::record::LogRow;
use super::run::Run;
use super::student::bank_budget;
use super::teacher::{OnDevice, TaughtFile};
use crate::data::Pool;
use crate::embed::Embedder;
use crate::features::cut_window;
use crate::fewshot::EpisodeSampler;
use crate::gpu::{Gpu, GpuError, Program, Tensor};
use crate::model::Network;
use crate::ops::{OptimizerState, Slot};
use crate::settings::TrainConfig;

/// Episodes drawn from one turn of a data set that does not fit the device.
const TURN: usize = 100;

/// Bytes of the clip bank on their way to the device at a time.
const UNSENT: usize = 16 << 20;

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
    /// Of what the model will hold.
    pub embedder: Embedder,
    /// Of a teacher's predictions.
    pub predictor: Option<Embedder>,
    /// Rows of a buffer of targets.
    pub target_rows: usize,
    turn: Option<Turn>,
    bank_elements: usize,
    bank_limit: usize,
}

/// The part of the training files that is on the device.
pub(super) struct Turn {
    number: u64,
    /// Of the data, and of what is mixed in; none without episodes.
    pub samplers: Vec<EpisodeSampler>,
    /// Where each of its files lies, and each altered copy.
    pub slots: HashMap<usize, Slot>,
    /// The files that a teacher has rows of.
    pub taught: Vec<OnDevice>,
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
        let mut files = Vec::new();
        if !run.config.taught_alone() {
            let units = run.material.pools.train_files();
            files.extend(units.flat_map(|unit| run.material.versions(unit)));
        }
        let altered = files
            .len()
            .saturating_sub(run.material.pools.train_files().count());
        if let Some(lessons) = &run.material.lessons {
            let there = files.iter().map(|(stored, _)| *stored).collect();
            files.extend(lessons.files_of_turn(&there, None, |_| 0, [0; 2]));
        }
        let all = pack(&files, bands, limit);
        let needed: usize = all.buffers.iter().sum();
        let classes = run.material.pools.classes();
        let memory = run.options.memory;
        let [rows, width] = run.material.lessons.as_ref().map_or([0, 1], |lessons| {
            let [_, rows] = lessons.train.size();
            [rows, lessons.width]
        });
        let student = run.student;
        let budget = bank_budget(gpu.tuning(), &student, classes, rows, memory)?;
        let in_turns = needed as u64 * 4 > budget;
        let (banks, bank_limit) = if in_turns {
            // Buffers of one size, small enough that a file which does not fit wastes little.
            let size = limit.min((budget / 4) as usize).max(bands);
            (vec![size; ((budget / 4) as usize / size).max(1)], size)
        } else {
            (all.buffers, limit)
        };
        let target_rows = (limit / width).max(1);
        let targets: Vec<usize> = (0..rows)
            .step_by(target_rows)
            .map(|first| target_rows.min(rows - first))
            .collect();
        let plan = TrainingPlan::new(gpu.tuning(), &student.step(classes, &banks, &targets));
        let count = |pool: &Pool| (pool.classes.len(), pool.files.iter().map(Vec::len).sum());
        let teacher = run
            .material
            .lessons
            .as_ref()
            .zip(run.config.teacher.as_ref());
        let summary = TrainSummary {
            adapter: gpu.adapter.to_string(),
            kernels: plan.plan.choices.clone(),
            parameters: student.kept().parameter_count(),
            train: count(&run.material.pools.train),
            mix: run.material.pools.mix.as_ref().map(count),
            altered,
            validation: count(&run.material.pools.validation),
            parts: run.material.parts,
            validated_on: run.material.validated_on,
            validation_task: run.material.pools.validation_task,
            task: (!run.config.taught_alone()).then(|| run.config.train_task(classes)),
            teacher: teacher.map(|(lessons, teacher)| TeacherSummary {
                batch: teacher.batch,
                width: lessons.width,
                train: lessons.train.size(),
                validation: lessons.validation.size(),
            }),
            memory: plan.plan.bytes() + student.embedder_bytes(gpu.tuning()),
            in_turns,
            resumed_at: progress.episode,
        };
        on(Event::Start(&summary, gpu));
        let embedder = |network: &Network| {
            Embedder::new(
                gpu,
                network,
                &progress.weights.parameters[..network.flat_len()],
            )
        };
        let program = Program::new(gpu, plan.plan.clone())?;
        if let (Some(lessons), Some(tensors)) = (&run.material.lessons, &plan.teacher) {
            let banks = lessons.train.targets.chunks(target_rows * width);
            for (tensor, values) in tensors.targets.iter().zip(banks) {
                for (k, piece) in values.chunks(UNSENT / 4).enumerate() {
                    program.write_at(*tensor, k * (UNSENT / 4), piece);
                    // Writes wait in memory until they are sent.
                    gpu.send()?;
                }
            }
        }
        let bank_elements = if in_turns {
            banks.iter().sum()
        } else {
            usize::MAX
        };
        Ok(Self {
            embedder: embedder(student.kept())?,
            predictor: match teacher {
                Some(_) => Some(embedder(student.whole)?),
                None => None,
            },
            program,
            plan,
            target_rows,
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
        let task = config.train_task(run.material.pools.classes());
        let elements = |frames: usize| frames.min(self.bank_limit / bands) * bands;
        // A unit comes with its altered copies.
        let sizes = |unit: usize| {
            let versions = run.material.versions(unit);
            versions.map(|(_, frames)| elements(frames))
        };
        let size = |unit: usize| sizes(unit).sum::<usize>();
        let lessons = run.material.lessons.as_ref();
        let capacity = (self.bank_elements != usize::MAX).then(|| {
            // Whole files leave a gap at the end of each buffer but the last.
            let units = run.material.pools.train_files().flat_map(sizes);
            let files = lessons.iter().flat_map(|lessons| &lessons.train.files);
            let largest = units.chain(files.map(|file| elements(file.frames))).max();
            let gaps = largest.unwrap_or(0) * (self.plan.banks.len() - 1);
            self.bank_elements.saturating_sub(gaps)
        });
        let chosen: HashSet<usize> = match capacity {
            _ if config.taught_alone() => HashSet::new(),
            None => run.material.pools.train_files().collect(),
            Some(capacity) => {
                // A teacher's files are mostly those of the episodes, and there already; an eighth is for others. Whole
                // tracks are not, and get half. Each collection gets what its share of the episodes is.
                let tracks = run.material.parts[..2].iter().any(|parts| *parts > 1);
                let of_teacher = match lessons {
                    Some(_) => capacity / if tracks { 2 } else { 8 },
                    None => 0,
                };
                let capacity = capacity - of_teacher;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a count is rounded down to a count"
                )]
                let of_mix = match run.material.pools.mix {
                    Some(_) => (capacity as f64 * config.mix_share) as usize,
                    None => 0,
                };
                let capacities = [capacity - of_mix, of_mix];
                let pools = run.material.pools.training().zip(capacities);
                pools
                    .flat_map(|(pool, capacity)| {
                        turn_files(pool, size, capacity, task, config.seed, number)
                    })
                    .collect()
            }
        };
        let pools: Vec<Pool> = match config.taught_alone() {
            true => Vec::new(),
            false => run
                .material
                .pools
                .training()
                .map(|pool| kept(pool, &chosen))
                .collect(),
        };
        let mut files: Vec<(usize, usize)> = pools
            .iter()
            .flat_map(|pool| pool.files.iter().flatten())
            .flat_map(|&unit| run.material.versions(unit))
            .collect();
        if let Some(lessons) = lessons {
            let used: usize = files.iter().map(|(_, frames)| elements(*frames)).sum();
            let left = capacity.map(|capacity| capacity.saturating_sub(used));
            let there = files.iter().map(|(stored, _)| *stored).collect();
            let of_file = |file: &TaughtFile| elements(file.frames);
            files.extend(lessons.files_of_turn(&there, left, of_file, [config.seed, number]));
        }
        let layout = pack(&files, bands, self.bank_limit);
        let too_small = || TrainError::BankTooSmall {
            budget_mib: (self.bank_elements as u64 * 4) >> 20,
        };
        let too_few = pools.iter().any(|pool| pool.files.len() < task.way);
        if too_few || layout.buffers.len() > self.plan.banks.len() {
            return Err(too_small());
        }
        let mut unsent = 0;
        for (file, slot) in &layout.slots {
            let values = run.material.units.store.get(*file)?;
            let kept = slot.frames as usize;
            // A file longer than a buffer keeps its beginning.
            let rows = cut_window(&values, bands, 0..kept);
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
            .map(|pool| EpisodeSampler::new(pool, task))
            .collect::<Result<_, _>>()?;
        let slots = layout.slots.into_iter().collect();
        let taught = lessons.map_or_else(Vec::new, |lessons| {
            lessons.on_device(&slots, config.segment().frames())
        });
        if let Some(lessons) = lessons.filter(|_| taught.is_empty()) {
            return Err(TrainError::Teacher {
                path: lessons.file.clone(),
                reason: format!(
                    "none of its files has room in the {} MiB left for clips: raise the memory limit",
                    (self.bank_elements as u64 * 4) >> 20
                ),
            });
        }
        Ok(Turn {
            number,
            samplers,
            slots,
            taught,
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
            &run.student.whole.decay_table(run.config.weight_decay),
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
    pub(super) fn read_history(
        &self,
        config: &TrainConfig,
        first: usize,
        end: usize,
    ) -> Result<Vec<LogRow>, GpuError> {
        type Ring = Vec<[f32; 4]>;
        let read = |history: Option<Tensor>| -> Result<Option<Ring>, GpuError> {
            history.map(|ring| self.program.read(ring)).transpose()
        };
        let episodes = read(self.plan.history)?;
        let taught = read(self.plan.teacher.as_ref().map(|tensors| tensors.history))?;
        let row = |ring: &Option<Ring>, step: usize| ring.as_ref().map(|r| r[step % HISTORY]);
        Ok((first..end)
            .filter_map(|step| {
                let (episode, taught) = (row(&episodes, step), row(&taught, step));
                let [.., gradient_norm, skipped] = episode.or(taught)?;
                let loss = match (&config.teacher, taught) {
                    (Some(teacher), Some([loss, ..])) => {
                        let of_episode = episode.map_or(0.0, |row| teacher.episode_weight * row[0]);
                        of_episode + teacher.weight * loss
                    }
                    _ => episode?[0],
                };
                Some(LogRow {
                    episode: step + 1,
                    loss,
                    accuracy: episode.map(|row| row[1]),
                    cosine: taught.map(|row| row[1]),
                    gradient_norm,
                    skipped: skipped as u32,
                })
            })
            .collect())
    }
}
