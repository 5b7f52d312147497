//! How a training runs: what is given to it, and what it works with.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::checkpoint::Identity;
use super::material::Material;
use super::student::Student;
use crate::features::KeptFeatures;
use crate::gpu::DeviceChoice;
use crate::model_file::Model;
use crate::settings::TrainConfig;
use crate::vectors::Vectors;

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

/// A training, once its files are read.
pub(super) struct Run<'a> {
    pub student: Student<'a>,
    pub config: &'a TrainConfig,
    pub options: &'a TrainOptions<'a>,
    pub material: &'a Material<'a>,
    pub identity: &'a Identity,
}
