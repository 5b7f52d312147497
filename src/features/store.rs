//! Features of a data set, kept in a temporary file: memory does not grow with the data set.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::{Segment, SegmentShape, Segmenter};

/// The temporary folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the temporary folder {} cannot be used ({error}): free some space there, or set TMPDIR to another folder",
    folder.display()
)]
pub struct StoreError {
    /// The folder.
    pub folder: PathBuf,
    /// What the operating system says.
    pub error: io::Error,
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self {
            folder: std::env::temp_dir(),
            error,
        }
    }
}

/// Mel frames of many files. The operating system keeps what is used often in memory, and removes
/// the file with the process.
#[derive(Debug)]
pub struct FeatureStore {
    bands: usize,
    file: Mutex<File>,
    /// First byte and number of frames of each stored file.
    entries: Vec<Option<(u64, usize)>>,
    end: u64,
}

impl FeatureStore {
    /// A store for `count` files of `bands` mel bands.
    ///
    /// # Errors
    /// If no temporary file can be made.
    pub fn new(count: usize, bands: usize) -> Result<Self, StoreError> {
        Ok(Self {
            bands,
            file: Mutex::new(tempfile::tempfile()?),
            entries: vec![None; count],
            end: 0,
        })
    }

    /// Keeps the frames of one file more, band-major.
    ///
    /// # Errors
    /// If the temporary folder is full.
    pub fn push(&mut self, values: &[f32]) -> Result<(), StoreError> {
        self.entries.push(None);
        self.put(self.entries.len() - 1, values)
    }

    /// For how many files there is room.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is room for none.
    #[cfg(feature = "internals")]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps the frames of file `index`, band-major.
    ///
    /// # Errors
    /// If the temporary folder is full.
    pub fn put(&mut self, index: usize, values: &[f32]) -> Result<(), StoreError> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(bytemuck::cast_slice(values))?;
        self.entries[index] = Some((self.end, values.len() / self.bands));
        self.end += size_of_val(values) as u64;
        Ok(())
    }

    /// Number of frames of file `index`; none if it was never stored.
    pub fn frames(&self, index: usize) -> Option<usize> {
        self.entries
            .get(index)
            .copied()
            .flatten()
            .map(|(_, frames)| frames)
    }

    /// The frames of file `index`, band-major.
    ///
    /// # Errors
    /// If the temporary file cannot be read, or the file was never stored.
    pub fn get(&self, index: usize) -> Result<Vec<f32>, StoreError> {
        self.bands(index, 0, self.bands)
    }

    /// The segments of file `index`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn segments(&self, index: usize, shape: SegmentShape) -> Result<Vec<Segment>, StoreError> {
        Ok(Segmenter::whole(shape, self.bands, &self.get(index)?))
    }

    /// One band of file `index`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn band(&self, index: usize, band: usize) -> Result<Vec<f32>, StoreError> {
        self.bands(index, band, 1)
    }

    fn bands(&self, index: usize, band: usize, count: usize) -> Result<Vec<f32>, StoreError> {
        let Some((first, frames)) = self.entries.get(index).copied().flatten() else {
            return Err(io::Error::other(format!("file {index} has no features")).into());
        };
        let mut values = vec![0f32; frames * count];
        let first = first + (band * frames * size_of::<f32>()) as u64;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(first))?;
        file.read_exact(bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_as_they_were_put() {
        let mut store = FeatureStore::new(3, 2).unwrap();
        store.put(2, &[1.0, 2.0, 3.0, 4.0]).unwrap();
        store.put(0, &[5.0, 6.0]).unwrap();
        assert_eq!(store.get(2).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(store.get(0).unwrap(), [5.0, 6.0]);
        assert_eq!((store.frames(2), store.frames(1)), (Some(2), None));
        assert!(store.get(1).is_err());
        store.push(&[7.0, 8.0]).unwrap();
        assert_eq!(store.len(), 4);
        assert_eq!(store.get(3).unwrap(), [7.0, 8.0]);
        assert_eq!(store.band(2, 1).unwrap(), [3.0, 4.0]);
    }
}
