//! What Ctrl-C, SIGTERM and the like do: the first says what happens; while something is waited for, another ends the process at
//! once.

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::files::{self, Ending};
use anyhow::Context;

use super::common::say_over_bar;

/// Exit code of an interrupted command, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the process ends as soon as nothing is being written.
static ENDS: AtomicBool = AtomicBool::new(false);

/// What the command says that stops by itself; none ends at once.
static WORDS: Mutex<Option<String>> = Mutex::new(None);

fn words() -> MutexGuard<'static, Option<String>> {
    WORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it lives the command looks at a flag, and stops by itself.
pub(super) struct Stopping(());

impl Stopping {
    /// `text` says when it stops, and what is kept.
    pub(super) fn new(text: String) -> Self {
        *words() = Some(text);
        Self(())
    }

    /// Set by the first interrupt.
    pub(super) fn flag(&self) -> &'static AtomicBool {
        &STOP
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        *words() = None;
    }
}

fn interrupted() {
    let words = words().clone();
    let first = !STOP.swap(true, Ordering::Relaxed);
    match &words {
        Some(text) if first => return say_over_bar(&format!("{text}; again to end at once")),
        _ if ENDS.swap(true, Ordering::Relaxed) => exit(INTERRUPTED.into()),
        _ => {}
    }
    // A file that is being written is written to its end, or its temporary file would stay.
    let what = match files::end() {
        Ending::Free => {
            if words.is_none() {
                say_over_bar("stopped before it was done");
            }
            exit(INTERRUPTED.into());
        }
        Ending::File => "stopping once the file that is being written is whole",
        Ending::Folder => "stopping: what was written so far is taken away",
    };
    say_over_bar(&format!("{what}; again to end at once"));
    // This thread hears the next signal meanwhile.
    if std::thread::Builder::new().spawn(end).is_err() {
        end();
    }
}

fn end() {
    files::wait_to_end();
    exit(INTERRUPTED.into());
}

/// Begins to watch for signals. A file that may not grow any more is an error of its writing, not the end of the process.
///
/// # Errors
/// A thread or a handler that cannot be made.
#[cfg(unix)]
pub(super) fn watch() -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGXFSZ])
        .context("the interrupt handler cannot be set")?;
    if !hang_up_is_ignored() {
        signals
            .add_signal(SIGHUP)
            .context("the interrupt handler cannot be set")?;
    }
    let watch = move || {
        for signal in signals.forever() {
            if signal != SIGXFSZ {
                interrupted();
            }
        }
    };
    std::thread::Builder::new()
        .spawn(watch)
        .context("no thread can be started to watch for Ctrl-C; end other programs, or raise the limit of processes (ulimit -u)")?;
    Ok(())
}

/// Whether the command was started by `nohup`, to outlive its terminal; told by Linux only.
#[cfg(unix)]
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (signal_hook::consts::SIGHUP - 1)) != 0)
}

/// Begins to watch for Ctrl-C and a closed terminal.
///
/// # Errors
/// A handler that cannot be set.
#[cfg(not(unix))]
pub fn watch() -> anyhow::Result<()> {
    ctrlc::set_handler(interrupted).context("the interrupt handler cannot be set")
}
