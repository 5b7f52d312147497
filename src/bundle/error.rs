//! Why a bundle is not made or not read.

use std::io;
use std::path::PathBuf;

use super::manifest::VERSION;
use crate::files::WriteError;
use crate::gpu::GpuError;
use crate::mel::MelError;
use crate::model::ModelError;

/// A bundle that is not made or not read. Files are named as the bundle names them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The kernels cannot hear as the model does.
    #[error(transparent)]
    Mel(#[from] MelError),
    /// The network that is to be trained does not fit the model's clips.
    #[error(transparent)]
    Training(#[from] ModelError),
    /// A plan that cannot run anywhere.
    #[error("`{file}` cannot run: {error}")]
    Plan {
        /// Which plan.
        file: String,
        /// Why.
        error: GpuError,
    },
    /// Something cannot be put into words.
    #[error("`{file}` cannot be made: {reason}")]
    Format {
        /// Which file.
        file: String,
        /// Why.
        reason: String,
    },
    /// It is not written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What is wrong in a folder.
    #[error("{}: is not a bundle that can be used: {error}", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong.
        error: Box<BundleError>,
    },
    /// A file is not there.
    #[error("`{file}` is missing: export it again")]
    Missing {
        /// Which file.
        file: String,
    },
    /// The operating system refuses.
    #[error("`{file}` cannot be read ({error})")]
    Unreadable {
        /// Which file.
        file: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file that the bundle does not list.
    #[error("`{file}` does not belong to it: move it away")]
    Unlisted {
        /// Which file.
        file: String,
    },
    /// The list of another program.
    #[error("its bundle.json is not gamaka's")]
    Foreign,
    /// A version that this one cannot know.
    #[error("it has version {0}, and this gamaka reads up to {VERSION}: update gamaka")]
    Newer(u64),
    /// A file that is not the one that was written, or never was possible.
    #[error("`{file}` {reason}: export it again")]
    Damaged {
        /// Which file.
        file: String,
        /// In which way.
        reason: String,
    },
    /// Another version of gamaka has other kernels.
    #[error(
        "`{file}` is not this gamaka's, which runs its own kernels: export it again by this version"
    )]
    OtherKernel {
        /// Which file.
        file: String,
    },
    /// It does not do what is asked for.
    #[cfg(feature = "internals")]
    #[error("it has no plan to {task}")]
    NoPlan {
        /// The task.
        task: String,
    },
}

/// What is wrong with a file.
pub(super) fn damaged(file: &str, reason: impl Into<String>) -> BundleError {
    BundleError::Damaged {
        file: file.to_string(),
        reason: reason.into(),
    }
}

/// Holds, or the file is damaged.
pub(super) fn require(
    holds: bool,
    file: &str,
    reason: impl FnOnce() -> String,
) -> Result<(), BundleError> {
    match holds {
        true => Ok(()),
        false => Err(damaged(file, reason())),
    }
}
