//! An embedding for every segment or file that paths name.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::audio;
use crate::cli::common::{
    Common, conclude, failed_json, load_model, model_hash, one_line, print, print_error,
    print_json, sentence,
};
use crate::cli::hints;
use crate::cli::interrupt::INTERRUPTED;
use crate::columns::{self, Column, Format, Kind, Value};
use crate::embed::FileEmbedding;
use crate::features::FeatureError;
use crate::files::{self, Claim};
use crate::vectors;
use anyhow::{anyhow, bail};

use super::args::{Args, Per};
use super::partial::{MadeWith, Partial, Row, Source, rows};
use super::work::{Hearing, outputs, segments};

/// How the rows are written.
enum Output {
    Table(Format),
    Npz,
}

impl Output {
    fn of(path: &Path) -> Option<Self> {
        let npz = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("npz"));
        match npz {
            true => Some(Self::Npz),
            false => Format::of(path).map(Self::Table),
        }
    }
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let Some(output) = Output::of(&args.output) else {
        bail!(
            "{}: the name must end in .npz, {}",
            args.output.display(),
            columns::ENDINGS
        );
    };
    let outputs = outputs(args)?;
    let model = load_model(&args.model, common)?;
    let segment = segments(args, &model)?;
    let mut found = audio::find(&args.paths);
    once(&mut found.files);
    outputs.spare(&found.files)?;
    let hearing = Hearing::new(args, common, &model, segment, found.files.len())?;
    let mut failed: Vec<(PathBuf, String)> = found
        .problems
        .iter()
        .map(|e| (e.path.clone(), e.to_string()))
        .collect();
    if found.files.is_empty() {
        // What is there from before stays, and so does a list of errors.
        return Ok(conclude(&failed, failed.len(), args.strict));
    }
    let per = args.per.unwrap_or(Per::Segment);
    let made_with = MadeWith {
        model: model_hash(&args.model)?,
        per,
        hop: segment.hop(),
        engine: hearing.front_end.engine().name().to_string(),
        manifest: None,
    };
    let _claim = Claim::new(&args.output)?;
    let sources = found.files.into_iter().map(|file| (None, file));
    let sources: Vec<Source> = sources.collect();
    let mut partial = Partial::open(&args.output, args.resume, &made_with, &sources)?;
    let left = sources.into_iter().filter(|s| !partial.done.contains(s));
    let files: Vec<PathBuf> = left.map(|(_, file)| file).collect();
    if !partial.done.is_empty() {
        common.note(&format!("{} files were done before", partial.done.len()));
    }
    let total = files.len() + partial.done.len() + failed.len();
    let at = partial.path.clone();
    let before = |part: &[PathBuf]| vec![(); part.len()];
    let each = |index: usize, (): &(), result: Result<FileEmbedding, FeatureError>| match result {
        Ok(file) => partial.append(&rows(&files[index], &file, per)),
        Err(error) => {
            failed.push((files[index].clone(), hints::told(&error)));
            Ok(())
        }
    };
    let again = "the same command with --resume";
    if !hearing.hear(common, &files, &at, again, before, each)? {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let (count, width) = (partial.rows(), hearing.embedder.width());
    if count > 0 {
        write(&args.output, output, &partial, width)?;
    }
    partial.remove();
    if let Some(path) = &args.errors {
        let lines: String = failed
            .iter()
            .map(|(p, r)| {
                let (name, reason) = (p.display().to_string(), sentence(p, r));
                format!("{}\t{}\n", one_line(&name), one_line(&reason))
            })
            .collect();
        files::write(path, lines.as_bytes())?;
    }
    if common.json {
        print_json(&serde_json::json!({
            "output": args.output.display().to_string(),
            "rows": count,
            "width": width,
            "files": total - failed.len(),
            "failed": failed_json(&failed),
        }))?;
    } else if !common.quiet && count > 0 {
        print(&format!(
            "{}: {count} rows of {width} values from {} files\n",
            args.output.display(),
            total - failed.len()
        ))?;
    }
    if count == 0 {
        print_error(&anyhow!(
            "{} is not written, for there is no row to write",
            args.output.display()
        ));
    }
    Ok(conclude(&failed, total, args.strict))
}

/// Leaves one of several spellings of the same path. Links have names of their own.
fn once(files: &mut Vec<PathBuf>) {
    let mut seen = HashSet::new();
    files.retain(|file| {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let name = file.file_name().unwrap_or_default();
        match folder.canonicalize() {
            Ok(folder) => seen.insert(folder.join(name)),
            Err(_) => true,
        }
    });
}

/// Turns the rows so far into the output.
fn write(path: &Path, output: Output, partial: &Partial, width: usize) -> anyhow::Result<()> {
    match output {
        Output::Npz => {
            let mut rows = Vec::new();
            partial.each(|row| {
                rows.push(row);
                Ok(())
            })?;
            files::write(path, &npz_bytes(&rows)?)?;
        }
        Output::Table(format) => {
            let columns = [
                Column::new("path", Kind::Text),
                Column::new("start_s", Kind::Float),
                Column::new("end_s", Kind::Float),
                Column::new("embedding", Kind::Vector(width)),
            ];
            columns::write(path, format, &columns, "", |table| {
                partial.each(|row| {
                    table.add(&[
                        Value::Text(&row.path.to_string_lossy()),
                        Value::Float(row.start_s),
                        Value::Float(row.end_s),
                        Value::Vector(&row.embedding),
                    ])
                })
            })?;
        }
    }
    Ok(())
}

/// The rows as [`vectors`] keeps them.
fn npz_bytes(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let width = rows.first().map_or(0, |r| r.embedding.len());
    let values: Vec<f32> = rows.iter().flat_map(|r| &r.embedding).copied().collect();
    let paths: Vec<_> = rows.iter().map(|r| r.path.display().to_string()).collect();
    let places = paths.iter().zip(rows);
    let places: Vec<_> = places
        .map(|(path, r)| (path.as_str(), [r.start_s, r.end_s]))
        .collect();
    Ok(vectors::npz(&places, width, &values)?)
}
