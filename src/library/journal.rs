//! The journal of what `tag` changes in files: written before a file is changed and settled after it, so that whatever ends a run,
//! every change that was made can be taken back.

use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::error::LibraryError;
use super::hear::Stamp;
use super::store::Library;
use crate::data::read_all_tags;
use crate::files::{self, hash_of};
use crate::tagging::{Change, Fields, Patch};

/// States of a change.
const WRITING: &str = "writing";
const WRITTEN: &str = "written";
const UNDOING: &str = "undoing";
const UNDONE: &str = "undone";

/// A change that was made.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Its number in the journal.
    pub id: i64,
    /// The file.
    pub path: PathBuf,
    /// What was changed.
    pub change: Change,
}

/// What the column `before` holds.
#[derive(Serialize, Deserialize)]
struct Before {
    #[serde(flatten)]
    fields: Fields,
    patch: Option<Patch>,
}

const COLUMNS: &str = "id, path, hash_before, hash_after, before, after";

fn changed(row: &Row) -> rusqlite::Result<Changed> {
    let json = |column: usize| row.get::<_, String>(column);
    let wrong = |column: usize| {
        move |error: serde_json::Error| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
        }
    };
    let before: Before = serde_json::from_str(&json(4)?).map_err(wrong(4))?;
    let after: Fields = serde_json::from_str(&json(5)?).map_err(wrong(5))?;
    Ok(Changed {
        id: row.get(0)?,
        path: PathBuf::from(row.get::<_, String>(1)?),
        change: Change {
            before: before.fields,
            after,
            hash_before: row.get(2)?,
            hash_after: row.get(3)?,
            patch: before.patch,
        },
    })
}

impl Library {
    /// The number of the run that is to come.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn next_tag_run(&self) -> Result<i64, LibraryError> {
        let question = "SELECT coalesce(max(run), 0) + 1 FROM tag_change";
        self.ask(|c| c.query_row(question, [], |row| row.get(0)))
    }

    /// Notes a change that is about to be made, and gives its number. The path must be UTF-8.
    ///
    /// # Errors
    /// [`LibraryError`]; the file must then not be changed.
    pub fn begin_change(
        &mut self,
        run: i64,
        path: &Path,
        change: &Change,
    ) -> Result<i64, LibraryError> {
        let before = serde_json::json!(Before {
            fields: change.before.clone(),
            patch: change.patch.clone(),
        });
        let after = serde_json::json!(change.after);
        let write = "INSERT INTO tag_change(run, at, path, hash_before, hash_after, before, after, state)
            VALUES (?1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id";
        let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let values = params![
            run,
            path.to_string_lossy(),
            change.hash_before,
            change.hash_after,
            before.to_string(),
            after.to_string(),
            WRITING
        ];
        self.change(|t| t.query_row(write, values, |row| row.get(0)))
    }

    /// Notes that a change was made. What was heard of the file stands for its new content too.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn end_change(
        &mut self,
        id: i64,
        path: &Path,
        change: &Change,
    ) -> Result<(), LibraryError> {
        let now = Now::of(path);
        self.change(|t| {
            renew(t, path, &change.hash_before, &change.hash_after, &now)?;
            set_state(t, id, WRITTEN)
        })
    }

    /// Forgets a change that was not made.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn drop_change(&mut self, id: i64) -> Result<(), LibraryError> {
        self.change(|t| {
            t.execute("DELETE FROM tag_change WHERE id = ?1", [id])
                .map(drop)
        })
    }

    /// Notes that a change is about to be taken back.
    ///
    /// # Errors
    /// [`LibraryError`]; the file must then not be changed.
    pub fn begin_undo(&mut self, id: i64) -> Result<(), LibraryError> {
        self.change(|t| set_state(t, id, UNDOING))
    }

    /// Notes that a change stands after all.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn drop_undo(&mut self, id: i64) -> Result<(), LibraryError> {
        self.change(|t| set_state(t, id, WRITTEN))
    }

    /// Notes that a change was taken back: the file's content had the hash `old`, and has `new` since.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn undid_change(
        &mut self,
        id: i64,
        path: &Path,
        old: &str,
        new: &str,
    ) -> Result<(), LibraryError> {
        let now = Now::of(path);
        self.change(|t| {
            renew(t, path, old, new, &now)?;
            set_state(t, id, UNDONE)
        })
    }

    /// The changes of a run that still stand, the last one first; without a number those of the last run that has any. None if
    /// there is no such run.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn changes(&self, run: Option<i64>) -> Result<Option<(i64, Vec<Changed>)>, LibraryError> {
        self.ask(|c| {
            let last = "SELECT run FROM tag_change WHERE state = ?1 AND run = coalesce(?2, run)
                ORDER BY run DESC LIMIT 1";
            let found = c.query_row(last, params![WRITTEN, run], |row| row.get(0));
            let Some(run) = found.optional()? else {
                return Ok(None);
            };
            let question = format!(
                "SELECT {COLUMNS} FROM tag_change WHERE run = ?1 AND state = ?2 ORDER BY id DESC"
            );
            let mut question = c.prepare(&question)?;
            let changes = question.query_map(params![run, WRITTEN], changed)?;
            Ok(Some((run, changes.collect::<Result<_, _>>()?)))
        })
    }

    /// The runs of which changes still stand.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn tag_runs(&self) -> Result<Vec<i64>, LibraryError> {
        let question = "SELECT DISTINCT run FROM tag_change WHERE state = ?1 ORDER BY run";
        self.ask(|c| {
            c.prepare(question)?
                .query_map([WRITTEN], |row| row.get(0))?
                .collect()
        })
    }

    /// Settles the changes at which a run was killed, by what each file holds: it has the change, or it never got it, or it is back.
    /// A file that is not there now is settled when it is. Claim the library first.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn settle_changes(&mut self) -> Result<(), LibraryError> {
        let in_state = |state: &str| {
            let question = format!("SELECT {COLUMNS} FROM tag_change WHERE state = ?1");
            self.ask(|c| {
                c.prepare(&question)?
                    .query_map([state], changed)?
                    .collect::<Result<Vec<_>, _>>()
            })
        };
        let (writing, undoing) = (in_state(WRITING)?, in_state(UNDOING)?);
        for Changed { id, path, change } in writing {
            files::clear(&path);
            match hash_of(&path) {
                Err(_) => {}
                Ok(hash) if hash == change.hash_before => self.drop_change(id)?,
                Ok(hash) if hash == change.hash_after => self.end_change(id, &path, &change)?,
                // Changed since: whether the change stands there is seen when it is taken back.
                Ok(_) => self.drop_undo(id)?,
            }
        }
        for Changed { id, path, change } in undoing {
            files::clear(&path);
            let (old, new) = (&change.hash_after, &change.hash_before);
            match hash_of(&path) {
                Ok(hash) if hash == *new => self.undid_change(id, &path, old, new)?,
                _ => self.drop_undo(id)?,
            }
        }
        Ok(())
    }
}

