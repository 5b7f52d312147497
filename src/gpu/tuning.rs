//! How the kernels of plans are to be cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AdapterClass;

/// A class of adapter, and what was found to be quicker on one of its adapters than what suits the class. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// What suits where nothing was measured.
    pub class: AdapterClass,
    choices: Arc<BTreeMap<String, String>>,
}

impl Tuning {
    /// Of this class, with these choices: a variant's id for each operation (`ops::operation`, `ops::Variant`). What there is no choice for is cut as
    /// suits the class.
    pub fn new(class: AdapterClass, choices: BTreeMap<String, String>) -> Self {
        Self {
            class,
            choices: Arc::new(choices),
        }
    }

    /// All choices, by operation.
    pub fn choices(&self) -> &BTreeMap<String, String> {
        &self.choices
    }
}

impl From<AdapterClass> for Tuning {
    fn from(class: AdapterClass) -> Self {
        Self::new(class, BTreeMap::new())
    }
}

impl From<&Tuning> for Tuning {
    fn from(tuning: &Tuning) -> Self {
        tuning.clone()
    }
}
