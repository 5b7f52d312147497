//! A training, from data sets to a model file.

use std::time::Instant;

use super::TrainError;
use super::checkpoint::{self, Identity, Progress, checkpoint_path};
use super::episodes::Learned;
use super::event::Event;
use super::fit::Collections;
use super::material::Material;
use super::record::{LogRow, Validation};
use super::run::{Run, TrainOptions};
use super::shaping::Shaping;
use super::split::{joined, split};
use super::start::{check_start, start};
use super::student::{Student, bank_budget};
use super::teacher::Matched;
use super::units::{Units, Wanted};
use crate::data::{Dataset, Part, Split};
use crate::features::FrontEnd;
use crate::files;
use crate::gpu::{Gpu, GpuError};
use crate::mel::filter_bank;
use crate::model::{Network, Packing};
use crate::model_file::{Model, ModelInfo};
use crate::settings::TrainConfig;
use crate::tuning;

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

/// Trains a network by few-shot episodes and writes its best parameters to a model file. Where every track of a data set
/// is a class of its own, the files of an episode are parts of tracks. Of a second collection, `mix`, a share of the episodes
/// is drawn ([`TrainConfig::mix_share`]): labelled files beside tracks without labels, or the reverse. An episode has the
/// classes of one collection.
///
/// # Errors
/// [`TrainError`]. After [`TrainError::Interrupted`], or if the process is killed, the same call with
/// `resume` goes on and ends with the same bits.
pub fn train(
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
        return Err(TrainError::Unfinished(state));
    }
    let network = config.network()?;
    let splits = split(&datasets, config)?;
    let split = joined(&splits)?;
    check_start(&network, &split, config, options.from)?;
    let sources: Vec<(&Dataset, &Split)> = datasets.iter().copied().zip(&splits).collect();
    let matched = match options.teacher {
        Some(vectors) => Some(Matched::new(vectors, &sources, config)?),
        None => None,
    };
    let gpu = tuning::open(&options.device, &mut |note| on(Event::Note(note)))?;
    // Before hours of decoding.
    let classes = splits.iter().map(|split| split.classes(Part::Train).len());
    let classes = classes.min().unwrap_or(0);
    let student = Student {
        network: &network,
        whole: &config.with_read_out(&network)?,
        config,
        shaping: Shaping::default(),
    };
    let rows = matched.as_ref().map_or(0, |matched| matched.training_rows);
    bank_budget(gpu.tuning(), &student, classes, rows, options.memory)?;
    if config.taught_alone() && config.shifts.is_some() {
        on(Event::Note(
            "altered copies are not made: the teacher alone trains, and its vectors are of the files themselves; give teacher.episode_weight for episodes beside it".into(),
        ));
    }
    let front_end = FrontEnd::new(config.engine()?, Some(&gpu), config.hearing(options.strict))?
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
    let units = Units::read(&wanted, config, &front_end, options.stop, on)?;
    let mut material = Material::new(&units, &sources, config)?;
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

/// [`train`] on files that have been read already. Where the configuration has a teacher, it is one that
/// [`TrainConfig::taught_by`] gave, and the material has its lessons.
pub(crate) fn train_on(
    gpu: Gpu,
    network: Network,
    config: &TrainConfig,
    material: &Material,
    split: Split,
    options: &TrainOptions,
    on: &mut dyn FnMut(Event),
) -> Result<Trained, TrainError> {
    let gpu = match options.resume {
        true => gpu.tuned(checkpoint::choices(&checkpoint_path(options.model))),
        false => gpu,
    };
    let identity = Identity {
        config: config.to_toml(),
        split: split.clone(),
        failed: material.units.failed.clone(),
        choices: gpu.tuning().choices().clone(),
        memory: options.memory,
    };
    let whole = config.with_read_out(&network)?;
    let student = Student {
        network: &network,
        whole: &whole,
        config,
        shaping: Shaping::default(),
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
    let learned = run.learn(gpu, &mut progress, on)?;
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
        packing: Packing::default(),
        info: ModelInfo {
            format: ModelInfo::FORMAT,
            spec: network.spec.clone(),
            preset: config.preset.clone(),
            segment: config.segment(),
            seed: config.seed,
            split,
            mfcc: material.mfcc.clone(),
            config: config.clone(),
            choices: identity.choices.clone(),
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
            .map_err(|reason| TrainError::Half {
                path: options.model.to_path_buf(),
                reason,
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

impl Run<'_> {
    /// Trains from `progress` to the end, on a second device if the first is lost.
    pub(super) fn learn(
        &self,
        mut gpu: Gpu,
        progress: &mut Progress,
        on: &mut dyn FnMut(Event),
    ) -> Result<Learned, TrainError> {
        let mut second_chance = true;
        let learned = loop {
            match self.on_device(&gpu, progress, on) {
                Ok(learned) => break learned,
                Err(TrainError::Gpu(GpuError::DeviceLost { detail })) if second_chance => {
                    second_chance = false;
                    on(Event::Note(format!(
                        "the GPU was lost ({detail}); going on from episode {} on a new device",
                        progress.episode
                    )));
                    let choices = gpu.tuning().choices().clone();
                    gpu = Gpu::open(&self.options.device)?.tuned(choices);
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
        Ok(learned)
    }
}
