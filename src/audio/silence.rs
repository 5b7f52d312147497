//! Whether there is anything to hear: in the channels, and in their mean.

use super::AudioWarning;

/// The peak up to which nothing is there: less than the smallest step of 24 bits.
const NOTHING: f32 = 1e-7;

/// A mean that stays below this share of its channels' peak (50 dB) is what rounding and encoders leave of channels that
/// cancel.
const REMAINS: f32 = 0.003;

/// The peaks of what was decoded so far.
#[derive(Debug, Default)]
pub(super) struct Peaks {
    /// Over all channels.
    channels: f32,
    /// Of their mean.
    mono: f32,
}

impl Peaks {
    /// Notes a packet's samples and the mean over their channels.
    pub(super) fn note(&mut self, interleaved: &[f32], mono: &[f32]) {
        self.channels = peak(self.channels, interleaved);
        self.mono = peak(self.mono, mono);
    }

    /// What there is to say of the file.
    pub(super) fn warning(&self) -> Option<AudioWarning> {
        if self.channels <= NOTHING {
            Some(AudioWarning::Silent)
        } else if self.mono <= REMAINS * self.channels {
            Some(AudioWarning::SilentInMono)
        } else {
            None
        }
    }
}

fn peak(before: f32, samples: &[f32]) -> f32 {
    samples
        .iter()
        .fold(before, |peak, sample| peak.max(sample.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(interleaved: &[f32], channels: usize) -> Option<AudioWarning> {
        let frames = interleaved.chunks(channels);
        let mono: Vec<f32> = frames
            .map(|f| f.iter().sum::<f32>() / f.len() as f32)
            .collect();
        let mut peaks = Peaks::default();
        peaks.note(interleaved, &mono);
        peaks.warning()
    }

    #[test]
    fn silence_is_told_from_what_is_very_quiet() {
        assert_eq!(warning(&[0.0; 8], 2), Some(AudioWarning::Silent));
        assert_eq!(warning(&[-0.0, 1e-12, 0.0], 1), Some(AudioWarning::Silent));
        let step_of_24_bits = 1.0 / (1 << 23) as f32;
        assert_eq!(warning(&[0.0, step_of_24_bits, 0.0], 1), None);
        assert_eq!(warning(&[1e-5, -1e-5, 1e-5, 0.0], 2), None);
    }

    #[test]
    fn channels_cancel_at_any_level_and_with_what_rounding_leaves() {
        let cancels = Some(AudioWarning::SilentInMono);
        for level in [1.0, 1e-4] {
            let tone: Vec<f32> = (0..100).map(|k| level * (k as f32).sin()).collect();
            let stereo =
                |other: f32| -> Vec<f32> { tone.iter().flat_map(|&s| [s, other * s]).collect() };
            assert_eq!(warning(&stereo(-1.0), 2), cancels);
            assert_eq!(warning(&stereo(-0.999), 2), cancels);
            assert_eq!(warning(&stereo(-0.9), 2), None);
            assert_eq!(warning(&stereo(0.0), 2), None);
            // One of many channels is heard.
            let of_eight: Vec<f32> = tone
                .iter()
                .flat_map(|&s| [[0.0; 7].as_slice(), &[s]].concat())
                .collect();
            assert_eq!(warning(&of_eight, 8), None);
        }
    }
}
