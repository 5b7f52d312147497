//! A scan: what is new or changed in folders is heard, what has gone is marked, what has moved is known again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::LibraryError;
use super::hear::{Stamp, content};
use super::store::{KnownModel, Library, set, setting};
use crate::audio::{self, AudioErrorKind};
use crate::data::read_all_tags;
use crate::ear::Ear;

/// Files that are heard, and then written down together: what a kill can cost, and what an interrupt waits for.
const FILES_AT_ONCE: usize = 32;

/// The setting that counts scans.
const SCANS: &str = "scans";

/// How to scan.
pub struct Scan<'a> {
    /// Gives what hears so many files; asked for only if there are any.
    pub ear: &'a dyn Fn(usize) -> Result<Ear, LibraryError>,
    /// Its model, as the library knows it.
    pub model: &'a KnownModel,
    /// Whether files that failed before are tried again though they have not changed.
    pub retry: bool,
    /// Ends the scan early once it is set; all that was heard is kept.
    pub stop: &'a AtomicBool,
}

impl std::fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { model, retry, .. } = self;
        f.debug_struct("Scan")
            .field("model", model)
            .field("retry", retry)
            .finish_non_exhaustive()
    }
}

/// What happens during a scan.
#[derive(Debug)]
pub enum ScanEvent {
    /// So many files are new or changed, and must be heard.
    Begins(usize),
    /// A file is done.
    Done,
    /// Something that a user should know at once, about a folder.
    Note(String),
}

/// What a scan did.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Scanned {
    /// Audio files found.
    pub found: usize,
    /// Of these, how many were known and have not changed.
    pub unchanged: usize,
    /// How many are new or changed and could be heard.
    pub heard: usize,
    /// How many of those needed no decoding, for their content was known.
    pub known_content: usize,
    /// Of those heard, how many are longer than what the model hears of a file.
    pub cut: usize,
    /// Known files that lie elsewhere now.
    pub moved: usize,
    /// Known files that have gone.
    pub missing: usize,
    /// Files that could not be heard in this scan, with the reason.
    #[serde(skip)]
    pub failed: Vec<(PathBuf, String)>,
    /// How many failed before and have not changed since.
    pub failed_before: usize,
    /// Whether it was ended early.
    pub stopped: bool,
}

/// What is known of a file.
struct Row {
    stamp: Stamp,
    failed: bool,
    /// Whether the model in use has heard its content.
    heard: bool,
}

fn row(connection: &Connection, model: i64, path: &str) -> rusqlite::Result<Option<Row>> {
    let question = "SELECT size, modified_ns, problem IS NOT NULL,
        EXISTS(SELECT 1 FROM heard h WHERE h.hash = file.hash AND h.model = ?2) FROM file WHERE path = ?1";
    let mut question = connection.prepare_cached(question)?;
    let found = question.query_row(params![path, model], |row| {
        Ok(Row {
            stamp: Stamp {
                size: row.get(0)?,
                modified_ns: row.get(1)?,
            },
            failed: row.get(2)?,
            heard: row.get(3)?,
        })
    });
    found.optional()
}

impl Library {
    /// Scans folders, and remembers them. Files are written down some dozens at a time, each whole: whatever ends the scan, the
    /// next one goes on from there. Claim the library first.
    ///
    /// # Errors
    /// [`LibraryError`]: the library or the device failed. A file that cannot be heard costs only itself.
    pub fn scan(
        &mut self,
        scan: &Scan,
        folders: &[PathBuf],
        on_event: &mut dyn FnMut(ScanEvent),
    ) -> Result<Scanned, LibraryError> {
        let folders: Vec<PathBuf> = folders.iter().map(|f| absolute(f)).collect();
        let number = self.begin(&folders)?;
        let found = Found::in_folders(&folders, on_event);
        let mut done = Scanned {
            found: found.files.len() + found.problems.len(),
            ..Scanned::default()
        };
        self.note_problems(&found, number, &mut done)?;
        let to_hear = self.sort_out(scan, &found.files, &mut done)?;
        on_event(ScanEvent::Begins(to_hear.len()));
        let ear = match to_hear.len() {
            0 => None,
            files => Some((scan.ear)(files)?),
        };
        for (chunk, ear) in to_hear.chunks(FILES_AT_ONCE).zip(ear.iter().cycle()) {
            if scan.stop.load(Ordering::Relaxed) {
                done.stopped = true;
                return Ok(done);
            }
            self.hear_chunk(ear, scan.model, chunk, number, &mut done)?;
            chunk.iter().for_each(|_| on_event(ScanEvent::Done));
        }
        self.mark_gone(&folders, &found, &mut done)?;
        self.sweep(scan.model)?;
        Ok(done)
    }

