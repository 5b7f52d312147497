//! A plan as a bundle holds it: its constants are names of tensors that lie beside it, for plans share them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gpu::{AdapterClass, BufferInfo, Step, TensorInfo};

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
