//! Tests that need no adapter, in one binary: data sets, episodes, intervals, mel, twins, plans.

mod dataset;
mod episodes;
mod mel_fixtures;
mod model_files;
mod plans;
mod scores;
mod shaders;
mod small;
mod split;
mod tracks;
mod twins;
mod uniformity;
mod ways_out;
