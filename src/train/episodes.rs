//! The training loop.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::TrainError;
use super::checkpoint::{self, Progress, checkpoint_path};
use super::event::Event;
use super::run::Run;
use super::session::Session;
use crate::embed::mean_embedding;
use crate::fewshot::{Calibration, Known, Reshape, Standardiser};
use crate::gpu::Gpu;
use crate::ops::{Place, StepInfo};
use crate::random::Stream;

/// Episodes between two looks at the loss.
const READ_EVERY: usize = 10;

/// What a model holds of its training.
pub(super) struct Learned {
    /// Its parameters: the best, with the metric in them if one was asked for.
    pub parameters: Vec<f32>,
    /// Mean embedding of the training files.
    pub centre: Vec<f32>,
    /// The deviations of these embeddings.
    pub spread: Vec<f32>,
    /// What the validation files' distances are scaled by.
    pub calibration: Option<Calibration>,
}

impl Run<'_> {
    /// Trains from `progress` to the end on a device and returns what was learned of the embeddings; `progress` is the last
    /// checkpoint at any time.
    pub(super) fn on_device(
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
        if self.config.imitates() {
            // It embeds as the model that it was taught by.
            return Ok(Learned {
                parameters,
                centre: Vec::new(),
                spread: Vec::new(),
                calibration: None,
            });
        }
        self.embed_by(&session.embedder, &parameters);
        let mut embeddings = self
            .material
            .pools
            .train_files()
            .map(|index| self.embed(&session, index))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(reshape) = self.reshape(&embeddings, on) {
            reshape.fold(self.student.kept(), &mut parameters)?;
            self.embed_by(&session.embedder, &parameters);
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

    /// Submits one episode; does not wait for it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "random words are 32 bits of the seed and of the step, and the learning rate and the threshold f32"
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
            let units = self.material.units;
            let versions = self.config.versions(step, files.clone().count());
            slots.extend(files.zip(versions).map(|(file, version)| {
                let altered = turn.slots.get(&units.version(*file, version));
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
                threshold: self.config.threshold(step) as f32,
            }],
        );
        Ok(session.program.run()?)
    }

    /// The metric for the embeddings of the files that train, if one is asked for and can be fitted.
    fn reshape(&self, embeddings: &[Vec<f32>], on: &mut dyn FnMut(Event)) -> Option<Reshape> {
        let geometry = self.config.geometry?;
        let targets = match &self.material.lessons {
            Some(lessons) => lessons.of_files(),
            None => HashMap::new(),
        };
        let classes = self.material.pools.training().flat_map(|pool| &pool.files);
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
}
