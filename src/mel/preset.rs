use serde::{Deserialize, Serialize};

use super::MelError;

/// The frequency scale on which the bands are equally spaced.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MelScale {
    /// Linear below 1 kHz, logarithmic above (Slaney's Auditory Toolbox, librosa's default).
    Slaney,
    /// `2595 log10(1 + f / 700)` (HTK, torchaudio's default).
    Htk,
}

impl MelScale {
    /// Mel value of a frequency in Hz.
    pub fn mel(self, hertz: f64) -> f64 {
        match self {
            MelScale::Slaney if hertz < SLANEY_KNEE_HZ => hertz / SLANEY_HZ_PER_MEL,
            MelScale::Slaney => {
                SLANEY_KNEE_HZ / SLANEY_HZ_PER_MEL
                    + (hertz / SLANEY_KNEE_HZ).ln() / slaney_log_step()
            }
            MelScale::Htk => 2595.0 * (1.0 + hertz / 700.0).log10(),
        }
    }

    /// Frequency in Hz of a mel value.
    pub fn hertz(self, mel: f64) -> f64 {
        let knee = SLANEY_KNEE_HZ / SLANEY_HZ_PER_MEL;
        match self {
            MelScale::Slaney if mel < knee => mel * SLANEY_HZ_PER_MEL,
            MelScale::Slaney => SLANEY_KNEE_HZ * ((mel - knee) * slaney_log_step()).exp(),
            MelScale::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
        }
    }
}

const SLANEY_KNEE_HZ: f64 = 1000.0;
const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;

/// Natural logarithm of the frequency ratio of one mel above the knee.
fn slaney_log_step() -> f64 {
    6.4f64.ln() / 27.0
}

/// How the triangles of the filter bank are scaled.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterNorm {
    /// Peak 1 (torchaudio's default).
    None,
    /// Area 1 per Hz: each triangle times `2 / width in Hz` (librosa's default).
    Slaney,
}

/// What stands before the first and after the last sample, so that frame `t` is centred on sample
/// `t * hop_length`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PadMode {
    /// Zeros (librosa's default today; long ago it was reflection).
    Zero,
    /// The signal mirrored about its end samples (torchaudio's default).
    Reflect,
}

/// Every number that a mel front end needs. A model file stores it whole, so that the model hears
/// at use what it heard in training.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name for people; has no effect on the numbers.
    pub name: String,
    /// Samples per second of the signal.
    pub sample_rate: u32,
    /// Length of the Fourier transform, in samples.
    pub n_fft: usize,
    /// Length of the periodic Hann window, in samples; centred in `n_fft` zeros if shorter.
    pub win_length: usize,
    /// Samples from one frame to the next.
    pub hop_length: usize,
    /// Number of mel bands.
    pub n_mels: usize,
    /// Lower edge of the lowest band, in Hz.
    pub f_min: f64,
    /// Upper edge of the highest band, in Hz.
    pub f_max: f64,
    /// Frequency scale of the bands.
    pub scale: MelScale,
    /// Scaling of the triangles.
    pub norm: FilterNorm,
    /// Padding at both ends of the signal.
    pub pad_mode: PadMode,
    /// Cepstral coefficients kept by [`mfcc`](super::mfcc).
    pub n_mfcc: usize,
    /// A network sees `log10(1 + compression_gain * power)`.
    pub compression_gain: f32,
}

impl Preset {
    /// Largest `n_fft` that [`validate`](Self::validate) allows.
    pub const MAX_N_FFT: usize = 65536;
    /// Largest `n_mels` that [`validate`](Self::validate) allows.
    pub const MAX_N_MELS: usize = 1024;
    /// Longest name of a network's preset, in characters.
    const LONGEST_NAME: usize = 100;
    /// Most values, bands times frames, that a network may be given of a second: files of ten minutes are held in memory.
    const MOST_VALUES_A_SECOND: u64 = 1 << 18;

    /// `librosa.feature.melspectrogram` and `librosa.feature.mfcc` of librosa 1.0.
    pub fn librosa() -> Self {
        Preset {
            name: "librosa".to_owned(),
            sample_rate: 22050,
            n_fft: 2048,
            win_length: 2048,
            hop_length: 512,
            n_mels: 128,
            f_min: 0.0,
            f_max: 11025.0,
            scale: MelScale::Slaney,
            norm: FilterNorm::Slaney,
            pad_mode: PadMode::Zero,
            n_mfcc: 20,
            compression_gain: 1e4,
        }
    }

    /// `torchaudio.transforms.MelSpectrogram` and `MFCC` of torchaudio 2.11.
    pub fn torchaudio() -> Self {
        Preset {
            name: "torchaudio".to_owned(),
            sample_rate: 16000,
            n_fft: 400,
            win_length: 400,
            hop_length: 200,
            n_mels: 128,
            f_min: 0.0,
            f_max: 8000.0,
            scale: MelScale::Htk,
            norm: FilterNorm::None,
            pad_mode: PadMode::Reflect,
            n_mfcc: 40,
            compression_gain: 1e4,
        }
    }

