//! Whether what is said to matter matters: a file is taken away and put back part by part, in some order.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the cells is a whole number of them"
)]

use serde::Serialize;

use super::attribution::{Explainer, Sound, mean};
use super::decision::{Classes, Decision};
use crate::features::Segmenter;
use crate::gpu::GpuError;

/// Bands and frames of a cell of a map, what is taken away or put back at once.
pub const CELL: [usize; 2] = [4, 11];

/// Shares of the cells at which the network is asked.
pub const SHARES: [f64; 7] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9];

/// The sums of a matrix `[bands][frames]` over each [`CELL`], row by row.
pub fn cells(values: &[f32], frames: usize) -> Vec<f64> {
    let columns = frames.div_ceil(CELL[1]);
    let rows: Vec<&[f32]> = values.chunks(frames.max(1)).collect();
    let mut sums = vec![0.0; rows.len().div_ceil(CELL[0]) * columns];
    for (band, row) in rows.into_iter().enumerate() {
        for (frame, &value) in row.iter().enumerate() {
            sums[band / CELL[0] * columns + frame / CELL[1]] += f64::from(value);
        }
    }
    sums
}

/// Cells from the largest to the smallest.
pub fn largest_first(cells: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by(|&a, &b| cells[b].total_cmp(&cells[a]));
    order
}

/// How likely the winner is, of the two classes of a decision, as a file is taken away and as it is put back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// By the share of the cells that is gone, at [`SHARES`].
    pub deletion: Vec<f64>,
    /// By the share that is there.
    pub insertion: Vec<f64>,
    /// Mean over all shares from 0 to 1: the less, the sooner what matters was gone.
    pub deletion_area: f64,
    /// The same: the more, the sooner it was there.
    pub insertion_area: f64,
}

impl Explainer {
    /// What happens to a decision as the cells of a sound become silent in this order, and as they are put into silence in it.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn course(
        &self,
        sound: &Sound,
        classes: &Classes,
        decision: Decision,
        order: &[usize],
    ) -> Result<Course, GpuError> {
        let likely = |score: f64| 1.0 / (1.0 + (-score).exp());
        let mut rank = vec![0; order.len()];
        for (place, &cell) in order.iter().enumerate() {
            rank[cell] = place;
        }
        let columns = sound.frames.div_ceil(CELL[1]);
        let kept = |first: bool, share: f64| -> Vec<f32> {
            let end = (share * order.len() as f64).round() as usize;
            let values = sound.values.iter().enumerate().map(|(at, &value)| {
                let (band, frame) = (at / sound.frames, at % sound.frames);
                let cell = band / CELL[0] * columns + frame / CELL[1];
                match (rank[cell] < end) == first {
                    true => value,
                    false => 0.0,
                }
            });
            values.collect()
        };
        let likelihoods = |first: bool| -> Result<Vec<f64>, GpuError> {
            let mut found = Vec::new();
            for share in SHARES {
                let segments = Segmenter::whole(
                    self.segment,
                    sound.values.len() / sound.frames,
                    &kept(first, share),
                );
                let clips: Vec<Vec<f32>> = segments.into_iter().map(|s| s.values).collect();
                let embeddings = self.embed(&clips)?;
                found.push(likely(classes.score(decision, &mean(&embeddings))));
            }
            Ok(found)
        };
        let (deletion, insertion) = (likelihoods(false)?, likelihoods(true)?);
        let whole = likely(classes.score(decision, &sound.mean()));
        let silent = vec![0.0; sound.segments.first().map_or(0, |s| s.values.len())];
        let silence = mean(&self.embed(&[silent])?);
        let silence = likely(classes.score(decision, &silence));
        Ok(Course {
            deletion_area: area(whole, &deletion, silence),
            insertion_area: area(silence, &insertion, whole),
            deletion,
            insertion,
        })
    }
}

/// The area under a course from share 0 to share 1, by trapezoids.
fn area(first: f64, between: &[f64], last: f64) -> f64 {
    let shares = [&[0.0][..], &SHARES, &[1.0]].concat();
    let values = [&[first][..], between, &[last]].concat();
    let pairs = shares.windows(2).zip(values.windows(2));
    pairs
        .map(|(share, value)| (share[1] - share[0]) * (value[0] + value[1]) / 2.0)
        .sum()
}

/// Spearman's correlation of two lists of one length: that of their ranks, equal values sharing theirs. None where one of them is
/// all the same.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 {
        x.iter()
            .zip(y)
            .map(|(x, y)| (x - middle) * (y - middle))
            .sum()
    };
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&at| ranks[at] = shared);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_sums_and_those_at_the_ends_smaller() {
        let frames = 13;
        let values = vec![1.0; 5 * frames];
        assert_eq!(cells(&values, frames), [44.0, 8.0, 11.0, 2.0]);
        assert_eq!(largest_first(&cells(&values, frames)), [0, 2, 1, 3]);
    }

    #[test]
    fn a_course_that_stays_has_the_area_of_a_rectangle_and_a_straight_one_that_of_a_triangle() {
        assert!((area(0.7, &[0.7; 7], 0.7) - 0.7).abs() < 1e-12);
        let falling = SHARES.map(|share| 1.0 - share);
        assert!((area(1.0, &falling, 0.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn ranks_are_compared_whatever_the_values() {
        let a = [0.1, 5.0, 2.0, 3.0];
        let squares = a.map(|v: f64| v * v);
        assert!((rank_correlation(&a, &squares).unwrap() - 1.0).abs() < 1e-12);
        let turned = a.map(|v| -v);
        assert!((rank_correlation(&a, &turned).unwrap() + 1.0).abs() < 1e-12);
        // Two of four share a rank: 1 - 6 * 0.5 / 60, less what ties take.
        let tied = rank_correlation(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((tied - 0.948_683_298).abs() < 1e-9, "{tied}");
        assert!(rank_correlation(&a, &[1.0; 4]).is_none());
    }
}
