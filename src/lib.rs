//! gamaka learns what a genre sounds like from a handful of examples, on any vendor's GPU.

#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "tests cast numbers of their own"
    )
)]

pub mod ablate;
pub mod adapt;
pub mod audio;
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod ear;
pub mod embed;
pub mod evaluate;
pub mod features;
pub mod fewshot;
pub mod files;
pub mod fuzz;
pub mod gpu;
pub mod measure;
pub mod mel;
pub mod model;
pub mod model_file;
pub mod ops;
pub mod random;
pub mod reference;
pub mod report;
pub mod selftest;
pub mod settings;
pub mod shift;
mod tensors;
pub mod train;
pub mod vectors;
pub mod words;

/// The README's program must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
