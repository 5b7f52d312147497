//! What would have to change about a file for the runner-up to win: how much louder or quieter its bands would have to be.

#![allow(
    clippy::cast_possible_truncation,
    reason = "gains are sought in f64, and mel frames are f32"
)]

use serde::Serialize;

use super::attribution::{Explainer, Sound, mean};
use super::decision::{Classes, Decision};
use super::parts::{BandPart, octaves};
use crate::gpu::GpuError;
use crate::mel::Preset;

/// Largest gain that is tried, in dB either way: beyond it a recording is another one.
pub const LARGEST_DB: f64 = 24.0;
/// Steps along the gradient.
const STEPS: usize = 4;
/// How far a step goes, in parts of the way to where the score would be 0: the runner-up shall win, not tie.
const BEYOND: f64 = 1.05;
/// How often a change that turns the decision is made smaller.
const HALVINGS: usize = 3;

/// A gain for a group of bands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// Where the bands begin, in Hz.
    pub low_hz: f64,
    /// Where they end, in Hz.
    pub high_hz: f64,
    /// Louder (above 0) or quieter, in dB.
    pub db: f64,
}

/// Gains by band for which the runner-up would win, as far as they were found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// A gain for each octave of bands.
    pub gains: Vec<Gain>,
    /// The score with them, from a forward pass: below 0 the runner-up wins.
    pub score: f64,
    /// Whether it wins.
    pub turned: bool,
}

impl Change {
    /// The root of the mean square of its gains, in dB.
    pub fn size_db(&self) -> f64 {
        let squares = self.gains.iter().map(|gain| gain.db * gain.db);
        (squares.sum::<f64>() / self.gains.len().max(1) as f64).sqrt()
    }
}

/// What would have to change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changes {
    /// All bands together, as little as it takes.
    pub together: Change,
    /// Each octave of bands alone.
    pub alone: Vec<Change>,
}

impl Explainer {
    /// Seeks small gains, in dB by octave of bands, with which the runner-up of a decision would win. All bands together go by
    /// steps along the gradient to where the score, taken for linear, would be 0 (DeepFool, Moosavi-Dezfooli et al. 2016); each
    /// octave alone goes the way that its slope points, up to [`LARGEST_DB`]; what turns the decision is halved towards
    /// what does not. Every score is that of a forward pass over the changed frames. None for a decision without a runner-up.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn change(
        &self,
        sound: &Sound,
        classes: &Classes,
        decision: Decision,
        preset: &Preset,
    ) -> Result<Option<Changes>, GpuError> {
        if decision.runner_up.is_none() {
            return Ok(None);
        }
        let of = Changed {
            explainer: self,
            sound,
            classes,
            decision,
            parts: octaves(preset),
        };
        let still = vec![0.0; of.parts.len()];
        let score = classes.score(decision, &sound.mean());
        let slope = of.slope(&still)?;
        let together = of.together(score, &slope)?;
        let alone = of.alone(score, &slope)?;
        let change = |(gains, score): (Vec<f64>, f64)| Change {
            gains: of.parts.iter().zip(gains).map(gain).collect(),
            score,
            turned: score < 0.0,
        };
        Ok(Some(Changes {
            together: change(together),
            alone: alone.into_iter().map(change).collect(),
        }))
    }
}

fn gain((part, db): (&BandPart, f64)) -> Gain {
    Gain {
        low_hz: part.low_hz,
        high_hz: part.high_hz,
        db,
    }
}

/// A sound that is made louder and quieter by octave of bands.
struct Changed<'a> {
    explainer: &'a Explainer,
    sound: &'a Sound,
    classes: &'a Classes,
    decision: Decision,
    parts: Vec<BandPart>,
}

/// Gains by octave, in dB, with the score that they have.
type Tried = (Vec<f64>, f64);

