//! What is put right before a command runs: the environment, threads, panics of decoders.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use anyhow::{Context, bail};

use super::common::Common;

/// Threads beside the pool's, of progress bars, decoding and drivers; a driver that computes on the CPU starts one more a core.
const OTHERS: usize = 6;

/// Mesa complains on every start where XDG_RUNTIME_DIR is missing, for it looks there for a display. Without one the program
/// starts itself again, as the same process, with a folder that is not there. If that fails nothing is lost but silence.
#[cfg(unix)]
pub(super) fn name_runtime_folder() {
    use std::os::unix::process::CommandExt;
    const NAME: &str = "XDG_RUNTIME_DIR";
    if std::env::var_os(NAME).is_some_and(|folder| !folder.is_empty()) {
        return;
    }
    let mut arguments = std::env::args_os();
    let (Ok(program), Some(own_name)) = (std::env::current_exe(), arguments.next()) else {
        return;
    };
    // Comes back only if it fails.
    let _ = std::process::Command::new(program)
        .arg0(own_name)
        .args(arguments)
        .env(NAME, "/nonexistent")
        .exec();
}

#[cfg(not(unix))]
pub fn name_runtime_folder() {}

/// A damaged file can make a decoder panic. The panic is caught and told as that file's error, so its
/// message must not be printed as if gamaka had failed.
pub(super) fn hide_decoder_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let decoder = info.location().is_some_and(|at| {
            let decoders = ["symphonia", "opus", "lofty"];
            decoders.iter().any(|name| at.file().contains(name))
        });
        if !decoder {
            usual(info);
        }
    }));
}

/// Starts the threads that share the work: one a core, or fewer where the system allows no more.
///
/// # Errors
/// Not one thread can be made.
pub(super) fn threads(common: &Common) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wished = std::env::var("RAYON_NUM_THREADS").ok();
    let wished = wished.and_then(|text| text.parse().ok()).filter(|&n| n > 0);
    let wished = wished.unwrap_or(cores);
    let others = OTHERS + cores;
    let room = room_for_threads(wished + others, &Builder::new).saturating_sub(others);
    if room == 0 {
        bail!(
            "too few threads can be started: end other programs, or raise the limit of processes (ulimit -u)"
        );
    }
    if room < wished {
        common.note(&format!(
            "only {room} of {wished} threads can be started, so this takes longer: end other programs, or raise the limit of processes (ulimit -u)"
        ));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(room)
        .build_global()
        .context("the threads that share the work cannot be started")
}

/// How many of so many threads can live at a time.
fn room_for_threads(wished: usize, builder: &dyn Fn() -> Builder) -> usize {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock();
    let threads: Vec<_> = (0..wished)
        .map_while(|_| {
            let gate = gate.clone();
            let wait = move || drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
            builder().spawn(wait).ok()
        })
        .collect();
    drop(closed);
    let room = threads.len();
    for thread in threads {
        // A thread that only waits does not panic.
        let _ = thread.join();
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_counted_that_can_be_started() {
        assert_eq!(room_for_threads(3, &Builder::new), 3);
        // No machine has room for such a stack.
        let huge = || Builder::new().stack_size(1 << 60);
        assert_eq!(room_for_threads(3, &huge), 0);
    }
}
