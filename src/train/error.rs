//! Why a training ends without a model.

use std::path::{Path, PathBuf};

use super::parts::Heard;
use crate::data::DataError;
use crate::features::{FeatureError, StoreError};
use crate::fewshot::{EpisodeError, ScoreError};
use crate::gpu::GpuError;
use crate::mel::MelError;
use crate::model::ModelError;
use crate::settings::SettingsError;

/// A failure of a training. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration is wrong, or does not fit the data.
    #[error(transparent)]
    Config(#[from] SettingsError),
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
    /// A damaged file, where such are refused.
    #[error("{0}")]
    Strict(FeatureError),
    /// What could be read is too little, where the list of the files promised enough.
    #[error("{reason}")]
    TooLittle {
        /// What could not be read or was too short, and what is lacking.
        reason: String,
        /// What is known of the files now.
        heard: Heard,
    },
    /// The clips of a single episode do not fit the device.
    #[error(
        "the clips of one episode's classes need more than the {budget_mib} MiB left for the clip bank: raise the memory limit, or use fewer ways, shots, queries or altered copies"
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
    /// A training from the start would lose the state of one that was stopped.
    #[error("{}: keeps the state of a run that was stopped: go on from it, or delete it to start anew", .0.display())]
    Unfinished(PathBuf),
    /// A model that half precision cannot hold; the state is kept.
    #[error("{}: {reason}", path.display())]
    Half {
        /// The model's file.
        path: PathBuf,
        /// What does not fit, and the mend.
        reason: String,
    },
    /// The configuration starts from a model, and none is given.
    #[error("`from` is set, but there is no model to start from: give it, or take `from` out")]
    NoStart,
    /// The configuration has a teacher, and its vectors are not given.
    #[error("[teacher] has no vectors to teach: give their file, or take [teacher] out")]
    NoVectors,
    /// The teacher's vectors cannot teach this training.
    #[error("{}: {reason}", path.display())]
    Teacher {
        /// Their file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The teacher's vectors are of segments of another length.
    #[error("{}: {reason}", path.display())]
    OtherSegments {
        /// Their file.
        path: PathBuf,
        /// The lengths, and what to do.
        reason: String,
    },
    /// None of the files of a data set may teach.
    #[error(
        "{}: none of its {files} files trains, for all are kept for validation or test, by the model's own split where it knows them: give other music",
        data.display()
    )]
    NoneTrains {
        /// The data set.
        data: PathBuf,
        /// How many files it has.
        files: usize,
    },
    /// There is nothing to hear in the files that teach.
    #[error("{}: its training files are silent: give music", .0.display())]
    Silent(PathBuf),
    /// The user stopped it before the first episode.
    #[error("stopped while reading the files; run the same command again to start over")]
    Unstarted,
    /// The user stopped it.
    #[error("stopped after episode {episode}; the state to go on from is in {}", checkpoint.display())]
    Interrupted {
        /// Episodes done.
        episode: usize,
        /// Where the state is.
        checkpoint: PathBuf,
    },
}

impl TrainError {
    /// A configuration that does not fit the data.
    pub(super) fn config(reason: impl Into<String>) -> Self {
        Self::Config(SettingsError(reason.into()))
    }

    /// Of a file of vectors.
    pub(super) fn teacher(path: &Path, reason: impl Into<String>) -> Self {
        Self::Teacher {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }

    /// Whether the collection is too small, or parted otherwise, for what was asked of it: other settings may help.
    pub fn is_too_little(&self) -> bool {
        match self {
            Self::Episode(_) | Self::TooLittle { .. } => true,
            Self::Data(error) => error.is_too_little(),
            _ => false,
        }
    }
}
