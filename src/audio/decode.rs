//! From one file to mono at the wanted rate.

use std::ops::ControlFlow;
use std::path::Path;

use super::error::AudioErrorKind;
use super::info::{AudioInfo, SAMPLE_RATES};
use super::isolate::isolate;
use super::resample::Resampler;
use super::source::{Access, Source};

/// Larger samples are taken for garbage: full scale is 1, and 32768 in files of unscaled floats.
const MAX_SAMPLE: f32 = 1e9;

pub(super) fn stream(
    path: &Path,
    sample_rate: u32,
    sink: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<AudioInfo, AudioErrorKind> {
    if !SAMPLE_RATES.contains(&sample_rate) {
        return Err(AudioErrorKind::TargetRate(sample_rate));
    }
    // Symphonia refuses some files that are cut off or of unstated length if it can look ahead to
    // their end, but reads them if it cannot. `sink` has seen nothing yet when this is tried.
    let forward = || isolate(|| Source::open(path, Access::Forward));
    let source = isolate(|| Source::open(path, Access::Seek))
        .or_else(|error| forward().map_err(|_| error))?;
    match drain(source, sample_rate, sink) {
        Err(AudioErrorKind::NoSamples) => {
            let source = forward().map_err(|_| AudioErrorKind::NoSamples)?;
            drain(source, sample_rate, sink)
        }
        result => result,
    }
}

fn drain(
    mut source: Source,
    sample_rate: u32,
    sink: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
) -> Result<AudioInfo, AudioErrorKind> {
    let mut info = AudioInfo {
        codec: source.codec(),
        source_rate: 0,
        channels: 0,
        source_frames: 0,
        samples: 0,
        duration_s: 0.0,
        stopped: false,
        warnings: Vec::new(),
    };
    let mut resampler: Option<Resampler> = None;
    // Where the stream that `resampler` works on begins: files may be chains of several.
    let mut start_s = 0.0;
    let mut garbage: Option<(u64, f64)> = None;
    let (mut mono, mut output) = (Vec::new(), Vec::new());
    loop {
        mono.clear();
        output.clear();
        // Only the decoder's panics are caught, not those of `sink`.
        let rate = isolate(|| source.next(&mut mono))?;
        if let Some(done) = resampler.take_if(|resampler| Some(resampler.input_rate()) != rate) {
            done.finish(&mut output);
            start_s = info.duration_s;
        }
        if let Some(rate) = rate {
            if info.source_frames == 0 {
                (info.source_rate, info.channels) = (rate, source.channels());
            }
            for (i, sample) in mono.iter().enumerate() {
                if sample.is_nan() || sample.abs() > MAX_SAMPLE {
                    let at = info.duration_s + i as f64 / f64::from(rate);
                    garbage.get_or_insert((0, at)).0 += 1;
                }
            }
            let resampler = resampler.get_or_insert_with(|| Resampler::new(rate, sample_rate));
            // rubato panics on NaN.
            if garbage.is_none() {
                resampler.push(&mono, &mut output);
            }
            info.source_frames += mono.len() as u64;
            info.duration_s = start_s + resampler.consumed() as f64 / f64::from(rate);
        }
        if garbage.is_none() && !output.is_empty() {
            info.samples += output.len() as u64;
            if sink(&output).is_break() {
                info.stopped = true;
                info.warnings.extend(source.silence());
                return Ok(info);
            }
        }
        if rate.is_none() {
            break;
        }
    }
    if let Some((count, first_s)) = garbage {
        return Err(AudioErrorKind::NotFinite { count, first_s });
    }
    if info.source_frames == 0 {
        return Err(AudioErrorKind::NoSamples);
    }
    info.warnings = source.warnings(&info);
    info.warnings.extend(source.silence());
    Ok(info)
}
