//! A row for every row of a manifest, or of a shard of it: what schedulers spread over machines.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use crate::cli::common::{Common, load_model, model_hash, print, print_json};
use crate::cli::hints;
use crate::cli::interrupt::INTERRUPTED;
use crate::columns::{self, Column, Format, Kind, Value};
use crate::data::{Listed, listed};
use crate::embed::FileEmbedding;
use crate::features::FeatureError;
use crate::files::{self, Claim, hash_bytes, hash_of};
use crate::mel::EngineChoice;
use crate::words::count;
use anyhow::bail;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::args::{Args, Per, Shard};
use super::partial::{MadeWith, ManifestRows, OfManifest, Partial, Row, Source, rows};
use super::work::{Hearing, outputs, segments};

/// What a shard's table says of itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct About {
    made_with: MadeWith,
    /// Rows of the manifest.
    files: usize,
    /// How many of them have an error.
    errors: usize,
}

pub(super) fn run(args: &Args, manifest: &Path, common: &Common) -> anyhow::Result<ExitCode> {
    if Format::of(&args.output) != Some(Format::Parquet) {
        bail!(
            "{}: with --manifest the name must end in .parquet",
            args.output.display()
        );
    }
    let shard = args.shard.unwrap_or(Shard { index: 0, of: 1 });
    let outputs = outputs(args)?;
    let listed = listed(manifest, |row| row % shard.of == shard.index)?;
    outputs.spare([manifest])?;
    outputs.spare(listed.iter().map(|l| &l.path))?;
    let model = load_model(&args.model, common)?;
    let segment = segments(args, &model)?;
    let made_with = MadeWith {
        model: model_hash(&args.model)?,
        per: args.per.unwrap_or(Per::File),
        hop: segment.hop(),
        // As asked for: a shard may go on where another engine is the faster one.
        engine: match args.engine {
            EngineChoice::Auto => "auto",
            EngineChoice::Gpu => "gpu",
            EngineChoice::Cpu => "cpu",
        }
        .into(),
        manifest: Some(ManifestRows {
            rows: hash_of_rows(&listed),
            strict: args.strict,
        }),
    };
    let _claim = Claim::new(&args.output)?;
    if let Some((about, rows)) = done(&args.output, &made_with)? {
        return conclude(args, common, shard, &about, rows, true);
    }
    let sources = listed
        .iter()
        .map(|l| (Some(l.row), PathBuf::from(&l.written)));
    let sources: Vec<Source> = sources.collect();
    let mut partial = Partial::open(&args.output, true, &made_with, &sources)?;
    if !partial.done.is_empty() {
        common.note(&format!("{} files were done before", partial.done.len()));
    }
    let left = sources.into_iter().zip(&listed);
    let left = left.filter(|(source, _)| !partial.done.contains(source));
    let left: Vec<&Listed> = left.map(|(_, listed)| listed).collect();
    let files: Vec<PathBuf> = left.iter().map(|l| l.path.clone()).collect();
    let hearing = Hearing::new(args, common, &model, segment, files.len())?;
    let at = partial.path.clone();
    let before = |part: &[PathBuf]| part.par_iter().map(|path| Content::of(path)).collect();
    let each = |index: usize, content: &Content, heard| {
        let whole = heard_whole(&files[index], content, heard);
        partial.append(&rows_of(left[index], content, whole, made_with.per))
    };
    if !hearing.hear(common, &files, &at, "the same command", before, each)? {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let about = About {
        files: listed.len(),
        errors: errors(&partial)?,
        made_with,
    };
    let rows = write(&args.output, &about, &partial, hearing.embedder.width())?;
    partial.remove();
    conclude(args, common, shard, &about, rows, false)
}

/// The hash of the numbers and paths of rows.
fn hash_of_rows(listed: &[Listed]) -> String {
    let lines = listed.iter().map(|l| format!("{}\t{}\n", l.row, l.written));
    hash_bytes(lines.collect::<String>().as_bytes())
}

/// What the output says of itself if it is there already, and its number of rows. It is an error if it is of something else.
fn done(output: &Path, made_with: &MadeWith) -> anyhow::Result<Option<(About, u64)>> {
    if !files::is_ordinary(output) || !output.exists() {
        return Ok(None);
    }
    let known = columns::known(output)?;
    let about: Option<About> = serde_json::from_str(&known.about).ok();
    match about {
        Some(about) if about.made_with == *made_with => Ok(Some((about, known.rows))),
        Some(_) => bail!(
            "{} is there already, and was made with {}: move it away, or choose another name",
            output.display(),
            made_with.others()
        ),
        None => bail!(
            "{} is there already, and is of no manifest: move it away, or choose another name",
            output.display()
        ),
    }
}

/// A file as it was before it was heard.
struct Content {
    hash: Option<String>,
    state: Option<(u64, SystemTime)>,
}

impl Content {
    fn of(path: &Path) -> Self {
        let state = state(path);
        // Only of files: others, such as pipes, are refused when they are to be heard.
        let hash = state.and_then(|_| hash_of(path).ok());
        Self { hash, state }
    }
}

/// Length and time of the last change of an ordinary file.
fn state(path: &Path) -> Option<(u64, SystemTime)> {
    let found = path.metadata().ok().filter(|found| found.is_file())?;
    Some((found.len(), found.modified().ok()?))
}

/// What was heard of a file, or why that is not its embedding.
fn heard_whole(
    path: &Path,
    content: &Content,
    heard: Result<FileEmbedding, FeatureError>,
) -> Result<FileEmbedding, String> {
    let file = heard.map_err(|error| hints::told(&error))?;
    let name = path.display();
    if content.hash.is_none() || state(path) != content.state {
        return Err(format!(
            "{name}: was changed while it was heard: hear it again"
        ));
    }
    match file.segments.is_empty() {
        true => Err(format!("{name}: is too short to be heard")),
        false => Ok(file),
    }
}

/// The rows of a file; at least one.
fn rows_of(
    listed: &Listed,
    content: &Content,
    heard: Result<FileEmbedding, String>,
    per: Per,
) -> Vec<Row> {
    let path = Path::new(&listed.written);
    let of_manifest = |seconds, error| {
        Some(OfManifest {
            row: listed.row,
            hash: content.hash.clone(),
            seconds,
            error,
        })
    };
    match heard {
        Ok(file) => {
            let rows = rows(path, &file, per).into_iter();
            let seconds = Some(file.info.duration_s);
            let rows = rows.map(|row| Row {
                of_manifest: of_manifest(seconds, None),
                ..row
            });
            rows.collect()
        }
        Err(error) => vec![Row {
            path: path.into(),
            start_s: 0.0,
            end_s: 0.0,
            embedding: Vec::new(),
            of_manifest: of_manifest(None, Some(error)),
        }],
    }
}

/// How many rows have an error.
fn errors(partial: &Partial) -> anyhow::Result<usize> {
    let mut errors = 0;
    partial.each(|row| {
        errors += usize::from(row.of_manifest.is_some_and(|m| m.error.is_some()));
        Ok(())
    })?;
    Ok(errors)
}

fn write(output: &Path, about: &About, partial: &Partial, width: usize) -> anyhow::Result<u64> {
    let columns = [
        Column::new("row", Kind::Integer),
        Column::new("path", Kind::Text),
        Column::new("hash", Kind::Text),
        Column::new("model", Kind::Text),
        Column::new("seconds", Kind::Float),
        Column::new("start_s", Kind::Float),
        Column::new("end_s", Kind::Float),
        Column::new("embedding", Kind::Vector(width)),
        Column::new("error", Kind::Text),
    ];
    let text = serde_json::to_string(about)?;
    let rows = columns::write(output, Format::Parquet, &columns, &text, |table| {
        partial.each(|row| {
            let Some(of) = &row.of_manifest else {
                return Err(std::io::Error::other("a row of no manifest"));
            };
            let there = |value| match of.error {
                None => value,
                Some(_) => Value::None,
            };
            table.add(&[
                Value::Integer(i64::try_from(of.row).map_err(std::io::Error::other)?),
                Value::Text(&row.path.to_string_lossy()),
                Value::text(of.hash.as_deref()),
                Value::Text(&about.made_with.model),
                Value::float(of.seconds),
                there(Value::Float(row.start_s)),
                there(Value::Float(row.end_s)),
                there(Value::Vector(&row.embedding)),
                Value::text(of.error.as_deref()),
            ])
        })
    })?;
    Ok(rows)
}

/// Says what is in the table. Rows with an error have their place in it, and are a failure under --strict alone.
fn conclude(
    args: &Args,
    common: &Common,
    shard: Shard,
    about: &About,
    rows: u64,
    before: bool,
) -> anyhow::Result<ExitCode> {
    let output = args.output.display();
    if common.json {
        print_json(&serde_json::json!({
            "output": output.to_string(),
            "shard": format!("{}/{}", shard.index, shard.of),
            "rows": rows,
            "files": about.files,
            "errors": about.errors,
            "was_there": before,
        }))?;
    } else if !common.quiet {
        let errors = match about.errors {
            0 => String::new(),
            errors => format!(", {errors} with an error instead (see the column error)"),
        };
        let files = count(about.files, "file", "files");
        let rows = format!("{rows} rows of {files}{errors}");
        print(&match before {
            false => format!("{output}: {rows}\n"),
            true => format!(
                "{output} is there already, from the same model and rows: {rows}; nothing was done\n"
            ),
        })?;
    }
    match args.strict && about.errors > 0 {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}
