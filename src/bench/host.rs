//! What the host pays for a dispatch.

use std::time::Instant;

use super::Spread;
use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program};
use crate::ops;

/// Dispatches of one submission.
const DISPATCHES: usize = 1000;

/// Submissions timed.
const REPEATS: usize = 25;

/// Microseconds of the host to record and submit one dispatch, as its share of a plan of a thousand
/// trivial ones, each of which waits for the one before. The wait for their end is not counted.
///
/// # Errors
/// A fault of the device.
pub fn dispatch_us(gpu: &Gpu) -> Result<Spread, GpuError> {
    let mut plan = Plan::new(gpu.class());
    let mut tensor = |label: &str| plan.tensor(label, [1, 1, 1, 256], BufferRole::State);
    let tensors = [tensor("one"), tensor("other")];
    for k in 0..DISPATCHES {
        ops::copy_ceiling(&mut plan, tensors[k % 2], tensors[(k + 1) % 2]);
    }
    let program = Program::new(gpu, plan)?;
    program.run()?;
    gpu.wait()?;
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let start = Instant::now();
        program.run()?;
        times.push(start.elapsed().as_secs_f64() * 1e6 / DISPATCHES as f64);
        gpu.wait()?;
    }
    Ok(Spread::of(&times))
}
