//! A teacher: vectors of windows of the files, which the network learns to predict through a read-out.

mod lessons;
mod matched;
mod moments;
mod taught;

pub(crate) use lessons::{Lessons, OnDevice};
pub(crate) use matched::Matched;
pub(crate) use taught::TaughtFile;
