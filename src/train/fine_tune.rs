//! Fine-tuning: a given model goes on learning, by the episodes of a data set or from the embeddings of the model that it was made
//! of. The files are read once, for as many fine-tunings as wanted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::TrainError;
use super::checkpoint::{self, Identity, checkpoint_path};
use super::event::Event;
use super::material::Material;
use super::pools::Pools;
use super::run::{Run, TrainOptions};
use super::shaping::{Seen, Shaping};
use super::split::joined;
use super::start::start;
use super::student::Student;
use super::teacher::Lessons;
use super::units::{Units, Wanted};
use crate::data::{Dataset, Part, Pool, Split, Task};
use crate::embed::{Embedder, mean_embedding};
use crate::features::{FrontEnd, KeptFeatures};
use crate::files;
use crate::gpu::{DeviceChoice, Gpu};
use crate::model::Packing;
use crate::model_file::{Model, ModelInfo};
use crate::ops::Augment;
use crate::random::Stream;
use crate::settings::{Method, Teacher, TrainConfig};
use crate::tuning;

/// What a fine-tuning learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lesson {
    /// The embeddings that another model, the original, makes of the same segments: no labels are needed, and the embeddings stay
    /// comparable with its own.
    Model,
    /// The episodes that the model's own training would draw of these files.
    Episodes,
}

/// How a fine-tuning runs, beside what it does.
#[derive(Debug)]
pub struct FineTuneOptions<'a> {
    /// The adapter.
    pub device: DeviceChoice,
    /// Limit of device memory in bytes.
    pub memory: Option<u64>,
    /// Damaged files are errors.
    pub strict: bool,
    /// A file of features to start from and to add to.
    pub features: Option<Arc<KeptFeatures>>,
    /// Most training files that are read; of more a share drawn by the seed.
    pub most_files: Option<usize>,
    /// Set to stop after the current step, keeping the state.
    pub stop: &'a AtomicBool,
}

impl TrainConfig {
    /// The configuration of a fine-tuning of a model, to be changed as wanted: the model's own with a lower learning rate, fewer
    /// steps, and no metric fitted at the end. From a model's embeddings it learns of the clips as they are.
    #[must_use]
    pub fn tuning(model: &Model, lesson: Lesson) -> Self {
        let info = &model.info;
        let (teacher, augment) = match lesson {
            Lesson::Episodes => (None, info.config.augment),
            Lesson::Model => {
                let teacher = Teacher {
                    readout: Vec::new(),
                    ..Teacher::default()
                };
                (Some(teacher), Augment::default())
            }
        };
        Self {
            episodes: 400,
            learning_rate: 1e-3,
            warmup: 0.1,
            weight_decay: 0.0,
            validate_every: 200,
            preset: info.preset.clone(),
            network: model.network.spec.clone(),
            teacher,
            augment,
            shifts: None,
            sparsity: None,
            geometry: None,
            ..info.config.clone()
        }
    }
}

/// A data set that was read for fine-tunings of one model and of what is made of it.
#[derive(Debug)]
pub struct FineTuner<'a> {
    /// Of all fine-tunings; each has its own network.
    pub config: TrainConfig,
    /// The data set.
    pub dataset: &'a Dataset,
    /// The part of each file.
    pub split: Split,
    /// The device.
    pub gpu: Gpu,
    /// What is known of the model's own files and of these.
    known: Split,
    original: &'a Model,
    units: Units,
    lessons: Option<Lessons>,
    options: &'a FineTuneOptions<'a>,
}

