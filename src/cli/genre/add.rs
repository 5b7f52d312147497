//! `gamaka genre add`: files become examples.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use super::learned::LazyEar;
use crate::audio;
use crate::cli::common::{Common, conclude, failed_json, one_line, print, print_json, usage};
use crate::cli::interrupt::{INTERRUPTED, Stopping};
use crate::cli::library::Store;
use crate::genres::checked_name;
use crate::library::Taught;
use crate::mel::EngineChoice;
use crate::words::count;
use anyhow::Context;

/// Files heard at a time; an interrupt waits for so many at most.
const FILES_AT_ONCE: usize = 64;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The genre's name; `/` stands between a genre and one within it, as in Jazz/Swing
    name: String,
    /// Audio files, and folders to look for audio files in
    #[arg(required_unless_present = "list")]
    files: Vec<PathBuf>,
    /// A text file that names examples, a path a line, from where the list lies; lines that begin with # are passed over
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// From now on let a linear probe rank the genres where, by leave-one-out, that gets more examples right
    #[arg(long, conflicts_with = "no_adapt")]
    adapt: bool,
    /// From now on let the nearest prototype rank the genres, as at first
    #[arg(long)]
    no_adapt: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let name = checked_name(&args.name).unwrap_or_else(|error| usage(&error.to_string()));
    let mut paths = args.files.clone();
    if let Some(list) = &args.list {
        paths.extend(listed(list)?);
    }
    let found = audio::find(&paths);
    let (mut library, known, model) = args.store.open_to_teach()?;
    let _writing = library.claim()?;
    let files = found.files.len();
    let ear = LazyEar::new(common, &model, EngineChoice::Auto, false, files);
    let mut taught = Taught {
        failed: found
            .problems
            .iter()
            .map(|e| (e.path.clone(), e.to_string()))
            .collect(),
        ..Taught::default()
    };
    let stopping = Stopping::new(
        "stopping after the files at hand; those that were heard are examples".into(),
    );
    let bar = common.bar(found.files.len(), "listening");
    let mut stopped = false;
    for files in found.files.chunks(FILES_AT_ONCE) {
        let more = library.teach(&|| ear.get(), &known, &name, files)?;
        bar.inc(files.len() as u64);
        taught.added.extend(more.added);
        taught.known.extend(more.known);
        taught.failed.extend(more.failed);
        stopped = stopping.flag().load(Ordering::Relaxed);
        if stopped {
            break;
        }
    }
    bar.finish_and_clear();
    drop(stopping);
    if args.adapt || args.no_adapt {
        library.set_adapts(args.adapt)?;
    }
    let genres = library.known_genres()?;
    let examples = genres.iter().find(|genre| genre.name == name);
    let examples = examples.map_or(0, |genre| genre.examples.len());
    let adapts = library.adapts()?;
    let adapted = match adapts && examples > 0 {
        true => Some(library.genres(&known, &model)?.is_adapted()),
        false => None,
    };
    if common.json {
        print_json(&serde_json::json!({
            "genre": name,
            "examples": examples,
            "added": shown(&taught.added),
            "known": shown(&taught.known),
            "adapt": adapts,
            "adapted": adapted.unwrap_or(false),
            "failed": failed_json(&taught.failed),
        }))?;
    } else {
        for path in &taught.known {
            let text = format!("{}: is an example of `{name}` already", path.display());
            common.note(&one_line(&text));
        }
        if !common.quiet {
            print(&words(&name, &taught, examples, adapted))?;
        }
    }
    if stopped {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let files = taught.added.len() + taught.known.len() + taught.failed.len();
    Ok(conclude(&taught.failed, files, false))
}

fn words(name: &str, taught: &Taught, examples: usize, adapted: Option<bool>) -> String {
    let added = count(taught.added.len(), "new example", "new examples");
    let mut text = format!("{name}: {added}, {examples} in all\n");
    match adapted {
        Some(true) => {
            text.push_str("a linear probe ranks the genres: it gets more examples right\n")
        }
        Some(false) => text.push_str(
            "the nearest prototype ranks the genres: a linear probe gets no more examples right\n",
        ),
        None => {}
    }
    text
}

fn shown(paths: &[PathBuf]) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

/// The paths that a list names.
fn listed(list: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = list.parent().unwrap_or(Path::new(""));
    let text = std::fs::read_to_string(list)
        .with_context(|| format!("{}: cannot be read as a list of files", list.display()))?;
    let lines = text.trim_start_matches('\u{feff}').lines();
    let paths = lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    Ok(paths.map(|path| folder.join(path)).collect())
}
