//! `gamaka library duplicates`: the files that are the same recording.

use std::fmt::Write;
use std::process::ExitCode;

use crate::library::{Duplicates, Same};
use crate::words::count;
use bytesize::ByteSize;

use super::store::Store;
use crate::cli::common::{Common, one_line, print, print_json};
use crate::cli::table::{Align, Table};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let (library, ..) = args.store.open_heard()?;
    let gpu = common.gpu()?;
    let bar = common.bar(0, "comparing");
    let found = library.duplicates(&gpu, &|done, files| {
        bar.set_length(files as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let found = found?;
    if common.json {
        let set = |set: &Duplicates| {
            let files = set.files.iter().map(|track| {
                serde_json::json!({"path": track.path, "size": track.size, "seconds": track.seconds})
            });
            serde_json::json!({"same": set.same, "files": files.collect::<Vec<_>>()})
        };
        print_json(&serde_json::json!({
            "library": library.path().display().to_string(),
            "duplicates": found.iter().map(set).collect::<Vec<_>>(),
        }))?;
    } else if found.is_empty() {
        common.note("no two files of the library are the same recording");
    } else {
        print(&words(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

fn words(found: &[Duplicates]) -> String {
    let mut text = String::new();
    for set in found {
        let _ = writeln!(
            text,
            "{}",
            match set.same {
                Same::Bytes => "the same file",
                Same::Recording => "the same recording",
            }
        );
        let mut table = Table::new([("", Align::Right), ("", Align::Left)]);
        for track in &set.files {
            let path = one_line(&track.path.display().to_string());
            table.row([format!("  {}", size(track.size)), path]);
        }
        text.push_str(&table.text());
    }
    let files = found.iter().map(|set| set.files.len()).sum();
    let spare = found.iter().map(Duplicates::spare_bytes).sum();
    let _ = writeln!(
        text,
        "{} of {}; all but the largest file of each hold {}",
        count(found.len(), "recording", "recordings"),
        count(files, "file", "files"),
        size(spare)
    );
    text
}
