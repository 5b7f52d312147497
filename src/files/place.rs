//! Where the bytes for a name go, and what stands there that is to be kept.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{Keep, WriteError, keep, system};
use crate::audio;

/// Where the bytes for a name go.
pub(super) enum Place {
    /// The standard output of this process.
    Stdout,
    /// A pipe, a device, or a file that another process has opened for this one: written as it stands.
    Through,
    /// An ordinary file, there or not, behind all links.
    File(PathBuf),
}

/// Finds out where the bytes for `path` go.
pub(super) fn place(path: &Path) -> Result<Place, WriteError> {
    if ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(&path.to_str().unwrap_or_default())
    {
        return Ok(Place::Stdout);
    }
    let ends = path.to_string_lossy();
    if ends.ends_with(std::path::is_separator) || ends.ends_with("/.") {
        return Err(keep(path, Keep::Folder));
    }
    let found = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(keep(path, Keep::Folder)),
        Ok(found) if is_disk(&found) => return Err(keep(path, Keep::Disk)),
        Ok(found) if !found.is_file() => return Ok(Place::Through),
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(system(path)(error)),
    };
    let Some(target) = behind_links(path).map_err(system(path))? else {
        return Ok(Place::Through);
    };
    if found.as_ref().is_some_and(|f| f.permissions().readonly()) {
        return Err(keep(path, Keep::ReadOnly));
    }
    if named_like_audio(path)
        || named_like_audio(&target)
        || (found.is_some() && holds_audio(&target))
    {
        return Err(keep(path, Keep::Audio));
    }
    Ok(Place::File(target))
}

#[cfg(unix)]
fn is_disk(found: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&found.file_type())
}

#[cfg(not(unix))]
fn is_disk(_: &Metadata) -> bool {
    false
}

/// Whether an output goes to the standard output of this process.
pub fn is_stdout(path: &Path) -> bool {
    matches!(place(path), Ok(Place::Stdout))
}

/// Whether an output is an ordinary file, there or not: one that has a folder and can be read again.
pub fn is_ordinary(path: &Path) -> bool {
    matches!(place(path), Ok(Place::File(_)))
}

/// What a name stands for when every symbolic link is followed, also to a file that is not there; nothing if it is a file
/// that a process has open.
pub(super) fn behind_links(path: &Path) -> io::Result<Option<PathBuf>> {
    const MOST: usize = 40;
    let mut at = path.to_path_buf();
    for _ in 0..MOST {
        if at.starts_with("/proc") {
            return Ok(None);
        }
        match fs::read_link(&at) {
            Ok(target) => at = folder_of(&at).join(target),
            Err(_) => return Ok(Some(at)),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn named_like_audio(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    audio::EXTENSIONS.iter().any(|known| extension == *known)
}

/// How a file begins; nothing if it cannot be read.
fn start_of(path: &Path) -> Vec<u8> {
    const ENOUGH: u64 = 4096;
    let mut start = Vec::new();
    match File::open(path).and_then(|file| file.take(ENOUGH).read_to_end(&mut start)) {
        Ok(_) => start,
        Err(_) => Vec::new(),
    }
}

/// What only a file of the same kind may take the place of, by what it holds: tensors, and lists of files with labels.
pub(super) fn kind(path: &Path) -> Option<Keep> {
    let start = start_of(path);
    let length = fs::metadata(path).map_or(0, |found| found.len());
    if let Some((header, b"{")) = start.get(..9).and_then(|s| s.split_first_chunk()) {
        return (u64::from_le_bytes(*header) <= length.saturating_sub(8)).then_some(Keep::Model);
    }
    let text = String::from_utf8_lossy(&start);
    let first = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .lines()
        .next()?;
    let names = first.split([',', ';', '\t']);
    let names = Vec::from_iter(names.map(|n| n.trim().trim_matches('"').to_lowercase()));
    let has = |column: &str| names.iter().any(|name| name == column);
    (has("path") && has("label")).then_some(Keep::Manifest)
}

/// Whether a file begins as audio does. One that cannot be read is none.
fn holds_audio(path: &Path) -> bool {
    let start = start_of(path);
    // A safetensors file begins with the length of its header, which may look like anything, and the header's brace.
    let model = start.get(7..9) == Some(b"\0{");
    // Core Audio, Matroska, AIFF and AIFC, RF64 and Wave64, MPEG layer II: what the crate does not know, or not from its
    // start alone.
    let more = [
        &b"caff"[..],
        b"\x1a\x45\xdf\xa3",
        b"FORM",
        b"RF64",
        b"BW64",
        b"riff",
        b"\xff\xfd",
        b"\xff\xfc",
    ];
    let audio = infer::is_audio(&start)
        || infer::is_video(&start)
        || more.iter().any(|first| start.starts_with(first));
    audio && !model
}
