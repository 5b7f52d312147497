//! The tracks of a library, and their embeddings.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};

use super::error::LibraryError;
use super::hear::Stamp;
use super::store::Library;
use super::vector::read_floats;

/// A file that is there and that the library's model has heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its number in the library.
    pub id: i64,
    /// Where it lies.
    pub path: PathBuf,
    /// BLAKE3 of its content.
    pub hash: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Length of what was heard.
    pub seconds: f64,
    /// The title that its tags name.
    pub title: Option<String>,
    /// The artist that its tags name.
    pub artist: Option<String>,
    /// The album that its tags name.
    pub album: Option<String>,
    /// The genre that its tags name.
    pub genre: Option<String>,
}

impl Track {
    /// Artist and title, or the file's name.
    pub fn name(&self) -> String {
        match (&self.artist, &self.title) {
            (Some(artist), Some(title)) => format!("{artist} - {title}"),
            (None, Some(title)) => title.clone(),
            (_, None) => file_name(&self.path),
        }
    }

    /// Opens its file, which must be what was heard: what has taken its name since, or what a link leads to since, is not it.
    ///
    /// # Errors
    /// [`LibraryError::FileGone`], [`LibraryError::FileChanged`], [`LibraryError::FileUnreadable`].
    pub fn open(&self) -> Result<File, LibraryError> {
        let changed = || LibraryError::FileChanged(self.path.clone());
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                LibraryError::FileGone(self.path.clone())
            }
            _ => LibraryError::FileUnreadable {
                path: self.path.clone(),
                error,
            },
        };
        // A pipe is not opened, which would wait for a writer.
        match std::fs::metadata(&self.path) {
            Ok(found) if !found.is_file() => return Err(changed()),
            found => found.map_err(unreadable)?,
        };
        let file = File::open(&self.path).map_err(unreadable)?;
        let heard = Stamp {
            size: i64::try_from(self.size).unwrap_or(i64::MAX),
            modified_ns: self.modified_ns,
        };
        match Stamp::of_file(&file) == Some(heard) {
            true => Ok(file),
            false => Err(changed()),
        }
    }

    /// Whether its title, artist or path holds a text, in any case.
    pub fn is_like(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let holds = |value: &str| value.to_lowercase().contains(&text);
        holds(&self.name())
            || self.artist.as_deref().is_some_and(holds)
            || holds(&self.path.to_string_lossy())
    }

    /// Whether a text is its whole title, name or path, in any case.
    pub fn is_called(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let is = |value: &str| value.to_lowercase() == text;
        is(&self.name())
            || is(&file_name(&self.path))
            || is(&self.path.to_string_lossy())
            || self.title.as_deref().is_some_and(is)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Tracks with their embeddings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embeddings {
    /// The tracks, by path.
    pub tracks: Vec<Track>,
    /// Length of an embedding.
    pub width: usize,
    /// Their embeddings, [tracks, width].
    pub values: Vec<f32>,
}

impl Embeddings {
    /// The embedding of a track, an index into [`Self::tracks`].
    pub fn embedding(&self, track: usize) -> &[f32] {
        &self.values[track * self.width..][..self.width]
    }
}

const COLUMNS: &str =
    "f.id, f.path, f.hash, f.size, f.modified_ns, h.seconds, f.title, f.artist, f.album, f.genre";

const HEARD_FILES: &str =
    "FROM file f JOIN heard h ON h.hash = f.hash JOIN model m ON m.id = h.model
    JOIN setting s ON s.name = 'model' AND s.value = m.hash
    WHERE f.missing = 0 AND f.problem IS NULL";

fn track(row: &Row) -> rusqlite::Result<Track> {
    Ok(Track {
        id: row.get(0)?,
        path: PathBuf::from(row.get::<_, String>(1)?),
        hash: row.get(2)?,
        size: row.get::<_, i64>(3)?.unsigned_abs(),
        modified_ns: row.get(4)?,
        seconds: row.get(5)?,
        title: row.get(6)?,
        artist: row.get(7)?,
        album: row.get(8)?,
        genre: row.get(9)?,
    })
}

impl Library {
    /// The tracks that are there and that its model has heard, by path.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn tracks(&self) -> Result<Vec<Track>, LibraryError> {
        let question = format!("SELECT {COLUMNS} {HEARD_FILES} ORDER BY f.path");
        self.ask(|c| c.prepare(&question)?.query_map([], track)?.collect())
    }

    /// The same with their embeddings.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn embeddings(&self) -> Result<Embeddings, LibraryError> {
        let mut found = Embeddings {
            width: self.model()?.map_or(0, |model| model.width),
            ..Embeddings::default()
        };
        // Memory takes all.
        let _ = self.each_embedding(|track, embedding| {
            found.tracks.push(track);
            found.values.extend_from_slice(embedding);
            Ok(())
        })?;
        Ok(found)
    }

    /// Hands all of these to `take`, one after the other; the first that it refuses is the last. Gives what it said.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn each_embedding(
        &self,
        mut take: impl FnMut(Track, &[f32]) -> io::Result<()>,
    ) -> Result<io::Result<()>, LibraryError> {
        let width = self.model()?.map_or(0, |model| model.width);
        let question = format!("SELECT {COLUMNS}, h.embedding {HEARD_FILES} ORDER BY f.path");
        self.ask(|c| {
            let mut statement = c.prepare(&question)?;
            let mut rows = statement.query([])?;
            let mut values = Vec::with_capacity(width);
            while let Some(row) = rows.next()? {
                values.clear();
                read_floats(row.get_ref(10)?.as_blob()?, &mut values);
                // A row that another program has spoilt costs one track.
                if values.len() == width
                    && let Err(error) = take(track(row)?, &values)
                {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })
    }
}

/// How many files there are of a kind.
pub(super) fn count(connection: &Connection, what: &str) -> rusqlite::Result<usize> {
    connection.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| {
        row.get(0)
    })
}
