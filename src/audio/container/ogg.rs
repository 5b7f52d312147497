//! Ogg, of whose streams Symphonia knows only those that it can decode.

use std::fs::File;
use std::ops::Range;

use super::{AudioErrorKind, View, find, read_at};

/// Streams that are looked at. An Ogg file begins with a page for each.
const MAX_STREAMS: usize = 16;

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
        // A header of 27 bytes, a table of at most 255 sizes, and the start of the packet.
        let page = read_at(&mut file, at, 27 + 255 + 8).map_err(find::io_kind)?;
        let Some((header, rest)) = page.split_at_checked(27) else {
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
        at += 27 + sizes.len() as u64;
        at += sizes.iter().map(|&size| u64::from(size)).sum::<u64>();
    }
    // What is not recognised is left to Symphonia.
    let foreign = streams.iter().find_map(|stream| match stream {
        Some(Stream::Foreign(name)) => Some(name),
        _ => None,
    });
    if streams.contains(&Some(Stream::Known)) {
        Ok(View::plain(file, audio))
    } else if let Some(name) = foreign {
        Err(AudioErrorKind::Unsupported(format!("the codec {name}")))
    } else if streams.contains(&Some(Stream::Silent)) {
        Err(AudioErrorKind::NoAudioTrack)
    } else {
        Ok(View::plain(file, audio))
    }
}
