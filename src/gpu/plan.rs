//! A computation as plain data: tensors and the steps that work on them.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kernel::kernel;
use super::{AdapterClass, Dtype, GpuError, Tuning};

/// The shape of a tensor, outermost dimension first: batch, channels, height (mel bands), width (frames).
pub type Shape = [usize; 4];

/// Number of elements of a shape. More than `usize` counts are `usize::MAX`, which no plan may hold
/// ([`Plan::validate`]).
pub(crate) fn element_count(shape: Shape) -> usize {
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

/// One tensor: what it holds, and its place, a range of a buffer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorInfo {
    /// For messages and profiles.
    pub label: String,
    /// Its shape, the last dimension innermost.
    pub shape: Shape,
    /// What its elements are.
    pub dtype: Dtype,
    /// Index of the buffer.
    pub buffer: usize,
    /// First byte in the buffer, a multiple of 256.
    pub offset: u64,
}

impl TensorInfo {
    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.dtype.bytes(element_count(self.shape))
    }
}

/// A tensor whose values never change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Its id.
    pub tensor: usize,
    /// The bits of its words: what is infinite or not a number survives being written too.
    pub words: Vec<u32>,
}

/// One device buffer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The operation, for profiles: the kernel, and the shape of what counts as an operation.
    pub operation: String,
    /// Floating-point operations, counted as those of a dense product: a multiply-add is two. None where the work is
    /// moving data.
    pub flops: Option<u64>,
    /// Name of the kernel, a key of [`Plan::kernels`].
    pub kernel: String,
    /// Lengths of its register arrays: each takes the place of the number in the line `const NAME = 16u;` of its WGSL.
    pub arrays: Vec<(String, u32)>,
    /// Values of its override constants, but for those that follow from others.
    pub overrides: Vec<(String, f64)>,
    /// Tensor ids, in binding order.
    pub bindings: Vec<usize>,
    /// Workgroups in x, y and z.
    pub workgroups: [u32; 3],
}

/// Tensors and steps. Build it once, replay it with a [`super::Program`].
///
/// Written as JSON it is complete: with the WGSL files that [`Self::kernels`] names, and bytes for its ports, anything that
/// speaks WebGPU can run it. To do so: make the buffers; write the words of the constants; for each step join its kernel's
/// files with line breaks, set the lengths of its arrays, compile the entry point `main` with its override constants, and
/// bind its tensors (their bytes rounded up to a multiple of 16) in order from binding 0 of group 0 on; write the ports
/// of inputs and state; dispatch the steps in order, in a single pass.
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
    /// Tensors that a host writes before a run or reads after it, by name: their ids.
    pub ports: BTreeMap<String, usize>,
    /// Values of the constant tensors.
    pub constants: Vec<Constant>,
    /// The kernels of its steps: their WGSL files below `shaders/`, in the order in which they are joined.
    pub kernels: BTreeMap<String, Vec<String>>,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// How its convolutions are cut: a variant's id for each operation of them, of the tuning or what suits the class. Sums of
    /// another variant may differ in their last bits.
    pub choices: BTreeMap<String, String>,
    /// How operations added from now on are to be cut.
    #[serde(skip)]
    pub(crate) tuning: Tuning,
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
#[serde(deny_unknown_fields)]
struct Unchecked {
    class: AdapterClass,
    buffers: Vec<BufferInfo>,
    tensors: Vec<TensorInfo>,
    ports: BTreeMap<String, usize>,
    constants: Vec<Constant>,
    kernels: BTreeMap<String, Vec<String>>,
    steps: Vec<Step>,
    choices: BTreeMap<String, String>,
}

impl TryFrom<Unchecked> for Plan {
    type Error = GpuError;

