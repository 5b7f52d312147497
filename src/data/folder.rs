//! A folder of class folders.

use super::{DataError, dataset::Listed};
use crate::audio::{AudioErrorKind, is_audio, walk_problem};
use std::{collections::BTreeMap, ffi::OsStr, path::Path};
use walkdir::{DirEntry, WalkDir};

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Lists the audio files below each class folder, and says in the warnings what was passed over.
pub(super) fn list(root: &Path, warnings: &mut Vec<String>) -> Result<Vec<Listed>, DataError> {
    let mut listed = Vec::new();
    let (mut loose, mut empty) = (0, 0);
    let leave_out = |error, warnings: &mut Vec<String>| {
        let problem = walk_problem(error, root);
        warnings.extend(problem.map(|problem| format!("left out: {problem}")));
    };
    for class in entries(root, 1) {
        let class = match class {
            Ok(class) => class,
            Err(error) if error.depth() == 0 => {
                return Err(DataError::Unreadable {
                    path: root.into(),
                    reason: error.to_string(),
                });
            }
            Err(error) => {
                leave_out(error, warnings);
                continue;
            }
        };
        if class.file_type().is_file() {
            loose += usize::from(is_audio(class.path()));
        }
        if !class.file_type().is_dir() {
            continue;
        }
        let before = listed.len();
        for file in entries(class.path(), usize::MAX) {
            let file = match file {
                Ok(file) => file,
                Err(error) => {
                    leave_out(error, warnings);
                    continue;
                }
            };
            if !file.file_type().is_file() || !is_audio(file.path()) {
                continue;
            }
            if file.path().to_str().is_none() {
                warnings.push(format!(
                    "left out: {}",
                    AudioErrorKind::Name.at(file.path())
                ));
            } else {
                listed.push(Listed {
                    path: file.path().strip_prefix(root).unwrap_or(file.path()).into(),
                    label: class.file_name().to_string_lossy().into_owned(),
                    group: None,
                    part: None,
                    columns: BTreeMap::new(),
                });
            }
        }
        if listed.len() == before {
            empty += 1;
            warnings.push(format!(
                "left out: class folder {} holds no audio file",
                class.path().display()
            ));
        }
    }
    if listed.is_empty() && empty > 0 && loose == 0 {
        return Err(DataError::EmptyClasses(root.into()));
    }
    if listed.is_empty() {
        return Err(DataError::NoClasses {
            path: root.into(),
            loose,
        });
    }
    if loose > 0 {
        warnings.push(format!(
            "{loose} audio files lie directly in {}, in no class folder, and are not used: move them into one",
            root.display()
        ));
    }
    Ok(listed)
}

/// The path's only class folder, where that folder itself holds folders: `genres` in `gtzan/genres/blues`.
pub(super) fn deeper(root: &Path, class: &str) -> String {
    let inner = root.join(class);
    let holds_folders = entries(&inner, 1)
        .flatten()
        .any(|entry| entry.file_type().is_dir());
    if holds_folders {
        format!(" (did you mean {}?)", inner.display())
    } else {
        String::new()
    }
}

/// What lies below a folder, sorted by name, symbolic links followed, hidden things left out.
fn entries(folder: &Path, depth: usize) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    WalkDir::new(folder)
        .min_depth(1)
        .max_depth(depth)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()))
}
