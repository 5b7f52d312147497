//! A folder of class folders.

use super::{error::DataError, row::Row};
use crate::audio::{AudioErrorKind, is_audio, is_hidden, link_problem, walk};
use crate::words::count;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lists the audio files below each class folder, and says in the warnings what was passed over. Links are followed, but
/// not into the folder of another class or one that holds it: a class has no songs but its own.
pub(super) fn list(root: &Path, warnings: &mut Vec<String>) -> Result<Vec<Row>, DataError> {
    let mut listed = Vec::new();
    let (mut loose, mut empty) = (0, 0);
    let unreadable = |error: std::io::Error| DataError::Unreadable {
        path: root.into(),
        reason: error.to_string(),
    };
    let real_root = fs::canonicalize(root).map_err(unreadable)?;
    // Class folders as they are named and as they are.
    let mut classes: Vec<(PathBuf, PathBuf)> = Vec::new();
    for entry in entries(root).map_err(unreadable)? {
        match fs::canonicalize(&entry) {
            Ok(real) if real.is_file() => loose += usize::from(is_audio(&entry)),
            Ok(real) if real_root.starts_with(&real) => warnings.push(format!(
                "left out: {}: a link to a folder that holds all classes",
                entry.display()
            )),
            Ok(real) if real.is_dir() => classes.push((entry, real)),
            Ok(_) => {}
            Err(error) => {
                let problem = link_problem(error, &entry);
                warnings.extend(problem.map(|problem| format!("left out: {problem}")));
            }
        }
    }
    for (class, real_class) in &classes {
        let before = listed.len();
        let mut refused = Vec::new();
        let files = walk(class, &mut |link, real| {
            let others = classes.iter().map(|(_, other)| other);
            let mut others = others.filter(|other| *other != real_class);
            let enters = !real_root.starts_with(real)
                && !others.any(|other| other.starts_with(real) || real.starts_with(other));
            if !enters {
                refused.push(format!(
                    "left out: {}: a link to songs of other classes",
                    link.display()
                ));
            }
            enters
        });
        warnings.append(&mut refused);
        let label = class.file_name().unwrap_or_default().to_string_lossy();
        for file in files {
            let usable = file.and_then(|file| match file.to_str() {
                None => Err(AudioErrorKind::Name.at(&file)),
                // To hash a pipe could take for ever.
                Some(_) if !file.is_file() => Err(AudioErrorKind::NotAFile.at(&file)),
                Some(_) => Ok(file),
            });
            match usable {
                Ok(file) => listed.push(Row {
                    path: file.strip_prefix(root).unwrap_or(&file).into(),
                    label: label.clone().into_owned(),
                    ..Row::default()
                }),
                Err(problem) => warnings.push(format!("left out: {problem}")),
            }
        }
        if listed.len() == before {
            empty += 1;
            warnings.push(format!(
                "left out: class folder {} holds no audio file",
                class.display()
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
            "{} directly in {}, in no class folder, and not used: move each into one",
            count(loose, "audio file lies", "audio files lie"),
            root.display()
        ));
    }
    Ok(listed)
}

/// The path's only class folder, where that folder itself holds folders: `genres` in `gtzan/genres/blues`.
pub(super) fn deeper(root: &Path, class: &str) -> String {
    let inner = root.join(class);
    let below = entries(&inner).unwrap_or_default();
    if below.iter().any(|entry| entry.is_dir()) {
        format!(" (did you mean {}?)", inner.display())
    } else {
        String::new()
    }
}

/// What lies in a folder, sorted by name, hidden things left out.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !is_hidden(&entry.file_name()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
