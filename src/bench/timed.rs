//! Training steps and forward passes on made-up clips.

use std::time::{Duration, Instant};

use super::kernels::{KernelFigures, profile};
use super::networks::{EPISODE, reference_step};
use super::spread::enough;
use super::{Ceilings, Spread, made_up};
use crate::embed::inference;
use crate::gpu::{DeviceChoice, Gpu, GpuError, Program, word};
use crate::model::Network;
use crate::ops::{OptimizerState, Slot, StepInfo};
use crate::train::{StepShape, TrainingPlan};

/// Time that the steps and passes of one network may take; see [`enough`].
const BUDGET: Duration = Duration::from_secs(20);

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
            gpu.class(),
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
            unused: 0,
        };
        self.program.write(self.tensors.step, &[info]);
        self.taken += 1;
        timed(&self.program)
    }
}

/// Time of a run from its submission to its end.
fn timed(program: &Program) -> Result<Duration, GpuError> {
    let start = Instant::now();
    program.run()?;
    program.gpu().wait()?;
    Ok(start.elapsed())
}

/// The forward pass of `clips` made-up clips.
fn forward_pass(gpu: &Gpu, network: &Network, clips: usize) -> Result<Program, GpuError> {
    let (plan, [parameters, x, _]) = inference(gpu.class(), network, clips);
    let program = Program::new(gpu, plan)?;
    program.write(parameters, &network.initial_parameters(1));
    program.write(x, &made_up(x.len()));
    Ok(program)
}

/// What a network costs on a device, for an episode of [`EPISODE`].
#[derive(Debug, Clone)]
pub struct NetworkFigures {
    /// Its name.
    pub name: String,
    /// Trained values.
    pub params: usize,
    /// Floating-point operations of a forward pass over one clip.
    pub flops: u64,
    /// Device memory in bytes of a training step.
    pub peak_bytes: u64,
    /// Milliseconds of each repeat of a training step.
    pub steps_ms: Vec<f64>,
    /// Milliseconds of each repeat of a forward pass of the same batch.
    pub forwards_ms: Vec<f64>,
    /// The step kernel by kernel, if that was asked for.
    pub kernels: Vec<KernelFigures>,
}

impl NetworkFigures {
    /// How many times as long as another's a step takes, from repeats taken in turns.
    pub fn step_ratio(&self, other: &Self) -> Spread {
        let ratios = self.steps_ms.iter().zip(&other.steps_ms);
        Spread::of(&ratios.map(|(a, b)| a / b).collect::<Vec<_>>())
    }
}

/// A network on a device of its own, so that one which runs out of memory takes no other with it.
struct Bed {
    training: TrainingStep,
    forward: Program,
    figures: NetworkFigures,
}

impl Bed {
    fn new(device: &DeviceChoice, network: &Network) -> Result<Self, GpuError> {
        let gpu = Gpu::open(device)?;
        let [way, shot, query] = EPISODE;
        let training = TrainingStep::new(&gpu, &reference_step(network))?;
        let figures = NetworkFigures {
            name: network.spec.name.clone(),
            params: network.parameter_count(),
            flops: network.flops(),
            peak_bytes: training.program().plan().bytes(),
            steps_ms: Vec::new(),
            forwards_ms: Vec::new(),
            kernels: Vec::new(),
        };
        let mut bed = Self {
            training,
            forward: forward_pass(&gpu, network, way * (shot + query))?,
            figures,
        };
        bed.time()?;
        Ok(bed)
    }

    fn time(&mut self) -> Result<[f64; 2], GpuError> {
        let step = self.training.run()?.as_secs_f64() * 1e3;
        let forward = timed(&self.forward)?.as_secs_f64() * 1e3;
        Ok([step, forward])
    }
}

/// Times networks in turns. With `ceilings` each gets a table of its kernels. A network that does not
/// fit the device, or fails on it, costs only its own figures.
pub fn time_networks(
    device: &DeviceChoice,
    networks: &[Network],
    ceilings: Option<&Ceilings>,
) -> Vec<Result<NetworkFigures, GpuError>> {
    let mut beds: Vec<_> = networks.iter().map(|n| Bed::new(device, n)).collect();
    let budget = BUDGET.saturating_mul(word(networks.len()));
    let start = Instant::now();
    let mut repeats = 0;
    while beds.iter().any(Result::is_ok) && !enough(repeats, start.elapsed(), budget) {
        for place in &mut beds {
            let Ok(bed) = place else { continue };
            match bed.time() {
                Ok([step, forward]) => {
                    bed.figures.steps_ms.push(step);
                    bed.figures.forwards_ms.push(forward);
                }
                Err(error) => *place = Err(error),
            }
        }
        repeats += 1;
    }
    let finish = |bed: Bed| {
        let mut figures = bed.figures;
        if let Some(ceilings) = ceilings {
            figures.kernels = profile(bed.training.program(), ceilings)?;
        }
        Ok(figures)
    };
    beds.into_iter().map(|bed| bed.and_then(finish)).collect()
}