    fn try_from(read: Unchecked) -> Result<Self, GpuError> {
        let plan = Self {
            class: read.class,
            buffers: read.buffers,
            tensors: read.tensors,
            ports: read.ports,
            constants: read.constants,
            kernels: read.kernels,
            steps: read.steps,
            choices: read.choices,
            tuning: read.class.into(),
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
    /// An empty plan, for a class of adapter or by a tuning of one.
    pub fn new(tuning: impl Into<Tuning>) -> Self {
        let tuning = tuning.into();
        Self {
            class: tuning.class,
            buffers: Vec::new(),
            tensors: Vec::new(),
            ports: BTreeMap::new(),
            constants: Vec::new(),
            kernels: BTreeMap::new(),
            steps: Vec::new(),
            choices: BTreeMap::new(),
            tuning,
            quick: false,
            refused: None,
        }
    }

    /// Adds a tensor of floats with a buffer of its own.
    pub fn tensor(&mut self, label: impl Into<String>, shape: Shape, role: BufferRole) -> Tensor {
        self.tensor_of(Dtype::F32, label, shape, role)
    }

    /// Adds a tensor of 32-bit words with a buffer of its own.
    pub fn words(&mut self, label: impl Into<String>, shape: Shape, role: BufferRole) -> Tensor {
        self.tensor_of(Dtype::U32, label, shape, role)
    }

    /// Adds a tensor of halves, two in a word, with a buffer of its own.
    pub fn halves(&mut self, label: impl Into<String>, shape: Shape, role: BufferRole) -> Tensor {
        self.tensor_of(Dtype::F16, label, shape, role)
    }

    fn tensor_of(
        &mut self,
        dtype: Dtype,
        label: impl Into<String>,
        shape: Shape,
        role: BufferRole,
    ) -> Tensor {
        let (buffer, id) = (self.buffers.len(), self.tensors.len());
        let info = TensorInfo {
            label: label.into(),
            shape,
            dtype,
            buffer,
            offset: 0,
        };
        self.buffers.push(BufferInfo {
            label: info.label.clone(),
            bytes: padded(info.bytes()),
            role,
        });
        self.tensors.push(info);
        Tensor { id, shape }
    }

    /// Adds a tensor of floats whose values never change.
    ///
    /// # Panics
    /// If there are not as many values as the shape has elements: a bug in the caller.
    pub fn constant(&mut self, label: &str, shape: Shape, values: Vec<f32>) -> Tensor {
        self.constant_of(Dtype::F32, label, shape, bytemuck::cast_vec(values))
    }

    /// Adds a tensor of words that never change.
    ///
    /// # Panics
    /// As [`Self::constant`].
    pub fn constant_words(&mut self, label: &str, shape: Shape, words: Vec<u32>) -> Tensor {
        self.constant_of(Dtype::U32, label, shape, words)
    }

    fn constant_of(&mut self, dtype: Dtype, label: &str, shape: Shape, words: Vec<u32>) -> Tensor {
        assert_eq!(words.len(), element_count(shape), "values of `{label}`");
        let Tensor { id: tensor, .. } = self.tensor_of(dtype, label, shape, BufferRole::Constant);
        self.constants.push(Constant { tensor, words });
        Tensor { id: tensor, shape }
    }

    /// What a tensor is.
    pub fn info(&self, tensor: Tensor) -> &TensorInfo {
        &self.tensors[tensor.id]
    }

    /// Names a tensor that a host writes or reads: an input, state or an output.
    pub fn name_port(&mut self, name: &str, tensor: Tensor) {
        self.ports.insert(name.to_string(), tensor.id);
    }

    /// The tensor of this name.
    pub fn port(&self, name: &str) -> Option<Tensor> {
        let id = *self.ports.get(name)?;
        let shape = self.tensors.get(id)?.shape;
        Some(Tensor { id, shape })
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
            shape,
            dtype: parent.dtype,
            buffer: parent.buffer,
            offset: parent.offset.saturating_add(parent.dtype.bytes(first)),
        });
        Tensor { id, shape }
    }

    /// The tensor that this one is a range of, or itself; and its first element there.
    pub(crate) fn whole(&self, tensor: Tensor) -> (Tensor, usize) {
        let TensorInfo { buffer, offset, .. } = self.tensors[tensor.id];
        // Ranges come behind the tensor that they are ranges of.
        let id = self.tensors.iter().position(|t| t.buffer == buffer);
        let id = id.unwrap_or(tensor.id);
        let info = &self.tensors[id];
        let whole = Tensor {
            id,
            shape: info.shape,
        };
        let first = offset.checked_div(info.dtype.bytes(1)).unwrap_or(0);
        (whole, usize::try_from(first).unwrap_or(usize::MAX))
    }

