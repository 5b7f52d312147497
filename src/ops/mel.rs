//! Kernels of the mel front end.

use super::append::{each, limit_turns};
use super::sizes::product;
use super::tiles::tiles;
use crate::gpu::{GpuError, Plan, Tensor, workgroups};

/// The radices of an in-place FFT of `n_fft / 2` points: (radix-4 steps, radix-2 steps, radix-5 steps).
/// `None` if the length has other factors or does not fit workgroup memory.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the length is at most 4096, and the factors are not 0"
)]
pub fn fft_radices(n_fft: usize) -> Option<(usize, usize, usize)> {
    if !n_fft.is_multiple_of(2) || !(2..=4096).contains(&n_fft) {
        return None;
    }
    let mut rest = n_fft / 2;
    let mut count = |factor: usize| {
        let mut steps = 0;
        while rest.is_multiple_of(factor) {
            rest /= factor;
            steps += 1;
        }
        steps
    };
    let (fours, fives) = (count(4), count(5));
    let twos = count(2);
    (rest == 1).then_some((fours, twos, fives))
}

/// The twiddle table of [`window_fft_power`], made in f64: cosine and minus sine of 2 pi k / n_fft, [n_fft, 2].
#[expect(
    clippy::cast_possible_truncation,
    reason = "the table is computed in f64"
)]
pub fn fft_twiddles(n_fft: usize) -> Vec<f32> {
    (0..n_fft)
        .map(|k| (std::f64::consts::TAU * k as f64 / n_fft as f64).sin_cos())
        .flat_map(|(sin, cos)| [cos as f32, -sin as f32])
        .collect()
}

/// power [clips, 1, frames, n_fft/2 + 1] = spectra of windowed frames of `samples`, [clips, 1, 1, length].
///
/// A plan with an `n_fft` that [`fft_radices`] has none for does not validate.
pub fn window_fft_power(
    plan: &mut Plan,
    n_fft: usize,
    hop: usize,
    samples: Tensor,
    window: Tensor,
    twiddle: Tensor,
    power: Tensor,
) {
    let Some((fours, twos, fives)) = fft_radices(n_fft) else {
        let reason = format!("there is no FFT of {n_fft} points");
        return plan.refuse(GpuError::InvalidPlan { reason });
    };
    let [clips, _, frames, _] = power.shape;
    let [fewest, most] = tiles(plan).fft_workgroup;
    let workgroup = (n_fft / 8).next_power_of_two().clamp(fewest, most);
    let overrides = [
        ("CLIPS", clips),
        ("FRAMES", frames),
        ("LENGTH", samples.shape[3]),
        ("HOP", hop),
        ("N_FFT", n_fft),
        ("HALF", n_fft / 2),
        ("FOURS", fours),
        ("TWOS", twos),
        ("FIVES", fives),
        ("WORKGROUP", workgroup),
    ]
    .map(|(name, value)| (name, value as f64));
    plan.dispatch(
        "window_fft_power",
        &overrides,
        &[samples, window, twiddle, power],
        workgroups(product(&[clips, frames]), 1),
    );
}

/// mel [clips, 1, bands, frames] = power [clips, 1, frames, bins] through sparse filters, a row of `bands` for each:
/// first bin, number of bins, first weight, 0.
pub fn mel_project(plan: &mut Plan, power: Tensor, bands: Tensor, weight: Tensor, mel: Tensor) {
    let [clips, _, frames, bins] = power.shape;
    limit_turns(plan, "mel_project", bins);
    let overrides = [
        ("CLIPS", clips),
        ("FRAMES", frames),
        ("BANDS", mel.shape[2]),
        ("BINS", bins),
    ]
    .map(|(name, value)| (name, value as f64));
    each(
        plan,
        "mel_project",
        &overrides,
        &[power, bands, weight, mel],
        mel.len(),
    );
}

/// y = log10(1 + scale * power).
pub fn log_compress(plan: &mut Plan, scale: f32, power: Tensor, y: Tensor) {
    let overrides = [("SIZE", power.len() as f64), ("SCALE", f64::from(scale))];
    each(plan, "log_compress", &overrides, &[power, y], power.len());
}

/// y [clips, 1, bands, frames] = 0 in as many of the last frames of each clip as `absent` says, words [clips, 1, 1, 1].
pub fn silence_absent(plan: &mut Plan, absent: Tensor, y: Tensor) {
    let [clips, _, bands, frames] = y.shape;
    let overrides = [("CLIPS", clips), ("BANDS", bands), ("FRAMES", frames)]
        .map(|(name, value)| (name, value as f64));
    each(plan, "silence_absent", &overrides, &[absent, y], y.len());
}
