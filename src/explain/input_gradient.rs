//! A network's gradient with respect to what it hears.

use std::sync::{Mutex, PoisonError};

use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program, Tensor};
use crate::model::Network;

/// A network as a program that goes forward over clips and back to them, a batch at a time.
#[derive(Debug)]
pub struct InputGradient {
    // A batch is written, run and read as a whole.
    program: Mutex<Program>,
    clips: Tensor,
    by_embedding: Tensor,
    by_clips: Tensor,
    clip_len: usize,
    width: usize,
}

impl InputGradient {
    /// Compiles a network with these parameters (flat layout).
    ///
    /// # Errors
    /// [`GpuError`].
    pub fn new(gpu: &Gpu, network: &Network, parameters: &[f32]) -> Result<Self, GpuError> {
        let [bands, frames] = network.input;
        let batch = match gpu.class().is_software() {
            true => 32,
            false => 128,
        };
        let mut plan = Plan::new(gpu.tuning());
        let clips = plan.tensor("clips", [batch, 1, bands, frames], BufferRole::Input);
        let width = network.width();
        let by_embedding = plan.tensor("by embedding", [batch, width, 1, 1], BufferRole::Input);
        let flat = [1, 1, 1, network.flat_len()];
        let flat = plan.tensor("parameters", flat, BufferRole::State);
        let forward = network.forward(&mut plan, flat, clips, None);
        let by_clips = network.input_gradient(&mut plan, &forward, flat, by_embedding);
        plan.keep(by_clips);
        plan.share_scratch();
        let program = Program::new(gpu, plan)?;
        program.write(flat, parameters);
        Ok(Self {
            program: Mutex::new(program),
            clips,
            by_embedding,
            by_clips,
            clip_len: bands * frames,
            width,
        })
    }

    /// For each of `count` clips, `[bands][frames]` each, the gradient of the product of its embedding with a vector, both given by
    /// `clip`: handed to `take` in order, of the clip's shape.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn of_clips(
        &self,
        count: usize,
        clip: impl Fn(usize) -> (Vec<f32>, Vec<f32>),
        mut take: impl FnMut(usize, &[f32]),
    ) -> Result<(), GpuError> {
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = self.clips.shape[0];
        for first in (0..count).step_by(batch.max(1)) {
            let these = first..count.min(first + batch);
            for (place, k) in these.clone().enumerate() {
                let (values, by_embedding) = clip(k);
                program.write_at(self.clips, place * self.clip_len, &values);
                let at = place * self.width;
                program.write_at(self.by_embedding, at, &by_embedding);
            }
            program.run()?;
            let all: Vec<f32> = program.read(self.by_clips)?;
            let each = these.zip(all.chunks(self.clip_len));
            each.for_each(|(k, gradient)| take(k, gradient));
        }
        Ok(())
    }
}
