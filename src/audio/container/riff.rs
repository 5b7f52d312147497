//! WAV and AIFF: chunks, of which one describes the samples and one holds them. Symphonia is shown a
//! new header and the data, because it refuses much that every player accepts: lengths that are wrong,
//! unknown or of 64 bits, and descriptions that are a little too long or too short.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::view::{Claim, Piece, View, read_at};
use crate::audio::error::AudioErrorKind;

/// Chunks in front of the data. More are damage.
const MAX_CHUNKS: usize = 1000;

/// Bytes that a description of samples has at most.
const MAX_DESCRIPTION: u64 = 4096;

/// What the first chunk of Sony's Wave64 is called.
pub(super) const W64_ID: [u8; 16] = [
    0x72, 0x69, 0x66, 0x66, 0x2e, 0x91, 0xcf, 0x11, 0xa5, 0xd6, 0x28, 0xdb, 0x04, 0xc1, 0x00, 0x00,
];

/// Lengths that writers put into a header which they cannot complete: FFmpeg and others, SoX,
/// arecord, and those that take the largest number with a sign.
const UNKNOWN: [u64; 4] = [0xffff_ffff, 0x7fff_f000, 0x8000_0000, 0x7fff_ffff];

/// How chunks are written.
#[derive(Clone, Copy)]
enum Form {
    Wave,
    Wave64,
    Aiff,
}

/// A chunk: its name, where its body begins, and how long it says that is.
struct Chunk {
    name: [u8; 4],
    body: u64,
    stated: u64,
}

impl Chunk {
    fn read(file: &mut File, form: Form, at: u64) -> io::Result<Option<Self>> {
        let header = read_at(file, at, 24)?;
        let read = |bytes: &[u8]| {
            let (name, rest) = bytes.split_first_chunk::<4>()?;
            let name = *name;
            let (stated, header) = match form {
                Form::Wave => (u64::from(u32::from_le_bytes(*rest.first_chunk()?)), 8),
                Form::Aiff => (u64::from(u32::from_be_bytes(*rest.first_chunk()?)), 8),
                // A name of 16 bytes, and a length that counts name and length.
                Form::Wave64 => {
                    let size = u64::from_le_bytes(*rest.get(12..)?.first_chunk()?);
                    (size.saturating_sub(24), 24)
                }
            };
            let body = at + header;
            Some(Self { name, body, stated })
        };
        Ok(read(&header))
    }

    /// Where the next chunk begins. Chunks are aligned to the start of the audio.
    fn next(&self, form: Form) -> Option<u64> {
        let align = if let Form::Wave64 = form { 8 } else { 2 };
        let padded = self.stated.checked_next_multiple_of(align)?;
        self.body.checked_add(padded)
    }
}

/// The chunks that matter.
#[derive(Default)]
struct Parts {
    /// The description of the samples.
    format: Option<Vec<u8>>,
    /// Lengths of 64 bits, in RF64.
    sizes: Option<Vec<u8>>,
    data: Option<Chunk>,
}

fn parts(file: &mut File, form: Form, start: u64, end: u64) -> io::Result<Parts> {
    let mut parts = Parts::default();
    let mut at = start;
    for _ in 0..MAX_CHUNKS {
        if at >= end {
            break;
        }
        let Some(chunk) = Chunk::read(file, form, at)? else {
            break;
        };
        let next = chunk.next(form);
        match &chunk.name {
            b"fmt " | b"COMM" => {
                let size = chunk.stated.min(MAX_DESCRIPTION);
                parts.format = Some(read_at(file, chunk.body, size)?);
            }
            b"ds64" => parts.sizes = Some(read_at(file, chunk.body, 24)?),
            b"data" | b"SSND" => parts.data = Some(chunk),
            _ => {}
        }
        // In AIFF the description may follow the data.
        if parts.data.is_some() && parts.format.is_some() {
            break;
        }
        let Some(next) = next else { break };
        at = next;
    }
    Ok(parts)
}

