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
mod error;
mod find;
mod info;
mod isolate;
mod opus;
mod resample;
mod silence;
mod source;

use std::ops::ControlFlow;
use std::path::Path;

pub use error::{AudioError, AudioErrorKind, AudioWarning};
pub use find::{EXTENSIONS, Found, find, is_audio};
pub(crate) use find::{is_hidden, link_problem, walk};
pub use info::{AudioInfo, SAMPLE_RATES};
pub(crate) use resample::resample;

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
