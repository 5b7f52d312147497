//! The genre in the tags of an audio file: read, planned, written and taken back. Nothing else of a file changes.
//!
//! [`plan()`] says what would change, [`Copy::of`] makes the changed copy in memory and proves it (the fields are as planned,
//! every other tag is as it was), [`Copy::put`] proves that the audio is the same and gives it the file's name, and [`undo()`]
//! makes the copy that takes a change back. What is written where is in `docs/library.md`.

mod ape;
mod copy;
mod error;
mod fields;
mod format;
mod id3;
mod iff;
mod mp4;
mod patch;
mod payload;
mod plan;
mod vorbis;

pub use copy::{Change, Copy, undo};
pub use error::{TagError, TagErrorKind};
pub use fields::{Fields, OWN};
pub use format::read;
pub use patch::Patch;
pub use plan::{Plan, plan};

#[cfg(test)]
mod tests;