impl<'a> FineTuner<'a> {
    /// Reads the training files, and for episodes those that validate, and `more` parts of a data set. Where the model knows files
    /// of it, the parts are those of the model's own split; else they are as the manifest says or as the seed draws them. With
    /// [`Lesson::Model`] the original embeds the training files' segments here.
    ///
    /// # Errors
    /// [`TrainError`]: a configuration that makes no sense, no training files, or too few for episodes; a fault of the device.
    pub fn new(
        original: &'a Model,
        dataset: &'a Dataset,
        config: TrainConfig,
        more: &[Part],
        options: &'a FineTuneOptions<'a>,
        on: &mut dyn FnMut(Event),
    ) -> Result<Self, TrainError> {
        check(&config)?;
        let known = &original.info.split;
        let own = known.apply(dataset).part.iter().any(Option::is_some);
        let split = match own {
            true => known.clone(),
            false => split(dataset, &config)?,
        };
        let known = match own {
            true => known.clone(),
            false => joined(&[known.clone(), split.clone()])?,
        };
        let found = split.apply(dataset);
        let mut train = found.indices(Part::Train);
        if let Some(most) = options.most_files {
            Stream::new(config.seed, "tuned files", 0).shuffle(&mut train);
            train.truncate(most);
            train.sort_unstable();
        }
        if train.is_empty() {
            return Err(TrainError::NoneTrains {
                data: dataset.root.clone(),
                files: dataset.items.len(),
            });
        }
        let mut parts: Vec<Part> = more.to_vec();
        if !config.imitates() {
            parts.push(Part::Validation);
        }
        parts.retain(|part| *part != Part::Train);
        parts.sort_unstable();
        parts.dedup();
        let others = parts.iter().flat_map(|part| found.indices(*part));
        let wanted: Vec<Wanted> = train
            .iter()
            .map(|&index| (index, true))
            .chain(others.map(|index| (index, false)))
            .map(|(index, trains)| Wanted { index, trains })
            .collect();
        let gpu = tuning::open(&options.device, &mut |note| on(Event::Note(note)))?;
        let engine = config.engine()?;
        let front_end = FrontEnd::new(engine, Some(&gpu), config.hearing(options.strict))?
            .keeping(options.features.clone());
        let sources = [(dataset, &wanted[..])];
        let units = Units::read(&sources, &config, &front_end, options.stop, on)?;
        let lessons = match config.imitates() {
            false => None,
            true => {
                let embedder = Embedder::new(&gpu, &original.network, &original.parameters)?;
                let stored = train.iter().map(|&file| units.whole(0, file));
                Some(Lessons::of_model(
                    &dataset.root,
                    &embedder,
                    &units,
                    &Vec::from_iter(stored),
                    original.info.segment,
                )?)
            }
        };
        let tuner = Self {
            config,
            dataset,
            split,
            gpu,
            known,
            original,
            units,
            lessons,
            options,
        };
        // Before hours of pruning or calibrating.
        let notes = tuner.material()?.left_out;
        notes.into_iter().for_each(|note| on(Event::Note(note)));
        Ok(tuner)
    }

    /// Training files and segments that teach; the segments are none for episodes.
    pub fn size(&self) -> [usize; 2] {
        match &self.lessons {
            Some(lessons) => lessons.train.size(),
            None => [self.files(Part::Train).len(), 0],
        }
    }

    /// The files of a part that were read.
    pub fn files(&self, part: Part) -> Vec<usize> {
        let mut files = self.split.apply(self.dataset).indices(part);
        files.retain(|&file| self.units.store.frames(self.units.whole(0, file)).is_some());
        files
    }

