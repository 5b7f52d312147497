//! A plan kernel by kernel: time, rates, and how near they come to what the adapter can do.

use super::ceilings::Ceilings;
use super::fastest::fastest;
use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program, Step, Tensor, kernel, word};
use crate::measure::made_up;
use crate::ops::{self, Basis, ConvShape, Pass, Variant};
use crate::train::StepShape;
use crate::train::TrainingStep;

/// What one kernel at one shape costs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct KernelFigures {
    /// The kernel and its shape.
    pub name: String,
    /// Dispatches of it in the plan.
    pub count: usize,
    /// Invocations of one dispatch: a GPU wants tens of thousands.
    pub invocations: f64,
    /// How its work is cut: the override constants of its tile, splits and lanes.
    pub cut: String,
    /// Milliseconds of one dispatch, alone; the fastest of a few.
    pub ms: f64,
    /// Convolutions: billions of floating-point operations a second, counted as those of a dense product
    /// (a multiply-add is two; the cost of the basis is not counted).
    pub gflops: Option<f64>,
    /// Billions of bytes a second, each tensor that it binds counted once.
    pub gbps: f64,
    /// The larger of the two rates' shares of the adapter's ceilings. What fits the caches can move faster
    /// than the copy that set its ceiling.
    pub share: f64,
}

/// Figures of every distinct kernel and shape of a program, those that cost most first. The program must
/// have run before, so that its tensors hold what they usually do; afterwards its state means nothing.
///
/// # Errors
/// A fault of the device.
pub fn profile(program: &Program, ceilings: &Ceilings) -> Result<Vec<KernelFigures>, GpuError> {
    let plan = program.plan();
    let mut rows: Vec<(Work, usize, usize)> = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let work = Work::of(plan, step);
        match rows.iter_mut().find(|(known, ..)| *known == work) {
            Some((.., count)) => *count += 1,
            None => rows.push((work, index, 1)),
        }
    }
    let mut figures = Vec::new();
    for (work, index, count) in rows {
        let seconds = fastest(program, index)?.as_secs_f64();
        let gflops = work.flop.map(|flop| flop / seconds / 1e9);
        let gbps = work.bytes as f64 / seconds / 1e9;
        figures.push(KernelFigures {
            name: work.name,
            count,
            invocations: work.invocations,
            cut: work.cut,
            ms: seconds * 1e3,
            gflops,
            gbps,
            share: (gflops.unwrap_or(0.0) / ceilings.fma_gflops).max(gbps / ceilings.copy_gbps),
        });
    }
    figures.sort_by(|a, b| (b.ms * b.count as f64).total_cmp(&(a.ms * a.count as f64)));
    Ok(figures)
}

/// Figures of every kernel of a training step on made-up clips; of `shape` all but the banks count.
///
/// # Errors
/// [`GpuError`]: it does not fit, or a fault of the device.
pub fn profile_training(
    gpu: &Gpu,
    shape: &StepShape,
    ceilings: &Ceilings,
) -> Result<Vec<KernelFigures>, GpuError> {
    let mut training = TrainingStep::new(gpu, shape)?;
    training.run()?;
    profile(training.program(), ceilings)
}

/// The spline convolution that the project sets itself a target for, alone: 16 to 32 channels at 64 x 64
/// with stride 2 on a software adapter, 64 to 128 at 128 x 128 on any other, with as many images of 64 as
/// fit its limits. Then the same with larger grids, by all splines of an edge and by local support: where
/// the second is faster, [`Basis::is_local`] should choose it. Then, of so many of its edges removed in fours of outputs, by the
/// taps alone that are left.
///
/// # Errors
/// A fault of the device.
pub fn target_convolution(gpu: &Gpu, ceilings: &Ceilings) -> Result<Vec<KernelFigures>, GpuError> {
    let (n, [ci, co], size, stride) = match gpu.class().is_software() {
        true => (25, [16, 32], 64, 2),
        false => (64, [64, 128], 128, 1),
    };
    let target = ConvShape {
        n,
        ci,
        input: [size; 2],
        co,
        kernel: [3; 2],
        stride: [stride; 2],
        padding: [1; 2],
        basis: Basis {
            order: 3,
            grid: 4,
            range: 2.5,
            centre: 0.0,
        },
    };
    let usual = |local: bool| {
        move |plan: &mut Plan, shape: &ConvShape, x, weight, bias, y| {
            let all = ops::candidates(Pass::Forward, shape, plan.class);
            let is_local = |variant: &Variant| matches!(variant, Variant::Local { .. });
            if let Some(first) = all.into_iter().find(|variant| is_local(variant) == local) {
                ops::conv_forward_by(plan, shape, first, [x, weight, bias, y]);
            }
        }
    };
    let mut figures = time_forward(gpu, ceilings, target, &usual(false))?;
    for grid in [9, 12, 20] {
        let basis = Basis {
            grid,
            ..target.basis
        };
        let shape = ConvShape { basis, ..target };
        for local in [false, true] {
            figures.extend(time_forward(gpu, ceilings, shape, &usual(local))?);
        }
    }
    for kept in [500, 200, 100, 50] {
        let sparse = |plan: &mut Plan, shape: &ConvShape, x, weight, bias, y| {
            // Of a thousand taps so many, others for every four outputs.
            let is_kept = |tile: usize, tap: usize| (tap * 7919 + tile * 613) % 1000 < kept;
            let of_tile = |tile: usize| {
                let taps = (0..shape.taps()).filter(|&tap| is_kept(tile, tap));
                taps.map(word).collect()
            };
            let lists: Vec<Vec<u32>> = (0..shape.co_pad() / 4).map(of_tile).collect();
            ops::kan_conv_forward_sparse(plan, shape, x, weight, bias, &lists, y);
        };
        figures.extend(time_forward(gpu, ceilings, target, &sparse)?);
    }
    Ok(figures)
}

