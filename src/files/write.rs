//! Files written whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::ending::hold;
use super::error::{Keep, WriteError, keep, system};
use super::place::{Place, behind_links, folder_of, kind, place};

/// End of the names of files that are being written.
pub(super) const PARTIAL: &str = ".partial";

/// Writes a file, or says in a sentence why not and what to do. An ordinary file is written whole or not at all: to a
/// temporary name in the same folder, then renamed; links stay, and so do the mode and, where allowed, the owner of a file that
/// is replaced. Pipes and devices are written through.
///
/// # Errors
/// [`WriteError`]; the old file, if any, is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write()`], for what need not be in memory at once.
///
/// # Errors
/// [`WriteError`].
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<(), WriteError> {
    let written = match place(path)? {
        Place::Stdout => fill(&mut io::stdout()).and_then(|()| io::stdout().flush()),
        Place::Through => OpenOptions::new()
            .append(true)
            .open(path)
            .and_then(|mut file| fill(&mut file)),
        Place::File(target) => replace(&target, fill),
    };
    written.map_err(|error| match error.downcast::<Keep>() {
        Ok(reason) => keep(path, reason),
        Err(error) => system(path)(error),
    })
}

/// Writes a file that comes with gamaka, of any kind. One that is there with the same bytes is left alone.
///
/// # Errors
/// [`WriteError`]; also if the file is there with other bytes.
pub fn provide(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    match fs::read(path) {
        Ok(found) if found == bytes => Ok(()),
        Ok(_) => Err(keep(path, Keep::Other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            replace(path, |file| file.write_all(bytes)).map_err(system(path))
        }
        Err(error) => Err(system(path)(error)),
    }
}

/// Puts other bytes in the place of an audio file that is there, whole or not at all, as [`write()`] does. `check` is given the
/// copy under its temporary name; what it refuses changes nothing.
///
/// # Errors
/// Those of `check`, and [`WriteError`]: also if the file is read-only.
pub fn exchange<E: From<WriteError>>(
    path: &Path,
    bytes: &[u8],
    check: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let target = behind_links(path).map_err(system(path))?;
    let target = target.ok_or_else(|| system(path)(io::ErrorKind::Unsupported.into()))?;
    let old = fs::metadata(&target).map_err(system(path))?;
    if old.permissions().readonly() {
        return Err(keep(path, Keep::ReadOnly).into());
    }
    let _writing = hold();
    remove_partial(&target);
    let written = || {
        let mut file = temporary(&target)?;
        file.write_all(bytes)?;
        keep_owner_and_mode(file.as_file(), &old)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = written().map_err(system(path))?;
    check(file.path())?;
    file.persist(&target)
        .map_err(|failed| system(path)(failed.error))?;
    Ok(())
}

/// Removes what a killed process has left beside a file that it was writing.
pub fn clear(path: &Path) {
    if let Ok(Some(target)) = behind_links(path) {
        let _writing = hold();
        remove_partial(&target);
    }
}

fn replace(
    target: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> io::Result<()> {
    let _writing = hold();
    remove_partial(target);
    let mut file = temporary(target)?;
    if let Ok(old) = fs::metadata(target) {
        keep_owner_and_mode(file.as_file(), &old)?;
    }
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    match kind(target) {
        Some(reason) if kind(file.path()) != Some(reason) => return Err(io::Error::other(reason)),
        _ => file.persist(target)?,
    };
    Ok(())
}

/// How the names begin of the temporary files of a target.
pub(super) fn prefix(target: &Path) -> io::Result<String> {
    // Names may have 255 bytes, and this one gets 16 more.
    const LONGEST: usize = 200;
    let Some(name) = target.file_name() else {
        return Err(io::ErrorKind::IsADirectory.into());
    };
    let mut short = name.to_string_lossy().into_owned();
    while short.len() > LONGEST {
        short.pop();
    }
    Ok(format!(".{short}-"))
}

/// A file that is to take the name of another in the same folder. It is locked, so that others know that its writer lives.
pub(super) fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(target)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PARTIAL);
    if let Some(permissions) = usual_permissions() {
        builder.permissions(permissions);
    }
    loop {
        let file = builder.tempfile_in(folder_of(target)).map_err(nameless)?;
        // Another process may have taken it for one of the dead meanwhile.
        if !is_held(file.as_file()) && bears(file.as_file(), file.path()) {
            return Ok(file);
        }
    }
}

/// Locks a file, or says that another has. Where a file system knows no locks there is nothing to wait for.
pub(super) fn is_held(file: &File) -> bool {
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Whether a file that is open has this name still.
#[cfg(unix)]
pub(super) fn bears(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let node = |found: Metadata| (found.dev(), found.ino());
    let (open, named) = (file.metadata().map(node), fs::metadata(path).map(node));
    matches!((open, named), (Ok(open), Ok(named)) if open == named)
}

#[cfg(not(unix))]
pub(super) fn bears(_: &File, path: &Path) -> bool {
    path.exists()
}

/// An error without the name of a temporary file, which says nothing to a user.
fn nameless(error: io::Error) -> io::Error {
    let words = error.to_string();
    match words.split_once(" at path ") {
        Some((words, _)) => io::Error::new(error.kind(), words),
        None => error,
    }
}

/// Removes what processes that were killed while they wrote the same file have left, where the folder can be read. Those that
/// live have locked theirs.
fn remove_partial(target: &Path) {
    let Ok(prefix) = prefix(target) else {
        return;
    };
    for entry in fs::read_dir(folder_of(target))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(PARTIAL));
        if random.is_some_and(|r| r.chars().all(char::is_alphanumeric)) {
            let left = File::open(entry.path());
            if left.is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Temporary files are private by default; ours are to become ordinary files, under the umask.
#[cfg(unix)]
fn usual_permissions() -> Option<Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn usual_permissions() -> Option<Permissions> {
    None
}

#[cfg(unix)]
fn keep_owner_and_mode(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only root may give files away; the others keep their own.
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Opens a file that [`write()`] has begun, to add to its end.
///
/// # Errors
/// [`WriteError`].
pub fn append(path: &Path) -> Result<File, WriteError> {
    let file = OpenOptions::new().append(true).open(path);
    file.map_err(system(path))
}

/// Removes a file that has done its duty; a link to it stays. If it cannot be removed nothing is lost.
pub fn remove(path: &Path) {
    if let Ok(Some(target)) = behind_links(path) {
        let _ = fs::remove_file(target);
    }
}

/// Makes a folder and those above it, where they are not there.
///
/// # Errors
/// [`WriteError`].
pub fn make_folder(folder: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(folder).map_err(system(folder))
}
