//! Genres that are passed on from one library to another.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::LibraryError;
use super::genres::{ADAPT, SHARED, add, genre_id};
use super::hear::{Heard, Stamp, keep};
use super::store::{KnownModel, Library, set, setting};
use crate::genres::{Example, Genre, SharedExample, SharedGenre, SharedGenres, SharedModel};
use crate::model_file::Model;

impl Library {
    /// Genres to pass on, all or those named, with what the library's model heard of their examples.
    ///
    /// # Errors
    /// [`LibraryError::NoGenre`]; [`LibraryError::Genres`] where there are none.
    pub fn shared_genres(
        &self,
        known: &KnownModel,
        model: &Model,
        names: &[String],
    ) -> Result<SharedGenres, LibraryError> {
        names.iter().try_for_each(|name| self.must_know(name))?;
        let learned = self.genres(known, model)?;
        let taken = |genre: &&Genre| names.is_empty() || names.contains(&genre.name);
        let seconds = |hash: &str| {
            let question = "SELECT max(seconds) FROM heard WHERE hash IN (?1, ?2) AND model = ?3";
            let values = params![hash, format!("{SHARED}{hash}"), known.id];
            self.ask(|c| c.query_row(question, values, |row| row.get(0)))
        };
        let of_example = |example: &Example| {
            let name = example.path.file_name().unwrap_or_default();
            Ok(SharedExample {
                name: name.to_string_lossy().into_owned(),
                hash: example.hash.clone(),
                seconds: seconds(&example.hash)?,
                embedding: example.embedding.clone(),
            })
        };
        let of_genre = |genre: &Genre| {
            let examples = genre.examples.iter().map(of_example);
            Ok(SharedGenre {
                name: genre.name.clone(),
                examples: examples.collect::<Result<_, LibraryError>>()?,
            })
        };
        let genres = learned.genres().iter().filter(taken).map(of_genre);
        Ok(SharedGenres {
            model: SharedModel {
                name: known.name.clone(),
                hash: known.hash.clone(),
                width: known.width,
            },
            adapt: self.adapts()?,
            genres: genres.collect::<Result<_, LibraryError>>()?,
        })
    }

    /// Takes genres in that were passed on by the same model: examples of the same content are there once. Gives how many
    /// genres are new, and how many examples.
    ///
    /// # Errors
    /// [`LibraryError::OtherModel`].
    pub fn import_genres(
        &mut self,
        known: &KnownModel,
        shared: &SharedGenres,
    ) -> Result<[usize; 2], LibraryError> {
        if shared.model.hash != known.hash || shared.model.width != known.width {
            return Err(LibraryError::OtherModel {
                theirs: shared.model.name.clone(),
                ours: known.name.clone(),
            });
        }
        self.change(|t| {
            let before = genre_count(t)?;
            let mut examples = 0;
            for genre in &shared.genres {
                let id = genre_id(t, &genre.name)?;
                for example in &genre.examples {
                    let own = "SELECT 1 FROM example WHERE genre = ?1 AND hash = ?2";
                    let own = t.query_row(own, params![id, example.hash], |_| Ok(()));
                    if own.optional()?.is_some() {
                        continue;
                    }
                    let hash = format!("{SHARED}{}", example.hash);
                    examples += usize::from(add(t, id, &example.name, &hash, Stamp::NONE)?);
                    let heard = Heard {
                        hash,
                        seconds: example.seconds,
                        embedding: example.embedding.clone(),
                        part_seconds: example.seconds,
                        parts: Vec::new(),
                    };
                    keep(t, known.id, &heard)?;
                }
            }
            if shared.adapt && before == 0 && setting(t, ADAPT)?.is_none() {
                set(t, ADAPT, "1")?;
            }
            Ok([genre_count(t)? - before, examples])
        })
    }
}

fn genre_count(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("SELECT count(*) FROM genre", [], |row| row.get(0))
}
