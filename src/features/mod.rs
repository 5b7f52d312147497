//! From an audio file to what a network sees: compressed mel frames, cut into segments.

mod front_end;
mod kept;
mod segment;
mod store;

pub use front_end::{FeatureError, Features, FrontEnd, MAX_SECONDS};
pub(crate) use kept::{Hearing, KEY as KEPT_KEY};
pub use kept::{KeptError, KeptFeatures};
pub use segment::{Segment, SegmentShape, Segmenter, cut_segments, cut_window};
pub use store::{FeatureStore, StoreError};

/// Files to decode at a time where their features are held in memory together.
pub const FILES_AT_ONCE: usize = 32;