    /// The folders that were scanned.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn folders(&self) -> Result<Vec<PathBuf>, LibraryError> {
        let paths: Vec<String> = self.ask(|c| {
            let mut question = c.prepare("SELECT path FROM folder ORDER BY path")?;
            question.query_map([], |row| row.get(0))?.collect()
        })?;
        Ok(paths.into_iter().map(PathBuf::from).collect())
    }

    /// Remembers the folders, one that holds another in its place, and gives the scan its number.
    fn begin(&mut self, folders: &[PathBuf]) -> Result<i64, LibraryError> {
        let mut known = self.folders()?;
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            if !known.iter().any(|k| folder.starts_with(k)) {
                known.retain(|k| !k.starts_with(folder));
                known.push(folder.clone());
            }
        }
        self.change(|t| {
            t.execute("DELETE FROM folder", [])?;
            for folder in &known {
                t.execute("INSERT INTO folder VALUES (?1)", [folder.to_string_lossy()])?;
            }
            let before = setting(t, SCANS)?.and_then(|text| text.parse::<i64>().ok());
            let number = before.unwrap_or(0) + 1;
            set(t, SCANS, &number.to_string())?;
            Ok(number)
        })
    }

    /// Writes down what cannot even be opened.
    fn note_problems(
        &mut self,
        found: &Found,
        number: i64,
        done: &mut Scanned,
    ) -> Result<(), LibraryError> {
        let new = |c: &Connection, (path, reason): &(PathBuf, String)| {
            let known = "SELECT 1 FROM file WHERE path = ?1 AND problem = ?2";
            let known = c.query_row(known, params![path.to_string_lossy(), reason], |_| Ok(()));
            known.optional().map(|known| known.is_none())
        };
        self.change(|t| {
            for problem in &found.problems {
                let (path, reason) = problem;
                match new(t, problem)? {
                    true => done.failed.push(problem.clone()),
                    false => done.failed_before += 1,
                }
                write_file(t, path, Stamp::NONE, Err(reason), number)?;
            }
            Ok(())
        })
    }

    /// The files that are new or changed, or that the model in use has not heard. One that was thought to be gone is there again.
    fn sort_out(
        &mut self,
        scan: &Scan,
        files: &[PathBuf],
        done: &mut Scanned,
    ) -> Result<Vec<PathBuf>, LibraryError> {
        let mut to_hear = Vec::new();
        let model = scan.model.id;
        self.change(|t| {
            for path in files {
                let name = path.to_string_lossy();
                let same = |row: &Row| Stamp::of(path).is_ok_and(|stamp| stamp == row.stamp);
                match row(t, model, &name)?.filter(same) {
                    Some(row) if row.heard => done.unchanged += 1,
                    Some(row) if row.failed && !scan.retry => done.failed_before += 1,
                    _ => {
                        to_hear.push(path.clone());
                        continue;
                    }
                }
                t.prepare_cached("UPDATE file SET missing = 0 WHERE path = ?1 AND missing = 1")?
                    .execute([name])?;
            }
            Ok(())
        })?;
        Ok(to_hear)
    }

    fn hear_chunk(
        &mut self,
        ear: &Ear,
        model: &KnownModel,
        chunk: &[PathBuf],
        number: i64,
        done: &mut Scanned,
    ) -> Result<(), LibraryError> {
        let look = |path: &PathBuf| (content(path), read_all_tags(path));
        let (contents, tags): (Vec<_>, Vec<_>) = chunk.par_iter().map(look).unzip();
        let known: Vec<bool> = self.ask(|c| {
            let mut question = c.prepare_cached(
                "SELECT EXISTS(SELECT 1 FROM heard WHERE hash = ?1 AND model = ?2)",
            )?;
            let hashes = contents
                .iter()
                .map(|content| content.as_ref().map_or("", |(_, hash)| hash));
            hashes
                .map(|hash| question.query_row(params![hash, model.id], |row| row.get(0)))
                .collect()
        })?;
        let heard = self.hear_contents(&|| Ok(ear), model, chunk, &contents, true)?;
        self.change(|t| {
            for (k, path) in chunk.iter().enumerate() {
                match &heard[k] {
                    Ok((stamp, heard)) => {
                        write_file(t, path, *stamp, Ok(&heard.hash), number)?;
                        let text = |name: &str| tags[k].get(name);
                        t.prepare_cached(
                            "UPDATE file SET title = ?2, artist = ?3, album = ?4, genre = ?5 WHERE path = ?1",
                        )?
                        .execute(params![
                            path.to_string_lossy(),
                            text("title"),
                            text("artist"),
                            text("album"),
                            text("genre")
                        ])?;
                        done.heard += 1;
                        done.cut += usize::from(heard.seconds >= ear.longest_seconds());
                        done.known_content += usize::from(known[k]);
                    }
                    Err(reason) => {
                        let stamp = contents[k].as_ref().map_or(Stamp::NONE, |(stamp, _)| *stamp);
                        write_file(t, path, stamp, Err(reason), number)?;
                        done.failed.push((path.clone(), reason.clone()));
                    }
                }
            }
            Ok(())
        })
    }

    /// Marks the files that have gone from folders that could be read; what is found elsewhere since has moved.
    fn mark_gone(
        &mut self,
        folders: &[PathBuf],
        found: &Found,
        done: &mut Scanned,
    ) -> Result<(), LibraryError> {
        let is_gone = |path: &Path| {
            let within = |folder: &&PathBuf| path.starts_with(folder) && folder.is_dir();
            let unread = |(problem, _): &(PathBuf, String)| path.starts_with(problem);
            folders.iter().any(|folder| within(&folder))
                && found
                    .files
                    .binary_search_by(|file| file.as_path().cmp(path))
                    .is_err()
                && !found.problems.iter().any(unread)
        };
        self.change(|t| {
            let mut question = t.prepare("SELECT id, path, hash, since, missing FROM file")?;
            let mut rows = question.query([])?;
            let mut moved_to = t.prepare(
                "SELECT EXISTS(SELECT 1 FROM file WHERE hash = ?1 AND since > ?2 AND missing = 0 AND id <> ?3)",
            )?;
            let mut gone = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, path): (i64, String) = (row.get(0)?, row.get(1)?);
                if is_gone(Path::new(&path)) {
                    let hash: Option<String> = row.get(2)?;
                    let moved: bool = moved_to.query_row(params![hash, row.get::<_, i64>(3)?, id], |r| r.get(0))?;
                    let was_missing: bool = row.get(4)?;
                    gone.push((id, moved, hash.is_none(), was_missing));
                }
            }
            for (id, moved, never_heard, was_missing) in gone {
                done.moved += usize::from(moved);
                done.missing += usize::from(!moved && !never_heard && !was_missing);
                match moved || never_heard {
                    true => t.execute("DELETE FROM file WHERE id = ?1", [id])?,
                    false => t.execute("UPDATE file SET missing = 1 WHERE id = ?1", [id])?,
                };
            }
            Ok(())
        })
    }

    /// Drops what no file or example refers to, and what older models heard of what the model in use has heard.
    pub(super) fn sweep(&mut self, model: &KnownModel) -> Result<(), LibraryError> {
        self.change(|t| {
            t.execute(
                "DELETE FROM heard WHERE hash NOT IN (SELECT hash FROM file WHERE hash IS NOT NULL)
                 AND hash NOT IN (SELECT hash FROM example)",
                [],
            )?;
            t.execute(
                "DELETE FROM heard WHERE model <> ?1 AND hash IN (SELECT hash FROM heard WHERE model = ?1)",
                [model.id],
            )
        })?;
        Ok(())
    }
}

