//! What a dispatch costs, the host and in all.

use std::time::{Duration, Instant};

use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program, Tensor};
use crate::measure::{Spread, made_up};
use crate::ops;

/// Dispatches of one submission.
const DISPATCHES: usize = 1000;

/// Submissions timed.
const REPEATS: usize = 25;

/// Elements that a dispatch copies: one workgroup's, so that it costs little but itself.
const SIZE: usize = 256;

/// What one of many tiny dispatches of a submission costs in all, in microseconds: from before the host
/// records them to the end of the work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DispatchFigures {
    /// Each reads what the one before wrote, and waits for it.
    pub dependent_us: Spread,
    /// Each has buffers of its own and may run beside the others.
    pub independent_us: Spread,
}

/// Microseconds of the host to record and submit one dispatch, as its share of a plan of a thousand
/// trivial ones, each of which waits for the one before. The wait for their end is not counted.
///
/// # Errors
/// A fault of the device.
pub fn dispatch_us(gpu: &Gpu) -> Result<Spread, GpuError> {
    let chain = dependent(gpu)?;
    submit_and_wait(&chain)?;
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let [submitted, _] = submit_and_wait(&chain)?;
        times.push(microseconds_each(submitted));
    }
    Ok(Spread::of(&times))
}

/// Times a chain of a thousand dispatches and a thousand independent ones, in turns.
///
/// # Errors
/// A fault of the device.
pub fn dispatches(gpu: &Gpu) -> Result<DispatchFigures, GpuError> {
    let programs = [dependent(gpu)?, independent(gpu)?];
    for program in &programs {
        submit_and_wait(program)?; // the driver compiles
    }
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..REPEATS {
        for (program, times) in programs.iter().zip(&mut times) {
            let [_, all] = submit_and_wait(program)?;
            times.push(microseconds_each(all));
        }
    }
    let [dependent_us, independent_us] = times.map(|times| Spread::of(&times));
    Ok(DispatchFigures {
        dependent_us,
        independent_us,
    })
}

/// Two buffers that are copied to each other in turns.
fn dependent(gpu: &Gpu) -> Result<Program, GpuError> {
    let mut plan = Plan::new(gpu.tuning());
    let tensors = [tensor(&mut plan, "one"), tensor(&mut plan, "other")];
    for k in 0..DISPATCHES {
        ops::copy_ceiling(&mut plan, tensors[k % 2], tensors[(k + 1) % 2]);
    }
    let program = Program::new(gpu, plan)?;
    program.write(tensors[0], &made_up(SIZE));
    Ok(program)
}

/// As many copies as in [`dependent`], each from a buffer of its own to another.
fn independent(gpu: &Gpu) -> Result<Program, GpuError> {
    let mut plan = Plan::new(gpu.tuning());
    let mut sources = Vec::new();
    for _ in 0..DISPATCHES {
        let source = tensor(&mut plan, "from");
        let copy = tensor(&mut plan, "to");
        ops::copy_ceiling(&mut plan, source, copy);
        sources.push(source);
    }
    let program = Program::new(gpu, plan)?;
    for source in sources {
        program.write(source, &made_up(SIZE));
    }
    Ok(program)
}

fn tensor(plan: &mut Plan, label: &str) -> Tensor {
    plan.tensor(label, [1, 1, 1, SIZE], BufferRole::State)
}

/// How long it took the host to record and submit a program, and how long until the end of its work.
fn submit_and_wait(program: &Program) -> Result<[Duration; 2], GpuError> {
    program.gpu().wait()?;
    let start = Instant::now();
    program.run()?;
    let submitted = start.elapsed();
    program.gpu().wait()?;
    Ok([submitted, start.elapsed()])
}

fn microseconds_each(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / DISPATCHES as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether some step writes (its last binding) a buffer that another binds.
    fn shares_buffers(plan: &Plan) -> bool {
        let buffer = |tensor: &usize| plan.tensors[*tensor].buffer;
        let bound: Vec<Vec<usize>> = plan
            .steps
            .iter()
            .map(|step| step.bindings.iter().map(buffer).collect())
            .collect();
        let mut seen = std::collections::HashSet::new();
        bound.iter().flatten().any(|&buffer| !seen.insert(buffer))
    }

    #[test]
    fn only_the_steps_of_the_chain_depend_on_each_other() {
        let gpu = Gpu::noop();
        let (chain, alone) = (dependent(&gpu).unwrap(), independent(&gpu).unwrap());
        for program in [&chain, &alone] {
            assert_eq!(program.plan().steps.len(), DISPATCHES);
        }
        for pair in chain.plan().steps.windows(2) {
            assert_eq!(pair[0].bindings[1], pair[1].bindings[0]);
        }
        assert!(shares_buffers(chain.plan()));
        assert!(!shares_buffers(alone.plan()));
    }
}
