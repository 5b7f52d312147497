//! The genres that a user taught: which files are their examples, and what was heard of these.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::{OptionalExtension, Transaction, params};

use super::error::LibraryError;
use super::hear::{GetEar, Stamp};
use super::scan::absolute;
use super::store::{KnownModel, Library, set};
use super::vector::read_floats;
use crate::genres::{Comparison, Example, Genre, Genres, checked_name};
use crate::model_file::Model;

/// Name of the setting that says whether a linear probe may rank the genres.
pub(super) const ADAPT: &str = "adapt";

/// What stands before the hash of an example that came in a file of genres: what others say was heard of a content never
/// stands for what was.
pub(super) const SHARED: &str = "shared:";

/// A genre as the library knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownGenre {
    /// Its name.
    pub name: String,
    /// Its examples, by path.
    pub examples: Vec<KnownExample>,
}

/// An example as the library knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownExample {
    /// The file; of one that came in a file of genres only its name.
    pub path: PathBuf,
    /// BLAKE3 of its content.
    pub hash: String,
    /// What became of the file.
    pub state: ExampleState,
    /// Whether the library's model has heard it. If not, it takes no part in answers.
    pub heard: bool,
    id: i64,
}

/// What became of an example's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExampleState {
    /// As it was.
    Same,
    /// It has another size or time of change.
    Changed,
    /// It is not there; what was heard of it stays.
    Gone,
    /// It came in a file of genres.
    Shared,
}

impl KnownExample {
    /// Whether it has to be heard, and can be.
    pub fn is_stale(&self) -> bool {
        match self.state {
            ExampleState::Same => !self.heard,
            ExampleState::Changed => true,
            ExampleState::Gone | ExampleState::Shared => false,
        }
    }
}

/// What teaching did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taught {
    /// New examples.
    pub added: Vec<PathBuf>,
    /// Files whose content is among the genre's examples already.
    pub known: Vec<PathBuf>,
    /// Files that cannot be heard, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

