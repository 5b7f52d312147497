//! A CSV manifest: columns `path,label[,split][,group]`, in any order; others are kept, and can be labels too.

use crate::files::{self, Keep, WriteError};

use super::{
    error::DataError,
    labels::{self, Labels},
    part::Part,
    row::Row,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Read,
    path::{Path, PathBuf},
};

/// How many missing files an error names.
const NAMED: usize = 5;

/// Largest manifest, in bytes.
const LARGEST: u64 = 1 << 30;

/// Most columns, and the longest name of one and the longest field in bytes: more are a sign of another kind of file.
const MOST_COLUMNS: usize = 1000;
const LONGEST_NAME: usize = 256;
const LONGEST_FIELD: usize = 1 << 15;

/// Columns with a meaning of their own.
const KNOWN: [&str; 4] = ["path", "label", "split", "group"];

/// Reads the manifest's rows; paths are relative to its folder and must exist.
pub(super) fn list(
    manifest: &Path,
    labels: &Labels,
    warnings: &mut Vec<String>,
) -> Result<Vec<Row>, DataError> {
    let mut bytes = Vec::new();
    std::fs::File::open(manifest)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| DataError::Unreadable {
            path: manifest.into(),
            reason: error.to_string(),
        })?;
    let text = bytes.as_slice();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text);
    let wrong = |line: u64, reason: String| DataError::Manifest {
        path: manifest.into(),
        line,
        reason,
    };
    let unparsable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let reason = match error.kind() {
            csv::ErrorKind::Utf8 { .. } => {
                "the text is not UTF-8: save the manifest as UTF-8".into()
            }
            _ => format!("{error}: write it as plain CSV"),
        };
        wrong(line, reason)
    };

    if text.len() as u64 > LARGEST {
        return Err(wrong(
            1,
            "the file is larger than 1 GiB: is it a manifest?".into(),
        ));
    }
    let header: Vec<String> = reader
        .headers()
        .map_err(unparsable)?
        .iter()
        .map(str::to_lowercase)
        .collect();
    if header.len() > MOST_COLUMNS || header.iter().any(|name| name.len() > LONGEST_NAME) {
        return Err(wrong(
            1,
            format!(
                "{} columns, or one with a name of more than {LONGEST_NAME} bytes: the first line must name up to {MOST_COLUMNS} columns, at least path,label",
                header.len()
            ),
        ));
    }
    let column = |name: &str| header.iter().position(|found| found == name);
    let required = |missing: &'static str| {
        column(missing).ok_or_else(|| DataError::MissingColumn {
            path: manifest.into(),
            missing,
            found: header.clone(),
        })
    };
    let path_column = required("path")?;
    let label_column = match labels {
        Labels::Folder => Some(required("label")?),
        Labels::Column(name) => Some(column(name).ok_or_else(|| DataError::NoLabelColumn {
            path: manifest.into(),
            column: name.clone(),
            found: header.clone(),
        })?),
        Labels::Track => None,
    };
    let (part_column, group_column) = (column("split"), column("group"));

    let root = folder_of(manifest);
    let mut listed: Vec<Row> = Vec::new();
    let mut missing = Vec::new();
    let mut line_of: HashMap<PathBuf, u64> = HashMap::new();
    let mut without_part = None;
    let mut unlabelled = 0;
    for record in reader.records() {
        let record = record.map_err(unparsable)?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.iter().any(|field| field.len() > LONGEST_FIELD) {
            return Err(wrong(
                line,
                format!(
                    "a field of more than {LONGEST_FIELD} bytes: a closing quote may be missing"
                ),
            ));
        }
        if record
            .iter()
            .skip(header.len())
            .any(|extra| !extra.is_empty())
        {
            return Err(wrong(
                line,
                format!(
                    "{} fields where the header has {}: put a path or label that holds a comma into double quotes",
                    record.len(),
                    header.len()
                ),
            ));
        }
        let field = |column: Option<usize>| {
            column
                .and_then(|i| record.get(i))
                .filter(|text| !text.is_empty())
        };
        let filled = |column: usize, name: &str| {
            field(Some(column)).ok_or_else(|| {
                wrong(
                    line,
                    format!("the {name} is empty: fill it in or remove the line"),
                )
            })
        };
        if matches!(labels, Labels::Column(_)) && field(label_column).is_none() {
            unlabelled += 1;
            continue;
        }
        let label = match label_column {
            Some(column) => filled(column, "label")?.to_owned(),
            None => String::new(),
        };
        let written = filled(path_column, "path")?;
        let path = existing(&root, written);
        if let Some(first) = line_of.insert(path.clone(), line) {
            return Err(wrong(
                line,
                format!("{written} is already listed in line {first}: remove one of the lines"),
            ));
        }
        let part = field(part_column)
            .map(|word| Part::parse(word).map_err(|reason| wrong(line, reason)))
            .transpose()?;
        if part.is_none() && without_part.is_none() {
            without_part = Some(line);
        }
        if !root.join(&path).is_file() {
            missing.push((path.clone(), line));
        }
        listed.push(Row {
            path,
            label,
            group: field(group_column).map(str::to_owned),
            part,
            columns: other_columns(&header, &record),
            seconds: None,
        });
    }

    if let Labels::Column(name) = labels {
        labels::check_unlabelled(manifest, name, unlabelled, listed.len(), warnings)?;
    }
    if listed.is_empty() {
        return Err(DataError::NoRows(manifest.into()));
    }
    if let Some((first, _)) = missing.first() {
        return Err(DataError::MissingFiles {
            path: manifest.into(),
            count: missing.len(),
            rows: listed.len(),
            first: missing
                .iter()
                .take(NAMED)
                .map(|(path, line)| format!("{} (line {line})", path.display()))
                .collect(),
            absolute: first.is_absolute() || looks_like_windows_root(first),
        });
    }
    if let (Some(line), true) = (without_part, listed.iter().any(|file| file.part.is_some())) {
        return Err(wrong(
            line,
            "no split, though other lines have one: fill in every line, or empty the column to split by seed".into(),
        ));
    }
    Ok(listed)
}

