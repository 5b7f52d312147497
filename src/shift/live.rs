//! A concert: the room, its guests, and its loudspeakers.

use realfft::RealFftPlanner;

use super::filter::{Biquad, filter};
use super::level::{add_noise, decibels_to_factor, match_level, scale};
use crate::random::Stream;

/// Reverberation time at which as much sound comes from the room as straight from the stage. In a room of a given
/// size the first grows with the time.
const EVEN_AT_S: f64 = 0.5;

/// From the sound itself to its first echo.
const FIRST_ECHO_S: f64 = 0.01;

/// Voices that make a crowd.
const VOICES: usize = 12;

/// The sound followed by noise that falls by 60 dB in `rt60` seconds.
pub(super) fn reverb(samples: &[f32], rate: f64, rt60: f64, stream: &mut Stream) -> Vec<f32> {
    let response = impulse_response(rate, rt60.max(0.0), stream);
    match_level(convolve(samples, &response), samples)
}

/// 1, then white noise under an exponential envelope, with the energy `rt60 / EVEN_AT_S`.
pub(super) fn impulse_response(rate: f64, rt60: f64, stream: &mut Stream) -> Vec<f32> {
    let first = (FIRST_ECHO_S * rate) as usize;
    let length = (rt60 * rate).ceil() as usize;
    let fall = -(1e3f64.ln()) / (rt60 * rate).max(1.0);
    let mut tail: Vec<f32> = (0..length)
        .map(|i| (stream.normal() * (fall * i as f64).exp()) as f32)
        .collect();
    let energy: f64 = tail.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    scale(
        &mut tail,
        (rt60 / EVEN_AT_S / energy.max(f64::MIN_POSITIVE)).sqrt(),
    );
    let mut response = vec![0.0; first.max(1)];
    response[0] = 1.0;
    response.extend(tail);
    response
}

/// The first `samples.len()` samples of the convolution.
#[expect(
    clippy::expect_used,
    reason = "the buffers have the sizes that realfft asks for"
)]
fn convolve(samples: &[f32], response: &[f32]) -> Vec<f32> {
    let length = (samples.len() + response.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let forward = planner.plan_fft_forward(length);
    let backward = planner.plan_fft_inverse(length);
    const SIZES: &str = "the buffers have the sizes that realfft asks for";
    let spectrum = |values: &[f32]| {
        let mut padded = values.to_vec();
        padded.resize(length, 0.0);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut padded, &mut spectrum).expect(SIZES);
        spectrum
    };
    let mut product = spectrum(samples);
    for (x, h) in product.iter_mut().zip(spectrum(response)) {
        *x *= h;
    }
    // The first and last are real but for rounding, which realfft would refuse.
    product[0].im = 0.0;
    if let Some(last) = product.last_mut() {
        last.im = 0.0;
    }
    let mut out = vec![0.0; length];
    backward.process(&mut product, &mut out).expect(SIZES);
    out.truncate(samples.len());
    scale(&mut out, 1.0 / length as f64);
    out
}

/// Many voices at once: noise through two formants each, which comes in syllables of 3 to 6 a second.
pub(super) fn crowd(samples: &[f32], rate: f64, snr_db: f64, stream: &mut Stream) -> Vec<f32> {
    let mut talk = vec![0f32; samples.len()];
    for _ in 0..VOICES {
        let between = |low: f64, high: f64, stream: &mut Stream| low + (high - low) * stream.unit();
        let noise: Vec<f32> = (0..samples.len()).map(|_| stream.normal() as f32).collect();
        let (first, second) = (
            between(300.0, 900.0, stream),
            between(1000.0, 2500.0, stream),
        );
        let low = filter(&noise, &mut [Biquad::band_pass(rate, first, 2.0)]);
        let high = filter(&noise, &mut [Biquad::band_pass(rate, second, 3.0)]);
        let syllables = between(3.0, 6.0, stream);
        let phase = stream.unit();
        let loudness = between(0.3, 1.0, stream);
        for (i, talk) in talk.iter_mut().enumerate() {
            let turn = std::f64::consts::TAU * (syllables * i as f64 / rate + phase);
            let envelope = (loudness * (0.5 - 0.5 * turn.cos()).powi(2)) as f32;
            *talk += envelope * (low[i] + 0.4 * high[i]);
        }
    }
    add_noise(samples, talk, snr_db)
}

/// `db` more bass, half of that around 3 kHz, as much less from the muddy middle, and less air. Where the peaks lie
/// differs from house to house.
pub(super) fn pa(samples: &[f32], rate: f64, db: f64, stream: &mut Stream) -> Vec<f32> {
    let mut around = |hz: f64| hz * 2f64.powf(0.6 * (stream.unit() - 0.5));
    let [bass, mud, presence, air] = [110.0, 400.0, 3000.0, 8000.0].map(&mut around);
    let mut sections = [
        Biquad::low_shelf(rate, bass, db),
        Biquad::peak(rate, mud, 1.0, -db / 2.0),
        Biquad::peak(rate, presence, 1.2, db / 2.0),
        // A high shelf is a low one with the whole turned down.
        Biquad::low_shelf(rate, air, db),
        Biquad::high_pass(rate, 40.0, std::f64::consts::FRAC_1_SQRT_2),
    ];
    let mut out = filter(samples, &mut sections);
    scale(&mut out, decibels_to_factor(-db));
    match_level(out, samples)
}
