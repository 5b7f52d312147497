//! # The library
//!
//! [`Ear`] is a few-shot classifier in one value: a [`Model`] on a device, with all that it needs to hear files. Below it,
//! from the bottom up:
//!
//! * [`audio`]: any audio file to mono samples, whole or streamed.
//! * [`gpu`]: a device, a [`gpu::Plan`] of kernels as plain data, and a [`gpu::Program`] that replays it.
//! * [`ops`]: one function for each kernel, which appends it to a plan.
//! * [`mel`]: mel-spectrograms and MFCCs equal to librosa's or torchaudio's, on the CPU and on a device.
//! * [`model`]: layers with splines or plain weights on their edges, and networks of them, forward and backward.
//! * `report`, with the feature of that name: pictures as SVG and PNG.
//!
//! [`Model::plan`] is everything from samples to embeddings as one plan: as JSON, with the WGSL files, it runs wherever there is
//! WebGPU. `examples/kan_function.rs` trains a network of splines with nothing but [`gpu`], [`model`] and [`ops`]. What the
//! program and its commands are is below.
//!
#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "tests cast numbers of their own"
    )
)]
#![cfg_attr(
    not(feature = "internals"),
    allow(
        unreachable_pub,
        unused_imports,
        reason = "the tests reach it, by `internals`"
    )
)]
#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, reason = "some is for the program alone")
)]

pub mod audio;
#[cfg(feature = "cli")]
pub mod cli;
pub mod gpu;
pub mod mel;
pub mod model;
pub mod ops;
#[cfg(feature = "report")]
pub mod report;

#[cfg(feature = "cli")]
mod ablate;
mod adapt;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "cli")]
mod bundle;
#[cfg(feature = "library")]
mod columns;
mod data;
mod ear;
mod embed;
mod embedder;
mod evaluate;
mod explain;
mod features;
mod fewshot;
mod files;
#[cfg(feature = "library")]
mod genres;
#[cfg(feature = "library")]
mod library;
mod measure;
mod model_file;
#[cfg(feature = "library")]
mod playlist;
mod prune;
mod quantize;
mod random;
mod reference;
mod score;
#[cfg(feature = "cli")]
mod selftest;
#[cfg(feature = "cli")]
mod serve;
mod settings;
mod shift;
mod similar;
#[cfg(feature = "cli")]
mod site;
#[cfg(feature = "library")]
mod tagging;
mod tensors;
mod train;
mod tuning;
mod vectors;
mod words;

pub use data::DataError;
pub use ear::{Ear, EarError};
pub use features::FeatureError;
pub use fewshot::{Answer, Examples, NearestExample, RankedGenre, ScoreError};
pub use gpu::DeviceChoice;
pub use model_file::Model;

/// What the crate's own tests reach: without promise, and gone without the feature.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    pub mod ablate {
        pub use crate::ablate::*;
    }
    pub mod adapt {
        pub use crate::adapt::*;
    }
    pub mod bench {
        pub use crate::bench::*;
    }
    pub mod bundle {
        pub use crate::bundle::*;
    }
    pub mod columns {
        pub use crate::columns::*;
    }
    pub mod data {
        pub use crate::data::*;
    }
    pub mod ear {
        pub use crate::ear::*;
    }
    pub mod embed {
        pub use crate::embed::*;
    }
    pub mod embedder {
        pub use crate::embedder::*;
    }
    pub mod evaluate {
        pub use crate::evaluate::*;
    }
    pub mod explain {
        pub use crate::explain::*;
    }
    pub mod features {
        pub use crate::features::*;
    }
    pub mod fewshot {
        pub use crate::fewshot::*;
    }
    pub mod files {
        pub use crate::files::*;
    }
    pub mod genres {
        pub use crate::genres::*;
    }
    pub mod library {
        pub use crate::library::*;
    }
    pub mod model_file {
        pub use crate::model_file::*;
    }
    pub mod playlist {
        pub use crate::playlist::*;
    }
    pub mod prune {
        pub use crate::prune::*;
    }
    pub mod quantize {
        pub use crate::quantize::*;
    }
    pub mod random {
        pub use crate::random::*;
    }
    pub mod reference {
        pub use crate::reference::*;
    }
    pub mod score {
        pub use crate::score::*;
    }
    pub mod selftest {
        pub use crate::selftest::*;
    }
    pub mod serve {
        pub use crate::serve::*;
    }
    pub mod settings {
        pub use crate::settings::*;
    }
    pub mod shift {
        pub use crate::shift::*;
    }
    pub mod similar {
        pub use crate::similar::*;
    }
    pub mod site {
        pub use crate::site::*;
    }
    pub mod tagging {
        pub use crate::tagging::*;
    }
    pub mod tensors {
        pub use crate::tensors::*;
    }
    pub mod train {
        pub use crate::train::*;
    }
    pub mod tuning {
        pub use crate::tuning::*;
    }
    pub mod vectors {
        pub use crate::vectors::*;
    }
    pub mod words {
        pub use crate::words::*;
    }
}
