//! Genres as one file, to pass on.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::GenresError;
use super::name::checked_name;
use crate::files::{self, WriteError, hash_bytes};

/// What the file says that it is.
const KIND: &str = "gamaka genres";

/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;

/// Bytes of the largest file.
const LARGEST: u64 = 64 << 20;

/// Genres with the vectors of their examples, by one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedGenres {
    /// The model that heard the examples.
    pub model: SharedModel,
    /// Whether a linear probe is to rank the genres where it helps.
    pub adapt: bool,
    /// The genres.
    pub genres: Vec<SharedGenre>,
}

/// The model that heard the examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedModel {
    /// What its network is called.
    pub name: String,
    /// The hash of its file.
    pub hash: String,
    /// Values of an embedding.
    pub width: usize,
}

/// A genre.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedGenre {
    /// Its name.
    pub name: String,
    /// Its examples.
    pub examples: Vec<SharedExample>,
}

/// An example: no sound, and of its path only the file's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedExample {
    /// What the file was called.
    pub name: String,
    /// The hash of its content.
    pub hash: String,
    /// How much of it was heard, in seconds.
    pub seconds: f64,
    /// Its embedding, [width].
    pub embedding: Vec<f32>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    kind: String,
    version: u32,
    /// The hash of the content as compact JSON.
    checksum: String,
    content: SharedGenres,
}

impl SharedGenres {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        let document = Document {
            kind: KIND.into(),
            version: VERSION,
            checksum: self.checksum(),
            content: self.clone(),
        };
        files::write_with(path, |file| {
            serde_json::to_writer(&mut *file, &document)?;
            writeln!(file)
        })
    }

    /// Reads a file, and takes nothing in it on trust.
    ///
    /// # Errors
    /// [`GenresError::File`]: not there, too large, of another kind or of a newer version, damaged, or of things that no
    /// genres can be made of.
    pub fn read(path: &Path) -> Result<Self, GenresError> {
        let read = || {
            let mut bytes = Vec::new();
            let file = File::open(path).map_err(|e| format!("cannot be read ({e})"))?;
            let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
            read.map_err(|e| format!("cannot be read ({e})"))?;
            Self::parse(&bytes)
        };
        read().map_err(|reason| GenresError::File {
            path: path.into(),
            reason,
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            kind: String,
            version: u32,
        }
        if bytes.len() as u64 > LARGEST {
            return Err("is larger than 64 MiB, which no file of genres is".into());
        }
        const FOREIGN: &str = "is no file of genres: give one that was exported from a library";
        const DAMAGED: &str = "is damaged: have it exported or copied again";
        let head: Head = match serde_json::from_slice(bytes) {
            Ok(head) => head,
            Err(_) if bytes.starts_with(br#"{"kind":"gamaka genres""#) => {
                return Err(DAMAGED.into());
            }
            Err(_) => return Err(FOREIGN.into()),
        };
        if head.kind != KIND {
            return Err(FOREIGN.into());
        }
        if head.version > VERSION {
            return Err(format!(
                "has version {}, and this gamaka reads up to {VERSION}: update gamaka",
                head.version
            ));
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|_| DAMAGED.to_owned())?;
        let content = document.content;
        if content.checksum() != document.checksum {
            return Err(DAMAGED.into());
        }
        content.check()?;
        Ok(content)
    }

    /// Whoever wrote the checksum may have written anything.
    fn check(&self) -> Result<(), String> {
        let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        let width = self.model.width;
        if !is_hash(&self.model.hash) || width == 0 {
            return Err("does not say which model heard its examples".into());
        }
        let mut names = BTreeSet::new();
        for genre in &self.genres {
            let name = checked_name(&genre.name).map_err(|error| error.to_string())?;
            if name != genre.name || !names.insert(name) {
                return Err(format!("has the genre `{}` twice", genre.name));
            }
            if genre.examples.is_empty() {
                return Err(format!("has no example of the genre `{}`", genre.name));
            }
            for example in &genre.examples {
                let finite = example.embedding.iter().all(|value| value.is_finite());
                let heard = example.seconds.is_finite() && example.seconds > 0.0;
                if example.embedding.len() != width || !finite || !heard || !is_hash(&example.hash)
                {
                    return Err(format!(
                        "has an example of the genre `{}` that cannot be compared",
                        genre.name
                    ));
                }
            }
        }
        match self.genres.is_empty() {
            true => Err("holds no genres".into()),
            false => Ok(()),
        }
    }

    fn checksum(&self) -> String {
        // Vectors, text and numbers always become JSON.
        hash_bytes(&serde_json::to_vec(self).unwrap_or_default())
    }
}
