//! Class prototypes and distances to them (Snell et al. 2017, Prototypical Networks).

use serde::{Deserialize, Serialize};

use crate::model::Spec;
use crate::ops::Distance;

/// A distance and what turns it into a logit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The distance.
    pub distance: Distance,
    /// logit = -scale * distance: 1 for squared Euclidean as published; about 10 for cosine, whose range is short.
    /// It changes probabilities, never which class is nearest.
    pub scale: f32,
}

impl Metric {
    /// Squared Euclidean with scale 1.
    pub const EUCLIDEAN: Self = Self {
        distance: Distance::Euclidean,
        scale: 1.0,
    };
    /// Cosine with scale 10.
    pub const COSINE: Self = Self {
        distance: Distance::Cosine,
        scale: 10.0,
    };

    /// What a network was trained with.
    pub fn of(spec: &Spec) -> Self {
        Self {
            distance: spec.distance,
            scale: spec.scale,
        }
    }

    /// The distance of two vectors of one length.
    pub fn distance(&self, a: &[f32], b: &[f32]) -> f32 {
        match self.distance {
            Distance::Euclidean => sum_over(a, b, |x, y| (x - y) * (x - y)),
            Distance::Cosine => {
                let norms =
                    sum_over(a, a, |x, y| x * y).sqrt() * sum_over(b, b, |x, y| x * y).sqrt();
                if norms > 0.0 {
                    1.0 - sum_over(a, b, |x, y| x * y) / norms
                } else {
                    1.0
                }
            }
        }
    }

    /// Softmax over the logits of these distances.
    pub fn probabilities(&self, distances: &[f32]) -> Vec<f64> {
        let logits: Vec<f64> = distances
            .iter()
            .map(|&d| -f64::from(self.scale) * f64::from(d))
            .collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }
}

/// The mean of some embeddings of one length; empty for none.
#[expect(clippy::cast_possible_truncation, reason = "the mean is summed in f64")]
pub fn prototype<'a>(embeddings: impl IntoIterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut sum: Vec<f64> = Vec::new();
    let mut count = 0.0;
    for embedding in embeddings {
        sum.resize(embedding.len(), 0.0);
        for (sum, &value) in sum.iter_mut().zip(embedding) {
            *sum += f64::from(value);
        }
        count += 1.0;
    }
    sum.iter().map(|sum| (sum / count) as f32).collect()
}

/// Sum of `term` over pairs, in eight lanes so that it is vectorised.
fn sum_over(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<8>();
    let (b_lanes, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0f32; 8];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(a).zip(b) {
            *lane += term(x, y);
        }
    }
    lanes.iter().sum::<f32>()
        + a_rest
            .iter()
            .zip(b_rest)
            .map(|(&x, &y)| term(x, y))
            .sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_agree_with_the_formulas_at_odd_lengths() {
        for length in [1, 7, 8, 9, 63, 65] {
            let a: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin()).collect();
            let b: Vec<f32> = (0..length).map(|i| (i as f32 * 1.3).cos()).collect();
            let pairs = || {
                a.iter()
                    .zip(&b)
                    .map(|(&x, &y)| (f64::from(x), f64::from(y)))
            };
            let squared: f64 = pairs().map(|(x, y)| (x - y).powi(2)).sum();
            let dot: f64 = pairs().map(|(x, y)| x * y).sum();
            let norm = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let cosine = if norm(&a) * norm(&b) > 0.0 {
                1.0 - dot / norm(&a) / norm(&b)
            } else {
                1.0
            };
            assert!(
                (f64::from(Metric::EUCLIDEAN.distance(&a, &b)) - squared).abs() < 1e-4,
                "{length}"
            );
            assert!(
                (f64::from(Metric::COSINE.distance(&a, &b)) - cosine).abs() < 1e-5,
                "{length}"
            );
        }
    }

    #[test]
    fn a_zero_vector_has_cosine_distance_one_to_everything() {
        assert_eq!(Metric::COSINE.distance(&[0.0, 0.0], &[1.0, 2.0]), 1.0);
    }

    #[test]
    fn probabilities_are_a_softmax_and_survive_huge_distances() {
        let found = Metric::EUCLIDEAN.probabilities(&[0.0, 2f32.ln()]);
        assert!((found[0] - 2.0 / 3.0).abs() < 1e-6 && (found[1] - 1.0 / 3.0).abs() < 1e-6);
        let found = Metric::EUCLIDEAN.probabilities(&[1e30, 1e30, 3e38]);
        assert_eq!(found, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_prototype_is_the_mean() {
        assert_eq!(prototype([&[1.0, 2.0][..], &[3.0, 6.0]]), [2.0, 4.0]);
        assert!(prototype(std::iter::empty::<&[f32]>()).is_empty());
    }
}
