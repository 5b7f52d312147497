//! The audio files among the paths that a user names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{AudioError, AudioErrorKind};

/// Names that audio files end in, in lower case. Some of these formats cannot be decoded here; they
/// are listed so that such a file gives an error and is not passed over in silence.
pub const EXTENSIONS: &[&str] = &[
    "aac", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "bwf", "caf", "dsf", "dts", "flac",
    "m4a", "m4b", "mka", "mkv", "mov", "mp1", "mp2", "mp3", "mp4", "mpc", "oga", "ogg", "opus",
    "rf64", "spx", "tta", "w64", "wav", "wave", "webm", "wma", "wv",
];

/// What [`find`] found.
#[derive(Debug, Default)]
pub struct Found {
    /// The audio files, sorted, each path once.
    pub files: Vec<PathBuf>,
    /// Paths that are missing, unreadable, empty or without audio, in the order met.
    pub problems: Vec<AudioError>,
}

/// Lists the audio files that `paths` name. A folder is searched to any depth, through symbolic
/// links (a link back to a parent folder is left out), for names that end in one of [`EXTENSIONS`]
/// in either case; hidden names, which the `._x.wav` companions of macOS are too, are passed over.
/// A file that is named itself is listed whatever it is called.
pub fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        match check(path) {
            Ok(()) => found.files.push(path.clone()),
            Err(AudioErrorKind::IsFolder) => search(path, &mut found),
            Err(kind) => found.problems.push(kind.at(path)),
        }
    }
    found.files.sort();
    found.files.dedup();
    found
}

fn search(folder: &Path, found: &mut Found) {
    let before = (found.files.len(), found.problems.len());
    let visible = |name: &std::ffi::OsStr| !name.to_string_lossy().starts_with('.');
    let entries = WalkDir::new(folder)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || visible(entry.file_name()));
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_dir() || !is_audio(entry.path()) => {}
            Ok(entry) => match check(entry.path()) {
                Ok(()) => found.files.push(entry.into_path()),
                Err(kind) => found.problems.push(kind.at(entry.path())),
            },
            Err(error) => found.problems.extend(walk_problem(error, folder)),
        }
    }
    if before == (found.files.len(), found.problems.len()) {
        found.problems.push(AudioErrorKind::NoAudioFiles.at(folder));
    }
}

/// What a user should know of a failure to walk through `folder`. A link back to a parent folder is no
/// problem, and a dangling one only if it claims to be audio.
pub(crate) fn walk_problem(error: walkdir::Error, folder: &Path) -> Option<AudioError> {
    let path = error.path().unwrap_or(folder).to_path_buf();
    let is_loop = error.loop_ancestor().is_some();
    let error = error
        .into_io_error()
        .unwrap_or_else(|| io::ErrorKind::Other.into());
    let dangles = error.kind() == io::ErrorKind::NotFound && !is_audio(&path);
    (!is_loop && !dangles).then(|| io_kind(error).at(&path))
}

/// Whether a path looks like an audio file: one of [`EXTENSIONS`] in either case, and not hidden (so
/// not `._x.wav` either).
pub fn is_audio(path: &Path) -> bool {
    let known = path
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()));
    known
        && !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Whether `path` is a file with something in it.
pub(super) fn check(path: &Path) -> Result<(), AudioErrorKind> {
    let metadata = fs::metadata(path).map_err(io_kind)?;
    if metadata.is_dir() {
        Err(AudioErrorKind::IsFolder)
    } else if path.to_str().is_none() {
        Err(AudioErrorKind::Name)
    } else if !metadata.is_file() {
        Err(AudioErrorKind::NotAFile)
    } else if metadata.len() == 0 {
        Err(AudioErrorKind::Empty)
    } else {
        Ok(())
    }
}

pub(super) fn io_kind(error: io::Error) -> AudioErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => AudioErrorKind::Missing,
        io::ErrorKind::PermissionDenied => AudioErrorKind::Permission,
        _ => AudioErrorKind::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Tested here because a test that runs as root may read everything.
    #[test]
    fn a_refused_permission_is_told_from_other_failures() {
        let kind = |kind: io::ErrorKind| io_kind(kind.into());
        assert!(matches!(
            kind(io::ErrorKind::PermissionDenied),
            AudioErrorKind::Permission
        ));
        assert!(matches!(
            kind(io::ErrorKind::NotFound),
            AudioErrorKind::Missing
        ));
        assert!(matches!(kind(io::ErrorKind::Other), AudioErrorKind::Io(_)));
    }
}
