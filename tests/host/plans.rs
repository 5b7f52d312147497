//! Plans on a device that runs nothing but checks everything against WebGPU's default limits.

use gamaka::gpu::{AdapterClass, BufferRole, Dtype, Gpu, GpuError, Plan, Program, Step, Tuning};
use gamaka::internals::adapt::TaskAdapter;
use gamaka::internals::data::Task;
use gamaka::internals::selftest::doctor_cases;
use gamaka::internals::settings::{Learner, Method};
use gamaka::internals::train::{Shaping, StepShape, TeacherShape, TrainingPlan};
use gamaka::model::{Network, Spec};
use gamaka::ops::{self, AdamW, Augment, Basis, ConvShape, Pass, Variant};

const CLASSES: [AdapterClass; 4] = AdapterClass::ALL;

fn training(class: AdapterClass, network: &Network, way: usize, banks: &[usize]) -> TrainingPlan {
    let shape = StepShape {
        network,
        task: Task::new(way, 2, 3),
        augment: Augment {
            noise: 0.1,
            band_masks: 1,
            band_mask: 4,
            ..Augment::default()
        },
        optimizer: AdamW::default(),
        learner: Learner::default(),
        banks,
        shaping: Shaping::default(),
        teacher: None,
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
                task: Task::new(10, 1, 2),
                augment: Augment::default(),
                optimizer: AdamW::default(),
                learner,
                banks: &[64_000],
                shaping: Shaping::default(),
                teacher: None,
            };
            let plan = TrainingPlan::new(class, &shape).plan;
            let program =
                Program::new(&Gpu::noop(), plan).unwrap_or_else(|e| panic!("{learner:?}: {e}"));
            program.run().unwrap_or_else(|e| panic!("{learner:?}: {e}"));
        }
        TaskAdapter::new(&Gpu::noop(), &network, &learner, Task::new(10, 1, 2), 3)
            .unwrap_or_else(|e| panic!("{learner:?}: {e}"));
    }
}

#[test]
fn the_step_of_a_teacher_builds_and_runs_within_default_limits_behind_every_spec() {
    let linear = "[[layers]]\ntype = \"linear\"\nchannels = 200\n";
    let splines = "[[layers]]\ntype = \"group_norm\"\ngroups = 1\n[[layers]]\ntype = \"kan_linear\"\nchannels = 37\n";
    for class in CLASSES {
        for name in Spec::names() {
            let network = Network::new(Spec::named(name, [64, 128]).unwrap(), [64, 128]).unwrap();
            for (read_out, episode_weight) in [(linear, 0.0), (splines, 0.0), (linear, 0.5)] {
                let text = format!("name = \"read-out\"\n{read_out}");
                let layers = Spec::from_toml(&text).unwrap().layers;
                let whole = network.followed_by(&layers).unwrap();
                // What is trained begins with the network, and so do its first values.
                let first = network.initial_parameters(1);
                assert!(whole.initial_parameters(1)[..first.len()] == first);
                let shape = StepShape {
                    network: &network,
                    task: Task::new(3, 1, 2),
                    augment: Augment::default(),
                    optimizer: AdamW::default(),
                    learner: Learner::default(),
                    banks: &[64 * 1000, 64 * 500],
                    shaping: Shaping::default(),
                    teacher: Some(TeacherShape {
                        whole: &whole,
                        batch: 13,
                        weight: 1.0,
                        episode_weight,
                        cosine: 1.0,
                        targets: &[1000, 17],
                    }),
                };
                let training = TrainingPlan::new(class, &shape);
                let clips = if episode_weight > 0.0 { 9 + 13 } else { 13 };
                assert_eq!(training.clips.shape, [clips, 1, 64, 128]);
                assert_eq!(training.history.is_some(), episode_weight > 0.0);
                let program = Program::new(&Gpu::noop(), training.plan)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
                program.run().unwrap_or_else(|e| panic!("{name}: {e}"));
            }
        }
    }
}

