//! What a folder, a manifest or a published data set says of a file.

use super::part::Part;
use std::{collections::BTreeMap, path::PathBuf};

/// A file as a source of data sets lists it, whether or not it is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Relative to the folder of the source, or absolute.
    pub path: PathBuf,
    pub label: String,
    pub group: Option<String>,
    pub part: Option<Part>,
    /// Artist, album and whatever else is known; `labels` has all labels with `;` between them where the set is
    /// multi-label.
    pub columns: BTreeMap<String, String>,
    /// How long it should be, in seconds, where the source says so.
    pub seconds: Option<f64>,
}

impl Row {
    /// Sets a column, unless the text is empty.
    pub(super) fn set(&mut self, column: &str, text: &str) {
        if !text.trim().is_empty() {
            self.columns.insert(column.into(), text.trim().into());
        }
    }

    /// Sets the label to the first of several, and the column `labels` to all of them.
    pub(super) fn set_labels<'a>(&mut self, labels: impl IntoIterator<Item = &'a str>) {
        let labels: Vec<&str> = labels.into_iter().collect();
        self.label = labels.first().copied().unwrap_or_default().into();
        self.set("labels", &labels.join(";"));
    }
}
