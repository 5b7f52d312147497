//! Few-shot episodes on the host: drawing them, classifying by nearest prototype, and scoring with honest intervals.
//!
//! [`EpisodeSampler`] draws episodes from a [`crate::data::Pool`]; [`evaluate`] scores one or more systems, each given
//! by one embedding per file, on the same episodes; [`classify`] answers for one file, with the reasons.

mod classify;
mod episode;
mod halves;
mod interval;
mod prototype;
mod score;
mod standardise;

pub use classify::{Classification, Neighbour, Ranked, classify};
pub use episode::{Episode, EpisodeError, EpisodeSampler};
pub use interval::Interval;
pub use prototype::{Metric, prototype};
pub use score::{
    ClassScore, Difference, Estimate, Evaluation, ScoreError, System, SystemScore, evaluate,
};
pub use standardise::Standardiser;
