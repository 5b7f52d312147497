//! A plan compiled for a device.

use std::time::{Duration, Instant};

use bytemuck::Pod;
use rayon::prelude::*;

use super::plan::{VEC4_BYTES, padded};
use super::validate::known_kernel;
use super::{AdapterClass, BufferRole, Gpu, GpuError, Plan, Tensor};

#[derive(Debug)]
struct CompiledStep {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 3],
}

/// A plan with its buffers, pipelines and bind groups on a device. Running it creates nothing.
///
/// Its tensors are one set for all threads: whoever shares it has to write, run and read under a lock, as
/// `Embedder` does.
#[derive(Debug)]
pub struct Program {
    gpu: Gpu,
    plan: Plan,
    buffers: Vec<wgpu::Buffer>,
    steps: Vec<CompiledStep>,
}

impl Program {
    /// Compiles a plan.
    ///
    /// # Errors
    /// [`GpuError`]: a plan that does not [`validate`](Plan::validate), memory, or a fault of the device.
    pub fn new(gpu: &Gpu, plan: Plan) -> Result<Self, GpuError> {
        plan.validate()?;
        let buffers: Vec<_> = plan
            .buffers
            .iter()
            .map(|info| {
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(&info.label),
                    size: info.bytes.max(VEC4_BYTES),
                    usage: wgpu::BufferUsages::STORAGE
                        | wgpu::BufferUsages::COPY_SRC
                        | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            })
            .collect();
        gpu.check()?;
        Self::compile(gpu, &plan)?;
        let steps = plan
            .steps
            .iter()
            .map(|step| {
                let kernel = known_kernel(&step.kernel)?;
                let pipeline = gpu.pipeline(kernel, &step.arrays, &step.overrides);
                gpu.check()?;
                let entries: Vec<_> = step
                    .bindings
                    .iter()
                    .zip(0..)
                    .map(|(&id, binding)| {
                        let tensor = &plan.tensors[id];
                        wgpu::BindGroupEntry {
                            binding,
                            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                                buffer: &buffers[tensor.buffer],
                                offset: tensor.offset,
                                size: std::num::NonZero::new(padded(tensor.bytes())),
                            }),
                        }
                    })
                    .collect();
                let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some(&step.kernel),
                    layout: &pipeline.get_bind_group_layout(0),
                    entries: &entries,
                });
                Ok(CompiledStep {
                    pipeline,
                    bind_group,
                    workgroups: step.workgroups,
                })
            })
            .collect::<Result<_, GpuError>>()?;
        for constant in &plan.constants {
            let tensor = &plan.tensors[constant.tensor];
            let bytes = bytemuck::cast_slice(&constant.words);
            gpu.queue
                .write_buffer(&buffers[tensor.buffer], tensor.offset, bytes);
        }
        gpu.check()?;
        let program = Self {
            gpu: gpu.clone(),
            plan,
            buffers,
            steps,
        };
        if gpu.class() == AdapterClass::Software {
            program.compile_now()?;
        }
        Ok(program)
    }

    /// Software rasterisers make a kernel's code when it is first dispatched, one after the other. A dispatch of nothing lets
    /// them begin, beside whatever the host does before the first run.
    fn compile_now(&self) -> Result<(), GpuError> {
        self.submit(self.steps.iter().map(|step| (step, [0; 3])))
    }

    /// Compiles the kernels of a plan that is valid, so that a program of it is made at once.
    ///
    /// # Errors
    /// A fault of the device.
    pub(crate) fn compile(gpu: &Gpu, plan: &Plan) -> Result<(), GpuError> {
        // On all cores, what takes longest first: compilers write out the loops over a tile.
        let mut kernels: Vec<_> = plan
            .steps
            .iter()
            .map(|step| (step.kernel.as_str(), &step.arrays, &step.overrides))
            .collect();
        kernels.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        kernels.dedup();
        let tile = |overrides: &[(String, f64)]| -> f64 {
            let sizes = overrides
                .iter()
                .filter(|(name, _)| name.starts_with("TILE_"));
            sizes.map(|(_, size)| size).product()
        };
        kernels.sort_by(|(_, _, a), (_, _, b)| tile(b).total_cmp(&tile(a)));
        kernels
            .into_iter()
            .par_bridge()
            .try_for_each(|(name, arrays, overrides)| {
                gpu.pipeline(known_kernel(name)?, arrays, overrides);
                gpu.check()
            })
    }

    /// The plan it was compiled from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The device it runs on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    fn buffer(&self, tensor: Tensor) -> &wgpu::Buffer {
        &self.buffers[self.plan.tensors[tensor.id].buffer]
    }

    /// Writes the first elements of a tensor; ordered before the next run.
    ///
    /// # Panics
    /// If `data` is longer than the tensor: a bug in the caller.
    pub fn write<T: Pod>(&self, tensor: Tensor, data: &[T]) {
        self.write_at(tensor, 0, data);
    }

    /// Writes words of a tensor from word `first` on; ordered before the next run.
    ///
    /// # Panics
    /// If the data leave the tensor: a bug in the caller.
    pub fn write_at<T: Pod>(&self, tensor: Tensor, first: usize, data: &[T]) {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let info = &self.plan.tensors[tensor.id];
        let first = first as u64 * 4;
        assert!(
            first + bytes.len() as u64 <= info.bytes(),
            "{} bytes into `{}`",
            bytes.len(),
            info.label
        );
        self.gpu
            .queue
            .write_buffer(self.buffer(tensor), info.offset + first, bytes);
    }

    /// Submits all steps. Does not wait.
    ///
    /// # Errors
    /// A fault that the device has reported by now.
    pub fn run(&self) -> Result<(), GpuError> {
        self.submit(self.dispatches())
    }

    /// Runs one step so many times in one submission, and gives the mean time of one, with its share of
    /// submitting and waiting (tens of microseconds in all). A step that adds to what it wrote before adds
    /// each time, so a profile's results are of no use.
    ///
    /// # Errors
    /// A fault of the device, or [`GpuError::Timeout`].
    ///
    /// # Panics
    /// If the plan has no such step: a bug in the caller.
    pub(crate) fn time_step(&self, step: usize, times: u32) -> Result<Duration, GpuError> {
        self.gpu.wait()?;
        let start = Instant::now();
        let step = &self.steps[step];
        self.submit((0..times).map(|_| (step, step.workgroups)))?;
        self.gpu.wait()?;
        Ok(start.elapsed() / times)
    }

    /// Runs all steps so many times in one submission, and gives the mean time of one run.
    ///
    /// # Errors
    /// A fault of the device, or [`GpuError::Timeout`].
    pub(crate) fn time_runs(&self, times: u32) -> Result<Duration, GpuError> {
        self.gpu.wait()?;
        let start = Instant::now();
        self.submit((0..times).flat_map(|_| self.dispatches()))?;
        self.gpu.wait()?;
        Ok(start.elapsed() / times.max(1))
    }

    fn dispatches(&self) -> impl Iterator<Item = (&CompiledStep, [u32; 3])> {
        self.steps.iter().map(|step| (step, step.workgroups))
    }

    /// Submits steps with so many workgroups.
    fn submit<'a>(
        &self,
        steps: impl Iterator<Item = (&'a CompiledStep, [u32; 3])>,
    ) -> Result<(), GpuError> {
        let mut encoder = self
            .gpu
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (step, [x, y, z]) in steps {
                pass.set_pipeline(&step.pipeline);
                pass.set_bind_group(0, &step.bind_group, &[]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.check()
    }

    /// Waits for all submitted work and reads a tensor.
    ///
    /// # Errors
    /// A fault of the device, or [`GpuError::Timeout`].
    ///
    /// # Panics
    /// If it is scratch, whose memory may hold another tensor by now: a bug in the caller.
    pub fn read<T: Pod>(&self, tensor: Tensor) -> Result<Vec<T>, GpuError> {
        let info = &self.plan.tensors[tensor.id];
        let role = self.plan.buffers[info.buffer].role;
        assert_ne!(role, BufferRole::Scratch, "reading `{}`", info.label);
        let length = info.bytes();
        if length == 0 {
            return Ok(Vec::new());
        }
        let staging = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: length,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self
            .gpu
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(self.buffer(tensor), info.offset, &staging, 0, length);
        self.gpu.queue.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone only if the wait below failed first.
            let _ = sender.send(result);
        });
        self.gpu.wait()?;
        // Another thread's wait may be the one that calls back.
        let answer = receiver.recv_timeout(super::adapter::WAIT).ok();
        let mapped = answer
            .and_then(Result::ok)
            .and_then(|()| staging.get_mapped_range(..).ok());
        let Some(view) = mapped else {
            self.gpu.check()?;
            return Err(GpuError::DeviceLost {
                detail: format!("`{}` could not be read back", info.label),
            });
        };
        Ok(bytemuck::pod_collect_to_vec(&view))
    }

    /// Fills all that a run writes first with NaN, to show that nothing reads what no step has written.
    #[doc(hidden)]
    pub fn poison(&self) {
        for (buffer, info) in self.buffers.iter().zip(&self.plan.buffers) {
            if matches!(info.role, BufferRole::Scratch | BufferRole::Output) {
                let bytes = usize::try_from(info.bytes).unwrap_or(usize::MAX);
                self.gpu.queue.write_buffer(buffer, 0, &vec![0xff; bytes]);
            }
        }
    }
}
