//! The bytes of the audio, of formats that cannot be decoded here.

use lofty::file::FileType;

use super::format::Format;

/// A hash of the bytes that are audio; none where these are found by decoding alone.
pub(super) fn payload(format: Format, bytes: &[u8]) -> Option<blake3::Hash> {
    match format {
        Format::Ogg(FileType::Speex) => Some(behind_headers(bytes)),
        Format::Ape(FileType::Ape | FileType::Mpc | FileType::WavPack) => {
            Some(blake3::hash(&bytes[..before_tags(bytes)]))
        }
        _ => None,
    }
}

/// A hash of an Ogg file's packets but the first two, which are headers.
fn behind_headers(bytes: &[u8]) -> blake3::Hash {
    const HEADER: usize = 27;
    let mut hasher = blake3::Hasher::new();
    let (mut at, mut packets) = (0, 0);
    while let Some(&count) = bytes.get(at + HEADER - 1) {
        let lengths = at + HEADER..at + HEADER + usize::from(count);
        let mut body = lengths.end;
        for &length in bytes.get(lengths).unwrap_or_default() {
            let end = body + usize::from(length);
            if packets >= 2 {
                hasher.update(bytes.get(body..end).unwrap_or_default());
            }
            // Only the last part of a packet is shorter.
            packets += usize::from(length < u8::MAX);
            body = end;
        }
        at = body;
    }
    hasher.finalize()
}

/// Where the tags begin that end a file: APE, and ID3v1 behind it.
fn before_tags(bytes: &[u8]) -> usize {
    const V1: usize = 128;
    const FOOTER: usize = 32;
    let mut end = bytes.len();
    let starts = |at: Option<usize>, name: &[u8]| {
        at.filter(|&at| bytes.get(at..).is_some_and(|rest| rest.starts_with(name)))
    };
    end = starts(end.checked_sub(V1), b"TAG").unwrap_or(end);
    let Some(footer) = starts(end.checked_sub(FOOTER), b"APETAGEX") else {
        return end;
    };
    let number = |at: usize| {
        let bytes = bytes.get(footer + at..footer + at + 4);
        bytes.map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    let (size, has_header) = (number(12), number(20) >> 31 == 1);
    let header = if has_header { FOOTER } else { 0 };
    end.saturating_sub(size as usize + header)
}
