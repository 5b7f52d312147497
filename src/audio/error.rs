//! What can be wrong with an audio file, in a sentence that says what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a file gives no samples, and what to do about it.
#[derive(Debug, Error)]
#[error("{}: {kind}", path.display())]
pub struct AudioError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: AudioErrorKind,
}

/// What is wrong with a file or folder. The text says what to do, the path is in [`AudioError`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AudioErrorKind {
    /// Nothing has this name.
    #[error("no such file or folder; check the spelling")]
    Missing,
    /// A folder where a file is needed.
    #[error("is a folder, not an audio file; name a file inside it")]
    IsFolder,
    /// A pipe, socket or device, which could block for ever.
    #[error("is a pipe or device, not a file; write its data to a file first")]
    NotAFile,
    /// The operating system refuses to open it.
    #[error("no permission to read it; change its permissions or run as its owner")]
    Permission,
    /// Opening or reading failed in another way.
    #[error("cannot be read ({0}); check the disk")]
    Io(io::Error),
    /// A name that cannot be written into reports and models.
    #[error("has a name that is not UTF-8; rename it")]
    Name,
    /// A file of no bytes.
    #[error("is empty (0 bytes); fetch or export it again")]
    Empty,
    /// A folder in which [`find()`](super::find()) found no audio file.
    #[error(
        "holds no audio file (looked for .wav, .flac, .mp3, .ogg, .m4a and the like); name a folder \
         with music in it"
    )]
    NoAudioFiles,
    /// No known audio container.
    #[error(
        "is not audio in a known format; if a player can play it, convert it with \
         `ffmpeg -i FILE out.flac`"
    )]
    NotAudio,
    /// A container, such as a video, in which no track is audio.
    #[error("has no audio track; name a file with sound")]
    NoAudioTrack,
    /// A codec or variant of a format (named) that cannot be decoded.
    #[error(
        "cannot be decoded here ({0}); if a player can play it, convert it with \
         `ffmpeg -i FILE out.flac`, otherwise fetch it again"
    )]
    Unsupported(String),
    /// A header that is damaged or claims the impossible.
    #[error("has a damaged or absurd header ({0}); fetch or export it again")]
    Header(String),
    /// The file was read to its end without a single sample.
    #[error(
        "decodes to no samples at all; it may be an unfinished recording, or damaged: fetch or \
         export it again"
    )]
    NoSamples,
    /// Samples that are NaN, infinite or beyond ±10^9.
    #[error(
        "has {count} samples that are NaN, infinite or beyond 10^9, the first at {first_s:.3} s; \
         export it again"
    )]
    NotFinite {
        /// How many, after the mean over channels.
        count: u64,
        /// Where the first one is, in seconds.
        first_s: f64,
    },
    /// The decoder panicked: a fault in the decoder, set off by this file.
    #[error(
        "broke the decoder ({0}); it is likely damaged: convert it with `ffmpeg -i FILE out.flac`"
    )]
    DecoderPanic(String),
    /// A warning, taken as an error by [`AudioInfo::strict`](super::AudioInfo::strict).
    #[error("{0}")]
    Damaged(AudioWarning),
    /// The caller asked for a sample rate outside [`SAMPLE_RATES`](super::SAMPLE_RATES).
    #[error("cannot be resampled to {0} Hz; ask for 1000 to 384000 Hz")]
    TargetRate(u32),
}

/// What is wrong with a file that can be decoded: something was lost, or nothing is to be heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AudioWarning {
    /// The file ends before its end, or has holes.
    Incomplete {
        /// What was decoded, in seconds.
        decoded_s: f64,
        /// What its headers promise, in seconds, if they promise more than was decoded.
        expected_s: Option<f64>,
    },
    /// The header states no length, and what was found behind it was taken for the audio.
    Unfinished {
        /// What was decoded, in seconds.
        decoded_s: f64,
    },
    /// Of HE-AAC only the core was decoded, which lacks the upper half of the spectrum.
    LowerHalf {
        /// Where the core ends, in Hz.
        below_hz: u32,
    },
    /// Packets that could not be decoded were left out.
    SkippedPackets {
        /// How many.
        count: u64,
    },
    /// No channel has anything in it.
    Silent,
    /// The channels are one another's opposites, and their mean is silent.
    SilentInMono,
}

impl fmt::Display for AudioWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete {
                decoded_s,
                expected_s: Some(expected_s),
            } => write!(
                f,
                "is damaged or cut short: only {decoded_s:.2} s of {expected_s:.2} s could be decoded"
            ),
            Self::Incomplete {
                decoded_s,
                expected_s: None,
            } => {
                write!(
                    f,
                    "is damaged or cut short: only {decoded_s:.2} s could be decoded"
                )
            }
            Self::Unfinished { decoded_s } => write!(
                f,
                "has an unfinished header, as of a recorder that was cut off: {decoded_s:.2} s \
                 could be decoded"
            ),
            Self::LowerHalf { below_hz } => write!(
                f,
                "is HE-AAC, which is decoded only below {below_hz} Hz here; to have all of it, \
                 convert it with `ffmpeg -i FILE out.flac`"
            ),
            Self::SkippedPackets { count } => write!(f, "has {count} damaged packets"),
            Self::Silent => f.write_str("is silent"),
            Self::SilentInMono => f.write_str(
                "is silent in mono: its channels cancel; keep one of them with \
                 `ffmpeg -i FILE -af \"pan=mono|c0=c0\" out.flac`",
            ),
        }
    }
}

impl AudioErrorKind {
    pub(crate) fn at(self, path: &Path) -> AudioError {
        AudioError {
            path: path.to_path_buf(),
            kind: self,
        }
    }

    /// Of a refusal by the operating system.
    pub(super) fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Permission,
            _ => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Tested here because a test that runs as root may read everything.
    #[test]
    fn a_refused_permission_is_told_from_other_failures() {
        let kind = |kind: io::ErrorKind| AudioErrorKind::of(kind.into());
        assert!(matches!(
            kind(io::ErrorKind::PermissionDenied),
            AudioErrorKind::Permission
        ));
        assert!(matches!(
            kind(io::ErrorKind::NotFound),
            AudioErrorKind::Missing
        ));
        assert!(matches!(kind(io::ErrorKind::Other), AudioErrorKind::Io(_)));
    }
}