/// Appends a forward kernel for (shape, x, weight, bias, y).
type Forward<'a> = &'a dyn Fn(&mut Plan, &ConvShape, Tensor, Tensor, Tensor, Tensor);

/// Figures of a forward kernel on made-up values, with half the images until they fit.
fn time_forward(
    gpu: &Gpu,
    ceilings: &Ceilings,
    mut shape: ConvShape,
    forward: Forward,
) -> Result<Vec<KernelFigures>, GpuError> {
    let (plan, inputs) = loop {
        let mut plan = Plan::new(gpu.tuning());
        let mut input = |label: &str, shape| plan.tensor(label, shape, BufferRole::Input);
        let x = input("x", shape.input_shape());
        let weight = input("weight", [1, 1, 1, shape.weight_len()]);
        let bias = input("bias", [1, 1, 1, shape.co]);
        let y = plan.tensor("y", shape.output_shape(), BufferRole::Scratch);
        forward(&mut plan, &shape, x, weight, bias, y);
        if shape.n == 1 || plan.validate().is_ok() {
            break (plan, [x, weight, bias]);
        }
        shape.n /= 2;
    };
    let program = Program::new(gpu, plan)?;
    for tensor in inputs {
        program.write(tensor, &made_up(tensor.len()));
    }
    program.run()?;
    profile(&program, ceilings)
}

/// What a step has to do.
#[derive(Debug, PartialEq)]
struct Work {
    name: String,
    invocations: f64,
    cut: String,
    flop: Option<f64>,
    bytes: u64,
}

impl Work {
    fn of(plan: &Plan, step: &Step) -> Self {
        let bytes = step
            .bindings
            .iter()
            .map(|&id| plan.tensors[id].bytes())
            .sum();
        let name = match step.flops {
            Some(_) => step.operation.clone(),
            None => format!("{}, {}", step.operation, bytesize::ByteSize(bytes)),
        };
        let groups = step.workgroups.iter().map(|&count| f64::from(count));
        let cuts = step.overrides.iter().filter(|(constant, _)| {
            let sizes = ["TILE_", "GROUP_", "LANES", "SPLITS"];
            sizes.iter().any(|size| constant.starts_with(size))
        });
        let cuts: Vec<String> = cuts.map(|(name, size)| format!("{name} {size}")).collect();
        Self {
            name,
            invocations: groups.product::<f64>() * constant(step, "WORKGROUP").unwrap_or(1.0),
            cut: cuts.join(", "),
            flop: step.flops.map(|flops| flops as f64),
            bytes,
        }
    }
}

/// An override constant of a step, of one that follows from others too.
fn constant(step: &Step, name: &str) -> Option<f64> {
    let given = step.overrides.iter();
    let given = given.map(|(constant, value)| (constant.as_str(), *value));
    kernel(&step.kernel)?.constant(given, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{reference_networks, reference_step};
    use crate::gpu::AdapterClass;
    use crate::train::TrainingPlan;

    #[test]
    fn a_batch_that_does_not_fit_the_limits_is_made_smaller() {
        // It runs nothing, but has the limits of a GPU.
        let gpu = Gpu::noop();
        let ceilings = Ceilings {
            fma_gflops: 1.0,
            copy_gbps: 1.0,
        };
        let figures = target_convolution(&gpu, &ceilings).unwrap();
        let name = "kan_conv_forward 64->128 @ 128x128, 3x3 stride 1, batch 16";
        assert!(figures.iter().any(|f| f.name == name), "{figures:?}");
    }

    #[test]
    fn invocations_of_a_workgroup_are_counted_that_follow_from_other_constants() {
        let network = &reference_networks(1)[0];
        let plan = TrainingPlan::new(AdapterClass::Hardware, &reference_step(network)).plan;
        let mut steps = plan.steps.iter();
        let step = steps.find(|step| step.kernel == "conv_grad_input_tiled");
        let step = step.unwrap();
        let groups: f64 = step.workgroups.iter().map(|&g| f64::from(g)).product();
        let lanes = ["LANES_P", "LANES_I"].map(|name| constant(step, name).unwrap());
        let work = Work::of(&plan, step);
        assert_eq!(work.invocations, groups * lanes[0] * lanes[1]);
        assert!(work.cut.contains("GROUP_O 4"), "{}", work.cut);
    }

    /// The forward kernels of a plan must have the operations that the network says it has.
    #[test]
    fn operations_of_the_forward_kernels_are_those_of_the_network() {
        for network in reference_networks(1) {
            let shape = StepShape {
                banks: &[64_000],
                ..reference_step(&network)
            };
            let plan = TrainingPlan::new(AdapterClass::Software, &shape).plan;
            let forward = |step: &&Step| step.kernel.ends_with("conv_forward");
            let flop: f64 = plan
                .steps
                .iter()
                .filter(forward)
                .filter_map(|step| Work::of(&plan, step).flop)
                .sum();
            assert_eq!(flop, 50.0 * network.flops() as f64);
        }
    }
}