    /// The front end of this project's own networks.
    ///
    /// 43 frames a second; every band is at least two bins wide. The lowest band starts at 30 Hz,
    /// above the bins into which the window leaks a constant offset (0 and 21.5 Hz); the highest
    /// ends at 10 kHz, below the slopes of resamplers and of lossy encoders at this rate, so that
    /// the way a file was made shows less.
    pub fn gamaka() -> Self {
        Preset {
            name: "gamaka".to_owned(),
            sample_rate: 22050,
            n_fft: 1024,
            win_length: 1024,
            hop_length: 512,
            n_mels: 64,
            f_min: 30.0,
            f_max: 10000.0,
            scale: MelScale::Slaney,
            norm: FilterNorm::Slaney,
            pad_mode: PadMode::Zero,
            n_mfcc: 20,
            compression_gain: 1e4,
        }
    }

    /// The preset called `librosa`, `torchaudio` or `gamaka`.
    ///
    /// # Errors
    /// [`MelError::UnknownPreset`] for any other name.
    pub fn named(name: &str) -> Result<Self, MelError> {
        match name {
            "librosa" => Ok(Self::librosa()),
            "torchaudio" => Ok(Self::torchaudio()),
            "gamaka" => Ok(Self::gamaka()),
            _ => Err(MelError::UnknownPreset(name.to_owned())),
        }
    }

