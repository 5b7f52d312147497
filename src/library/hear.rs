//! What is heard of files: by content, so that no content is heard twice by one model.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::LibraryError;
use super::store::{KnownModel, Library};
use super::vector::{floats, halves, read_floats, read_halves};
use crate::ear::{Ear, EarError, ONE_OF};
use crate::embed::{FileEmbedding, mean_embedding};
use crate::files::hash_of;
use crate::genres::{GenreAnswer, Genres, GenresError, Part};

/// Most parts of a file that are kept: they tell where in it something was heard.
const PARTS: usize = 32;

/// What a model heard of a content.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// BLAKE3 of the content.
    pub hash: String,
    /// How much was heard, in seconds.
    pub seconds: f64,
    /// The embedding of the whole, the mean over its segments.
    pub embedding: Vec<f32>,
    /// Length of a part in seconds: part k begins at k times that.
    pub part_seconds: f64,
    /// The mean embedding of each of at most 32 parts, in half precision.
    pub parts: Vec<Vec<f32>>,
}

/// What tells whether a file has changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub size: i64,
    pub modified_ns: i64,
}

impl Stamp {
    /// Of what has no file, or none that can be read.
    pub(super) const NONE: Self = Self {
        size: 0,
        modified_ns: 0,
    };

    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Self::of_metadata(&fs::metadata(path)?)
    }

    /// Of a file that is open; none if it is no ordinary one.
    pub(super) fn of_file(file: &File) -> Option<Self> {
        let found = file.metadata().ok().filter(Metadata::is_file);
        Self::of_metadata(&found?).ok()
    }

    fn of_metadata(found: &Metadata) -> io::Result<Self> {
        let modified = found.modified()?;
        let ns = match modified.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        };
        Ok(Self {
            size: i64::try_from(found.len()).unwrap_or(i64::MAX),
            modified_ns: ns,
        })
    }
}

impl Heard {
    fn of(hash: &str, file: &FileEmbedding, hop_s: f64) -> Self {
        let segments: Vec<Vec<f32>> = file.segments.iter().map(|s| s.embedding.clone()).collect();
        let of_part = segments.len().div_ceil(PARTS).max(1);
        Self {
            hash: hash.into(),
            seconds: file.info.duration_s,
            embedding: mean_embedding(&segments),
            part_seconds: hop_s * of_part as f64,
            parts: segments.chunks(of_part).map(mean_embedding).collect(),
        }
    }

    /// What genres say of it, and which of its parts decided.
    ///
    /// # Errors
    /// [`GenresError`]: it was heard by another model than their examples, or is not finite.
    pub fn answer(&self, genres: &Genres) -> Result<GenreAnswer, GenresError> {
        let part = |(k, embedding)| {
            let (start_s, end_s) = self.part_span(k);
            Part {
                start_s,
                end_s,
                embedding,
            }
        };
        let parts = self.parts.iter().map(Vec::as_slice).enumerate();
        let parts: Vec<Part> = parts.map(part).collect();
        genres.answer(&self.embedding, &parts)
    }

    /// Where a part lies, in seconds.
    pub fn part_span(&self, part: usize) -> (f64, f64) {
        let mut start = part as f64 * self.part_seconds;
        if start >= self.seconds {
            // A rest that is long enough has a last segment, which ends with the file.
            start = (self.seconds - self.part_seconds / ONE_OF as f64).max(0.0);
        }
        let last = part + 1 >= self.parts.len();
        let end = if last {
            self.seconds
        } else {
            start + self.part_seconds
        };
        (start, end.min(self.seconds))
    }
}

/// What a model heard of a content, if it has.
pub(super) fn heard(
    connection: &Connection,
    model: i64,
    hash: &str,
) -> rusqlite::Result<Option<Heard>> {
    let question = "SELECT h.seconds, h.embedding, h.part_seconds, h.parts, m.width FROM heard h
        JOIN model m ON m.id = h.model WHERE h.hash = ?1 AND h.model = ?2";
    let found = connection
        .prepare_cached(question)?
        .query_row(params![hash, model], |row| {
            let mut embedding = Vec::new();
            read_floats(row.get_ref(1)?.as_blob()?, &mut embedding);
            let parts = read_halves(row.get_ref(3)?.as_blob()?);
            let width: usize = row.get(4)?;
            Ok((embedding.len() == width).then(|| Heard {
                hash: hash.into(),
                seconds: row.get(0).unwrap_or_default(),
                embedding,
                part_seconds: row.get(2).unwrap_or_default(),
                parts: parts
                    .chunks_exact(width.max(1))
                    .map(<[f32]>::to_vec)
                    .collect(),
            }))
        });
    Ok(found.optional()?.flatten())
}

/// Keeps what a model heard.
pub(super) fn keep(connection: &Connection, model: i64, heard: &Heard) -> rusqlite::Result<()> {
    let write = "INSERT OR REPLACE INTO heard(hash, model, seconds, embedding, part_seconds, parts)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let parts: Vec<f32> = heard.parts.concat();
    let values = params![
        heard.hash,
        model,
        heard.seconds,
        floats(&heard.embedding),
        heard.part_seconds,
        halves(&parts)
    ];
    connection.prepare_cached(write)?.execute(values).map(drop)
}

