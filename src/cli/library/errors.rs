//! `gamaka library errors`: every file that could not be heard.

use std::process::ExitCode;

use super::store::Store;
use crate::cli::common::{Common, one_line, print, print_json};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let failed = args.store.open()?.failed()?;
    if common.json {
        print_json(&serde_json::json!({ "failed": failed }))?;
    } else {
        let line = |f: &crate::library::Failed| {
            one_line(&format!("{}: {}", f.path.display(), f.reason)) + "\n"
        };
        print(&failed.iter().map(line).collect::<String>())?;
        if failed.is_empty() {
            common.note("every file that was found can be heard");
        }
    }
    Ok(ExitCode::SUCCESS)
}