/// The range of the data, and what was claimed of it. `complete` says that the header was completed
/// when the file was closed.
fn range(body: u64, stated: u64, end: u64, complete: bool) -> (Range<u64>, Claim) {
    let there = end.saturating_sub(body);
    let wrap = 1 << 32;
    let (len, claim) = match stated {
        0 if !complete && there > 0 => (there, Claim::Unfinished),
        stated if UNKNOWN.contains(&stated) && stated > there => (there, Claim::Nothing),
        // Wave64 has room for a number that no file reaches.
        stated if stated >= 1 << 62 => (there, Claim::Nothing),
        stated if stated > there => {
            let share = there as f64 / stated as f64;
            (there, Claim::Cut { share })
        }
        // In a file of more than 4 GiB the length has run over.
        stated if stated < wrap => (stated + (there - stated) / wrap * wrap, Claim::Nothing),
        stated => (stated, Claim::Nothing),
    };
    (body..body + len, claim)
}

/// A length as it is written; only that of data can be too large for it.
fn size(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn no_data() -> AudioErrorKind {
    AudioErrorKind::Header("the file ends before any audio".to_owned())
}

fn no_format() -> AudioErrorKind {
    AudioErrorKind::Header("nothing says what the samples are".to_owned())
}

/// WAV, RF64 and BW64.
pub(super) fn wave(mut file: File, audio: Range<u64>) -> Result<View, AudioErrorKind> {
    let found = parts(&mut file, Form::Wave, audio.start + 12, audio.end);
    let found = found.map_err(AudioErrorKind::of)?;
    let data = found.data.ok_or_else(no_data)?;
    let head = read_at(&mut file, audio.start, 8).map_err(AudioErrorKind::of)?;
    let whole = head
        .last_chunk()
        .map_or(0, |&size| u32::from_le_bytes(size));
    let complete = u64::from(whole) + 8 == audio.end - audio.start;
    let long = |sizes: &Vec<u8>| Some(u64::from_le_bytes(*sizes.get(8..)?.first_chunk()?));
    let stated = match found.sizes.as_ref().and_then(long) {
        Some(stated) if data.stated == 0xffff_ffff => stated,
        _ => data.stated,
    };
    let (range, claim) = range(data.body, stated, audio.end, complete);
    wave_view(file, found.format, range, claim)
}

/// Sony's Wave64.
pub(super) fn wave64(mut file: File, audio: Range<u64>) -> Result<View, AudioErrorKind> {
    // Behind the names of the format and its kind and the length of the file.
    let found = parts(&mut file, Form::Wave64, audio.start + 40, audio.end);
    let found = found.map_err(AudioErrorKind::of)?;
    let data = found.data.ok_or_else(no_data)?;
    let (range, claim) = range(data.body, data.stated, audio.end, false);
    wave_view(file, found.format, range, claim)
}

/// A WAV file of the data in `range`.
fn wave_view(
    file: File,
    format: Option<Vec<u8>>,
    range: Range<u64>,
    claim: Claim,
) -> Result<View, AudioErrorKind> {
    let format = format.ok_or_else(no_format)?;
    let short = || AudioErrorKind::Header("the description of the samples is cut off".to_owned());
    let number = |at: usize| Some(u16::from_le_bytes([*format.get(at)?, *format.get(at + 1)?]));
    let tag = match number(0).ok_or_else(short)? {
        // The extended description has the tag at the start of a longer name.
        0xfffe => number(24).ok_or_else(short)?,
        tag => tag,
    };
    let channels = number(2).ok_or_else(short)?;
    let bits = number(14).ok_or_else(short)?;
    let format = match tag {
        // Samples of, say, 12 or 20 bits stand in the upper bits of whole bytes.
        PCM | FLOAT => describe(&format, tag, channels, bits.div_ceil(8).saturating_mul(8)),
        A_LAW | MU_LAW => {
            let mut format = describe(&format, tag, channels, 8);
            format.extend([0, 0]);
            format
        }
        ADPCM_MS | ADPCM_IMA => format,
        MP2 | MP3 | ADTS => {
            let mut view = View::plain(file, range);
            view.claim = claim;
            return Ok(view);
        }
        tag => return Err(AudioErrorKind::Unsupported(codec(tag))),
    };
    let len = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
    let mut head = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    head.extend(size(format.len()).to_le_bytes());
    head.extend(&format);
    head.extend(b"data");
    head.extend(len.to_le_bytes());
    let mut view = View::spliced(file, vec![Piece::Bytes(head), Piece::File(range)]);
    view.claim = claim;
    Ok(view)
}

const PCM: u16 = 0x0001;
const ADPCM_MS: u16 = 0x0002;
const FLOAT: u16 = 0x0003;
const A_LAW: u16 = 0x0006;
const MU_LAW: u16 = 0x0007;
const ADPCM_IMA: u16 = 0x0011;
const MP2: u16 = 0x0050;
const MP3: u16 = 0x0055;
const ADTS: u16 = 0x1600;

/// The plainest description of samples of `bits` bits; `format` has the rate.
fn describe(format: &[u8], tag: u16, channels: u16, bits: u16) -> Vec<u8> {
    let frame = channels.saturating_mul(bits / 8);
    let mut plain = tag.to_le_bytes().to_vec();
    plain.extend(channels.to_le_bytes());
    plain.extend(&format[4..12]);
    plain.extend(frame.to_le_bytes());
    plain.extend(bits.to_le_bytes());
    plain
}

/// Names of codecs that WAV files hold and that cannot be decoded.
fn codec(tag: u16) -> String {
    let name = match tag {
        0x0031 => "GSM 6.10",
        0x0040 | 0x0045 | 0x0064 => "G.726",
        0x0042 => "G.723.1",
        0x00ff | 0x1610 => "AAC in WAV",
        0x0160..=0x0163 => "Windows Media Audio",
        0x0270 => "ATRAC3",
        0x2000 => "AC-3 (Dolby Digital)",
        0x2001 => "DTS",
        0x674f..=0x6771 => "Vorbis in WAV",
        0x704f => "Opus in WAV",
        0xa109 => "Speex",
        0xf1ac => "FLAC in WAV",
        tag => return format!("the WAV format with the tag {tag:#06x}"),
    };
    format!("the codec {name}")
}

/// AIFF and AIFF-C.
pub(super) fn aiff(mut file: File, audio: Range<u64>) -> Result<View, AudioErrorKind> {
    let found = parts(&mut file, Form::Aiff, audio.start + 12, audio.end);
    let found = found.map_err(AudioErrorKind::of)?;
    let data = found.data.ok_or_else(no_data)?;
    let format = found.format.ok_or_else(no_format)?;
    let head = read_at(&mut file, audio.start, 12).map_err(AudioErrorKind::of)?;
    let [_, _, _, _, a, b, c, d, kind @ ..] = &head[..] else {
        return Err(no_data());
    };
    let whole = u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
    let complete = whole + 8 == audio.end - audio.start;
    let (range, claim) = range(data.body, data.stated, audio.end, complete);
    if range.is_empty() {
        return Err(AudioErrorKind::NoSamples);
    }
    let len = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
    let mut body = kind.to_vec();
    body.extend(b"COMM");
    body.extend(size(format.len()).to_be_bytes());
    body.extend(&format);
    body.resize(body.len().next_multiple_of(2), 0);
    body.extend(b"SSND");
    body.extend(len.to_be_bytes());
    let mut head = b"FORM".to_vec();
    head.extend(len.saturating_add(size(body.len())).to_be_bytes());
    head.extend(body);
    let mut view = View::spliced(file, vec![Piece::Bytes(head), Piece::File(range)]);
    view.claim = claim;
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_32_bits_that_has_run_over_is_completed_from_the_size_of_the_file() {
        let gib = 1_u64 << 30;
        for (stated, end, len) in [
            (gib, 44 + 5 * gib, 5 * gib),
            // With other chunks behind the data.
            (gib, 44 + 5 * gib + 1000, 5 * gib),
            (gib, 44 + 3 * gib, gib),
            (5 * gib, 44 + 12 * gib, 5 * gib),
        ] {
            let want = (44..44 + len, Claim::Nothing);
            assert_eq!(range(44, stated, end, true), want, "{stated} of {end}");
        }
    }
}
