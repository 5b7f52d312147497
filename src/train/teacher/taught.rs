//! Rows of files as targets of windows.

use std::ops::Range;

/// A file with rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaughtFile {
    /// Its number in the store of features.
    pub stored: usize,
    pub frames: usize,
    /// Its rows of the set, by start.
    pub rows: Range<usize>,
}

/// Rows of some files.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaughtSet {
    pub files: Vec<TaughtFile>,
    /// By row, the first frame of its window.
    pub starts: Vec<u32>,
    /// The standardised targets, [rows, width].
    pub targets: Vec<f32>,
}

impl TaughtSet {
    /// Number of files and of rows.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.files.len(), self.starts.len()]
    }
}
