//! Types of elements.

use serde::{Deserialize, Serialize};

/// What a tensor's 32-bit words hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// A float each.
    F32,
    /// Two halves (IEEE 754 binary16) each, the first in its low 16 bits.
    F16,
    /// A whole number each, or the words of a struct.
    U32,
}

impl Dtype {
    /// Bytes of so many elements in whole words, at most `u64::MAX`.
    pub(super) fn bytes(self, elements: usize) -> u64 {
        let words = match self {
            Self::F32 | Self::U32 => elements,
            Self::F16 => elements.div_ceil(2),
        };
        (words as u64).saturating_mul(4)
    }
}
