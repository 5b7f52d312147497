//! `gamaka tag`: the library's own genres, into the tags of audio files.

mod answers;
mod undo;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::genres::GenreAnswer;
use crate::library::Library;
use crate::tagging::{self, Copy, OWN, Plan};
use crate::words::count;
use rayon::prelude::*;

use super::common::{Common, conclude, failed_json, one_line, print, print_json, usage};
use super::interrupt::{INTERRUPTED, Stopping};
use super::library::Store;

/// Genres that are less likely are noise, and are told nowhere.
const LEAST: f64 = 0.01;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Audio files, and folders to look for audio files in
    files: Vec<PathBuf>,
    /// Every file of the library
    #[arg(long, conflicts_with = "files")]
    all: bool,
    /// Write what is shown; without it nothing is changed
    #[arg(long)]
    write: bool,
    /// Replace a genre that stands in a file by another
    #[arg(long)]
    overwrite: bool,
    /// Take a run of `gamaka tag --write` back: the last one, or the one of this number
    #[arg(long, value_name = "RUN", num_args = 0..=1,
        conflicts_with_all = ["files", "all", "write", "overwrite"])]
    undo: Option<Option<i64>>,
    /// How likely the first genre must be at least for a file to be tagged
    #[arg(long, default_value_t = 0.5, value_name = "P", value_parser = probability)]
    at_least: f64,
    /// How many genres are written at most into gamaka's own field
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    most: u8,
    #[command(flatten)]
    store: Store,
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    number.ok_or_else(|| "must be a number from 0 to 1".into())
}

/// What is to happen to a file.
enum Intent {
    Plan(Box<Plan>),
    /// None of the genres is near.
    Unknown,
    /// None is likely enough.
    Unsure,
}