#[test]
fn a_plan_survives_being_written_and_read() {
    let network = Network::new(Spec::default(), [64, 128]).unwrap();
    let mut plan = training(AdapterClass::Hardware, &network, 5, &[64_000]).plan;
    let values = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0, 1e-45];
    plan.constant("strange", [1, 1, 1, 5], values.to_vec());
    plan.constant_words("words", [1, 1, 1, 2], vec![0, u32::MAX]);
    let text = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert!(serde_json::to_string(&read).unwrap() == text);
    let [.., strange, all] = &read.constants[..] else {
        panic!("no constants");
    };
    assert_eq!(strange.words, values.map(f32::to_bits));
    assert_eq!(all.words, [0, u32::MAX]);
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
        assert!(plan.tensors[a].bytes() <= buffer.bytes);
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
    let alone: u64 = scratch.iter().map(|&(t, ..)| plan.tensors[t].bytes()).sum();
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
            let told = match class.is_software() {
                false => error.contains("conv_forward") && error.contains("65535"),
                true => error.contains("128 MiB"),
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
            ("LANES", 1.0),
            ("WORKGROUP", 64.0),
        ],
        &[x],
        [1, 1, 1],
    );
    assert!(matches!(
        Program::new(&Gpu::noop(), plan),
        Err(GpuError::InvalidPlan { .. })
    ));
}

/// The convolution's own steps, forward and backward, of whatever shape.
fn convolution(tuning: impl Into<Tuning>, shape: &ConvShape) -> Plan {
    let mut plan = Plan::new(tuning);
    let mut input = |label: &str, shape| plan.tensor(label, shape, BufferRole::Input);
    let x = input("x", shape.input_shape());
    let weight = input("weight", [1, 1, 1, shape.weight_len()]);
    let bias = input("bias", [1, 1, 1, shape.co]);
    let grad_y = input("grad y", shape.output_shape());
    let mut output = |label: &str, shape| plan.tensor(label, shape, BufferRole::Output);
    let y = output("y", shape.output_shape());
    let grad_x = output("grad x", shape.input_shape());
    let by_weight = output("grad weight", [1, 1, 1, shape.weight_len()]);
    let by_bias = output("grad bias", [1, 1, 1, shape.co]);
    let kept = ops::conv_forward(&mut plan, shape, x, weight, bias, y);
    let by_parameters = Some([by_weight, by_bias]);
    ops::conv_backward(&mut plan, shape, &kept, grad_y, by_parameters, Some(grad_x));
    plan
}

/// What suits a GPU best of the kernels that keep tiles in registers.
fn by_registers(shape: &ConvShape) -> Tuning {
    let passes = [Pass::Forward, Pass::GradInput, Pass::GradWeight];
    let choices = passes.map(|pass| {
        let mut all = ops::candidates(pass, shape, AdapterClass::Hardware).into_iter();
        let registers = all.find(|variant| matches!(variant, Variant::Registers { .. }));
        (ops::operation(pass, shape), registers.unwrap().to_string())
    });
    Tuning::new(AdapterClass::Hardware, choices.into())
}

const POINT: ConvShape = ConvShape {
    n: 2,
    ci: 1,
    input: [8, 8],
    co: 1,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    basis: Basis::IDENTITY,
};

#[test]
fn sizes_that_no_kernel_can_count_are_typed_errors() {
    let cubic = Basis {
        order: 3,
        grid: 4,
        range: 2.5,
        centre: 0.0,
    };
    let huge = [1 << 25, 1 << 32, 1 << 40, 1 << 62, usize::MAX];
    for class in CLASSES {
        for basis in [Basis::IDENTITY, cubic] {
            let base = ConvShape { basis, ..POINT };
            let mut shapes = vec![
                ConvShape {
                    stride: [65_536, 65_536],
                    ..base
                },
                ConvShape {
                    stride: [256, 256],
                    ..base
                },
                ConvShape {
                    stride: [0, 1],
                    ..base
                },
                ConvShape {
                    kernel: [9, 1],
                    ..base
                },
                ConvShape { n: 0, ..base },
                ConvShape { ci: 0, ..base },
                ConvShape { co: 0, ..base },
            ];
            for size in huge {
                let stride = [size, 1];
                shapes.extend([
                    ConvShape { n: size, ..base },
                    ConvShape { ci: size, ..base },
                    ConvShape { co: size, ..base },
                    ConvShape {
                        input: [size, 8],
                        ..base
                    },
                    ConvShape {
                        padding: [size, 0],
                        ..base
                    },
                    ConvShape { stride, ..base },
                ]);
            }
            for shape in shapes {
                let plan = convolution(class, &shape);
                let error = plan.validate().expect_err(&format!("{shape:?}"));
                assert!(!error.to_string().contains("bug"), "{shape:?}: {error}");
            }
            convolution(class, &base).validate().unwrap();
        }
    }
}

