//! Plans on a device that runs nothing but checks everything against WebGPU's default limits.

use gamaka::adapt::Adapter;
use gamaka::gpu::{AdapterClass, BufferRole, Gpu, GpuError, Plan, Program};
use gamaka::model::{Network, Spec};
use gamaka::ops::{self, AdamW, Augment, Basis, ConvShape};
use gamaka::selftest::doctor_cases;
use gamaka::train::{Learner, Method, StepShape, TrainingPlan};

const CLASSES: [AdapterClass; 2] = [AdapterClass::Software, AdapterClass::Hardware];

fn training(class: AdapterClass, network: &Network, way: usize, banks: &[usize]) -> TrainingPlan {
    let shape = StepShape {
        network,
        way,
        shot: 2,
        query: 3,
        augment: Augment {
            noise: 0.1,
            band_masks: 1,
            band_mask: 4,
            ..Augment::default()
        },
        optimizer: AdamW::default(),
        learner: Learner::default(),
        banks,
    };
    TrainingPlan::new(class, &shape)
}

#[test]
fn every_pipeline_of_the_doctor_builds_within_default_limits() {
    for class in CLASSES {
        for case in doctor_cases(class) {
            Program::new(&Gpu::noop(), case.plan).unwrap_or_else(|e| panic!("{}: {e}", case.label));
        }
    }
}

