//! Whether a plan can run: everything that compiling and running it rely on.

use std::collections::{HashMap, HashSet};

use super::facts::{self, MOST_ELEMENTS};
use super::kernel::{Kernel, kernel};
use super::plan::{VEC4_BYTES, padded};
use super::{BufferRole, Constant, Dtype, GpuError, Plan, Step};

/// Bytes that all buffers may have together: more than any adapter has.
const MOST_BYTES: u64 = 1 << 40;

/// Alignment of a tensor in its buffer.
const OFFSET_ALIGNMENT: u64 = 256;

fn invalid(reason: impl Into<String>) -> GpuError {
    GpuError::InvalidPlan {
        reason: reason.into(),
    }
}

fn require(holds: bool, reason: impl FnOnce() -> String) -> Result<(), GpuError> {
    if holds {
        Ok(())
    } else {
        Err(invalid(reason()))
    }
}

/// The kernel of this name.
pub(super) fn known_kernel(name: &str) -> Result<&'static Kernel, GpuError> {
    kernel(name).ok_or_else(|| invalid(format!("there is no kernel `{name}`")))
}

impl Plan {
    /// Whether a program can be made of it: sizes and dispatches within WebGPU's default limits, which every device is
    /// opened with; tensors within their buffers; constants complete; ports to tensors that a host may write or read; and
    /// for every step a kernel that there is, of the files that the plan says, with all its override constants in their
    /// ranges and arrays as long as its tiles, as many bindings as it has, each of its type and at least as long as the
    /// kernel's shapes, and none of them overlapping one that it writes.
    ///
    /// # Errors
    /// [`GpuError::TensorTooLarge`], [`GpuError::DispatchTooLarge`], [`GpuError::LoopTooLong`] or
    /// [`GpuError::InvalidPlan`], naming the offender.
    pub fn validate(&self) -> Result<(), GpuError> {
        let limits = wgpu::Limits::default();
        let too_large = |label: &str, bytes: u64, limit: u64| GpuError::TensorTooLarge {
            tensor: label.to_string(),
            needed_mib: bytes.div_ceil(1 << 20),
            limit_mib: limit >> 20,
        };
        for step in &self.steps {
            for &id in &step.bindings {
                let tensor = self.tensors.get(id).ok_or_else(|| {
                    invalid(format!(
                        "kernel `{}` has tensor {id}, and there are {}",
                        step.kernel,
                        self.tensors.len()
                    ))
                })?;
                let limit = limits
                    .max_storage_buffer_binding_size
                    .min(4 * MOST_ELEMENTS);
                if padded(tensor.bytes()) > limit {
                    return Err(too_large(&tensor.label, tensor.bytes(), limit));
                }
            }
        }
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        for buffer in &self.buffers {
            let limit = limits.max_buffer_size;
            if buffer.bytes > limit {
                return Err(too_large(&buffer.label, buffer.bytes, limit));
            }
            require(buffer.bytes.is_multiple_of(VEC4_BYTES), || {
                format!("buffer `{}` has {} bytes", buffer.label, buffer.bytes)
            })?;
        }
        require(self.bytes() <= MOST_BYTES, || {
            format!("its buffers have {} bytes", self.bytes())
        })?;
        for tensor in &self.tensors {
            let buffer = self.buffers.get(tensor.buffer).ok_or_else(|| {
                invalid(format!(
                    "tensor `{}` lies in buffer {}, and there are {}",
                    tensor.label,
                    tensor.buffer,
                    self.buffers.len()
                ))
            })?;
            let end = tensor.offset.checked_add(padded(tensor.bytes()));
            let fits = end.is_some_and(|end| end <= buffer.bytes)
                && tensor.offset.is_multiple_of(OFFSET_ALIGNMENT);
            require(fits, || {
                format!(
                    "tensor `{}`, {} bytes from byte {} on, does not fit its buffer of {}",
                    tensor.label,
                    tensor.bytes(),
                    tensor.offset,
                    buffer.bytes
                )
            })?;
        }
        self.validate_constants()?;
        for (name, &id) in &self.ports {
            let role = self.tensors.get(id).map(|t| self.buffers[t.buffer].role);
            let open = role
                .is_some_and(|role| !matches!(role, BufferRole::Scratch | BufferRole::Constant));
            require(open, || {
                format!("port `{name}` is to nothing that a host may write or read")
            })?;
        }
        for (name, files) in &self.kernels {
            require(known_kernel(name)?.files() == *files, || {
                format!("kernel `{name}` is not made of {files:?}")
            })?;
        }
        self.steps.iter().try_for_each(|step| {
            let limit = limits.max_compute_workgroups_per_dimension;
            if step.workgroups.iter().any(|&count| count > limit) {
                return Err(GpuError::DispatchTooLarge {
                    kernel: step.kernel.clone(),
                    workgroups: step.workgroups,
                    limit,
                });
            }
            self.validate_step(step)
        })
    }

