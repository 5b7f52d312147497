//! The two protocols that a split can follow.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the parts of a split have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The parts have different classes: does it learn genres it never saw?
    NovelClasses,
    /// All classes are in each part, with different files and groups.
    SeenClasses,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NovelClasses => "novel-classes",
            Self::SeenClasses => "seen-classes",
        })
    }
}