#[test]
fn a_split_of_positions_is_short_enough_for_software_adapters() {
    let shape = ConvShape {
        n: 200,
        ci: 32,
        input: [64, 64],
        co: 32,
        kernel: [3, 3],
        padding: [1, 1],
        ..POINT
    };
    let plan = convolution(AdapterClass::Software, &shape);
    plan.validate().unwrap();
    let step = plan.steps.iter().find(|s| s.kernel == "conv_grad_weight");
    let overrides = &step.unwrap().overrides;
    let splits = overrides.iter().find(|(name, _)| name == "SPLITS").unwrap();
    let rows = (200.0 * 64.0 / splits.1).ceil();
    assert!(rows * 64.0 <= 65_000.0, "{splits:?}");
}

/// An override constant of a step.
fn constant(step: &Step, name: &str) -> Option<f64> {
    let found = step.overrides.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| *value)
}

/// The layers of a network of five convolutions on 64 clips of 64 bands, and its linear layers.
fn layers() -> Vec<ConvShape> {
    let channels = [1, 24, 48, 96, 128, 192];
    let convolutions = channels.windows(2).enumerate().map(|(k, c)| ConvShape {
        n: 64,
        ci: c[0],
        input: [64 >> k, 128 >> k],
        co: c[1],
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        ..POINT
    });
    let linear = [(1024, 192), (192, 378)].map(|(ci, co)| ConvShape {
        n: 64,
        ci,
        input: [1, 1],
        co,
        ..POINT
    });
    convolutions.chain(linear).collect()
}

const CUBIC: Basis = Basis {
    order: 3,
    grid: 4,
    range: 2.5,
    centre: 0.0,
};

/// A GPU's latency hides behind other invocations, or behind the many sums of a spline's forward.
#[test]
fn every_convolution_for_a_gpu_has_invocations_enough_and_loops_worth_a_split() {
    for layer in layers() {
        for basis in [CUBIC, Basis::IDENTITY] {
            let shape = ConvShape { basis, ..layer };
            let plan = convolution(by_registers(&shape), &shape);
            plan.validate().unwrap();
            for step in plan.steps.iter().filter(|s| s.kernel.contains("conv_")) {
                let groups: f64 = step.workgroups.iter().map(|&g| f64::from(g)).product();
                let invocations = groups * constant(step, "WORKGROUP").unwrap();
                let linear = shape.kernel == [1, 1];
                let turns = match step.kernel.as_str() {
                    "kan_conv_forward" => shape.taps(),
                    "conv_forward" => shape.taps().div_ceil(4),
                    "conv_grad_input" => shape.co.div_ceil(4) * if linear { 1 } else { 4 },
                    // Weight gradients have as many splits as there are rows of outputs, or enough.
                    _ => continue,
                };
                let least = match step.kernel.as_str() {
                    _ if linear => 12_000.0,
                    "kan_conv_forward" => 24_576.0,
                    _ => 65_536.0,
                };
                assert!(invocations >= least, "{invocations} of {step:?}");
                // Each split of a loop over taps or outputs has some turns of it.
                let splits = constant(step, "SPLITS").unwrap();
                assert!(splits == 1.0 || turns as f64 / splits >= 16.0, "{step:?}");
            }
        }
    }
}

