//! Plans on a device that runs nothing but checks everything against WebGPU's default limits.

use gamaka::gpu::{AdapterClass, BufferRole, Gpu, GpuError, Plan, Program};
use gamaka::model::{Network, Spec};
use gamaka::ops::{self, AdamW, Augment};
use gamaka::selftest::doctor_cases;
use gamaka::train::{StepShape, TrainingPlan};

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
            let network = Network::new(Spec::named(name).unwrap(), [64, 128]).unwrap();
            let plan = training(class, &network, 10, &[64 * 1000, 64 * 500]).plan;
            let program =
                Program::new(&Gpu::noop(), plan).unwrap_or_else(|e| panic!("{name}: {e}"));
            program.run().unwrap_or_else(|e| panic!("{name}: {e}"));
        }
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
