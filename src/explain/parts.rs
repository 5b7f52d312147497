//! An attribution in parts that add up to the whole: by band, by time scale, along the file.

#![allow(
    clippy::cast_possible_truncation,
    reason = "sums are kept in f64, and pictures are f32"
)]

use realfft::RealFftPlanner;
use serde::Serialize;

use super::attribution::Attribution;
use crate::features::SegmentShape;
use crate::mel::Preset;

/// Hz at which bands are grouped: octaves.
const OCTAVES: [f64; 7] = [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0];

/// Seconds at which periods are grouped: octaves, with the lengths of beats among them. At 120 beats a minute a beat lasts
/// 0.5 s, a bar of four 2 s.
const PERIODS: [f64; 6] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0];

/// Some neighbouring mel bands, and what they added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandPart {
    /// Where they begin, in Hz.
    pub low_hz: f64,
    /// Where they end, in Hz.
    pub high_hz: f64,
    /// The first of the bands.
    #[serde(skip)]
    pub first: usize,
    /// The one behind the last.
    #[serde(skip)]
    pub end: usize,
    /// What they added to the score, in nats.
    pub added: f64,
}

/// Changes of the sound of some periods, and what they added.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PeriodPart {
    /// The shortest of the periods in seconds; 0 for all that are shorter than `longest_s`.
    pub shortest_s: f64,
    /// The longest in seconds; none for all that are longer.
    pub longest_s: Option<f64>,
    /// Whether it is no change at all: the mean of each band over the file.
    pub steady: bool,
    /// What they added to the score, in nats.
    pub added: f64,
}

/// Neighbouring mel bands by octaves, as [first, end) of bands with their ends in Hz. A band belongs where its centre is.
pub(super) fn octaves(preset: &Preset) -> Vec<BandPart> {
    let centres = preset.band_centres();
    let mut parts: Vec<BandPart> = Vec::new();
    let octave = |hz: f64| OCTAVES.iter().filter(|edge| hz >= **edge).count();
    for (band, &centre) in centres.iter().enumerate() {
        let which = octave(centre);
        match parts.last_mut() {
            Some(last) if octave(centres[last.first]) == which => last.end = band + 1,
            _ => parts.push(BandPart {
                low_hz: which.checked_sub(1).map_or(preset.f_min, |k| OCTAVES[k]),
                high_hz: OCTAVES
                    .get(which)
                    .map_or(preset.f_max, |edge| edge.min(preset.f_max)),
                first: band,
                end: band + 1,
                added: 0.0,
            }),
        }
    }
    parts
}

/// What each octave of bands added.
pub fn by_band(attribution: &Attribution, preset: &Preset) -> Vec<BandPart> {
    let mut parts = octaves(preset);
    let rows: Vec<&[f32]> = attribution
        .values
        .chunks(attribution.frames.max(1))
        .collect();
    for part in &mut parts {
        let bands = rows.iter().take(part.end).skip(part.first);
        part.added = bands
            .flat_map(|row| row.iter())
            .map(|&v| f64::from(v))
            .sum();
    }
    parts
}

/// What each of some equal spans of the file added, each of `frames` frames but for the last, which may be shorter.
pub fn by_span(attribution: &Attribution, frames: usize) -> Vec<f64> {
    let mut sums = vec![0.0; attribution.frames.div_ceil(frames.max(1))];
    for row in attribution.values.chunks(attribution.frames.max(1)) {
        for (sum, span) in sums.iter_mut().zip(row.chunks(frames.max(1))) {
            *sum += span.iter().map(|&v| f64::from(v)).sum::<f64>();
        }
    }
    sums
}

/// What changes of each period added, longest first.
///
/// The levels of each band over the file are cut by their periods: mirrored at its ends, so that no jump is heard there, into
/// what Fourier's transform makes of them. An attribution is a product of the levels with a gradient, so each period's part of
/// the levels has its part of the attribution, and all of them add up to the whole.
pub fn by_period(attribution: &Attribution, levels: &[f32], preset: &Preset) -> Vec<PeriodPart> {
    let frames = attribution.frames;
    let steady = PeriodPart {
        shortest_s: 0.0,
        longest_s: None,
        steady: true,
        added: 0.0,
    };
    let mut parts = vec![steady];
    for k in (0..=PERIODS.len()).rev() {
        parts.push(PeriodPart {
            shortest_s: k.checked_sub(1).map_or(0.0, |below| PERIODS[below]),
            longest_s: PERIODS.get(k).copied(),
            steady: false,
            added: 0.0,
        });
    }
    let length = 2 * frames;
    let fft = RealFftPlanner::<f64>::new().plan_fft_forward(length);
    let spectrum = |row: &[f32]| {
        let values = row.iter().chain(row.iter().rev());
        let mut mirrored: Vec<f64> = values.map(|&v| f64::from(v)).collect();
        let mut spectrum = fft.make_output_vec();
        // The buffers have the lengths that were asked for.
        let _ = fft.process(&mut mirrored, &mut spectrum);
        spectrum
    };
    let rows = levels.chunks(frames.max(1));
    for (levels, gradient) in rows.zip(attribution.gradient.chunks(frames.max(1))) {
        let pairs = spectrum(levels).into_iter().zip(spectrum(gradient));
        for (k, (level, gradient)) in pairs.enumerate() {
            // Parseval's theorem: all frequencies but the ends stand for two; the mirrored half doubles all.
            let twice = if k == 0 || k == frames { 1.0 } else { 2.0 };
            let added = twice * (level * gradient.conj()).re / length as f64 / 2.0;
            let part = match k {
                0 => 0,
                k => {
                    let period = SegmentShape::seconds(preset, length) / k as f64;
                    1 + PERIODS.iter().rev().filter(|edge| period < **edge).count()
                }
            };
            parts[part].added += added;
        }
    }
    parts
}

