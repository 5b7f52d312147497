//! What is kept as long as a process lives, and known for dead afterwards: by locks, which end with their process.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ending::hold;
use super::error::{Keep, WriteError, keep, system};
use super::place::{Place, folder_of, place};
use super::write::{PARTIAL, bears, is_held, prefix};

/// Name of the file that says whether the owner of a temporary folder lives: it is locked as long.
pub(super) const LOCK: &str = "lock";

/// As long as it lives no other run can claim the same file, by whatever name: for long work that ends in it.
#[derive(Debug)]
pub struct Claim {
    /// An empty file beside the output, and its locked handle; none for a pipe or a device.
    lock: Option<(File, PathBuf)>,
}

impl Claim {
    /// Claims a file that is there or is to be.
    ///
    /// # Errors
    /// [`WriteError`]; [`Keep::Busy`] if another run has claimed it.
    pub fn new(path: &Path) -> Result<Self, WriteError> {
        let Place::File(target) = place(path)? else {
            return Ok(Self { lock: None });
        };
        let name = prefix(&target).map_err(system(path))?;
        let lock = folder_of(&target).join(format!("{name}{LOCK}{PARTIAL}"));
        let _writing = hold();
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        loop {
            let file = options.open(&lock).map_err(system(path))?;
            if is_held(&file) {
                return Err(keep(path, Keep::Busy));
            }
            if bears(&file, &lock) {
                let lock = Some((file, lock));
                return Ok(Self { lock });
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((_locked, path)) = &self.lock {
            let _ = fs::remove_file(path);
        }
    }
}

/// A folder in the system's temporary folder that goes when it is dropped. Those that killed processes have left go too.
#[derive(Debug)]
pub struct TemporaryFolder {
    folder: TempDir,
    /// Locked, so that others know that this process lives.
    _lock: File,
}

impl TemporaryFolder {
    /// Makes a folder whose name begins with `prefix`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(prefix: &str) -> io::Result<Self> {
        for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with(prefix);
            let dead = || {
                File::open(entry.path().join(LOCK))?
                    .try_lock()
                    .map_err(io::Error::from)
            };
            if ours && dead().is_ok() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
