use std::sync::{Mutex, PoisonError};

use super::steps::{self, samples_of};
use super::{BLOCK_FRAMES, MelError, Preset};
use crate::gpu::{BufferRole, Gpu, Plan, Program, Tensor};
use crate::ops;

/// Power-mel frames by the kernels of `shaders/mel/`. Everything is made once.
#[derive(Debug)]
pub struct GpuEngine {
    preset: Preset,
    // One run is written, run and read as a whole.
    program: Mutex<Program>,
    samples: Tensor,
    mel: Tensor,
    compressed: Tensor,
}

impl GpuEngine {
    /// Whether the kernels can do a preset's Fourier transform: `n_fft / 2` made of factors 2 and 5,
    /// at most 2048.
    pub fn supports(preset: &Preset) -> bool {
        steps::supports(preset)
    }

    /// An engine for a preset on a device.
    ///
    /// # Errors
    /// As [`Preset::validate`]; [`MelError::TransformLength`] unless [`supports`](Self::supports);
    /// [`MelError::Gpu`].
    pub fn new(gpu: &Gpu, preset: &Preset) -> Result<Self, MelError> {
        let mut plan = Plan::new(gpu.tuning());
        let length = samples_of(preset, BLOCK_FRAMES);
        let samples = plan.tensor("samples", [1, 1, 1, length], BufferRole::Input);
        let mel = steps::append(&mut plan, preset, samples, BLOCK_FRAMES)?;
        plan.keep(mel);
        let compressed = plan.tensor("compressed", mel.shape, BufferRole::Output);
        ops::log_compress(&mut plan, preset.compression_gain, mel, compressed);
        for (name, tensor) in [
            ("samples", samples),
            ("mel", mel),
            ("compressed", compressed),
        ] {
            plan.name_port(name, tensor);
        }
        let program = Program::new(gpu, plan)?;
        Ok(Self {
            preset: preset.clone(),
            program: Mutex::new(program),
            samples,
            mel,
            compressed,
        })
    }

    /// The preset that the engine was made for.
    pub fn preset(&self) -> &Preset {
        &self.preset
    }

    /// Power-mel frames `[n_mels][n_frames]` of a block of padded samples.
    ///
    /// # Errors
    /// [`MelError::Gpu`].
    pub fn compute(&self, block: &[f32]) -> Result<Vec<f32>, MelError> {
        self.run(block, self.mel)
    }

    /// The same frames as a network sees them: `log10(1 + compression_gain * power)`.
    ///
    /// # Errors
    /// [`MelError::Gpu`].
    pub fn compute_compressed(&self, block: &[f32]) -> Result<Vec<f32>, MelError> {
        self.run(block, self.compressed)
    }

    fn run(&self, block: &[f32], output: Tensor) -> Result<Vec<f32>, MelError> {
        let Preset {
            hop_length, n_mels, ..
        } = self.preset;
        let frames = self.preset.frames_in_block(block.len());
        let mut values = vec![0.0; n_mels * frames];
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        for first in (0..frames).step_by(BLOCK_FRAMES) {
            let part = &block[first * hop_length..];
            let part = &part[..part.len().min(self.samples.len())];
            // Frames past the end are computed from what an earlier run left, and cut off.
            program.write(self.samples, part);
            program.run()?;
            let computed: Vec<f32> = program.read(output)?;
            let count = (frames - first).min(BLOCK_FRAMES);
            for (band, row) in computed.chunks_exact(BLOCK_FRAMES).enumerate() {
                values[band * frames + first..][..count].copy_from_slice(&row[..count]);
            }
        }
        Ok(values)
    }
}
