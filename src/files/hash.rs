//! Fingerprints of files' contents, by which copies are found and moved files known again.

use std::fs::File;
use std::io;
use std::path::Path;

/// The BLAKE3 hash of a file's bytes, 64 hexadecimal digits.
///
/// # Errors
/// What the operating system says of a file that it cannot read.
pub(crate) fn hash_of(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The BLAKE3 hash of some bytes, 64 hexadecimal digits.
pub(crate) fn hash_bytes(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
