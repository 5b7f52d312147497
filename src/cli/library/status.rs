//! `gamaka library status`: what the library holds.

use std::process::ExitCode;

use crate::library::Status;
use crate::words::count;

use super::store::Store;
use crate::cli::common::{Common, print, print_json};
use crate::cli::table::{Align, Table};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let status = args.store.open()?.status()?;
    match common.json {
        true => print_json(&status)?,
        false => print(&words(&status))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn words(status: &Status) -> String {
    let size = bytesize::ByteSize(status.bytes).display().iec().to_string();
    let tracks = format!(
        "{} ({})",
        count(status.tracks, "track", "tracks"),
        duration(status.seconds)
    );
    let mut table = Table::new([("", Align::Left); 2]);
    let mut row = |name: &str, value: String| table.row([name.to_string(), value]);
    row("library", format!("{} ({size})", status.path.display()));
    for folder in &status.folders {
        row("folder", folder.display().to_string());
    }
    row(
        "model",
        status.model.clone().unwrap_or_else(|| "none yet".into()),
    );
    row("heard", tracks);
    if status.waiting > 0 {
        row(
            "waiting",
            format!("{}: `gamaka library scan` hears them", status.waiting),
        );
    }
    if status.failed > 0 {
        row(
            "failed",
            format!("{}: `gamaka library errors` says why", status.failed),
        );
    }
    if status.missing > 0 {
        row(
            "gone",
            format!(
                "{}: `gamaka library forget --missing` forgets them",
                status.missing
            ),
        );
    }
    let examples = count(status.examples, "example", "examples");
    row("genres", format!("{} of {examples}", status.genres));
    table.text()
}

/// Hours and minutes.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 3600.0 => format!("{:.1} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}
