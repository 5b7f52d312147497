//! Reading a bundle, of which nothing is taken on trust: names, lengths and hashes first, then what the files say.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use walkdir::WalkDir;

use super::check;
use super::content::{Bundle, MANIFEST};
use super::error::{BundleError, damaged, require};
use super::manifest::{KIND, Manifest, VERSION};
use super::tensors::Tensors;
use crate::files::hash_bytes;

/// Bytes of the longest manifest.
const LONGEST_MANIFEST: u64 = 4 << 20;

/// Bytes of the largest file, which is a buffer's most by WebGPU's default limits.
const LARGEST_FILE: u64 = 256 << 20;

/// Bytes of all files.
const LARGEST: u64 = 512 << 20;

/// Files of a bundle.
const MOST_FILES: usize = 4096;

/// Bytes of a file's longest name.
const LONGEST_NAME: usize = 200;

impl Bundle {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`BundleError::Folder`] with the first thing that is wrong: a file that is missing, not listed, of another length or
    /// content than the list tells; a newer version; what its files say is not possible or does not fit together.
    pub fn read(folder: &Path) -> Result<Self, BundleError> {
        files_of(folder)
            .and_then(Self::from_files)
            .map_err(|error| BundleError::Folder {
                folder: folder.to_path_buf(),
                error: Box::new(error),
            })
    }

    /// As [`Self::read`], of files by their names.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn from_files(mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, BundleError> {
        let text = files.remove(MANIFEST).ok_or_else(|| missing(MANIFEST))?;
        let manifest = manifest(&text)?;
        if let Some(file) = files
            .keys()
            .find(|name| !manifest.files.contains_key(*name))
        {
            return Err(BundleError::Unlisted { file: file.clone() });
        }
        for (name, entry) in &manifest.files {
            let bytes = files.get(name).ok_or_else(|| missing(name))?;
            let length = bytes.len() as u64;
            require(length == entry.bytes, name, || {
                format!("has {length} bytes instead of {}", entry.bytes)
            })?;
            require(hash_bytes(bytes) == entry.hash, name, || {
                "is damaged: its content does not fit its hash".into()
            })?;
        }
        let bundle = Self::of_parts(manifest, files);
        let tensors = Tensors::read(bundle.bytes(Tensors::FILE)?)?;
        check::words(bundle.manifest(), &tensors)?;
        check::tasks(bundle.manifest())?;
        for entry in &bundle.manifest().plans {
            let (plan, _) = bundle.plan_by(entry, &tensors)?;
            check::ports(bundle.manifest(), entry, &plan)?;
        }
        Ok(bundle)
    }
}

fn missing(file: &str) -> BundleError {
    BundleError::Missing {
        file: file.to_string(),
    }
}

/// The files of a folder, as many and as long as its list tells.
fn files_of(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
    let text = bytes_of(folder, MANIFEST, LONGEST_MANIFEST)?;
    let manifest = manifest(&text)?;
    for found in WalkDir::new(folder).min_depth(1) {
        let found = found.map_err(|error| BundleError::Unreadable {
            file: folder.display().to_string(),
            error: error.into(),
        })?;
        let name = found.path().strip_prefix(folder).unwrap_or(found.path());
        let parts = name.iter().map(|part| part.to_string_lossy());
        let name = parts.collect::<Vec<_>>().join("/");
        let listed = name == MANIFEST || manifest.files.contains_key(&name);
        if !found.file_type().is_dir() && !listed {
            return Err(BundleError::Unlisted { file: name });
        }
    }
    let mut files = BTreeMap::new();
    for (name, entry) in &manifest.files {
        files.insert(name.clone(), bytes_of(folder, name, entry.bytes)?);
    }
    files.insert(MANIFEST.to_string(), text);
    Ok(files)
}

/// A file of at most so many bytes.
fn bytes_of(folder: &Path, name: &str, most: u64) -> Result<Vec<u8>, BundleError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => missing(name),
        _ => BundleError::Unreadable {
            file: name.to_string(),
            error,
        },
    };
    let path = folder.join(name);
    let about = std::fs::metadata(&path).map_err(failed)?;
    // A pipe would wait for ever.
    require(about.is_file(), name, || "is not a file".into())?;
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(failed)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    require(bytes.len() as u64 <= most, name, || {
        format!("has more than {most} bytes")
    })?;
    Ok(bytes)
}

/// The list of the files, whose names and lengths are possible.
fn manifest(text: &[u8]) -> Result<Manifest, BundleError> {
    #[derive(Deserialize)]
    struct Head {
        kind: String,
        version: u64,
    }
    require(text.len() as u64 <= LONGEST_MANIFEST, MANIFEST, || {
        format!("has more than {LONGEST_MANIFEST} bytes")
    })?;
    let head: Head = serde_json::from_slice(text).map_err(|_| BundleError::Foreign)?;
    if head.kind != KIND {
        return Err(BundleError::Foreign);
    }
    if head.version > VERSION.into() {
        return Err(BundleError::Newer(head.version));
    }
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|e| damaged(MANIFEST, format!("is damaged ({e})")))?;
    require(manifest.version == VERSION, MANIFEST, || {
        format!("has version {}", manifest.version)
    })?;
    let files = &manifest.files;
    require(files.len() <= MOST_FILES, MANIFEST, || {
        format!("lists {} files", files.len())
    })?;
    for (name, entry) in files {
        require(possible(name) && name != MANIFEST, MANIFEST, || {
            format!("lists a file of the name {name:?}")
        })?;
        require(entry.bytes <= LARGEST_FILE, name, || {
            format!("is said to have {} bytes", entry.bytes)
        })?;
    }
    let all = files.values().map(|entry| entry.bytes).sum::<u64>();
    require(all <= LARGEST, MANIFEST, || format!("lists {all} bytes"))?;
    Ok(manifest)
}

/// Whether a name leads to a file below the folder, on every system.
fn possible(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && part.chars().all(plain)
    };
    name.len() <= LONGEST_NAME && name.split('/').all(part)
}
