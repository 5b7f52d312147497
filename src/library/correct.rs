//! A track's genre as its owner says: it becomes an example of that one and of no other, and that can be taken back.

use rusqlite::{Connection, Transaction, params};

use super::error::LibraryError;
use super::genres::{SHARED, add, genre_id};
use super::hear::Stamp;
use super::store::Library;
use super::track::Track;
use crate::genres::checked_name;

/// What was corrected, with all that it takes to take it back.
#[derive(Debug, Clone)]
pub struct Correction {
    track: Track,
    before: Vec<ExampleRow>,
    after: Vec<ExampleRow>,
}

/// A track as an example.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ExampleRow {
    genre: String,
    path: String,
    hash: String,
    stamp: Stamp,
}

/// Which examples are a track: those of its content, wherever that lay or came from, and those of its file.
const OF_TRACK: &str = "(hash IN (?1, ?2 || ?1) OR (path = ?3 AND hash NOT LIKE ?2 || '%'))";

impl Correction {
    /// The track.
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// The genre that it is an example of since.
    pub fn genre(&self) -> Option<&str> {
        self.after.first().map(|row| row.genre.as_str())
    }

    /// Whether it changed anything.
    pub fn is_one(&self) -> bool {
        self.before != self.after
    }
}

impl Library {
    /// Makes a track an example of a genre, which is made if it is new, and of no other; with none of no genre at all. Genres
    /// without examples are gone then. Claim the library first.
    ///
    /// # Errors
    /// [`LibraryError::Genres`] for a name that no genre may have; [`LibraryError::FileGone`], [`LibraryError::FileChanged`]
    /// for a file that is not what was heard.
    pub fn correct(
        &mut self,
        track: &Track,
        genre: Option<&str>,
    ) -> Result<Correction, LibraryError> {
        let genre = genre.map(checked_name).transpose()?;
        let path = track.path.to_string_lossy().into_owned();
        let stamp = match genre {
            Some(_) => Stamp::of_file(&track.open()?),
            None => None,
        };
        let [before, after] = self.change(|t| {
            let before = rows(t, track)?;
            let of = params![track.hash, SHARED, path, genre];
            let others = "genre NOT IN (SELECT id FROM genre WHERE name = ?4)";
            t.execute(
                &format!("DELETE FROM example WHERE {OF_TRACK} AND {others}"),
                of,
            )?;
            if let (Some(genre), Some(stamp)) = (&genre, stamp) {
                let genre = genre_id(t, genre)?;
                add(t, genre, &path, &track.hash, stamp)?;
            }
            sweep(t)?;
            Ok([before, rows(t, track)?])
        })?;
        Ok(Correction {
            track: track.clone(),
            before,
            after,
        })
    }

    /// Takes a correction back: the track is an example of what it was one of before. Claim the library first.
    ///
    /// # Errors
    /// [`LibraryError::ChangedSince`] if its genres were changed otherwise since.
    pub fn take_back(&mut self, correction: &Correction) -> Result<(), LibraryError> {
        let Correction {
            track,
            before,
            after,
        } = correction;
        let as_left = self.change(|t| {
            if rows(t, track)? != *after {
                return Ok(false);
            }
            let path = track.path.to_string_lossy();
            t.execute(
                &format!("DELETE FROM example WHERE {OF_TRACK}"),
                params![track.hash, SHARED, path],
            )?;
            for row in before {
                let ExampleRow {
                    genre,
                    path,
                    hash,
                    stamp,
                } = row;
                let write = "INSERT INTO example(genre, path, hash, size, modified_ns) VALUES (?1, ?2, ?3, ?4, ?5)";
                let genre = genre_id(t, genre)?;
                let values = params![genre, path, hash, stamp.size, stamp.modified_ns];
                t.execute(write, values)?;
            }
            sweep(t)?;
            Ok(true)
        })?;
        match as_left {
            true => Ok(()),
            false => Err(LibraryError::ChangedSince(track.path.clone())),
        }
    }
}

/// The examples that are a track.
fn rows(connection: &Connection, track: &Track) -> rusqlite::Result<Vec<ExampleRow>> {
    let question = format!(
        "SELECT g.name, e.path, e.hash, e.size, e.modified_ns FROM example e JOIN genre g ON g.id = e.genre
         WHERE {OF_TRACK} ORDER BY g.name, e.hash"
    );
    let path = track.path.to_string_lossy();
    let mut question = connection.prepare(&question)?;
    let rows = question.query_map(params![track.hash, SHARED, path], |row| {
        Ok(ExampleRow {
            genre: row.get(0)?,
            path: row.get(1)?,
            hash: row.get(2)?,
            stamp: Stamp {
                size: row.get(3)?,
                modified_ns: row.get(4)?,
            },
        })
    })?;
    rows.collect()
}

