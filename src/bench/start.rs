//! How long it takes before the first result.

use std::time::Instant;

use super::BenchError;
use super::networks::{reference_networks, reference_step};
use crate::embed::Embedder;
use crate::gpu::{DeviceChoice, Gpu};
use crate::model_file::Model;
use crate::train::TrainingStep;

/// What comes before the first result, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StartFigures {
    /// To open the device, read the included model, compile it as a command does for few files, and embed one clip.
    pub cold_start_ms: f64,
    /// To compile the training step of the reference network: its first run, with what comes before it,
    /// less a later one.
    pub jit_ms: f64,
}

/// Measures the start in this process. Call it first in a fresh process whose driver keeps no shaders on
/// disk: the second time is not a cold start.
///
/// # Errors
/// [`BenchError`]: a fault of the device, or of the included model.
pub fn start(device: &DeviceChoice) -> Result<StartFigures, BenchError> {
    let cold = Instant::now();
    let gpu = Gpu::open(device)?;
    let model = Model::included()?;
    let [bands, frames] = model.network.input;
    let embedder = Embedder::for_files(&gpu, &model, 1)?;
    embedder.embed(&[vec![0.0; bands * frames]])?;
    let cold = cold.elapsed();

    let [ickan, ..] = reference_networks(1);
    // Another device, which has compiled nothing yet.
    let gpu = Gpu::open(device)?;
    let first = Instant::now();
    let mut training = TrainingStep::new(&gpu, &reference_step(&ickan))?;
    training.run()?;
    let first = first.elapsed();
    let mut later = [training.run()?, training.run()?, training.run()?];
    later.sort();
    Ok(StartFigures {
        cold_start_ms: cold.as_secs_f64() * 1e3,
        jit_ms: first.saturating_sub(later[1]).as_secs_f64() * 1e3,
    })
}
