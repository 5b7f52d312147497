//! What is to be written into a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{TagError, TagErrorKind as Kind};
use super::fields::Fields;
use super::format;

/// What is to be written into a file, and what stands there.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The file.
    pub path: PathBuf,
    /// What stands there.
    pub before: Fields,
    /// What is to stand there.
    pub after: Fields,
    /// The genres that stand there by name, in the tag or in an older one beside it.
    pub genres: Vec<String>,
    /// Whether they are kept, though the answer is another.
    pub kept: bool,
    /// The file's size and time when it was looked at.
    pub(super) seen: Seen,
}

impl Plan {
    /// Whether there is something to write.
    pub fn changes(&self) -> bool {
        !self.before.says(&self.after)
    }

    /// That it can be done, as far as can be seen before it is tried.
    ///
    /// # Errors
    /// [`TagErrorKind::ReadOnly`](super::TagErrorKind::ReadOnly).
    pub fn writable(&self) -> Result<(), TagError> {
        match self.changes() {
            true => self.seen.writable().map_err(|kind| kind.at(&self.path)),
            false => Ok(()),
        }
    }
}

/// By what a file is known to be as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    size: u64,
    modified: Option<SystemTime>,
    read_only: bool,
}

impl Seen {
    pub(super) fn at(path: &Path) -> Result<Self, Kind> {
        let found = fs::metadata(path)?;
        if !found.is_file() {
            return Err(Kind::Unsupported);
        }
        Ok(Self {
            size: found.len(),
            modified: found.modified().ok(),
            read_only: found.permissions().readonly(),
        })
    }

    pub(super) fn writable(self) -> Result<(), Kind> {
        match self.read_only {
            true => Err(Kind::ReadOnly),
            false => Ok(()),
        }
    }
}

/// Plans what a file's tag is to say: `ranked` are genres by name with their probabilities, the likeliest first, not none. The
/// first goes to the genre field, whole if it is nested (`Jazz/Swing`), where no genre stands or with `overwrite`; all go to
/// gamaka's own field. Names come once, without spaces around them, and empty ones not at all.
///
/// # Errors
/// [`TagError`]: the file cannot be read, is no audio with tags, or has tags that would not survive.
pub fn plan(path: &Path, ranked: &[(String, f64)], overwrite: bool) -> Result<Plan, TagError> {
    let seen = Seen::at(path).map_err(|kind| kind.at(path))?;
    let said = format::read(path)?;
    let before = said.fields;
    let mut answers: Vec<(String, f64)> = Vec::new();
    for (name, probability) in ranked {
        let name = one_line(name);
        if !name.is_empty() && answers.iter().all(|(known, _)| *known != name) {
            answers.push((name, *probability));
        }
    }
    let mut genres = before.names();
    for genre in said.elsewhere {
        if !genres.contains(&genre) {
            genres.push(genre);
        }
    }
    let first = answers.first().map(|(name, _)| name.clone());
    let same = before.names().first() == first.as_ref();
    let kept = !genres.is_empty() && !overwrite && !same;
    let mut after = Fields {
        tag: true,
        ..before.clone()
    };
    if !kept && !same {
        after.genre = Vec::from_iter(first);
    } else if kept && !before.tag {
        // Many programs read an older tag only where there is no other.
        after.genre.clone_from(&genres);
        after.genre.truncate(1);
    }
    let own = answers.iter().map(|(name, p)| format!("{name} {p:.2}"));
    let own = Vec::from_iter(own).join("; ");
    after.own = Some(own).filter(|own| !own.is_empty());
    Ok(Plan {
        path: path.to_path_buf(),
        before,
        after,
        genres,
        kept,
        seen,
    })
}

/// A name without what ends a text or a line in a tag.
fn one_line(name: &str) -> String {
    let name = name.replace(char::is_control, " ");
    name.trim().to_owned()
}
