//! The changed copy of a file, proved before it takes the file's name.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{TagError, TagErrorKind as Kind};
use super::fields::Fields;
use super::format::{Format, isolated};
use super::patch::Patch;
use super::payload::payload;
use super::plan::{Plan, Seen};
use crate::audio::{self, AudioError};
use crate::files::{self, hash_bytes};

/// What was changed in a file: all that it takes to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What stood there.
    pub before: Fields,
    /// What stands there since.
    pub after: Fields,
    /// BLAKE3 of the file before, 64 hexadecimal digits.
    pub hash_before: String,
    /// BLAKE3 of the file since.
    pub hash_after: String,
    /// How the file was, if that is short.
    pub patch: Option<Patch>,
}

/// A changed copy of a file, in memory. Its fields are as they should be, and its other tags as they were.
#[derive(Debug)]
pub struct Copy {
    path: PathBuf,
    seen: Seen,
    format: Format,
    bytes: Vec<u8>,
    /// Of what the file holds now.
    payload: Option<blake3::Hash>,
    change: Change,
}

impl Copy {
    /// Makes the copy that was planned. Memory is twice the file's length.
    ///
    /// # Errors
    /// [`TagError`]: the file was changed since, is read-only, or would lose something.
    pub fn of(plan: &Plan) -> Result<Self, TagError> {
        let made = || {
            let (seen, old) = held(&plan.path)?;
            let format = Format::of(&mut std::io::Cursor::new(&old))?;
            let before = format.read(&mut std::io::Cursor::new(&old))?;
            if seen != plan.seen || before != plan.before {
                return Err(Kind::Changed);
            }
            let new = format.changed(&old, &plan.after)?;
            Self::proved(&plan.path, seen, format, (before, old), (&plan.after, new))
        };
        isolated(made).map_err(|kind| kind.at(&plan.path))
    }

    fn proved(
        path: &Path,
        seen: Seen,
        format: Format,
        (before, old): (Fields, Vec<u8>),
        (after, new): (&Fields, Vec<u8>),
    ) -> Result<Self, Kind> {
        let file = &mut std::io::Cursor::new(&new);
        if Format::of(file)? != format || !format.read(file)?.says(after) {
            return Err(Kind::Copy("the genre that was to be written"));
        }
        if format.others(&new)? != format.others(&old)? {
            return Err(Kind::Copy("other tags"));
        }
        Ok(Self {
            path: path.to_path_buf(),
            seen,
            format,
            payload: payload(format, &old),
            change: Change {
                before,
                after: after.clone(),
                hash_before: hash_bytes(&old),
                hash_after: hash_bytes(&new),
                patch: Patch::new(&old, &new),
            },
            bytes: new,
        })
    }

    /// What it changes, for [`undo()`]: to be written down before [`Self::put`].
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Writes the copy beside the file, compares the audio of both sample by sample, and gives it the file's name: whole or not at
    /// all. Links to the file stay, and so do its mode and, where allowed, its owner; its time is new. Other hard links keep the
    /// file as it was.
    ///
    /// # Errors
    /// [`TagError`]; the file is then as it was.
    pub fn put(self) -> Result<(), TagError> {
        let put = || {
            files::exchange(&self.path, &self.bytes, |copy| {
                let same = match self.payload {
                    Some(held) => payload(self.format, &self.bytes) == Some(held),
                    None => audio_of(&self.path)? == audio_of(copy)?,
                };
                if !same {
                    return Err(Kind::Copy("its audio"));
                }
                if Seen::at(&self.path)? != self.seen {
                    return Err(Kind::Changed);
                }
                Ok(())
            })
        };
        put().map_err(|kind: Kind| kind.at(&self.path))
    }
}

/// Makes the copy that takes a change back: byte for byte what the file was, if nothing else has happened to it; otherwise the
/// fields that were changed are as they were. None if they are so already.
///
/// # Errors
/// [`TagError`]; [`TagErrorKind::Since`](super::TagErrorKind::Since) if the fields say something else than was written.
pub fn undo(path: &Path, change: &Change) -> Result<Option<Copy>, TagError> {
    let made = || {
        let (seen, now) = held(path)?;
        let hash = hash_bytes(&now);
        if hash == change.hash_before {
            return Ok(None);
        }
        let file = &mut std::io::Cursor::new(&now);
        let format = Format::of(file)?;
        let fields = format.read(file)?;
        if fields.says(&change.before) {
            return Ok(None);
        }
        if !fields.says(&change.after) {
            return Err(Kind::Since);
        }
        let whole = change.patch.as_ref().filter(|_| hash == change.hash_after);
        let whole = whole.and_then(|patch| patch.apply(&now));
        let new = match whole.filter(|old| hash_bytes(old) == change.hash_before) {
            Some(old) => old,
            None => format.changed(&now, &change.before)?,
        };
        Copy::proved(path, seen, format, (fields, now), (&change.before, new)).map(Some)
    };
    isolated(made).map_err(|kind| kind.at(path))
}

/// A file's bytes, unless it is read-only.
fn held(path: &Path) -> Result<(Seen, Vec<u8>), Kind> {
    let seen = Seen::at(path)?;
    seen.writable()?;
    let bytes = fs::read(path)?;
    match Seen::at(path)? == seen {
        true => Ok((seen, bytes)),
        false => Err(Kind::Changed),
    }
}

/// Length and hash of the samples of a file, at its own rate.
fn audio_of(path: &Path) -> Result<(u64, blake3::Hash), AudioError> {
    let mut first = |_: &[f32]| ControlFlow::Break(());
    // Any rate will do to find out the file's own.
    let rate = audio::stream(path, 44_100, &mut first)?.source_rate;
    let mut hasher = blake3::Hasher::new();
    let info = audio::stream(path, rate, &mut |samples| {
        hasher.update(bytemuck::cast_slice(samples));
        ControlFlow::Continue(())
    })?;
    Ok((info.source_frames, hasher.finalize()))
}
