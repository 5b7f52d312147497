use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::{
    BLOCK_FRAMES, FilterBank, Framer, MelError, Preset, filter_bank, join_frames, transpose,
};

/// Fewest frames given to a thread at once; scratch is allocated once for so many.
const FRAMES_PER_TASK: usize = 16;

/// Power-mel frames on all cores, with realfft. The plan, window and filters are made once.
pub struct CpuEngine {
    preset: Preset,
    window: Vec<f32>,
    bank: FilterBank,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl fmt::Debug for CpuEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut engine = f.debug_struct("CpuEngine");
        engine.field("preset", &self.preset).finish_non_exhaustive()
    }
}

struct Scratch {
    windowed: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl CpuEngine {
    /// An engine for a preset; any `n_fft` from 2 on, also odd or prime.
    ///
    /// # Errors
    /// As [`Preset::validate`].
    pub fn new(preset: &Preset) -> Result<Self, MelError> {
        Ok(CpuEngine {
            bank: filter_bank(preset)?,
            window: preset.window(),
            fft: RealFftPlanner::new().plan_fft_forward(preset.n_fft),
            preset: preset.clone(),
        })
    }

    /// The preset that the engine was made for.
    pub fn preset(&self) -> &Preset {
        &self.preset
    }

    /// Power-mel frames `[n_mels][n_frames]` of a block of padded samples, as a [`Framer`] gives
    /// them; samples after the last whole frame are not read.
    pub fn compute(&self, block: &[f32]) -> Vec<f32> {
        let (n_fft, hop) = (self.preset.n_fft, self.preset.hop_length);
        let n_mels = self.preset.n_mels;
        let mut mel = vec![0.0; self.preset.frames_in_block(block.len()) * n_mels];
        mel.par_chunks_mut(n_mels)
            .enumerate()
            .with_min_len(FRAMES_PER_TASK)
            .for_each_init(
                || self.scratch(),
                |scratch, (t, out)| {
                    self.power_spectrum(&block[t * hop..][..n_fft], scratch);
                    for (value, band) in out.iter_mut().zip(&self.bank.bands) {
                        let power = &scratch.power[band.first_bin..][..band.len];
                        *value = dot(self.bank.band_weights(band), power);
                    }
                },
            );
        transpose(&mel, n_mels)
    }

    /// Power-mel frames `[n_mels][n_frames]` of a whole signal.
    ///
    /// # Errors
    /// As [`Framer::finish`].
    pub fn mel_spectrogram(&self, samples: &[f32]) -> Result<Vec<f32>, MelError> {
        let mut framer = Framer::new(&self.preset, BLOCK_FRAMES)?;
        let mut blocks = Vec::new();
        for chunk in samples.chunks(BLOCK_FRAMES * self.preset.hop_length) {
            for block in framer.push(chunk) {
                blocks.push(self.compute(&block));
            }
        }
        for block in framer.finish()? {
            blocks.push(self.compute(&block));
        }
        Ok(join_frames(&blocks, self.preset.n_mels))
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            windowed: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            fft: self.fft.make_scratch_vec(),
            power: vec![0.0; self.preset.n_bins()],
        }
    }

    /// Writes `|rfft(window * frame)|^2` into `scratch.power`.
    #[expect(clippy::expect_used, reason = "the buffers were made by this plan")]
    fn power_spectrum(&self, frame: &[f32], scratch: &mut Scratch) {
        for ((out, x), w) in scratch.windowed.iter_mut().zip(frame).zip(&self.window) {
            *out = x * w;
        }
        self.fft
            .process_with_scratch(
                &mut scratch.windowed,
                &mut scratch.spectrum,
                &mut scratch.fft,
            )
            .expect("the buffers were made by this plan");
        for (power, x) in scratch.power.iter_mut().zip(&scratch.spectrum) {
            *power = x.re * x.re + x.im * x.im;
        }
    }
}

