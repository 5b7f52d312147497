//! Whether there is anything to hear: in the channels, and in their mean.

use super::error::AudioWarning;

/// The peak up to which nothing is there: less than the smallest step of 24 bits.
const NOTHING: f32 = 1e-7;

/// A mean of less than this share of its channels' energy (40 dB) is what rounding and encoders leave of channels that
/// cancel.
const REMAINS: f64 = 1e-4;

/// What was decoded so far.
#[derive(Debug, Default)]
pub(super) struct Loudness {
    /// The peak over all channels.
    peak: f32,
    /// The mean energy of the channels.
    channels: f64,
    /// The energy of their mean.
    mono: f64,
}

impl Loudness {
    /// Notes a packet's samples and the mean over their channels.
    pub(super) fn note(&mut self, interleaved: &[f32], channels: usize, mono: &[f32]) {
        let peak = interleaved.iter().map(|sample| sample.abs());
        self.peak = peak.fold(self.peak, f32::max);
        self.channels += energy(interleaved) / channels as f64;
        self.mono += energy(mono);
    }

    /// What there is to say of the file.
    pub(super) fn warning(&self) -> Option<AudioWarning> {
        if self.peak <= NOTHING {
            Some(AudioWarning::Silent)
        } else if self.mono <= REMAINS * self.channels {
            Some(AudioWarning::SilentInMono)
        } else {
            None
        }
    }
}

/// In running sums, which the compiler turns into vector instructions.
fn energy(samples: &[f32]) -> f64 {
    let mut sums = [0.0f32; 8];
    for samples in samples.chunks(8) {
        for (sum, sample) in sums.iter_mut().zip(samples) {
            *sum += sample * sample;
        }
    }
    sums.into_iter().map(f64::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(interleaved: &[f32], channels: usize) -> Option<AudioWarning> {
        let frames = interleaved.chunks(channels);
        let mono: Vec<f32> = frames
            .map(|f| f.iter().sum::<f32>() / f.len() as f32)
            .collect();
        let mut loudness = Loudness::default();
        loudness.note(interleaved, channels, &mono);
        loudness.warning()
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
            assert_eq!(warning(&stereo(-0.99), 2), cancels);
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