/// On a software adapter a load is dear and an invocation is not cheap.
#[test]
fn nothing_is_split_for_a_software_adapter_but_weight_gradients() {
    for layer in layers() {
        let plan = convolution(AdapterClass::Software, &layer);
        for step in &plan.steps {
            assert!(constant(step, "LANES").unwrap_or(1.0) == 1.0, "{step:?}");
            let split = step.kernel.ends_with("grad_weight") || step.kernel == "reduce_partials";
            assert!(split || constant(step, "SPLITS").unwrap_or(1.0) == 1.0);
        }
    }
}

/// A plan of two steps that is right.
fn sound() -> Plan {
    let mut plan = Plan::new(AdapterClass::Hardware);
    let x = plan.tensor("x", [2, 4, 1, 64], BufferRole::Input);
    let affine = plan.constant("affine", [1, 1, 2, 4], vec![1.0; 8]);
    let norm = ops::NormShape {
        n: 2,
        c: 4,
        groups: 2,
        positions: 64,
    };
    let y = plan.tensor("y", x.shape, BufferRole::Scratch);
    let moments = plan.tensor("moments", [2, 1, 2, 2], BufferRole::Output);
    ops::group_norm_forward(&mut plan, &norm, x, affine, y, moments);
    let z = plan.tensor("z", x.shape, BufferRole::Output);
    ops::weighted_sum(&mut plan, [1.0, 0.5], [x, y], z);
    plan
}

/// A step's arrays are as long as the tile that it was added with.
#[test]
fn a_tile_longer_than_its_array_is_refused() {
    let spline = ConvShape {
        basis: CUBIC,
        ..layers()[1]
    };
    let mut plan = convolution(AdapterClass::Software, &spline);
    plan.validate().unwrap();
    let forward = |s: &&mut Step| s.kernel == "kan_conv_forward";
    let step = plan.steps.iter_mut().find(forward).unwrap();
    let mut overrides = step.overrides.iter_mut();
    overrides.find(|(name, _)| name == "TILE_O").unwrap().1 = 3.0;
    let error = plan.validate().unwrap_err().to_string();
    assert!(error.contains("MAX_O = 2 for a tile of"), "{error}");
}

/// As they were cut when they won on an H200.
#[test]
fn a_gpu_takes_tiles_in_workgroup_memory_where_they_won() {
    let layer = |ci, input, co, basis| ConvShape {
        n: 50,
        ci,
        input,
        co,
        kernel: [3; 2],
        stride: [2; 2],
        padding: [1; 2],
        basis,
    };
    let usual = |pass, shape: &ConvShape, class| ops::candidates(pass, shape, class)[0].to_string();
    let plain = Basis::IDENTITY;
    let one = |basis| layer(1, [64, 128], 12, basis);
    let small = |basis| layer(12, [32, 64], 24, basis);
    let wide = |basis| layer(48, [32, 64], 96, basis);
    for (pass, shape, expected) in [
        (Pass::Forward, small(CUBIC), "registers 4x3 w64 s6"),
        (Pass::Forward, small(plain), "tiled 4x16 p2 o2 i2 s2"),
        (Pass::Forward, wide(plain), "tiled 4x16 p2 o2 i2 s1"),
        (Pass::Forward, one(plain), "registers 2x2 w64 s1"),
        (Pass::GradInput, one(CUBIC), "registers 4x8 w64 s1"),
        (Pass::GradInput, small(CUBIC), "tiled x16 p4 y8 c1 k4 s1"),
        (
            Pass::GradInput,
            layer(32, [8, 16], 48, CUBIC),
            "tiled x16 p4 y8 c1 k4 s2",
        ),
        (Pass::GradInput, small(plain), "registers 2x6 w64 s1"),
        (Pass::GradInput, wide(plain), "tiled x32 p4 y4 c4 k4 s1"),
        (Pass::GradWeight, small(CUBIC), "tiled i2 y16 4x8 o1 s102"),
        (
            Pass::GradWeight,
            ConvShape {
                n: 64,
                ..layer(96, [4, 8], 96, CUBIC)
            },
            "tiled i4 y16 4x4 o1 s4",
        ),
        (Pass::GradWeight, small(plain), "registers 2x2 w64 s800"),
    ] {
        assert_eq!(usual(pass, &shape, AdapterClass::Hardware), expected);
        let software = usual(pass, &shape, AdapterClass::Software);
        assert!(software.starts_with("registers"), "{software}");
    }
    // Neither a linear layer nor a single small image was timed.
    let linear = ConvShape {
        kernel: [1; 2],
        stride: [1; 2],
        padding: [0; 2],
        ..small(plain)
    };
    let single = ConvShape {
        n: 1,
        ..layer(32, [8, 16], 48, plain)
    };
    for shape in [linear, single] {
        let forward = usual(Pass::Forward, &shape, AdapterClass::Hardware);
        assert!(forward.starts_with("registers"), "{forward}");
    }
}

