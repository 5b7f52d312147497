//! What a process that is asked to end does about what it is writing: a file is written to its end, a folder is emptied again.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Held while a file is made and takes its name.
static WRITING: Mutex<()> = Mutex::new(());

/// One of the numbers below.
static STATE: AtomicU8 = AtomicU8::new(USUAL);

const USUAL: u8 = 0;
/// A folder is being filled.
const FILLING: u8 = 1;
/// Nothing new is begun, for the process is about to end.
const ENDING: u8 = 2;

fn is_ending() -> bool {
    STATE.load(Ordering::SeqCst) == ENDING
}

/// As long as it lives nothing else is written, and a process that is asked to end waits.
#[derive(Debug)]
pub(super) struct Hold(Option<MutexGuard<'static, ()>>);

/// Waits for what is being written.
pub(super) fn hold() -> Hold {
    loop {
        let writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let hold = Hold(Some(writing));
        if !is_ending() {
            return hold;
        }
    }
}

impl Hold {
    /// From here on all that is written belongs together, until [`Self::filled`].
    pub(super) fn fills(&self) {
        // It stays as it is where the process is about to end.
        let _ = STATE.compare_exchange(USUAL, FILLING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Whether what was written since [`Self::fills`] is not wanted any more.
    pub(super) fn is_to_go(&self) -> bool {
        is_ending()
    }

    /// Whether what was written since [`Self::fills`] stays, also if the process is asked to end from here on.
    pub(super) fn filled(&self) -> bool {
        let done = STATE.compare_exchange(FILLING, USUAL, Ordering::SeqCst, Ordering::SeqCst);
        done.is_ok()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0 = None;
        // Another thread ends the process now. If this one went on it could do so first, as if nobody had asked.
        while is_ending() {
            std::thread::park();
        }
    }
}

/// What a process has to wait for that is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing is being written.
    Free,
    /// A file, which is written to its end.
    File,
    /// A folder that was being filled, and is taken away again.
    Folder,
}

/// Lets nothing new be written, and tells what is to be waited for: the process must end after it.
pub fn end() -> Ending {
    if STATE.swap(ENDING, Ordering::SeqCst) == FILLING {
        return Ending::Folder;
    }
    match WRITING.try_lock() {
        Err(TryLockError::WouldBlock) => Ending::File,
        held => {
            std::mem::forget(held);
            Ending::Free
        }
    }
}

/// Waits until nothing is being written any more.
pub fn wait_to_end() {
    std::mem::forget(WRITING.lock());
}