/// An attribution as the eye can take it in: the means over so many bands and frames around each value, taken twice. Integrated
/// gradients of neighbours often differ in sign, and what counts is what is left of them together.
pub fn smoothed(attribution: &Attribution, bands: usize, frames: usize) -> Vec<f32> {
    let mut values = attribution.values.clone();
    let (rows, columns) = (attribution.bands, attribution.frames);
    for _ in 0..2 {
        for row in values.chunks_mut(columns.max(1)) {
            row.copy_from_slice(&means(row, frames));
        }
        for column in 0..columns {
            let down: Vec<f32> = (0..rows)
                .map(|row| values[row * columns + column])
                .collect();
            for (row, mean) in means(&down, bands).into_iter().enumerate() {
                values[row * columns + column] = mean;
            }
        }
    }
    values
}

/// The mean of so many values around each, an odd number; of fewer at the ends.
fn means(values: &[f32], window: usize) -> Vec<f32> {
    let half = window / 2;
    let mut before = vec![0.0f64];
    for &value in values {
        before.push(before[before.len() - 1] + f64::from(value));
    }
    (0..values.len())
        .map(|at| {
            let (from, to) = (at.saturating_sub(half), (at + half + 1).min(values.len()));
            ((before[to] - before[from]) / (to - from) as f64) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Decision;

    /// An attribution of levels by a gradient.
    fn attribution(levels: &[f32], gradient: &[f32], frames: usize) -> Attribution {
        let products = levels.iter().zip(gradient).map(|(x, g)| x * g);
        Attribution {
            decision: Decision {
                winner: 0,
                runner_up: None,
            },
            bands: levels.len() / frames,
            frames,
            values: products.collect(),
            gradient: gradient.to_vec(),
            score: 0.0,
            silence: 0.0,
            sum: 0.0,
            steps: 1,
        }
    }

    #[test]
    fn all_bands_are_in_one_octave_each_and_their_parts_add_up() {
        let preset = Preset::gamaka();
        let values: Vec<f32> = (0..64 * 3).map(|k| (k as f32).sin()).collect();
        let parts = by_band(&attribution(&values, &vec![1.0; 64 * 3], 3), &preset);
        let ends: Vec<[usize; 2]> = parts.iter().map(|p| [p.first, p.end]).collect();
        assert!(ends.windows(2).all(|pair| pair[0][1] == pair[1][0]));
        assert_eq!([ends[0][0], ends[ends.len() - 1][1]], [0, 64]);
        assert_eq!([parts[0].low_hz, parts[0].high_hz], [30.0, 125.0]);
        assert_eq!(parts[parts.len() - 1].high_hz, 10_000.0);
        let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
        assert!((parts.iter().map(|p| p.added).sum::<f64>() - sum).abs() < 1e-6);
    }

    #[test]
    fn a_beat_is_found_at_its_own_period_and_all_periods_add_up() {
        let preset = Preset::gamaka();
        // Two bands: a steady one, and one that swells every 0.7 s.
        let frames = 1292;
        let seconds = |frame: usize| SegmentShape::seconds(&preset, frame);
        let swell = |frame| (std::f64::consts::TAU * seconds(frame) / 0.7).cos() as f32;
        let levels: Vec<f32> = (0..frames)
            .map(|_| 2.0)
            .chain((0..frames).map(|frame| 1.0 + swell(frame)))
            .collect();
        let gradient: Vec<f32> = (0..frames)
            .map(|_| 0.5)
            .chain((0..frames).map(swell))
            .collect();
        let found = attribution(&levels, &gradient, frames);
        let parts = by_period(&found, &levels, &preset);
        let whole: f64 = found.values.iter().map(|&v| f64::from(v)).sum();
        assert!((parts.iter().map(|p| p.added).sum::<f64>() - whole).abs() < 1e-3);
        assert!(parts[0].steady && (parts[0].added - frames as f64).abs() < 0.02 * frames as f64);
        let of_beat = parts.iter().find(|p| p.shortest_s == 0.5).unwrap();
        assert_eq!(of_beat.longest_s, Some(1.0));
        assert!((of_beat.added - frames as f64 / 2.0).abs() < 0.02 * frames as f64);
        let others = parts.iter().filter(|p| !p.steady && p.shortest_s != 0.5);
        assert!(others.map(|p| p.added.abs()).sum::<f64>() < 0.05 * frames as f64);
    }

    #[test]
    fn smoothing_keeps_what_is_even_and_spreads_what_stands_alone() {
        let even = attribution(&[2.0; 12], &[1.0; 12], 4);
        assert_eq!(smoothed(&even, 3, 3), [2.0; 12]);
        let mut alone = vec![0.0; 7 * 9];
        alone[3 * 9 + 4] = 1.0;
        let found = smoothed(&attribution(&alone, &[1.0; 63], 9), 3, 3);
        // A pyramid: 3 of 9 in each direction at its top.
        assert!((found[3 * 9 + 4] - 1.0 / 9.0).abs() < 1e-6);
        assert!((found[2 * 9 + 4] - 2.0 / 27.0).abs() < 1e-6);
        assert!(found[9 + 2].abs() > 0.0 && found[4] == 0.0);
    }

    #[test]
    fn a_file_of_one_frame_is_steady() {
        let levels = [1.0, -2.0, 0.5];
        let found = attribution(&levels, &[0.3, 0.1, 2.0], 1);
        let parts = by_period(&found, &levels, &Preset::gamaka());
        // Its mirrored pair has one change, between two equal frames.
        assert!((parts[0].added - 1.1).abs() < 1e-6, "{parts:?}");
        assert_eq!(by_span(&found, 4).len(), 1);
    }
}
