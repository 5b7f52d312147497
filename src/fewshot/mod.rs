//! Few-shot episodes on the host: drawing them, and classifying by a head fitted on the supports.
//!
//! [`EpisodeSampler`] draws episodes from a [`crate::data::Pool`]; a [`Head`] answers for their queries; [`Examples`]
//! answer for one file, with the reasons. [`crate::score`] tells how often the answers are right.

mod calibration;
mod episode;
mod error;
mod examples;
mod geometry;
mod head;
mod prototype;
mod standardise;
mod whitening;

pub use calibration::Calibration;
pub use episode::{Episode, EpisodeError, EpisodeSampler, nearest_task};
pub(crate) use episode::{QUERY, SUPPORT};
pub(crate) use error::MOST_TOGETHER;
pub use error::ScoreError;
pub use examples::{Answer, Examples, NearestExample, RankedGenre};
pub use geometry::Geometry;
pub(crate) use geometry::{Known, Reshape};
pub use head::{Fitted, Head, simple_shot, standardised};
pub use prototype::{Metric, prototype};
pub use standardise::Standardiser;
pub use whitening::Whitening;
