//! A mean with its two intervals.

use serde::{Deserialize, Serialize};

use super::interval::Interval;

/// The confidence of the intervals of single figures, and of differences that stand alone.
pub(crate) const LEVEL: f64 = 0.95;

/// A mean with its two intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
