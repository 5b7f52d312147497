//! What of a file mattered for a decision: integrated gradients, down to the mel frames.

#![allow(
    clippy::cast_possible_truncation,
    reason = "sums are kept in f64, and what goes to a device or into a picture is f32"
)]

use serde::Serialize;

use super::decision::{Classes, Decision};
use super::input_gradient::InputGradient;
use crate::embedder::Embedder;
use crate::features::{Segment, SegmentShape, Segmenter};
use crate::gpu::{Gpu, GpuError};
use crate::model::Network;

/// Intervals of the rules that are tried, until the attribution is complete to [`COMPLETE`]: each has the nodes of the one before.
const LEVELS: [usize; 4] = [8, 16, 32, MOST_INTERVALS];
const MOST_INTERVALS: usize = 128;

/// Largest share of the difference that may be missing.
pub const COMPLETE: f64 = 0.01;

/// About as many clips are held in memory at a time.
const CLIPS_AT_ONCE: usize = 256;

/// A network that says what it heard in a file's mel frames.
#[derive(Debug)]
pub struct Explainer {
    embedder: Embedder,
    pub(super) gradient: InputGradient,
    pub(super) segment: SegmentShape,
    bands: usize,
}

/// What a network heard of a file.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Compressed mel frames, band-major `[bands][frames]`; 0 is silence.
    pub values: Vec<f32>,
    /// Number of frames.
    pub frames: usize,
    /// Its segments, at least one.
    pub segments: Vec<Segment>,
    /// The embedding of each.
    pub embeddings: Vec<Vec<f32>>,
}

impl Sound {
    /// The mean over the segments, by which a file is judged.
    pub fn mean(&self) -> Vec<f64> {
        mean(&self.embeddings)
    }
}

/// The mean of embeddings.
pub(super) fn mean(embeddings: &[Vec<f32>]) -> Vec<f64> {
    let width = embeddings.first().map_or(0, Vec::len);
    let mut mean = vec![0.0; width];
    for embedding in embeddings {
        for (sum, &value) in mean.iter_mut().zip(embedding) {
            *sum += f64::from(value) / embeddings.len() as f64;
        }
    }
    mean
}

/// How much each value of a file's mel frames added to the score of a decision: integrated gradients (Sundararajan et al. 2017)
/// along the straight way from silence, by Clenshaw-Curtis quadrature.
///
/// Silence is where the way begins because networks know it: it is what files that are too short end with, and what masks put in
/// the place of bands and frames while they learn. So nothing is said of where nothing sounds; that a sound is missing shows in
/// [`Self::silence`] alone.
#[derive(Debug, Clone, Serialize)]
pub struct Attribution {
    /// Which classes it is between.
    pub decision: Decision,
    /// Mel bands.
    pub bands: usize,
    /// Frames.
    pub frames: usize,
    /// Of each value of the file, band-major `[bands][frames]`, in nats.
    #[serde(skip)]
    pub values: Vec<f32>,
    /// The mean gradient along the way, of the same shape: `values` is its product with the file's.
    #[serde(skip)]
    pub gradient: Vec<f32>,
    /// The score of the file, [`Classes::score`].
    pub score: f64,
    /// The score of as much silence.
    pub silence: f64,
    /// The sum of [`Self::values`], which should be `score - silence`.
    pub sum: f64,
    /// Steps along the way.
    pub steps: usize,
}

impl Attribution {
    /// How much is missing, as a share of what it should be; 0 where a file scores as silence does.
    pub fn missing(&self) -> f64 {
        let all = self.score - self.silence;
        match (self.sum - all).abs() {
            0.0 => 0.0,
            missing => missing / all.abs(),
        }
    }
}

impl Explainer {
    /// Compiles a network with these parameters (flat layout) that hears files in such segments.
    ///
    /// # Errors
    /// [`GpuError`].
    pub fn new(
        gpu: &Gpu,
        network: &Network,
        parameters: &[f32],
        segment: SegmentShape,
    ) -> Result<Self, GpuError> {
        Ok(Self {
            embedder: Embedder::new(gpu, network, parameters)?,
            gradient: InputGradient::new(gpu, network, parameters)?,
            segment,
            bands: network.input[0],
        })
    }

