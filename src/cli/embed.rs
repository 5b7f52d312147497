//! `gamaka embed`: an embedding for every segment or file.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use crate::audio;
use crate::embed::{Embedder, FileEmbedding, embed_files};
use crate::features::SegmentShape;
use crate::files::{self, Claim, Outputs, WriteError};
use crate::mel::EngineChoice;
use crate::vectors;
use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::common::{
    Common, INCLUDED, conclude, engine, failed_json, front_end, load_model, model_hash, one_line,
    print, print_error, print_json, sentence,
};
use super::hints;
use super::interrupt::{INTERRUPTED, Stopping};
use super::numbers::seconds;

/// Files handed to the embedder at a time; an interrupt waits for so many at most.
const FILES_AT_ONCE: usize = 64;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Audio files, and folders to look for audio files in
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka
    #[arg(short, long, default_value = INCLUDED, value_name = "MODEL")]
    model: PathBuf,
    /// Where the rows go
    #[arg(short, long, value_name = "OUT.jsonl|OUT.csv|OUT.npz")]
    output: PathBuf,
    /// A row for each segment, or the mean of a file's segments
    #[arg(long, default_value = "segment", value_name = "segment|file", value_parser = per)]
    per: Per,
    /// Seconds from one segment of a file to the next [default: the model's]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    hop: Option<f64>,
    /// Write a line for each file that failed: its path, a tab, the reason
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Go on where an earlier run with the same output stopped
    #[arg(long)]
    resume: bool,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    engine: EngineChoice,
    /// Count a damaged file as failed, instead of using what can be decoded
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Per {
    Segment,
    File,
}

fn per(text: &str) -> Result<Per, String> {
    match text {
        "segment" => Ok(Per::Segment),
        "file" => Ok(Per::File),
        _ => Err("choose segment or file".into()),
    }
}

