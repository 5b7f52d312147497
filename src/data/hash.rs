//! Fingerprints of files' contents, by which copies are found and moved files known again.

use super::DataError;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// The BLAKE3 hash of a file's bytes, 64 hexadecimal digits.
///
/// # Errors
/// [`DataError::Unreadable`].
pub fn hash_file(path: &Path) -> Result<String, DataError> {
    let unreadable = |error: std::io::Error| DataError::Unreadable {
        path: path.into(),
        reason: error.to_string(),
    };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut file, &mut hasher).map_err(unreadable)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The hashes of many files, in their order, on all cores.
pub(super) fn hash_files(paths: &[PathBuf]) -> Vec<Result<String, DataError>> {
    paths.par_iter().map(|path| hash_file(path)).collect()
}
