//! Safetensors files with a JSON text and a checksum in their metadata: what model files and checkpoints have in common.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors, TensorInfo, TensorView};

/// What stands before the checksum, the last field of the text.
const CHECKSUM: &str = ",\"checksum\":\"";

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 2 * blake3::OUT_LEN;

/// Longest header that safetensors writes and reads.
const LONGEST_HEADER: u64 = 100_000_000;

/// What is wrong with a file; the caller adds its name and the mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TensorFileError {
    #[error("there is no such file")]
    Missing,
    #[error("is a folder or a device, not a file")]
    NotAFile,
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("is not in the safetensors format")]
    NotSafetensors,
    #[error("is a safetensors file of another program")]
    Foreign,
    #[error("is cut short")]
    CutShort,
    #[error("has {0} bytes behind its end")]
    TooLong(u64),
    #[error("is damaged: its content does not fit its checksum")]
    Damaged,
}

/// A tensor, as the header tells it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorEntry {
    pub name: String,
    pub dtype: Dtype,
    pub dims: Vec<usize>,
    /// Its first byte in the file.
    pub at: u64,
    /// Its bytes, which fit type and dimensions.
    pub bytes: usize,
}

/// A tensor that is to be written.
#[derive(Debug)]
pub(crate) struct ToWrite {
    pub name: String,
    pub dtype: Dtype,
    pub dims: Vec<usize>,
    /// Of its bytes.
    pub hash: blake3::Hash,
}

/// A file whose header has been read, and no tensor.
#[derive(Debug)]
pub(crate) struct TensorFile<R: Read = File> {
    /// The text, without its checksum.
    pub text: String,
    /// The tensors, in the order of their data.
    pub tensors: Vec<TensorEntry>,
    /// None in files of versions that wrote none.
    pub checksum: Option<String>,
    data: BufReader<R>,
}

/// The bytes of a file: `text`, a JSON object with a field at least, goes into the metadata under `key`.
pub(crate) fn serialize(
    key: &str,
    text: &str,
    tensors: Vec<(&str, TensorView)>,
) -> Result<Vec<u8>, SafeTensorError> {
    let mut sums = Vec::from_iter(tensors.iter().map(|(name, view)| {
        let head = head(name, view.dtype(), view.shape());
        (head, blake3::hash(view.data()))
    }));
    safetensors::serialize(tensors, Some(metadata(key, text, &mut sums)))
}

/// The metadata of a file with its checksum.
fn metadata(key: &str, text: &str, sums: &mut [(String, blake3::Hash)]) -> HashMap<String, String> {
    let sum = checksum(text, sums);
    let body = text.strip_suffix('}').unwrap_or(text);
    let text = format!("{body}{CHECKSUM}{sum}\"}}");
    HashMap::from([(key.to_string(), text)])
}

