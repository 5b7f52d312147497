//! How files are heard, and how much of each.

use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audio::{self, AudioError, AudioInfo};
use crate::mel::Preset;

/// How much of a longer file is heard where nothing else is said, in seconds.
pub const MAX_SECONDS: f64 = 600.0;

/// How files are heard, whatever they are heard for: here alone it is decided where a long file ends. What was heard in one way
/// is nothing of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hearing {
    /// What frames are made by.
    pub preset: Preset,
    /// Of a longer file only the beginning is heard, so many seconds.
    pub max_seconds: f64,
    /// Damaged files are errors.
    pub strict: bool,
}

impl Hearing {
    /// Of each file the first [`MAX_SECONDS`].
    pub fn new(preset: &Preset, strict: bool) -> Self {
        Self {
            preset: preset.clone(),
            max_seconds: MAX_SECONDS,
            strict,
        }
    }

    /// Says that `files` files are not heard to their end, if there are any.
    pub fn cut_note(&self, files: usize) -> Option<String> {
        let seconds = self.max_seconds;
        match files {
            0 => None,
            1 => Some(format!(
                "1 file is longer than {seconds} s: its first {seconds} s are heard"
            )),
            files => Some(format!(
                "{files} files are longer than {seconds} s: the first {seconds} s of each are heard"
            )),
        }
    }

    /// Decodes what is heard of a file, mono at the preset's rate.
    pub(super) fn decode(
        &self,
        path: &Path,
        sink: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
    ) -> Result<AudioInfo, AudioError> {
        let rate = self.preset.sample_rate;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds are rounded down to samples; the cast stops at the ends of its range"
        )]
        let mut room = (self.max_seconds * f64::from(rate)).max(1.0) as usize;
        let mut info = audio::stream(path, rate, &mut |piece| {
            let heard = &piece[..piece.len().min(room)];
            room -= heard.len();
            if !heard.is_empty() {
                sink(heard)?;
            }
            match heard.len() < piece.len() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        if info.stopped {
            info.duration_s = info.duration_s.min(self.max_seconds);
        }
        if self.strict {
            info.strict(path)
        } else {
            Ok(info)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_heard_is_said_once_for_all_files() {
        let preset = Preset::gamaka();
        let hearing = Hearing::new(&preset, true);
        assert_eq!(hearing.cut_note(0), None);
        assert_eq!(
            hearing.cut_note(1).unwrap(),
            "1 file is longer than 600 s: its first 600 s are heard"
        );
        assert!(
            Hearing {
                max_seconds: 0.5,
                ..hearing
            }
            .cut_note(3)
            .unwrap()
            .starts_with("3 files are longer than 0.5 s")
        );
    }
}
