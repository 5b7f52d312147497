//! Audio files to mono samples at a wanted rate, with a typed error for each file.
//!
//! [`find()`] turns the paths a user names into a list of files, [`stream`] decodes one file piece by
//! piece in a memory that does not grow with its length, and [`decode()`] collects the pieces.
//! Containers and codecs are read by Symphonia (wav, flac, mp3, ogg, m4a, aiff, caf, mkv, webm; PCM,
//! ADPCM, FLAC, ALAC, MP1/2/3, AAC-LC, Vorbis) and opus-pure (Opus); rates are changed by rubato.
//! Of HE-AAC the core is decoded, with a warning. What Symphonia refuses of legal containers
//! (`container/`) or streams without one (`elementary.rs`) is mended on the way to it.
//!
//! One file never spoils a run: a damaged file gives an [`AudioError`] that names it, a panic inside
//! a decoder is caught and reported the same way, and what was lost from a file that could be read
//! in part is listed in [`AudioInfo::warnings`]. Catching panics needs `panic = "unwind"`, which is
//! Cargo's default. To decode many files at once, call these functions from several threads.

mod aac;
mod container;
mod decode;
mod elementary;
mod find;
mod opus;
mod resample;
mod silence;
mod source;

use std::fmt;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use find::{EXTENSIONS, Found, find, is_audio};
pub(crate) use find::{is_hidden, link_problem, walk};
pub(crate) use resample::resample;

/// The sample rates that are read or written, in Hz. Slower headers are damaged or hold no sound,
/// faster ones are damaged.
pub const SAMPLE_RATES: RangeInclusive<u32> = 1_000..=384_000;

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
    Io(std::io::Error),
    /// A name that cannot be written into reports and models.
    #[error("has a name that is not UTF-8; rename it")]
    Name,
    /// A file of no bytes.
    #[error("is empty (0 bytes); fetch or export it again")]
    Empty,
    /// A folder in which [`find()`] found no audio file.
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
    /// A warning, taken as an error by [`AudioInfo::strict`].
    #[error("{0}; leave out --strict to use what could be decoded")]
    Damaged(AudioWarning),
    /// The caller asked for a sample rate outside [`SAMPLE_RATES`].
    #[error("cannot be resampled to {0} Hz; ask for 1000 to 384000 Hz")]
    TargetRate(u32),
}

/// What is wrong with a file that can be decoded: something was lost, or nothing is to be heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// What was decoded from a file.
#[derive(Clone, Debug, PartialEq)]
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

impl AudioErrorKind {
    pub(crate) fn at(self, path: &Path) -> AudioError {
        AudioError {
            path: path.to_path_buf(),
            kind: self,
        }
    }
}

/// Decodes the first (or default) audio track of the file at `path` to mono at `sample_rate` Hz and
/// hands it to `sink` in order, in non-empty pieces of any length. Mono is the mean over the
/// channels; full scale is ±1. Encoder delay and padding are removed where the file states them (MP3
/// with a LAME tag, Ogg, Opus); AAC keeps its 1024 frames of delay.
///
/// Memory is that of some packets and the resampler, whatever the length of the file. `sink` may
/// stop the decoding with [`ControlFlow::Break`], which is not an error. `sink` sees finite samples
/// only; on an error it may already have seen the part before it.
///
/// # Errors
/// [`AudioError`], with the path: the file cannot be opened, is no audio that can be decoded, or holds no samples or
/// some that are not finite; [`AudioErrorKind::TargetRate`] for a `sample_rate` that is out of range.
pub fn stream(
    path: &Path,
    sample_rate: u32,
    sink: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<AudioInfo, AudioError> {
    decode::stream(path, sample_rate, sink).map_err(|kind| kind.at(path))
}

/// As [`stream`], into one vector: 4 bytes per sample.
///
/// # Errors
/// As [`stream`].
pub fn decode(path: &Path, sample_rate: u32) -> Result<(Vec<f32>, AudioInfo), AudioError> {
    let mut samples = Vec::new();
    let info = stream(path, sample_rate, &mut |piece| {
        samples.extend_from_slice(piece);
        ControlFlow::Continue(())
    })?;
    Ok((samples, info))
}
