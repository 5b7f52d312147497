//! Data sets of labelled audio files, and how they are split. Nothing here decodes audio.
//!
//! [`Dataset::open`] reads a folder of class folders or a CSV manifest; [`Split::create`] divides its files into
//! training, validation and test under one of two protocols; [`Pool`] is what episodes are drawn from.

mod dataset;
mod error;
mod folder;
mod hash;
mod labels;
mod manifest;
mod pool;
mod protocol;
mod split;
mod tags;

pub use dataset::{Dataset, Item};
pub use error::DataError;
pub use hash::hash_file;
pub use labels::Labels;
pub use pool::{Pool, PoolError};
pub use protocol::Protocol;
pub use split::{Part, Split, SplitEntry, SplitMatch};
