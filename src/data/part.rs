//! The parts of a split.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Files to learn from.
    Train,
    /// Files to choose between models by.
    Validation,
    /// Files that only the final figure sees.
    Test,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Reads a word of a manifest, or says which words there are.
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        match word.to_lowercase().as_str() {
            "train" | "training" => Ok(Self::Train),
            "validation" | "valid" | "val" | "dev" => Ok(Self::Validation),
            "test" | "testing" => Ok(Self::Test),
            _ => Err(format!(
                "unknown split `{word}`: write train, validation or test"
            )),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}
