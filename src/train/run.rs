//! The training loop.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::checkpoint::{self, Identity, Progress, Weights, checkpoint_path};
use super::material::{Features, Material, Wanted};
use super::session::{Session, Student, bank_budget};
use super::teacher::Matched;
use super::{Collections, LogRow, TrainError, Validation, fit};
use crate::data::{Dataset, Part, Split};
use crate::embed::mean_embedding;
use crate::features::{FrontEnd, KeptFeatures};
use crate::fewshot::{
    Calibration, EpisodeSampler, Known, Metric, Reshape, Standardiser, System, evaluate,
};
use crate::files;
use crate::gpu::{DeviceChoice, Gpu, GpuError};
use crate::mel::filter_bank;
use crate::model::{ModelError, Network};
use crate::model_file::{Model, ModelInfo};
use crate::ops::{OptimizerState, Place, StepInfo};
use crate::random::Stream;
use crate::settings::TrainConfig;
use crate::vectors::Vectors;

/// Episodes between two looks at the loss.
const READ_EVERY: usize = 10;

/// What makes the seed of the validations another than the training's.
const VALIDATION_SEED: u64 = 1 << 40;

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
    /// Write the model in half precision, rounded at the end.
    pub half: bool,
    /// A file of features to start from and to add to.
    pub features: Option<Arc<KeptFeatures>>,
    /// Set to stop after the current episode, keeping the state.
    pub stop: &'a AtomicBool,
    /// What teaches, where the configuration has a teacher.
    pub teacher: Option<&'a Vectors>,
    /// The model that [`TrainConfig::starting_from`] was told of, where it was.
    pub from: Option<&'a Model>,
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
    /// Training classes and files, or parts of tracks.
    pub train: (usize, usize),
    /// The same of the collection mixed in.
    pub mix: Option<(usize, usize)>,
    /// Altered copies of these files, or of the parts of tracks.
    pub altered: usize,
    /// The same of what is validated on.
    pub validation: (usize, usize),
    /// Into how many parts the files of these three are cut: 1, or more if they are tracks.
    pub parts: [usize; 3],
    /// What is validated on, for people.
    pub validated_on: &'static str,
    /// Ways, shots and queries of a training episode, if there are episodes.
    pub episode: Option<[usize; 3]>,
    /// The teacher, if there is one.
    pub teacher: Option<TeacherSummary>,
    /// Ways, shots and queries of a validation's episode: of the task.
    pub validation_episode: [usize; 3],
    /// Device memory in bytes.
    pub memory: u64,
    /// Whether the clips do not fit at once and are streamed in turns.
    pub in_turns: bool,
    /// Episodes already done.
    pub resumed_at: usize,
}

/// What a teacher is about to teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeacherSummary {
    /// Rows of a step.
    pub batch: usize,
    /// Length of its vectors.
    pub width: usize,
    /// Training files and their rows.
    pub train: [usize; 2],
    /// Validation files and their rows.
    pub validation: [usize; 2],
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

/// Trains a network by few-shot episodes and writes its best parameters to a model file. Where every track of the data set
/// is a class of its own, the files of an episode are parts of tracks.
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
    train_mixed(dataset, None, config, options, on)
}

