//! Every kernel against its CPU twin, at any shape: the tests and `gamaka doctor` run the same cases.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cases are small, and their values those that a kernel takes: 32 bits"
)]

mod builder;
mod case;
mod doctor;
mod episode;
mod joined;
mod layers;
mod mel;
mod packed;

pub use case::{Case, Expected};
pub use doctor::doctor_cases;
pub use episode::{
    distances, episode, gather, optimizer, rows, sparse, standardised_rows, teacher, weighted,
};
pub use joined::{activation_last, norm_between, statistics_between};
#[cfg(feature = "internals")]
pub use layers::reduce;
pub use layers::{band_affine, ceiling, conv, element, norm, pool, sparse_conv, statistics};
pub use mel::mel;
pub use packed::{codebook, halves, integers, rounded};

use std::time::{Duration, Instant};

use crate::gpu::{Gpu, GpuError, Program};

/// The worst element of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Worst {
    /// Where it is.
    pub index: usize,
    /// What the kernel gave.
    pub got: f64,
    /// What the twin gave.
    pub want: f64,
    /// The error as a share of what is allowed; over 1 fails, NaN too.
    pub share: f64,
}

impl Worst {
    /// Whether the comparison holds.
    pub fn holds(&self) -> bool {
        self.share <= 1.0
    }
}

/// Compares a kernel's output with its twin's. An element that is not finite fails.
///
/// # Panics
/// If their lengths differ: a bug in the caller.
pub fn compare(got: &[f32], expected: &Expected) -> Worst {
    let values = &expected.values;
    assert_eq!(got.len(), values.len(), "as many values as the twin has");
    let rms = (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt();
    let mut worst = Worst {
        index: 0,
        got: 0.0,
        want: 0.0,
        share: 0.0,
    };
    for (index, (&got, &want)) in got.iter().zip(values).enumerate() {
        let allowed = expected.tolerance * (want.abs() + rms) + expected.rounding;
        let error = (f64::from(got) - want).abs();
        let share = if error == 0.0 { 0.0 } else { error / allowed };
        // A NaN is worse than anything.
        if share.is_nan() || share > worst.share {
            worst = Worst {
                index,
                got: got.into(),
                want,
                share: if share.is_nan() { f64::INFINITY } else { share },
            };
        }
    }
    worst
}

/// What running a case gave.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The worst element over all expected tensors.
    pub worst: Worst,
    /// Time of the first run, compilation of the kernels by the driver included.
    pub first: Duration,
    /// Time of the fastest of three later runs.
    pub time: Duration,
}

/// Runs a case with its scratch poisoned, and compares.
///
/// # Errors
/// A fault of the device.
pub fn run(gpu: &Gpu, case: &Case) -> Result<Outcome, GpuError> {
    let program = Program::new(gpu, case.plan.clone())?;
    let timed = || {
        program.poison();
        for (tensor, words) in &case.inputs {
            program.write(*tensor, words);
        }
        gpu.wait()?;
        let start = Instant::now();
        program.run()?;
        gpu.wait()?;
        Ok::<_, GpuError>(start.elapsed())
    };
    let first = timed()?;
    let mut worst = Worst {
        index: 0,
        got: 0.0,
        want: 0.0,
        share: 0.0,
    };
    for expected in &case.expected {
        let found = compare(&program.read(expected.tensor)?, expected);
        if found.share > worst.share {
            worst = found;
        }
    }
    let time = timed()?.min(timed()?).min(timed()?);
    Ok(Outcome { worst, first, time })
}
