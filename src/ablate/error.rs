//! Why a comparison ends without tables.

use std::path::PathBuf;

use crate::data::DataError;
use crate::fewshot::{EpisodeError, ScoreError};
use crate::gpu::GpuError;
use crate::mel::MelError;
use crate::model::ModelError;
use crate::train::TrainError;

/// A list of a [`Grid`](super::Grid).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridList {
    /// Its networks.
    Networks,
    /// The networks that all learners train.
    Focus,
    /// Its learners.
    Learners,
    /// Its seeds.
    Seeds,
    /// How many seeds the learners after the first have.
    LearnerSeeds,
    /// Its learning rates.
    Rates,
    /// Its shares of the training classes.
    Shares,
}

/// A failure of a comparison. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AblateError {
    /// The grid makes no sense.
    #[error("{reason}")]
    Grid {
        /// Which part of it, if a single one.
        list: Option<GridList>,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The data set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A network does not fit its input.
    #[error("network {name}: {error}")]
    Network {
        /// The network.
        name: String,
        /// What is wrong.
        error: ModelError,
    },
    /// A network's training step cannot be compiled: too large for the device, or a fault of it.
    #[error("network {name} cannot train on this device: {error}")]
    Device {
        /// The network.
        name: String,
        /// What is wrong.
        error: GpuError,
    },
    /// The mel front end cannot be made.
    #[error(transparent)]
    Mel(#[from] MelError),
    /// The files cannot be read.
    #[error(transparent)]
    Reading(TrainError),
    /// A cell failed.
    #[error("cell {cell}: {error}")]
    Cell {
        /// Its name.
        cell: String,
        /// What happened.
        error: TrainError,
    },
    /// The GPU failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The test files make no episodes.
    #[error("the test files: {0}")]
    Episode(#[from] EpisodeError),
    /// The test files cannot be scored.
    #[error("the test files: {0}")]
    Score(#[from] ScoreError),
    /// A cell's file is damaged or belongs to another grid.
    #[error("{}: {reason}", path.display())]
    Stored {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A cell's file cannot be written.
    #[error(transparent)]
    Write(#[from] crate::files::WriteError),
    /// The user stopped it.
    #[error("stopped with {done} of {cells} cells done; run the same command again to go on")]
    Interrupted {
        /// Cells done.
        done: usize,
        /// Cells in all.
        cells: usize,
    },
}

impl AblateError {
    /// Of a grid as a whole, or with its data.
    pub(super) fn grid(reason: impl Into<String>) -> Self {
        Self::Grid {
            list: None,
            reason: reason.into(),
        }
    }
}
