//! Speed of both mel engines.

use std::time::{Duration, Instant};

use super::BenchError;
use crate::gpu::Gpu;
use crate::measure::{Spread, enough, made_up};
use crate::mel::{BLOCK_FRAMES, Engine, EngineChoice, Framer, MelError, Preset, join_frames};

/// Length of the signal.
const SECONDS: usize = 60;

/// Least time of an engine's turn: its threads and the caches settle in it.
const TURN: Duration = Duration::from_millis(100);

/// Time that both engines may take together.
const BUDGET: Duration = Duration::from_secs(10);

/// Seconds of audio that an engine turns into mel frames in one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MelFigures {
    /// The kernels.
    pub gpu_x_realtime: Spread,
    /// realfft on all cores.
    pub cpu_x_realtime: Spread,
}

/// Times both engines in turns on a minute of noise, with the preset of the networks.
///
/// # Errors
/// [`BenchError::Mel`]: a fault of the device.
pub fn mel(gpu: &Gpu) -> Result<MelFigures, BenchError> {
    let preset = Preset::gamaka();
    let samples: Vec<f32> = made_up(preset.sample_rate as usize * SECONDS)
        .into_iter()
        .map(|v| (v - 0.5) * 0.7)
        .collect();
    let engines = [
        Engine::new(EngineChoice::Gpu, Some(gpu), &preset)?,
        Engine::new(EngineChoice::Cpu, None, &preset)?,
    ];
    for engine in &engines {
        frames(engine, &samples)?; // the driver compiles
    }
    let mut rates = [Vec::new(), Vec::new()];
    let begin = Instant::now();
    while !enough(rates[0].len(), begin.elapsed(), BUDGET) {
        for (engine, rates) in engines.iter().zip(&mut rates) {
            let start = Instant::now();
            let mut seconds = 0;
            while start.elapsed() < TURN {
                std::hint::black_box(frames(engine, &samples)?);
                seconds += SECONDS;
            }
            rates.push(seconds as f64 / start.elapsed().as_secs_f64());
        }
    }
    let [gpu_x_realtime, cpu_x_realtime] = rates.map(|rates| Spread::of(&rates));
    Ok(MelFigures {
        gpu_x_realtime,
        cpu_x_realtime,
    })
}

/// Frames of a signal that comes a block at a time, as from a decoder.
fn frames(engine: &Engine, samples: &[f32]) -> Result<Vec<f32>, MelError> {
    let preset = engine.preset();
    let mut framer = Framer::new(preset, BLOCK_FRAMES)?;
    let mut blocks = Vec::new();
    for chunk in samples.chunks(BLOCK_FRAMES * preset.hop_length) {
        for block in framer.push(chunk) {
            blocks.push(engine.compute(&block)?);
        }
    }
    for block in framer.finish()? {
        blocks.push(engine.compute(&block)?);
    }
    Ok(join_frames(&blocks, preset.n_mels))
}
