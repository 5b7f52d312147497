//! What can go wrong on a GPU, as typed errors.

use std::sync::{Arc, Mutex};

/// A size in words: whole MiB, or what is less in KiB, rounded up.
fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        mib => format!("{mib} MiB"),
    }
}

/// A failure of the GPU layer. Each message says what happened and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The system offers no adapter at all.
    #[error("no GPU adapter was found: {hint}")]
    NoAdapter {
        /// What to install on this system.
        hint: String,
    },
    /// No adapter matches what the user asked for.
    #[error(
        "no adapter matches `{wanted}`; there are: {available}. Choose auto, software, an index or a part of a name"
    )]
    NoSuchAdapter {
        /// What was asked for.
        wanted: String,
        /// The adapters there are.
        available: String,
    },
    /// The adapter refused a device with WebGPU's default limits.
    #[error(
        "adapter `{adapter}` cannot give a device with WebGPU's default limits: {reason}. Choose another adapter, or update its driver"
    )]
    NoDevice {
        /// Name of the adapter.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// A tensor exceeds what one binding may hold.
    #[error(
        "tensor `{tensor}` needs {needed_mib} MiB, but one binding holds at most {limit_mib} MiB: use a smaller batch (fewer ways, shots or queries) or a smaller network"
    )]
    TensorTooLarge {
        /// Label of the tensor.
        tensor: String,
        /// Its size in MiB, rounded up.
        needed_mib: u64,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// A step needs more workgroups than a dispatch may have.
    #[error(
        "kernel `{kernel}` needs {workgroups:?} workgroups, over the limit of {limit} a dimension: use a smaller batch or a smaller network"
    )]
    DispatchTooLarge {
        /// Name of the kernel.
        kernel: String,
        /// Workgroups asked for.
        workgroups: [u32; 3],
        /// The limit for each dimension.
        limit: u32,
    },
    /// A step loops so often that a software rasteriser would silently end it early.
    #[error(
        "kernel `{kernel}` would loop {turns} times, and software adapters end a kernel's loops after {limit}: choose a GPU, or use a smaller network or shorter segments"
    )]
    LoopTooLong {
        /// Name of the kernel.
        kernel: String,
        /// Turns of all its loops.
        turns: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A tuning or a checkpoint names a way to cut a kernel that this version does not have.
    #[error("this version has no kernel `{id}` for {operation}")]
    UnknownVariant {
        /// What it is for.
        operation: String,
        /// The id of the variant.
        id: String,
    },
    /// A plan that no program can be made of: one that was read from elsewhere, or changed by hand.
    #[error("this plan cannot run: {reason}")]
    InvalidPlan {
        /// What is wrong with it.
        reason: String,
    },
    /// The work needs more device memory than the user allows.
    #[error(
        "this needs {needed_mib} MiB of device memory, over the memory limit of {}: raise it, or use fewer ways, shots or queries", size(*limit)
    )]
    OverMemoryLimit {
        /// Memory needed in MiB, rounded up.
        needed_mib: u64,
        /// The user's limit in bytes.
        limit: u64,
    },
    /// The device ran out of memory.
    #[error(
        "the device is out of memory ({detail}): use fewer ways, shots or queries, or set a memory limit"
    )]
    OutOfMemory {
        /// The driver's words.
        detail: String,
    },
    /// The device was lost (driver reset, removed, crashed).
    #[error(
        "the GPU was lost ({detail}): run again; if it happens often, try the software adapter"
    )]
    DeviceLost {
        /// The driver's words.
        detail: String,
    },
    /// The device did not answer in time.
    #[error(
        "the GPU did not finish within {seconds} s: try the software adapter, or a smaller batch"
    )]
    Timeout {
        /// How long was waited.
        seconds: u64,
    },
    /// A bug in a kernel or a plan that wgpu's validation caught.
    #[error("wgpu refused the work, which is a bug in gamaka; please report it: {detail}")]
    Validation {
        /// wgpu's words.
        detail: String,
    },
}

/// Keeps the first fault that a device reports, until somebody looks.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Option<GpuError>>>);

impl Faults {
    pub(super) fn record(&self, error: GpuError) {
        let mut slot = self.0.lock().unwrap_or_else(|e| e.into_inner());
        // A lost device explains every other error that comes with it.
        let lost = matches!(error, GpuError::DeviceLost { .. });
        if slot.is_none() || (lost && !matches!(*slot, Some(GpuError::DeviceLost { .. }))) {
            *slot = Some(error);
        }
    }

    pub(super) fn check(&self) -> Result<(), GpuError> {
        match self.0.lock().unwrap_or_else(|e| e.into_inner()).clone() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Handles what wgpu reports outside of any error scope.
    pub(super) fn record_wgpu(&self, error: wgpu::Error) {
        self.record(match error {
            wgpu::Error::OutOfMemory { source } => GpuError::OutOfMemory {
                detail: source.to_string(),
            },
            wgpu::Error::Validation { description, .. }
            | wgpu::Error::Internal { description, .. } => GpuError::Validation {
                detail: description,
            },
        });
    }
}
