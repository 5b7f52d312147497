//! What can fail in a measurement.

use crate::features::FeatureError;
use crate::files::WriteError;
use crate::gpu::GpuError;
use crate::mel::MelError;
use crate::model::ModelError;

/// A failure of a measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The device failed, or the work does not fit it.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The included model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The mel front end failed.
    #[error(transparent)]
    Mel(#[from] MelError),
    /// A made-up clip cannot be embedded.
    #[error(transparent)]
    Clip(#[from] FeatureError),
    /// A made-up clip cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is no place for the made-up clips.
    #[error(
        "no folder for made-up clips can be made in {folder}: {error}; set TMPDIR to one that can be written"
    )]
    Temporary {
        /// The system's temporary folder.
        folder: std::path::PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
}
