//! What a run has so far, so that one that was stopped can go on.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::embed::FileEmbedding;
use crate::files::{self, WriteError};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::args::Per;

/// A row to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) path: PathBuf,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    /// Empty where there is none.
    pub(super) embedding: Vec<f32>,
    /// What a manifest's row has beside these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) of_manifest: Option<OfManifest>,
}

/// What is told of a row of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OfManifest {
    /// Its number, from 0.
    pub(super) row: u64,
    pub(super) hash: Option<String>,
    /// How long the file is.
    pub(super) seconds: Option<f64>,
    /// Why there is no embedding.
    pub(super) error: Option<String>,
}

/// What a row is of.
pub(super) type Source = (Option<u64>, PathBuf);

impl Row {
    fn source(&self) -> Source {
        (self.of_manifest.as_ref().map(|m| m.row), self.path.clone())
    }
}

/// The rows of a file that was heard.
pub(super) fn rows(path: &Path, file: &FileEmbedding, per: Per) -> Vec<Row> {
    let row = |start_s, end_s, embedding| Row {
        path: path.to_path_buf(),
        start_s,
        end_s,
        embedding,
        of_manifest: None,
    };
    match per {
        Per::File => vec![row(0.0, file.info.duration_s, file.mean())],
        Per::Segment => {
            let segments = file.segments.iter();
            segments
                .map(|s| {
                    row(
                        s.start_s,
                        s.end_s.min(file.info.duration_s),
                        s.embedding.clone(),
                    )
                })
                .collect()
        }
    }
}

/// What rows of one output have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MadeWith {
    /// Hash of the model file.
    pub(super) model: String,
    pub(super) per: Per,
    /// Frames from one segment to the next.
    pub(super) hop: usize,
    pub(super) engine: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) manifest: Option<ManifestRows>,
}

/// Of which rows of a manifest an output is, and whether damaged files count as failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ManifestRows {
    /// Hash of their numbers and paths.
    pub(super) rows: String,
    pub(super) strict: bool,
}

impl MadeWith {
    /// What another output was made with that is not this one.
    pub(super) fn others(&self) -> &'static str {
        match self.manifest {
            None => "another model, --per, --hop or --engine",
            Some(_) => {
                "another model, other rows of a manifest, or another --per, --hop, --engine or --strict"
            }
        }
    }
}

/// What it was made with and the rows so far, one JSON line each, in a file beside the output. It grows by
/// a whole file's rows at a time, so that a run that was stopped can go on.
pub(super) struct Partial {
    pub(super) path: PathBuf,
    /// What all rows are of that are not to be made again.
    pub(super) done: HashSet<Source>,
    file: File,
    rows: usize,
}

impl Partial {
    /// Opens what there is beside an output, or begins it. Rows that are there are an error without `resume`, and if they are not
    /// of what is `asked`.
    pub(super) fn open(
        output: &Path,
        resume: bool,
        made_with: &MadeWith,
        asked: &[Source],
    ) -> anyhow::Result<Self> {
        let path = partial_path(output);
        let before = Before::read(&path)?;
        if before.made_with.is_none() && path.metadata().is_ok_and(|found| found.len() > 0) {
            bail!(
                "{} is not of gamaka's making: move it away, or choose another name for the output",
                path.display()
            );
        }
        if before.rows == 0 {
            let mut text = serde_json::to_vec(made_with)?;
            text.push(b'\n');
            files::write(&path, &text)?;
        } else {
            if !resume {
                bail!(
                    "{} keeps the rows of a run that was stopped: add --resume to go on, or delete it to start anew",
                    path.display()
                );
            }
            if before.made_with.as_ref() != Some(made_with) {
                bail!(
                    "{} was made with {}: give the same, or delete it to start anew",
                    path.display(),
                    made_with.others()
                );
            }
            let asked: HashSet<&Source> = asked.iter().collect();
            if let Some((_, other)) = before.done.iter().find(|source| !asked.contains(source)) {
                bail!(
                    "{} keeps rows of {}, which is not among the files to embed now: name the same files, or delete it to start anew",
                    path.display(),
                    other.display()
                );
            }
        }
        let file = files::append(&path)?;
        if before.rows > 0 {
            file.set_len(before.end).map_err(at(&path))?;
        }
        Ok(Self {
            path,
            done: before.done,
            file,
            rows: before.rows,
        })
    }

    pub(super) fn append(&mut self, rows: &[Row]) -> anyhow::Result<()> {
        let mut text = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut text, row)?;
            text.push(b'\n');
        }
        self.rows += rows.len();
        let more = match rows.iter().any(|row| row.of_manifest.is_some()) {
            true => "stopped; mend it and run the same command to go on",
            false => "stopped; mend it and run the same command with --resume to go on",
        };
        self.file
            .write_all(&text)
            .map_err(at(&self.path))
            .context(more)
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Reads all rows, one after the other.
    pub(super) fn each(&self, mut take: impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
        let name = self.path.display();
        let lines = BufReader::new(File::open(&self.path)?).split(b'\n');
        let mut read = 0;
        for line in lines.skip(1) {
            read += 1;
            let row = serde_json::from_slice(&line?).map_err(|_| {
                io::Error::other(format!(
                    "{name}: row {read} cannot be read back; the disk or the model may be damaged (are its embeddings finite?)"
                ))
            })?;
            take(row)?;
        }
        match read == self.rows {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "{name}: {} rows were written, and {read} are there: another program has changed it; delete it and start anew",
                self.rows
            ))),
        }
    }

    /// The rows are in the output, which is safe: a leftover would only be in the way.
    pub(super) fn remove(self) {
        drop(self.file);
        files::remove(&self.path);
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> WriteError {
    let path = path.to_path_buf();
    move |error| WriteError::System {
        path: path.clone(),
        error,
    }
}

/// Where the rows of a run that is not done lie whose output is `output`.
pub(super) fn partial_path(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// What an earlier run has left: all but its last file, which may lack rows.
#[derive(Default)]
struct Before {
    made_with: Option<MadeWith>,
    done: HashSet<Source>,
    rows: usize,
    /// Where they end in the file, in bytes.
    end: u64,
}

impl Before {
    /// Reads up to the first line that is torn; there is nothing if there is no such file.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("{}: cannot be read", path.display());
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.with_context(unreadable)?,
        };
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        let mut at = file.read_until(b'\n', &mut line).with_context(unreadable)?;
        let mut before = Self {
            made_with: serde_json::from_slice(&line).ok(),
            ..Self::default()
        };
        let mut last: Option<Source> = None;
        let mut seen = 0;
        loop {
            line.clear();
            let read = file.read_until(b'\n', &mut line).with_context(unreadable)?;
            let Ok(row) = serde_json::from_slice::<Row>(&line) else {
                break;
            };
            let source = row.source();
            if last.as_ref() != Some(&source) {
                before.rows = seen;
                before.end = at as u64;
                before.done.extend(last.replace(source));
            }
            seen += 1;
            at += read;
        }
        Ok(before)
    }
}
