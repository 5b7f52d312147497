//! Tempo and pitch, each without the other, by the phase vocoder of the crate timestretch.

use timestretch::{Backend, Parameters, PitchRatio, SessionConfig, TempoRate, render};

use crate::audio::resample;

/// The rate at which timestretch works.
const RATE: u32 = 48_000;

/// `factor` times as fast at the same pitch: about `samples.len() / factor` samples.
pub(super) fn tempo(samples: &[f32], rate: u32, factor: f64) -> Result<Vec<f32>, String> {
    let tempo = TempoRate::new(factor).map_err(|error| error.to_string())?;
    stretch(samples, rate, Parameters::keylock(tempo))
}

/// `semitones` higher at the same tempo and length.
pub(super) fn pitch(samples: &[f32], rate: u32, semitones: f64) -> Result<Vec<f32>, String> {
    let parameters = Parameters {
        pitch: PitchRatio::from_semitones(semitones).map_err(|error| error.to_string())?,
        ..Parameters::default()
    };
    let mut out = stretch(samples, rate, parameters)?;
    // Its hops round the length by a thousandth.
    out.resize(samples.len(), 0.0);
    Ok(out)
}

fn stretch(samples: &[f32], rate: u32, parameters: Parameters) -> Result<Vec<f32>, String> {
    let config = SessionConfig {
        source_sample_rate: RATE,
        output_sample_rate: RATE,
        channels: 1,
        parameters,
        // The same bits on every machine.
        backend: Backend::Portable,
        ..SessionConfig::default()
    };
    let input = resample(samples, rate, RATE);
    let rendered = render(&input, config).map_err(|error| error.to_string())?;
    Ok(resample(&rendered.samples, RATE, rate))
}
