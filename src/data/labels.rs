//! What the classes of a data set are.

use super::error::DataError;
use std::{convert::Infallible, fmt, path::Path, str::FromStr};

/// Where a file's class comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Labels {
    /// The class folder, or the manifest's column `label`.
    #[default]
    Folder,
    /// Another column of the manifest, by its name in lower case; for a folder, the tag `album` or `artist`.
    Column(String),
    /// None are needed: every track is a class of its own, and its parts are the shots. See [`super::Dataset::tracks`].
    Track,
}

impl FromStr for Labels {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.trim().to_lowercase().as_str() {
            "folder" | "label" => Self::Folder,
            "track" => Self::Track,
            column => Self::Column(column.to_owned()),
        })
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "folder",
            Self::Column(column) => column,
            Self::Track => "track",
        })
    }
}

/// Warns of files left out because they have no label, and refuses a data set of which nothing is left.
pub(super) fn check_unlabelled(
    path: &Path,
    column: &str,
    unlabelled: usize,
    labelled: usize,
    warnings: &mut Vec<String>,
) -> Result<(), DataError> {
    if unlabelled > 0 && labelled == 0 {
        return Err(DataError::NoLabels {
            path: path.into(),
            column: column.into(),
            files: unlabelled,
            path_is_folder: path.is_dir(),
        });
    }
    if unlabelled > 0 {
        warnings.push(format!(
            "{unlabelled} of the {} files of {} have no `{column}` and are left out",
            unlabelled + labelled,
            path.display()
        ));
    }
    Ok(())
}
