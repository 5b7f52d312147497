//! Scores of systems on the same episodes and files, with honest intervals.
//!
//! A [`System`] is one embedding per file and a head. Systems are asked one of several questions: [`evaluate`] asks for
//! each query's class, [`evaluate_open`] whether its class is known at all, [`evaluate_multi_label`] for all its labels.
//! Every figure comes with two intervals and every difference is paired; [`by_value()`] parts the queries, and
//! [`pooled()`] joins the results of several seeds.

mod accuracy;
mod asked;
mod by_value;
mod estimate;
mod grouped;
mod halves;
mod interval;
mod multi_label;
mod nearest;
mod open;
mod pooled;
mod question;
mod reliability;
mod system;

pub use accuracy::{ClassScore, Difference, Evaluation, EvaluationQueries, SystemScore, evaluate};
pub use by_value::{ValueAccuracy, ValueScore, by_value};
pub use estimate::Estimate;
pub(crate) use estimate::LEVEL;
pub use grouped::OverFiles;
pub use interval::Interval;
pub use multi_label::{MultiLabelEvaluation, MultiLabelScore, evaluate_multi_label};
pub(crate) use open::separation;
pub use open::{OpenEvaluation, OpenScore, evaluate_open};
pub use pooled::{corrected_level, mean_over_files, over_seeds, pooled};
pub use reliability::{Reliability, ReliabilityBin, reliability};
pub use system::System;
pub(crate) use system::{MFCC, MFCC_PROBE, NETWORK, UNTRAINED};
