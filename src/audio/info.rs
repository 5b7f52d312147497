//! What is said of a file that was decoded.

use std::ops::RangeInclusive;
use std::path::Path;

use super::error::{AudioError, AudioErrorKind, AudioWarning};

/// The sample rates that are read or written, in Hz. Slower headers are damaged or hold no sound,
/// faster ones are damaged.
pub const SAMPLE_RATES: RangeInclusive<u32> = 1_000..=384_000;

/// What was decoded from a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AudioInfo {
    /// Short name of the codec, such as `mp3` or `pcm_s16le`.
    pub codec: &'static str,
    /// Sample rate of the file in Hz; of its first part, if it is of several: a chain of Ogg
    /// streams, joined MP3s, a radio recording.
    pub source_rate: u32,
    /// Number of channels in the file, or its first part.
    pub channels: usize,
    /// Frames decoded, before the change of rate.
    pub source_frames: u64,
    /// Samples handed out, at the rate asked for: `ceil(source_frames * rate / source_rate)`, or
    /// the sum of that over parts of different rates.
    pub samples: u64,
    /// Length of what was decoded, in seconds.
    pub duration_s: f64,
    /// Whether `sink` stopped the decoding before the end.
    pub stopped: bool,
    /// What is wrong with it. Empty for an intact file.
    pub warnings: Vec<AudioWarning>,
}

impl AudioInfo {
    /// That there is nothing to hear, if so.
    pub fn silence(&self) -> Option<&AudioWarning> {
        let silent = |warning: &&AudioWarning| {
            matches!(warning, AudioWarning::Silent | AudioWarning::SilentInMono)
        };
        self.warnings.iter().find(silent)
    }

    /// Turns the first warning about the file at `path` into an error.
    ///
    /// # Errors
    /// [`AudioErrorKind::Damaged`], with the first warning.
    pub fn strict(self, path: &Path) -> Result<Self, AudioError> {
        match self.warnings.first() {
            None => Ok(self),
            Some(warning) => Err(AudioErrorKind::Damaged(warning.clone()).at(path)),
        }
    }
}
