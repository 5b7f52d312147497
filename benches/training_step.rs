//! One training step on an adapter, kernel by kernel: `cargo bench --bench training_step [-- SPEC.toml]`.
//!
//! Prints the time to compile, the time of a step, and for each kind of dispatch its time and, for the
//! convolution kernels, GFLOP/s. The network is the reference of docs/performance.md unless a spec is given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gamaka::gpu::{DeviceChoice, Gpu, Program, Step};
use gamaka::model::{Network, Spec};
use gamaka::ops::{AdamW, Augment, OptimizerState, Slot, StepInfo};
use gamaka::train::{StepShape, TrainingPlan};

/// Convs 1-12-24-32-48, 3x3 stride 2, full per-edge cubic splines, normalisation before each.
fn reference() -> Spec {
    let layers: String = [12, 24, 32, 48]
        .map(|c| format!("[[layers]]\ntype = \"group_norm\"\ngroups = 1\n[[layers]]\ntype = \"kan_conv\"\nchannels = {c}\nkernel = 3\nstride = 2\npadding = 1\n"))
        .concat();
    Spec::from_toml(&format!(
        "name = \"reference\"\n{layers}[[layers]]\ntype = \"statistics_pool\"\nover = \"all\"\n"
    ))
    .expect("the reference is a valid spec")
}

fn constant(step: &Step, name: &str) -> f64 {
    step.overrides
        .iter()
        .find(|(n, _)| n == name)
        .map_or(0.0, |(_, value)| *value)
}

/// Multiply-adds count two; the dense form of the basis, as a GEMM.
fn flop(step: &Step) -> f64 {
    if !step.kernel.starts_with("kan_conv") {
        return 0.0;
    }
    let c = |name: &str| constant(step, name);
    let slots = if c("ORDER") == 0.0 {
        1.0
    } else {
        c("GRID") + c("ORDER") + 1.0
    };
    2.0 * c("N")
        * c("OUT_H")
        * c("OUT_W")
        * c("CO")
        * c("CI")
        * c("KERNEL_H")
        * c("KERNEL_W")
        * slots
}

fn main() {
    let spec_file = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let spec = match spec_file {
        Some(path) => Spec::from_toml(&std::fs::read_to_string(path).expect("readable"))
            .expect("a valid spec"),
        None => reference(),
    };
    let choice: DeviceChoice = std::env::var("GAMAKA_DEVICE")
        .unwrap_or_default()
        .parse()
        .expect("any text");
    let gpu = Gpu::open(&choice).expect("an adapter");
    let network = Network::new(spec, [64, 128]).expect("fits");
    println!("{} on {}", network.spec.name, gpu.adapter);
    let training = TrainingPlan::new(
        gpu.class(),
        &StepShape {
            network: &network,
            way: 5,
            shot: 5,
            query: 5,
            augment: Augment::default(),
            optimizer: AdamW::default(),
            banks: &[64 * 1000],
        },
    );
    let start = Instant::now();
    let program = Program::new(&gpu, training.plan.clone()).expect("compiles");
    let slots = vec![
        Slot {
            bank: 0,
            first: 0,
            frames: 1000,
            unused: 0
        };
        50
    ];
    let bank: Vec<f32> = (0..64 * 1000)
        .map(|k| ((k as f32) * 0.37).sin().abs())
        .collect();
    program.write(training.banks[0], &bank);
    program.write(training.slots, &slots);
    program.write(training.optimizer.parameter, &network.initial_parameters(1));
    program.write(training.optimizer.state, &[OptimizerState::START]);
    let run = |step: u32| {
        program.write(
            training.step,
            &[StepInfo {
                seed: 1,
                step,
                learning_rate: 1e-3,
                unused: 0,
            }],
        );
        let start = Instant::now();
        program.run().expect("runs");
        gpu.wait().expect("ends");
        start.elapsed()
    };
    let first = run(0);
    println!(
        "{} parameters, {} MFLOP a clip forward, {} dispatches, {:.1} MiB; build and first run {:.2} s",
        network.parameter_count(),
        network.flops() / 1_000_000,
        program.plan().steps.len(),
        program.plan().bytes() as f64 / 1048576.0,
        (start.elapsed()).as_secs_f64()
    );
    let mut times: Vec<Duration> = (1..8).map(run).collect();
    times.sort();
    println!(
        "first step {:.0} ms; then median {:.1} ms, fastest {:.1} ms",
        first.as_secs_f64() * 1e3,
        times[3].as_secs_f64() * 1e3,
        times[0].as_secs_f64() * 1e3
    );

    let mut best = program.time_steps().expect("runs");
    for _ in 0..3 {
        for (b, t) in best.iter_mut().zip(program.time_steps().expect("runs")) {
            *b = t.min(*b);
        }
    }
    let mut rows: BTreeMap<String, (f64, f64, usize)> = BTreeMap::new();
    for (step, time) in program.plan().steps.iter().zip(&best) {
        let mut label = step.kernel.clone();
        if flop(step) > 0.0 {
            label = format!(
                "{label} {}->{} @ {}x{}",
                constant(step, "CI"),
                constant(step, "CO"),
                constant(step, "IN_H"),
                constant(step, "IN_W")
            );
        }
        let row = rows.entry(label).or_default();
        *row = (
            row.0 + time.as_secs_f64() * 1e3,
            row.1 + flop(step),
            row.2 + 1,
        );
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    for (label, (ms, flop, count)) in rows {
        let rate = if flop > 0.0 {
            format!("{:8.1} GFLOP/s", flop / ms / 1e6)
        } else {
            String::new()
        };
        println!("{label:48} {count:3} x {ms:8.2} ms {rate}");
    }
}
