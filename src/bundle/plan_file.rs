//! A plan as a bundle holds it: its constants are names of tensors that lie beside it, for plans share them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::{BundleError, damaged, require};
use super::tensors::Tensors;
use crate::gpu::{AdapterClass, BufferInfo, Constant, Plan, Step, TensorInfo};

/// Bytes of all constants of a plan and of what its ports hold at first: several may be one tensor.
pub(super) const MOST_CONSTANTS: u64 = 256 << 20;

/// [`crate::gpu::Plan`] but for its constants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    pub(super) class: AdapterClass,
    pub(super) buffers: Vec<BufferInfo>,
    pub(super) tensors: Vec<TensorInfo>,
    pub(super) ports: BTreeMap<String, usize>,
    pub(super) constants: Vec<NamedConstant>,
    pub(super) kernels: BTreeMap<String, Vec<String>>,
    pub(super) steps: Vec<Step>,
    pub(super) choices: BTreeMap<String, String>,
}

/// A tensor whose values never change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedConstant {
    /// Its id in the plan.
    pub(super) tensor: usize,
    /// Its name in the file of tensors.
    pub(super) name: String,
}

impl PlanFile {
    /// The plan with the values of its constants, one that can run. `file` is its name.
    pub(super) fn plan(self, file: &str, tensors: &Tensors) -> Result<Plan, BundleError> {
        let place = |constant: &NamedConstant| {
            let missing = || damaged(file, format!("has no tensor {}", constant.tensor));
            self.tensors.get(constant.tensor).ok_or_else(missing)
        };
        let mut bytes: u64 = 0;
        let mut constants = Vec::new();
        for constant in &self.constants {
            let place = place(constant)?;
            bytes = bytes.saturating_add(place.bytes());
            require(bytes <= MOST_CONSTANTS, file, || {
                format!("has constants of more than {MOST_CONSTANTS} bytes")
            })?;
            constants.push(Constant {
                tensor: constant.tensor,
                words: tensors.words(file, &constant.name, place)?,
            });
        }
        let mut plan = Plan::new(self.class);
        plan.buffers = self.buffers;
        plan.tensors = self.tensors;
        plan.ports = self.ports;
        plan.constants = constants;
        plan.kernels = self.kernels;
        plan.steps = self.steps;
        plan.choices = self.choices;
        plan.validate().map_err(|error| BundleError::Plan {
            file: file.to_string(),
            error,
        })?;
        Ok(plan)
    }
}
