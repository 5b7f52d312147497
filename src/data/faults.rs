//! What a check tells of files and classes.

use serde::Serialize;
use std::path::PathBuf;

/// A file that cannot be used, or not all of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// The file, relative to the data set's root.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// Whether it is left out.
    pub left_out: bool,
}

/// Why a data set cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// What is wrong, and the mend.
    pub reason: String,
    /// What to ask for to go on without a mend.
    pub way_out: WayOut,
}

/// The part of [`CheckOptions`](super::CheckOptions) by which a problem is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayOut {
    /// [`super::CheckOptions::partial`].
    Partial,
    /// [`super::CheckOptions::drop_duplicates`].
    DropDuplicates,
    /// [`super::CheckOptions::no_split`].
    NoSplit,
}

/// The files of a class.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ClassCount {
    /// In training, validation and test.
    pub parts: [usize; 3],
    /// In no part, where there is no split.
    pub unsplit: usize,
    /// Their length in seconds.
    pub seconds: f64,
}

/// Lengths of files in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Durations {
    /// All together.
    pub total: f64,
    /// The shortest file.
    pub shortest: f64,
    /// Half of the files are shorter.
    pub median: f64,
    /// The longest file.
    pub longest: f64,
}
