//! Fingerprints of files' contents, by which copies are found and moved files known again.

use super::error::DataError;
use crate::files::hash_of;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What is known of files, by their paths in a data set: their sizes in bytes, and their hashes.
pub type KnownFiles = HashMap<PathBuf, (u64, String)>;

/// The BLAKE3 hash of a file's bytes, 64 hexadecimal digits.
///
/// # Errors
/// [`DataError::Unreadable`].
pub fn hash_file(path: &Path) -> Result<String, DataError> {
    hash_of(path).map_err(|error| DataError::Unreadable {
        path: path.into(),
        reason: error.to_string(),
    })
}

/// The hashes of many files of the folder `root`, in their order, on all cores. Files that are known and have the size that
/// they had are not read.
pub(super) fn hash_files(
    root: &Path,
    names: &[&Path],
    known: &KnownFiles,
) -> Vec<Result<String, DataError>> {
    let hash = |name: &&Path| {
        let path = root.join(name);
        if let Some((size, hash)) = known.get(*name)
            && std::fs::metadata(&path).is_ok_and(|found| found.len() == *size)
        {
            return Ok(hash.clone());
        }
        hash_file(&path)
    };
    names.par_iter().map(hash).collect()
}
