//! Training steps and forward passes on made-up clips.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ceilings::Ceilings;
use super::kernels::{KernelFigures, profile};
use super::networks::{TASK, reference_step};
use crate::data::Task;
use crate::embed::inference;
use crate::gpu::{AdapterClass, DeviceChoice, Gpu, GpuError, Program, word};
use crate::measure::{Spread, enough, made_up, timed};
use crate::model::Network;
use crate::train::{StepShape, TrainingPlan, TrainingStep};
use crate::tuning;

/// Time that the steps and passes of one network may take; see [`enough`].
const BUDGET: Duration = Duration::from_secs(20);

/// The forward pass of `clips` made-up clips.
fn forward_pass(gpu: &Gpu, network: &Network, clips: usize) -> Result<Program, GpuError> {
    let (plan, [parameters, x, _]) = inference(gpu.tuning(), network, clips);
    let program = Program::new(gpu, plan)?;
    program.write(parameters, &network.initial_parameters(1));
    program.write(x, &made_up(x.len()));
    Ok(program)
}

/// Dispatches of a training step for each class of adapter, by kernel.
fn dispatches(network: &Network) -> Vec<(AdapterClass, BTreeMap<String, usize>)> {
    let of = |class: AdapterClass| {
        let shape = StepShape {
            // As many elements as a single clip has.
            banks: &[network.input[0] * network.input[1]],
            ..reference_step(network)
        };
        (class, TrainingPlan::new(class, &shape).plan.dispatches())
    };
    AdapterClass::ALL.into_iter().map(of).collect()
}

/// What a network costs on a device, for an episode of [`TASK`].
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
    /// Dispatches of a training step by class of adapter and kernel.
    pub dispatches: Vec<(AdapterClass, BTreeMap<String, usize>)>,
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
        let gpu = tuning::open(device, &mut |_| {})?;
        let Task { way, shot, query } = TASK;
        let training = TrainingStep::new(&gpu, &reference_step(network))?;
        let figures = NetworkFigures {
            name: network.spec.name.clone(),
            params: network.parameter_count(),
            flops: network.flops(),
            peak_bytes: training.program().plan().bytes(),
            dispatches: dispatches(network),
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
