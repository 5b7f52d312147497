use std::str::FromStr;

use super::{CpuEngine, GpuEngine, MelError, Preset, compress};
use crate::gpu::Gpu;

/// Which engine computes mel frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// The faster one for the adapter: the GPU's on a real GPU, else realfft on all cores.
    #[default]
    Auto,
    /// The kernels.
    Gpu,
    /// realfft on all cores.
    Cpu,
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "gpu" => Ok(Self::Gpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(format!("`{text}` is no engine; choose auto, gpu or cpu")),
        }
    }
}

/// Computes mel frames, on the GPU or on the CPU. Both agree within the bounds of the tests.
#[derive(Debug)]
pub enum Engine {
    /// realfft on all cores.
    Cpu(CpuEngine),
    /// The kernels of `shaders/mel/`.
    Gpu(Box<GpuEngine>),
}

impl Engine {
    /// The engine for a preset; `gpu` is the device there is, if any. The choice depends on nothing
    /// but its arguments, so that a resumed run takes the same engine.
    ///
    /// # Errors
    /// As [`Preset::validate`]; if the GPU is asked for, [`MelError::NoDevice`] without one, and as
    /// [`GpuEngine::new`].
    pub fn new(choice: EngineChoice, gpu: Option<&Gpu>, preset: &Preset) -> Result<Self, MelError> {
        let wanted = match choice {
            EngineChoice::Cpu => None,
            EngineChoice::Gpu => Some(gpu.ok_or(MelError::NoDevice)?),
            EngineChoice::Auto => {
                gpu.filter(|g| !g.class().is_software() && GpuEngine::supports(preset))
            }
        };
        Ok(match wanted {
            Some(gpu) => Self::Gpu(Box::new(GpuEngine::new(gpu, preset)?)),
            None => Self::Cpu(CpuEngine::new(preset)?),
        })
    }

    /// `cpu` or `gpu`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu(_) => "cpu",
            Self::Gpu(_) => "gpu",
        }
    }

    /// The preset that the engine was made for.
    pub fn preset(&self) -> &Preset {
        match self {
            Self::Cpu(engine) => engine.preset(),
            Self::Gpu(engine) => engine.preset(),
        }
    }

    /// Power-mel frames `[n_mels][n_frames]` of a block of padded samples, as a
    /// [`Framer`](super::Framer) gives them.
    ///
    /// # Errors
    /// [`MelError::Gpu`].
    pub fn compute(&self, block: &[f32]) -> Result<Vec<f32>, MelError> {
        match self {
            Self::Cpu(engine) => Ok(engine.compute(block)),
            Self::Gpu(engine) => engine.compute(block),
        }
    }

    /// The same frames as a network sees them: `log10(1 + compression_gain * power)`.
    ///
    /// # Errors
    /// [`MelError::Gpu`].
    pub fn compute_compressed(&self, block: &[f32]) -> Result<Vec<f32>, MelError> {
        match self {
            Self::Cpu(engine) => Ok(compress(
                &engine.compute(block),
                engine.preset().compression_gain,
            )),
            Self::Gpu(engine) => engine.compute_compressed(block),
        }
    }
}
