//! A file of features: what was heard of a data set's files, for later runs to start from without decoding.
//!
//! It is a safetensors file with a checksum: of each audio file its mel frames, a byte each, its MFCC, its hash, and what was
//! said of it when it was decoded. Bytes stand for 256 even steps from the file's least value to its largest, so a value is
//! rounded by at most 1/510 of that range. A run that adds a file goes on with the rounded values, as all later ones will.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::pod_collect_to_vec;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::{Features, StoreError};
use crate::audio::AudioWarning;
use crate::data::KnownFiles;
use crate::files::{self, WriteError};
use crate::mel::Preset;
use crate::tensors::{self, TensorFile, TensorFileError, ToWrite};
use crate::words::count;

/// Key of the metadata.
pub(crate) const KEY: &str = "gamaka-features";

const FORMAT: u32 = 1;

/// Name of the tensor with each file's least and largest value, then its MFCC: `[files, 42]`.
const STATISTICS: &str = "statistics";

/// Values of a file in it.
const STATISTICS_LEN: usize = 2 + Features::MFCC_LEN;

/// Why a file of features cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct KeptError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and the mend.
    pub reason: String,
}

/// How files are heard: features of one way are none of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hearing {
    pub preset: Preset,
    /// How much of a file is heard, in seconds.
    pub max_seconds: f64,
    /// Damaged files are errors.
    pub strict: bool,
}

/// A file in the metadata. Its frames are the tensor `frames.` and its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// As the data set names it.
    path: PathBuf,
    /// In bytes.
    size: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    hash: String,
    /// How it was heard, an index into the text's list.
    hearing: usize,
    /// Whether it is longer than what was heard of it.
    stopped: bool,
    warnings: Vec<AudioWarning>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u32,
    hearings: Vec<Hearing>,
    files: Vec<Listed>,
}

/// What is known of a file, and where its frames lie.
#[derive(Debug, Clone)]
struct Entry {
    listed: Listed,
    /// Its least and largest value, then its MFCC.
    statistics: Vec<f32>,
    /// `[bands, frames]`.
    dims: [usize; 2],
    /// Of the frames.
    hash: blake3::Hash,
    /// Whether they lie in the temporary file.
    added: bool,
    /// Their first byte there, or in the file.
    at: u64,
}

