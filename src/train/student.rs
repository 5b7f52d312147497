//! What is trained, and the device memory that it takes.

use super::plan::{StepShape, TeacherShape, TrainingPlan};
use super::shaping::Shaping;
use crate::embed::Embedder;
use crate::gpu::{GpuError, Tuning};
use crate::model::Network;
use crate::settings::TrainConfig;

/// Device memory for the clip bank where the user sets no limit.
const DEFAULT_BANK: u64 = 1 << 30;

/// What is trained, by a configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Student<'a> {
    /// What embeds: what episodes and validations see.
    pub network: &'a Network,
    /// With a teacher's read-out behind it, if there is a teacher; else the same.
    pub whole: &'a Network,
    pub config: &'a TrainConfig,
    /// Of the weights in each step; whether there is a lasso the configuration says.
    pub shaping: Shaping<'a>,
}

impl Student<'_> {
    /// What the model will hold: the network, or with it the read-out.
    pub(super) fn kept(&self) -> &Network {
        let teacher = self.config.teacher.as_ref();
        match teacher.is_some_and(|teacher| teacher.keep_read_out) {
            true => self.whole,
            false => self.network,
        }
    }

    /// A training step on `classes` training classes. `targets` are the rows of the buffers of a teacher's targets.
    pub(crate) fn step<'a>(
        &'a self,
        classes: usize,
        banks: &'a [usize],
        targets: &'a [usize],
    ) -> StepShape<'a> {
        let task = self.config.train_task(classes);
        let teacher = self.config.teacher.as_ref().map(|teacher| TeacherShape {
            whole: self.whole,
            batch: teacher.batch,
            weight: teacher.weight,
            episode_weight: teacher.episode_weight,
            cosine: teacher.cosine,
            targets,
        });
        StepShape {
            network: self.network,
            task,
            augment: self.config.augment,
            optimizer: self.config.optimizer,
            learner: self.config.learner,
            banks,
            teacher,
            shaping: Shaping {
                lasso: self.config.sparsity.map(|sparsity| sparsity.plain),
                ..self.shaping
            },
        }
    }

    /// Device memory in bytes of the embedders of a validation.
    pub(super) fn embedder_bytes(&self, tuning: &Tuning) -> u64 {
        let kept = Embedder::bytes(tuning, self.kept());
        match self.config.teacher {
            Some(_) => kept + Embedder::bytes(tuning, self.whole),
            None => kept,
        }
    }
}

/// Device memory in bytes left to the clip bank beside `rows` targets of a teacher.
///
/// # Errors
/// [`GpuError::OverMemoryLimit`] if the rest of a training does not fit.
pub(crate) fn bank_budget(
    tuning: &Tuning,
    student: &Student,
    classes: usize,
    rows: usize,
    memory: Option<u64>,
) -> Result<u64, GpuError> {
    let step = TrainingPlan::new(tuning, &student.step(classes, &[1], &[rows]));
    let rest = step.plan.bytes() + student.embedder_bytes(tuning);
    match memory {
        Some(limit) if limit <= rest => Err(GpuError::OverMemoryLimit {
            needed_mib: rest.div_ceil(1 << 20),
            limit,
        }),
        Some(limit) => Ok(limit - rest),
        None => Ok(DEFAULT_BANK),
    }
}