/// A file's stamp and hash, both from before it was decoded.
pub(super) fn content(path: &Path) -> Result<(Stamp, String), String> {
    let read = || Ok((Stamp::of(path)?, hash_of(path)?));
    read().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "is not there; check the spelling".to_string(),
        io::ErrorKind::PermissionDenied => {
            "no permission to read it; change its permissions or run as its owner".to_string()
        }
        _ => format!("cannot be read ({error}); check the disk"),
    })
}

/// A reason without the name of its file, which is told beside it.
pub(super) fn reason(path: &Path, error: &EarError) -> String {
    let text = error.to_string();
    let name = format!("{}: ", path.display());
    text.strip_prefix(&name)
        .map_or(text.clone(), str::to_string)
}

/// Gives what hears, where something is new.
pub type GetEar<'a> = &'a dyn Fn() -> Result<&'a Ear, LibraryError>;

/// What a file held with what was heard of it, or the reason why not.
pub(super) type HeardFile = Result<(Stamp, Heard), String>;

impl Library {
    /// Hears files: what the library's model knows by content is looked up, the rest is decoded and embedded, and not kept.
    /// Gives for each file, in order, what was heard or the reason why not, without its name.
    ///
    /// # Errors
    /// [`LibraryError`]: the device or the library failed.
    pub fn hear(
        &mut self,
        ear: GetEar,
        model: &KnownModel,
        paths: &[PathBuf],
    ) -> Result<Vec<Result<Heard, String>>, LibraryError> {
        let heard = self.hear_files(ear, model, paths, false)?;
        Ok(heard.into_iter().map(|heard| Ok(heard?.1)).collect())
    }

    /// As [`Self::hear`], and keeps what is new if `keep_new` says so.
    pub(super) fn hear_files(
        &mut self,
        ear: GetEar,
        model: &KnownModel,
        paths: &[PathBuf],
        keep_new: bool,
    ) -> Result<Vec<HeardFile>, LibraryError> {
        let contents: Vec<_> = paths.par_iter().map(|path| content(path)).collect();
        self.hear_contents(ear, model, paths, &contents, keep_new)
    }

    /// As [`Self::hear_files`], for files whose contents are known.
    pub(super) fn hear_contents(
        &mut self,
        ear: GetEar,
        model: &KnownModel,
        paths: &[PathBuf],
        contents: &[Result<(Stamp, String), String>],
        keep_new: bool,
    ) -> Result<Vec<HeardFile>, LibraryError> {
        // By content: of several copies only the first is heard.
        let mut results: HashMap<&str, Option<Result<Heard, String>>> = HashMap::new();
        let mut new = Vec::new();
        for (path, content) in paths.iter().zip(contents) {
            if let Ok((stamp, hash)) = content
                && let Entry::Vacant(place) = results.entry(hash)
            {
                let known = self.ask(|c| heard(c, model.id, hash))?;
                if known.is_none() {
                    new.push((path.clone(), stamp, hash));
                }
                place.insert(known.map(Ok));
            }
        }
        if !new.is_empty() {
            let ear = ear()?;
            let files: Vec<PathBuf> = new.iter().map(|(path, ..)| path.clone()).collect();
            ear.listen(&files, |k, file| {
                let (path, stamp, hash) = &new[k];
                let result = match file {
                    // What was decoded may not be what was hashed.
                    _ if Stamp::of(path).ok() != Some(**stamp) => {
                        Err("changed while it was heard; scan again when it is complete"
                            .to_string())
                    }
                    Ok(file) => Ok(Heard::of(hash, &file, ear.hop_seconds())),
                    Err(error) => Err(reason(path, &error)),
                };
                results.insert(hash, Some(result));
            })?;
        }
        if keep_new {
            self.change(|t| {
                let heard = new
                    .iter()
                    .filter_map(|(.., hash)| results.get(hash.as_str()));
                let mut heard = heard.flatten().flatten();
                heard.try_for_each(|heard| keep(t, model.id, heard))
            })?;
        }
        let of_file = |content: &Result<(Stamp, String), String>| {
            let (stamp, hash) = content.as_ref().map_err(Clone::clone)?;
            let result = results.get(hash.as_str()).cloned().flatten();
            Ok((
                *stamp,
                result.unwrap_or_else(|| Err("was not heard".into()))?,
            ))
        };
        Ok(contents.iter().map(of_file).collect())
    }

    /// What its model heard of a content, if it has.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn heard(&self, model: &KnownModel, hash: &str) -> Result<Option<Heard>, LibraryError> {
        self.ask(|c| heard(c, model.id, hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_within_the_file_and_the_last_one_ends_with_it() {
        let spans = |seconds: f64, parts: usize| {
            let heard = Heard {
                hash: String::new(),
                seconds,
                embedding: Vec::new(),
                part_seconds: 9.0,
                parts: vec![Vec::new(); parts],
            };
            (0..parts).map(|k| heard.part_span(k)).collect::<Vec<_>>()
        };
        assert_eq!(spans(2.0, 1), [(0.0, 2.0)]);
        assert_eq!(spans(20.0, 3), [(0.0, 9.0), (9.0, 18.0), (18.0, 20.0)]);
        // A rest that is heard from its end, three seconds before.
        assert_eq!(spans(4.5, 2), [(0.0, 4.5), (1.5, 4.5)]);
        assert_eq!(spans(14.0, 3), [(0.0, 9.0), (9.0, 14.0), (11.0, 14.0)]);
    }
}
