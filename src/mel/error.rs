use thiserror::Error;

use crate::gpu::GpuError;

/// What can be wrong with a preset or with a signal. The caller adds the name of the file.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum MelError {
    /// No preset has this name.
    #[error("there is no mel preset called `{0}`; choose librosa, torchaudio or gamaka")]
    UnknownPreset(String),
    /// A whole number of the preset is outside what can be computed.
    #[error("mel preset: {field} is {value}, but must be from {least} to {most}")]
    OutOfRange {
        /// The preset's field.
        field: &'static str,
        /// Its value.
        value: usize,
        /// Smallest value allowed.
        least: usize,
        /// Largest value allowed.
        most: usize,
    },
    /// The band limits are not `0 <= f_min < f_max <= sample_rate / 2`.
    #[error(
        "mel preset: the bands reach from {f_min} Hz to {f_max} Hz, but must satisfy \
         0 <= f_min < f_max <= {nyquist} (half the sample rate)"
    )]
    FrequencyRange {
        /// Lowest frequency in Hz.
        f_min: f64,
        /// Highest frequency in Hz.
        f_max: f64,
        /// Half the sample rate in Hz.
        nyquist: f64,
    },
    /// The name has control characters or is too long.
    #[error(
        "mel preset: the name must have 100 characters or less, none of them a control character"
    )]
    Name,
    /// More frames and bands than a network can be given.
    #[error(
        "mel preset: at {sample_rate} samples a second, {n_mels} bands every {hop_length} samples are too much or too little \
         to train with: use 1000 samples a second or more, and fewer bands or a longer hop_length"
    )]
    TooMuch {
        /// Samples a second.
        sample_rate: u32,
        /// Samples from one frame to the next.
        hop_length: usize,
        /// Bands.
        n_mels: usize,
    },
    /// The compression gain is not a positive finite number.
    #[error("mel preset: compression_gain is {0}, but must be above 0 and at most 1e12")]
    CompressionGain(f32),
    /// The signal has no samples.
    #[error("the signal has no samples, so it has no spectrum; leave it out")]
    EmptySignal,
    /// Reflect padding needs more samples than the signal has, as in torchaudio.
    #[error(
        "the signal has {samples} samples, too few for reflect padding, which needs {needed}; \
         pad the signal or choose a preset with zero padding"
    )]
    TooShortToReflect {
        /// Samples in the signal.
        samples: usize,
        /// Fewest samples that can be reflected.
        needed: usize,
    },
    /// The GPU engine has no transform of this length.
    #[error(
        "the GPU engine has no Fourier transform of {0} samples (half of it must be made of factors 2 and 5, at most 2048): use the CPU engine"
    )]
    TransformLength(usize),
    /// The GPU engine was asked for without a device.
    #[error("the GPU engine needs a device, and none is open: use the CPU engine")]
    NoDevice,
    /// The GPU failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}
