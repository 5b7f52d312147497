//! Finding an adapter and opening a device on it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::fault::Faults;
use super::kernel::Kernel;
use super::{AdapterClass, GpuError, Tuning};

/// How long a single piece of GPU work may take before it counts as hung.
pub(super) const WAIT: Duration = Duration::from_secs(300);

/// Which adapter to use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best there is: discrete before integrated before software.
    #[default]
    Auto,
    /// A software rasteriser (an adapter of type CPU: lavapipe, WARP, SwiftShader).
    Software,
    /// The adapter at this place of [`adapters`].
    Index(usize),
    /// The first adapter whose name contains this text, whatever the case.
    Name(String),
}

impl FromStr for DeviceChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" | "" => Self::Auto,
            "software" => Self::Software,
            _ => match text.parse() {
                Ok(index) => Self::Index(index),
                Err(_) => Self::Name(text.to_string()),
            },
        })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Software => f.write_str("software"),
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// What a user may want to know of an adapter.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterSummary {
    /// Place in the list, see [`DeviceChoice::Index`].
    pub index: usize,
    /// The adapter's own name.
    pub name: String,
    /// Vulkan, Metal or Dx12.
    pub backend: String,
    /// Discrete, integrated, virtual, software or other.
    pub kind: &'static str,
    /// The driver and its version.
    pub driver: String,
    /// What kernels are tuned for on it.
    pub class: AdapterClass,
}

impl AdapterSummary {
    fn new(index: usize, info: &wgpu::AdapterInfo) -> Self {
        Self {
            index,
            name: info.name.clone(),
            backend: info.backend.to_string(),
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => "discrete",
                wgpu::DeviceType::IntegratedGpu => "integrated",
                wgpu::DeviceType::VirtualGpu => "virtual",
                wgpu::DeviceType::Cpu => "software",
                wgpu::DeviceType::Other => "other",
            },
            driver: format!("{} {}", info.driver, info.driver_info)
                .trim()
                .to_string(),
            class: match info.device_type {
                wgpu::DeviceType::Cpu => AdapterClass::of_software(&info.driver_info),
                _ => AdapterClass::Hardware,
            },
        }
    }

    fn rank(&self) -> usize {
        ["discrete", "integrated", "virtual", "other", "software"]
            .iter()
            .position(|kind| *kind == self.kind)
            .unwrap_or(usize::MAX)
    }
}

impl fmt::Display for AdapterSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({}, {})",
            self.index, self.name, self.backend, self.kind
        )
    }
}

fn enumerate() -> Vec<wgpu::Adapter> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    pollster::block_on(instance.enumerate_adapters(backends))
}

/// All adapters of this machine, in the driver's order.
pub fn adapters() -> Vec<AdapterSummary> {
    enumerate()
        .iter()
        .enumerate()
        .map(|(i, a)| AdapterSummary::new(i, &a.get_info()))
        .collect()
}

/// One sentence on what to install on this system so that an adapter is found.
pub fn install_hint() -> String {
    if cfg!(target_os = "macos") {
        return "Metal comes with macOS 10.13 or later on a Mac with a GPU".to_string();
    }
    if cfg!(target_os = "windows") {
        return "install your GPU maker's driver; Windows 10 or later carries a software adapter (WARP)".to_string();
    }
    let release = std::fs::read_to_string("/etc/os-release")
        .unwrap_or_default()
        .to_lowercase();
    let ids: String = release
        .lines()
        .filter(|line| line.starts_with("id=") || line.starts_with("id_like="))
        .collect::<Vec<_>>()
        .join(" ");
    let command = [
        ("debian", "apt-get install mesa-vulkan-drivers"),
        ("ubuntu", "apt-get install mesa-vulkan-drivers"),
        ("fedora", "dnf install mesa-vulkan-drivers"),
        ("rhel", "dnf install mesa-vulkan-drivers"),
        ("arch", "pacman -S vulkan-swrast vulkan-icd-loader"),
        ("suse", "zypper install libvulkan_lvp libvulkan1"),
        ("alpine", "apk add mesa-vulkan-swrast vulkan-loader"),
    ]
    .iter()
    .find(|(id, _)| ids.contains(id))
    .map_or(
        "install your distribution's Mesa Vulkan drivers (lavapipe for a machine without a GPU)"
            .to_string(),
        |(_, c)| format!("run `{c}` as root (it brings lavapipe, which runs on any CPU)"),
    );
    format!("{command}; for an NVIDIA card install NVIDIA's driver")
}

