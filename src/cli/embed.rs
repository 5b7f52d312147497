//! `gamaka embed`: an embedding for every segment or file, or for every row of a manifest.

mod args;
mod files;
mod partial;
mod shard;
mod work;

use std::process::ExitCode;

use super::common::Common;

pub(super) use args::Args;

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    match &args.manifest {
        Some(manifest) => shard::run(args, manifest, common),
        None => files::run(args, common),
    }
}
