//! The mel front end as steps of a plan.

use super::{FilterBank, MelError, Preset, filter_bank};
use crate::gpu::{BufferRole, Plan, Tensor, word};
use crate::ops;

/// Whether the kernels can do a preset's Fourier transform: `n_fft / 2` made of factors 2 and 5, at most 2048.
pub(super) fn supports(preset: &Preset) -> bool {
    ops::fft_radices(preset.n_fft).is_some()
}

/// Samples that `frames` frames of a preset are made of, padding included.
pub(crate) fn samples_of(preset: &Preset, frames: usize) -> usize {
    (frames - 1) * preset.hop_length + preset.n_fft
}

/// Appends the kernels that make power-mel frames, [clips, 1, n_mels, frames], of padded samples, [clips, 1, 1, length];
/// `length` must be [`samples_of`] the frames or more. Their tables are constants of the plan.
///
/// # Errors
/// As [`Preset::validate`]; [`MelError::TransformLength`] unless the kernels can do its Fourier transform.
pub(crate) fn append(
    plan: &mut Plan,
    preset: &Preset,
    samples: Tensor,
    frames: usize,
) -> Result<Tensor, MelError> {
    let mut bank = filter_bank(preset)?;
    let (n_fft, n_mels, clips) = (preset.n_fft, preset.n_mels, samples.shape[0]);
    if !supports(preset) {
        return Err(MelError::TransformLength(n_fft));
    }
    let window = plan.constant("window", [1, 1, 1, n_fft], preset.window());
    let twiddle = plan.constant("twiddles", [1, 1, n_fft, 2], ops::fft_twiddles(n_fft));
    let bands = plan.constant_words("bands", [1, 1, n_mels, 4], band_table(&bank));
    // No tensor is empty.
    bank.weights.resize(bank.weights.len().max(1), 0.0);
    let weights = [1, 1, 1, bank.weights.len()];
    let weights = plan.constant("filters", weights, bank.weights);
    let power = [clips, 1, frames, preset.n_bins()];
    let power = plan.tensor("power", power, BufferRole::Scratch);
    let mel = plan.tensor("mel", [clips, 1, n_mels, frames], BufferRole::Scratch);
    let hop = preset.hop_length;
    ops::window_fft_power(plan, n_fft, hop, samples, window, twiddle, power);
    ops::mel_project(plan, power, bands, weights, mel);
    Ok(mel)
}

/// The band table of [`ops::mel_project`], [bands, 4].
pub(crate) fn band_table(bank: &FilterBank) -> Vec<u32> {
    bank.bands
        .iter()
        .flat_map(|b| [b.first_bin, b.len, b.offset, 0].map(word))
        .collect()
}