/// [`train`] with a second collection, of which a share of the episodes is drawn ([`TrainConfig::mix_share`]): labelled files
/// beside tracks without labels, or the reverse. An episode has the classes of one collection.
///
/// # Errors
/// As [`train`].
pub fn train_mixed(
    dataset: &Dataset,
    mix: Option<&Dataset>,
    config: &TrainConfig,
    options: &TrainOptions,
    on: &mut dyn FnMut(Event),
) -> Result<Trained, TrainError> {
    let datasets: Vec<&Dataset> = std::iter::once(dataset).chain(mix).collect();
    let collections = Collections {
        datasets: &datasets,
        seeds: &[config.seed],
        heard: None,
    };
    let config = &*config.taught_by(options.teacher)?;
    collections.check(config)?;
    let _claim = files::Claim::new(options.model)?;
    // Before hours of decoding, and before the first validation takes its place.
    let state = checkpoint_path(options.model);
    if !options.resume && state.exists() {
        return Err(TrainError::Checkpoint {
            path: state,
            reason: "keeps the state of a run that was stopped: add --resume to go on, or delete it to start anew".into(),
        });
    }
    let network = config.network()?;
    let splits = fit::split(&datasets, config)?;
    let split = joined(&splits)?;
    check_start(&network, &split, config, options.from)?;
    let sources: Vec<(&Dataset, &Split)> = datasets.iter().copied().zip(&splits).collect();
    let matched = match options.teacher {
        Some(vectors) => Some(Matched::new(vectors, &sources, config)?),
        None => None,
    };
    let gpu = Gpu::open(&options.device)?;
    // Before hours of decoding.
    let classes = splits.iter().map(|split| split.classes(Part::Train).len());
    let classes = classes.min().unwrap_or(0);
    let student = Student {
        network: &network,
        whole: &config.with_read_out(&network)?,
        config,
    };
    let rows = matched.as_ref().map_or(0, |matched| matched.training_rows);
    bank_budget(gpu.class(), &student, classes, rows, options.memory)?;
    if config.taught_alone() && config.shifts.is_some() {
        on(Event::Note(
            "altered copies are not made: the teacher alone trains, and its vectors are of the files themselves; give teacher.episode_weight for episodes beside it".into(),
        ));
    }
    let front_end = FrontEnd::new(config.engine()?, Some(&gpu), &config.preset, options.strict)?
        .hearing(config.max_seconds)
        .keeping(options.features.clone());
    let deaf = filter_bank(&config.preset)?.empty_bands().len();
    if deaf > 0 {
        on(Event::Note(format!(
            "{deaf} of {} mel bands lie between two bins of the FFT and hear nothing: raise n_fft or lower n_mels",
            config.preset.n_mels
        )));
    }
    let wanted: Vec<Vec<Wanted>> = datasets
        .iter()
        .zip(&splits)
        .map(|(dataset, split)| {
            let found = split.apply(dataset);
            let of = |part| {
                let trains = part == Part::Train;
                let files = found.indices(part).into_iter();
                files.map(move |index| Wanted { index, trains })
            };
            of(Part::Train).chain(of(Part::Validation)).collect()
        })
        .collect();
    let wanted = datasets.iter().zip(&wanted);
    let wanted: Vec<(&Dataset, &[Wanted])> = wanted.map(|(d, files)| (*d, &files[..])).collect();
    let features = Features::read(&wanted, config, &front_end, options.stop, on)?;
    let mut material = Material::new(&features, &sources, config)?;
    if let Some(matched) = &matched {
        material = material.teach(matched, &sources, config)?;
    }
    material
        .left_out
        .iter()
        .for_each(|note| on(Event::Note(note.clone())));
    let network = material.standardised(network)?;
    train_on(gpu, network, config, &material, split, options, on)
}

/// The splits of two collections as one, for the model to know the files of both.
///
/// # Errors
/// [`TrainError::Config`] if a file is in both, in different parts.
pub(super) fn joined(splits: &[Split]) -> Result<Split, TrainError> {
    let files: Vec<_> = splits
        .iter()
        .flat_map(|split| &split.files)
        .cloned()
        .collect();
    let mut part_of = HashMap::new();
    for file in &files {
        let part = *part_of.entry(&file.hash).or_insert(file.part);
        if part != file.part {
            return Err(TrainError::config(format!(
                "{} is in both collections, for {part} in one and for {} in the other: take it out of one",
                file.path.display(),
                file.part
            )));
        }
    }
    Ok(Split {
        protocol: splits[0].protocol,
        seed: splits.iter().find_map(|split| split.seed),
        files,
    })
}

