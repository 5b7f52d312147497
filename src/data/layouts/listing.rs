//! What a layout makes of a data set, and how it looks around in it.

use crate::data::row::Row;
use std::path::{Path, PathBuf};

/// What a data set's metadata promises.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The folder that rows' paths are relative to.
    pub root: PathBuf,
    pub rows: Vec<Row>,
    /// Audio files that are left out for a reason that `notes` give.
    pub left_out: Vec<PathBuf>,
    /// What people should know, one sentence each.
    pub notes: Vec<String>,
    /// The name of the published split that the rows' parts come from.
    pub split: Option<&'static str>,
    /// What files of one group have in common.
    pub groups: Option<&'static str>,
    /// Where the rows come from, for messages.
    pub source: String,
}

pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Folders directly in a folder, sorted, hidden ones left out.
pub(super) fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !name(path).starts_with('.'))
        .collect();
    found.sort();
    found
}

/// The last part of a path, as text; empty if it has none or it is not UTF-8.
pub(super) fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// The first of some places that exists.
pub(super) fn first_existing(root: &Path, places: &[&str]) -> Option<PathBuf> {
    places
        .iter()
        .map(|place| root.join(place))
        .find(|path| path.exists())
}