/// Writes a file's row: its content's hash, or its problem.
fn write_file(
    connection: &Connection,
    path: &Path,
    stamp: Stamp,
    content: Result<&String, &String>,
    scan: i64,
) -> rusqlite::Result<()> {
    let write = "INSERT INTO file(path, size, modified_ns, hash, problem, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT(path) DO UPDATE SET size = excluded.size, modified_ns = excluded.modified_ns,
        hash = excluded.hash, problem = excluded.problem, missing = 0";
    let values = params![
        path.to_string_lossy(),
        stamp.size,
        stamp.modified_ns,
        content.ok(),
        content.err(),
        scan
    ];
    connection.prepare_cached(write)?.execute(values).map(drop)
}

/// A path that means the same wherever the program is run from.
pub(super) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    // Without `..` and what a link stands for, if it is there, so that a folder has one name.
    std::fs::canonicalize(&path).unwrap_or(path)
}

/// What lies in some folders.
struct Found {
    /// Sorted, each once.
    files: Vec<PathBuf>,
    problems: Vec<(PathBuf, String)>,
}

impl Found {
    fn in_folders(folders: &[PathBuf], on_event: &mut dyn FnMut(ScanEvent)) -> Self {
        let mut found = Self {
            files: Vec::new(),
            problems: Vec::new(),
        };
        for folder in folders {
            if !folder.is_dir() {
                on_event(ScanEvent::Note(format!(
                    "{}: is no folder that can be read now; what is known of the files in it stays as it is",
                    folder.display()
                )));
                continue;
            }
            let here = audio::find(std::slice::from_ref(folder));
            found.files.extend(here.files);
            for problem in here.problems {
                match problem.kind {
                    AudioErrorKind::NoAudioFiles => on_event(ScanEvent::Note(problem.to_string())),
                    kind => {
                        // As the library writes it down.
                        let path = PathBuf::from(problem.path.to_string_lossy().into_owned());
                        found.problems.push((path, kind.to_string()));
                    }
                }
            }
        }
        found.files.sort();
        found.files.dedup();
        found.problems.sort();
        found.problems.dedup();
        found
    }
}
