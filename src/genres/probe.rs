//! A linear probe of all examples, where it helps.

use crate::fewshot::{Fitted, Head, Metric};
use crate::ops::Distance;

/// Parts that the examples are cut into, each of which is left out once.
const FOLDS: usize = 20;

/// Examples beyond which prototypes have all they need, and fitting the probe twenty times takes long.
const MOST: usize = 1000;

/// Scales of its outputs, of which the likeliest is taken.
const SCALES: [f32; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// A linear probe with the scale of its probabilities.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    fitted: Fitted,
    scale: f32,
    /// Examples that it gets right when they are left out.
    pub(super) right: usize,
}

impl Probe {
    /// Fitted on `examples[genre][example]` if, of the examples whose genre has others, it gets more than `right` where they
    /// are left out: each one alone, or a twentieth of them at a time. The same pass chooses the scale of its
    /// probabilities, by likelihood.
    pub(super) fn where_it_helps(examples: &[Vec<Vec<f32>>], right: usize) -> Option<Self> {
        let places = examples.iter().enumerate();
        let places = places.flat_map(|(genre, e)| (0..e.len()).map(move |number| (genre, number)));
        let places: Vec<(usize, usize)> = places.collect();
        if examples.len() < 2 || places.len() > MOST {
            return None;
        }
        let folds = FOLDS.min(places.len());
        let mut outputs: Vec<(usize, Vec<f32>)> = Vec::new();
        for fold in 0..folds {
            let out: Vec<_> = places.iter().skip(fold).step_by(folds).collect();
            let supports = examples.iter().enumerate().map(|(genre, examples)| {
                let kept = examples.iter().enumerate();
                let kept = kept.filter(|(number, _)| !out.contains(&&(genre, *number)));
                kept.map(|(_, example)| example.as_slice()).collect()
            });
            let fitted = Head::LINEAR_PROBE.fit(&supports.collect::<Vec<Vec<&[f32]>>>());
            for &&(genre, number) in &out {
                if examples[genre].len() > 1 {
                    let vector = &examples[genre][number];
                    outputs.push((genre, distances(&fitted, vector, examples.len())));
                }
            }
        }
        let is_right = |(genre, distances): &&(usize, Vec<f32>)| {
            let nearest = distances.iter().enumerate();
            let nearest = nearest.min_by(|a, b| a.1.total_cmp(b.1));
            nearest.is_some_and(|(nearest, _)| nearest == *genre)
        };
        let gets = outputs.iter().filter(is_right).count();
        if gets <= right {
            return None;
        }
        let likelihood = |scale: f32| -> f64 {
            let of = |(genre, distances): &(usize, Vec<f32>)| {
                probabilities(distances, scale)[*genre].max(1e-12).ln()
            };
            outputs.iter().map(of).sum()
        };
        let scale = SCALES
            .into_iter()
            .max_by(|&a, &b| likelihood(a).total_cmp(&likelihood(b)));
        let all = examples
            .iter()
            .map(|e| e.iter().map(Vec::as_slice).collect());
        Some(Self {
            fitted: Head::LINEAR_PROBE.fit(&all.collect::<Vec<Vec<&[f32]>>>()),
            scale: scale?,
            right: gets,
        })
    }

    /// The probability of each genre.
    pub(super) fn probabilities(&self, vector: &[f32], genres: usize) -> Vec<f64> {
        probabilities(&distances(&self.fitted, vector, genres), self.scale)
    }
}

fn distances(fitted: &Fitted, vector: &[f32], genres: usize) -> Vec<f32> {
    (0..genres)
        .map(|genre| fitted.distance(vector, genre))
        .collect()
}

fn probabilities(distances: &[f32], scale: f32) -> Vec<f64> {
    // Of a metric only the scale tells in probabilities.
    let metric = Metric {
        distance: Distance::Euclidean,
        scale,
    };
    metric.probabilities(distances)
}
