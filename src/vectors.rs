//! Vectors of segments as an .npz file: what `gamaka embed` writes, and what teaches a training.
//!
//! NumPy opens it with `numpy.load`, without pickles. Its arrays, a row of each for a segment:
//!
//! | array | type | is |
//! | --- | --- | --- |
//! | `path` | `<U`, as wide as the longest | the audio file |
//! | `start_s`, `end_s` | `<f8` | where the segment begins and ends, in seconds |
//! | `embedding` | `<f4`, two dimensions | its vector |

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Most rows of a file.
const MOST_ROWS: usize = 1 << 26;

/// Longest vector.
const WIDEST: usize = 1 << 16;

/// Most values of all vectors together.
const MOST_VALUES: usize = 1 << 31;

/// Longest path, in characters.
const LONGEST_PATH: usize = 1 << 15;

/// Longest header of an array, in bytes: one has about a hundred.
const LONGEST_HEADER: usize = 1 << 16;

/// Latest second of a recording there may be: thirty years.
const MOST_SECONDS: f64 = 1e9;

/// Bytes that are decompressed at a time.
const PIECE: usize = 1 << 16;

/// What every .npy file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";

const WAY_OUT: &str = "give a file that `gamaka embed MUSIC -o NAME.npz` wrote, or one with the arrays path, start_s, end_s and embedding";

/// A file of vectors that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct VectorsError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// Where a vector belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VectorRow {
    /// The audio file, an index into [`Vectors::paths`].
    pub path: usize,
    /// Start of the segment in seconds.
    pub start_s: f64,
    /// Its end in seconds.
    pub end_s: f64,
}

/// The vectors of a file, all of them finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// The file that they were read from.
    pub file: PathBuf,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub hash: String,
    /// The audio files as it names them, in the order of their first rows.
    pub paths: Vec<String>,
    /// Where each vector belongs; at least one.
    pub rows: Vec<VectorRow>,
    /// Length of a vector.
    pub width: usize,
    /// The vectors, [rows, width].
    pub values: Vec<f32>,
}

impl Vectors {
    /// The vector of a row.
    pub fn vector(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// Reads a file. It may be compressed or not, and its numbers f32 or f64. What it says of its sizes is checked before room
    /// is made for them.
    ///
    /// # Errors
    /// [`VectorsError`]: not there, not an .npz file, an array missing or of another type or length, a number that is not finite.
    pub fn read(path: &Path) -> Result<Self, VectorsError> {
        let at = |reason: String| VectorsError {
            path: path.to_path_buf(),
            reason,
        };
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => at(format!("there is no such file: {WAY_OUT}")),
            _ => at(format!("cannot be read ({error}): {WAY_OUT}")),
        })?;
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(at(format!("is no file: {WAY_OUT}")));
        }
        let mut file = BufReader::new(file);
        let unreadable = |error: io::Error| at(format!("cannot be read ({error})"));
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut file, &mut hasher).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let mut vectors = read(file).map_err(at)?;
        vectors.file = path.to_path_buf();
        vectors.hash = hasher.finalize().to_hex().to_string();
        Ok(vectors)
    }
}

fn read(file: impl Read + Seek) -> Result<Vectors, String> {
    let mut archive =
        ZipArchive::new(file).map_err(|_| format!("is no .npz file, or is damaged: {WAY_OUT}"))?;
    let mut array = Array::of("embedding", 2);
    let mut values = Vec::new();
    let mut finite = None;
    let (rows, width) = array.read(&mut archive, |array| {
        let [rows, width] = array.shape[..] else {
            return Err(String::new());
        };
        if !(1..=WIDEST).contains(&width) || rows.saturating_mul(width) > MOST_VALUES {
            return Err(format!(
                "holds {rows} vectors of {width} values, but may hold vectors of 1 to {WIDEST} values, and {MOST_VALUES} values in all"
            ));
        }
        array.numbers(rows * width, |value| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a value too large for f32 becomes infinite, and is refused"
            )]
            let value = value as f32;
            if !value.is_finite() {
                finite.get_or_insert(values.len() / width);
            }
            values.push(value);
        })?;
        Ok((rows, width))
    })?;
    if rows == 0 {
        return Err(format!("holds no vector: {WAY_OUT}"));
    }
    let mut times = [Vec::new(), Vec::new()];
    for (name, times) in ["start_s", "end_s"].into_iter().zip(&mut times) {
        Array::of(name, 1).read(&mut archive, |array| {
            array.check_rows(rows)?;
            array.numbers(rows, |value| times.push(value))
        })?;
    }
    let mut paths = Paths::default();
    Array::of("path", 1).read(&mut archive, |array| {
        array.check_rows(rows)?;
        paths.read(array, rows)
    })?;
    let [starts, ends] = times;
    let rows: Vec<VectorRow> = paths
        .of_row
        .into_iter()
        .zip(starts.into_iter().zip(ends))
        .map(|(path, (start_s, end_s))| VectorRow {
            path,
            start_s,
            end_s,
        })
        .collect();
    let told = |row: usize| format!("row {row}, of {:?},", paths.names[rows[row].path]);
    if let Some(row) = finite {
        return Err(format!(
            "{} holds a value that is not finite: leave out such rows, or make the vectors anew",
            told(row)
        ));
    }
    let sound =
        |row: &VectorRow| row.start_s >= 0.0 && row.end_s > row.start_s && row.end_s < MOST_SECONDS;
    if let Some(row) = rows.iter().position(|row| !sound(row)) {
        let VectorRow { start_s, end_s, .. } = rows[row];
        return Err(format!(
            "{} goes from {start_s} to {end_s} s: a segment must begin at 0 or later and end after that",
            told(row)
        ));
    }
    Ok(Vectors {
        file: PathBuf::new(),
        hash: String::new(),
        paths: paths.names,
        rows,
        width,
        values,
    })
}