/// Workgroup memory is as long as its kernel's constants make it, and no longer than every device has.
#[test]
fn tiles_that_workgroup_memory_does_not_hold_are_refused() {
    let shape = ConvShape {
        basis: CUBIC,
        ..layers()[1]
    };
    let passes = [Pass::Forward, Pass::GradInput, Pass::GradWeight];
    let choices = passes.map(|pass| {
        let mut all = ops::candidates(pass, &shape, AdapterClass::Hardware).into_iter();
        let tiled = all.find(|variant| matches!(variant, Variant::Tiled(_)));
        (ops::operation(pass, &shape), tiled.unwrap().to_string())
    });
    let plan = convolution(Tuning::new(AdapterClass::Hardware, choices.into()), &shape);
    plan.validate().unwrap();
    for (kernel, constant, value, refused) in [
        ("kan_conv_forward_tiled", "GROUP_I", 2.0, "BASIS"),
        ("kan_conv_forward_tiled", "GROUP_N", 0.0, "GROUP_N"),
        ("kan_conv_forward_tiled", "LANES_O", 17.0, "WORKGROUP"),
        ("kan_conv_forward_tiled", "STRIDE_W", 65_535.0, "BASIS"),
        ("kan_conv_forward_tiled", "GROUP_H", 1.5, "GROUP_H"),
        ("kan_conv_forward_tiled", "TILE_S", 0.0, "TILE_S"),
        (
            "kan_conv_grad_weight_tiled",
            "GROUP_H",
            5.0,
            "bytes of workgroup memory",
        ),
        ("kan_conv_grad_weight_tiled", "LANES_I", 256.0, "BASIS"),
        (
            "conv_grad_input_tiled",
            "GROUP_O",
            8.0,
            "bytes of workgroup memory",
        ),
        ("conv_grad_input_tiled", "LANES_P", 256.0, "WORKGROUP"),
        ("conv_grad_input_tiled", "LANES_I", 0.0, "LANES_I"),
    ] {
        let mut changed = plan.clone();
        let mut steps = changed.steps.iter_mut();
        let step = steps.find(|step| step.kernel == kernel).expect(kernel);
        let mut overrides = step.overrides.iter_mut();
        overrides.find(|(name, _)| name == constant).unwrap().1 = value;
        let error = changed.validate().unwrap_err().to_string();
        assert!(error.contains(refused), "{constant} = {value}: {error}");
    }
}

