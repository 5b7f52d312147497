//! A folder that is filled at once, and was not there or empty before.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ending::{Hold, hold};
use super::error::{Keep, WriteError, keep, system};
use super::place::folder_of;

/// Writes files of any kind, by names with `/` between folders, into a folder that is not there or is empty: all of them, or
/// none where that fails or the process is asked to end meanwhile. Nothing is written over.
///
/// # Errors
/// [`WriteError`].
pub fn fill_folder(
    folder: &Path,
    files: &BTreeMap<String, impl AsRef<[u8]>>,
) -> Result<(), WriteError> {
    let writing = hold();
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => {}
            Some(_) => return Err(keep(folder, Keep::Filled)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory && folder.is_file() => {
            return Err(keep(folder, Keep::File));
        }
        Err(error) => return Err(system(folder)(error)),
    }
    let mut made = Vec::new();
    writing.fills();
    let filled = fill(folder, files, &mut made, &writing);
    let stays = writing.filled();
    if filled.is_err() || !stays {
        for path in made.iter().rev() {
            let _ = match path.is_dir() {
                true => fs::remove_dir(path),
                false => fs::remove_file(path),
            };
        }
    }
    filled
}

/// Notes in `made` what is there now and was not before, in order.
fn fill(
    folder: &Path,
    files: &BTreeMap<String, impl AsRef<[u8]>>,
    made: &mut Vec<PathBuf>,
    writing: &Hold,
) -> Result<(), WriteError> {
    make(folder, made)?;
    // Backwards, so that what lists the others (bundle.json) is missing where a process was killed.
    for (name, bytes) in files.iter().rev() {
        if writing.is_to_go() {
            break;
        }
        let path = folder.join(name);
        make(folder_of(&path), made)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = file.map_err(system(&path))?;
        made.push(path.clone());
        let written = file
            .write_all(bytes.as_ref())
            .and_then(|()| file.sync_all());
        written.map_err(system(&path))?;
    }
    Ok(())
}

/// Makes a folder and those above it that are not there.
fn make(folder: &Path, made: &mut Vec<PathBuf>) -> Result<(), WriteError> {
    if folder.is_dir() {
        return Ok(());
    }
    make(folder_of(folder), made)?;
    fs::create_dir(folder).map_err(system(folder))?;
    made.push(folder.to_path_buf());
    Ok(())
}