/// The paths of rows, each kept once.
#[derive(Default)]
struct Paths {
    names: Vec<String>,
    known: HashMap<String, usize>,
    of_row: Vec<usize>,
}

impl Paths {
    fn read(&mut self, array: &mut Open, rows: usize) -> Result<(), String> {
        let length = array.kind.strip_prefix("<U").and_then(|n| n.parse().ok());
        let Some(length) = length.filter(|length| (1..=LONGEST_PATH).contains(length)) else {
            return Err(format!(
                "is of type {:?}, but must be <U1 to <U{LONGEST_PATH}: save it as numpy.array(paths)",
                array.kind
            ));
        };
        let mut bytes = vec![0; 4 * length];
        for row in 0..rows {
            array.fill(&mut bytes)?;
            let codes = bytes.as_chunks::<4>().0.iter();
            let codes = codes.map(|code| u32::from_le_bytes(*code));
            let name: Option<String> = codes.map(char::from_u32).collect();
            let Some(name) = name else {
                return Err(format!("holds what is no text in row {row}: {WAY_OUT}"));
            };
            let name = name.trim_end_matches('\0');
            let place = match self.known.get(name) {
                Some(&place) => place,
                None => {
                    self.known.insert(name.to_owned(), self.names.len());
                    self.names.push(name.to_owned());
                    self.names.len() - 1
                }
            };
            self.of_row.push(place);
        }
        Ok(())
    }
}

/// An array to be read.
struct Array {
    name: &'static str,
    dimensions: usize,
}

/// An array whose header has been read.
struct Open<'a> {
    from: &'a mut dyn Read,
    /// NumPy's name of its type.
    kind: String,
    shape: Vec<usize>,
}

impl Array {
    fn of(name: &'static str, dimensions: usize) -> Self {
        Self { name, dimensions }
    }

    /// Reads the array by `content`, which has to read all of it. Sentences of errors get its name.
    fn read<T>(
        &mut self,
        archive: &mut ZipArchive<impl Read + Seek>,
        content: impl FnOnce(&mut Open) -> Result<T, String>,
    ) -> Result<T, String> {
        let name = self.name;
        let named = |reason: String| format!("its array {name} {reason}");
        let mut file = match archive.by_name(&format!("{name}.npy")) {
            Ok(file) => file,
            Err(zip::result::ZipError::FileNotFound) => {
                return Err(format!("has no array {name}: {WAY_OUT}"));
            }
            Err(error) => return Err(named(format!("cannot be read ({error}): {WAY_OUT}"))),
        };
        let mut open = Open {
            from: &mut file,
            kind: String::new(),
            shape: Vec::new(),
        };
        open.header().map_err(named)?;
        if open.shape.len() != self.dimensions || open.shape[0] > MOST_ROWS {
            return Err(named(format!(
                "is of shape {:?}, but must have {} and at most {MOST_ROWS} rows: {WAY_OUT}",
                open.shape,
                match self.dimensions {
                    1 => "one dimension, the rows,",
                    _ => "two dimensions, rows and values,",
                }
            )));
        }
        let read = content(&mut open).map_err(named)?;
        // The end of a member is where its checksum is looked at.
        match open.from.read(&mut [0]) {
            Ok(0) => Ok(read),
            _ => Err(named(damaged())),
        }
    }
}

fn damaged() -> String {
    "is damaged, or longer or shorter than it says: make the file anew".into()
}

