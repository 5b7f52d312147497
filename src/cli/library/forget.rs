//! `gamaka library forget`: files and folders that are no part of the library any more.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::words::count;

use super::store::Store;
use crate::cli::common::{Common, conclude, print, print_json, usage};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Files, and folders with all in them
    paths: Vec<PathBuf>,
    /// Forget the files that have gone
    #[arg(long)]
    missing: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    if args.paths.is_empty() && !args.missing {
        usage("name files or folders to forget, or give --missing for those that have gone");
    }
    let mut library = args.store.open()?;
    let _writing = library.claim()?;
    let gone = match args.missing {
        true => library.forget_missing()?,
        false => 0,
    };
    let folders = library.folders()?;
    let counts = library.forget(&args.paths)?;
    let mut failed = Vec::new();
    for (path, files) in args.paths.iter().zip(&counts) {
        let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        if *files == 0 && !folders.contains(&whole) {
            failed.push((
                path.clone(),
                "the library knows no such file or folder".to_string(),
            ));
        } else if folders
            .iter()
            .any(|folder| whole.starts_with(folder) && whole != *folder)
        {
            common.note(&format!(
                "{}: lies in a folder of the library, so the next scan finds it again",
                path.display()
            ));
        }
    }
    let files = gone + counts.iter().sum::<usize>();
    match common.json {
        true => print_json(&serde_json::json!({ "forgotten": files }))?,
        false if !common.quiet => print(&format!("{} forgotten\n", count(files, "file", "files")))?,
        false => {}
    }
    Ok(conclude(
        &failed,
        args.paths.len().max(usize::from(args.missing)),
        false,
    ))
}