    /// Clips of a part's files, as the model hears them: all segments of the first files, up to so many.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn clips(&self, part: Part, most: usize) -> Result<Vec<Vec<f32>>, TrainError> {
        // The files are sorted by class: a few of each rather than all of one.
        let mut files = self.files(part);
        Stream::new(self.config.seed, "clips", 0).shuffle(&mut files);
        let mut clips = Vec::new();
        for file in files {
            if clips.len() >= most {
                break;
            }
            clips.extend(self.segments(file)?);
        }
        clips.truncate(most);
        if clips.iter().flatten().all(|value| *value == 0.0) {
            return Err(TrainError::Silent(self.dataset.root.clone()));
        }
        Ok(clips)
    }

    fn segments(&self, file: usize) -> Result<Vec<Vec<f32>>, TrainError> {
        let stored = self.units.whole(0, file);
        let segments = self
            .units
            .store
            .segments(stored, self.original.info.segment)?;
        Ok(segments.into_iter().map(|found| found.values).collect())
    }

    /// The embeddings of files by an embedder, by their index in the data set; empty for all others.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn embed(&self, embedder: &Embedder, files: &[usize]) -> Result<Vec<Vec<f32>>, TrainError> {
        const FILES_AT_A_TIME: usize = 16;
        let mut embeddings = vec![Vec::new(); self.dataset.items.len()];
        for files in files.chunks(FILES_AT_A_TIME) {
            let segments = files.iter().map(|&file| self.segments(file));
            let segments: Vec<_> = segments.collect::<Result<_, _>>()?;
            let mut all = embedder.embed(&segments.concat())?.into_iter();
            for (&file, segments) in files.iter().zip(&segments) {
                let own: Vec<_> = all.by_ref().take(segments.len()).collect();
                embeddings[file] = mean_embedding(&own);
            }
        }
        Ok(embeddings)
    }

    /// Fine-tunes a model. Edges whose weights are all zero stay so. `seen` is what its network computes with in place of its
    /// parameters. The state goes to `state`, with `.checkpoint` added, and is taken up from there.
    ///
    /// From a model's embeddings the result keeps what the original is known by (its centre, its deviations, the scales of its
    /// probabilities); from episodes it has its own.
    ///
    /// # Errors
    /// [`TrainError`]. After [`TrainError::Interrupted`], or if the process is killed, the same call goes on.
    pub fn tune(
        &self,
        model: &Model,
        seen: Option<&dyn Seen>,
        state: &Path,
        on: &mut dyn FnMut(Event),
    ) -> Result<Model, TrainError> {
        let config = TrainConfig {
            from: Some(hash(model)),
            network: model.network.spec.clone(),
            ..self.config.clone()
        };
        if seen.is_some() && config.learner.method != Method::Prototype {
            return Err(TrainError::config(
                "weights that are seen otherwise than they are kept go with the learner prototype only",
            ));
        }
        let material = self.material()?;
        let kept = model.network.kept_bits(&model.parameters);
        let removes = kept.iter().any(|&word| word != u32::MAX);
        let network = &model.network;
        let student = Student {
            network,
            whole: network,
            config: &config,
            shaping: Shaping {
                kept: removes.then_some(&kept),
                seen,
                lasso: None,
            },
        };
        let checkpoint = checkpoint_path(state);
        let gpu = match checkpoint.exists() {
            true => self.gpu.clone().tuned(checkpoint::choices(&checkpoint)),
            false => self.gpu.clone(),
        };
        let identity = Identity {
            config: config.to_toml(),
            split: self.known.clone(),
            failed: self.units.failed.clone(),
            choices: gpu.tuning().choices().clone(),
            memory: self.options.memory,
        };
        let mut progress = match checkpoint.exists() {
            true => checkpoint::load(&checkpoint, &identity, network.flat_len())?,
            false => start(network, config.seed, Some(model)),
        };
        let options = TrainOptions {
            device: self.options.device.clone(),
            model: state,
            resume: false,
            memory: self.options.memory,
            strict: self.options.strict,
            half: false,
            features: None,
            stop: self.options.stop,
            teacher: None,
            from: None,
        };
        let run = Run {
            student,
            config: &config,
            options: &options,
            material: &material,
            identity: &identity,
        };
        let learned = run.learn(gpu, &mut progress, on)?;
        files::remove(&checkpoint);
        let mut info = ModelInfo {
            split: self.known.clone(),
            config: TrainConfig {
                from: config.from.clone(),
                network: config.network.clone(),
                ..model.info.config.clone()
            },
            spec: network.spec.clone(),
            ..model.info.clone()
        };
        if self.lessons.is_none() {
            info.centre = learned.centre;
            info.spread = learned.spread;
            info.calibration = learned.calibration;
        }
        Ok(Model {
            network: network.clone(),
            parameters: learned.parameters,
            packing: Packing::default(),
            info,
        })
    }

    fn material(&self) -> Result<Material<'_>, TrainError> {
        let Some(lessons) = &self.lessons else {
            return Material::new(&self.units, &[(self.dataset, &self.split)], &self.config);
        };
        // What a model teaches needs no classes, and its last parameters are the best.
        let none = || Pool::new(Vec::new(), Vec::new(), Vec::new());
        Ok(Material {
            units: &self.units,
            pools: Pools {
                train: none(),
                mix: None,
                validation: none(),
                validation_task: self.config.task(),
                validates: 0,
            },
            parts: [1; 3],
            validated_on: "nothing",
            left_out: Vec::new(),
            mfcc: self.original.info.mfcc.clone(),
            lessons: Some(lessons.clone()),
        })
    }
}

/// Checks a configuration, of which the missing read-out alone is what no training may have.
fn check(config: &TrainConfig) -> Result<(), TrainError> {
    let teacher = config.teacher.clone().map(|teacher| Teacher {
        readout: Teacher::default().readout,
        ..teacher
    });
    Ok(TrainConfig {
        teacher,
        ..config.clone()
    }
    .validate()?)
}

/// The split of a data set that the model knows nothing of. What a model teaches needs no classes: where they are too few for
/// episodes, all files train.
fn split(dataset: &Dataset, config: &TrainConfig) -> Result<Split, TrainError> {
    let (protocol, seed) = (config.protocol, config.seed);
    let of_task = |task| Split::create(dataset, protocol, task, seed);
    let found = of_task(config.task());
    let found = match config.imitates() {
        true => found.or_else(|_| of_task(Task::new(2, 1, 1))),
        false => found,
    };
    match found {
        Err(error) if config.imitates() && error.is_too_little() => {
            Ok(Split::all_train(dataset, protocol))
        }
        other => Ok(other?),
    }
}

/// A hash of a model's network and parameters.
fn hash(model: &Model) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(model.network.spec.to_toml().as_bytes());
    hasher.update(bytemuck::cast_slice(&model.parameters));
    hasher.finalize().to_hex().to_string()
}
