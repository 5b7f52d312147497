//! Where WAV and AIFF keep an ID3v2 tag: in a chunk of its own.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::error::TagErrorKind as Kind;

/// Length of a chunk's header: its name and its length.
const HEADER: u64 = 8;

/// Chunks begin behind the name of the whole, its length and its kind.
const FIRST: u64 = 12;

/// What a file of chunks says of its parts.
pub(super) struct Chunks {
    /// Lengths have their highest byte first, as in AIFF.
    big_endian: bool,
    /// The chunk with the tag, and its body within, both in bytes of the file.
    tag: Option<(Range<u64>, Range<u64>)>,
    /// Where the last chunk ends.
    end: u64,
}

impl Chunks {
    /// Counts off the chunks of a file.
    ///
    /// # Errors
    /// A chunk that goes on behind the end of the whole, as in a recording that was piped: nothing can be added to it.
    pub(super) fn of(file: &mut (impl Read + Seek), big_endian: bool) -> Result<Self, Kind> {
        let length = file.seek(SeekFrom::End(0))?;
        let mut at = 0;
        let whole = header(file, &mut at, big_endian)?.1;
        let end = HEADER + whole;
        let mut chunks = Self {
            big_endian,
            tag: None,
            end,
        };
        let mut at = FIRST;
        while at + HEADER <= end {
            let start = at;
            let (name, size) = header(file, &mut at, big_endian)?;
            let body = at..at + size;
            // A chunk of odd length is followed by a zero, which some programs forget at the end.
            at = body.end + size % 2;
            if body.end > end.min(length) {
                let what = "the lengths in its header are wrong";
                return Err(Kind::Tags(what.to_owned()));
            }
            if chunks.tag.is_none() && matches!(&name, b"ID3 " | b"id3 ") {
                chunks.tag = Some((start..at.min(end), body));
            }
        }
        if end > length {
            let what = "it is shorter than its header says";
            return Err(Kind::Tags(what.to_owned()));
        }
        Ok(chunks)
    }

    /// Where the tag lies.
    pub(super) fn tag(&self) -> Option<Range<u64>> {
        self.tag.as_ref().map(|(_, body)| body.clone())
    }

    /// The file with another tag; with none, if that is empty.
    pub(super) fn with(&self, file: &[u8], tag: &[u8]) -> Result<Vec<u8>, Kind> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let old = self
            .tag
            .as_ref()
            .map_or(self.end..self.end, |t| t.0.clone());
        let name = self.tag.as_ref().map_or(&b"ID3 "[..], |(chunk, _)| {
            &file[place(chunk.start)..place(chunk.start) + 4]
        });
        let mut chunk = Vec::new();
        if !tag.is_empty() {
            if old.start % 2 == 1 {
                chunk.push(0);
            }
            chunk.extend(name);
            chunk.extend(self.bytes(tag.len() as u64)?);
            chunk.extend(tag);
            chunk.extend((tag.len() % 2 == 1).then_some(0));
        }
        let whole = self.end - (old.end - old.start) + chunk.len() as u64 - HEADER;
        let mut new = file[..place(old.start)].to_vec();
        new.extend(chunk);
        new.extend(&file[place(old.end)..]);
        new[4..8].copy_from_slice(&self.bytes(whole)?);
        Ok(new)
    }

    fn bytes(&self, length: u64) -> Result<[u8; 4], Kind> {
        let length = u32::try_from(length);
        let length = length.map_err(|_| Kind::Tags("no room in a file of 4 GiB".to_owned()))?;
        Ok(match self.big_endian {
            true => length.to_be_bytes(),
            false => length.to_le_bytes(),
        })
    }
}

/// Name and length of what begins at `at`, which moves behind them.
fn header(
    file: &mut (impl Read + Seek),
    at: &mut u64,
    big_endian: bool,
) -> Result<([u8; 4], u64), Kind> {
    let (mut name, mut size) = ([0; 4], [0; 4]);
    file.seek(SeekFrom::Start(*at))?;
    file.read_exact(&mut name)?;
    file.read_exact(&mut size)?;
    *at += HEADER;
    let size = match big_endian {
        true => u32::from_be_bytes(size),
        false => u32::from_le_bytes(size),
    };
    Ok((name, size.into()))
}
