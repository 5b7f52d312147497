//! A table that is being written, in one of the formats.

use std::io::{self, Write};
use std::path::Path;

use super::lines::{Csv, Jsonl};
use super::packed::Packed;
use super::value::{Column, Value};
use crate::files::{self, WriteError};

/// The endings of the names that [`Format::of`] knows, for a message.
pub const ENDINGS: &str = ".parquet, .csv or .jsonl";

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, compressed with Snappy.
    Parquet,
    /// Comma-separated, the names in the first line.
    Csv,
    /// A JSON object in each line.
    Jsonl,
}

impl Format {
    /// The format that a file's name ends in, in small letters or large.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// A table that is being written.
#[derive(Debug)]
pub struct Table<'a> {
    columns: &'a [Column],
    rows: u64,
    sink: Sink<'a>,
}

#[derive(Debug)]
enum Sink<'a> {
    Parquet(Packed<'a>),
    Csv(Csv<'a>),
    Jsonl(Jsonl<'a>),
}

impl Table<'_> {
    /// Adds a row, a value for each column.
    ///
    /// # Errors
    /// What the disk says; values that are not those of the columns.
    pub fn add(&mut self, row: &[Value]) -> io::Result<()> {
        let fit = row.iter().zip(self.columns);
        if row.len() != self.columns.len() || !fit.into_iter().all(|(v, c)| v.is_of(c.kind)) {
            return Err(io::Error::other(format!(
                "row {} does not fit the columns",
                self.rows + 1
            )));
        }
        self.rows += 1;
        match &mut self.sink {
            Sink::Parquet(packed) => packed.add(row),
            Sink::Csv(csv) => csv.add(self.columns, row),
            Sink::Jsonl(jsonl) => jsonl.add(self.columns, row),
        }
    }
}

/// Writes a table whole or not at all; `fill` adds its rows. `about` goes into a Parquet file, to be found by [`known`]; the other
/// formats have no place for it. Returns the number of rows.
///
/// # Errors
/// [`WriteError`], also for what `fill` returns; the old file, if any, is then untouched.
pub fn write(
    path: &Path,
    format: Format,
    columns: &[Column],
    about: &str,
    fill: impl FnOnce(&mut Table) -> io::Result<()>,
) -> Result<u64, WriteError> {
    let mut rows = 0;
    files::write_with(path, |file| {
        let file: &mut (dyn Write + Send) = file;
        let sink = match format {
            Format::Parquet => Sink::Parquet(Packed::new(file, columns, about)?),
            Format::Csv => Sink::Csv(Csv::new(file, columns)?),
            Format::Jsonl => Sink::Jsonl(Jsonl::new(file)),
        };
        let mut table = Table {
            columns,
            rows,
            sink,
        };
        fill(&mut table)?;
        rows = table.rows;
        match table.sink {
            Sink::Parquet(packed) => packed.finish(),
            Sink::Csv(csv) => csv.finish(),
            Sink::Jsonl(jsonl) => jsonl.finish(),
        }
    })?;
    Ok(rows)
}
