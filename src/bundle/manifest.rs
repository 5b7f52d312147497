//! `bundle.json`: what a bundle says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::distance;
use super::training::TrainingEntry;
use crate::fewshot::Calibration;
use crate::gpu::AdapterClass;
use crate::mel::PadMode;
use crate::ops::Distance;

/// What the file says that it is.
pub const KIND: &str = "gamaka bundle";

/// The version that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// What a bundle holds and how its model is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`KIND`].
    pub kind: String,
    /// [`VERSION`].
    pub version: u32,
    /// The version of gamaka that wrote it.
    pub gamaka: String,
    /// Every file but this one, by its name with `/` between folders.
    pub files: BTreeMap<String, FileEntry>,
    /// The plans, one for a task and a class of adapter.
    pub plans: Vec<PlanEntry>,
    /// The model.
    pub model: ModelEntry,
    /// How music becomes the samples of a plan.
    pub hearing: Hearing,
    /// How embeddings are compared.
    pub comparison: Compared,
    /// A network that is trained where the bundle runs, by the plans `train-2` and so on, and `examine`.
    pub training: Option<TrainingEntry>,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3, 64 hexadecimal digits.
    pub hash: String,
}

/// A plan of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanEntry {
    /// `embed`, `distances`, `examine`, or `train-` and how many genres an episode has.
    pub task: String,
    /// What its kernels are cut for.
    pub class: AdapterClass,
    /// Its file.
    pub file: String,
    /// What ports hold at first: names of tensors.
    pub initial: BTreeMap<String, String>,
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// What its network is called.
    pub name: String,
    /// The BLAKE3 of its file, by which files of genres know it.
    pub hash: String,
    /// Values of an embedding.
    pub width: usize,
    /// What readers want to know: words and numbers by name, for no program.
    pub card: Map<String, Value>,
}

/// How music becomes the samples of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hearing {
    /// Samples a second, mono.
    pub sample_rate: u32,
    /// Samples that a frame is made of.
    pub n_fft: usize,
    /// Samples from one frame to the next.
    pub hop_length: usize,
    /// What stands for `n_fft / 2` samples before the first and after the last one.
    pub pad: PadMode,
    /// Mel bands.
    pub bands: usize,
    /// Frames of a clip.
    pub frames: usize,
    /// Frames from the start of one clip that is heard to the start of the next.
    pub hop: usize,
    /// Of a longer file only so many seconds are heard.
    pub max_seconds: f64,
    /// The centre of each band in Hz.
    pub band_hz: Vec<f64>,
}

/// How embeddings are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// `cosine` or `squared-euclidean`.
    #[serde(with = "distance")]
    pub distance: Distance,
    /// logit = -scale * distance, where no scale was calibrated.
    pub scale: f32,
    /// Scales by the number of examples, if they were calibrated.
    pub calibration: Option<Calibration>,
    /// What embeddings go through before they are asked whether they are near at all; none: they stay as they are.
    pub whitening: Option<WhiteningEntry>,
}

/// Less the centre, then times the scale of each dimension or times the root. Names of tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhiteningEntry {
    /// \[width\].
    pub centre: Option<String>,
    /// \[width\].
    pub scale: Option<String>,
    /// [width, width], symmetric.
    pub root: Option<String>,
}
