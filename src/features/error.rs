//! Why a file gives no features.

use std::path::{Path, PathBuf};

use super::StoreError;
use crate::audio::AudioError;
use crate::mel::MelError;

/// Why a file gives no features.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// It cannot be decoded.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// It has no mel-spectrogram, or the GPU failed.
    #[error("{}: {error}", path.display())]
    Mel {
        /// Which file.
        path: PathBuf,
        /// What happened.
        error: MelError,
    },
    /// Kept features can be neither read nor added to.
    #[error(transparent)]
    Kept(#[from] StoreError),
    /// The network's numbers overflow on it.
    #[error("{}: the model's embedding of it is not finite: train the model anew, with a lower learning rate", path.display())]
    NotFinite {
        /// Which file.
        path: PathBuf,
    },
}

impl FeatureError {
    pub(super) fn mel(path: &Path, error: MelError) -> Self {
        Self::Mel {
            path: path.to_path_buf(),
            error,
        }
    }

    /// Whether the device failed or the temporary folder, and not the file.
    pub fn is_device_fault(&self) -> bool {
        matches!(
            self,
            Self::Mel {
                error: MelError::Gpu(_),
                ..
            } | Self::Kept(_)
        )
    }
}
