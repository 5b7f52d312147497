//! `gamaka library watch`: scans again whenever files come, change or go.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use notify::{Config, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use super::scan::{HearingArgs, Scanner};
use crate::cli::common::Common;
use crate::cli::interrupt::Stopping;

/// How long nothing must happen before a scan: files that are being copied are not heard in the middle.
const QUIET: Duration = Duration::from_secs(2);

/// How long a scan waits at the most while things happen all the time.
const LONGEST: Duration = Duration::from_secs(60);

/// How often an interrupt is looked for.
const GLANCE: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folders of music; without any, those that were scanned before
    folders: Vec<PathBuf>,
    #[command(flatten)]
    hearing: HearingArgs,
    /// Look at the folders every so many seconds, for drives that do not tell of changes (network drives)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    poll: Option<u64>,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut scanner = Scanner::new(&args.hearing, false, common)?;
    let folders = match args.folders.is_empty() {
        true => scanner.library.folders()?,
        false => args.folders.clone(),
    };
    if folders.is_empty() {
        bail!("no folder was scanned before: name one, as in `gamaka library watch MUSIC`");
    }
    let stopping = Stopping::new("stopping; what was heard is kept".into());
    let stop = stopping.flag();
    // Watched from before the first scan, so that nothing is missed during it.
    let (sender, changes) = channel();
    let mut watcher: Box<dyn Watcher> = match args.poll {
        Some(seconds) => {
            let config = Config::default().with_poll_interval(Duration::from_secs(seconds));
            Box::new(PollWatcher::new(sender, config)?)
        }
        None => Box::new(RecommendedWatcher::new(sender, Config::default())?),
    };
    for folder in &folders {
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .with_context(|| {
                format!(
                    "{}: cannot be watched (with --poll 60 it is looked at every minute)",
                    folder.display()
                )
            })?;
    }
    let mut first = true;
    loop {
        let start = Instant::now();
        let scanned = scanner.scan(&folders, stop)?;
        if first || scanned.heard + scanned.moved + scanned.missing + scanned.failed.len() > 0 {
            scanner.tell(&scanned, start.elapsed().as_secs_f64())?;
        }
        if first {
            common.note("watching; Ctrl-C ends it");
            first = false;
        }
        if !wait(&changes, stop) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Waits for a change, and then until all is quiet. False once it is to stop.
fn wait(changes: &Receiver<notify::Result<notify::Event>>, stop: &AtomicBool) -> bool {
    // To be read is no change: the scan itself reads.
    let matters = |event: &notify::Result<notify::Event>| {
        !event
            .as_ref()
            .is_ok_and(|e| matches!(e.kind, EventKind::Access(_)))
    };
    let mut since: Option<(Instant, Instant)> = None;
    while !stop.load(Ordering::Relaxed) {
        match changes.recv_timeout(GLANCE) {
            Ok(event) if matters(&event) => {
                let now = Instant::now();
                since = Some((since.map_or(now, |(first, _)| first), now));
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        if since.is_some_and(|(first, last)| last.elapsed() > QUIET || first.elapsed() > LONGEST) {
            return true;
        }
    }
    false
}