    /// Checks that the numbers can be computed with. Whatever takes a preset calls this first.
    ///
    /// # Errors
    /// The first number that makes no sense, and what it may be.
    pub fn validate(&self) -> Result<(), MelError> {
        let range = |field, value, least, most| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(MelError::OutOfRange {
                    field,
                    value,
                    least,
                    most,
                })
            }
        };
        range("sample_rate", self.sample_rate as usize, 1, 1_000_000)?;
        range("n_fft", self.n_fft, 2, Self::MAX_N_FFT)?;
        range("win_length", self.win_length, 2, self.n_fft)?;
        // A longer hop would leave samples between the windows unread.
        range("hop_length", self.hop_length, 1, self.win_length)?;
        range("n_mels", self.n_mels, 1, Self::MAX_N_MELS)?;
        range("n_mfcc", self.n_mfcc, 1, self.n_mels)?;
        let nyquist = f64::from(self.sample_rate) / 2.0;
        // Written so that a NaN fails.
        if !(0.0 <= self.f_min && self.f_min < self.f_max && self.f_max <= nyquist) {
            return Err(MelError::FrequencyRange {
                f_min: self.f_min,
                f_max: self.f_max,
                nyquist,
            });
        }
        // Beyond it the compressed power of a loud signal leaves f32.
        if !(self.compression_gain > 0.0 && self.compression_gain <= 1e12) {
            return Err(MelError::CompressionGain(self.compression_gain));
        }
        Ok(())
    }

    /// Checks that a network can hear by these numbers: besides [`Self::validate`], that its name can be printed, and that a
    /// second of sound is 1000 samples or more and makes no more than 262,144 values.
    ///
    /// # Errors
    /// As [`Self::validate`]; [`MelError::Name`], [`MelError::TooMuch`].
    pub fn validate_for_network(&self) -> Result<(), MelError> {
        self.validate()?;
        let length = self.name.chars().take(Self::LONGEST_NAME + 1).count();
        if length > Self::LONGEST_NAME || self.name.chars().any(char::is_control) {
            return Err(MelError::Name);
        }
        let values = self.n_mels as u64 * u64::from(self.sample_rate) / self.hop_length as u64;
        if self.sample_rate < 1000 || values > Self::MOST_VALUES_A_SECOND {
            return Err(MelError::TooMuch {
                sample_rate: self.sample_rate,
                hop_length: self.hop_length,
                n_mels: self.n_mels,
            });
        }
        Ok(())
    }

    /// Bins of the power spectrum, from 0 Hz up: `n_fft / 2 + 1`.
    pub fn n_bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Samples added at each end of the signal: `n_fft / 2`.
    pub fn padding(&self) -> usize {
        self.n_fft / 2
    }

    /// Frames of a signal of `samples` samples: `1 + samples / hop_length` for an even `n_fft`.
    pub fn n_frames(&self, samples: usize) -> usize {
        self.frames_in_block(samples.saturating_add(2 * self.padding()))
    }

    /// Whole frames in a block of padded samples; a block of `n` frames has
    /// `(n - 1) * hop_length + n_fft` samples.
    pub fn frames_in_block(&self, block_len: usize) -> usize {
        block_len
            .checked_sub(self.n_fft)
            .and_then(|rest| rest.checked_div(self.hop_length))
            .map_or(0, |hops| hops + 1)
    }

    /// Edges of the bands in Hz, `n_mels + 2` of them: band `b` rises from edge `b` to its centre at
    /// edge `b + 1` and falls to edge `b + 2`.
    pub fn band_edges(&self) -> Vec<f64> {
        let lowest = self.scale.mel(self.f_min);
        let step = (self.scale.mel(self.f_max) - lowest) / (self.n_mels + 1) as f64;
        (0..self.n_mels + 2)
            .map(|i| self.scale.hertz(lowest + step * i as f64))
            .collect()
    }

    /// Centres of the bands in Hz.
    pub fn band_centres(&self) -> Vec<f64> {
        self.band_edges()[1..=self.n_mels].to_vec()
    }

    /// The periodic Hann window `0.5 - 0.5 cos(2 pi i / win_length)`, centred in `n_fft` samples.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the window is computed in f64"
    )]
    pub fn window(&self) -> Vec<f32> {
        let mut window = vec![0.0; self.n_fft];
        let left = self.n_fft.saturating_sub(self.win_length) / 2;
        for (i, value) in window
            .iter_mut()
            .skip(left)
            .take(self.win_length)
            .enumerate()
        {
            let turn = i as f64 / self.win_length as f64;
            *value = (0.5 - 0.5 * (std::f64::consts::TAU * turn).cos()) as f32;
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_preset_is_valid_and_survives_storage() {
        for name in ["librosa", "torchaudio", "gamaka"] {
            let preset = Preset::named(name).unwrap();
            assert_eq!(preset.name, name);
            preset.validate().unwrap();
            let text = serde_json::to_string(&preset).unwrap();
            assert_eq!(serde_json::from_str::<Preset>(&text).unwrap(), preset);
        }
        let error = Preset::named("kaldi").unwrap_err().to_string();
        assert!(
            error.contains("kaldi") && error.contains("torchaudio"),
            "{error}"
        );
    }

    #[test]
    fn a_preset_with_a_missing_or_an_unknown_number_is_refused() {
        let mut stored = serde_json::to_value(Preset::gamaka()).unwrap();
        stored["hop"] = 3.into();
        assert!(serde_json::from_value::<Preset>(stored.clone()).is_err());
        let fields = stored.as_object_mut().unwrap();
        fields.remove("hop");
        fields.remove("f_min");
        assert!(serde_json::from_value::<Preset>(stored).is_err());
    }

    #[test]
    fn nonsense_is_refused_with_the_field_named() {
        type Change = fn(&mut Preset);
        let cases: [(&str, Change); 15] = [
            ("sample_rate", |p| p.sample_rate = 0),
            ("n_fft", |p| p.n_fft = 1),
            ("n_fft", |p| p.n_fft = usize::MAX),
            ("win_length", |p| p.win_length = 2049),
            ("win_length", |p| p.win_length = 0),
            ("hop_length", |p| p.hop_length = 0),
            ("hop_length", |p| p.hop_length = 2049),
            ("n_mels", |p| p.n_mels = 0),
            ("n_mels", |p| p.n_mels = 1 << 40),
            ("n_mfcc", |p| p.n_mfcc = 129),
            ("n_mfcc", |p| p.n_mfcc = 0),
            ("f_min", |p| p.f_min = -1.0),
            ("f_max", |p| p.f_max = 11025.5),
            ("f_min", |p| p.f_min = f64::NAN),
            ("compression_gain", |p| p.compression_gain = f32::INFINITY),
        ];
        for (field, change) in cases {
            let mut preset = Preset::librosa();
            change(&mut preset);
            let message = preset.validate().unwrap_err().to_string();
            assert!(message.contains(field), "{field}: {message}");
        }
        let mut preset = Preset::librosa();
        preset.f_min = preset.f_max;
        assert!(preset.validate().is_err());
    }

    #[test]
    fn the_two_directions_of_a_mel_scale_undo_each_other() {
        for scale in [MelScale::Slaney, MelScale::Htk] {
            for hertz in [0.0, 1.0, 200.0, 999.9, 1000.0, 1000.1, 4400.0, 22050.0] {
                let back = scale.hertz(scale.mel(hertz));
                assert!(
                    (back - hertz).abs() < 1e-9 * (1.0 + hertz),
                    "{scale:?} {hertz} {back}"
                );
            }
        }
        assert!((MelScale::Slaney.mel(1000.0) - 15.0).abs() < 1e-12);
        assert!((MelScale::Slaney.mel(6400.0) - 42.0).abs() < 1e-12);
        assert!((MelScale::Htk.mel(6300.0) - 2595.0).abs() < 1e-12);
    }

    #[test]
    fn shifted_hann_windows_add_up_to_one() {
        let mut preset = Preset::librosa();
        for (n_fft, win_length) in [(8, 8), (9, 4), (400, 400), (1025, 100), (2, 2)] {
            (preset.n_fft, preset.win_length) = (n_fft, win_length);
            let window = preset.window();
            assert_eq!(window.len(), n_fft);
            let left = (n_fft - win_length) / 2;
            let (inside, half) = (&window[left..left + win_length], win_length / 2);
            for i in 0..half {
                assert!((inside[i] + inside[i + half] - 1.0).abs() < 1e-6);
            }
            let outside: f32 = window[..left]
                .iter()
                .chain(&window[left + win_length..])
                .sum();
            assert_eq!(outside, 0.0);
        }
    }
}
