//! `gamaka genre export` and `gamaka genre import`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::common::{Common, print, print_json};
use crate::cli::library::Store;
use crate::files::Outputs;
use crate::genres::SharedGenres;
use crate::words::count;

#[derive(clap::Args)]
pub(super) struct ExportArgs {
    /// Only these genres
    names: Vec<String>,
    /// Where they go
    #[arg(short, long, value_name = "OUT.json")]
    output: PathBuf,
    #[command(flatten)]
    store: Store,
}

#[derive(clap::Args)]
pub(super) struct ImportArgs {
    /// A file that `gamaka genre export` wrote
    file: PathBuf,
    #[command(flatten)]
    store: Store,
}

pub(super) fn export(args: &ExportArgs, common: &Common) -> anyhow::Result<ExitCode> {
    let (library, known, model) = args.store.open_heard()?;
    let mut outputs = Outputs::default();
    outputs.add(&args.output)?;
    outputs.spare([library.path()])?;
    let shared = library.shared_genres(&known, &model, &args.names)?;
    shared.write(&args.output)?;
    common.note(&format!(
        "{} written: vectors and names of files, no sound",
        count(shared.genres.len(), "genre", "genres")
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn import(args: &ImportArgs, common: &Common) -> anyhow::Result<ExitCode> {
    let shared = SharedGenres::read(&args.file)?;
    let (mut library, known, _) = args.store.open_to_teach()?;
    let _writing = library.claim()?;
    let [genres, examples] = library.import_genres(&known, &shared)?;
    match common.json {
        true => print_json(&serde_json::json!({"genres": genres, "examples": examples}))?,
        false if !common.quiet => print(&format!(
            "{}, {}\n",
            count(genres, "new genre", "new genres"),
            count(examples, "new example", "new examples")
        ))?,
        false => {}
    }
    Ok(ExitCode::SUCCESS)
}
