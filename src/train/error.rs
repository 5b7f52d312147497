//! Why a training ends without a model.

use std::path::PathBuf;

use crate::data::DataError;
use crate::features::{FeatureError, StoreError};
use crate::fewshot::{EpisodeError, ScoreError};
use crate::gpu::GpuError;
use crate::mel::MelError;
use crate::model::ModelError;

/// A failure of a training. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The configuration is wrong.
    #[error("the training configuration is not valid: {0}")]
    Config(String),
    /// The data set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The training files make no episodes.
    #[error("the training files: {0}")]
    Episode(#[from] EpisodeError),
    /// The validation files cannot be scored.
    #[error("the validation files: {0}")]
    Score(#[from] ScoreError),
    /// The network does not fit, or a model file cannot be written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The GPU failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The mel front end cannot be made.
    #[error(transparent)]
    Mel(#[from] MelError),
    /// A damaged file under --strict.
    #[error("{0}")]
    Strict(FeatureError),
    /// Too many files failed to decode.
    #[error(
        "{failed} of {files} files could not be read, and what remains is too little: {reason}; the first: {first}"
    )]
    TooManyFailed {
        /// Files that failed.
        failed: usize,
        /// Files there were.
        files: usize,
        /// Which class fell below the need.
        reason: String,
        /// The first failure.
        first: String,
    },
    /// The clips of a single episode do not fit the device.
    #[error(
        "the clips of one episode's classes need more than the {budget_mib} MiB left for the clip bank: raise --memory, or use fewer ways, shots, queries or altered copies"
    )]
    BankTooSmall {
        /// Memory for the clip bank in MiB.
        budget_mib: u64,
    },
    /// The temporary folder failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be written.
    #[error(transparent)]
    Write(#[from] crate::files::WriteError),
    /// A checkpoint cannot be read or does not belong to this training.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The user stopped it before the first episode.
    #[error("stopped while reading the files; run the same command again to start over")]
    Unstarted,
    /// The user stopped it.
    #[error("stopped after episode {episode}; run the same command with --resume to go on (state in {})", checkpoint.display())]
    Interrupted {
        /// Episodes done.
        episode: usize,
        /// Where the state is.
        checkpoint: PathBuf,
    },
}