/// One row of the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    path: PathBuf,
    start_s: f64,
    end_s: f64,
    embedding: Vec<f32>,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let kind = args
        .output
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_lowercase();
    if !["jsonl", "csv", "npz"].contains(&kind.as_str()) {
        bail!(
            "{}: the name must end in .jsonl, .csv or .npz",
            args.output.display()
        );
    }
    let outputs = outputs(args)?;
    let model = load_model(&args.model, common)?;
    let mut segment = model.info.segment;
    if let Some(hop) = args.hop {
        let hop = SegmentShape::from_seconds(&model.info.preset, hop, hop).hop();
        segment = SegmentShape::new(segment.frames(), hop).map_err(anyhow::Error::msg)?;
    }
    let mut found = audio::find(&args.paths);
    once(&mut found.files);
    outputs.spare(&found.files)?;
    let gpu = common.gpu()?;
    let front_end = front_end(args.engine, &gpu, &model, args.strict)?;
    let embedder = Embedder::for_files(&gpu, &model.network, &model.parameters, found.files.len())?;
    let mut failed: Vec<(PathBuf, String)> = found
        .problems
        .iter()
        .map(|e| (e.path.clone(), e.to_string()))
        .collect();
    if found.files.is_empty() {
        // What is there from before stays, and so does a list of errors.
        return Ok(conclude(&failed, failed.len(), args.strict));
    }
    let made_with = MadeWith {
        model: model_hash(&args.model)?,
        per: args.per,
        hop: segment.hop(),
        engine: front_end.engine().name().to_string(),
    };
    let _claim = Claim::new(&args.output)?;
    let mut partial = Partial::open(&args.output, args.resume, &made_with, &found.files)?;
    let files: Vec<PathBuf> = found
        .files
        .into_iter()
        .filter(|f| !partial.done.contains(f))
        .collect();
    if !partial.done.is_empty() {
        common.note(&format!("{} files were done before", partial.done.len()));
    }
    let total = files.len() + partial.done.len() + failed.len();

    let stopping = Stopping::new(format!(
        "stopping after the files at hand, at most {FILES_AT_ONCE}; {} keeps what is done for --resume, also if you press it again",
        partial.path.display()
    ));
    let bar = common.bar(files.len(), "embedding");
    let mut cut = 0;
    for chunk in files.chunks(FILES_AT_ONCE) {
        if stopping.flag().load(Ordering::Relaxed) {
            bar.finish_and_clear();
            common.note(&format!(
                "stopped; run the same command with --resume to go on ({} keeps what is done)",
                partial.path.display()
            ));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let mut trouble = None;
        embed_files(&front_end, &embedder, segment, chunk, |index, result| {
            match result {
                Ok(file) => {
                    cut += usize::from(file.info.stopped);
                    let warnings = file.info.warnings.iter();
                    warnings.for_each(|w| {
                        bar.suspend(|| {
                            common.note(&one_line(&format!("{}: {w}", chunk[index].display())))
                        })
                    });
                    if let Err(error) = partial.append(&rows(&chunk[index], &file, args.per)) {
                        trouble.get_or_insert(error);
                    }
                }
                Err(error) => failed.push((chunk[index].clone(), hints::told(&error))),
            }
            bar.inc(1);
        })?;
        if let Some(error) = trouble {
            return Err(error);
        }
    }
    bar.finish_and_clear();
    drop(stopping);
    if let Some(note) = front_end.hearing().cut_note(cut) {
        common.note(&note);
    }
    let count = partial.finish(&args.output, &kind)?;
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
            "width": embedder.width(),
            "files": total - failed.len(),
            "failed": failed_json(&failed),
        }))?;
    } else if !common.quiet && count > 0 {
        print(&format!(
            "{}: {count} rows of {} values from {} files\n",
            args.output.display(),
            embedder.width(),
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

/// Checks before hours of work that all files can go where they shall.
fn outputs(args: &Args) -> anyhow::Result<Outputs> {
    let mut outputs = Outputs::default();
    outputs.add(&args.output)?;
    outputs.add(&partial_path(&args.output))?;
    args.errors.iter().try_for_each(|path| outputs.add(path))?;
    outputs.spare([&args.model])?;
    Ok(outputs)
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

/// Where the rows of a run that is not done lie whose output is `output`.
fn partial_path(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn rows(path: &Path, file: &FileEmbedding, per: Per) -> Vec<Row> {
    let row = |start_s, end_s, embedding| Row {
        path: path.to_path_buf(),
        start_s,
        end_s,
        embedding,
    };
    match per {
        Per::File => vec![row(0.0, file.info.duration_s, file.mean())],
        Per::Segment => {
            let segments = file.segments.iter();
            segments
                .map(|s| {
                    row(
                        s.start_s,
                        s.end_s.min(file.info.duration_s),
                        s.embedding.clone(),
                    )
                })
                .collect()
        }
    }
}

/// What rows of one output have in common.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct MadeWith {
    /// Hash of the model file.
    model: String,
    per: Per,
    /// Frames from one segment to the next.
    hop: usize,
    engine: String,
}

/// What it was made with and the rows so far, one JSON line each, in a file beside the output. It grows by
/// a whole file's rows at a time, so that a run that was stopped can go on.
struct Partial {
    path: PathBuf,
    file: File,
    done: HashSet<PathBuf>,
    rows: usize,
}

impl Partial {
    fn open(
        output: &Path,
        resume: bool,
        made_with: &MadeWith,
        files: &[PathBuf],
    ) -> anyhow::Result<Self> {
        let path = partial_path(output);
        let (before, mut kept) = read_partial(&path)?;
        if before.is_none() && path.metadata().is_ok_and(|found| found.len() > 0) {
            bail!(
                "{} is not of gamaka's making: move it away, or choose another name for the output",
                path.display()
            );
        }
        // The last file may lack rows: it is done again.
        if let Some(last) = kept.last().map(|r| r.path.clone()) {
            kept.retain(|r| r.path != last);
        }
        if !kept.is_empty() && !resume {
            bail!(
                "{} keeps the rows of a run that was stopped: add --resume to go on, or delete it to start anew",
                path.display()
            );
        }
        if !kept.is_empty() && before.as_ref() != Some(made_with) {
            bail!(
                "{} was made with another model, --per, --hop or --engine: give the same, or delete it to start anew",
                path.display()
            );
        }
        let asked: HashSet<&PathBuf> = files.iter().collect();
        if let Some(other) = kept.iter().find(|row| !asked.contains(&row.path)) {
            bail!(
                "{} keeps rows of {}, which is not among the files to embed now: name the same files, or delete it to start anew",
                path.display(),
                other.path.display()
            );
        }
        let mut text = serde_json::to_vec(made_with)?;
        text.push(b'\n');
        text.extend(jsonl_bytes(&kept)?);
        files::write(&path, &text)?;
        let file = files::append(&path)?;
        let rows = kept.len();
        let done = kept.into_iter().map(|r| r.path).collect();
        Ok(Self {
            path,
            file,
            done,
            rows,
        })
    }

    fn append(&mut self, rows: &[Row]) -> anyhow::Result<()> {
        let text = jsonl_bytes(rows)?;
        self.rows += rows.len();
        let at = |error| WriteError::System {
            path: self.path.clone(),
            error,
        };
        self.file
            .write_all(&text)
            .map_err(at)
            .context("stopped; mend it and run the same command with --resume to go on")
    }

    /// Turns the rows into the output, if there are any. Returns their number.
    fn finish(self, output: &Path, kind: &str) -> anyhow::Result<usize> {
        drop(self.file);
        if self.rows == 0 {
            files::remove(&self.path);
            return Ok(0);
        }
        if kind == "jsonl" {
            // The lines are there already, behind the first one.
            let mut lines = BufReader::new(File::open(&self.path)?);
            let count = lines.by_ref().split(b'\n').count();
            if count != self.rows + 1 {
                bail!(
                    "{}: {} rows were written, and {} are there: another program has changed it; delete it and start anew",
                    self.path.display(),
                    self.rows,
                    count.saturating_sub(1)
                );
            }
            lines.rewind()?;
            lines.skip_until(b'\n')?;
            files::write_with(output, |file| std::io::copy(&mut lines, file).map(drop))?;
            files::remove(&self.path);
            return Ok(self.rows);
        }
        let (_, rows) = read_partial(&self.path)?;
        if rows.len() != self.rows {
            bail!(
                "{}: row {} cannot be read back; the disk or the model may be damaged (are its embeddings finite?)",
                self.path.display(),
                rows.len() + 1
            );
        }
        let bytes = if kind == "csv" {
            csv_bytes(&rows)?
        } else {
            npz_bytes(&rows)?
        };
        files::write(output, &bytes)?;
        // The output is safe; a leftover would only be in the way.
        files::remove(&self.path);
        Ok(rows.len())
    }
}

/// Reads what the rows were made with, and the rows up to the first line that is torn; none if there is
/// no such file.
fn read_partial(path: &Path) -> anyhow::Result<(Option<MadeWith>, Vec<Row>)> {
    let unreadable = || format!("{}: cannot be read", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((None, Vec::new()));
        }
        other => other.with_context(unreadable)?,
    };
    let mut lines = BufReader::new(file).lines();
    let first = lines.next().transpose().with_context(unreadable)?;
    let made_with = first.and_then(|line| serde_json::from_str(&line).ok());
    let mut rows = Vec::new();
    for line in lines {
        match serde_json::from_str(&line.with_context(unreadable)?) {
            Ok(row) => rows.push(row),
            Err(_) => break,
        }
    }
    Ok((made_with, rows))
}

fn jsonl_bytes(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut text, row)?;
        text.push(b'\n');
    }
    Ok(text)
}

fn csv_bytes(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let width = rows.first().map_or(0, |r| r.embedding.len());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["path".to_string(), "start_s".into(), "end_s".into()];
    writer.write_record(
        header
            .into_iter()
            .chain((0..width).map(|k| format!("e{k}"))),
    )?;
    for row in rows {
        let fields = [
            row.path.display().to_string(),
            row.start_s.to_string(),
            row.end_s.to_string(),
        ];
        writer.write_record(
            fields
                .into_iter()
                .chain(row.embedding.iter().map(f32::to_string)),
        )?;
    }
    Ok(writer.into_inner()?)
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