/// [`train`] on files that have been read already. Where the configuration has a teacher, it is one that
/// [`TrainConfig::taught_by`] gave, and the material has its lessons.
pub(crate) fn train_on(
    mut gpu: Gpu,
    network: Network,
    config: &TrainConfig,
    material: &Material,
    split: Split,
    options: &TrainOptions,
    on: &mut dyn FnMut(Event),
) -> Result<Trained, TrainError> {
    let identity = Identity {
        config: config.to_toml(),
        split: split.clone(),
        failed: material.features.failed.clone(),
        memory: options.memory,
    };
    let whole = config.with_read_out(&network)?;
    let student = Student {
        network: &network,
        whole: &whole,
        config,
    };
    let mut progress = if options.resume {
        checkpoint::load(&checkpoint_path(options.model), &identity, whole.flat_len())?
    } else {
        start(&whole, config.seed, options.from)
    };

    let started = Instant::now();
    let run = Run {
        student,
        config,
        options,
        material,
        identity: &identity,
    };
    let mut second_chance = true;
    let learned = loop {
        match run.on_device(&gpu, &mut progress, on) {
            Ok(learned) => break learned,
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
    };
    let skipped = progress.log.last().map_or(0, |row| row.skipped);
    if skipped > 0 {
        on(Event::Note(format!(
            "{skipped} of {} steps were skipped because a gradient was not finite; a lower learning rate may help",
            progress.episode
        )));
    }
    let best = Validation::best(&progress.validations, config);
    let finite = learned.centre.iter().all(|value| value.is_finite());
    if !finite {
        on(Event::Note(
            "the embeddings of the training files are not finite: train anew with a lower learning rate".into(),
        ));
    }
    let network = student.kept().clone();
    let mut model = Model {
        parameters: learned.parameters,
        info: ModelInfo {
            format: ModelInfo::FORMAT,
            spec: network.spec.clone(),
            preset: config.preset.clone(),
            segment: config.segment(),
            seed: config.seed,
            split,
            mfcc: material.mfcc.clone(),
            config: config.clone(),
            episodes: best.map_or(progress.episode, |v| v.episode),
            centre: if finite { learned.centre } else { Vec::new() },
            spread: if finite { learned.spread } else { Vec::new() },
            calibration: learned.calibration,
        },
        network,
    };
    if options.half {
        model = model
            .in_half_precision()
            .map_err(|reason| ModelError::File {
                path: options.model.to_path_buf(),
                reason: format!("{reason}, by the same command with --resume"),
            })?;
        model.save_half(options.model)?;
    } else {
        model.save(options.model)?;
    }
    // The model is safe: the state has done its duty.
    files::remove(&checkpoint_path(options.model));
    Ok(Trained {
        model,
        log: progress.log,
        validations: progress.validations,
        seconds: started.elapsed().as_secs_f64(),
    })
}

impl TrainConfig {
    /// This training from a model with this hash: its network and its mel front end are the model's.
    #[must_use]
    pub fn starting_from(self, model: &Model, blake3: String) -> Self {
        Self {
            from: Some(blake3),
            preset: model.info.preset.clone(),
            network: model.network.spec.clone(),
            ..self
        }
    }
}

/// Checks that a training can start from a model, and that what it will be judged by is new to the model too.
///
/// # Errors
/// [`TrainError::Config`].
fn check_start(
    network: &Network,
    split: &Split,
    config: &TrainConfig,
    from: Option<&Model>,
) -> Result<(), TrainError> {
    let Some(model) = from else {
        return match config.from {
            None => Ok(()),
            Some(_) => Err(TrainError::config(
                "`from` is set, but there is no model to start from: give it with --from, or take `from` out",
            )),
        };
    };
    if model.parameters.len() != network.flat_len() || network.spec != model.network.spec {
        return Err(TrainError::config(
            "the network is not that of the model to start from, or does not fit clips of this length",
        ));
    }
    let learned = model.info.split.files.iter();
    let learned = learned.filter(|file| file.part == Part::Train);
    let learned: HashSet<_> = learned.map(|file| &file.hash).collect();
    let seen = split
        .files
        .iter()
        .filter(|file| file.part != Part::Train && learned.contains(&file.hash));
    let seen: Vec<_> = seen.collect();
    match seen.first() {
        None => Ok(()),
        Some(first) => Err(TrainError::config(format!(
            "{} of the files kept for validation or test, the first {}, trained the model to start from, so nothing could be judged by them: give a manifest with a column `split` that trains them, or leave them out",
            seen.len(),
            first.path.display()
        ))),
    }
}

fn start(network: &Network, seed: u64, from: Option<&Model>) -> Progress {
    let mut parameters = network.initial_parameters(seed);
    if let Some(model) = from {
        // What lies behind is the read-out of a teacher.
        parameters[..model.parameters.len()].copy_from_slice(&model.parameters);
    }
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
        seconds: 0.0,
        log: Vec::new(),
        validations: Vec::new(),
    }
}

/// What a model holds of its training.
struct Learned {
    /// Its parameters: the best, with the metric in them if one was asked for.
    parameters: Vec<f32>,
    /// Mean embedding of the training files.
    centre: Vec<f32>,
    /// The deviations of these embeddings.
    spread: Vec<f32>,
    /// What the validation files' distances are scaled by.
    calibration: Option<Calibration>,
}

pub(super) struct Run<'a> {
    pub student: Student<'a>,
    pub config: &'a TrainConfig,
    pub options: &'a TrainOptions<'a>,
    pub material: &'a Material<'a>,
    identity: &'a Identity,
}

