//! Streaming change of the sample rate by a fixed ratio.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Shortest block that is transformed, in samples at the lower of the two rates. The anti-aliasing
/// filter is one block long, so longer blocks have a steeper filter (and more delay, which is
/// trimmed). With this one it passes 0.98 of the lower Nyquist frequency and stops 1.02 of it.
const MIN_BLOCK: u32 = 2048;

/// Changes the rate of a mono signal that arrives in pieces. The output is aligned with the input
/// (no delay) and has `ceil(n * to / from)` samples for `n` input samples.
pub(super) struct Resampler {
    from: u32,
    to: u32,
    /// None if the rates are equal.
    fft: Option<Fft<f32>>,
    /// Input that does not fill a block yet.
    pending: Vec<f32>,
    /// One block of output.
    block: Vec<f32>,
    /// Output that is still to be dropped: the delay of the filter.
    delay: usize,
    consumed: u64,
    produced: u64,
}

impl Resampler {
    /// From and to these rates in Hz, neither of them 0.
    #[expect(
        clippy::expect_used,
        reason = "neither the rates nor the block are 0, which is all that rubato refuses"
    )]
    pub(super) fn new(from: u32, to: u32) -> Self {
        let fft = (from != to).then(|| {
            // rubato turns multiples of from/gcd samples into as many of to/gcd. An even multiple
            // makes the delay, half a block, a whole number of samples.
            let gcd = gcd(from, to);
            let multiple = MIN_BLOCK.div_ceil(from.min(to) / gcd).next_multiple_of(2);
            let block = multiple * (from / gcd);
            Fft::new(
                from as usize,
                to as usize,
                block as usize,
                1,
                FixedSync::Both,
            )
            .expect("rates and a block above 0")
        });
        Self {
            from,
            to,
            block: vec![0.0; fft.as_ref().map_or(0, |fft| fft.output_frames_next())],
            delay: fft.as_ref().map_or(0, |fft| fft.output_delay()),
            fft,
            pending: Vec::new(),
            consumed: 0,
            produced: 0,
        }
    }

    /// Rate of the input in Hz.
    pub(super) fn input_rate(&self) -> u32 {
        self.from
    }

    /// Samples taken so far.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Takes `samples` and appends to `output` the samples that they complete.
    pub(super) fn push(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        self.consumed += samples.len() as u64;
        let Some(fft) = &self.fft else {
            output.extend_from_slice(samples);
            self.produced += samples.len() as u64;
            return;
        };
        let needed = fft.input_frames_next();
        let mut rest = samples;
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(needed - self.pending.len()));
            self.pending.extend_from_slice(head);
            if self.pending.len() == needed {
                self.transform(output);
            }
            rest = tail;
        }
    }

    /// Appends what is left once the input has ended.
    pub(super) fn finish(mut self, output: &mut Vec<f32>) {
        let Some(fft) = &self.fft else { return };
        let needed = fft.input_frames_next();
        let total = (self.consumed * u64::from(self.to)).div_ceil(u64::from(self.from));
        while self.produced < total {
            self.pending.resize(needed, 0.0);
            self.transform(output);
        }
        // The last block reaches into the zeros behind the end.
        let beyond = usize::try_from(self.produced - total).unwrap_or(usize::MAX);
        output.truncate(output.len().saturating_sub(beyond));
    }

    /// Transforms the full block in `pending`.
    #[expect(
        clippy::expect_used,
        reason = "the buffers have the sizes that rubato asks for"
    )]
    fn transform(&mut self, output: &mut Vec<f32>) {
        let Some(fft) = &mut self.fft else { return };
        const SIZES: &str = "the buffers have the sizes that rubato asks for";
        let input = InterleavedSlice::new(&self.pending, 1, self.pending.len()).expect(SIZES);
        let length = self.block.len();
        let mut block = InterleavedSlice::new_mut(&mut self.block, 1, length).expect(SIZES);
        fft.process_into_buffer(&input, &mut block, None)
            .expect(SIZES);
        self.pending.clear();
        let dropped = self.delay.min(length);
        self.delay -= dropped;
        output.extend_from_slice(&self.block[dropped..]);
        self.produced += (length - dropped) as u64;
    }
}

