//! Why a file's tags are not read or written.

use std::io;
use std::path::{Path, PathBuf};

use crate::audio::AudioError;
use crate::files::WriteError;

/// Why a file's tags are not read or written. The file is then as it was.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct TagError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: TagErrorKind,
}

/// What is wrong, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TagErrorKind {
    /// The operating system refuses.
    #[error("cannot be read ({0}); check its permissions and the disk")]
    Read(#[from] io::Error),
    /// No format whose tags can be written.
    #[error(
        "its tags cannot be written: that is done in mp3, flac, ogg, opus, speex, m4a, wav, aiff, aac, ape, mpc and wv files"
    )]
    Unsupported,
    /// Tags that would not survive being written again.
    #[error(
        "its tags cannot be kept whole ({0}), so it is left as it is; mend them with a tag editor"
    )]
    Tags(String),
    /// Another size or time than when the change was planned.
    #[error("was changed meanwhile, so it is left as it is; ask again")]
    Changed,
    /// No permission to write.
    #[error("is read-only, so it is left as it is; make it writable first")]
    ReadOnly,
    /// The copy reads back other fields, or other tags or audio have changed in it.
    #[error("the written copy differs from the file in {0}, so the file is left as it is")]
    Copy(&'static str),
    /// A change that is to be taken back, and stands no longer.
    #[error("its genre was changed since gamaka wrote it, so it is left as it is")]
    Since,
    /// The copy cannot be written.
    #[error("{}", without_path(.0))]
    Write(#[from] WriteError),
    /// The audio cannot be decoded to be compared.
    #[error("{}", .0.kind)]
    Audio(#[from] AudioError),
}

/// The path stands before it already.
fn without_path(error: &WriteError) -> String {
    let text = error.to_string();
    let (WriteError::System { path, .. } | WriteError::Kept { path, .. }) = error;
    let path = format!("{}: ", path.display());
    text.strip_prefix(&path).unwrap_or(&text).to_owned()
}

impl TagErrorKind {
    pub(super) fn at(self, path: &Path) -> TagError {
        TagError {
            path: path.to_path_buf(),
            kind: self,
        }
    }
}

/// An error of lofty's: of the disk, or about the tags.
pub(super) fn tags(error: impl std::error::Error) -> TagErrorKind {
    TagErrorKind::Tags(error.to_string())
}
