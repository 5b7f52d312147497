//! What a library holds, in figures, and what it could not hear.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::LibraryError;
use super::store::Library;
use super::track::count;

/// What a library holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Where it lies.
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Folders that were scanned.
    pub folders: Vec<PathBuf>,
    /// Name of the model that hears; none before the first scan.
    pub model: Option<String>,
    /// Files that are there and that the model has heard.
    pub tracks: usize,
    /// How much was heard of them, in seconds.
    pub seconds: f64,
    /// Files that are there, can be heard, and wait for the next scan.
    pub waiting: usize,
    /// Files that cannot be heard.
    pub failed: usize,
    /// Files that have gone.
    pub missing: usize,
    /// Genres.
    pub genres: usize,
    /// Their examples.
    pub examples: usize,
}

/// A file that cannot be heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Which file.
    pub path: PathBuf,
    /// Why, without its name.
    pub reason: String,
}

/// A path that is not UTF-8 is no reason to tell nothing.
fn shown<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl Library {
    /// What it holds.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn status(&self) -> Result<Status, LibraryError> {
        let model = self.model()?;
        let folders = self.folders()?;
        let id = model.as_ref().map_or(-1, |model| model.id);
        let heard = format!(
            "file f JOIN heard h ON h.hash = f.hash AND h.model = {id} WHERE f.missing = 0"
        );
        self.ask(|c| {
            let there = count(c, "file WHERE missing = 0 AND hash IS NOT NULL")?;
            let tracks = count(c, &heard)?;
            let seconds = format!("SELECT coalesce(sum(h.seconds), 0.0) FROM {heard}");
            let size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
            Ok(Status {
                path: self.path().into(),
                bytes: c
                    .query_row(size, [], |row| row.get::<_, i64>(0))?
                    .unsigned_abs(),
                folders,
                model: model.map(|model| model.name),
                tracks,
                seconds: c.query_row(&seconds, [], |row| row.get(0))?,
                waiting: there - tracks.min(there),
                failed: count(c, "file WHERE problem IS NOT NULL")?,
                missing: count(c, "file WHERE missing = 1")?,
                genres: count(c, "genre")?,
                examples: count(c, "example")?,
            })
        })
    }

    /// Every file that cannot be heard, by path.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn failed(&self) -> Result<Vec<Failed>, LibraryError> {
        self.ask(|c| {
            let question = "SELECT path, problem FROM file WHERE problem IS NOT NULL ORDER BY path";
            let mut question = c.prepare(question)?;
            let rows = question.query_map([], |row| {
                Ok(Failed {
                    path: PathBuf::from(row.get::<_, String>(0)?),
                    reason: row.get(1)?,
                })
            })?;
            rows.collect()
        })
    }
}
