//! Ogg, of whose streams Symphonia knows only those that it can decode, and whose damaged pages it
//! leaves out without a word.

use std::fs::File;
use std::io;
use std::ops::Range;

use symphonia::core::checksum::Crc32;
use symphonia::core::io::Monitor;

use super::view::{Claim, View, read_at};
use crate::audio::error::AudioErrorKind;

/// Streams that are looked at. An Ogg file begins with a page for each.
const MAX_STREAMS: usize = 16;

/// Bytes of the header of a page, in front of the table of its sizes.
const HEADER: usize = 27;

/// The longest page.
const MAX_PAGE: usize = HEADER + 255 + 255 * 255;

/// Bytes that are read at a time.
const BLOCK: u64 = 1 << 20;

/// Pages with a wrong checksum before a file is known to be damaged.
const MAX_BAD_PAGES: usize = 1000;

/// What the first packet of a stream says it is.
#[derive(Clone, Copy, PartialEq)]
enum Stream {
    Known,
    /// Sound of this codec.
    Foreign(&'static str),
    /// Pictures.
    Silent,
}

impl Stream {
    fn read(packet: &[u8]) -> Option<Self> {
        Some(match packet {
            [0x7f, b'F', b'L', b'A', b'C', ..]
            | [0x01, b'v', b'o', b'r', b'b', b'i', b's', ..]
            | [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => Self::Known,
            [b'S', b'p', b'e', b'e', b'x', b' ', b' ', b' ', ..] => Self::Foreign("Speex"),
            [b'C', b'E', b'L', b'T', b' ', b' ', b' ', b' ', ..] => Self::Foreign("CELT"),
            [b'P', b'C', b'M', b' ', b' ', b' ', b' ', b' ', ..] => Self::Foreign("PCM in Ogg"),
            [0x80, b't', b'h', b'e', b'o', b'r', b'a', ..]
            | [b'B', b'B', b'C', b'D', 0, ..]
            | [b'O', b'V', b'P', b'8', b'0', ..] => Self::Silent,
            _ => return None,
        })
    }
}

/// Refuses a file in which no stream can be decoded, and says which codec it has.
pub(super) fn view(mut file: File, audio: Range<u64>) -> Result<View, AudioErrorKind> {
    let mut at = audio.start;
    let mut streams = Vec::new();
    while streams.len() < MAX_STREAMS {
        // The table has at most 255 sizes; then the packet starts.
        let page = read_at(&mut file, at, HEADER as u64 + 255 + 8).map_err(AudioErrorKind::of)?;
        let Some((header, rest)) = page.split_at_checked(HEADER) else {
            break;
        };
        let first = header.starts_with(b"OggS") && header[5] & 2 != 0;
        let Some((sizes, packet)) = rest.split_at_checked(usize::from(header[26])) else {
            break;
        };
        if !first {
            break;
        }
        streams.push(Stream::read(packet));
        at += (HEADER + sizes.len()) as u64;
        at += sizes.iter().map(|&size| u64::from(size)).sum::<u64>();
    }
    // What is not recognised is left to Symphonia.
    let foreign = streams.iter().find_map(|stream| match stream {
        Some(Stream::Foreign(name)) => Some(name),
        _ => None,
    });
    if streams.contains(&Some(Stream::Known)) {
        let holes = has_holes(&mut file, audio.clone()).map_err(AudioErrorKind::of)?;
        let mut view = View::plain(file, audio);
        if holes {
            view.claim = Claim::Holes;
        }
        Ok(view)
    } else if let Some(name) = foreign {
        Err(AudioErrorKind::Unsupported(format!("the codec {name}")))
    } else if streams.contains(&Some(Stream::Silent)) {
        Err(AudioErrorKind::NoAudioTrack)
    } else {
        Ok(View::plain(file, audio))
    }
}

/// An intact page.
struct Page<'a> {
    first: bool,
    /// It ends at a position beyond the start: there is sound on it, not only headers.
    sound: bool,
    serial: u32,
    number: u32,
    body: &'a [u8],
    len: usize,
}

impl<'a> Page<'a> {
    /// The page that `bytes` begin with, if its checksum is right.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        let word = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
        let sizes = bytes.get(HEADER..HEADER + usize::from(header[26]))?;
        let start = HEADER + sizes.len();
        let len = start + sizes.iter().map(|&size| usize::from(size)).sum::<usize>();
        let body = bytes.get(start..len)?;
        let mut sum = Crc32::new(0);
        // The sum itself counts as zeros.
        for part in [&header[..22], &[0; 4], &header[26..], sizes, body] {
            sum.process_buf_bytes(part);
        }
        if !header.starts_with(b"OggS") || sum.crc() != word(22)? {
            return None;
        }
        let position = i64::from_le_bytes(*header.get(6..)?.first_chunk()?);
        Some(Self {
            first: header[5] & 2 != 0,
            sound: position > 0,
            serial: word(14)?,
            number: word(18)?,
            body,
            len,
        })
    }
}

/// The last page of a stream that was seen.
struct Last {
    serial: u32,
    number: u32,
    sound: bool,
}

/// Whether pages of sound are missing or damaged, of which Symphonia says nothing: whether the numbers
/// of the intact ones have gaps. A gap between the headers and the sound is no fault by itself, since
/// recordings of a broadcast have one; it is if there is something else than pages in it.
fn has_holes(file: &mut File, audio: Range<u64>) -> io::Result<bool> {
    let mut streams: Vec<Last> = Vec::new();
    let (mut headers, mut garbage, mut bad) = (false, false, 0);
    let mut at = audio.start;
    while at < audio.end {
        let block = read_at(file, at, BLOCK.min(audio.end - at))?;
        let ends = at + block.len() as u64 >= audio.end || block.is_empty();
        let mut from = 0;
        while ends || block.len() - from >= MAX_PAGE {
            let Some(found) = block[from..].windows(4).position(|four| four == b"OggS") else {
                break;
            };
            garbage |= found > 0;
            from += found;
            let Some(page) = Page::read(&block[from..]) else {
                bad += 1;
                if bad > MAX_BAD_PAGES {
                    return Ok(true);
                }
                garbage = true;
                from += 4;
                continue;
            };
            from += page.len;
            if page.first {
                if !headers {
                    // The next streams of a chain.
                    streams.clear();
                }
                if Stream::read(page.body) == Some(Stream::Known) && streams.len() < MAX_STREAMS {
                    streams.push(Last {
                        serial: page.serial,
                        number: page.number,
                        sound: false,
                    });
                }
            } else if let Some(last) = streams.iter_mut().find(|last| last.serial == page.serial) {
                let gap = page.number.wrapping_sub(last.number);
                // Some writers do not count.
                if (2..1 << 31).contains(&gap) && (last.sound || garbage) {
                    return Ok(true);
                }
                last.number = page.number;
                last.sound |= page.sound;
            }
            headers = page.first;
            garbage = false;
        }
        if ends {
            break;
        }
        // Nothing found: the last three bytes may begin a page.
        at += if block.len() - from >= MAX_PAGE {
            block.len() - 3
        } else {
            from
        } as u64;
    }
    Ok(false)
}
