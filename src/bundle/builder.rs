//! The files of a bundle as they come together.

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype as StoredDtype, TensorView};

use super::error::BundleError;
use super::manifest::{FileEntry, PlanEntry};
use super::plan_file::{NamedConstant, PlanFile};
use super::tensors::{Tensors, stored};
use crate::files::hash_bytes;
use crate::gpu::{Dtype, Plan, kernel};

/// A tensor of floats or words.
struct Stored {
    name: String,
    dtype: StoredDtype,
    dims: Vec<usize>,
    words: Vec<u32>,
}

/// Plans, shaders and tensors that have been added so far.
#[derive(Default)]
pub(super) struct Builder {
    files: BTreeMap<String, Vec<u8>>,
    plans: Vec<PlanEntry>,
    tensors: Vec<Stored>,
    /// Places in `tensors` by the hash of their words, for none is kept twice.
    known: HashMap<blake3::Hash, Vec<usize>>,
}

impl Builder {
    /// Adds a tensor, unless the same values are there under whatever name; gives the name that they have. `name` should be
    /// that of its task and what it is, as `embed.parameters`; a number is added where another tensor has it.
    pub(super) fn tensor(
        &mut self,
        name: &str,
        dtype: Dtype,
        dims: Vec<usize>,
        words: Vec<u32>,
    ) -> String {
        let dtype = stored(dtype);
        let hash = blake3::hash(bytemuck::cast_slice(&words));
        let known = self.known.entry(hash).or_default();
        if let Some(place) = known.iter().find(|&&p| self.tensors[p].dtype == dtype) {
            return self.tensors[*place].name.clone();
        }
        known.push(self.tensors.len());
        let taken = |name: &str| self.tensors.iter().any(|tensor| tensor.name == name);
        let mut own = name.to_string();
        let mut number = 2;
        while taken(&own) {
            own = format!("{name}.{number}");
            number += 1;
        }
        self.tensors.push(Stored {
            name: own.clone(),
            dtype,
            dims,
            words,
        });
        own
    }

    /// As [`Self::tensor`], of floats.
    pub(super) fn floats(&mut self, name: &str, dims: Vec<usize>, values: &[f32]) -> String {
        let words = values.iter().map(|value| value.to_bits()).collect();
        self.tensor(name, Dtype::F32, dims, words)
    }

    /// Adds a plan with its shaders and constants. `initial`: what ports hold at first, as names of tensors.
    ///
    /// # Errors
    /// [`BundleError::Plan`], one that does not validate.
    pub(super) fn plan(
        &mut self,
        task: &str,
        plan: Plan,
        initial: BTreeMap<String, String>,
    ) -> Result<(), BundleError> {
        let class = match plan.class.is_software() {
            true => "software",
            false => "hardware",
        };
        let file = format!("plans/{task}-{class}.json");
        plan.validate().map_err(|error| BundleError::Plan {
            file: file.clone(),
            error,
        })?;
        for kernel in plan.kernels.keys().filter_map(|name| kernel(name)) {
            for (path, text) in kernel.texts() {
                let path = format!("shaders/{path}");
                self.files.insert(path, text.as_bytes().to_vec());
            }
        }
        let mut constants = Vec::new();
        for constant in plan.constants {
            let tensor = &plan.tensors[constant.tensor];
            let name = format!("constant.{}", tensor.label.replace(' ', "-"));
            let dims = tensor.shape.to_vec();
            let name = self.tensor(&name, tensor.dtype, dims, constant.words);
            constants.push(NamedConstant {
                tensor: constant.tensor,
                name,
            });
        }
        let written = PlanFile {
            class: plan.class,
            buffers: plan.buffers,
            tensors: plan.tensors,
            ports: plan.ports,
            constants,
            kernels: plan.kernels,
            steps: plan.steps,
            choices: plan.choices,
        };
        let text = serde_json::to_vec(&written).map_err(|e| BundleError::Format {
            file: file.clone(),
            reason: e.to_string(),
        })?;
        self.files.insert(file.clone(), text);
        self.plans.push(PlanEntry {
            task: task.to_string(),
            class: plan.class,
            file,
            initial,
        });
        Ok(())
    }

    /// All files but the manifest, what it tells of them, and the plans.
    #[expect(
        clippy::type_complexity,
        reason = "three lists that go into a manifest"
    )]
    pub(super) fn finish(
        mut self,
    ) -> Result<
        (
            BTreeMap<String, Vec<u8>>,
            BTreeMap<String, FileEntry>,
            Vec<PlanEntry>,
        ),
        BundleError,
    > {
        let failed = |reason: String| BundleError::Format {
            file: Tensors::FILE.to_string(),
            reason,
        };
        let mut views = Vec::new();
        for tensor in &self.tensors {
            let bytes = bytemuck::cast_slice(&tensor.words);
            let view = TensorView::new(tensor.dtype, tensor.dims.clone(), bytes);
            views.push((
                tensor.name.as_str(),
                view.map_err(|e| failed(e.to_string()))?,
            ));
        }
        let tensors = safetensors::serialize(views, None).map_err(|e| failed(e.to_string()))?;
        self.files.insert(Tensors::FILE.to_string(), tensors);
        let entry = |(name, bytes): (&String, &Vec<u8>)| {
            let entry = FileEntry {
                bytes: bytes.len() as u64,
                hash: hash_bytes(bytes),
            };
            (name.clone(), entry)
        };
        let entries = self.files.iter().map(entry).collect();
        Ok((self.files, entries, self.plans))
    }
}
