//! Few-shot episodes on the host: drawing them, classifying by a head fitted on the supports, and scoring with honest
//! intervals.
//!
//! [`EpisodeSampler`] draws episodes from a [`crate::data::Pool`]; [`evaluate`] scores one or more systems, each given
//! by one embedding per file and a [`Head`], on the same episodes; [`pooled`] joins the results of several seeds; [`classify`] answers for one file, with the reasons.

mod by_value;
mod calibration;
mod classify;
mod episode;
mod examples;
mod geometry;
mod halves;
mod head;
mod interval;
mod multi_label;
mod open;
mod pooled;
mod prototype;
mod score;
mod standardise;

pub use by_value::{ValueAccuracy, ValueScore, by_value};
pub use calibration::{Calibration, Reliability, ReliabilityBin, reliability};
pub use classify::{Classification, Neighbour, Ranked, classify};
pub use episode::{Episode, EpisodeError, EpisodeSampler, nearest_task};
pub use examples::{Answer, Examples, NearestExample, RankedGenre};
pub use geometry::Geometry;
pub(crate) use geometry::{Known, Reshape};
pub use head::{Fitted, Head, simple_shot, standardised};
pub use interval::Interval;
pub use multi_label::{MultiLabelEvaluation, MultiLabelScore, evaluate_multi_label};
pub use open::{OpenEvaluation, OpenScore, evaluate_open};
pub use pooled::{corrected_level, over_seeds, pooled};
pub use prototype::{Metric, prototype};
pub use score::{
    ClassScore, Difference, Estimate, Evaluation, EvaluationQueries, ScoreError, System,
    SystemScore, evaluate,
};
pub use standardise::Standardiser;