/// The filled fields of the columns that have no meaning of their own.
fn other_columns(header: &[String], record: &csv::StringRecord) -> BTreeMap<String, String> {
    let fields = header.iter().zip(record.iter());
    fields
        .filter(|(name, field)| !KNOWN.contains(&name.as_str()) && !field.is_empty())
        .map(|(name, field)| (name.clone(), field.to_owned()))
        .collect()
}

/// Columns that come before others in a manifest.
const FIRST: [&str; 3] = ["artist", "album", "title"];

/// Writes a manifest. The rows' paths are relative to `root` (or absolute) and become relative to the manifest's
/// folder.
pub(super) fn write(manifest: &Path, root: &Path, rows: &[Row]) -> Result<(), DataError> {
    let known: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.columns.keys().map(String::as_str))
        .collect();
    let mut others: Vec<&str> = known.into_iter().collect();
    others.sort_by_key(|name| {
        (
            FIRST
                .iter()
                .position(|first| first == name)
                .unwrap_or(FIRST.len()),
            *name,
        )
    });
    let header: Vec<&str> = KNOWN.into_iter().chain(others.iter().copied()).collect();
    let ordinary = files::is_ordinary(manifest);
    let folder = match ordinary {
        true => folder_of(manifest),
        false => ".".into(),
    };
    let lines = rows.iter().map(|row| {
        let path = relative(&root.join(&row.path), &folder);
        let mut line = vec![
            path,
            row.label.clone(),
            row.part.map_or(String::new(), |part| part.to_string()),
            row.group.clone().unwrap_or_default(),
        ];
        line.extend(
            others
                .iter()
                .map(|name| row.columns.get(*name).cloned().unwrap_or_default()),
        );
        line
    });
    let lines: Vec<Vec<String>> = lines.collect();
    if ordinary && tells_more(manifest, &header, &lines) {
        let (path, reason) = (manifest.into(), Keep::Richer);
        return Err(WriteError::Kept { path, reason }.into());
    }
    files::write_with(manifest, |file| {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(&header)?;
        lines
            .iter()
            .try_for_each(|line| writer.write_record(line))?;
        writer.flush()
    })?;
    Ok(())
}