impl Run<'_> {
    /// Trains from `progress` to the end on a device and returns what was learned of the embeddings; `progress` is the last
    /// checkpoint at any time.
    fn on_device(
        &self,
        gpu: &Gpu,
        progress: &mut Progress,
        on: &mut dyn FnMut(Event),
    ) -> Result<Learned, TrainError> {
        let mut session = Session::new(self, gpu, progress, on)?;
        session.restore(self, &progress.weights);
        if progress.validations.is_empty() {
            self.validate(&session, 0, progress, on)?;
        }
        let mut rows = Vec::new();
        let mut since = Instant::now();
        for step in progress.episode..self.config.episodes {
            self.episode(&mut session, step)?;
            let done = step + 1;
            let last = done == self.config.episodes;
            let stop = self.options.stop.load(Ordering::Relaxed);
            let validate = last || done % self.config.validate_every == 0;
            if done % READ_EVERY == 0 || validate || stop {
                let first = progress.episode + rows.len();
                rows.extend(session.read_history(self.config, first, done)?);
                on(Event::Episodes(&rows[first - progress.episode..]));
            }
            if validate || stop {
                // All or nothing: a device lost in the validation must not lose the validation.
                let mut next = progress.clone();
                next.weights = session.read_weights()?;
                next.episode = done;
                next.seconds += since.elapsed().as_secs_f64();
                next.log.append(&mut rows);
                if validate {
                    self.validate(&session, done, &mut next, on)?;
                }
                checkpoint::save(&checkpoint_path(self.options.model), self.identity, &next)?;
                *progress = next;
                since = Instant::now();
            }
            if stop && !last {
                return Err(TrainError::Interrupted {
                    episode: done,
                    checkpoint: checkpoint_path(self.options.model),
                });
            }
        }
        let mut parameters = progress.best[..self.student.kept().flat_len()].to_vec();
        session.embedder.set_parameters(&parameters);
        let mut embeddings = self
            .material
            .train_files()
            .map(|index| self.embed(&session, index))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(reshape) = self.reshape(&embeddings, on) {
            reshape.fold(self.student.kept(), &mut parameters)?;
            session.embedder.set_parameters(&parameters);
            for embedding in &mut embeddings {
                *embedding = reshape.apply(embedding);
            }
        }
        let rows: Vec<&[f32]> = embeddings.iter().map(Vec::as_slice).collect();
        let spread = Standardiser::fit(&rows).map_or_else(Vec::new, |fitted| fitted.deviation);
        let calibration = self.calibration(&session)?;
        Ok(Learned {
            parameters,
            centre: mean_embedding(&embeddings),
            spread,
            calibration,
        })
    }

    /// The metric for the embeddings of [`Material::train_files`], if one is asked for and can be fitted.
    fn reshape(&self, embeddings: &[Vec<f32>], on: &mut dyn FnMut(Event)) -> Option<Reshape> {
        let geometry = self.config.geometry?;
        let targets = match &self.material.lessons {
            Some(lessons) => lessons.of_files(),
            None => HashMap::new(),
        };
        let classes = self.material.pools().flat_map(|pool| &pool.files);
        let files = classes
            .enumerate()
            .flat_map(|(class, files)| files.iter().map(move |&unit| (class, unit)));
        let known: Vec<Known> = files
            .zip(embeddings)
            .map(|((class, unit), embedding)| Known {
                class,
                embedding,
                target: targets.get(&unit).map(Vec::as_slice),
            })
            .collect();
        let untaught = known.iter().all(|file| file.target.is_none());
        if untaught && self.material.lessons.is_some() && geometry.teacher > 0.0 {
            on(Event::Note(
                "the metric is made without the teacher, whose vectors are of whole tracks and not of their parts: the covariance within classes is all of it".into(),
            ));
        }
        let reshape = Reshape::fit(&known, geometry);
        if reshape.is_none() {
            on(Event::Note(
                "no metric was fitted, and the last layer stays as trained: no class has two files whose embeddings differ, or one is not finite".into(),
            ));
        }
        reshape
    }

    /// The embeddings of the validation files, by their indices.
    fn validation_embeddings(&self, session: &Session) -> Result<Vec<Vec<f32>>, TrainError> {
        let pool = &self.material.validation;
        let mut embeddings = vec![Vec::new(); pool.group_of.len()];
        for &index in pool.files.iter().flatten() {
            embeddings[index] = self.embed(session, index)?;
        }
        Ok(embeddings)
    }

    fn metric(&self) -> Metric {
        Metric {
            distance: self.student.network.spec.distance,
            scale: self.student.network.spec.scale,
        }
    }

    /// The scales of distances that the validation files want; none if there are none, or an embedding is not finite.
    fn calibration(&self, session: &Session) -> Result<Option<Calibration>, TrainError> {
        let pool = &self.material.validation;
        let embeddings = self.validation_embeddings(session)?;
        if pool.classes.is_empty() || embeddings.iter().flatten().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        let [way, ..] = self.material.validation_episode;
        let seed = self.config.seed ^ VALIDATION_SEED;
        Ok(Calibration::fit(
            pool,
            &embeddings,
            self.metric(),
            way,
            seed,
        )?)
    }

    fn embed(&self, session: &Session, index: usize) -> Result<Vec<f32>, TrainError> {
        let features = self.material.features;
        features.embed(self.config, &session.embedder, index)
    }

    /// Submits one episode; does not wait for it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "random words are 32 bits of the seed and of the step, and the learning rate f32"
    )]
    fn episode(&self, session: &mut Session, step: usize) -> Result<(), TrainError> {
        let target_rows = session.target_rows;
        let turn = session.load(self, step)?;
        let mut slots = Vec::new();
        if !turn.samplers.is_empty() {
            let sampler = match &turn.samplers[..] {
                [_, mix] if self.config.takes_mix(step) => mix,
                samplers => &samplers[0],
            };
            let episode = sampler.sample(self.config.seed, step as u64)?;
            let files = episode
                .support
                .iter()
                .flatten()
                .chain(episode.query.iter().flatten());
            let features = self.material.features;
            let versions = self.config.versions(step, files.clone().count());
            slots.extend(files.zip(versions).map(|(file, version)| {
                let altered = turn.slots.get(&features.version(*file, version));
                // A copy that could not be made is not there.
                *altered.unwrap_or(&turn.slots[file])
            }));
        }
        if let (Some(lessons), Some(teacher)) = (&self.material.lessons, &self.config.teacher) {
            let preset = &self.config.preset;
            let jitter = teacher.jitter_seconds * f64::from(preset.sample_rate);
            #[expect(clippy::cast_sign_loss, reason = "a time is not negative")]
            let jitter = (jitter / preset.hop_length as f64).round() as usize;
            let mut places = vec![Place::default(); teacher.batch];
            lessons.draw(
                &turn.taught,
                (self.config.segment().frames(), jitter),
                target_rows,
                Stream::new(self.config.seed, "teacher", step as u64),
                &mut slots,
                &mut places,
            );
            if let Some(tensors) = &session.plan.teacher {
                session.program.write(tensors.places, &places);
            }
        }
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
        let parameters = &progress.weights.parameters;
        let kept = self.student.kept().flat_len();
        session.embedder.set_parameters(&parameters[..kept]);
        let embeddings = self.validation_embeddings(session)?;
        let examined = match (&self.material.lessons, &session.predictor) {
            (Some(lessons), Some(predictor)) => {
                predictor.set_parameters(parameters);
                lessons.examine(self.material.features, self.config, predictor)?
            }
            _ => None,
        };
        let finite = examined.is_none_or(|found| found.loss.is_finite());
        if !finite || embeddings.iter().flatten().any(|value| !value.is_finite()) {
            // What was best before stays the best.
            on(Event::Note(format!(
                "after {episode} episodes the network's embeddings are not finite, and are not scored: a lower learning rate may help"
            )));
            return Ok(());
        }
        let [way, shot, query] = self.material.validation_episode;
        let sampler = EpisodeSampler::new(pool.clone(), way, shot, query)?;
        let system = System {
            name: "network",
            embeddings: &embeddings,
            queries: None,
            head: self.config.learner.head(self.metric()),
        };
        let scored = evaluate(
            &sampler,
            &[system],
            self.config.validation_episodes,
            self.config.seed ^ VALIDATION_SEED,
        )?;
        let accuracy = scored.systems[0].accuracy;
        let validation = Validation {
            episode,
            accuracy: accuracy.mean,
            over_episodes: accuracy.over_episodes,
            over_files: accuracy.over_files,
            teacher: examined,
            seconds: progress.seconds,
        };
        progress.validations.push(validation);
        if Validation::best(&progress.validations, self.config) == Some(validation) {
            progress.best = progress.weights.parameters.clone();
        }
        on(Event::Validated(validation));
        Ok(())
    }
}
