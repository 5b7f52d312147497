//! `gamaka library`: what was heard of your music, and what could not be.

mod collection;
mod duplicates;
mod errors;
mod export;
mod forget;
mod map;
mod scan;
mod status;
mod store;
mod watch;

use std::process::ExitCode;

pub(super) use collection::{Collection, list_output, write_list};
pub(super) use store::{Store, shell_word};

use super::common::Common;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Hear what is new or changed in folders of music
    Scan(scan::Args),
    /// Scan, and scan again whenever files come, change or go
    Watch(watch::Args),
    /// Tell what the library holds
    Status(status::Args),
    /// List every file that could not be heard, with the reason
    Errors(errors::Args),
    /// Write paths, tags, embeddings and answers as a table for other programs
    Export(export::Args),
    /// List the files that are the same recording; none is deleted
    Duplicates(duplicates::Args),
    /// Forget files and folders; the music itself stays
    Forget(forget::Args),
    /// Draw the library as a picture to walk about in, hear and choose from
    Map(map::Args),
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Scan(args) => scan::run(args, common),
        Command::Watch(args) => watch::run(args, common),
        Command::Status(args) => status::run(args, common),
        Command::Errors(args) => errors::run(args, common),
        Command::Export(args) => export::run(args, common),
        Command::Duplicates(args) => duplicates::run(args, common),
        Command::Forget(args) => forget::run(args, common),
        Command::Map(args) => map::run(args, common),
    }
}
