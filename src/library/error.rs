//! Why a library cannot be used.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::ear::EarError;
use crate::files::WriteError;
use crate::genres::GenresError;
use crate::gpu::GpuError;

/// Why a library cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// There is none.
    #[error("{}: there is no library yet; `gamaka library scan FOLDER` makes one", .0.display())]
    Missing(PathBuf),
    /// The file is something else.
    #[error("{}: is no gamaka library, and is left as it is: choose another name", .0.display())]
    Foreign(PathBuf),
    /// A later version of gamaka has changed its tables.
    #[error("{}: was written by a newer gamaka (its tables have version {found}, and this one knows up to {known}): update gamaka", path.display())]
    Newer {
        /// The library.
        path: PathBuf,
        /// Version of its tables.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// SQLite finds the file damaged.
    #[error("{}: is damaged ({reason}): move it away and scan anew, or take a copy of it back; no music is touched by that", path.display())]
    Damaged {
        /// The library.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// Another process holds it.
    #[error("{}: is in use by another program; wait until that is done, and try again", .0.display())]
    Locked(PathBuf),
    /// It cannot grow.
    #[error("{}: cannot grow, for its disk is full; free some space and run the same command again: what was done is kept", .0.display())]
    Full(PathBuf),
    /// It may not be written.
    #[error("{}: cannot be written; choose another place, or change the permissions of it and of its folder", .0.display())]
    ReadOnly(PathBuf),
    /// Anything else that SQLite says.
    #[error("{}: cannot be used ({reason})", path.display())]
    Database {
        /// The library.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// No folder for it is known.
    #[error("this system names no folder for a program's data: name a file for the library")]
    NoDataFolder,
    /// The file or its folder cannot be written, or another run of gamaka is writing.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Genres cannot be named, learned or passed on.
    #[error(transparent)]
    Genres(#[from] GenresError),
    /// A genre that nobody taught.
    #[error("there is no genre `{0}`: check the spelling")]
    NoGenre(String),
    /// A name that is taken.
    #[error("there is a genre `{0}` already: remove or rename that one first")]
    GenreExists(String),
    /// A track's file is not there.
    #[error("{}: is not there any more; scan again if it has moved", .0.display())]
    FileGone(PathBuf),
    /// A track's file is not what was heard.
    #[error("{}: has changed since it was heard, or is something else now; scan again to hear it as it is", .0.display())]
    FileChanged(PathBuf),
    /// A track's file cannot be read.
    #[error("{}: cannot be read ({error})", path.display())]
    FileUnreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// A track whose genres were changed otherwise, so that what was done before cannot be taken back.
    #[error("{}: its genres were changed since, by another program or another window: nothing was taken back", .0.display())]
    ChangedSince(PathBuf),
    /// Genres of another model.
    #[error(
        "the genres were taught to another model ({theirs}) than this library's ({ours}), and what two models hear cannot be compared: scan a library with the same model to use them"
    )]
    OtherModel {
        /// The network of the model that heard the examples.
        theirs: String,
        /// The library's.
        ours: String,
    },
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// There is no device, or the model does not fit it.
    #[error(transparent)]
    Ear(#[from] EarError),
}

impl LibraryError {
    /// What SQLite says of the library at a path.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            // A limit of the size of files is told as a failure to write.
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => match reason.as_str() {
                reason if error_is_write(error) || reason.contains("full") => Self::Full(path),
                _ => Self::Database { path, reason },
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            Some(ErrorCode::NotADatabase) => Self::Foreign(path),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::ReadOnly(path)
            }
            _ => Self::Database { path, reason },
        }
    }
}

/// Whether SQLite could not write, extend or flush a file.
fn error_is_write(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{
        SQLITE_IOERR_FSYNC, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE,
    };
    let code = error.sqlite_error().map(|found| found.extended_code);
    code.is_some_and(|code| {
        [
            SQLITE_IOERR_WRITE,
            SQLITE_IOERR_FSYNC,
            SQLITE_IOERR_TRUNCATE,
            SQLITE_IOERR_SHMSIZE,
        ]
        .contains(&code)
    })
}