impl Library {
    /// The genres with their examples, by name.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn known_genres(&self) -> Result<Vec<KnownGenre>, LibraryError> {
        let question = "SELECT g.name, e.id, e.path, e.hash, e.size, e.modified_ns,
            EXISTS (SELECT 1 FROM heard h JOIN model m ON m.id = h.model
                JOIN setting s ON s.name = 'model' AND s.value = m.hash WHERE h.hash = e.hash)
            FROM genre g JOIN example e ON e.genre = g.id ORDER BY g.name, e.path";
        let rows = self.ask(|c| {
            let mut statement = c.prepare(question)?;
            let rows = statement.query_map([], |row| {
                let path = PathBuf::from(row.get::<_, String>(2)?);
                let hash: String = row.get(3)?;
                let stamp = Stamp {
                    size: row.get(4)?,
                    modified_ns: row.get(5)?,
                };
                let state = match Stamp::of(&path) {
                    _ if hash.starts_with(SHARED) => ExampleState::Shared,
                    Ok(found) if found == stamp => ExampleState::Same,
                    Ok(_) => ExampleState::Changed,
                    Err(_) => ExampleState::Gone,
                };
                let example = KnownExample {
                    state,
                    hash: plain(&hash),
                    heard: row.get(6)?,
                    id: row.get(1)?,
                    path,
                };
                Ok((row.get::<_, String>(0)?, example))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut genres: BTreeMap<String, Vec<KnownExample>> = BTreeMap::new();
        for (name, example) in rows {
            genres.entry(name).or_default().push(example);
        }
        let genres = genres.into_iter();
        Ok(genres
            .map(|(name, examples)| KnownGenre { name, examples })
            .collect())
    }

    /// What is learned from the examples that its model has heard.
    ///
    /// # Errors
    /// [`LibraryError::Genres`]: there are none, or none was heard.
    pub fn genres(&self, known: &KnownModel, model: &Model) -> Result<Genres, LibraryError> {
        let question = "SELECT g.name, e.path, e.hash, h.embedding FROM genre g
            JOIN example e ON e.genre = g.id JOIN heard h ON h.hash = e.hash AND h.model = ?1
            ORDER BY g.name, e.path";
        let rows = self.ask(|c| {
            let mut statement = c.prepare(question)?;
            let rows = statement.query_map([known.id], |row| {
                let mut embedding = Vec::new();
                read_floats(row.get_ref(3)?.as_blob()?, &mut embedding);
                let example = Example {
                    path: PathBuf::from(row.get::<_, String>(1)?),
                    hash: plain(&row.get::<_, String>(2)?),
                    embedding,
                };
                Ok((row.get::<_, String>(0)?, example))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut genres: Vec<Genre> = Vec::new();
        for (name, example) in rows {
            // A row that another program has spoilt costs one example.
            if example.embedding.len() != known.width {
                continue;
            }
            match genres.last_mut().filter(|genre| genre.name == name) {
                Some(genre) => genre.examples.push(example),
                None => genres.push(Genre {
                    name,
                    examples: vec![example],
                }),
            }
        }
        Ok(Genres::learn(
            genres,
            Comparison::of(model),
            self.adapts()?,
        )?)
    }

    /// Whether a linear probe may rank the genres.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn adapts(&self) -> Result<bool, LibraryError> {
        Ok(self.setting(ADAPT)?.is_some_and(|value| value == "1"))
    }

    /// Says whether a linear probe may rank the genres.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn set_adapts(&mut self, adapts: bool) -> Result<(), LibraryError> {
        self.change(|t| set(t, ADAPT, if adapts { "1" } else { "0" }))
    }

    /// Makes files examples of a genre, which is made if it is new. What the library has heard is not heard again.
    ///
    /// # Errors
    /// [`LibraryError::Genres`] for a name that no genre may have; the device or the library failed.
    pub fn teach(
        &mut self,
        ear: GetEar,
        model: &KnownModel,
        name: &str,
        paths: &[PathBuf],
    ) -> Result<Taught, LibraryError> {
        let name = checked_name(name)?;
        let mut taught = Taught::default();
        let mut whole = Vec::new();
        for path in paths {
            let path = absolute(path);
            match path.to_str() {
                Some(_) => whole.push(path),
                None => taught
                    .failed
                    .push((path, "its name is not UTF-8: rename it".into())),
            }
        }
        let heard = self.hear_files(ear, model, &whole, true)?;
        let added = self.change(|t| {
            let mut added = Vec::new();
            for (path, heard) in whole.iter().zip(&heard) {
                if let Ok((stamp, heard)) = heard {
                    let genre = genre_id(t, &name)?;
                    added.push(add(t, genre, &path.to_string_lossy(), &heard.hash, *stamp)?);
                }
            }
            Ok(added)
        })?;
        let mut added = added.into_iter();
        for (path, heard) in whole.into_iter().zip(heard) {
            match heard {
                Err(reason) => taught.failed.push((path, reason)),
                Ok(_) if added.next() == Some(true) => taught.added.push(path),
                Ok(_) => taught.known.push(path),
            }
        }
        Ok(taught)
    }

    /// Hears the examples again whose files have changed, and those that the library's model has not heard yet. Gives how
    /// many were heard, and those that could not be: what was heard of these before stays.
    ///
    /// # Errors
    /// The device or the library failed.
    pub fn refresh_examples(
        &mut self,
        ear: GetEar,
        model: &KnownModel,
    ) -> Result<(usize, Vec<(PathBuf, String)>), LibraryError> {
        let genres = self.known_genres()?;
        let stale = genres.into_iter().flat_map(|genre| genre.examples);
        let stale: Vec<KnownExample> = stale.filter(KnownExample::is_stale).collect();
        let paths: Vec<PathBuf> = stale.iter().map(|example| example.path.clone()).collect();
        let heard = self.hear_files(ear, model, &paths, true)?;
        self.change(|t| {
            for (example, heard) in stale.iter().zip(&heard) {
                if let Ok((stamp, heard)) = heard {
                    let change = "UPDATE OR REPLACE example SET hash = ?2, size = ?3, modified_ns = ?4 WHERE id = ?1";
                    let values = params![example.id, heard.hash, stamp.size, stamp.modified_ns];
                    t.execute(change, values)?;
                }
            }
            Ok(())
        })?;
        let failed = paths.into_iter().zip(&heard);
        let failed = failed.filter_map(|(path, heard)| Some((path, heard.as_ref().err()?.clone())));
        let failed: Vec<_> = failed.collect();
        Ok((heard.len() - failed.len(), failed))
    }

    /// Removes a genre, or only some of its examples; one without examples left is gone. Gives how many examples were
    /// removed for each path, or for the whole genre.
    ///
    /// # Errors
    /// [`LibraryError::NoGenre`].
    pub fn remove_examples(
        &mut self,
        name: &str,
        paths: &[PathBuf],
    ) -> Result<Vec<usize>, LibraryError> {
        self.must_know(name)?;
        self.change(|t| {
            let genre = genre_id(t, name)?;
            if paths.is_empty() {
                let count = t.execute("DELETE FROM example WHERE genre = ?1", [genre])?;
                t.execute("DELETE FROM genre WHERE id = ?1", [genre])?;
                return Ok(vec![count]);
            }
            let remove = "DELETE FROM example WHERE genre = ?1 AND path IN (?2, ?3, ?4)";
            let of_path = |path: &PathBuf| {
                let named = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                let names = [path.clone(), named, absolute(path)];
                let [given, named, whole] = names.map(|n| n.to_string_lossy().into_owned());
                t.execute(remove, params![genre, given, named, whole])
            };
            let counts = paths.iter().map(of_path).collect::<rusqlite::Result<_>>()?;
            let empty = "DELETE FROM genre WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM example WHERE genre = ?1)";
            t.execute(empty, [genre])?;
            Ok(counts)
        })
    }

    /// Renames a genre, and with it those within it. Gives how many genres have another name.
    ///
    /// # Errors
    /// [`LibraryError::NoGenre`], [`LibraryError::GenreExists`], [`LibraryError::Genres`] for a name that no genre may have.
    pub fn rename_genre(&mut self, from: &str, to: &str) -> Result<usize, LibraryError> {
        let to = checked_name(to)?;
        let names: Vec<String> = self
            .known_genres()?
            .into_iter()
            .map(|genre| genre.name)
            .collect();
        let renamed = |name: &str| {
            let rest = name.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        };
        let changes: Vec<(&String, String)> = names
            .iter()
            .filter_map(|name| Some((name, renamed(name)?)))
            .collect();
        if changes.is_empty() {
            return Err(LibraryError::NoGenre(from.into()));
        }
        let stays = |name: &String| renamed(name).is_none();
        if let Some((_, taken)) = changes
            .iter()
            .find(|(_, new)| names.contains(new) && stays(new))
        {
            return Err(LibraryError::GenreExists(taken.clone()));
        }
        for (_, new) in &changes {
            checked_name(new)?;
        }
        self.change(|t| {
            // By way of names that no genre has, for a new one may be an old one of another.
            for (old, new) in &changes {
                let rename = "UPDATE genre SET name = '/' || ?2 WHERE name = ?1";
                t.execute(rename, [old.as_str(), new])?;
            }
            t.execute(
                "UPDATE genre SET name = substr(name, 2) WHERE name LIKE '/%'",
                [],
            )
        })
    }

    pub(super) fn must_know(&self, name: &str) -> Result<(), LibraryError> {
        let question = "SELECT 1 FROM genre WHERE name = ?1";
        let found = self.ask(|c| c.query_row(question, [name], |_| Ok(())).optional())?;
        found.ok_or_else(|| LibraryError::NoGenre(name.into()))
    }
}

/// The hash of a content, wherever the example came from.
fn plain(hash: &str) -> String {
    hash.strip_prefix(SHARED).unwrap_or(hash).to_owned()
}

/// The number of a genre, which is made if it is new.
pub(super) fn genre_id(t: &Transaction, name: &str) -> rusqlite::Result<i64> {
    t.execute("INSERT OR IGNORE INTO genre(name) VALUES (?1)", [name])?;
    let question = "SELECT id FROM genre WHERE name = ?1";
    t.query_row(question, [name], |row| row.get(0))
}

/// Adds an example, or brings the one of the same content up to date. Gives whether it is new.
pub(super) fn add(
    t: &Transaction,
    genre: i64,
    path: &str,
    hash: &str,
    stamp: Stamp,
) -> rusqlite::Result<bool> {
    let there = "SELECT 1 FROM example WHERE genre = ?1 AND hash = ?2";
    let there = t.query_row(there, params![genre, hash], |_| Ok(()));
    let is_new = there.optional()?.is_none();
    // The file may have held something else when it was added before; and what was passed on of it is no longer needed.
    t.execute(
        "DELETE FROM example WHERE genre = ?1 AND (path = ?2 AND hash <> ?3 AND hash NOT LIKE ?4 || '%' OR hash = ?4 || ?3)",
        params![genre, path, hash, SHARED],
    )?;
    t.execute(
        "INSERT INTO example(genre, path, hash, size, modified_ns) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT(genre, hash) DO UPDATE SET path = excluded.path, size = excluded.size,
            modified_ns = excluded.modified_ns",
        params![genre, path, hash, stamp.size, stamp.modified_ns],
    )?;
    Ok(is_new)
}

/// Whether a file is itself an example, by its content: the genres that it is one of.
pub fn genres_of(genres: &Genres, hash: &str) -> Vec<String> {
    let of = |genre: &&Genre| genre.examples.iter().any(|example| example.hash == hash);
    genres
        .genres()
        .iter()
        .filter(of)
        .map(|genre| genre.name.clone())
        .collect()
}
