//! What Symphonia is shown of a file: its audio without the tags around it, and with headers that
//! are legal or common, but that Symphonia refuses or misreads, written anew. Samples are never
//! touched.

mod caf;
mod mp4;
mod ogg;
mod parts;
mod riff;
mod tags;
mod view;

use std::fs::File;
use std::path::Path;

use super::error::AudioErrorKind;
use view::read_at;
pub(super) use view::{Claim, Spliced, View};

/// Opens the file at `path`, or the one that begins `from` bytes behind its start.
pub(super) fn open(path: &Path, from: u64) -> Result<View, AudioErrorKind> {
    let mut file = File::open(path).map_err(AudioErrorKind::of)?;
    let len = file.metadata().map_err(AudioErrorKind::of)?.len();
    let mut audio = tags::audio(&mut file, from..len).map_err(AudioErrorKind::of)?;
    let head = read_at(&mut file, audio.start, 16).map_err(AudioErrorKind::of)?;
    let next = parts::next(&mut file, &audio, &head).map_err(AudioErrorKind::of)?;
    if let Some(next) = next {
        audio = tags::audio(&mut file, audio.start..next).map_err(AudioErrorKind::of)?;
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
