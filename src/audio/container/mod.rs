//! What Symphonia is shown of a file: its audio without the tags around it, and with headers that
//! are legal or common, but that Symphonia refuses or misreads, written anew. Samples are never
//! touched.

mod caf;
mod mp4;
mod ogg;
mod riff;
mod tags;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use symphonia::core::io::MediaSource;

use super::{AudioErrorKind, find};

/// A file as it is shown.
pub(super) struct View {
    pub(super) media: Spliced,
    pub(super) claim: Claim,
    /// PCM of more than 16 bits is stored with its highest byte first, which Symphonia overlooks.
    pub(super) big_endian: bool,
}

/// What a header says about the length of the data, where Symphonia is not shown it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Claim {
    /// Nothing, or what is there.
    Nothing,
    /// No bytes at all, though some follow: the header was never completed.
    Unfinished,
    /// More than there is.
    Cut {
        /// The share of the data that is there.
        share: f64,
    },
}

/// Opens the file at `path`.
pub(super) fn open(path: &Path) -> Result<View, AudioErrorKind> {
    let mut file = File::open(path).map_err(find::io_kind)?;
    let len = file.metadata().map_err(find::io_kind)?.len();
    let audio = tags::audio(&mut file, len).map_err(find::io_kind)?;
    let head = read_at(&mut file, audio.start, 16).map_err(find::io_kind)?;
    match &head[..] {
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ]
        | [
            b'R',
            b'F' | b'W',
            b'6',
            b'4',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ]
        | [
            b'B',
            b'W',
            b'6',
            b'4',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ] => riff::wave(file, audio),
        id if *id == riff::W64_ID => riff::wave64(file, audio),
        [
            b'F',
            b'O',
            b'R',
            b'M',
            _,
            _,
            _,
            _,
            b'A',
            b'I',
            b'F',
            b'F' | b'C',
            ..,
        ] => riff::aiff(file, audio),
        [b'c', b'a', b'f', b'f', ..] => caf::view(file, audio),
        [b'O', b'g', b'g', b'S', ..] => ogg::view(file, audio),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => mp4::view(file, audio),
        _ => Ok(View::plain(file, audio)),
    }
}

impl View {
    /// The bytes of `range`, as they are.
    fn plain(file: File, range: Range<u64>) -> Self {
        Self::spliced(file, vec![Piece::File(range)])
    }

    fn spliced(file: File, pieces: Vec<Piece>) -> Self {
        Self {
            media: Spliced::new(file, pieces),
            claim: Claim::Nothing,
            big_endian: false,
        }
    }
}

/// At most `len` bytes of `file` from `at` on; fewer at its end.
fn read_at(file: &mut File, at: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A part of what is shown.
enum Piece {
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
pub(super) struct Spliced {
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
