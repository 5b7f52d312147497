//! From an audio file to what a network sees: compressed mel frames, cut into segments.

mod error;
mod front_end;
mod hearing;
mod kept;
mod of_file;
mod segment;
mod store;

pub use error::FeatureError;
pub use front_end::FrontEnd;
pub use hearing::{Hearing, MAX_SECONDS};
pub use kept::KEY as KEPT_KEY;
pub use kept::{KeptError, KeptFeatures};
pub use of_file::Features;
pub use segment::{Segment, SegmentShape, Segmenter, cut_window};
pub use store::{FeatureStore, StoreError};

/// Files to decode at a time where their features are held in memory together.
pub const FILES_AT_ONCE: usize = 32;
