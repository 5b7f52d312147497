//! `gamaka genre remove` and `gamaka genre rename`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::common::{Common, conclude, print, print_json, usage};
use crate::cli::library::Store;
use crate::genres::checked_name;
use crate::words::count;

#[derive(clap::Args)]
pub(super) struct RemoveArgs {
    /// The genre's name
    name: String,
    /// Only these examples, by the names that `gamaka genre show` tells
    files: Vec<PathBuf>,
    #[command(flatten)]
    store: Store,
}

#[derive(clap::Args)]
pub(super) struct RenameArgs {
    /// The name that it has
    from: String,
    /// The name that it is to have
    to: String,
    #[command(flatten)]
    store: Store,
}

pub(super) fn remove(args: &RemoveArgs, common: &Common) -> anyhow::Result<ExitCode> {
    let mut library = args.store.open()?;
    let _writing = library.claim()?;
    let name = checked_name(&args.name)?;
    let counts = library.remove_examples(&name, &args.files)?;
    let examples: usize = counts.iter().sum();
    let none = args
        .files
        .iter()
        .zip(&counts)
        .filter(|(_, count)| **count == 0);
    let failed: Vec<_> = none
        .map(|(path, _)| (path.clone(), format!("is no example of `{name}`")))
        .collect();
    match common.json {
        true => print_json(&serde_json::json!({"genre": name, "removed": examples}))?,
        false if !common.quiet => {
            print(&format!(
                "{name}: {} removed\n",
                count(examples, "example", "examples")
            ))?;
        }
        false => {}
    }
    Ok(conclude(&failed, args.files.len().max(1), false))
}

pub(super) fn rename(args: &RenameArgs, common: &Common) -> anyhow::Result<ExitCode> {
    let mut library = args.store.open()?;
    let _writing = library.claim()?;
    let from = checked_name(&args.from)?;
    let to = checked_name(&args.to).unwrap_or_else(|error| usage(&error.to_string()));
    let genres = library.rename_genre(&from, &to)?;
    match common.json {
        true => print_json(&serde_json::json!({"from": from, "to": to, "renamed": genres}))?,
        false if !common.quiet => {
            print(&format!("{} renamed\n", count(genres, "genre", "genres")))?;
        }
        false => {}
    }
    Ok(ExitCode::SUCCESS)
}
