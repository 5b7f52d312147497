//! What was planned is written, a file after the other.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crate::library::Library;
use crate::tagging::{self, Copy, Plan};

use super::intent::{File, Intent};
use crate::cli::common::Common;
use crate::cli::interrupt::Stopping;

/// Writes, and gives the number of the run, and whether it was stopped.
pub(super) fn write(
    library: &mut Library,
    files: &mut Vec<File>,
    failed: &mut Vec<(PathBuf, String)>,
    common: &Common,
) -> anyhow::Result<(Option<i64>, bool)> {
    let _writing = library.claim()?;
    let run = library.next_tag_run()?;
    let stopping = Stopping::new("stopping after the file at hand; what was written stays".into());
    let stopped = || stopping.flag().load(Ordering::Relaxed);
    let bar = common.bar(files.len(), "writing");
    let mut any = false;
    let mut kept = Vec::new();
    for mut file in std::mem::take(files) {
        bar.inc(1);
        if let Intent::Plan(plan) = &file.intent
            && plan.changes()
            && !stopped()
        {
            match write_one(library, run, plan)? {
                Ok(()) => (file.written, any) = (true, true),
                Err(error) => {
                    failed.push((file.path, error.to_string()));
                    continue;
                }
            }
        }
        kept.push(file);
    }
    *files = kept;
    bar.finish_and_clear();
    Ok((any.then_some(run), stopped()))
}

/// The journal knows of a change before the file has it.
fn write_one(
    library: &mut Library,
    run: i64,
    plan: &Plan,
) -> anyhow::Result<Result<(), tagging::TagError>> {
    let copy = match Copy::of(plan) {
        Ok(copy) => copy,
        Err(error) => return Ok(Err(error)),
    };
    let change = copy.change().clone();
    let id = library.begin_change(run, &plan.path, &change)?;
    let put = copy.put();
    match put {
        Ok(()) => library.end_change(id, &plan.path, &change)?,
        Err(_) => library.drop_change(id)?,
    }
    Ok(put)
}
