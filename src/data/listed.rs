//! The files that a list names: a CSV file with a column `path`, or a path in each line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::manifest::{delimiter, existing, folder_of};

/// Bytes in which the first line is looked for.
const START: usize = 1 << 16;

/// Longest path, in bytes: a longer one is a sign of another kind of file.
const LONGEST: usize = 1 << 15;

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number, from 0; empty lines and a header do not count.
    pub row: u64,
    /// The path as the list has it.
    pub written: String,
    /// Where the file is, if it is there: paths are relative to the list's folder.
    pub path: PathBuf,
}

/// Reads the rows of a list that are to be kept by their numbers. A file whose name ends in .csv or .tsv, or whose first line
/// names a column `path`, is a table; any other has a path in each line. Files need not exist. The whole list is checked, whatever
/// is kept.
///
/// # Errors
/// [`DataError`]: it cannot be read, is no text, has no rows, or a row has no path.
pub fn listed(list: &Path, keep: impl Fn(u64) -> bool) -> Result<Vec<Listed>, DataError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => DataError::NoList(list.into()),
        _ => DataError::Unreadable {
            path: list.into(),
            reason: error.to_string(),
        },
    };
    let file = File::open(list).map_err(unreadable)?;
    let mut text = BufReader::with_capacity(START, file);
    let start = text.fill_buf().map_err(unreadable)?;
    let separator = delimiter(start);
    let is_table = named_like_a_table(list) || names_paths(start, separator);
    let mut rows = Rows {
        list,
        root: folder_of(list),
        keep,
        count: 0,
        kept: Vec::new(),
    };
    match is_table {
        true => of_table(text, separator, &mut rows)?,
        false => of_lines(text, &mut rows)?,
    }
    match rows.count {
        0 => Err(rows.wrong(1, "it names no file: write a path in each line")),
        _ => Ok(rows.kept),
    }
}

struct Rows<'a, K> {
    list: &'a Path,
    root: PathBuf,
    keep: K,
    count: u64,
    kept: Vec<Listed>,
}

impl<K: Fn(u64) -> bool> Rows<'_, K> {
    fn wrong(&self, line: u64, reason: impl Into<String>) -> DataError {
        DataError::Manifest {
            path: self.list.into(),
            line,
            reason: reason.into(),
        }
    }

    fn add(&mut self, line: u64, written: &str) -> Result<(), DataError> {
        if written.len() > LONGEST || written.contains('\0') {
            return Err(self.wrong(
                line,
                format!(
                    "a path of more than {LONGEST} bytes, or with a zero byte in it: is it a list of files?"
                ),
            ));
        }
        if (self.keep)(self.count) {
            self.kept.push(Listed {
                row: self.count,
                written: written.to_owned(),
                path: self.root.join(existing(&self.root, written)),
            });
        }
        self.count += 1;
        Ok(())
    }
}

fn named_like_a_table(list: &Path) -> bool {
    let ending = list.extension().unwrap_or_default().to_ascii_lowercase();
    ending == "csv" || ending == "tsv"
}

/// Whether the first line names a column `path`.
fn names_paths(start: &[u8], separator: u8) -> bool {
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let names = text.lines().next().unwrap_or_default();
    let mut names = names.split(char::from(separator));
    names.any(|name| name.trim().trim_matches('"').eq_ignore_ascii_case("path"))
}

fn of_table<K: Fn(u64) -> bool>(
    text: impl io::Read,
    separator: u8,
    rows: &mut Rows<K>,
) -> Result<(), DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text);
    let unparsable = |rows: &Rows<K>, error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let reason = match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8: save the list as UTF-8".into(),
            _ => format!("{error}: write it as plain CSV"),
        };
        rows.wrong(line, reason)
    };
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return Err(unparsable(rows, error)),
    };
    let mut names = header.iter();
    let Some(column) = names.position(|name| name.eq_ignore_ascii_case("path")) else {
        let found = Vec::from_iter(&header).join(", ");
        let found: String = found.chars().take(200).collect();
        return Err(rows.wrong(
            1,
            format!(
                "no column is named path (found: {found}): the first line must name the columns"
            ),
        ));
    };
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(unparsable(rows, error)),
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record
            .iter()
            .skip(header.len())
            .any(|extra| !extra.is_empty())
        {
            return Err(rows.wrong(
                line,
                format!(
                    "{} fields where the header has {}: put a path that holds a comma into double quotes",
                    record.len(),
                    header.len()
                ),
            ));
        }
        match record.get(column) {
            None | Some("") => {
                let reason = "the path is empty: fill it in or remove the line";
                return Err(rows.wrong(line, reason));
            }
            Some(path) => rows.add(line, path)?,
        }
    }
}

fn of_lines<K: Fn(u64) -> bool>(
    mut text: impl BufRead,
    rows: &mut Rows<K>,
) -> Result<(), DataError> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        // Of a longer line the rest would be another path; but it is refused.
        let mut some = io::Read::take(&mut text, LONGEST as u64 + 3);
        let read = some.read_until(b'\n', &mut bytes);
        let read = read.map_err(|error| DataError::Unreadable {
            path: rows.list.into(),
            reason: error.to_string(),
        })?;
        if read == 0 {
            break;
        }
        let Ok(written) = str::from_utf8(&bytes) else {
            let reason = "the text is not UTF-8: give a text with a path in each line, or a CSV file with a column path";
            return Err(rows.wrong(line, reason));
        };
        let written = written.trim_end_matches(['\n', '\r']);
        let written = written.trim_start_matches('\u{feff}');
        if !written.trim().is_empty() {
            rows.add(line, written)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
