#![warn(missing_docs)]
//! gamaka learns what a genre sounds like from a handful of examples, on any vendor's GPU.

pub mod gpu;
pub mod mel;
pub mod model;
pub mod ops;
pub mod reference;
pub mod selftest;
pub mod train;
