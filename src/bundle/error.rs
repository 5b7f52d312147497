//! Why a bundle is not made or not read.

use crate::files::WriteError;
use crate::gpu::GpuError;
use crate::mel::MelError;
use crate::model::ModelError;

/// A bundle that is not made or not read.
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
    #[error("the plan `{file}` cannot run: {error}")]
    Plan {
        /// Which plan.
        file: String,
        /// Why.
        error: GpuError,
    },
    /// Something cannot be put into words.
    #[error("{file} cannot be made: {reason}")]
    Format {
        /// Which file.
        file: String,
        /// Why.
        reason: String,
    },
    /// It is not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
