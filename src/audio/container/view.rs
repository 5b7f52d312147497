//! A file as Symphonia is shown it: pieces of it, with bytes of our own between them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

/// A file as it is shown.
pub(crate) struct View {
    pub(crate) media: Spliced,
    pub(crate) claim: Claim,
    /// PCM of more than 16 bits is stored with its highest byte first, which Symphonia overlooks.
    pub(crate) big_endian: bool,
    /// Where in the file another one begins that was joined to it.
    pub(crate) next: Option<u64>,
}

/// What a header says about the length of the data, where Symphonia is not shown it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Claim {
    /// Nothing, or what is there.
    Nothing,
    /// No bytes at all, though some follow: the header was never completed.
    Unfinished,
    /// Nothing; but parts in the middle are missing.
    Holes,
    /// More than there is.
    Cut {
        /// The share of the data that is there.
        share: f64,
    },
}

impl View {
    /// The bytes of `range`, as they are.
    pub(super) fn plain(file: File, range: Range<u64>) -> Self {
        Self::spliced(file, vec![Piece::File(range)])
    }

    pub(super) fn spliced(file: File, pieces: Vec<Piece>) -> Self {
        Self {
            media: Spliced::new(file, pieces),
            claim: Claim::Nothing,
            big_endian: false,
            next: None,
        }
    }
}

/// At most `len` bytes of `file` from `at` on; fewer at its end.
pub(super) fn read_at(file: &mut File, at: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A part of what is shown.
pub(super) enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This range of the file.
    File(Range<u64>),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.end.saturating_sub(range.start),
        }
    }
}

/// Pieces, one behind the other, as one file.
pub(crate) struct Spliced {
    file: File,
    pieces: Vec<Piece>,
    len: u64,
    at: u64,
}

impl Spliced {
    fn new(file: File, pieces: Vec<Piece>) -> Self {
        let len = pieces.iter().map(Piece::len).sum();
        Self {
            file,
            pieces,
            len,
            at: 0,
        }
    }
}

impl Read for Spliced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut start = 0;
        for piece in &self.pieces {
            let inside = self.at - start;
            if inside < piece.len() {
                let read = match piece {
                    Piece::Bytes(bytes) => {
                        let inside = usize::try_from(inside).map_err(io::Error::other)?;
                        (&bytes[inside..]).read(buffer)?
                    }
                    Piece::File(range) => {
                        self.file.seek(SeekFrom::Start(range.start + inside))?;
                        (&self.file).take(piece.len() - inside).read(buffer)?
                    }
                };
                self.at += read as u64;
                return Ok(read);
            }
            start += piece.len();
        }
        Ok(0)
    }
}

impl Seek for Spliced {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl MediaSource for Spliced {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}
