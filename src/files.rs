//! Writing files so that a failure leaves nothing half done.

use std::fs::Permissions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// End of the names of files that are being written.
const PARTIAL: &str = ".partial";

/// Writes a file whole or not at all: to a temporary name in the same folder, then renamed.
///
/// # Errors
/// What the operating system says; the old file, if any, is then untouched.
fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let prefix = match path.file_name() {
        Some(name) => format!(".{}-", name.to_string_lossy()),
        None => return Err(io::ErrorKind::IsADirectory.into()),
    };
    remove_partial(folder, &prefix)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PARTIAL);
    if let Some(permissions) = usual_permissions() {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(folder)?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Removes what a process that was killed while it wrote the same file has left.
fn remove_partial(folder: &Path, prefix: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix)?.strip_suffix(PARTIAL));
        if random.is_some_and(|r| r.chars().all(char::is_alphanumeric)) {
            // If another process is writing it, that one fails with a word, and nothing is damaged.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
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

/// Writes a file whole or not at all, or says in a sentence why not and what to do.
///
/// # Errors
/// [`WriteError`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write()`], for what need not be in memory at once.
///
/// # Errors
/// [`WriteError`].
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> Result<(), WriteError> {
    write_atomically(path, fill).map_err(|error| WriteError {
        path: path.to_path_buf(),
        error,
    })
}

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written ({error}): {}", path.display(), mend(error))]
pub struct WriteError {
    /// Which file.
    pub path: PathBuf,
    /// What the operating system says.
    pub error: io::Error,
}

/// What to do about a file that cannot be written, for the end of a message.
fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make the folder first",
        io::ErrorKind::PermissionDenied => "choose another place or change its permissions",
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
            "free some space or choose another disk"
        }
        io::ErrorKind::IsADirectory => "give the name of a file, not of a folder",
        _ => "check the disk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        write(&path, b"one").unwrap();
        write(&path, b"another").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"another");
        std::fs::create_dir(folder.path().join("taken")).unwrap();
        for bad in [
            folder.path().join("taken"),
            folder.path().join("missing").join("out.txt"),
        ] {
            let error = write(&bad, b"x").unwrap_err().to_string();
            assert!(
                error.contains(bad.to_str().unwrap()) && error.contains("cannot be written"),
                "{error}"
            );
        }
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["out.txt", "taken"]);
    }

    #[test]
    fn what_a_killed_writer_left_goes_with_the_next_write_of_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            ".out.txt-Ab3dEf.partial",
            ".out.txt.old-Ab3dEf.partial",
            ".out.txt-notes",
        ] {
            std::fs::write(at(name), b"half").unwrap();
        }
        write(&at("out.txt"), b"one").unwrap();
        assert!(!at(".out.txt-Ab3dEf.partial").exists());
        assert!(at(".out.txt.old-Ab3dEf.partial").exists() && at(".out.txt-notes").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_can_be_read_by_others_as_usual() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, usual) = (folder.path().join("ours"), folder.path().join("usual"));
        write(&ours, b"x").unwrap();
        std::fs::write(&usual, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&usual));
    }
}
