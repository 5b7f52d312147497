//! A mean with its two intervals.

use serde::Serialize;

use super::interval::{Interval, mean_and_deviation, variance_over_files};

/// The confidence of the intervals of single figures, and of differences that stand alone.
pub(crate) const LEVEL: f64 = 0.95;

/// A mean with its two intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Mean over the episodes, as a fraction.
    pub mean: f64,
    /// How far OTHER EPISODES from the same files would move it: mean +- 1.96 s / sqrt n. It shrinks with every
    /// episode drawn and says nothing about other files.
    pub over_episodes: Interval,
    /// How far NEW FILES of the same classes would move it, episodes included. Comparisons use this one. None where
    /// the files are too few, see [`super::Evaluation::note`].
    pub over_files: Option<Interval>,
}

impl Estimate {
    /// From a figure's value in each episode and in both halves of each halving. `over_files` makes an interval of a
    /// mean and a variance.
    pub(super) fn of(
        values: &[f64],
        halves: Option<&[[f64; 2]]>,
        fewer_shots: bool,
        level: f64,
        over_files: impl Fn(f64, f64) -> Interval,
    ) -> Self {
        let (mean, deviation) = mean_and_deviation(values);
        let of_episodes = deviation * deviation / values.len() as f64;
        Self {
            mean,
            over_episodes: Interval::over_episodes(values, level),
            over_files: halves.map(|halves| {
                let variance = variance_over_files(halves, fewer_shots).max(0.0) + of_episodes;
                over_files(mean, variance)
            }),
        }
    }
}
