//! Is it the splines? Networks and learners compared on one data set: the same class splits, test episodes, training
//! episodes and learning-rate search for all, with intervals of their differences.
//!
//! A [`Grid`] says what is compared; a [`Workbench`] trains its cells, each of which leaves a file, so that a killed run goes on
//! where it was; [`Findings::of`] turns the cells' results into tables.

mod cell;
mod curves;
mod error;
mod findings;
mod grid;
mod neighbours;
mod scored;
mod search;
mod summary;
mod training;
mod workbench;

/// Seed of the test episodes, the same for all.
pub(crate) const TEST_SEED: u64 = 1;

pub use cell::CellResult;
pub use curves::{Curve, CurvePoint, Reach, Trajectory};
pub use error::{AblateError, GridList};
pub use findings::{Findings, NetworkRow, SeedRow};
pub use grid::{Cell, Grid, UNTRAINED};
pub use neighbours::{ConfusedPair, NearPair, Nearest};
pub use summary::{DifferenceRow, ScoreOptions, Summary};
pub use workbench::{AblateOptions, Event, Workbench};