fn set_state(transaction: &Transaction, id: i64, state: &str) -> rusqlite::Result<()> {
    let write = "UPDATE tag_change SET state = ?2 WHERE id = ?1";
    transaction.execute(write, params![id, state]).map(drop)
}

/// What a file is now.
struct Now {
    stamp: Option<Stamp>,
    genre: Option<String>,
}

impl Now {
    fn of(path: &Path) -> Self {
        Self {
            stamp: Stamp::of(path).ok(),
            genre: read_all_tags(path).remove("genre"),
        }
    }
}

/// Only the tags of a file have changed, so what was heard of its old content was heard of the new one, and an example stays one.
fn renew(
    transaction: &Transaction,
    path: &Path,
    old: &str,
    new: &str,
    now: &Now,
) -> rusqlite::Result<()> {
    let Some(stamp) = now.stamp else {
        return Ok(());
    };
    transaction.execute(
        "INSERT OR IGNORE INTO heard(hash, model, seconds, embedding, part_seconds, parts)
         SELECT ?2, model, seconds, embedding, part_seconds, parts FROM heard WHERE hash = ?1",
        [old, new],
    )?;
    let named = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    for path in [named.to_string_lossy(), real.to_string_lossy()] {
        let values = params![path, old, new, stamp.size, stamp.modified_ns];
        transaction.execute(
            "UPDATE OR IGNORE example SET hash = ?3, size = ?4, modified_ns = ?5 WHERE path = ?1 AND hash = ?2",
            values,
        )?;
        let values = params![path, old, new, stamp.size, stamp.modified_ns, now.genre];
        transaction.execute(
            "UPDATE file SET hash = ?3, size = ?4, modified_ns = ?5, genre = ?6 WHERE path = ?1 AND hash = ?2",
            values,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tagging::{Copy, plan, undo};

    /// A library that has heard a song which is an example too.
    fn taught(folder: &Path) -> (Library, PathBuf) {
        let song = folder.join("a.mp3");
        let fixture = "tests/fixtures/audio/cbr.mp3";
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture), &song).unwrap();
        let song = fs::canonicalize(song).unwrap();
        let mut library = Library::open_or_make(&folder.join("l.sqlite")).unwrap();
        let (stamp, hash) = (Stamp::of(&song).unwrap(), hash_of(&song).unwrap());
        let path = song.to_string_lossy();
        let at = params![path, stamp.size, stamp.modified_ns, hash];
        library
            .change(|t| {
                t.execute("INSERT INTO model(hash, name, width) VALUES ('m', 'tiny', 1)", [])?;
                t.execute(
                    "INSERT INTO heard(hash, model, seconds, embedding, part_seconds, parts)
                     VALUES (?1, 1, 1.2, x'0000803f', 1.0, x'')",
                    [&hash],
                )?;
                t.execute("INSERT INTO genre(name) VALUES ('ska')", [])?;
                t.execute("INSERT INTO example(genre, path, size, modified_ns, hash) VALUES (1, ?1, ?2, ?3, ?4)", at)?;
                t.execute("INSERT INTO file(path, size, modified_ns, hash) VALUES (?1, ?2, ?3, ?4)", at)
            })
            .unwrap();
        (library, song)
    }

    /// How many rows know the song as it is now: heard, file and example; and the genre of the file's row.
    fn known(library: &Library, song: &Path) -> (i64, Option<String>) {
        let stamp = Stamp::of(song).unwrap();
        let values = params![hash_of(song).unwrap(), stamp.size, stamp.modified_ns];
        let question = "SELECT (SELECT count(*) FROM heard WHERE hash = ?1)
            + (SELECT count(*) FROM file WHERE hash = ?1 AND size = ?2 AND modified_ns = ?3)
            + (SELECT count(*) FROM example WHERE hash = ?1 AND size = ?2 AND modified_ns = ?3),
            (SELECT genre FROM file)";
        let row = |row: &Row| Ok((row.get(0)?, row.get(1)?));
        library.ask(|c| c.query_row(question, values, row)).unwrap()
    }

    fn copied(song: &Path) -> Copy {
        Copy::of(&plan(song, &[("ska".into(), 0.9)], false).unwrap()).unwrap()
    }

    #[test]
    fn a_tagged_file_is_known_by_its_new_content_and_taken_back_by_its_old() {
        let folder = tempfile::tempdir().unwrap();
        let (mut library, song) = taught(folder.path());
        assert!(library.changes(None).unwrap().is_none());
        let run = library.next_tag_run().unwrap();
        let copy = copied(&song);
        let change = copy.change().clone();
        let id = library.begin_change(run, &song, &change).unwrap();
        copy.put().unwrap();
        library.end_change(id, &song, &change).unwrap();
        assert_eq!(known(&library, &song), (3, Some("ska".into())));
        assert_eq!(library.next_tag_run().unwrap(), run + 1);
        assert_eq!(library.tag_runs().unwrap(), [run]);
        assert!(library.changes(Some(run + 1)).unwrap().is_none());
        let (found, changes) = library.changes(None).unwrap().unwrap();
        assert_eq!((found, changes.len()), (run, 1));
        assert_eq!((&changes[0].path, &changes[0].change), (&song, &change));
        undo(&song, &changes[0].change)
            .unwrap()
            .unwrap()
            .put()
            .unwrap();
        assert_eq!(hash_of(&song).unwrap(), change.hash_before);
        library
            .undid_change(id, &song, &change.hash_after, &change.hash_before)
            .unwrap();
        assert_eq!(known(&library, &song), (3, None));
        assert!(library.changes(None).unwrap().is_none());
    }

    #[test]
    fn a_change_at_which_a_run_was_killed_is_settled_by_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (mut library, song) = taught(folder.path());
        let left = song.with_file_name(".a.mp3-Ab3dEf.partial");
        // Killed before the copy took the file's name.
        let copy = copied(&song);
        let change = copy.change().clone();
        library.begin_change(1, &song, &change).unwrap();
        fs::write(&left, b"half").unwrap();
        library.settle_changes().unwrap();
        assert!(!left.exists() && library.changes(None).unwrap().is_none());
        assert_eq!(known(&library, &song), (3, None));
        // And after it.
        library.begin_change(1, &song, &change).unwrap();
        copy.put().unwrap();
        library.settle_changes().unwrap();
        assert_eq!(library.changes(None).unwrap().unwrap().1.len(), 1);
        assert_eq!(known(&library, &song), (3, Some("ska".into())));
        // The file is away, and comes back changed.
        library.begin_change(2, &song, &change).unwrap();
        let away = song.with_extension("away");
        fs::rename(&song, &away).unwrap();
        library.settle_changes().unwrap();
        assert_eq!(library.tag_runs().unwrap(), [1]);
        fs::write(&song, b"something else").unwrap();
        library.settle_changes().unwrap();
        assert_eq!(library.tag_runs().unwrap(), [1, 2]);
        assert!(undo(&song, &change).is_err());
    }
}
