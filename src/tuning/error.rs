//! What can go wrong with what was measured.

use std::path::PathBuf;

use crate::files::WriteError;
use crate::gpu::GpuError;

/// A tuning that could not be made, kept or read.
#[derive(Debug, thiserror::Error)]
pub enum TuningError {
    /// It cannot be read, or is none.
    #[error("{}: {reason}: tune this adapter anew", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two at once would measure one another.
    #[error("this adapter is being tuned by another process: wait until it is done")]
    Busy,
    /// There is nowhere to keep it.
    #[error("this user has no folder for caches: set GAMAKA_CACHE to one")]
    NoFolder,
    /// It was told to stop.
    #[error("stopped before all was measured; nothing was kept, and kernels run as before")]
    Stopped,
    /// A fault of the device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