/// The column that copies of a recording get, and lose again when all but one are left out.
const PIECE: &str = "piece";

/// Whether a manifest that is there knows more of a file of both than the new one, or has another label for it, or has no file
/// in common with it: someone's work would be lost.
fn tells_more(old: &Path, header: &[&str], lines: &[Vec<String>]) -> bool {
    let mut reader = match csv::ReaderBuilder::new().flexible(true).from_path(old) {
        Ok(reader) => reader,
        Err(_) => return false, // there is none
    };
    let Ok(found) = reader.headers().cloned() else {
        return true;
    };
    let place = |name: &str| found.iter().position(|column| column == name);
    let (Some(path), Some(label)) = (place("path"), place("label")) else {
        return !found.is_empty();
    };
    let lost = |column: &str| !header.contains(&column) && column != PIECE;
    let lost = Vec::from_iter((0..found.len()).filter(|&column| lost(&found[column])));
    let label_of: HashMap<&str, &str> = lines
        .iter()
        .map(|line| (line[0].as_str(), line[1].as_str()))
        .collect();
    let (mut rows, mut known) = (0, 0);
    for record in reader.records() {
        let Ok(record) = record else {
            return true;
        };
        rows += 1;
        if let Some(new) = label_of.get(record.get(path).unwrap_or_default()) {
            let filled = |&column: &usize| record.get(column).is_some_and(|f| !f.is_empty());
            if record.get(label) != Some(*new) || lost.iter().any(filled) {
                return true;
            }
            known += 1;
        }
    }
    rows > 0 && known == 0
}

/// A path as seen from a folder, with `/` between its parts; absolute where they lie on different drives.
fn relative(path: &Path, folder: &Path) -> String {
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    // The file itself may be a link: only its folder is made plain.
    let home = whole(path.parent().unwrap_or(Path::new("")));
    let path = home.join(path.file_name().unwrap_or_default());
    let folder = whole(folder);
    let shared = path
        .components()
        .zip(folder.components())
        .take_while(|(a, b)| a == b)
        .count();
    if shared == 0 {
        return path.display().to_string();
    }
    let up = folder.components().skip(shared).map(|_| "..".into());
    let down = path
        .components()
        .skip(shared)
        .map(|part| part.as_os_str().to_string_lossy());
    up.chain(down)
        .collect::<Vec<std::borrow::Cow<str>>>()
        .join("/")
}

/// The folder that a manifest's paths are relative to.
pub(super) fn folder_of(manifest: &Path) -> PathBuf {
    match manifest.parent() {
        Some(folder) if folder != Path::new("") => folder.into(),
        _ => ".".into(),
    }
}

/// The separator among comma, semicolon (spreadsheets in many countries) and tab that the first line has most of.
pub(super) fn delimiter(text: &[u8]) -> u8 {
    let first = text
        .split(|&byte| byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    let count = |separator: u8| first.iter().filter(|&&byte| byte == separator).count();
    // The last of equals wins, so that the comma comes last.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|&separator| count(separator))
        .unwrap_or(b',')
}

/// The path as written, or with `\` read as `/` where only that exists (a manifest written on Windows).
pub(super) fn existing(root: &Path, written: &str) -> PathBuf {
    let turned = written.replace('\\', "/");
    if !root.join(written).exists() && root.join(&turned).exists() {
        turned.into()
    } else {
        written.into()
    }
}

fn looks_like_windows_root(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.get(1) == Some(&b':')
}
