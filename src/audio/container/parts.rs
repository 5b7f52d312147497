//! Where in a file of several, joined one behind the other, the next one begins. Symphonia reads
//! only the first.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::view::read_at;

/// Chunks, atoms or elements that are looked at. A long film has some thousands.
const MAX_CHUNKS: usize = 20_000;

/// Bytes that are read at a time.
const BLOCK: u64 = 1 << 20;

/// The start of a FLAC stream: its name, and the header of the block that must come first, which is
/// the last one or not.
const FLAC: [[u8; 8]; 2] = [*b"fLaC\0\0\0\x22", *b"fLaC\x80\0\0\x22"];

/// Where the next file begins inside `audio`, whose first one begins with `head`.
pub(super) fn next(file: &mut File, audio: &Range<u64>, head: &[u8]) -> io::Result<Option<u64>> {
    match head.first_chunk::<4>() {
        Some(b"fLaC") => flac(file, audio),
        Some(b"RIFF" | b"FORM") => chunks(file, audio, 12, riff),
        Some(b"caff") => chunks(file, audio, 8, caf),
        Some([0x1a, 0x45, 0xdf, 0xa3]) => chunks(file, audio, 0, matroska),
        _ if head.get(4..8) == Some(b"ftyp") => chunks(file, audio, 0, mp4),
        _ => Ok(None),
    }
}

/// What stands at a place where a chunk or a file may begin.
enum Found {
    /// A chunk of so many bytes, with its header.
    Chunk(u64),
    File,
}

/// Walks over the chunks of the first file, the first of which is `skip` bytes behind its start.
fn chunks(
    file: &mut File,
    audio: &Range<u64>,
    skip: u64,
    read: fn(&[u8]) -> Option<Found>,
) -> io::Result<Option<u64>> {
    let mut at = audio.start + skip;
    for _ in 0..MAX_CHUNKS {
        if at >= audio.end {
            break;
        }
        match read(&read_at(file, at, 16)?) {
            Some(Found::File) if at > audio.start => return Ok(Some(at)),
            // The header of the first file is its first chunk.
            Some(Found::File) => {
                let head = read_at(file, at, 16)?;
                let size = match head.first_chunk() {
                    Some(&[0x1a, 0x45, 0xdf, 0xa3]) => element(&head),
                    Some(&size) => Some(u64::from(u32::from_be_bytes(size))),
                    None => None,
                };
                let Some(size) = size.filter(|&size| size > 0) else {
                    break;
                };
                at = at.saturating_add(size);
            }
            Some(Found::Chunk(size)) if size > 0 => at = at.saturating_add(size),
            _ => break,
        }
    }
    Ok(None)
}

fn riff(header: &[u8]) -> Option<Found> {
    let (name, rest) = header.split_first_chunk::<4>()?;
    let size = *rest.first_chunk()?;
    let kind = header.get(8..12);
    let size = match name {
        b"RIFF" if kind == Some(b"WAVE") => return Some(Found::File),
        b"FORM" if kind == Some(b"AIFF") || kind == Some(b"AIFC") => return Some(Found::File),
        // The only chunks of AIFF that are in front of its data or are it.
        b"COMM" | b"SSND" | b"FVER" | b"MARK" | b"INST" | b"COMT" | b"NAME" | b"AUTH" | b"ANNO"
        | b"CHAN" | b"APPL" | b"AESD" | b"(c) " => u32::from_be_bytes(size),
        _ => u32::from_le_bytes(size),
    };
    Some(Found::Chunk(8 + u64::from(size).next_multiple_of(2)))
}

fn caf(header: &[u8]) -> Option<Found> {
    if header.starts_with(b"caff\0\x01") {
        return Some(Found::File);
    }
    let size = u64::from_be_bytes(*header.get(4..)?.first_chunk()?);
    Some(Found::Chunk(size.checked_add(12)?))
}

fn mp4(header: &[u8]) -> Option<Found> {
    let size = match u32::from_be_bytes(*header.first_chunk()?) {
        1 => u64::from_be_bytes(*header.get(8..)?.first_chunk()?),
        size => u64::from(size),
    };
    if header.get(4..8) == Some(b"ftyp") {
        return Some(Found::File);
    }
    Some(Found::Chunk(size))
}

fn matroska(header: &[u8]) -> Option<Found> {
    if header.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        return Some(Found::File);
    }
    Some(Found::Chunk(element(header)?))
}

/// The bytes of an element of Matroska with its header, if they are stated.
fn element(header: &[u8]) -> Option<u64> {
    let id = header.first()?.leading_zeros() as usize + 1;
    let first = *header.get(id)?;
    let len = first.leading_zeros() as usize + 1;
    let rest = header.get(id + 1..id + len)?;
    let mask = 0xff_u8
        .checked_shr(u32::try_from(len).unwrap_or(u32::MAX))
        .unwrap_or(0);
    let size = rest.iter().fold(u64::from(first & mask), |size, &byte| {
        size << 8 | u64::from(byte)
    });
    // All ones: not known when it was written.
    let unknown = (1 << (7 * len)) - 1;
    (size != unknown).then_some((id + len) as u64 + size)
}

/// FLAC does not state its size in bytes.
fn flac(file: &mut File, audio: &Range<u64>) -> io::Result<Option<u64>> {
    // Behind the descriptions, in which there may be anything.
    let mut at = audio.start + 4;
    for _ in 0..MAX_CHUNKS {
        let header = read_at(file, at, 4)?;
        let Some(&[kind, a, b, c]) = header.first_chunk() else {
            return Ok(None);
        };
        at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x80 != 0 {
            break;
        }
    }
    while at < audio.end {
        let block = read_at(file, at, BLOCK.min(audio.end - at))?;
        if let Some(found) = block
            .windows(8)
            .position(|eight| FLAC.iter().any(|flac| eight == flac))
        {
            return Ok(Some(at + found as u64));
        }
        if at + block.len() as u64 >= audio.end || block.len() < 8 {
            break;
        }
        at += block.len() as u64 - 7;
    }
    Ok(None)
}
