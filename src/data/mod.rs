//! Data sets of labelled audio files, and how they are split. Only [`check()`] decodes audio.
//!
//! [`Dataset::open`] reads a folder of class folders or a CSV manifest; [`Split::create`] divides its files into
//! training, validation and test under one of two protocols; [`Pool`] is what episodes are drawn from. [`check()`]
//! validates the local copy of a published data set and writes its manifest.

mod check;
mod dataset;
mod deal;
mod duplicates;
mod error;
mod faults;
mod fingerprint;
mod folder;
mod hash;
mod labels;
mod layouts;
mod linked;
mod listed;
mod manifest;
mod part;
mod pool;
mod protocol;
mod row;
mod split;
mod tags;
mod task;

pub use check::{CheckOptions, Checked, check};
pub use dataset::{Dataset, Item};
pub use duplicates::Duplicate;
pub use error::DataError;
pub use faults::{ClassCount, Durations, Fault, Problem, WayOut};
#[cfg(feature = "library")]
pub(crate) use fingerprint::Fingerprint;
pub use hash::{KnownFiles, hash_file};
pub use labels::Labels;
pub use layouts::Layout;
pub(crate) use linked::linked;
pub use listed::{Listed, listed};
pub use part::Part;
pub use pool::Pool;
pub use protocol::Protocol;
pub use split::{Split, SplitEntry, SplitMatch};
pub use tags::read as read_tags;
#[cfg(feature = "library")]
pub(crate) use tags::read_all as read_all_tags;
pub use task::{PoolError, SHOTS, Task, WAYS};
