//! Tables of metadata: comma- or tab-separated, columns by name.

use crate::data::error::DataError;
use std::path::{Path, PathBuf};

/// A table in memory.
pub(super) struct Table {
    path: PathBuf,
    header: Vec<String>,
    pub rows: Vec<csv::StringRecord>,
}

/// All records of a file, the header among them. Rows may have different lengths.
pub(super) fn records(path: &Path, delimiter: u8) -> Result<Vec<csv::StringRecord>, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .quoting(delimiter == b',')
        .from_path(path)
        .map_err(|error| DataError::metadata(path, error))?;
    let records = reader.records().collect::<Result<Vec<_>, _>>();
    records.map_err(|error| DataError::metadata(path, error))
}

impl Table {
    /// Reads a table whose first row names its columns.
    pub(super) fn read(path: &Path, delimiter: u8) -> Result<Self, DataError> {
        let mut rows = records(path, delimiter)?;
        if rows.len() < 2 {
            return Err(DataError::metadata(path, "it has no rows"));
        }
        let header = rows.remove(0).iter().map(str::to_owned).collect();
        Ok(Self {
            path: path.into(),
            header,
            rows,
        })
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, DataError> {
        self.header
            .iter()
            .position(|found| found == name)
            .ok_or_else(|| {
                let found = self.header.join(", ");
                DataError::metadata(
                    &self.path,
                    format!("it has no column `{name}` (found: {found})"),
                )
            })
    }
}
