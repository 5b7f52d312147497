//! A training step to be timed.

use std::time::Duration;

use super::plan::{StepShape, TrainingPlan};
use crate::gpu::{Gpu, GpuError, Program, word};
use crate::measure::{made_up, timed};
use crate::ops::{OptimizerState, Slot, StepInfo};

/// Frames of the made-up file that all clips are cut from.
const BANK_FRAMES: usize = 1000;

/// A whole training step (episode, loss, backward pass, optimiser) on made-up clips.
#[derive(Debug)]
pub struct TrainingStep {
    program: Program,
    tensors: TrainingPlan,
    taken: u32,
}

impl TrainingStep {
    /// Compiles the step for a device; of `shape` all but the banks count.
    ///
    /// # Errors
    /// [`GpuError`]: it does not fit, or a fault of the device.
    pub fn new(gpu: &Gpu, shape: &StepShape) -> Result<Self, GpuError> {
        let network = shape.network;
        let values = made_up(network.input[0] * BANK_FRAMES);
        let tensors = TrainingPlan::new(
            gpu.tuning(),
            &StepShape {
                banks: &[values.len()],
                ..*shape
            },
        );
        let program = Program::new(gpu, tensors.plan.clone())?;
        let slot = Slot::file(0, 0, word(BANK_FRAMES));
        let clips = tensors.clips.shape[0];
        program.write(tensors.banks[0], &values);
        program.write(tensors.slots, &vec![slot; clips]);
        let optimizer = &tensors.optimizer;
        program.write(optimizer.parameter, &network.initial_parameters(1));
        program.write(optimizer.state, &[OptimizerState::START]);
        Ok(Self {
            program,
            tensors,
            taken: 0,
        })
    }

    /// The compiled step.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Takes a step and waits for its end.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn run(&mut self) -> Result<Duration, GpuError> {
        let info = StepInfo {
            seed: 1,
            step: self.taken,
            learning_rate: 1e-3,
            threshold: 0.0,
        };
        self.program.write(self.tensors.step, &[info]);
        self.taken += 1;
        timed(&self.program)
    }
}
