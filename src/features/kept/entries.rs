//! What a file of features holds: reading it whole, and writing it anew.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytemuck::pod_collect_to_vec;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use crate::audio::AudioWarning;
use crate::features::{Features, Hearing};
use crate::files::{self, WriteError};
use crate::tensors::{self, TensorFile, TensorFileError, ToWrite};

/// Key of the metadata.
pub const KEY: &str = "gamaka-features";

const FORMAT: u32 = 1;

/// Name of the tensor with each file's least and largest value, then its MFCC: `[files, 42]`.
const STATISTICS: &str = "statistics";

/// Values of a file in it.
const STATISTICS_LEN: usize = 2 + Features::MFCC_LEN;

/// A file in the metadata. Its frames are the tensor `frames.` and its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// As the data set names it.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub hash: String,
    /// How it was heard, an index into the text's list.
    pub hearing: usize,
    /// Whether it is longer than what was heard of it.
    pub stopped: bool,
    pub warnings: Vec<AudioWarning>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    pub format: u32,
    pub hearings: Vec<Hearing>,
    pub files: Vec<Listed>,
}

/// What is known of a file, and where its frames lie.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub listed: Listed,
    /// Its least and largest value, then its MFCC.
    pub statistics: Vec<f32>,
    /// `[bands, frames]`.
    pub dims: [usize; 2],
    /// Of the frames.
    pub hash: blake3::Hash,
    /// Whether they lie in the temporary file.
    pub added: bool,
    /// Their first byte there, or in the file.
    pub at: u64,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub hearings: Vec<Hearing>,
    /// By path and way of hearing.
    pub entries: HashMap<(PathBuf, usize), Entry>,
    /// What was written before.
    pub file: Option<File>,
    /// Frames that are not in it yet.
    pub added: File,
    pub end: u64,
    /// Whether there is something to write.
    pub changed: bool,
    /// Files whose features were found since they were last told of.
    pub found: usize,
    /// Files that were added since then.
    pub new: usize,
}

impl Entry {
    /// The features, of the bytes of its frames.
    #[expect(clippy::cast_possible_truncation, reason = "values are f32")]
    pub(super) fn features(&self, bytes: &[u8]) -> Features {
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
    pub(super) fn read(&mut self, file: TensorFile) -> Result<(), String> {
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
    pub(super) fn frames(&mut self, entry: &Entry) -> io::Result<Vec<u8>> {
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
    pub(super) fn write(&mut self, path: &Path) -> Result<(), WriteError> {
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

pub(super) fn explain(error: &TensorFileError) -> String {
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
