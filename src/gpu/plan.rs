//! A computation as plain data: tensors and the steps that work on them.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use serde::{Deserialize, Serialize};

use super::{AdapterClass, GpuError};

/// The shape of a tensor, outermost dimension first: batch, channels, height (mel bands), width (frames).
pub type Shape = [usize; 4];

/// Number of elements of a shape. More than `usize` counts are `usize::MAX`, which no plan may hold
/// ([`Plan::validate`]).
pub fn element_count(shape: Shape) -> usize {
    shape.into_iter().fold(1, usize::saturating_mul)
}

/// What a buffer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BufferRole {
    /// Written by the host before a run.
    Input,
    /// Written once, when the plan is compiled.
    Constant,
    /// Kept from run to run: parameters, optimiser state, the loss history.
    State,
    /// Written and read within one run; its content before and after the run means nothing, and
    /// [`Plan::share_scratch`] lets tensors that are never needed together share memory.
    Scratch,
    /// Written by a run, and read by the host after it.
    Output,
}

/// A handle to a tensor of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    pub(super) id: usize,
    /// Its shape.
    pub shape: Shape,
}

impl Tensor {
    /// Number of elements.
    pub fn len(&self) -> usize {
        element_count(self.shape)
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same data with another shape of as many elements.
    ///
    /// # Panics
    /// If the element counts differ, which is a bug in the layer that calls it.
    pub fn reshaped(self, shape: Shape) -> Self {
        assert_eq!(
            self.len(),
            element_count(shape),
            "reshape {:?} to {shape:?}",
            self.shape
        );
        Self { shape, ..self }
    }
}

/// One tensor's place: a range of a buffer. Elements are 32-bit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TensorInfo {
    /// For messages and profiles.
    pub label: String,
    /// Index of the buffer.
    pub buffer: usize,
    /// First byte in the buffer, a multiple of 256.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// One device buffer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BufferInfo {
    /// For messages.
    pub label: String,
    /// Length in bytes, a multiple of 16: kernels may read any tensor as vec4.
    pub bytes: u64,
    /// What it is for.
    pub role: BufferRole,
}

/// One dispatch of a kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Name of the kernel.
    pub kernel: String,
    /// Values of its override constants.
    pub overrides: Vec<(String, f64)>,
    /// Tensor ids, in binding order.
    pub bindings: Vec<usize>,
    /// Workgroups in x, y and z.
    pub workgroups: [u32; 3],
}

/// Tensors and steps. Build it once, replay it with a [`super::Program`].
///
/// Building never fails: what is too large or otherwise cannot be is found by [`Self::validate`], which every program
/// and every plan that is read goes through.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Plan {
    /// What its tile shapes suit.
    pub class: AdapterClass,
    /// The device buffers.
    pub buffers: Vec<BufferInfo>,
    /// The tensors, ranges of buffers.
    pub tensors: Vec<TensorInfo>,
    /// Values of the constant tensors, by id.
    pub constants: Vec<(usize, Vec<f32>)>,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// Whether kernels added from now on shall compile quickly on a software rasteriser rather than run quickly there: for a
    /// plan that runs a few times. Their results are the same.
    #[serde(skip)]
    pub quick: bool,
    /// The first step that could not be added.
    #[serde(skip)]
    pub(super) refused: Option<GpuError>,
}

/// A plan as it is read.
#[derive(Deserialize)]
struct Unchecked {
    class: AdapterClass,
    buffers: Vec<BufferInfo>,
    tensors: Vec<TensorInfo>,
    constants: Vec<(usize, Vec<f32>)>,
    steps: Vec<Step>,
}

impl TryFrom<Unchecked> for Plan {
    type Error = GpuError;

    fn try_from(read: Unchecked) -> Result<Self, GpuError> {
        let plan = Self {
            class: read.class,
            buffers: read.buffers,
            tensors: read.tensors,
            constants: read.constants,
            steps: read.steps,
            quick: false,
            refused: None,
        };
        plan.validate()?;
        Ok(plan)
    }
}

/// Alignment in elements of a tensor within a larger buffer: 256 bytes, WebGPU's offset alignment.
pub(crate) const VIEW_ALIGNMENT: usize = 64;

/// Bytes of a vec4.
pub(super) const VEC4_BYTES: u64 = 16;

/// Bytes of a shape's elements, at most `u64::MAX`.
fn byte_count(shape: Shape) -> u64 {
    (element_count(shape) as u64).saturating_mul(4)
}

/// Bytes rounded up to a vec4, at most `u64::MAX`.
pub(super) fn padded(bytes: u64) -> u64 {
    bytes
        .checked_next_multiple_of(VEC4_BYTES)
        .unwrap_or(u64::MAX)
}

