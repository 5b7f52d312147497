//! What is quickest on the adapter at hand: kernels measured where they run, and what was found, kept for later runs.

mod cache;
#[cfg(feature = "cli")]
mod contest;
mod error;

pub use cache::{Cache, Tuned};
#[cfg(feature = "cli")]
pub use contest::{Contender, Contest, Outcome, Verdict, contenders, contest};
pub use error::TuningError;

use crate::gpu::{DeviceChoice, Gpu, GpuError};

/// Opens a device whose kernels are cut by what was measured on its adapter, if anything was. A cache that is of no use is told,
/// and the device is cut as suits its class.
///
/// # Errors
/// As [`Gpu::open`].
pub fn open(device: &DeviceChoice, tell: &mut dyn FnMut(String)) -> Result<Gpu, GpuError> {
    let gpu = Gpu::open(device)?;
    let Some(cache) = Cache::usual() else {
        return Ok(gpu);
    };
    match cache.read(&gpu.adapter) {
        Ok(Some(tuned)) => Ok(gpu.tuned(tuned.choices)),
        Ok(None) => Ok(gpu),
        Err(error) => {
            tell(format!("{error}; kernels run as suits most adapters"));
            Ok(gpu)
        }
    }
}