    /// Hears compressed mel frames, band-major `[bands][frames]`, at least one frame.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn hear(&self, values: Vec<f32>) -> Result<Sound, GpuError> {
        let segments = Segmenter::whole(self.segment, self.bands, &values);
        let clips: Vec<Vec<f32>> = segments.iter().map(|s| s.values.clone()).collect();
        Ok(Sound {
            frames: values.len() / self.bands,
            embeddings: self.embedder.embed(&clips)?,
            values,
            segments,
        })
    }

    /// What embeds clips.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// The embeddings of a file's segments as they would be with other values in place of its own.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn embed(&self, clips: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, GpuError> {
        self.embedder.embed(clips)
    }

    /// What of a sound mattered for a decision, with as few steps as make it complete to [`COMPLETE`], or the most there are.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn attribute(
        &self,
        sound: &Sound,
        classes: &Classes,
        decision: Decision,
    ) -> Result<Attribution, GpuError> {
        let (length, count) = (self.segment.frames(), sound.segments.len());
        let silent = self.embedder.embed(&[vec![0.0; self.bands * length]])?;
        let silence = mean(&silent);
        let score = classes.score(decision, &sound.mean());
        let silence_score = classes.score(decision, &silence);
        // The mean gradient of the file by each rule: its nodes are among those of the next.
        let mut gradients = LEVELS.map(|_| vec![0.0f64; sound.values.len()]);
        let mut known: Vec<usize> = Vec::new();
        for (level, intervals) in LEVELS.into_iter().enumerate() {
            let stride = MOST_INTERVALS / intervals;
            let wanted = (0..=intervals).map(|k| k * stride);
            let new: Vec<usize> = wanted.filter(|node| !known.contains(node)).collect();
            let weights = |node: usize, level: usize| {
                let intervals = LEVELS[level];
                weight(intervals, node / (MOST_INTERVALS / intervals))
            };
            for nodes in new.chunks(CLIPS_AT_ONCE.div_ceil(count)) {
                let slopes = self.slopes(nodes, sound, &silence, classes, decision)?;
                let clip = |k: usize| {
                    let values = part_of(&sound.segments[k % count], place(nodes[k / count]));
                    (values, slopes[k / count].clone())
                };
                self.gradient
                    .of_clips(nodes.len() * count, clip, |k, by_clip| {
                        let Segment { first, present, .. } = sound.segments[k % count];
                        for (level, sums) in gradients.iter_mut().enumerate().skip(level) {
                            let weight = weights(nodes[k / count], level);
                            for (band, sums) in sums.chunks_mut(sound.frames).enumerate() {
                                let more = &by_clip[band * length..][..present];
                                for (sum, &more) in sums[first..].iter_mut().zip(more) {
                                    *sum += weight * f64::from(more);
                                }
                            }
                        }
                    })?;
            }
            known.extend(new);
            let gradient = &gradients[level];
            let values: Vec<f64> = gradient
                .iter()
                .zip(&sound.values)
                .map(|(g, &x)| g * f64::from(x))
                .collect();
            let found = Attribution {
                decision,
                bands: self.bands,
                frames: sound.frames,
                score,
                silence: silence_score,
                sum: values.iter().sum(),
                values: values.into_iter().map(|value| value as f32).collect(),
                gradient: gradient.iter().map(|&g| g as f32).collect(),
                steps: intervals + 1,
            };
            if found.missing() <= COMPLETE || intervals == MOST_INTERVALS {
                return Ok(found);
            }
        }
        unreachable!("the last level has the most intervals")
    }

    /// What a segment's embedding adds to the score at some places of the way: through the mean over all of them.
    fn slopes(
        &self,
        nodes: &[usize],
        sound: &Sound,
        silence: &[f64],
        classes: &Classes,
        decision: Decision,
    ) -> Result<Vec<Vec<f32>>, GpuError> {
        let within = |node: &&usize| !matches!(**node, 0 | MOST_INTERVALS);
        let clips: Vec<Vec<f32>> = nodes
            .iter()
            .filter(within)
            .flat_map(|&node| sound.segments.iter().map(move |s| part_of(s, place(node))))
            .collect();
        let embeddings = self.embedder.embed(&clips)?;
        let mut within = embeddings.chunks(sound.segments.len());
        let slope = |&node: &usize| {
            let mean = match node {
                0 => silence.to_vec(),
                MOST_INTERVALS => sound.mean(),
                _ => mean(within.next().unwrap_or_default()),
            };
            let slope = classes.score_gradient(decision, &mean).into_iter();
            slope
                .map(|slope| (slope / sound.segments.len() as f64) as f32)
                .collect()
        };
        Ok(nodes.iter().map(slope).collect())
    }
}

/// A segment on its way from silence.
fn part_of(segment: &Segment, part: f64) -> Vec<f32> {
    segment.values.iter().map(|v| part as f32 * v).collect()
}

/// Where on the way from 0 to 1 a node of the finest Clenshaw-Curtis rule lies.
fn place(node: usize) -> f64 {
    let angle = std::f64::consts::PI * node as f64 / MOST_INTERVALS as f64;
    0.5 - 0.5 * angle.cos()
}

/// The weight of a node of the Clenshaw-Curtis rule with so many intervals, an even number, on [0, 1].
fn weight(intervals: usize, node: usize) -> f64 {
    let count = intervals as f64;
    let term = |j: usize| {
        let factor = if 2 * j == intervals { 1.0 } else { 2.0 };
        let angle = 2.0 * std::f64::consts::PI * (j * node % intervals) as f64 / count;
        factor * angle.cos() / (4.0 * (j * j) as f64 - 1.0)
    };
    let rest = 1.0 - (1..=intervals / 2).map(term).sum::<f64>();
    let ends = if node == 0 || node == intervals {
        0.5
    } else {
        1.0
    };
    ends * rest / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_exact_for_polynomials_of_its_degree_and_has_the_nodes_of_the_one_before() {
        for intervals in LEVELS {
            let stride = MOST_INTERVALS / intervals;
            for power in 0..=intervals as i32 {
                let terms = (0..=intervals)
                    .map(|node| weight(intervals, node) * place(node * stride).powi(power));
                let (sum, exact) = (terms.sum::<f64>(), 1.0 / f64::from(power + 1));
                assert!((sum - exact).abs() < 1e-12, "{intervals} {power}: {sum}");
            }
        }
    }
}
