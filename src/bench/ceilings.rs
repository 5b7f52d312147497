//! What an adapter can do at best, measured by two kernels that do nothing else.

use std::time::Duration;

use super::fastest::fastest;
use crate::gpu::{BufferRole, Gpu, GpuError, Plan, Program};
use crate::measure::made_up;
use crate::ops::{self, FMA_ROUND};

/// What other work slows down is no ceiling: the best of many counts.
const REPEATS: usize = 5;

/// The best rates of an adapter, in f32 and without any optional feature.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Ceilings {
    /// Multiply-adds from registers to registers, two operations each, in GFLOP/s.
    pub fma_gflops: f64,
    /// Bytes read and written by a copy, in GB/s.
    pub copy_gbps: f64,
}

impl Ceilings {
    /// Measures both.
    ///
    /// # Errors
    /// A fault of the device.
    pub fn measure(gpu: &Gpu) -> Result<Self, GpuError> {
        // Tens of milliseconds each, but on the quickest cards.
        let (invocations, rounds, mib) = match gpu.class().is_software() {
            true => (4096, 512, 64),
            false => (1 << 18, 4096, 128),
        };
        let mut plan = Plan::new(gpu.tuning());
        let x = plan.tensor("factors", [1, 1, invocations, 16], BufferRole::Input);
        let y = plan.tensor("sums", [1, 1, invocations, 4], BufferRole::Scratch);
        let from = plan.tensor("from", [1, 1, 1, mib << 18], BufferRole::Input);
        let to = plan.tensor("to", from.shape, BufferRole::Scratch);
        ops::fma_ceiling(&mut plan, rounds, x, y);
        ops::copy_ceiling(&mut plan, from, to);
        let program = Program::new(gpu, plan)?;
        program.write(x, &made_up(x.len()));
        program.write(from, &made_up(from.len()));
        program.run()?;
        let (mut fma, mut copy) = (Duration::MAX, Duration::MAX);
        for _ in 0..REPEATS {
            fma = fma.min(fastest(&program, 0)?);
            copy = copy.min(fastest(&program, 1)?);
        }
        let flop = 2.0 * (invocations * rounds * FMA_ROUND) as f64;
        let bytes = (from.len() + to.len()) as f64 * 4.0;
        Ok(Self {
            fma_gflops: flop / fma.as_secs_f64() / 1e9,
            copy_gbps: bytes / copy.as_secs_f64() / 1e9,
        })
    }
}