impl Open<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        self.from.read_exact(bytes).map_err(|_| damaged())
    }

    /// Reads the header: versions 1 to 3 of the format, which differ in how long it may be.
    fn header(&mut self) -> Result<(), String> {
        let mut start = [0; 8];
        self.fill(&mut start)?;
        let length = match (&start[..6] == MAGIC, start[6]) {
            (true, 1) => {
                let mut length = [0; 2];
                self.fill(&mut length)?;
                usize::from(u16::from_le_bytes(length))
            }
            (true, 2 | 3) => {
                let mut length = [0; 4];
                self.fill(&mut length)?;
                usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX)
            }
            _ => return Err(format!("is no NumPy array: {WAY_OUT}")),
        };
        if length > LONGEST_HEADER {
            return Err(damaged());
        }
        let mut text = vec![0; length];
        self.fill(&mut text)?;
        let text = String::from_utf8(text).map_err(|_| damaged())?;
        let field = |name: &str| {
            let after = text.split_once(&format!("'{name}':"))?.1;
            Some(after.trim_start())
        };
        let kind = field("descr").and_then(|text| text.strip_prefix('\'')?.split_once('\''));
        let Some((kind, _)) = kind else {
            return Err(format!("is of no simple type: {WAY_OUT}"));
        };
        self.kind = kind.to_owned();
        let shape = field("shape").and_then(|text| text.strip_prefix('(')?.split_once(')'));
        let shape = shape.and_then(|(text, _)| {
            let sizes = text.split(',').map(str::trim);
            let sizes = sizes.filter(|size| !size.is_empty());
            sizes.map(|size| size.parse().ok()).collect()
        });
        self.shape = shape.ok_or_else(damaged)?;
        match field("fortran_order") {
            Some(order) if order.starts_with("False") => Ok(()),
            Some(order) if order.starts_with("True") => {
                Err("is stored column by column: save numpy.ascontiguousarray of it".into())
            }
            _ => Err(damaged()),
        }
    }

    /// Refuses an array of another length than the vectors have.
    fn check_rows(&self, rows: usize) -> Result<(), String> {
        match self.shape[0] == rows {
            true => Ok(()),
            false => Err(format!(
                "has {} rows and embedding has {rows}: a row of each belongs to one segment, so make the file anew",
                self.shape[0]
            )),
        }
    }

    /// Reads `count` numbers, f32 or f64.
    fn numbers(&mut self, count: usize, mut each: impl FnMut(f64)) -> Result<(), String> {
        let size = match self.kind.as_str() {
            "<f4" => 4,
            "<f8" => 8,
            other => {
                return Err(format!(
                    "is of type {other:?}, but must be <f4 or <f8: save it with .astype(\"float32\")"
                ));
            }
        };
        let mut bytes = vec![0; PIECE];
        let mut left = count;
        while left > 0 {
            let now = left.min(PIECE / size);
            let piece = &mut bytes[..now * size];
            self.fill(piece)?;
            if size == 4 {
                let values = piece.as_chunks::<4>().0.iter();
                values.for_each(|value| each(f32::from_le_bytes(*value).into()));
            } else {
                let values = piece.as_chunks::<8>().0.iter();
                values.for_each(|value| each(f64::from_le_bytes(*value)));
            }
            left -= now;
        }
        Ok(())
    }
}

/// The bytes of a file of vectors: for each row its path, start and end, and `width` of the values.
///
/// # Errors
/// If there are not as many values as the rows need.
pub fn npz(rows: &[(&str, [f64; 2])], width: usize, values: &[f32]) -> io::Result<Vec<u8>> {
    if values.len() != rows.len() * width {
        return Err(io::Error::other("another number of values than of rows"));
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let count = rows.len();
    let dims = format!("({count}, {width})");
    start(&mut zip, "embedding", "<f4", &dims, size_of_val(values))?;
    for piece in values.chunks(PIECE) {
        let bytes = piece.iter().flat_map(|value| value.to_le_bytes());
        zip.write_all(&bytes.collect::<Vec<u8>>())?;
    }
    let dims = format!("({count},)");
    for (place, name) in ["start_s", "end_s"].into_iter().enumerate() {
        start(&mut zip, name, "<f8", &dims, 8 * count)?;
        for piece in rows.chunks(PIECE) {
            let bytes = piece
                .iter()
                .flat_map(|(_, times)| times[place].to_le_bytes());
            zip.write_all(&bytes.collect::<Vec<u8>>())?;
        }
    }
    // UTF-32, filled up with zeros. An empty text takes a character too.
    let length = rows.iter().map(|(path, _)| path.chars().count()).max();
    let length = length.unwrap_or(0).max(1);
    let kind = format!("<U{length}");
    start(&mut zip, "path", &kind, &dims, 4 * length * count)?;
    let mut bytes = Vec::with_capacity(4 * length);
    for (path, _) in rows {
        bytes.clear();
        let codes = path.chars().flat_map(|code| u32::from(code).to_le_bytes());
        bytes.extend(codes);
        bytes.resize(4 * length, 0);
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish().map_err(io::Error::other)?.into_inner())
}

/// Begins a member of the archive and writes the header of its array (version 1 of the format), filled up with blanks so that
/// the values begin at a multiple of 64 bytes.
fn start(
    zip: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    kind: &str,
    dims: &str,
    bytes: usize,
) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // A header more is less than a MiB.
        .large_file(bytes as u64 > (u64::from(u32::MAX) - (1 << 20)));
    zip.start_file(format!("{name}.npy"), options)
        .map_err(io::Error::other)?;
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {dims}, }}");
    let before = MAGIC.len() + 4;
    let length = (before + text.len() + 1).next_multiple_of(64) - before;
    zip.write_all(MAGIC)?;
    zip.write_all(&[1, 0])?;
    let short = u16::try_from(length).map_err(io::Error::other)?;
    zip.write_all(&short.to_le_bytes())?;
    zip.write_all(format!("{text:<width$}\n", width = length - 1).as_bytes())
}

#[cfg(test)]
mod tests;
