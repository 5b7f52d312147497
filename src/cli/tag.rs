//! `gamaka tag`: the library's own genres, into the tags of audio files.

mod intent;
mod show;
mod undo;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::mel::EngineChoice;
use rayon::prelude::*;

use super::common::{Common, conclude, usage};
use super::genre::{Answered, taught};
use super::interrupt::INTERRUPTED;
use super::library::Store;
use intent::{File, Rules};

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
    /// Take a run of `gamaka tag --write` back: the last one, or the one of this number
    #[arg(long, value_name = "RUN", num_args = 0..=1,
        conflicts_with_all = ["files", "all", "write", "overwrite"])]
    undo: Option<Option<i64>>,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    if let Some(run) = args.undo {
        return undo::run(&args.store, run, common);
    }
    if args.files.is_empty() && !args.all {
        usage("name files or folders to tag, or give --all for every file of the library");
    }
    if args.write {
        // First, so that the library knows again what a killed run has changed.
        let mut library = args.store.open()?;
        let _writing = library.claim()?;
        library.settle_changes()?;
    }
    let mut failed = Vec::new();
    let engine = EngineChoice::Auto;
    let mut taught = taught(&args.store, engine, common)?;
    let answers = match args.all {
        true => taught.of_library(common)?,
        false => taught.of_files(&args.files, engine, false, &mut failed, common)?,
    };
    let mut library = taught.library;
    let asked = answers.len() + failed.len();
    let planned = common.while_waiting("reading tags", || {
        let plan = |Answered { path, answer, .. }| {
            let file = File::new(&args.rules, path.clone(), &answer);
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
        (run, stopped) = write::write(&mut library, &mut files, &mut failed, common)?;
    }
    show::tell(args.write, &files, &failed, run, common)?;
    if stopped {
        common.note("stopped; the same command goes on from there");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(conclude(&failed, asked, false))
}
