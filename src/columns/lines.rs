//! Tables as lines of text: CSV and JSON.

use std::borrow::Cow;
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
        let mut names = Vec::new();
        for column in columns {
            match column.kind {
                Kind::Vector(width) => {
                    let letter = &column.name[..1];
                    names.extend((0..width).map(|k| format!("{letter}{k}")));
                }
                _ => names.push(column.name.to_owned()),
            }
        }
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(&names).map_err(told)?;
        Ok(Self(writer))
    }

    pub(super) fn add(&mut self, columns: &[Column], row: &[Value]) -> io::Result<()> {
        let mut fields = Vec::with_capacity(row.len());
        for (value, column) in row.iter().zip(columns) {
            match (value, column.kind) {
                (Value::Text(text), _) => fields.push(Cow::from(*text)),
                (Value::Integer(number), _) => fields.push(number.to_string().into()),
                (Value::Float(number), _) => fields.push(number.to_string().into()),
                (Value::Truth(truth), _) => fields.push(truth.to_string().into()),
                (Value::Vector(values), _) => {
                    fields.extend(values.iter().map(|value| Cow::from(value.to_string())));
                }
                (Value::None, Kind::Vector(width)) => {
                    fields.extend(std::iter::repeat_n(Cow::from(""), width));
                }
                (Value::None, _) => fields.push("".into()),
            }
        }
        let fields = fields.iter().map(|field| field.as_bytes());
        self.0.write_record(fields).map_err(told)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The operating system's error, if it is one of that.
fn told(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
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
