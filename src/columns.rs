//! Tables of named columns, written row group by row group as `.parquet`, `.csv` or `.jsonl`: what other programs read.
//!
//! | value | `.parquet` | `.csv` | `.jsonl` |
//! | --- | --- | --- | --- |
//! | text | string | as it is | string |
//! | integer | 64 bits | digits | number |
//! | float | 64 bits | the fewest digits that give the same float | number, or null if it is not finite |
//! | vector | list of 32-bit floats | a column for each value: of `embedding` `e0`, `e1`, ... | array |
//! | nothing | null | empty | null |
//!
//! Every value may be missing. Memory does not grow with the rows.

mod lines;
mod packed;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::files::{self, WriteError};

pub use packed::{Known, KnownError, known};

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

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Float,
    /// Vectors of so many numbers.
    Vector(usize),
}

/// A column: its name, of letters, digits and underscores, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
}

impl Column {
    /// A column by name and kind.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A vector, as long as its column says.
    Vector(&'a [f32]),
    /// Nothing is known.
    None,
}

impl<'a> Value<'a> {
    /// Text, where there is some.
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::None, Self::Text)
    }

    /// A number, where there is one.
    pub fn float(number: Option<f64>) -> Self {
        number.map_or(Self::None, Self::Float)
    }

    fn is_of(&self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::Vector(values), Kind::Vector(width)) => values.len() == width,
            (Self::Text(_), Kind::Text)
            | (Self::Integer(_), Kind::Integer)
            | (Self::Float(_), Kind::Float)
            | (Self::None, _) => true,
            _ => false,
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
    Parquet(packed::Packed<'a>),
    Csv(lines::Csv<'a>),
    Jsonl(lines::Jsonl<'a>),
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
            Format::Parquet => Sink::Parquet(packed::Packed::new(file, columns, about)?),
            Format::Csv => Sink::Csv(lines::Csv::new(file, columns)?),
            Format::Jsonl => Sink::Jsonl(lines::Jsonl::new(file)),
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
