//! Why a file is not written.

use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be written, or that is kept from being overwritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system refuses.
    #[error("{}: cannot be written ({error}): {}", path.display(), mend(error))]
    System {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// What bears the name is to be kept.
    #[error("{}: is not written, for it is {reason}", path.display())]
    Kept {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: Keep,
    },
}

/// Why a file is not written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Keep {
    /// A song.
    #[error("audio, or named like it: choose another name for the output")]
    Audio,
    /// The command reads it.
    #[error("an input of this command: choose another name for the output")]
    Input,
    /// It has no permission to be written.
    #[error("read-only: choose another name, or make it writable first")]
    ReadOnly,
    /// A model, or other tensors.
    #[error("a model or another safetensors file: choose another name for the output")]
    Model,
    /// A list of files with labels.
    #[error("a manifest: choose another name for the output")]
    Manifest,
    /// A whole disk.
    #[error("a disk: give the name of a file")]
    Disk,
    /// A folder.
    #[error("a folder: give the name of a file")]
    Folder,
    /// A file that stands where a folder is to be.
    #[error("a file: give the name of a folder")]
    File,
    /// A folder that holds something.
    #[error("a folder that holds something already: choose a new one, or an empty one")]
    Filled,
    /// Two outputs have the same name.
    #[error("named for two outputs: give each a name of its own")]
    Twice,
    /// Another process is at it.
    #[error(
        "being written by another run of gamaka: wait until that ends, or choose another name for the output"
    )]
    Busy,
    /// A manifest that tells more, or other things, than the one that is to take its place.
    #[error(
        "a manifest with columns, labels or files that the new one has not: move it away, or choose another name"
    )]
    Richer,
    /// It stands where gamaka chooses the names, and is not gamaka's.
    #[error(
        "there already and was not written by gamaka, or was changed since: move it away, or choose another folder"
    )]
    Foreign,
    /// It is there, and not the same.
    #[error("there already with other content: move it away, or choose another place")]
    Other,
}

/// What to do about a file that cannot be written, for the end of a message.
fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make the folder first",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose another place or change its permissions"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
            "free some space or choose another disk"
        }
        io::ErrorKind::IsADirectory => "give the name of a file, not of a folder",
        io::ErrorKind::InvalidFilename => "choose a shorter name",
        io::ErrorKind::NotADirectory => "a part of the path before the name is a file",
        io::ErrorKind::AlreadyExists => {
            "something of that name, or a link to nothing, stands there; choose another name"
        }
        _ => "check the disk",
    }
}

pub(super) fn system(path: &Path) -> impl Fn(io::Error) -> WriteError {
    let path = path.to_path_buf();
    move |error| WriteError::System {
        path: path.clone(),
        error,
    }
}

pub(super) fn keep(path: &Path, reason: Keep) -> WriteError {
    WriteError::Kept {
        path: path.to_path_buf(),
        reason,
    }
}
