//! The case of the mel front end.

use super::builder::Builder;
use super::case::Case;
use crate::gpu::AdapterClass;
use crate::mel::{Band, FilterBank, band_table};
use crate::ops;
use crate::reference as twin;

/// The error of a logarithm to base 10 of a number near 1: Vulkan lets one to base 2 be off by 2^-21 between a half and two.
const LOG_ROUNDING: f64 = 0.5 * std::f64::consts::LOG10_2 / (1 << 20) as f64;

/// The mel front end: spectra, projection on a made-up filter bank, compression.
pub fn mel(class: AdapterClass, n_fft: usize, hop: usize, [clips, frames]: [usize; 2]) -> Case {
    let mut b = Builder::new(class);
    // A rest of each clip is too short for a frame.
    let length = (frames - 1) * hop + n_fft + hop.min(3) - 1;
    let n_bins = n_fft / 2 + 1;
    let noise: Vec<f32> = (0..clips * length)
        .map(|k| twin::normal([7, 7, 1, k as u32]) as f32)
        .collect();
    let hann = |k: usize| 0.5 - 0.5 * (std::f64::consts::TAU * k as f64 / n_fft as f64).cos();
    let window: Vec<f32> = (0..n_fft).map(|k| hann(k) as f32).collect();
    let (samples, _) = b.values([clips, 1, 1, length], noise.clone());
    let (window_tensor, _) = b.values([1, 1, 1, n_fft], window.clone());
    let (twiddle, _) = b.values([1, 1, n_fft, 2], ops::fft_twiddles(n_fft));
    let power = b.output([clips, 1, frames, n_bins]);
    ops::window_fft_power(
        &mut b.plan,
        n_fft,
        hop,
        samples,
        window_tensor,
        twiddle,
        power,
    );

    // Bands of growing width, the first one empty, all up to the Nyquist bin.
    let mut bank = FilterBank {
        n_bins,
        bands: Vec::new(),
        weights: Vec::new(),
    };
    for len in [0, 1, 2, n_bins.min(7)] {
        bank.bands.push(Band {
            first_bin: n_bins - len,
            len,
            offset: bank.weights.len(),
        });
        bank.weights.extend((0..len).map(|k| 0.25 + k as f32));
    }
    let (weight, _) = b.values([1, 1, 1, bank.weights.len()], bank.weights.clone());
    let bands = b.words([1, 1, bank.bands.len(), 4], band_table(&bank));
    let mel = b.output([clips, 1, bank.bands.len(), frames]);
    let compressed = b.output(mel.shape);
    ops::mel_project(&mut b.plan, power, bands, weight, mel);
    ops::log_compress(&mut b.plan, 1e-3, mel, compressed);
    // Each clip has fewer of its frames than the one before.
    let absent: Vec<u32> = (1..=clips)
        .map(|clip| (clip * frames / (clips + 1)) as u32)
        .collect();
    let absent_frames = b.words([clips, 1, 1, 1], absent.clone());
    ops::silence_absent(&mut b.plan, absent_frames, compressed);

    let of_clip = |clip: &[f32]| twin::window_fft_power(clip, &window, hop);
    let spectra: Vec<Vec<f64>> = noise.chunks(length).map(of_clip).collect();
    let of_clip = |spectra: &Vec<f64>| twin::mel_project(spectra, &bank);
    let projected: Vec<f64> = spectra.iter().flat_map(of_clip).collect();
    let spectra = spectra.concat();
    let mut compressed_values = twin::log_compress(&projected, 1e-3);
    twin::silence_absent(&mut compressed_values, bank.bands.len(), frames, &absent);
    b.expect_rounded(compressed, compressed_values, 64, LOG_ROUNDING);
    b.expect(mel, projected, 64);
    b.expect(power, spectra, 64);
    b.case(format!(
        "mel n_fft {n_fft}, hop {hop}, {clips} clips of {frames} frames"
    ))
}
