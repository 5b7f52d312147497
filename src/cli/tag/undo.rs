//! `gamaka tag --undo`: a run taken back from the journal.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use crate::files::hash_of;
use crate::library::{Changed, Library};
use crate::tagging;
use crate::words::count;
use anyhow::{Context, bail};

use super::show::{named, names};
use crate::cli::common::{Common, conclude, failed_json, print, print_json};
use crate::cli::interrupt::{INTERRUPTED, Stopping};
use crate::cli::library::Store;

pub(super) fn run(store: &Store, run: Option<i64>, common: &Common) -> anyhow::Result<ExitCode> {
    let mut library = store.open()?;
    let _writing = library.claim()?;
    library.settle_changes()?;
    let Some((run, changes)) = library.changes(run)? else {
        let runs = library
            .tag_runs()?
            .iter()
            .map(i64::to_string)
            .collect::<Vec<_>>();
        match (run, runs.is_empty()) {
            (Some(run), false) => bail!(
                "run {run} has nothing to take back; these have: {}",
                runs.join(", ")
            ),
            _ => bail!("there is nothing to take back"),
        }
    };
    let stopping =
        Stopping::new("stopping after the file at hand; what was taken back stays so".into());
    let bar = common.bar(changes.len(), "taking back");
    let mut failed: Vec<(PathBuf, String)> = Vec::new();
    let mut back = Vec::new();
    for changed in &changes {
        if stopping.flag().load(Ordering::Relaxed) {
            break;
        }
        bar.inc(1);
        match undo(&mut library, changed)? {
            Ok(()) => back.push(changed),
            Err(error) => failed.push((changed.path.clone(), error.to_string())),
        }
    }
    bar.finish_and_clear();
    let stopped = back.len() + failed.len() < changes.len();
    back.reverse();
    if common.json {
        let files = back.iter().map(|changed| {
            serde_json::json!({
                "path": changed.path.display().to_string(),
                "before": changed.change.after,
                "after": changed.change.before,
            })
        });
        print_json(&serde_json::json!({
            "run": run,
            "files": files.collect::<Vec<_>>(),
            "failed": failed_json(&failed),
        }))?;
    } else {
        let mut text = String::new();
        for Changed { path, change, .. } in back.iter().copied() {
            let (from, to) = (names(&change.after.names()), names(&change.before.names()));
            text += &named(path, &format!("genre: {from} -> {to}"));
        }
        if !common.quiet {
            let all = count(changes.len(), "file", "files");
            text += &format!("{} of {all} taken back: run {run}\n", back.len());
        }
        print(&text)?;
    }
    if stopped {
        common.note("stopped; the same command goes on from there");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(conclude(&failed, changes.len(), false))
}

fn undo(
    library: &mut Library,
    Changed { id, path, change }: &Changed,
) -> anyhow::Result<Result<(), tagging::TagError>> {
    let copy = match tagging::undo(path, change) {
        Ok(copy) => copy,
        Err(error) => return Ok(Err(error)),
    };
    let (old, new) = match copy {
        Some(copy) => {
            let done = copy.change().clone();
            library.begin_undo(*id)?;
            if let Err(error) = copy.put() {
                library.drop_undo(*id)?;
                return Ok(Err(error));
            }
            (done.hash_before, done.hash_after)
        }
        // A run that was killed has done it.
        None => {
            let now =
                hash_of(path).with_context(|| format!("{}: cannot be read", path.display()))?;
            (change.hash_after.clone(), now)
        }
    };
    library.undid_change(*id, path, &old, &new)?;
    Ok(Ok(()))
}
