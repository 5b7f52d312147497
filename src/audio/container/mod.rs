//! What Symphonia is shown of a file: its audio without the tags around it, and with headers that
//! are legal or common, but that Symphonia refuses or misreads, written anew. Samples are never
//! touched.

mod caf;
mod mp4;
mod ogg;
mod parts;
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
    /// Where in the file another one begins that was joined to it.
    pub(super) next: Option<u64>,
}

/// What a header says about the length of the data, where Symphonia is not shown it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Claim {
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

/// Opens the file at `path`, or the one that begins `from` bytes behind its start.
pub(super) fn open(path: &Path, from: u64) -> Result<View, AudioErrorKind> {
    let mut file = File::open(path).map_err(find::io_kind)?;
    let len = file.metadata().map_err(find::io_kind)?.len();
    let mut audio = tags::audio(&mut file, from..len).map_err(find::io_kind)?;
    let head = read_at(&mut file, audio.start, 16).map_err(find::io_kind)?;
    let next = parts::next(&mut file, &audio, &head).map_err(find::io_kind)?;
    if let Some(next) = next {
        audio = tags::audio(&mut file, audio.start..next).map_err(find::io_kind)?;
    }
    let mut view = match &head[..] {
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
        _ => match foreign(&head) {
            Some(name) => Err(AudioErrorKind::Unsupported(name.to_owned())),
            None => Ok(View::plain(file, audio)),
        },
    }?;
    view.next = next;
    Ok(view)
}

/// Names of the formats that Symphonia does not know, or takes for damaged ones, by their first bytes.
fn foreign(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [b'w', b'v', b'p', b'k', ..] => "the codec WavPack",
        [0x7f, 0xfe, 0x80, 0x01, ..]
        | [0xfe, 0x7f, 0x01, 0x80, ..]
        | [0x1f, 0xff, 0xe8, 0x00, ..]
        | [0xff, 0x1f, 0x00, 0xe8, ..]
        | [b'D', b'T', b'S', b'H', b'D', b'H', b'D', b'R', ..] => "the codec DTS",
        [0x0b, 0x77, ..] | [0x77, 0x0b, ..] => "the codec AC-3 (Dolby Digital)",
        [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, ..] => "Windows Media (ASF)",
        [b'T', b'T', b'A', b'1' | b'2', ..] => "the codec True Audio",
        [b'M', b'A', b'C', b' ', ..] => "the codec Monkey's Audio",
        [b'M', b'P', b'+', ..] | [b'M', b'P', b'C', b'K', ..] => "the codec Musepack",
        [b'D', b'S', b'D', b' ', ..] | [b'F', b'R', b'M', b'8', ..] => "DSD",
        [b'O', b'F', b'R', b' ', ..] => "the codec OptimFROG",
        [b't', b'B', b'a', b'K', ..] => "the codec TAK",
        [b'#', b'!', b'A', b'M', b'R', ..] => "the codec AMR",
        [b'.', b's', b'n', b'd', ..] => "the format AU of Sun",
        [b'.', b'R', b'M', b'F', ..] | [b'.', b'r', b'a', 0xfd, ..] => "RealAudio",
        _ => return None,
    })
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
            next: None,
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