#[derive(Debug)]
struct Inner {
    hearings: Vec<Hearing>,
    /// By path and way of hearing.
    entries: HashMap<(PathBuf, usize), Entry>,
    /// What was written before.
    file: Option<File>,
    /// Frames that are not in it yet.
    added: File,
    end: u64,
    /// Whether there is something to write.
    changed: bool,
    /// Files whose features were found since they were last told of.
    found: usize,
    /// Files that were added since then.
    new: usize,
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
    pub(crate) fn put(
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
    pub(crate) fn save(&self) -> Result<String, WriteError> {
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

impl Entry {
    /// The features, of the bytes of its frames.
    #[expect(clippy::cast_possible_truncation, reason = "values are f32")]
    fn features(&self, bytes: &[u8]) -> Features {
        let [low, high] = [self.statistics[0], self.statistics[1]].map(f64::from);
        let value = |byte: u8| (low + (high - low) * f64::from(byte) / 255.0) as f32;
        let values: Vec<f32> = (0..=u8::MAX).map(value).collect();
        Features {
            frames: self.dims[1],
            values: bytes
                .iter()
                .map(|&byte| values[usize::from(byte)])
                .collect(),
            mfcc: self.statistics[2..].to_vec(),
            stopped: self.listed.stopped,
            warnings: self.listed.warnings.clone(),
        }
    }
}

impl Inner {
    /// Takes in a file that was opened, if all of it makes sense.
    fn read(&mut self, file: TensorFile) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let wrong = |what: &str| format!("is damaged as a file of features ({what}): {AGAIN}");
        let damaged = |_| wrong("its list of files cannot be read");
        let Format { format } = serde_json::from_str(&file.text).map_err(damaged)?;
        if format > FORMAT {
            return Err(format!(
                "has format {format}, and this gamaka reads up to {FORMAT}: update gamaka"
            ));
        }
        let text: Text = serde_json::from_str(&file.text).map_err(damaged)?;
        let count = text.files.len();
        // By tensor: the file whose frames it holds; none for the statistics.
        let mut owners = Vec::new();
        let mut entries: Vec<Option<Entry>> = vec![None; count];
        for tensor in &file.tensors {
            if tensor.name == STATISTICS {
                if tensor.dtype != Dtype::F32 || tensor.dims != [count, STATISTICS_LEN] {
                    return Err(wrong("its statistics have another shape"));
                }
                owners.push(None);
                continue;
            }
            let number = tensor.name.strip_prefix("frames.");
            let number = number.and_then(|number| number.parse::<usize>().ok());
            let place = number.and_then(|number| Some((number, text.files.get(number)?)));
            let (number, listed) = place.ok_or_else(|| wrong("it holds an unknown tensor"))?;
            let hearing = text.hearings.get(listed.hearing);
            let bands = hearing.map(|hearing| hearing.preset.n_mels);
            let dims = match tensor.dims[..] {
                [of_bands, frames] if tensor.dtype == Dtype::U8 && Some(of_bands) == bands => {
                    [of_bands, frames]
                }
                _ => return Err(wrong("frames have another shape")),
            };
            entries[number] = Some(Entry {
                listed: listed.clone(),
                statistics: Vec::new(),
                dims,
                hash: blake3::Hash::from_bytes([0; blake3::OUT_LEN]),
                added: false,
                at: tensor.at,
            });
            owners.push(Some(number));
        }
        if file.checksum.is_none() {
            return Err(wrong("it has no checksum"));
        }
        let mut statistics: Vec<f32> = Vec::new();
        let read = file.read(|tensor, bytes| {
            if owners[tensor].is_none() {
                statistics = pod_collect_to_vec(bytes);
            }
        });
        let (data, hashes) = read.map_err(|error| explain(&error))?;
        if !statistics.iter().all(|value| value.is_finite()) {
            return Err(wrong("its statistics are not finite"));
        }
        for (owner, hash) in owners.iter().zip(hashes) {
            if let Some(entry) = owner.and_then(|number| entries[number].as_mut()) {
                entry.hash = hash;
            }
        }
        if count > 0 && statistics.is_empty() {
            return Err(wrong("it has no statistics"));
        }
        for (entry, statistics) in entries.into_iter().zip(statistics.chunks(STATISTICS_LEN)) {
            let mut entry = entry.ok_or_else(|| wrong("frames are missing"))?;
            let is_hash = |hash: &str| {
                hash.len() == 2 * blake3::OUT_LEN && hash.bytes().all(|c| c.is_ascii_hexdigit())
            };
            if !is_hash(&entry.listed.hash) {
                return Err(wrong("a hash is none"));
            }
            entry.statistics = statistics.to_vec();
            let key = (entry.listed.path.clone(), entry.listed.hearing);
            self.entries.insert(key, entry);
        }
        self.hearings = text.hearings;
        self.file = Some(data);
        Ok(())
    }

    /// The bytes of a file's frames.
    fn frames(&mut self, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; entry.dims.iter().product()];
        let from = match entry.added {
            true => &mut self.added,
            false => self.file.as_mut().ok_or(io::ErrorKind::NotFound)?,
        };
        from.seek(SeekFrom::Start(entry.at))?;
        from.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes everything to a file, and goes on with what lies there.
    fn write(&mut self, path: &Path) -> Result<(), WriteError> {
        let mut entries: Vec<Entry> = self.entries.values().cloned().collect();
        entries.sort_by(|a, b| {
            let key = |entry: &Entry| (entry.listed.path.clone(), entry.listed.hearing);
            key(a).cmp(&key(b))
        });
        let text = Text {
            format: FORMAT,
            hearings: self.hearings.clone(),
            files: entries.iter().map(|entry| entry.listed.clone()).collect(),
        };
        let statistics: Vec<f32> = entries
            .iter()
            .flat_map(|entry| &entry.statistics)
            .copied()
            .collect();
        let statistics: &[u8] = bytemuck::cast_slice(&statistics);
        let of_statistics = ToWrite {
            name: STATISTICS.into(),
            dtype: Dtype::F32,
            dims: vec![entries.len(), STATISTICS_LEN],
            hash: blake3::hash(statistics),
        };
        let of_frames = entries.iter().enumerate().map(|(number, entry)| ToWrite {
            name: format!("frames.{number}"),
            dtype: Dtype::U8,
            dims: entry.dims.to_vec(),
            hash: entry.hash,
        });
        let tensors: Vec<ToWrite> = std::iter::once(of_statistics).chain(of_frames).collect();
        files::write_with(path, |file| {
            let text = serde_json::to_string(&text)?;
            let mut file = io::BufWriter::new(file);
            tensors::write(&mut file, KEY, &text, &tensors, |tensor, file| match tensor
                .checked_sub(1)
            {
                None => file.write_all(statistics),
                Some(number) => file.write_all(&self.frames(&entries[number])?),
            })?;
            file.flush()?;
            // Some systems replace no file that is open.
            self.file = None;
            Ok(())
        })?;
        let reread = |error: String| WriteError::System {
            path: path.to_path_buf(),
            error: io::Error::other(error),
        };
        let file = TensorFile::open(path, KEY).map_err(|e| reread(e.to_string()))?;
        self.entries.clear();
        self.read(file).map_err(reread)?;
        (self.end, self.changed) = (0, false);
        Ok(())
    }
}

const AGAIN: &str = "delete it, and it is made anew, or give another name";

fn explain(error: &TensorFileError) -> String {
    match error {
        TensorFileError::Foreign => {
            "is a safetensors file, but none of features: give another name".into()
        }
        TensorFileError::NotAFile | TensorFileError::NotSafetensors => {
            format!("is no file of features ({error}): give another name")
        }
        TensorFileError::Missing | TensorFileError::Unreadable(_) => error.to_string(),
        TensorFileError::CutShort | TensorFileError::TooLong(_) | TensorFileError::Damaged => {
            format!("{error}: {AGAIN}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hearing(n_mels: usize) -> Hearing {
        Hearing {
            preset: Preset {
                n_mels,
                ..Preset::gamaka()
            },
            max_seconds: 30.0,
            strict: false,
        }
    }

    fn heard(values: Vec<f32>) -> Features {
        Features {
            frames: values.len() / 2,
            values,
            mfcc: (0..Features::MFCC_LEN).map(|k| k as f32 / 3.0).collect(),
            stopped: true,
            warnings: vec![AudioWarning::Incomplete {
                decoded_s: 1.5,
                expected_s: None,
            }],
        }
    }

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    /// Two audio files, and a file that keeps the features of one.
    struct Kept {
        folder: tempfile::TempDir,
        first: Features,
        given: Vec<f32>,
    }

    impl Kept {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a.wav"), [1; 100]).unwrap();
            std::fs::write(folder.path().join("b.wav"), [2; 50]).unwrap();
            let given: Vec<f32> = (0..1000).map(|k| (k as f32 * 0.37).sin() * 7.0).collect();
            let path = folder.path().join("kept");
            let kept = KeptFeatures::open(&path).unwrap();
            let song = folder.path().join("a.wav");
            let name = Path::new("x/a.wav");
            let first = kept.put(name, &song, HASH, &hearing(2), heard(given.clone()));
            let first = first.unwrap();
            kept.save().unwrap();
            Self {
                folder,
                first,
                given,
            }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("kept")
        }

        fn get(&self, kept: &KeptFeatures, name: &str, hearing: &Hearing) -> Option<Features> {
            let song = self.folder.path().join("a.wav");
            kept.get(Path::new(name), &song, hearing).unwrap()
        }
    }

    #[test]
    fn later_runs_read_the_values_that_the_first_went_on_with() {
        let made = Kept::new();
        let kept = KeptFeatures::open(&made.path()).unwrap();
        let found = made.get(&kept, "x/a.wav", &hearing(2)).unwrap();
        assert_eq!(found.values, made.first.values);
        assert_eq!(found.mfcc, heard(vec![]).mfcc);
        assert_eq!(found.frames, 500);
        assert!(found.stopped && found.warnings == heard(vec![]).warnings);
        // Least and largest stay, and the rest is rounded by half a step at most.
        let range = |values: &[f32]| {
            let fold = |pick: fn(f32, f32) -> f32| values.iter().copied().reduce(pick).unwrap();
            [fold(f32::min), fold(f32::max)]
        };
        let [low, high] = range(&made.given);
        assert_eq!(range(&found.values), [low, high]);
        let most = made.given.iter().zip(&found.values);
        let most = most.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let half = (high - low) / 510.0;
        assert!(most > 0.9 * half && most <= 1.0001 * half, "{most} {half}");
        let known = kept.known();
        assert_eq!(known[Path::new("x/a.wav")], (100, HASH.to_string()));
    }

    #[test]
    fn features_of_another_file_or_heard_otherwise_are_none() {
        let made = Kept::new();
        let kept = KeptFeatures::open(&made.path()).unwrap();
        assert!(made.get(&kept, "a.wav", &hearing(2)).is_none());
        for other in [
            hearing(4),
            Hearing {
                max_seconds: 29.0,
                ..hearing(2)
            },
            Hearing {
                strict: true,
                ..hearing(2)
            },
        ] {
            assert!(made.get(&kept, "x/a.wav", &other).is_none());
        }
        let (name, hearing) = (Path::new("x/a.wav"), hearing(2));
        let gone = made.folder.path().join("gone.wav");
        assert!(kept.get(name, &gone, &hearing).unwrap().is_none());
        // Another file of the same name takes its place.
        let other = made.folder.path().join("b.wav");
        assert!(kept.get(name, &other, &hearing).unwrap().is_none());
        let put = kept.put(name, &other, HASH, &hearing, heard(vec![1.0; 4]));
        assert_eq!(put.unwrap().values, [1.0; 4]);
        assert!(made.get(&kept, "x/a.wav", &hearing).is_none());
        kept.save().unwrap();
        let kept = KeptFeatures::open(&made.path()).unwrap();
        assert_eq!(kept.known()[name].0, 50);
        let found = kept.get(name, &other, &hearing).unwrap();
        assert_eq!(found.unwrap().values, [1.0; 4]);
    }

    #[test]
    fn what_is_there_stays_when_more_is_added_and_the_order_does_not_matter() {
        let made = Kept::new();
        let other = made.folder.path().join("other");
        let song = made.folder.path().join("b.wav");
        let kept = KeptFeatures::open(&made.path()).unwrap();
        let reverse = KeptFeatures::open(&other).unwrap();
        let b = Path::new("b.wav");
        for kept in [&kept, &reverse] {
            kept.put(b, &song, HASH, &hearing(2), heard(vec![3.0, 4.0]))
                .unwrap();
        }
        let a = made.folder.path().join("a.wav");
        let again = heard(made.given.clone());
        let name = Path::new("x/a.wav");
        reverse.put(name, &a, HASH, &hearing(2), again).unwrap();
        kept.save().unwrap();
        reverse.save().unwrap();
        // Still there after the file was written over.
        let found = made.get(&kept, "x/a.wav", &hearing(2)).unwrap();
        assert_eq!(found.values, made.first.values);
        let bytes = std::fs::read(made.path()).unwrap();
        assert!(bytes == std::fs::read(&other).unwrap());
        kept.save().unwrap();
        assert!(bytes == std::fs::read(made.path()).unwrap());
    }

    #[test]
    fn what_is_not_finite_is_not_kept() {
        let made = Kept::new();
        let kept = KeptFeatures::open(&made.path()).unwrap();
        let song = made.folder.path().join("b.wav");
        let values = heard(vec![1.0, f32::INFINITY]);
        let b = Path::new("b.wav");
        let back = kept.put(b, &song, HASH, &hearing(2), values).unwrap();
        assert_eq!(back.values, [1.0, f32::INFINITY]);
        assert!(kept.get(b, &song, &hearing(2)).unwrap().is_none());
    }

    #[test]
    fn a_changed_byte_is_found_wherever_it_is() {
        let made = Kept::new();
        let bytes = std::fs::read(made.path()).unwrap();
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(made.path(), changed).unwrap();
            let error = KeptFeatures::open(&made.path());
            // A blank before the header's end may be another.
            assert!(error.is_err() || bytes[at] == b' ', "{at}");
        }
        for end in [0, 5, 100, bytes.len() - 1] {
            std::fs::write(made.path(), &bytes[..end]).unwrap();
            assert!(KeptFeatures::open(&made.path()).is_err());
        }
        assert!(KeptFeatures::open(made.folder.path()).is_err());
    }
}