    /// Every constant buffer is that of a tensor with as many words as elements.
    fn validate_constants(&self) -> Result<(), GpuError> {
        let mut given = HashSet::new();
        for Constant { tensor: id, words } in &self.constants {
            let tensor = self.tensors.get(*id);
            let tensor =
                tensor.ok_or_else(|| invalid(format!("constant {id} is not a tensor of it")))?;
            let label = &tensor.label;
            let of_constant = self.buffers[tensor.buffer].role == BufferRole::Constant;
            require(of_constant && given.insert(tensor.buffer), || {
                format!("constant `{label}` has no buffer of its own")
            })?;
            require(
                size_of_val(words.as_slice()) as u64 == tensor.bytes(),
                || {
                    format!(
                        "constant `{label}` has {} words and {} bytes",
                        words.len(),
                        tensor.bytes()
                    )
                },
            )?;
        }
        let constants = self
            .buffers
            .iter()
            .enumerate()
            .filter(|(_, buffer)| buffer.role == BufferRole::Constant);
        for (index, buffer) in constants {
            require(given.contains(&index), || {
                format!("constant `{}` has no values", buffer.label)
            })?;
        }
        Ok(())
    }

    /// A step against what its kernel's WGSL declares. Its tensors are known to exist.
    fn validate_step(&self, step: &Step) -> Result<(), GpuError> {
        let name = &step.kernel;
        let facts = known_kernel(name)?.facts();
        require(self.kernels.contains_key(name), || {
            format!("kernel `{name}` is not among its kernels")
        })?;
        require(step.workgroups.iter().all(|&count| count > 0), || {
            format!("kernel `{name}` has no workgroups: {:?}", step.workgroups)
        })?;

        let values: HashMap<&str, f64> = step
            .overrides
            .iter()
            .map(|(constant, value)| (constant.as_str(), *value))
            .collect();
        let complete = values.len() == step.overrides.len()
            && values.len() == facts.constants.len()
            && facts
                .constants
                .iter()
                .all(|constant| values.contains_key(constant.name.as_str()));
        require(complete, || {
            let given: Vec<&str> = step.overrides.iter().map(|(c, _)| c.as_str()).collect();
            let wanted: Vec<&str> = facts.constants.iter().map(|c| c.name.as_str()).collect();
            format!("kernel `{name}` has the constants {given:?} instead of {wanted:?}")
        })?;
        let check = |constant: &facts::Constant, values: &HashMap<&str, f64>| {
            let value = values[constant.name.as_str()];
            require(constant.allows(value, values), || {
                format!("kernel `{name}` cannot have {} = {value}", constant.name)
            })
        };
        facts.constants.iter().try_for_each(|c| check(c, &values))?;
        let values = facts.values(values).ok_or_else(|| {
            invalid(format!(
                "kernel `{name}` has constants that others do not follow from in 32 bits"
            ))
        })?;
        facts
            .derived
            .iter()
            .try_for_each(|(c, _)| check(c, &values))?;

        for (place, (array, length)) in step.arrays.iter().enumerate() {
            let tile = array
                .strip_prefix("MAX_")
                .map(|tile| format!("TILE_{tile}"));
            let tile = tile.and_then(|tile| values.get(tile.as_str()).copied());
            let once = step.arrays[..place].iter().all(|(other, _)| other != array);
            let known = once && facts.arrays.iter().any(|(name, _)| name == array);
            require(known && tile == Some(f64::from(*length)), || {
                format!("kernel `{name}` cannot have {array} = {length} for a tile of {tile:?}")
            })?;
        }

        for (array, length) in &facts.arrays {
            let tile = array.strip_prefix("MAX_").unwrap_or_default();
            let tile = values.get(format!("TILE_{tile}").as_str()).copied();
            let set = step.arrays.iter().any(|(name, _)| name == array);
            let fits = tile.is_none_or(|tile| tile <= f64::from(*length));
            require(set || fits, || {
                format!("kernel `{name}` cannot have {array} = {length} for a tile of {tile:?}")
            })?;
        }

        require(step.bindings.len() == facts.bindings.len(), || {
            format!(
                "kernel `{name}` has {} bindings instead of {}",
                step.bindings.len(),
                facts.bindings.len()
            )
        })?;
        for (place, (&id, binding)) in step.bindings.iter().zip(&facts.bindings).enumerate() {
            let tensor = &self.tensors[id];
            let factor = |factor: &String| match values.get(factor.as_str()) {
                Some(value) => *value,
                None => factor.parse().unwrap_or(1.0),
            };
            let elements: f64 = binding.shape.iter().flatten().map(factor).product();
            // Kernels take halves as words.
            let words = tensor.dtype == Dtype::F16 && binding.dtype == Dtype::U32;
            require(tensor.dtype == binding.dtype || words, || {
                format!(
                    "tensor `{}` is of {:?}, and kernel `{name}` wants {:?}",
                    tensor.label, tensor.dtype, binding.dtype
                )
            })?;
            let bytes = tensor.bytes();
            let long_enough =
                bytes > 0 && padded(bytes) >= binding.least_bytes && (bytes / 4) as f64 >= elements;
            require(long_enough, || {
                format!(
                    "tensor `{}` of {bytes} bytes is too short for kernel `{name}`, which wants {elements} elements",
                    tensor.label
                )
            })?;
            if binding.writes {
                let buffer = tensor.buffer;
                require(self.buffers[buffer].role != BufferRole::Constant, || {
                    format!("kernel `{name}` writes constant `{}`", tensor.label)
                })?;
                // A device tracks whole buffers.
                let mut others = step.bindings.iter().enumerate();
                let alone =
                    others.all(|(other, &id)| other == place || self.tensors[id].buffer != buffer);
                require(alone, || {
                    format!(
                        "kernel `{name}` writes `{}` and has its buffer twice",
                        tensor.label
                    )
                })?;
            }
        }
        let most = wgpu::Limits::default().max_compute_workgroup_storage_size;
        let bytes = facts.workgroup_bytes(&values);
        require(bytes.is_some_and(|bytes| bytes <= most.into()), || {
            format!("kernel `{name}` takes {bytes:?} bytes of workgroup memory, more than {most}")
        })?;
        if name == "window_fft_power" {
            validate_transform(&values)?;
        }
        Ok(())
    }
}

/// The factors of a Fourier transform make its length. In its range each power fits.
fn validate_transform(values: &HashMap<&str, f64>) -> Result<(), GpuError> {
    let value = |name: &str| values.get(name).copied().unwrap_or(0.0);
    let half = 4f64.powf(value("FOURS")) * 2f64.powf(value("TWOS")) * 5f64.powf(value("FIVES"));
    // Powers may be rounded.
    let equal = |a: f64, b: f64| (a - b).abs() < 0.5;
    require(
        equal(half, value("HALF")) && equal(2.0 * half, value("N_FFT")),
        || {
            format!(
                "a Fourier transform of {} points has other factors",
                value("N_FFT")
            )
        },
    )
}