/// A whole signal from one rate in Hz to another, neither of them 0.
pub(crate) fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    let mut resampler = Resampler::new(from, to);
    let mut output = Vec::new();
    resampler.push(samples, &mut output);
    resampler.finish(&mut output);
    output
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// The rates that music and speech come in.
    const RATES: [u32; 8] = [
        8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000,
    ];

    /// Pairs that share no factor, so that a block is seconds long.
    const COPRIME: [(u32, u32); 3] = [(44_101, 8_000), (11_025, 12_347), (44_101, 44_100)];

    fn pairs() -> impl Iterator<Item = (u32, u32)> {
        RATES
            .into_iter()
            .flat_map(|from| RATES.map(|to| (from, to)))
    }

    fn tone(hz: f64, rate: u32, len: usize) -> Vec<f32> {
        (0..len)
            .map(|i| (TAU * hz * i as f64 / f64::from(rate)).sin() as f32)
            .collect()
    }

    fn in_pieces(samples: &[f32], from: u32, to: u32, piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to);
        let mut output = Vec::new();
        for piece in samples.chunks(piece) {
            resampler.push(piece, &mut output);
        }
        resampler.finish(&mut output);
        output
    }

    /// Level in dB of a tone at `part` of the lower Nyquist frequency, against its error once it is
    /// resampled. The ends, where the tone starts and stops at once, are left out.
    fn signal_to_noise(part: f64, from: u32, to: u32) -> f64 {
        let hz = part * f64::from(from.min(to)) / 2.0;
        let got = in_pieces(&tone(hz, from, from as usize), from, to, 4000);
        let want = tone(hz, to, to as usize);
        let middle = to as usize / 5..to as usize * 4 / 5;
        let power = |x: f32| f64::from(x) * f64::from(x);
        let signal: f64 = want[middle.clone()].iter().map(|&x| power(x)).sum();
        let noise: f64 = middle.map(|i| power(got[i] - want[i])).sum();
        10.0 * (signal / noise.max(1e-30)).log10()
    }

    /// Largest sample that is left of a tone of level 1 at `part` of the new Nyquist frequency.
    fn leak(part: f64, from: u32, to: u32) -> f32 {
        let hz = part * f64::from(to) / 2.0;
        let got = in_pieces(&tone(hz, from, from as usize), from, to, 4000);
        let middle = to as usize / 5..to as usize * 4 / 5;
        got[middle].iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    #[test]
    fn the_output_length_is_exact() {
        for (from, to) in pairs().chain(COPRIME) {
            for len in [1, 2, 4095, 4096, 10_007] {
                let got = in_pieces(&vec![0.5; len], from, to, 1152).len() as u64;
                let want = (len as u64 * u64::from(to)).div_ceil(u64::from(from));
                assert_eq!(got, want, "{len} samples from {from} to {to} Hz");
            }
        }
    }

    #[test]
    fn equal_rates_leave_every_sample_as_it_is() {
        let samples = tone(440.0, 44_100, 5000);
        assert_eq!(in_pieces(&samples, 44_100, 44_100, 999), samples);
    }

    #[test]
    fn a_tone_keeps_its_level_phase_and_place() {
        for (from, to) in pairs() {
            let level = signal_to_noise(0.98, from, to);
            assert!(level > 100.0, "{from} to {to} Hz: {level:.1} dB");
        }
        // Of so long a filter the 32-bit coefficients are less exact.
        for (from, to) in COPRIME {
            let level = signal_to_noise(0.95, from, to);
            assert!(level > 70.0, "{from} to {to} Hz: {level:.1} dB");
        }
    }

    #[test]
    fn a_tone_above_the_new_nyquist_is_removed_and_not_folded_back() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            for part in [1.02, 1.08] {
                let leak = leak(part, from, to);
                assert!(
                    leak < 2e-6,
                    "{part} of Nyquist, {from} to {to} Hz: {leak:e}"
                );
            }
        }
        assert!(leak(1.02, 44_101, 8_000) < 2e-3);
    }

    #[test]
    fn the_pieces_make_no_difference() {
        let samples = tone(1234.5, 44_100, 30_000);
        let whole = in_pieces(&samples, 44_100, 16_000, samples.len());
        for piece in [1, 7, 1152, 4097] {
            assert_eq!(in_pieces(&samples, 44_100, 16_000, piece), whole);
        }
    }
}
