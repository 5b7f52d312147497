//! Twins of the mel kernels.

use std::f64::consts::TAU;

use crate::mel::FilterBank;

/// Power spectra `[n_frames][n_fft / 2 + 1]` of a block of padded samples: `|DFT(window * frame)|^2`
/// by the defining sum. `n_fft` is the window's length, at least 1; the block is cut into whole
/// frames, `hop_length` (at least 1) apart.
pub fn window_fft_power(block: &[f32], window: &[f32], hop_length: usize) -> Vec<f64> {
    let n_fft = window.len();
    let twiddles: Vec<(f64, f64)> = (0..n_fft)
        .map(|i| (TAU * i as f64 / n_fft as f64).sin_cos())
        .collect();
    let mut power = Vec::new();
    for frame in block.windows(n_fft).step_by(hop_length) {
        for bin in 0..=n_fft / 2 {
            let (mut re, mut im, mut turn) = (0.0, 0.0, 0);
            for (&x, &w) in frame.iter().zip(window) {
                let (sin, cos) = twiddles[turn];
                let value = f64::from(x) * f64::from(w);
                re += value * cos;
                im -= value * sin;
                turn = (turn + bin) % n_fft;
            }
            power.push(re * re + im * im);
        }
    }
    power
}

/// Power-mel frames `[n_mels][n_frames]` of power spectra `[n_frames][n_bins]`: the product with
/// the bank's dense matrix.
pub fn mel_project(power: &[f64], bank: &FilterBank) -> Vec<f64> {
    let dense = bank.dense();
    let mut mel = Vec::new();
    for row in dense.chunks_exact(bank.n_bins) {
        for frame in power.chunks_exact(bank.n_bins) {
            mel.push(row.iter().zip(frame).map(|(&w, p)| f64::from(w) * p).sum());
        }
    }
    mel
}

/// Network input of a power: `log10(1 + gain * power)`.
pub fn log_compress(power: &[f64], gain: f64) -> Vec<f64> {
    power
        .iter()
        .map(|p| (gain * p).ln_1p() / 10f64.ln())
        .collect()
}