    /// Makes a tensor longer, one with a buffer of its own; returns its first new element, a multiple of 64.
    pub(crate) fn lengthen(&mut self, tensor: &mut Tensor, len: usize) -> usize {
        let first = tensor.len().checked_next_multiple_of(VIEW_ALIGNMENT);
        let first = first.unwrap_or(usize::MAX);
        tensor.shape = [1, 1, 1, first.saturating_add(len)];
        let info = &mut self.tensors[tensor.id];
        info.shape = tensor.shape;
        self.buffers[info.buffer].bytes = padded(info.bytes());
        first
    }

    /// Keeps a scratch tensor's content for the host; others are kept anyway.
    pub fn keep(&mut self, tensor: Tensor) {
        let buffer = self.tensors[tensor.id].buffer;
        let role = &mut self.buffers[buffer].role;
        if *role == BufferRole::Scratch {
            *role = BufferRole::Output;
        }
    }

    /// Adds a dispatch. Overrides are numbers by name; bindings are in the kernel's order.
    pub fn dispatch(
        &mut self,
        name: &str,
        overrides: &[(&str, f64)],
        bindings: &[Tensor],
        workgroups: [usize; 3],
    ) {
        let owned = |(name, value): &(&str, f64)| (name.to_string(), *value);
        let mut overrides: Vec<(String, f64)> = overrides.iter().map(owned).collect();
        let mut arrays = Vec::new();
        // A plan with another does not validate.
        if let Some(kernel) = kernel(name) {
            arrays = kernel.exact_arrays(&overrides);
            if kernel.has_idle_turns() {
                overrides.push(("IDLE_TURN".to_string(), f64::from(self.class.idle_turns())));
            }
            let files = || kernel.files().into_iter().map(String::from).collect();
            self.kernels.entry(name.to_string()).or_insert_with(files);
        }
        self.steps.push(Step {
            operation: name.to_string(),
            flops: None,
            kernel: name.to_string(),
            arrays,
            overrides,
            bindings: bindings.iter().map(|t| t.id).collect(),
            workgroups: workgroups.map(word),
        });
    }

    /// Takes the last dispatch back, if it is of this kernel and writes this tensor; returns its first binding.
    pub(crate) fn take_back(&mut self, kernel: &str, written: Tensor) -> Option<Tensor> {
        let taken =
            |step: &mut Step| step.kernel == kernel && step.bindings.last() == Some(&written.id);
        let step = self.steps.pop_if(taken)?;
        if self.steps.iter().all(|step| step.kernel != kernel) {
            self.kernels.remove(kernel);
        }
        let id = *step.bindings.first()?;
        let shape = self.tensors[id].shape;
        Some(Tensor { id, shape })
    }

    /// Says of the last dispatch of what shape it is, in words, and how many floating-point operations it has.
    pub(crate) fn count(&mut self, shape: &str, flops: u64) {
        if let Some(step) = self.steps.last_mut() {
            step.operation = format!("{} {shape}", step.kernel);
            step.flops = Some(flops);
        }
    }

    /// Makes the plan one that does not [`validate`](Self::validate), for the first of these reasons.
    pub(crate) fn refuse(&mut self, reason: GpuError) {
        self.refused.get_or_insert(reason);
    }

    /// How often it dispatches each of its kernels.
    pub fn dispatches(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for step in &self.steps {
            let count: &mut usize = counts.entry(step.kernel.clone()).or_default();
            *count = count.saturating_add(1);
        }
        counts
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
pub(crate) fn workgroups(invocations: usize, size: usize) -> [usize; 3] {
    let groups = invocations.div_ceil(size).max(1);
    let rows = groups.div_ceil(65_535);
    [groups.div_ceil(rows), rows, 1]
}
