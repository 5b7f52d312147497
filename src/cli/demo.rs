//! `gamaka demo`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::common::Common;

#[derive(clap::Args)]
pub struct Args {
    /// Where the report goes
    #[arg(long, default_value = "gamaka-demo", value_name = "DIR")]
    out: PathBuf,
}

pub fn run(_args: &Args, _common: &Common) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