/// Silence in the last frames of clips `[bands][frames]` that their sounds do not have.
pub fn silence_absent(y: &mut [f64], bands: usize, frames: usize, absent: &[u32]) {
    for (clip, &absent) in y.chunks_mut(bands * frames).zip(absent) {
        let present = frames.saturating_sub(absent as usize);
        clip.chunks_mut(frames)
            .for_each(|band| band[present..].fill(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mel::{Preset, filter_bank};

    fn hann(n_fft: usize) -> Vec<f32> {
        let preset = Preset {
            n_fft,
            win_length: n_fft,
            ..Preset::librosa()
        };
        preset.window()
    }

    fn cosine(n_fft: usize, bin: usize) -> Vec<f32> {
        (0..n_fft)
            .map(|i| (TAU * ((bin * i) % n_fft) as f64 / n_fft as f64).cos() as f32)
            .collect()
    }

    fn bumpy(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * i) as f32 * 0.37).sin()).collect()
    }

    fn assert_near(got: f64, want: f64, scale: f64, what: &str) {
        assert!(
            (got - want).abs() <= 1e-6 * scale,
            "{what}: {got} for {want}"
        );
    }

    /// Energy of a real signal from the one-sided power: inner bins stand for two.
    fn two_sided(power: &[f64], n_fft: usize) -> f64 {
        let inner = 1..n_fft.div_ceil(2);
        let sum: f64 = power.iter().sum();
        sum + power[inner].iter().sum::<f64>()
    }

    #[test]
    fn the_power_keeps_the_energy_of_the_windowed_frame() {
        for n_fft in [2, 3, 5, 8, 63, 64, 65, 257, 400] {
            let (x, w) = (bumpy(n_fft), hann(n_fft));
            let power = window_fft_power(&x, &w, 1);
            let energy: f64 = x
                .iter()
                .zip(&w)
                .map(|(x, w)| f64::from(x * w).powi(2))
                .sum();
            let want = n_fft as f64 * energy;
            assert_near(
                two_sided(&power, n_fft),
                want,
                want,
                &format!("n_fft {n_fft}"),
            );
        }
    }

    #[test]
    fn a_tone_on_a_bin_fills_that_bin_and_through_a_hann_window_its_neighbours() {
        for n_fft in [63, 64, 65, 400] {
            let n = n_fft as f64;
            for bin in [3, n_fft / 4, n_fft / 2 - 3] {
                let x = cosine(n_fft, bin);
                let flat = window_fft_power(&x, &vec![1.0; n_fft], 1);
                let hann = window_fft_power(&x, &hann(n_fft), 1);
                for k in 0..=n_fft / 2 {
                    let what = format!("n_fft {n_fft} tone {bin} bin {k}");
                    let (in_flat, in_hann) = match k.abs_diff(bin) {
                        0 => (n * n / 4.0, n * n / 16.0),
                        1 => (0.0, n * n / 64.0),
                        _ => (0.0, 0.0),
                    };
                    assert_near(flat[k], in_flat, n * n, &what);
                    assert_near(hann[k], in_hann, n * n, &what);
                }
            }
        }
    }

    #[test]
    fn constant_and_nyquist_tones_stand_alone_at_the_ends() {
        for n_fft in [2, 4, 64, 400] {
            let n = n_fft as f64;
            let constant = window_fft_power(&vec![1.0; n_fft], &vec![1.0; n_fft], 1);
            let nyquist = window_fft_power(&cosine(n_fft, n_fft / 2), &vec![1.0; n_fft], 1);
            for k in 0..=n_fft / 2 {
                let what = format!("n_fft {n_fft} bin {k}");
                assert_near(constant[k], if k == 0 { n * n } else { 0.0 }, n * n, &what);
                assert_near(
                    nyquist[k],
                    if k == n_fft / 2 { n * n } else { 0.0 },
                    n * n,
                    &what,
                );
            }
        }
    }

    #[test]
    fn an_impulse_has_the_same_power_in_every_bin() {
        let mut x = vec![0.0; 65];
        x[20] = 0.5;
        let window = hann(65);
        let want = f64::from(0.5 * window[20]).powi(2);
        for power in window_fft_power(&x, &window, 1) {
            assert_near(power, want, want, "impulse");
        }
    }

    #[test]
    fn frames_are_a_hop_apart_and_whole() {
        let (x, window) = (bumpy(100), hann(16));
        let power = window_fft_power(&x, &window, 7);
        assert_eq!(power.len(), 13 * 9);
        for t in 0..13 {
            assert_eq!(
                power[t * 9..][..9],
                window_fft_power(&x[t * 7..][..16], &window, 1)
            );
        }
        assert!(window_fft_power(&x[..15], &window, 7).is_empty());
    }

    #[test]
    fn the_power_grows_with_the_square_of_the_signal() {
        let (x, window) = (bumpy(64), hann(64));
        let twice: Vec<f32> = x.iter().map(|v| 2.0 * v).collect();
        let (one, four) = (
            window_fft_power(&x, &window, 1),
            window_fft_power(&twice, &window, 1),
        );
        for (a, b) in one.iter().zip(four) {
            assert_eq!(4.0 * a, b);
        }
    }

    #[test]
    fn the_projection_is_linear_and_its_columns_are_the_filters() {
        let preset = Preset {
            n_fft: 65,
            win_length: 65,
            hop_length: 3,
            n_mels: 7,
            n_mfcc: 7,
            ..Preset::librosa()
        };
        let bank = filter_bank(&preset).unwrap();
        let dense = bank.dense();
        let mut identity = vec![0.0; 33 * 33];
        (0..33).for_each(|i| identity[i * 34] = 1.0);
        let columns = mel_project(&identity, &bank);
        for bin in 0..33 {
            for band in 0..7 {
                assert_eq!(columns[band * 33 + bin], f64::from(dense[band * 33 + bin]));
            }
        }
        let (a, b) = (bumpy(33), bumpy(66));
        let power: Vec<f64> = (0..33)
            .map(|i| 2.0 * f64::from(a[i]) + f64::from(b[i + 33]))
            .collect();
        let part = |x: &[f32]| mel_project(&x.iter().map(|&v| v.into()).collect::<Vec<_>>(), &bank);
        let (from_a, from_b) = (part(&a), part(&b[33..]));
        for (band, got) in mel_project(&power, &bank).iter().enumerate() {
            assert_near(*got, 2.0 * from_a[band] + from_b[band], 1.0, "linear");
        }
    }

    #[test]
    fn compression_of_known_powers() {
        assert_eq!(log_compress(&[0.0], 1e4), [0.0]);
        assert_near(log_compress(&[0.0099], 1e4)[0], 2.0, 1e-6, "log10(100)");
        assert_near(
            log_compress(&[1e-12], 1e4)[0],
            1e-8 / 10f64.ln(),
            1e-10,
            "nearly linear",
        );
    }
}
