//! Tables as lines of text: CSV and JSON.

use std::fmt;
use std::io::{self, BufWriter, Write};

use super::value::{Column, Kind, Value};

/// A table as CSV.
pub(super) struct Csv<'a>(csv::Writer<&'a mut (dyn Write + Send)>);

impl fmt::Debug for Csv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Csv")
    }
}

impl<'a> Csv<'a> {
    /// Writes the names. Those of a vector's values are the first letter of its name and their number, from 0.
    pub(super) fn new(file: &'a mut (dyn Write + Send), columns: &[Column]) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(file);
        for column in columns {
            match column.kind {
                Kind::Vector(width) => {
                    let letter = &column.name[..1];
                    (0..width).try_for_each(|k| writer.write_field(format!("{letter}{k}")))?;
                }
                _ => writer.write_field(column.name)?,
            }
        }
        writer.write_record(None::<&[u8]>)?;
        Ok(Self(writer))
    }

    pub(super) fn add(&mut self, columns: &[Column], row: &[Value]) -> io::Result<()> {
        let writer = &mut self.0;
        for (value, column) in row.iter().zip(columns) {
            match (value, column.kind) {
                (Value::Text(text), _) => writer.write_field(text)?,
                (Value::Integer(number), _) => writer.write_field(number.to_string())?,
                (Value::Float(number), _) => writer.write_field(number.to_string())?,
                (Value::Vector(values), _) => values
                    .iter()
                    .try_for_each(|value| writer.write_field(value.to_string()))?,
                (Value::None, Kind::Vector(width)) => {
                    (0..width).try_for_each(|_| writer.write_field(""))?;
                }
                (Value::None, _) => writer.write_field("")?,
            }
        }
        Ok(writer.write_record(None::<&[u8]>)?)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A table as JSON lines.
pub(super) struct Jsonl<'a>(BufWriter<&'a mut (dyn Write + Send)>);

impl fmt::Debug for Jsonl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jsonl")
    }
}

impl<'a> Jsonl<'a> {
    pub(super) fn new(file: &'a mut (dyn Write + Send)) -> Self {
        Self(BufWriter::new(file))
    }

    pub(super) fn add(&mut self, columns: &[Column], row: &[Value]) -> io::Result<()> {
        let mut before = '{';
        for (value, column) in row.iter().zip(columns) {
            write!(self.0, "{before}\"{}\":", column.name)?;
            serde_json::to_writer(&mut self.0, value)?;
            before = ',';
        }
        self.0.write_all(b"}\n")
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}
