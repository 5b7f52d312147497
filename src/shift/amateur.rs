//! A recording by telephone, through an overdriven input or a bad cable, sent at a low bit rate.

use std::f64::consts::TAU;

use opus_pure::{Application, MAX_PACKET_BYTES, OpusDecoder, OpusEncoder};

use super::filter::{Biquad, butterworth, filter};
use super::level::{add_noise, decibels_to_factor, match_level, scale};
use crate::audio::resample;
use crate::random::Stream;

/// Product of the edges of a telephone's band, 300 and 3400 Hz. Wider bands have the same.
const EDGES: f64 = 300.0 * 3400.0;

/// Harmonics of the mains.
const HARMONICS: usize = 10;

/// The sample rate that Opus codes here: low rates use no higher one.
const CODEC_RATE: u32 = 24_000;

/// Butterworth filters of order 8 at both edges.
pub(super) fn phone(samples: &[f32], rate: f64, upper: f64) -> Vec<f32> {
    let upper = upper.max(1.0);
    let low = butterworth().map(|q| Biquad::high_pass(rate, EDGES / upper, q));
    let high = butterworth().map(|q| Biquad::low_pass(rate, upper, q));
    let out = filter(&filter(samples, &mut { low }), &mut { high });
    match_level(out, samples)
}

/// Cuts off what lies within `db` of the loudest peak.
pub(super) fn clipping(samples: &[f32], db: f64) -> Vec<f32> {
    let peak = samples.iter().fold(0f32, |m, x| m.max(x.abs()));
    let limit = peak * decibels_to_factor(-db.max(0.0)) as f32;
    let out = samples.iter().map(|x| x.clamp(-limit, limit)).collect();
    match_level(out, samples)
}

/// 50 or 60 Hz with harmonics of falling strength.
pub(super) fn hum(samples: &[f32], rate: f64, snr_db: f64, stream: &mut Stream) -> Vec<f32> {
    let mains = [50.0, 60.0][stream.below(2)];
    let mut hum = vec![0f32; samples.len()];
    for k in 1..=HARMONICS {
        let (phase, strength) = (stream.unit(), (0.5 + stream.unit()) / k as f64);
        for (i, x) in hum.iter_mut().enumerate() {
            let turn = mains * k as f64 * i as f64 / rate + phase;
            *x += (strength * (TAU * turn.fract()).sin()) as f32;
        }
    }
    add_noise(samples, hum, snr_db)
}

/// A gain, then the rounding and the full scale of a 16-bit file.
pub(super) fn level(samples: &[f32], db: f64) -> Vec<f32> {
    let mut out = samples.to_vec();
    scale(&mut out, decibels_to_factor(db) * 32768.0);
    let sixteen_bits = |x: f32| x.round().clamp(-32768.0, 32767.0) / 32768.0;
    out.into_iter().map(sixteen_bits).collect()
}

/// Encodes as Opus and decodes again, aligned with the input.
pub(super) fn codec(samples: &[f32], rate: u32, kbits: f64) -> Result<Vec<f32>, String> {
    if !(6.0..=510.0).contains(&kbits) {
        return Err("Opus has 6 to 510 kbit/s".into());
    }
    let said = |error: opus_pure::Error| error.to_string();
    let mut encoder = OpusEncoder::new(CODEC_RATE as i32, 1, Application::Audio).map_err(said)?;
    encoder.bitrate_bps = (kbits * 1000.0) as i32;
    let mut decoder = OpusDecoder::new(CODEC_RATE as i32, 1).map_err(said)?;
    let input = resample(samples, rate, CODEC_RATE);
    // 20 ms.
    let frame = CODEC_RATE as usize / 50;
    let delay = encoder.lookahead();
    let mut padded = input;
    padded.resize((padded.len() + delay).next_multiple_of(frame), 0.0);
    let mut packet = vec![0; MAX_PACKET_BYTES];
    let mut decoded = vec![0f32; padded.len()];
    for (input, output) in padded.chunks(frame).zip(decoded.chunks_mut(frame)) {
        let bytes = encoder.encode(input, frame, &mut packet).map_err(said)?;
        decoder
            .decode(&packet[..bytes], frame, output)
            .map_err(said)?;
    }
    let mut out = resample(&decoded[delay..], CODEC_RATE, rate);
    out.resize(samples.len(), 0.0);
    Ok(out)
}
