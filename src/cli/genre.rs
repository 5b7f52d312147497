//! `gamaka genre`: your own genres, by a few examples each.

mod add;
mod change;
mod check;
mod learned;
mod list;
mod share;
mod suggest;

use std::process::ExitCode;

pub(super) use learned::{Answered, LazyEar, Taught, learned, refresh, taught};

use super::common::Common;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make files examples of a genre, which is made if it is new
    Add(add::Args),
    /// List the genres, those within others below them
    List(list::ListArgs),
    /// List a genre's examples, and what became of their files
    Show(list::ShowArgs),
    /// Remove a genre, or some of its examples; no music is touched
    Remove(change::RemoveArgs),
    /// Give a genre, and those within it, another name
    Rename(change::RenameArgs),
    /// Tell which genres are confused and which examples look misplaced
    Check(check::Args),
    /// Group the library's tracks that no genre covers, to be named
    Suggest(suggest::Args),
    /// Write genres as one file, to pass on
    Export(share::ExportArgs),
    /// Take in genres from a file that was exported
    Import(share::ImportArgs),
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Add(args) => add::run(args, common),
        Command::List(args) => list::list(args, common),
        Command::Show(args) => list::show(args, common),
        Command::Remove(args) => change::remove(args, common),
        Command::Rename(args) => change::rename(args, common),
        Command::Check(args) => check::run(args, common),
        Command::Suggest(args) => suggest::run(args, common),
        Command::Export(args) => share::export(args, common),
        Command::Import(args) => share::import(args, common),
    }
}
