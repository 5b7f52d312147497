//! What a command is going to write, checked before its work.

use std::fs;
use std::path::{Path, PathBuf};

use super::ending::hold;
use super::error::{Keep, WriteError, keep, system};
use super::place::{Place, folder_of, kind, place};
use super::write::temporary;

/// The files that a command is going to write, checked before its work.
#[derive(Debug, Default)]
pub struct Outputs {
    files: Vec<(PathBuf, Identity)>,
}

/// What tells files apart.
#[derive(Debug, PartialEq)]
pub(crate) enum Identity {
    /// Device and number of a file that is there: the same for hard links, and for a name in other case where case means
    /// nothing.
    #[cfg(unix)]
    Node(u64, u64),
    /// The whole name in small letters.
    Name(String),
}

impl Identity {
    pub(crate) fn of(path: &Path) -> Self {
        #[cfg(unix)]
        if let Ok(found) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt;
            return Self::Node(found.dev(), found.ino());
        }
        let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let name = whole(folder_of(path)).join(path.file_name().unwrap_or_default());
        Self::Name(whole(&name).to_string_lossy().to_lowercase())
    }
}

impl Outputs {
    /// Adds a file whose folder must be there, and checks that it can be written: it is no model and no manifest.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn add(&mut self, path: &Path) -> Result<(), WriteError> {
        self.add_over(None, path)
    }

    /// As [`Self::add`], for a model or its state.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn add_model(&mut self, path: &Path) -> Result<(), WriteError> {
        self.add_over(Some(Keep::Model), path)
    }

    /// As [`Self::add`], for a manifest.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn add_manifest(&mut self, path: &Path) -> Result<(), WriteError> {
        self.add_over(Some(Keep::Manifest), path)
    }

    fn add_over(&mut self, own: Option<Keep>, path: &Path) -> Result<(), WriteError> {
        if let Place::File(target) = place(path)? {
            match kind(&target) {
                Some(reason) if own != Some(reason) => return Err(keep(path, reason)),
                _ => {}
            }
            let _writing = hold();
            temporary(&target).map_err(system(path))?;
            self.record(path, Identity::of(&target))?;
        }
        Ok(())
    }

    /// Adds files in a folder that may be still to be made, and so may folders below it that their names tell.
    pub(super) fn add_in(&mut self, folder: &Path, names: &[&str]) -> Result<(), WriteError> {
        for name in names {
            let path = folder.join(name);
            match folder_of(&path).is_dir() {
                // The folder's list says what may give way.
                true => self.add_over(kind(&path), &path)?,
                false => can_be_made(folder_of(&path))?,
            }
        }
        Ok(())
    }

    fn record(&mut self, path: &Path, identity: Identity) -> Result<(), WriteError> {
        if self.files.iter().any(|(_, known)| *known == identity) {
            return Err(keep(path, Keep::Twice));
        }
        self.files.push((path.to_path_buf(), identity));
        Ok(())
    }

    /// Checks that no output is one of the files that the command reads, under whatever name.
    ///
    /// # Errors
    /// [`WriteError::Kept`].
    pub fn spare(
        &self,
        inputs: impl IntoIterator<Item = impl AsRef<Path>>,
    ) -> Result<(), WriteError> {
        for input in inputs {
            let input = Identity::of(input.as_ref());
            if let Some((path, _)) = self.files.iter().find(|(_, output)| *output == input) {
                return Err(keep(path, Keep::Input));
            }
        }
        Ok(())
    }
}

/// Checks that a folder can be made that is not there.
fn can_be_made(folder: &Path) -> Result<(), WriteError> {
    let mut above = folder;
    while !above.exists() && folder_of(above) != Path::new(".") {
        above = folder_of(above);
    }
    let above = if above.exists() {
        above
    } else {
        Path::new(".")
    };
    if !above.is_dir() {
        return Err(keep(above, Keep::File));
    }
    temporary(&above.join("folder")).map_err(system(folder))?;
    Ok(())
}