/// Sum of products in eight running sums, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    let mut sums = [0.0; 8];
    for (x, y) in a_chunks.zip(b_chunks) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + rest.map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::mel::PadMode;
    use crate::reference::{mel_project, window_fft_power};

    fn noise(len: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(12345);
        (0..len)
            .map(|_| rng.next_u32() as f32 / (1u64 << 31) as f32 - 1.0)
            .collect()
    }

    fn preset(n_fft: usize, win_length: usize, n_mels: usize) -> Preset {
        Preset {
            n_fft,
            win_length,
            hop_length: win_length.div_ceil(2),
            n_mels,
            n_mfcc: 1,
            ..Preset::librosa()
        }
    }

    fn assert_close(got: &[f32], want: &[f64], what: &str) {
        assert_eq!(got.len(), want.len(), "{what}");
        let largest = want.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
            let error = (f64::from(g) - w).abs();
            assert!(
                error <= 1e-5 * w + 1e-6 * largest,
                "{what}, element {i}: {g} for {w}"
            );
        }
    }

    #[test]
    fn every_bin_of_the_spectrum_agrees_with_the_naive_transform() {
        for n_fft in [2, 3, 4, 5, 7, 16, 63, 64, 65, 100, 257, 400, 1024, 2048] {
            let engine = CpuEngine::new(&preset(n_fft, n_fft, 1)).unwrap();
            let mut scratch = engine.scratch();
            let nyquist: Vec<f32> = (0..n_fft).map(|i| [0.5, -0.5][i % 2]).collect();
            for frame in [noise(n_fft), nyquist, vec![1.0; n_fft]] {
                engine.power_spectrum(&frame, &mut scratch);
                let want = window_fft_power(&frame, &engine.window, n_fft);
                assert_close(&scratch.power, &want, &format!("n_fft {n_fft}"));
            }
        }
    }

    #[test]
    fn frames_agree_with_the_twin_at_odd_sizes() {
        for (n_fft, win_length, n_mels, frames) in [
            (65, 65, 3, 1),
            (64, 63, 1, 63),
            (257, 100, 65, 65),
            (400, 400, 40, 3),
            (1024, 600, 64, 5),
        ] {
            let preset = preset(n_fft, win_length, n_mels);
            let engine = CpuEngine::new(&preset).unwrap();
            let block = noise((frames - 1) * preset.hop_length + n_fft);
            let power = window_fft_power(&block, &preset.window(), preset.hop_length);
            let want = mel_project(&power, &filter_bank(&preset).unwrap());
            assert_close(&engine.compute(&block), &want, &format!("n_fft {n_fft}"));
        }
    }

    #[test]
    fn a_block_shorter_than_a_frame_gives_nothing() {
        let engine = CpuEngine::new(&Preset::gamaka()).unwrap();
        assert!(engine.compute(&[0.0; 1023]).is_empty());
        assert!(engine.compute(&[]).is_empty());
    }

    #[test]
    fn the_result_does_not_depend_on_blocks_or_threads() {
        let signal = noise(40_000);
        for pad_mode in [PadMode::Zero, PadMode::Reflect] {
            let preset = Preset {
                pad_mode,
                ..Preset::gamaka()
            };
            let engine = CpuEngine::new(&preset).unwrap();
            let whole = engine.mel_spectrogram(&signal).unwrap();
            assert_eq!(whole.len(), preset.n_frames(40_000) * preset.n_mels);
            let mut framer = Framer::new(&preset, 3).unwrap();
            let mut pieces = Vec::new();
            for chunk in signal.chunks(777) {
                for block in framer.push(chunk) {
                    pieces.push(engine.compute(&block));
                }
            }
            for block in framer.finish().unwrap() {
                pieces.push(engine.compute(&block));
            }
            assert_eq!(whole, join_frames(&pieces, preset.n_mels));
            let one = rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .build()
                .unwrap();
            assert_eq!(
                whole,
                one.install(|| engine.mel_spectrogram(&signal).unwrap())
            );
        }
    }

    #[test]
    fn a_nan_stays_in_the_frames_that_hear_it() {
        let engine = CpuEngine::new(&Preset::gamaka()).unwrap();
        let mut signal = noise(5120);
        signal[2561] = f32::NAN;
        let mel = engine.mel_spectrogram(&signal).unwrap();
        for (t, frame) in transpose(&mel, 11).chunks(64).enumerate() {
            let hears = (t * 512).abs_diff(2561) < 512;
            assert_eq!(frame.iter().any(|x| x.is_nan()), hears, "frame {t}");
        }
    }
}