/// Writes a file as [`serialize`] makes it, with tensors that need not be in memory together: `copy` writes the bytes of each in
/// turn. Those of wider types must come first.
pub(crate) fn write(
    to: &mut dyn Write,
    key: &str,
    text: &str,
    tensors: &[ToWrite],
    mut copy: impl FnMut(usize, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let sums = tensors.iter();
    let sums = sums.map(|tensor| (head(&tensor.name, tensor.dtype, &tensor.dims), tensor.hash));
    let metadata = metadata(key, text, &mut sums.collect::<Vec<_>>());
    let mut end = 0;
    let infos = tensors.iter().map(|tensor| {
        let first = end;
        end += tensor.dims.iter().product::<usize>() * tensor.dtype.bitsize() / 8;
        let info = TensorInfo {
            dtype: tensor.dtype,
            shape: tensor.dims.clone(),
            data_offsets: (first, end),
        };
        (tensor.name.clone(), info)
    });
    let header = Metadata::new(Some(metadata), infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() as u64 > LONGEST_HEADER {
        return Err(io::Error::other("the list of the files is too long"));
    }
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    (0..tensors.len()).try_for_each(|tensor| copy(tensor, to))
}

fn head(name: &str, dtype: Dtype, dims: &[usize]) -> String {
    format!("{name} {dtype:?} {dims:?}")
}

/// The checksum of a text and of tensors, in whatever order they lie.
fn checksum(text: &str, tensors: &mut [(String, blake3::Hash)]) -> String {
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut hasher = blake3::Hasher::new();
    hasher.update(blake3::hash(text.as_bytes()).as_bytes());
    for (head, data) in tensors {
        hasher.update(blake3::hash(head.as_bytes()).as_bytes());
        hasher.update(data.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// A text without its checksum, and the checksum.
fn parted(text: &str) -> (String, Option<String>) {
    let parts = || {
        let text = text.strip_suffix("\"}")?;
        let (body, sum) = text.split_at_checked(text.len().checked_sub(DIGITS)?)?;
        Some((body.strip_suffix(CHECKSUM)?, sum))
    };
    match parts() {
        Some((body, sum)) => (format!("{body}}}"), Some(sum.to_string())),
        None => (text.to_string(), None),
    }
}

/// A file with the checksum that it should have, for fuzzing: no changed one would be read any further.
#[cfg(feature = "internals")]
pub fn summed(key: &str, file: &[u8]) -> Option<Vec<u8>> {
    let (_, header) = SafeTensors::read_metadata(file).ok()?;
    let (text, _) = parted(header.metadata().as_ref()?.get(key)?);
    let tensors = SafeTensors::deserialize(file).ok()?;
    let names = tensors.names();
    let views = names
        .iter()
        .filter_map(|name| Some((*name, tensors.tensor(name).ok()?)));
    serialize(key, &text, views.collect()).ok()
}

fn unreadable(error: io::Error) -> TensorFileError {
    match error.kind() {
        io::ErrorKind::NotFound => TensorFileError::Missing,
        _ => TensorFileError::Unreadable(error),
    }
}

impl TensorFile {
    /// Reads the header of a file with a text under `key`: as much memory as the header is long.
    pub(crate) fn open(path: &Path, key: &str) -> Result<Self, TensorFileError> {
        let about = std::fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            // A pipe would wait for ever.
            return Err(TensorFileError::NotAFile);
        }
        let data = File::open(path).map_err(unreadable)?;
        Self::new(data, about.len(), key)
    }
}

impl<R: Read> TensorFile<R> {
    /// Reads the header of what is `bytes` bytes long.
    pub(crate) fn new(data: R, bytes: u64, key: &str) -> Result<Self, TensorFileError> {
        let mut data = BufReader::new(data);
        let mut start = Vec::new();
        (&mut data)
            .take(9)
            .read_to_end(&mut start)
            .map_err(unreadable)?;
        let (length, opening) = match start[..] {
            [a, b, c, d, e, f, g, h, opening] => {
                (u64::from_le_bytes([a, b, c, d, e, f, g, h]), opening)
            }
            _ => return Err(TensorFileError::NotSafetensors),
        };
        if opening != b'{' || length > LONGEST_HEADER {
            return Err(TensorFileError::NotSafetensors);
        }
        let mut header = vec![opening];
        (&mut data)
            .take(length.saturating_sub(1))
            .read_to_end(&mut header)
            .map_err(unreadable)?;
        if (header.len() as u64) < length {
            return Err(TensorFileError::CutShort);
        }
        // Checks that each tensor's bytes fit its type and shape, and that they leave no gap.
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|_| TensorFileError::NotSafetensors)?;
        drop(header);
        let end = (8 + length).saturating_add(metadata.data_len() as u64);
        if bytes < end {
            return Err(TensorFileError::CutShort);
        }
        if bytes > end {
            return Err(TensorFileError::TooLong(bytes - end));
        }
        let text = metadata.metadata().as_ref().and_then(|m| m.get(key));
        let (text, checksum) = parted(text.ok_or(TensorFileError::Foreign)?);
        let entry = |name: String| {
            let info = metadata.info(&name)?;
            let (first, end) = info.data_offsets;
            Some(TensorEntry {
                dtype: info.dtype,
                dims: info.shape.clone(),
                at: 8 + length + first as u64,
                bytes: end - first,
                name,
            })
        };
        let tensors = metadata.offset_keys().into_iter().filter_map(entry);
        Ok(Self {
            tensors: tensors.collect(),
            text,
            checksum,
            data,
        })
    }

    /// Reads the tensors, one after the other, and compares everything with the checksum. `take` is handed the place in
    /// [`Self::tensors`] and the bytes; what it makes of them must not be used if this fails. Gives the file, and the hash of
    /// each tensor's bytes.
    pub(crate) fn read(
        mut self,
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<(R, Vec<blake3::Hash>), TensorFileError> {
        let mut sums = Vec::new();
        for (place, entry) in self.tensors.iter().enumerate() {
            let mut bytes = vec![0; entry.bytes];
            self.data
                .read_exact(&mut bytes)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => TensorFileError::CutShort,
                    _ => TensorFileError::Unreadable(error),
                })?;
            sums.push((
                head(&entry.name, entry.dtype, &entry.dims),
                blake3::hash(&bytes),
            ));
            take(place, &bytes);
        }
        let hashes = sums.iter().map(|(_, hash)| *hash).collect();
        match self.checksum {
            Some(sum) if sum != checksum(&self.text, &mut sums) => Err(TensorFileError::Damaged),
            _ => Ok((self.data.into_inner(), hashes)),
        }
    }
}
