//! Tables as Parquet files.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::value::{Column, Kind, Value};

/// Bytes of values in a row group, about: as much is held in memory.
const ROW_GROUP: usize = 8 << 20;

/// The key of what a file says of itself.
const ABOUT: &str = "gamaka";

/// A table as a Parquet file.
pub(super) struct Packed<'a> {
    writer: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    pending: Vec<Pending>,
    bytes: usize,
}

impl fmt::Debug for Packed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packed")
    }
}

/// Values of a column that wait for their row group. Levels as Parquet has them: of each row whether its value is there, and of
/// a vector whose value is the first of a row.
enum Pending {
    Text(Vec<ByteArray>, Vec<i16>),
    Integer(Vec<i64>, Vec<i16>),
    Float(Vec<f64>, Vec<i16>),
    Truth(Vec<bool>, Vec<i16>),
    Vector(Vec<f32>, Vec<i16>, Vec<i16>),
}

/// Levels of a vector: there is none, it is empty, there is a value.
const ABSENT: i16 = 0;
const EMPTY: i16 = 1;
const PRESENT: i16 = 2;

impl Pending {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new(), Vec::new()),
            Kind::Integer => Self::Integer(Vec::new(), Vec::new()),
            Kind::Float => Self::Float(Vec::new(), Vec::new()),
            Kind::Truth => Self::Truth(Vec::new(), Vec::new()),
            Kind::Vector(_) => Self::Vector(Vec::new(), Vec::new(), Vec::new()),
        }
    }

    /// Takes a value of the column's kind, and returns how many bytes it has.
    fn add(&mut self, value: &Value) -> usize {
        match (self, value) {
            (Self::Text(values, levels), Value::Text(text)) => {
                values.push((*text).into());
                levels.push(1);
                text.len()
            }
            (Self::Integer(values, levels), Value::Integer(number)) => {
                values.push(*number);
                levels.push(1);
                size_of::<i64>()
            }
            (Self::Float(values, levels), Value::Float(number)) => {
                values.push(*number);
                levels.push(1);
                size_of::<f64>()
            }
            (Self::Truth(values, levels), Value::Truth(truth)) => {
                values.push(*truth);
                levels.push(1);
                1
            }
            (Self::Vector(values, levels, first), Value::Vector(vector)) => {
                values.extend_from_slice(vector);
                let there = if vector.is_empty() { EMPTY } else { PRESENT };
                levels.extend(std::iter::repeat_n(there, vector.len().max(1)));
                first.push(0);
                first.extend(std::iter::repeat_n(1, vector.len().saturating_sub(1)));
                size_of_val(*vector)
            }
            (
                Self::Text(_, levels)
                | Self::Integer(_, levels)
                | Self::Float(_, levels)
                | Self::Truth(_, levels),
                _,
            ) => {
                levels.push(0);
                1
            }
            (Self::Vector(_, levels, first), _) => {
                levels.push(ABSENT);
                first.push(0);
                1
            }
        }
    }

    /// Writes the values as the row group's next column, and forgets them.
    fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        match self {
            Self::Text(values, levels) => column::<ByteArrayType, _>(group, values, levels, None),
            Self::Integer(values, levels) => column::<Int64Type, _>(group, values, levels, None),
            Self::Float(values, levels) => column::<DoubleType, _>(group, values, levels, None),
            Self::Truth(values, levels) => column::<BoolType, _>(group, values, levels, None),
            Self::Vector(values, levels, first) => {
                column::<FloatType, _>(group, values, levels, Some(first))
            }
        }
    }
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &mut Vec<T::T>,
    levels: &mut Vec<i16>,
    first: Option<&mut Vec<i16>>,
) -> Result<(), ParquetError> {
    let more = || ParquetError::General("more columns than the schema has".into());
    let mut column = group.next_column()?.ok_or_else(more)?;
    let typed = column.typed::<T>();
    typed.write_batch(values, Some(levels), first.as_deref().map(Vec::as_slice))?;
    column.close()?;
    values.clear();
    levels.clear();
    first.map(Vec::clear);
    Ok(())
}

impl<'a> Packed<'a> {
    pub(super) fn new(
        file: &'a mut (dyn Write + Send),
        columns: &[Column],
        about: &str,
    ) -> io::Result<Self> {
        let mut schema = String::from("message table {");
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("gamaka version {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(vec![KeyValue::new(ABOUT.into(), about.to_owned())]));
        for Column { name, kind } in columns {
            let field = match kind {
                Kind::Text => format!(" optional binary {name} (STRING);"),
                Kind::Integer => format!(" optional int64 {name};"),
                Kind::Float => format!(" optional double {name};"),
                Kind::Truth => format!(" optional boolean {name};"),
                Kind::Vector(_) => {
                    // No value of a vector comes twice, and none is looked for.
                    let path = ["list", "element"].map(String::from);
                    let path = std::iter::once((*name).to_owned()).chain(path);
                    let path = ColumnPath::new(path.collect());
                    properties = properties
                        .set_column_dictionary_enabled(path.clone(), false)
                        .set_column_statistics_enabled(path, EnabledStatistics::None);
                    format!(
                        " optional group {name} (LIST) {{ repeated group list {{ required float element; }} }}"
                    )
                }
            };
            schema.push_str(&field);
        }
        schema.push_str(" }");
        let schema = parse_message_type(&schema).map_err(told)?;
        let properties = Arc::new(properties.build());
        let writer = SerializedFileWriter::new(file, Arc::new(schema), properties).map_err(told)?;
        Ok(Self {
            writer,
            pending: columns.iter().map(|c| Pending::of(c.kind)).collect(),
            bytes: 0,
        })
    }

    pub(super) fn add(&mut self, row: &[Value]) -> io::Result<()> {
        let columns = self.pending.iter_mut().zip(row);
        let added: usize = columns.map(|(pending, value)| pending.add(value)).sum();
        self.bytes += added;
        if self.bytes >= ROW_GROUP {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(told)?;
        for pending in &mut self.pending {
            pending.write(&mut group).map_err(told)?;
        }
        group.close().map_err(told)?;
        self.bytes = 0;
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.bytes > 0 {
            self.flush()?;
        }
        self.writer.close().map_err(told)?;
        Ok(())
    }
}

/// The operating system's error, if it is one of that.
fn told(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

/// What a table on disk says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What it was written with as its `about`.
    pub about: String,
    /// How many rows it has.
    pub rows: u64,
}

/// Why a file is no table of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError {
    /// It cannot be read.
    #[error("{}: cannot be read ({error}): check its permissions", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// It is not Parquet, or a part of a file only.
    #[error("{}: is no Parquet file, or is damaged: move it away", .0.display())]
    Damaged(PathBuf),
    /// Another program wrote it.
    #[error("{}: was not written by gamaka: move it away", .0.display())]
    Foreign(PathBuf),
}

/// Reads what a Parquet file says of itself. A file that lacks its end, where that stands, is an error.
///
/// # Errors
/// [`KnownError`].
pub fn known(path: &Path) -> Result<Known, KnownError> {
    let file = File::open(path).map_err(|error| KnownError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let reader =
        SerializedFileReader::new(file).map_err(|_| KnownError::Damaged(path.to_owned()))?;
    let metadata = reader.metadata().file_metadata();
    let about = metadata.key_value_metadata().and_then(|pairs| {
        let pair = pairs.iter().find(|pair| pair.key == ABOUT)?;
        pair.value.clone()
    });
    Ok(Known {
        about: about.ok_or_else(|| KnownError::Foreign(path.to_owned()))?,
        rows: u64::try_from(metadata.num_rows()).unwrap_or_default(),
    })
}