/// Removes genres without examples.
fn sweep(t: &Transaction) -> rusqlite::Result<usize> {
    let empty = "DELETE FROM genre WHERE NOT EXISTS (SELECT 1 FROM example WHERE genre = genre.id)";
    t.execute(empty, [])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// A library of two songs, the first an example of `ska`, which came in a file of genres too.
    fn library(folder: &Path) -> (Library, Vec<Track>) {
        let mut library = Library::open_or_make(&folder.join("l.sqlite")).unwrap();
        let songs: Vec<PathBuf> = ["a.wav", "b.wav"].iter().map(|n| folder.join(n)).collect();
        library
            .change(|t| {
                t.execute_batch(
                    "INSERT INTO model(hash, name, width) VALUES ('m', 'tiny', 1);
                     INSERT INTO setting VALUES ('model', 'm');
                     INSERT INTO genre(name) VALUES ('ska'), ('shared');",
                )?;
                for (k, song) in songs.iter().enumerate() {
                    fs::write(song, format!("song {k}")).unwrap();
                    let stamp = Stamp::of(song).unwrap();
                    let values = params![song.to_string_lossy(), stamp.size, stamp.modified_ns, format!("h{k}")];
                    t.execute("INSERT INTO file(path, size, modified_ns, hash) VALUES (?1, ?2, ?3, ?4)", values)?;
                    t.execute(
                        "INSERT INTO heard(hash, model, seconds, embedding, part_seconds, parts)
                         VALUES (?1, 1, 1.0, x'0000803f', 1.0, x'')",
                        [format!("h{k}")],
                    )?;
                    if k == 0 {
                        t.execute("INSERT INTO example(genre, path, size, modified_ns, hash) VALUES (1, ?1, ?2, ?3, ?4)", values)?;
                        t.execute("INSERT INTO example(genre, path, size, modified_ns, hash) VALUES (2, 'x', 0, 0, 'shared:h0')", [])?;
                    }
                }
                Ok(())
            })
            .unwrap();
        let tracks = library.tracks().unwrap();
        assert_eq!(tracks.len(), 2);
        (library, tracks)
    }

    /// The genres with the number of their examples.
    fn genres(library: &Library) -> Vec<(String, usize)> {
        let genres = library.known_genres().unwrap().into_iter();
        genres.map(|g| (g.name, g.examples.len())).collect()
    }

    #[test]
    fn a_corrected_track_is_an_example_of_one_genre_and_that_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let (mut library, tracks) = library(folder.path());
        let before = genres(&library);
        assert_eq!(before, [("shared".into(), 1), ("ska".into(), 1)]);
        let first = library.correct(&tracks[0], Some(" dub ")).unwrap();
        assert!(first.is_one());
        assert_eq!(genres(&library), [("dub".into(), 1)]);
        let again = library.correct(&tracks[0], Some("dub")).unwrap();
        assert!(!again.is_one());
        let second = library.correct(&tracks[1], Some("dub")).unwrap();
        assert_eq!(genres(&library), [("dub".into(), 2)]);
        // What was changed by others since stays.
        library.take_back(&second).unwrap();
        assert!(matches!(
            library.take_back(&second),
            Err(LibraryError::ChangedSince(path)) if path == tracks[1].path
        ));
        library.take_back(&first).unwrap();
        assert_eq!(genres(&library), before);
        let none = library.correct(&tracks[0], None).unwrap();
        assert_eq!(genres(&library), []);
        library.take_back(&none).unwrap();
        assert_eq!(genres(&library), before);
    }

    #[test]
    fn only_a_file_that_was_heard_as_it_is_becomes_an_example() {
        let folder = tempfile::tempdir().unwrap();
        let (mut library, tracks) = library(folder.path());
        let before = genres(&library);
        assert!(matches!(
            library.correct(&tracks[1], Some("Unknown")),
            Err(LibraryError::Genres(_))
        ));
        fs::write(&tracks[1].path, "something else, and longer").unwrap();
        assert!(matches!(
            library.correct(&tracks[1], Some("ska")),
            Err(LibraryError::FileChanged(_))
        ));
        fs::remove_file(&tracks[1].path).unwrap();
        assert!(matches!(
            library.correct(&tracks[1], Some("ska")),
            Err(LibraryError::FileGone(_))
        ));
        fs::create_dir(&tracks[1].path).unwrap();
        assert!(matches!(
            tracks[1].open(),
            Err(LibraryError::FileChanged(_))
        ));
        assert_eq!(genres(&library), before);
    }
}