/// A file with its answer.
struct File {
    path: PathBuf,
    ranked: Vec<(String, f64)>,
    intent: Intent,
    written: bool,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    if let Some(run) = args.undo {
        return undo::run(&args.store, run, common);
    }
    if args.files.is_empty() && !args.all {
        usage("name files or folders to tag, or give --all for every file of the library");
    }
    let (mut library, answers, mut failed) = answers::of(args, common)?;
    let asked = answers.len() + failed.len();
    let planned = common.while_waiting("reading tags", || {
        let plan = |(path, answer): (PathBuf, GenreAnswer)| {
            let file = planned(args, path.clone(), &answer);
            file.map_err(|error| (path, error.to_string()))
        };
        let all = answers.into_par_iter().map(plan);
        all.collect::<Vec<_>>()
    });
    let mut files = Vec::new();
    for file in planned {
        match file {
            Ok(file) => files.push(file),
            Err(problem) => failed.push(problem),
        }
    }
    let (mut run, mut stopped) = (None, false);
    if args.write {
        (run, stopped) = write(&mut library, &mut files, &mut failed, common)?;
    }
    tell(args, &files, &failed, run, common)?;
    if stopped {
        common.note("stopped; the same command goes on from there");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(conclude(&failed, asked, false))
}

fn planned(args: &Args, path: PathBuf, answer: &GenreAnswer) -> Result<File, tagging::TagError> {
    let likely = answer
        .ranked
        .iter()
        .map(|r| (r.genre.clone(), r.probability));
    let likely = likely.filter(|(_, probability)| *probability >= LEAST);
    let ranked = Vec::from_iter(likely.take(args.most.into()));
    let first = ranked.first().map_or(0.0, |(_, probability)| *probability);
    let intent = if answer.unknown {
        Intent::Unknown
    } else if first < args.at_least {
        Intent::Unsure
    } else {
        let plan = tagging::plan(&path, &ranked, args.overwrite)?;
        plan.writable()?;
        Intent::Plan(Box::new(plan))
    };
    Ok(File {
        path,
        ranked,
        intent,
        written: false,
    })
}

/// Writes what was planned, a file after the other, and gives the number of the run, and whether it was stopped.
fn write(
    library: &mut Library,
    files: &mut Vec<File>,
    failed: &mut Vec<(PathBuf, String)>,
    common: &Common,
) -> anyhow::Result<(Option<i64>, bool)> {
    let _writing = library.claim()?;
    library.settle_changes()?;
    let run = library.next_tag_run()?;
    let stopping = Stopping::new("stopping after the file at hand; what was written stays".into());
    let stopped = || stopping.flag().load(std::sync::atomic::Ordering::Relaxed);
    let bar = common.bar(files.len(), "writing");
    let mut any = false;
    let mut kept = Vec::new();
    for mut file in std::mem::take(files) {
        bar.inc(1);
        if let Intent::Plan(plan) = &file.intent
            && plan.changes()
            && !stopped()
        {
            match write_one(library, run, plan)? {
                Ok(()) => (file.written, any) = (true, true),
                Err(error) => {
                    failed.push((file.path, error.to_string()));
                    continue;
                }
            }
        }
        kept.push(file);
    }
    *files = kept;
    bar.finish_and_clear();
    Ok((any.then_some(run), stopped()))
}

/// The journal knows of a change before the file has it.
fn write_one(
    library: &mut Library,
    run: i64,
    plan: &Plan,
) -> anyhow::Result<Result<(), tagging::TagError>> {
    let copy = match Copy::of(plan) {
        Ok(copy) => copy,
        Err(error) => return Ok(Err(error)),
    };
    let change = copy.change().clone();
    let id = library.begin_change(run, &plan.path, &change)?;
    let put = copy.put();
    match put {
        Ok(()) => library.end_change(id, &plan.path, &change)?,
        Err(_) => library.drop_change(id)?,
    }
    Ok(put)
}

fn tell(
    args: &Args,
    files: &[File],
    failed: &[(PathBuf, String)],
    run: Option<i64>,
    common: &Common,
) -> anyhow::Result<()> {
    if common.json {
        let document = serde_json::json!({
            "run": run,
            "written": args.write,
            "files": files.iter().map(json).collect::<Vec<_>>(),
            "failed": failed_json(failed),
        });
        return print_json(&document);
    }
    let mut text = String::new();
    let (mut changes, mut keeping, mut silent) = (0, 0, 0);
    for file in files {
        match &file.intent {
            Intent::Plan(plan) if plan.changes() && (file.written || !args.write) => {
                changes += 1;
                keeping += usize::from(plan.kept);
                text += &named(&file.path, &difference(plan, &file.ranked));
            }
            Intent::Plan(plan) if plan.kept => {
                keeping += 1;
                text += &named(&file.path, &genre(plan, &file.ranked));
            }
            Intent::Plan(_) => silent += 1,
            Intent::Unknown => text += &named(&file.path, "unknown: none of the genres is near"),
            Intent::Unsure => {
                let first = first(&file.ranked);
                text += &named(&file.path, &format!("not likely enough: {first}"));
            }
        }
    }
    if !common.quiet {
        let all = count(files.len(), "file", "files");
        text += &match (run, args.write) {
            (Some(run), _) => format!("{changes} of {all} written: run {run}\n"),
            (None, true) => format!("0 of {all} written\n"),
            (None, false) => format!("{changes} of {all} to change; nothing is written\n"),
        };
    }
    print(&text)?;
    if silent > 0 {
        common.note(&format!(
            "{} already",
            count(silent, "file says so", "files say so")
        ));
    }
    if keeping > 0 {
        let keep = count(keeping, "file keeps its genre", "files keep their genre");
        common.note(&format!("{keep}; --overwrite replaces it"));
    }
    match run {
        Some(run) => common.note(&format!("`gamaka tag --undo {run}` takes it back")),
        None if changes > 0 => common.note("--write writes it"),
        None => {}
    }
    Ok(())
}

fn named(path: &Path, text: &str) -> String {
    let path = one_line(&path.display().to_string());
    format!("{path}\n  {text}\n")
}

/// Genres by name, or a dash.
fn names(genres: &[String]) -> String {
    match genres {
        [] => "-".into(),
        _ => one_line(&genres.join(", ")),
    }
}

fn first(ranked: &[(String, f64)]) -> String {
    let first = ranked
        .first()
        .map(|(name, p)| format!("{} {p:.2}", one_line(name)));
    first.unwrap_or_default()
}

/// What happens to the genre.
fn genre(plan: &Plan, ranked: &[(String, f64)]) -> String {
    let (before, after) = (names(&plan.genres), names(&plan.after.names()));
    match plan.kept {
        true => format!("genre: {before} stays (answer: {})", first(ranked)),
        false if plan.before.genre == plan.after.genre => format!("genre: {before} stays"),
        false => format!("genre: {before} -> {after}"),
    }
}

fn difference(plan: &Plan, ranked: &[(String, f64)]) -> String {
    let own = |own: &Option<String>| own.as_deref().map_or("-".into(), one_line);
    let (before, after) = (own(&plan.before.own), own(&plan.after.own));
    format!("{}\n  {OWN}: {before} -> {after}", genre(plan, ranked))
}

fn json(file: &File) -> serde_json::Value {
    let answer = |(genre, probability): &(String, f64)| serde_json::json!({"genre": genre, "probability": probability});
    let mut json = serde_json::json!({
        "path": file.path.display().to_string(),
        "answer": file.ranked.iter().map(answer).collect::<Vec<_>>(),
        "unknown": matches!(file.intent, Intent::Unknown),
        "written": file.written,
    });
    if let Intent::Plan(plan) = &file.intent {
        json["genre"] = plan.genres.clone().into();
        json["kept"] = plan.kept.into();
        json["changes"] = plan.changes().into();
        json["before"] = serde_json::json!(plan.before);
        json["after"] = serde_json::json!(plan.after);
    }
    json
}
