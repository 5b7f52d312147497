//! A Kolmogorov-Arnold network learns a function on the GPU: `cargo run --release --example kan_function`.
//!
//! The function is f(x, y) = exp(sin(pi x) + y^2), with which Liu et al. (2404.19756) introduce such
//! networks: two layers of splines can hold it. The plan below is a whole training step; replaying it
//! allocates nothing, and parameters, gradients and optimiser state stay on the device.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the device computes in f32"
)]

use gamaka::gpu::{BufferRole, DeviceChoice, Gpu, Plan, Program};
use gamaka::model::{Network, Spec};
use gamaka::ops::{self, AdamW, OptimizerState, OptimizerTensors, StepInfo};

const SPEC: &str = r#"
name = "two layers of splines"
[[layers]]
type = "kan_linear"
channels = 5
grid = 8
range = 1.0
[[layers]]
type = "kan_linear"
channels = 1
grid = 8
range = 2.0
"#;

const BATCH: usize = 512;
const STEPS: u32 = 2000;

fn f(x: f64, y: f64) -> f64 {
    ((std::f64::consts::PI * x).sin() + y * y).exp()
}

/// Points that fill the square evenly, others in each step (the additive recurrence of the plastic number, Roberts 2018).
fn point(step: u32, place: usize) -> [f64; 2] {
    let number = step as usize * BATCH + place;
    [0.754_877_666_246_692_8, 0.569_840_290_998_053_3]
        .map(|pace| 2.0 * (pace * number as f64).fract() - 1.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    learn(&Gpu::open(&DeviceChoice::Auto)?)?;
    Ok(())
}

/// Trains the network, and gives the root mean square error of the last step.
pub(crate) fn learn(gpu: &Gpu) -> Result<f32, Box<dyn std::error::Error>> {
    // An input is an image of one channel: here 1 x 2, the point (x, y).
    let network = Network::new(Spec::from_toml(SPEC)?, [1, 2])?;
    println!(
        "{} parameters on {}",
        network.parameter_count(),
        gpu.adapter
    );

    let mut plan = Plan::new(gpu.class());
    let points = plan.tensor("points", [BATCH, 1, 1, 2], BufferRole::Input);
    let target = plan.tensor("target", [BATCH, 1, 1, 1], BufferRole::Input);
    let step = plan.words("step", [1, 1, 1, 4], BufferRole::Input);
    let optimizer = OptimizerTensors::new(&mut plan, network.flat_len());
    let error = plan.tensor("error", target.shape, BufferRole::Output);
    let grad = plan.tensor("gradient of the output", target.shape, BufferRole::Scratch);
    let forward = network.forward(&mut plan, optimizer.parameter, points, Some(step));
    ops::squared_error(&mut plan, forward.embedding, target, error, grad);
    network.backward(
        &mut plan,
        &forward,
        optimizer.parameter,
        optimizer.grad,
        grad,
    );
    ops::adamw_step(&mut plan, &AdamW::default(), &optimizer, step);

    let program = Program::new(gpu, plan)?;
    program.write(optimizer.parameter, &network.initial_parameters(1));
    program.write(optimizer.state, &[OptimizerState::START]);
    let mut root_mean_square = f32::NAN;
    for number in 0..STEPS {
        let xy: Vec<f64> = (0..BATCH).flat_map(|place| point(number, place)).collect();
        let wanted: Vec<f32> = xy.chunks(2).map(|p| f(p[0], p[1]) as f32).collect();
        program.write(points, &xy.iter().map(|&v| v as f32).collect::<Vec<_>>());
        program.write(target, &wanted);
        let learning_rate = 0.02 * (1.0 - number as f32 / STEPS as f32);
        program.write(
            step,
            &[StepInfo {
                seed: 1,
                step: number,
                learning_rate,
                threshold: 0.0,
            }],
        );
        program.run()?;
        if number % 250 == 0 || number == STEPS - 1 {
            let errors: Vec<f32> = program.read(error)?;
            let mean = errors.iter().sum::<f32>() / BATCH as f32;
            root_mean_square = mean.sqrt();
            println!("step {number:4}: root mean square error {root_mean_square:.4}");
        }
    }

    let parameters: Vec<f32> = program.read(optimizer.parameter)?;
    println!("the edges that matter most, in parts of the output's deviation:");
    for edge in network.learned_edges(&parameters).iter().take(4) {
        println!(
            "  layer {}, input {} to output {}: {:.3}",
            edge.layer, edge.input, edge.output, edge.importance
        );
    }
    Ok(root_mean_square)
}
