//! What is compared, and how a figure over the seeds is told.

use serde::Serialize;

use crate::score::{Interval, MFCC};

/// What every network is compared with, where it is part of the grid.
pub(super) const BASELINES: [&str; 4] = ["cnn-params", "mlp-params", "cnn", MFCC];

/// How results are scored.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreOptions {
    /// Test episodes a seed.
    pub episodes: usize,
    /// Pairs of classes that count as near neighbours; if empty, those that the MFCC floor mixes up most.
    pub near: Vec<[String; 2]>,
}

/// A mean over the seeds with two intervals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Mean over the seeds.
    pub mean: f64,
    /// How far other files of the same classes would move it. It leaves out how far other class splits and other
    /// initial parameters would.
    pub over_files: Option<Interval>,
    /// How far other seeds would move it: class split, initial parameters, episodes (t over the seeds, 95 %). Test
    /// classes that seeds have in common make it somewhat too narrow.
    pub over_seeds: Option<Interval>,
    /// Each seed's value.
    pub seeds: Vec<(u64, f64)>,
}

/// A network against another, paired by files and episodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DifferenceRow {
    /// The network whose accuracy ...
    pub of: String,
    /// ... is compared with this one's.
    pub against: String,
    /// The difference; its interval over files is corrected for the number of comparisons.
    pub difference: Summary,
}
