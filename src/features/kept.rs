//! A file of features: what was heard of a data set's files, for later runs to start from without decoding.
//!
//! It is a safetensors file with a checksum: of each audio file its mel frames, a byte each, its MFCC, its hash, and what was
//! said of it when it was decoded. Bytes stand for 256 even steps from the file's least value to its largest, so a value is
//! rounded by at most 1/510 of that range. A run that adds a file goes on with the rounded values, as all later ones will.

mod entries;

use std::collections::HashMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Features, Hearing, StoreError};
use crate::data::KnownFiles;
use crate::files::WriteError;
use crate::tensors::{TensorFile, TensorFileError};
use crate::words::count;

pub use entries::KEY;
use entries::{Entry, Inner, Listed, explain};

/// Why a file of features cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct KeptError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and the mend.
    pub reason: String,
}

/// The features of a collection's files, kept in a file. Files are known by their paths in the data set and by their sizes:
/// use one for one collection.
#[derive(Debug)]
pub struct KeptFeatures {
    path: PathBuf,
    inner: Mutex<Inner>,
}

impl KeptFeatures {
    /// Opens a file of features, whose content is checked, or begins one where there is none yet.
    ///
    /// # Errors
    /// [`KeptError`]: a file of another kind, or a damaged one.
    pub fn open(path: &Path) -> Result<Self, KeptError> {
        let at = |reason: String| KeptError {
            path: path.to_path_buf(),
            reason,
        };
        let empty = |added| Inner {
            hearings: Vec::new(),
            entries: HashMap::new(),
            file: None,
            added,
            end: 0,
            changed: false,
            found: 0,
            new: 0,
        };
        let added = tempfile::tempfile().map_err(|e| at(StoreError::from(e).to_string()))?;
        let mut inner = empty(added);
        match TensorFile::open(path, KEY) {
            Err(TensorFileError::Missing) => {}
            Err(error) => return Err(at(explain(&error))),
            Ok(file) => inner.read(file).map_err(at)?,
        }
        Ok(Self {
            path: path.to_path_buf(),
            inner: Mutex::new(inner),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Size and hash of every file, by its path in the data set.
    pub fn known(&self) -> KnownFiles {
        let inner = self.inner();
        let entries = inner.entries.values().map(|entry| &entry.listed);
        entries
            .map(|file| (file.path.clone(), (file.size, file.hash.clone())))
            .collect()
    }

    /// The features of the file `name`, heard so, if they are kept and `path` has as many bytes as then.
    pub(super) fn get(
        &self,
        name: &Path,
        path: &Path,
        hearing: &Hearing,
    ) -> Result<Option<Features>, StoreError> {
        let size = std::fs::metadata(path).map_or(0, |found| found.len());
        let mut inner = self.inner();
        let Some(number) = inner.hearings.iter().position(|known| known == hearing) else {
            return Ok(None);
        };
        let entry = inner.entries.get(&(name.to_path_buf(), number));
        let Some(entry) = entry.filter(|entry| entry.listed.size == size).cloned() else {
            return Ok(None);
        };
        let bytes = inner.frames(&entry)?;
        inner.found += 1;
        drop(inner);
        Ok(Some(entry.features(&bytes)))
    }

    /// Keeps the features of the file `name`, and gives them back rounded. Features that are not finite are not kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put(
        &self,
        name: &Path,
        path: &Path,
        hash: &str,
        hearing: &Hearing,
        features: Features,
    ) -> Result<Features, StoreError> {
        let size = std::fs::metadata(path).map_or(0, |found| found.len());
        let values = &features.values;
        let numbers = values.iter().chain(&features.mfcc);
        if !numbers.into_iter().all(|value| value.is_finite()) {
            return Ok(features);
        }
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (low, high) = if low > high { (0.0, 0.0) } else { (low, high) };
        let bytes = rounded(values, low, high);
        let mut inner = self.inner();
        let known = inner.hearings.iter().position(|known| known == hearing);
        let number = known.unwrap_or_else(|| {
            inner.hearings.push(hearing.clone());
            inner.hearings.len() - 1
        });
        // What was heard of another file of this name.
        inner
            .entries
            .retain(|(path, _), entry| path != name || entry.listed.size == size);
        let end = inner.end;
        inner.added.seek(SeekFrom::Start(end))?;
        inner.added.write_all(&bytes)?;
        inner.end += bytes.len() as u64;
        let entry = Entry {
            listed: Listed {
                path: name.to_path_buf(),
                size,
                hash: hash.to_string(),
                hearing: number,
                stopped: features.stopped,
                warnings: features.warnings,
            },
            statistics: [&[low, high], &features.mfcc[..]].concat(),
            dims: [hearing.preset.n_mels, features.frames],
            hash: blake3::hash(&bytes),
            added: true,
            at: end,
        };
        let features = entry.features(&bytes);
        inner.entries.insert((name.to_path_buf(), number), entry);
        inner.changed = true;
        inner.new += 1;
        Ok(features)
    }

    /// Writes what was added, the whole file anew, and says what was found and added since the last time.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn save(&self) -> Result<String, WriteError> {
        let mut inner = self.inner();
        if inner.changed {
            inner.write(&self.path)?;
        }
        let [found, new] = [&inner.found, &inner.new].map(|number| count(*number, "file", "files"));
        (inner.found, inner.new) = (0, 0);
        Ok(format!(
            "{}: the features of {found} were there, those of {new} were added",
            self.path.display()
        ))
    }
}

/// Values as steps of 1/255 of the way from `low` to `high`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "steps are 0 to 255"
)]
fn rounded(values: &[f32], low: f32, high: f32) -> Vec<u8> {
    let steps = 255.0 / (f64::from(high) - f64::from(low)).max(f64::MIN_POSITIVE);
    let step = |&value: &f32| ((f64::from(value) - f64::from(low)) * steps).round();
    values.iter().map(|value| step(value) as u8).collect()
}

#[cfg(test)]
mod tests;