#[test]
fn the_training_plan_of_every_spec_builds_and_runs_within_default_limits() {
    for class in CLASSES {
        for name in Spec::names() {
            let network = Network::new(Spec::named(name, [64, 128]).unwrap(), [64, 128]).unwrap();
            let plan = training(class, &network, 10, &[64 * 1000, 64 * 500]).plan;
            let program =
                Program::new(&Gpu::noop(), plan).unwrap_or_else(|e| panic!("{name}: {e}"));
            program.run().unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

#[test]
fn the_plans_of_every_learner_build_and_run_within_default_limits() {
    let network = Network::new(Spec::default(), [64, 128]).unwrap();
    for method in [Method::Maml, Method::Anil, Method::Reptile] {
        let learner = Learner {
            method,
            steps: 2,
            ..Learner::default()
        };
        for class in CLASSES {
            let shape = StepShape {
                network: &network,
                way: 10,
                shot: 1,
                query: 2,
                augment: Augment::default(),
                optimizer: AdamW::default(),
                learner,
                banks: &[64_000],
            };
            let plan = TrainingPlan::new(class, &shape).plan;
            let program =
                Program::new(&Gpu::noop(), plan).unwrap_or_else(|e| panic!("{learner:?}: {e}"));
            program.run().unwrap_or_else(|e| panic!("{learner:?}: {e}"));
        }
        Adapter::new(&Gpu::noop(), &network, &learner, [10, 1, 2], 3)
            .unwrap_or_else(|e| panic!("{learner:?}: {e}"));
    }
}

#[test]
fn a_plan_survives_being_written_and_read() {
    let network = Network::new(Spec::default(), [64, 128]).unwrap();
    let plan = training(AdapterClass::Hardware, &network, 5, &[64_000]).plan;
    let text = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert!(serde_json::to_string(&read).unwrap() == text);
    Program::new(&Gpu::noop(), read).unwrap();
}

#[test]
fn scratch_shares_memory_only_where_it_is_never_needed_together() {
    let chain = |share: bool| {
        let mut plan = Plan::new(AdapterClass::Software);
        let x = plan.tensor("x", [1, 1, 1, 64], BufferRole::Input);
        let mut scratch = |len| plan.tensor("scratch", [1, 1, 1, len], BufferRole::Scratch);
        let [a, b, c, d] = [64, 128, 128, 64].map(&mut scratch);
        // a lives to the third step; b ends where c begins, d may take the place of either.
        for bindings in [vec![x, a], vec![x, b], vec![a, b, c], vec![c, d]] {
            plan.dispatch("made up", &[], &bindings, [1, 1, 1]);
        }
        plan.keep(d);
        if share {
            plan.share_scratch();
        }
        plan
    };
    assert_eq!(chain(false).bytes(), 4 * (64 + 64 + 128 + 128 + 64));
    // d is kept, so it shares nothing; a, b and c are all needed in the third step.
    assert_eq!(chain(true).bytes(), chain(false).bytes());

    let network = Network::new(Spec::default(), [64, 128]).unwrap();
    let plan = training(AdapterClass::Software, &network, 5, &[64_000]).plan;
    let uses = |tensor: usize| {
        let steps = plan.steps.iter().enumerate();
        let mut at = steps.filter(move |(_, s)| s.bindings.contains(&tensor));
        let first = at.next().map(|(k, _)| k);
        first.map(|first| (first, at.next_back().map_or(first, |(k, _)| k)))
    };
    let scratch: Vec<_> = (0..plan.tensors.len())
        .filter(|&t| plan.buffers[plan.tensors[t].buffer].role == BufferRole::Scratch)
        .filter_map(|t| uses(t).map(|(first, last)| (t, first, last)))
        .collect();
    for (k, &(a, first, last)) in scratch.iter().enumerate() {
        let buffer = &plan.buffers[plan.tensors[a].buffer];
        assert!(plan.tensors[a].bytes <= buffer.bytes);
        for &(b, other_first, other_last) in &scratch[..k] {
            assert!(
                plan.tensors[a].buffer != plan.tensors[b].buffer
                    || last < other_first
                    || other_last < first,
                "{} and {} share",
                plan.tensors[a].label,
                plan.tensors[b].label
            );
        }
    }
    let alone: u64 = scratch.iter().map(|&(t, ..)| plan.tensors[t].bytes).sum();
    let shared = plan
        .buffers
        .iter()
        .filter(|b| b.role == BufferRole::Scratch);
    let shared: u64 = shared.map(|b| b.bytes).sum();
    assert!(4 * shared < 3 * alone, "{shared} of {alone} bytes");
}

#[test]
fn a_tensor_over_a_binding_is_refused_by_name() {
    let mut plan = Plan::new(AdapterClass::Hardware);
    let big = plan.tensor("too big", [1, 1, 1 << 13, 1 << 13], BufferRole::Input);
    let total = plan.tensor("total", [1, 1, 1, 1 << 13], BufferRole::Scratch);
    ops::reduce_partials(&mut plan, big, total);
    match Program::new(&Gpu::noop(), plan) {
        Err(GpuError::TensorTooLarge {
            tensor,
            needed_mib: 256,
            limit_mib: 128,
        }) => assert_eq!(tensor, "too big"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dispatch_over_the_limit_is_refused_by_name() {
    let mut plan = Plan::new(AdapterClass::Hardware);
    let x = plan.tensor("x", [1, 1, 1, 4], BufferRole::Input);
    plan.dispatch("step_guard", &[], &[x], [65_536, 1, 1]);
    match Program::new(&Gpu::noop(), plan) {
        Err(GpuError::DispatchTooLarge { kernel, .. }) => assert_eq!(kernel, "step_guard"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_convolution_of_too_many_positions_is_refused_by_name() {
    for (class, input) in [
        (AdapterClass::Hardware, [8192, 4096]),
        (AdapterClass::Software, [1 << 15, 1 << 15]),
    ] {
        let basis = Basis {
            order: 3,
            grid: 4,
            range: 2.5,
            centre: 0.0,
        };
        let case = |basis| {
            let shape = ConvShape {
                n: 1,
                ci: 1,
                input,
                co: 1,
                kernel: [1, 1],
                stride: [1, 1],
                padding: [0, 0],
                basis,
            };
            let mut plan = Plan::new(class);
            let x = plan.tensor("x", shape.input_shape(), BufferRole::Input);
            let weight = [1, 1, 1, shape.weight_len()];
            let weight = plan.tensor("weight", weight, BufferRole::Input);
            let bias = plan.tensor("bias", [1, 1, 1, 1], BufferRole::Input);
            let y = plan.tensor("y", shape.output_shape(), BufferRole::Output);
            ops::conv_forward(&mut plan, &shape, x, weight, bias, y);
            Program::new(&Gpu::noop(), plan)
        };
        for basis in [basis, Basis::IDENTITY] {
            let error = case(basis).unwrap_err().to_string();
            let told = match class {
                AdapterClass::Hardware => error.contains("conv_forward") && error.contains("65535"),
                AdapterClass::Software => error.contains("128 MiB"),
            };
            assert!(told, "{error}");
        }
    }
}

#[test]
fn a_missing_binding_is_a_typed_error() {
    let mut plan = Plan::new(AdapterClass::Hardware);
    let x = plan.tensor("x", [1, 1, 1, 64], BufferRole::Input);
    plan.dispatch(
        "channel_sum",
        &[
            ("ROWS", 1.0),
            ("POSITIONS", 64.0),
            ("WIDTH", 4.0),
            ("WORKGROUP", 64.0),
        ],
        &[x],
        [1, 1, 1],
    );
    assert!(matches!(
        Program::new(&Gpu::noop(), plan),
        Err(GpuError::Validation { .. })
    ));
}
