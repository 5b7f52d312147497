//! How near is near enough.

use super::left_out::{LeftOut, LeftOutExample};
use crate::score::separation;

/// Genres from which on each can stand for the unknown beside at least two others.
const FEWEST_GENRES: usize = 3;

/// Of ten of a genre's own queries, those that are within reach where no example tells what lies beyond.
const WITHIN: usize = 7;

/// How many distances of examples the measured reach weighs.
const WEIGHT: f32 = 2.0;

/// Cosine distance of whitened embeddings within which a file is taken for one of a genre with so many examples: where both errors
/// are equal for the included model on the classes that chose its calibration, by 1, 2, 3, 4, 5 and 10 examples (see
/// docs/evidence.md). For other models it was not measured.
fn reach(examples: usize) -> f32 {
    0.81 + 0.04 / examples.max(1) as f32
}

/// How near is near enough, as learned from the examples.
///
/// With three genres or more every example stands for the unknown when its genre is left out, and for the known when it
/// alone is left out: the threshold is where both errors are equal. With fewer genres it is the distance within which seven
/// of ten examples left out are found again. The measured reach counts as two distances more, and alone where every genre
/// has one example.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Threshold {
    /// Examples of each genre.
    sizes: Vec<usize>,
    /// What every genre's reach is multiplied by.
    times: f32,
}

/// Novelties of examples, as known ones and as unknown ones.
pub(super) struct Novelties {
    pub(super) known: Vec<f32>,
    pub(super) unknown: Vec<f32>,
}

impl Threshold {
    /// Learned from the examples left out; distances are of whitened embeddings.
    pub(super) fn learned(sizes: Vec<usize>, left_out: &LeftOut) -> Self {
        let plain = Self { sizes, times: 1.0 };
        let Novelties { mut known, unknown } = plain.novelties(left_out);
        if known.is_empty() {
            return plain;
        }
        let found = match unknown.is_empty() {
            false => separation(&known, &unknown).1,
            true => {
                known.sort_by(f32::total_cmp);
                known[((known.len() - 1) * WITHIN).div_ceil(10)]
            }
        };
        let count = known.len() as f32;
        Self {
            times: (count * found + WEIGHT) / (count + WEIGHT),
            ..plain
        }
    }

    /// How far a file is from all genres, by its distance to each: above 1 it is unknown.
    pub(super) fn novelty(&self, distances: &[f32]) -> f32 {
        self.least(distances, |_| true)
    }

    fn least(&self, distances: &[f32], of: impl Fn(usize) -> bool) -> f32 {
        let genres = distances.iter().zip(&self.sizes).enumerate();
        let genres = genres.filter(|(genre, _)| of(*genre));
        let ratio =
            |(_, (distance, size)): (usize, (&f32, &usize))| distance / (reach(*size) * self.times);
        genres.map(ratio).fold(f32::INFINITY, f32::min)
    }

    /// How far every example is as a known file and, where there are genres enough, as an unknown one.
    pub(super) fn novelties(&self, left_out: &LeftOut) -> Novelties {
        let known = |example: &LeftOutExample| {
            let mut less = self.clone();
            less.sizes[example.genre] -= 1;
            less.novelty(&example.distances)
        };
        let unknown = |example: &LeftOutExample| {
            self.least(&example.distances, |genre| genre != example.genre)
        };
        let examples = || left_out.examples.iter();
        let enough = self.sizes.len() >= FEWEST_GENRES;
        Novelties {
            known: examples().filter(|e| e.has_company()).map(known).collect(),
            unknown: examples().filter(|_| enough).map(unknown).collect(),
        }
    }
}
