//! Tests that need no adapter, in one binary: data sets, episodes, intervals, mel, twins, plans.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod bundles;
#[cfg(target_os = "linux")]
mod compiler;
mod dataset;
mod dispatches;
mod episodes;
mod house;
mod mel_fixtures;
mod model_files;
mod packed_files;
mod page;
mod plans;
mod scores;
mod shaders;
mod small;
mod split;
mod tracks;
mod twins;
mod uniformity;
mod ways_out;