/// An open device. Cheap to clone: all clones share the device, its kernels and its faults.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// The adapter in use.
    pub adapter: AdapterSummary,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    backend: wgpu::Backend,
    faults: Faults,
    tuning: Tuning,
    pipelines: Arc<Mutex<PipelineCache>>,
}

/// A kernel, the lengths of its register arrays, and the bits of its override constants.
type PipelineKey = (&'static str, Vec<(String, u32)>, Vec<(String, u64)>);

/// Made by the first thread that wants it, while others that want it wait, and those that want something else do not.
type Once<T> = Arc<OnceLock<T>>;

#[derive(Debug, Default)]
struct PipelineCache {
    /// By their whole WGSL.
    modules: HashMap<String, Once<wgpu::ShaderModule>>,
    pipelines: HashMap<PipelineKey, Once<wgpu::ComputePipeline>>,
}

impl Gpu {
    /// Opens a device with WebGPU's default limits and no optional feature.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::NoSuchAdapter`] or [`GpuError::NoDevice`].
    pub fn open(choice: &DeviceChoice) -> Result<Self, GpuError> {
        let adapters = enumerate();
        let summaries: Vec<_> = adapters
            .iter()
            .enumerate()
            .map(|(i, a)| AdapterSummary::new(i, &a.get_info()))
            .collect();
        if summaries.is_empty() {
            return Err(GpuError::NoAdapter {
                hint: install_hint(),
            });
        }
        let found = match choice {
            DeviceChoice::Auto => summaries.iter().min_by_key(|s| (s.rank(), s.index)),
            DeviceChoice::Software => summaries.iter().find(|s| s.class.is_software()),
            DeviceChoice::Index(index) => summaries.get(*index),
            DeviceChoice::Name(name) => summaries
                .iter()
                .find(|s| s.name.to_lowercase().contains(&name.to_lowercase())),
        };
        let Some(summary) = found else {
            return Err(GpuError::NoSuchAdapter {
                wanted: choice.to_string(),
                available: summaries
                    .iter()
                    .map(|s| s.to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        };
        let adapter = &adapters[summary.index];
        let (device, queue) =
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))
                .map_err(|e| GpuError::NoDevice {
                    adapter: summary.name.clone(),
                    reason: e.to_string(),
                })?;
        Ok(Self::with_device(summary.clone(), device, queue))
    }

    /// A device that runs nothing but checks every pipeline, binding and dispatch against WebGPU's
    /// default limits. It needs no GPU.
    #[doc(hidden)]
    pub fn noop() -> Self {
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
        let summary = AdapterSummary {
            index: 0,
            name: "noop".into(),
            backend: "noop".into(),
            kind: "other",
            driver: String::new(),
            class: AdapterClass::Hardware,
        };
        Self::with_device(summary, device, queue)
    }

    fn with_device(adapter: AdapterSummary, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let faults = Faults::default();
        let sink = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| sink.record_wgpu(error)));
        let sink = faults.clone();
        device.set_device_lost_callback(move |reason, detail| {
            sink.record(GpuError::DeviceLost {
                detail: format!("{reason:?} {detail}").trim().to_string(),
            });
        });
        let backend = device.adapter_info().backend;
        Self {
            tuning: adapter.class.into(),
            adapter,
            device,
            queue,
            backend,
            faults,
            pipelines: Arc::default(),
        }
    }

    /// What kernels are tuned for on this device.
    pub fn class(&self) -> AdapterClass {
        self.adapter.class
    }

    /// How the kernels of plans for this device are cut.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// The same device, whose kernels are cut by these choices ([`Tuning::new`]); what was compiled before stays as it is.
    pub fn tuned(mut self, choices: BTreeMap<String, String>) -> Self {
        self.tuning = Tuning::new(self.adapter.class, choices);
        self
    }

    /// The limits that plans are checked against.
    pub fn limits(&self) -> wgpu::Limits {
        self.device.limits()
    }

    /// Fails with the first fault that the device has reported, if any.
    ///
    /// # Errors
    /// The fault.
    pub fn check(&self) -> Result<(), GpuError> {
        self.faults.check()
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// A fault of the device, or [`GpuError::Timeout`].
    pub fn wait(&self) -> Result<(), GpuError> {
        let polled = self.device.poll(wgpu::PollType::Wait {
            submission_index: None,
            timeout: Some(WAIT),
        });
        self.check()?;
        match polled {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => Err(GpuError::Timeout {
                seconds: WAIT.as_secs(),
            }),
            Err(error) => Err(GpuError::DeviceLost {
                detail: error.to_string(),
            }),
        }
    }

    /// Sends what was written and waits until it has arrived, so that a large upload in parts does not pile
    /// up in memory.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn send(&self) -> Result<(), GpuError> {
        self.queue.submit([]);
        self.wait()
    }

    /// Drops the device as a crashed driver would. For tests of recovery.
    #[doc(hidden)]
    pub fn destroy(&self) {
        self.device.destroy();
        self.faults.record(GpuError::DeviceLost {
            detail: "destroyed".into(),
        });
    }

    /// The compiled pipeline of a step's kernel, with these lengths of its register arrays and its override constants;
    /// compiled once per device. Threads read and compile different kernels side by side.
    pub(super) fn pipeline(
        &self,
        kernel: &Kernel,
        arrays: &[(String, u32)],
        overrides: &[(String, f64)],
    ) -> wgpu::ComputePipeline {
        let cache = || self.pipelines.lock().unwrap_or_else(|e| e.into_inner());
        let key = (
            kernel.name,
            arrays.to_vec(),
            overrides
                .iter()
                .map(|(k, v)| (k.clone(), v.to_bits()))
                .collect(),
        );
        let pipeline = Arc::clone(cache().pipelines.entry(key).or_default());
        let compile = || {
            let text = kernel.wgsl_with(arrays);
            let module = Arc::clone(cache().modules.entry(text.clone()).or_default());
            let module = module.get_or_init(|| self.shader_module(kernel.name, &text));
            let constants: Vec<_> = overrides.iter().map(|(k, v)| (k.as_str(), *v)).collect();
            self.device
                .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: Some(kernel.name),
                    layout: None,
                    module,
                    entry_point: Some("main"),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &constants,
                        zero_initialize_workgroup_memory: false,
                    },
                    cache: None,
                })
        };
        pipeline.get_or_init(compile).clone()
    }

    #[allow(
        unsafe_code,
        reason = "the checks that wgpu puts into shaders cost a multiple of the kernels' time"
    )]
    fn shader_module(&self, name: &str, wgsl: &str) -> wgpu::ShaderModule {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(wgsl.into()),
        };
        let mut checks = wgpu::ShaderRuntimeChecks::checked();
        checks.force_loop_bounding = false;
        checks.int_div_checks = false;
        // A check on every index of a register tile keeps lavapipe from unrolling the loops over it:
        // grad_weight is then nine times slower. Vulkan and DX12 check buffers in the driver.
        checks.bounds_checks = self.backend == wgpu::Backend::Metal;
        // SAFETY: every kernel is our own source (`KERNELS`), tested against its twin at odd shapes, and runs only as a
        // step of a plan that `Plan::validate` let pass: `Program::new` is the one caller of `pipeline`.
        // Loops end: their counters go up by at least 1 to bounds that are override constants, products of them, or
        // counts that the kernel itself caps by one. `validate` holds the constants to the ranges that the WGSL
        // declares (at most MOST_ELEMENTS, strides of loops at least 1), and their products to the sizes of the tensors
        // bound, so that none wraps.
        // Divisors are such constants and products too: `validate` refuses a 0 where the WGSL does not allow it.
        // Local arrays are indexed by loop counters and quotients of them, whose bounds are literals or tiles, which
        // `validate` holds to the arrays' lengths; in a turn past them (shared/idle_turn.wgsl) kernels ask for the tile
        // before they touch one. Workgroup arrays are indexed by the lane, plus in `lane_sum` a part of
        // LANES, which is at most WORKGROUP; in `window_fft_power` by places below HALF, which follows from the factors of
        // HALF that `validate` multiplies out; and in kernels by tiles by sums over the dimensions that the WGSL itself
        // multiplies to the array's length, an override constant that follows from theirs. `validate` computes what follows,
        // holds it to its range like the rest, so that no product wraps, and counts the bytes of workgroup memory.
        // Buffer accesses stay checked: by the driver's robust buffer access, on Metal by naga.
        unsafe { self.device.create_shader_module_trusted(descriptor, checks) }
    }
}