#[test]
fn whatever_is_wrong_with_a_plan_is_a_typed_error() {
    fn set(plan: &mut Plan, step: usize, name: &str, value: f64) {
        let overrides = &mut plan.steps[step].overrides;
        let found = overrides.iter_mut().find(|(known, _)| known == name);
        found.unwrap().1 = value;
    }
    type Change = (&'static str, fn(&mut Plan));
    let changes: &[Change] = &[
        ("unknown kernel", |p| p.steps[0].kernel = "x".into()),
        ("tensor id", |p| p.steps[0].bindings[0] = 999),
        ("buffer id", |p| p.tensors[0].buffer = 999),
        ("constant id", |p| p.constants[0].tensor = 999),
        ("a port to nothing", |p| {
            p.ports.insert("x".into(), 999);
        }),
        ("a port to scratch", |p| {
            p.ports.insert("x".into(), 2);
        }),
        ("a port to a constant", |p| {
            p.ports.insert("x".into(), 1);
        }),
        ("a kernel of other files", |p| {
            p.kernels
                .insert("weighted_sum".into(), vec!["shared/few.wgsl".into()]);
        }),
        ("a kernel that is not listed", |p| p.kernels.clear()),
        ("an array without a tile", |p| {
            p.steps[0].arrays.push(("MAX_P".into(), 1));
        }),
        ("too few bindings", |p| {
            p.steps[0].bindings.pop();
        }),
        ("too many bindings", |p| p.steps[0].bindings.push(0)),
        ("a division by zero", |p| set(p, 0, "WIDTH", 0.0)),
        ("more groups than channels", |p| set(p, 0, "GROUPS", 5.0)),
        ("not whole", |p| set(p, 0, "POSITIONS", 63.5)),
        ("negative", |p| set(p, 0, "POSITIONS", -64.0)),
        ("not a number", |p| set(p, 0, "POSITIONS", f64::NAN)),
        ("infinite", |p| set(p, 1, "ALPHA", f64::INFINITY)),
        ("over f32", |p| set(p, 1, "ALPHA", 1e300)),
        ("more than the tensor", |p| set(p, 1, "SIZE", 513.0)),
        ("an absurd size", |p| set(p, 1, "SIZE", 4e9)),
        ("a workgroup over the limit", |p| {
            set(p, 1, "WORKGROUP", 512.0);
        }),
        ("a constant missing", |p| {
            p.steps[1].overrides.pop();
        }),
        ("a constant twice", |p| {
            let first = p.steps[1].overrides[0].clone();
            p.steps[1].overrides[1] = first;
        }),
        ("a constant unknown", |p| {
            p.steps[1].overrides[0].0 = "NONE".into();
        }),
        ("no workgroup", |p| p.steps[1].workgroups[1] = 0),
        ("a tensor beyond its buffer", |p| p.tensors[0].shape[0] += 1),
        ("an offset that wraps", |p| p.tensors[0].offset = !255),
        ("an offset out of line", |p| {
            p.buffers[0].bytes += 256;
            p.tensors[0].offset = 16;
        }),
        ("a buffer out of line", |p| p.buffers[0].bytes += 4),
        ("a buffer over the limit", |p| p.buffers[0].bytes = 1 << 50),
        ("an empty tensor", |p| p.tensors[0].shape[0] = 0),
        ("a tensor of another type", |p| {
            p.tensors[0].dtype = Dtype::U32
        }),
        ("a written tensor read", |p| p.steps[1].bindings[0] = 4),
        ("a constant written", |p| {
            p.tensors[3].buffer = p.tensors[1].buffer;
        }),
        ("a constant of another length", |p| {
            p.constants[0].words.pop();
        }),
        ("a constant without values", |p| p.constants.clear()),
    ];
    let gpu = Gpu::noop();
    Program::new(&gpu, sound()).unwrap();
    for (what, change) in changes {
        let mut plan = sound();
        change(&mut plan);
        let error = plan.validate().expect_err(what);
        assert!(!error.to_string().contains("bug"), "{what}: {error}");
        assert_eq!(Program::new(&gpu, plan.clone()).unwrap_err(), error);
        // Nor can it be read.
        let text = serde_json::to_string(&plan).unwrap();
        assert!(serde_json::from_str::<Plan>(&text).is_err(), "{what}");
    }
    gpu.check().unwrap();
}

#[test]
fn buffers_beyond_any_memory_are_refused_before_they_are_made() {
    let mut plan = sound();
    let buffer = plan.buffers[0].clone();
    plan.buffers
        .extend((0..5000).map(|_| gamaka::gpu::BufferInfo {
            bytes: 256 << 20,
            ..buffer.clone()
        }));
    let error = Program::new(&Gpu::noop(), plan).unwrap_err().to_string();
    assert!(error.contains("its buffers have"), "{error}");
}
