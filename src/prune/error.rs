//! Why a model cannot be made smaller.

use std::path::PathBuf;

use crate::data::DataError;
use crate::fewshot::{EpisodeError, ScoreError};
use crate::files::WriteError;
use crate::gpu::GpuError;
use crate::model::ModelError;
use crate::train::TrainError;

/// A failure of a pruning. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The data cannot be used, or the fine-tuning failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The rest is no network, or a model cannot be written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A result cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The test files cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The test files make no such episodes.
    #[error("the test files: {0}")]
    Episode(#[from] EpisodeError),
    /// The test files cannot be scored.
    #[error("the test files: {0}")]
    Score(#[from] ScoreError),
    /// What is asked makes no sense.
    #[error("{0}")]
    Level(String),
    /// Edges with functions or grids are to go, and there are none.
    #[error(
        "the network has no layers with splines, so it has no functions and no grids to remove: its channels can be removed, and its plain weights as edges"
    )]
    NoSplines,
    /// Channels are to go, and no layer may lose any.
    #[error(
        "no layer of the network may lose channels: those of its last layer with weights are what it embeds, and what is normalised in several groups keeps all"
    )]
    NoChannels,
    /// So many edges are zero already.
    #[error("{:.1} % of the edges are removed already: ask for a larger share than that", 100.0 * .0)]
    Already(f64),
    /// A result of an earlier run cannot be used.
    #[error("{}: {reason}", path.display())]
    Stored {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
}