impl Changed<'_> {
    fn clip(&self, segment: usize, gains: &[f64]) -> Vec<f32> {
        let mut values = self.sound.segments[segment].values.clone();
        let frames = self.explainer.segment.frames();
        for (part, &db) in self.parts.iter().zip(gains) {
            for value in &mut values[part.first * frames..part.end * frames] {
                *value = louder(f64::from(*value), db) as f32;
            }
        }
        values
    }

    /// The scores with some gains.
    fn scores(&self, all: &[Vec<f64>]) -> Result<Vec<f64>, GpuError> {
        let count = self.sound.segments.len();
        let clips: Vec<Vec<f32>> = all
            .iter()
            .flat_map(|gains| (0..count).map(|segment| self.clip(segment, gains)))
            .collect();
        let embeddings = self.explainer.embed(&clips)?;
        let scores = embeddings
            .chunks(count)
            .map(|embeddings| self.classes.score(self.decision, &mean(embeddings)));
        Ok(scores.collect())
    }

    /// The slope of the score by each gain, a dB.
    fn slope(&self, gains: &[f64]) -> Result<Vec<f64>, GpuError> {
        let count = self.sound.segments.len();
        let clips: Vec<Vec<f32>> = (0..count).map(|s| self.clip(s, gains)).collect();
        let at = mean(&self.explainer.embed(&clips)?);
        let by_mean = self.classes.score_gradient(self.decision, &at).into_iter();
        let by_mean: Vec<f32> = by_mean.map(|s| (s / count as f64) as f32).collect();
        let mut slope = vec![0.0; gains.len()];
        let frames = self.explainer.segment.frames();
        let parts = &self.parts;
        let clip = |k: usize| (clips[k].clone(), by_mean.clone());
        self.explainer
            .gradient
            .of_clips(count, clip, |k, by_clip| {
                for (sum, part) in slope.iter_mut().zip(parts) {
                    let range = part.first * frames..part.end * frames;
                    let pairs = by_clip[range.clone()].iter().zip(&clips[k][range]);
                    *sum += pairs
                        .map(|(&by_value, &value)| {
                            f64::from(by_value) * slope_by_db(f64::from(value))
                        })
                        .sum::<f64>();
                }
            })?;
        Ok(slope)
    }

    fn together(&self, score: f64, slope: &[f64]) -> Result<Tried, GpuError> {
        let (mut at, mut slope) = ((vec![0.0; slope.len()], score), slope.to_vec());
        let mut best = at.clone();
        for step in 0..STEPS {
            let steepness: f64 = slope.iter().map(|s| s * s).sum();
            if steepness == 0.0 {
                break;
            }
            let moved = at.0.iter().zip(&slope).map(|(gain, slope)| {
                let to = gain - BEYOND * at.1 * slope / steepness;
                to.clamp(-LARGEST_DB, LARGEST_DB)
            });
            let moved: Vec<f64> = moved.collect();
            let score = self.scores(std::slice::from_ref(&moved))?[0];
            if score < best.1 {
                best = (moved.clone(), score);
            }
            if score < 0.0 {
                return Ok(self.smaller(vec![(at.0, best)])?.remove(0));
            }
            at = (moved, score);
            if step + 1 < STEPS {
                slope = self.slope(&at.0)?;
            }
        }
        Ok(best)
    }

    fn alone(&self, score: f64, slope: &[f64]) -> Result<Vec<Tried>, GpuError> {
        let count = slope.len();
        let only = |part: usize, db: f64| {
            let mut gains = vec![0.0; count];
            gains[part] = db;
            gains
        };
        // Where the score would be 0 were it linear, then as far as is tried.
        let way = |part: usize| -slope[part].signum();
        let near = |part: usize| (BEYOND * score / slope[part].abs()).min(LARGEST_DB);
        let first: Vec<Vec<f64>> = (0..count).map(|p| only(p, way(p) * near(p))).collect();
        let mut found: Vec<Tried> = self
            .scores(&first)?
            .into_iter()
            .zip(first)
            .map(swap)
            .collect();
        let short = |part: &usize| found[*part].1 >= 0.0 && near(*part) < LARGEST_DB;
        let short: Vec<usize> = (0..count).filter(short).collect();
        let mut start = vec![vec![0.0; count]; count];
        let far: Vec<Vec<f64>> = short
            .iter()
            .map(|&p| only(p, way(p) * LARGEST_DB))
            .collect();
        for ((part, score), gains) in short.iter().zip(self.scores(&far)?).zip(far) {
            let before = std::mem::replace(&mut found[*part], (gains, score));
            start[*part] = before.0;
        }
        let turned: Vec<usize> = (0..count).filter(|&part| found[part].1 < 0.0).collect();
        let ways = turned
            .iter()
            .map(|&part| (start[part].clone(), found[part].clone()));
        let smaller = self.smaller(ways.collect())?;
        for (part, smaller) in turned.into_iter().zip(smaller) {
            found[part] = smaller;
        }
        Ok(found)
    }

    /// Halves changes that turn the decision towards ones that do not.
    fn smaller(&self, mut ways: Vec<(Vec<f64>, Tried)>) -> Result<Vec<Tried>, GpuError> {
        for _ in 0..HALVINGS {
            let between = |(low, (high, _)): &(Vec<f64>, Tried)| -> Vec<f64> {
                low.iter().zip(high).map(|(a, b)| (a + b) / 2.0).collect()
            };
            let middles: Vec<Vec<f64>> = ways.iter().map(between).collect();
            for ((way, score), middle) in ways.iter_mut().zip(self.scores(&middles)?).zip(middles) {
                match score < 0.0 {
                    true => way.1 = (middle, score),
                    false => way.0 = middle,
                }
            }
        }
        Ok(ways.into_iter().map(|(_, turned)| turned).collect())
    }
}

fn swap((score, gains): (f64, Vec<f64>)) -> Tried {
    (gains, score)
}

/// A compressed value, `log10(1 + c power)`, of a power that is so many dB louder.
fn louder(value: f64, db: f64) -> f64 {
    let power = 10f64.powf(value) - 1.0;
    (1.0 + 10f64.powf(db / 10.0) * power).log10()
}

/// The slope by dB of a compressed value, where it has come to by [`louder`].
fn slope_by_db(value: f64) -> f64 {
    (1.0 - 10f64.powf(-value)) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_that_of_the_power_and_its_slope_that_of_its_differences() {
        let compressed = |power: f64| (1.0 + 1e4 * power).log10();
        for power in [0.0, 1e-6, 0.003, 2.0] {
            for db in [-24.0, -3.0, 0.0, 10.0] {
                let value = louder(compressed(power), db);
                let wanted = compressed(power * 10f64.powf(db / 10.0));
                assert!((value - wanted).abs() < 1e-9, "{power} {db}");
                let change = louder(compressed(power), db + 1e-4) - value;
                assert!((slope_by_db(value) - change / 1e-4).abs() < 1e-5);
            }
        }
        assert_eq!(louder(0.0, 24.0), 0.0);
    }
}
