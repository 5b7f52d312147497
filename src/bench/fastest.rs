//! The time of one kernel alone.

use std::time::Duration;

use crate::gpu::{GpuError, Program};

/// Time of one dispatch of a step: the fastest of three or more, short ones many at a time, so that
/// submitting and waiting do not count.
pub(super) fn fastest(program: &Program, step: usize) -> Result<Duration, GpuError> {
    const ENOUGH: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_secs(1);
    const MOST: u32 = 1024;
    let mut times = 1;
    let mut best = program.time_step(step, times)?;
    while best * times < ENOUGH && times < MOST {
        times *= 4;
        best = best.min(program.time_step(step, times)?);
    }
    if best > LONG {
        return Ok(best);
    }
    for _ in 0..3 {
        best = best.min(program.time_step(step, times)?);
    }
    Ok(best)
}