/// A count in the 32 bits that a device counts with. What they do not hold is their largest, which is over any limit.
pub(crate) fn word(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Plan {
    /// An empty plan for this class of adapter.
    pub fn new(class: AdapterClass) -> Self {
        Self {
            class,
            buffers: Vec::new(),
            tensors: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            quick: false,
            refused: None,
        }
    }

    /// Adds a tensor with a buffer of its own.
    pub fn tensor(&mut self, label: impl Into<String>, shape: Shape, role: BufferRole) -> Tensor {
        let label = label.into();
        let bytes = byte_count(shape);
        let (buffer, id) = (self.buffers.len(), self.tensors.len());
        self.buffers.push(BufferInfo {
            label: label.clone(),
            bytes: padded(bytes),
            role,
        });
        self.tensors.push(TensorInfo {
            label,
            buffer,
            offset: 0,
            bytes,
        });
        Tensor { id, shape }
    }

    /// Adds a tensor whose values never change.
    ///
    /// # Panics
    /// If there are not as many values as the shape has elements: a bug in the caller.
    pub fn constant(&mut self, label: &str, shape: Shape, values: Vec<f32>) -> Tensor {
        assert_eq!(values.len(), element_count(shape), "values of `{label}`");
        let tensor = self.tensor(label, shape, BufferRole::Constant);
        self.constants.push((tensor.id, values));
        tensor
    }

    /// Adds a tensor that is a range of another one, from element `first` (a multiple of 64) on.
    ///
    /// # Panics
    /// If the range is misaligned or leaves its parent: a bug in the caller's layout.
    pub fn view(
        &mut self,
        label: impl Into<String>,
        of: Tensor,
        first: usize,
        shape: Shape,
    ) -> Tensor {
        let end = first.saturating_add(element_count(shape));
        assert!(first.is_multiple_of(VIEW_ALIGNMENT) && end <= of.len());
        let parent = &self.tensors[of.id];
        let id = self.tensors.len();
        self.tensors.push(TensorInfo {
            label: label.into(),
            buffer: parent.buffer,
            offset: parent.offset.saturating_add(byte_count([1, 1, 1, first])),
            bytes: byte_count(shape),
        });
        Tensor { id, shape }
    }

    /// Keeps a scratch tensor's content for the host.
    pub fn keep(&mut self, tensor: Tensor) {
        let buffer = self.tensors[tensor.id].buffer;
        self.buffers[buffer].role = BufferRole::Output;
    }

    /// Lets scratch tensors whose steps do not overlap share buffers. Call it when the plan is complete.
    pub fn share_scratch(&mut self) {
        // First and last step of every buffer.
        let mut life: Vec<Option<(usize, usize)>> = vec![None; self.buffers.len()];
        for (step, id) in self
            .steps
            .iter()
            .enumerate()
            .flat_map(|(k, s)| s.bindings.iter().map(move |&id| (k, id)))
        {
            let (_, last) = life[self.tensors[id].buffer].get_or_insert((step, step));
            *last = step;
        }
        let mut by_first: Vec<usize> = (0..self.buffers.len()).collect();
        by_first.sort_by_key(|&b| life[b]);
        let mut shared: Vec<(BufferInfo, usize)> = Vec::new(); // with the last step that needs it
        let mut moved = vec![0; self.buffers.len()];
        for old in by_first {
            let info = self.buffers[old].clone();
            let (first, last) = life[old].unwrap_or_default();
            // The smallest free buffer that is large enough, else the largest, which grows.
            let free = shared
                .iter()
                .enumerate()
                .filter(|(_, (b, last))| b.role == BufferRole::Scratch && *last < first)
                .min_by_key(|(_, (b, _))| (b.bytes < info.bytes, b.bytes.abs_diff(info.bytes)))
                .map(|(place, _)| place);
            moved[old] = match free {
                Some(place) if info.role == BufferRole::Scratch => {
                    let (buffer, until) = &mut shared[place];
                    buffer.bytes = buffer.bytes.max(info.bytes);
                    buffer.label = "shared scratch".into();
                    *until = last;
                    place
                }
                _ => {
                    shared.push((info, last));
                    shared.len().saturating_sub(1)
                }
            };
        }
        for tensor in &mut self.tensors {
            tensor.buffer = moved[tensor.buffer];
        }
        self.buffers = shared.into_iter().map(|(info, _)| info).collect();
    }

    /// Adds a dispatch. Overrides are numbers by name; bindings are in the kernel's order.
    pub fn dispatch(
        &mut self,
        kernel: &str,
        overrides: &[(&str, f64)],
        bindings: &[Tensor],
        workgroups: [usize; 3],
    ) {
        self.steps.push(Step {
            kernel: kernel.to_string(),
            overrides: overrides
                .iter()
                .map(|(name, value)| (name.to_string(), *value))
                .collect(),
            bindings: bindings.iter().map(|t| t.id).collect(),
            workgroups: workgroups.map(word),
        });
    }

    /// Makes the plan one that does not [`validate`](Self::validate), for the first of these reasons.
    pub(crate) fn refuse(&mut self, reason: GpuError) {
        self.refused.get_or_insert(reason);
    }

    /// Device memory of all its buffers in bytes.
    pub fn bytes(&self) -> u64 {
        self.buffers
            .iter()
            .fold(0, |sum: u64, buffer| sum.saturating_add(buffer.bytes))
    }
}

/// Workgroups for `invocations` in groups of `size`, folded into two dimensions where one would
/// exceed 65,535. Kernels unfold with `workgroup_id.y * num_workgroups.x + workgroup_id.x`.
pub fn workgroups(invocations: usize, size: usize) -> [usize; 3] {
    let groups = invocations.div_ceil(size).max(1);
    let rows = groups.div_ceil(65_535);
    [groups.div_ceil(rows), rows, 1]
}
