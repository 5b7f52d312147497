//! The audio files among the paths that a user names.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::{AudioError, AudioErrorKind};

/// Names that audio files end in, in lower case. Some of these formats cannot be decoded here; they
/// are listed so that such a file gives an error and is not passed over in silence.
pub const EXTENSIONS: &[&str] = &[
    "aac", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "bwf", "caf", "dsf", "dts", "flac",
    "m4a", "m4b", "mka", "mkv", "mov", "mp1", "mp2", "mp3", "mp4", "mpc", "oga", "ogg", "opus",
    "rf64", "spx", "tta", "w64", "wav", "wave", "webm", "wma", "wv",
];

/// What [`find`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The audio files, sorted, each path once.
    pub files: Vec<PathBuf>,
    /// Paths that are missing, unreadable, empty or without audio, in the order met.
    pub problems: Vec<AudioError>,
}

/// Lists the audio files that `paths` name. A folder is searched to any depth, through symbolic links too, for names
/// that end in one of [`EXTENSIONS`] in either case; a file that several links lead to is listed once, and a link back
/// to a parent folder is left out. Hidden names, which the `._x.wav` companions of macOS are too, are passed over.
/// A file that is named itself is listed whatever it is called.
pub fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        match check(path) {
            Ok(()) => found.files.push(path.clone()),
            Err(AudioErrorKind::IsFolder) => {
                let before = (found.files.len(), found.problems.len());
                for file in walk(path, &mut |_, _| true) {
                    let checked = file.and_then(|file| match check(&file) {
                        Ok(()) => Ok(file),
                        Err(kind) => Err(kind.at(&file)),
                    });
                    match checked {
                        Ok(file) => found.files.push(file),
                        Err(problem) => found.problems.push(problem),
                    }
                }
                if before == (found.files.len(), found.problems.len()) {
                    found.problems.push(AudioErrorKind::NoAudioFiles.at(path));
                }
            }
            Err(kind) => found.problems.push(kind.at(path)),
        }
    }
    found.files.sort();
    found.files.dedup();
    found
}

/// What is below `folder` that [`is_audio`] and no folder, at any depth. Links are followed last, so that a file has its
/// own name if it lies there, and every folder is entered once, so that circles end. A link to one of the folders that
/// `folder` lies in is left out, and so is one that `enters` forbids: it is given the link and where that leads.
pub(crate) fn walk(
    folder: &Path,
    enters: &mut dyn FnMut(&Path, &Path) -> bool,
) -> Vec<Result<PathBuf, AudioError>> {
    let mut found = Vec::new();
    let mut links = VecDeque::new();
    // By their real paths.
    let mut entered = HashSet::new();
    let mut listed = HashSet::new();
    let top = match fs::canonicalize(folder) {
        Ok(top) => top,
        Err(error) => return vec![Err(AudioErrorKind::of(error).at(folder))],
    };
    let mut folders = VecDeque::from([(folder.to_path_buf(), top.clone())]);
    loop {
        while let Some((shown, real)) = folders.pop_front() {
            let real_path = |path: &Path| match path.strip_prefix(&shown) {
                Ok(below) if !below.as_os_str().is_empty() => real.join(below),
                _ => real.clone(),
            };
            let entries = WalkDir::new(&shown)
                .sort_by_file_name()
                .into_iter()
                .filter_entry(|entry| {
                    let visible = entry.depth() == 0 || !is_hidden(entry.file_name());
                    let folder = entry.depth() == 0 || entry.file_type().is_dir();
                    visible && (!folder || entered.insert(real_path(entry.path())))
                });
            for entry in entries {
                match entry {
                    Ok(entry) if entry.depth() == 0 || entry.file_type().is_dir() => {}
                    Ok(entry) if entry.path_is_symlink() => links.push_back(entry.into_path()),
                    Ok(entry) if is_audio(entry.path()) => {
                        if listed.insert(real_path(entry.path())) {
                            found.push(Ok(entry.into_path()));
                        }
                    }
                    Ok(_) => {}
                    Err(error) => found.extend(walk_problem(error, &shown).map(Err)),
                }
            }
        }
        let Some(link) = links.pop_front() else {
            return found;
        };
        match fs::canonicalize(&link) {
            Ok(real) if real.is_dir() => {
                if !entered.contains(&real) && enters(&link, &real) && !top.starts_with(&real) {
                    folders.push_back((link, real));
                }
            }
            Ok(real) => {
                if is_audio(&link) && listed.insert(real) {
                    found.push(Ok(link));
                }
            }
            Err(error) => found.extend(link_problem(error, &link).map(Err)),
        }
    }
}

/// What a user should know of a link that cannot be followed: one that dangles is a problem only if it claims to be audio.
pub(crate) fn link_problem(error: io::Error, link: &Path) -> Option<AudioError> {
    let missed = error.kind() != io::ErrorKind::NotFound || is_audio(link);
    missed.then(|| AudioErrorKind::of(error).at(link))
}

/// What a user should know of a failure to walk through `folder`.
fn walk_problem(error: walkdir::Error, folder: &Path) -> Option<AudioError> {
    let path = error.path().unwrap_or(folder).to_path_buf();
    let error = error
        .into_io_error()
        .unwrap_or_else(|| io::ErrorKind::Other.into());
    // What has gone since its folder was read is not missed.
    (error.kind() != io::ErrorKind::NotFound).then(|| AudioErrorKind::of(error).at(&path))
}

/// Whether a name is one that file managers do not show.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether a path looks like an audio file: one of [`EXTENSIONS`] in either case, and not hidden (so
/// not `._x.wav` either).
pub fn is_audio(path: &Path) -> bool {
    let known = path
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()));
    known && !path.file_name().is_some_and(is_hidden)
}

/// Whether `path` is a file with something in it.
pub(super) fn check(path: &Path) -> Result<(), AudioErrorKind> {
    let metadata = fs::metadata(path).map_err(AudioErrorKind::of)?;
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
