//! Where in a file its audio lies: between the tags in front of it and those behind it. Tags behind
//! the audio are taken for audio by players that do not know them.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::view::read_at;

/// Tags at one end of a file. More are damage.
const MAX_TAGS: usize = 32;

/// Bytes of an ID3v1 tag, which are the last ones of a file, and of the extension in front of it.
const ID3V1: u64 = 128;
const ID3V1_EXTENSION: u64 = 227;

/// Longest tag of Lyrics3 version 1, which does not state its length.
const MAX_LYRICS: u64 = 5100 + 20;

/// `audio` without the tags at its ends.
pub(super) fn audio(file: &mut File, mut audio: Range<u64>) -> io::Result<Range<u64>> {
    for _ in 0..MAX_TAGS {
        match in_front(&read_at(file, audio.start, 32)?) {
            // A tag that leaves nothing is damaged.
            Some(size) if size < audio.end - audio.start => audio.start += size,
            _ => break,
        }
    }
    for _ in 0..MAX_TAGS {
        match behind(file, &audio)? {
            Some(size) if size < audio.end - audio.start => audio.end -= size,
            _ => break,
        }
    }
    Ok(audio)
}

/// The size of the ID3v2 or APE tag that begins with `head`.
fn in_front(head: &[u8]) -> Option<u64> {
    match *head {
        [b'I', b'D', b'3', 2..=4, _, flags, a, b, c, d, ..] => {
            let footer = if flags & 0x10 == 0 { 0 } else { 10 };
            Some(10 + syncsafe([a, b, c, d])? + footer)
        }
        [
            b'A',
            b'P',
            b'E',
            b'T',
            b'A',
            b'G',
            b'E',
            b'X',
            _,
            _,
            _,
            _,
            a,
            b,
            c,
            d,
            ..,
        ] => Some(32 + u64::from(u32::from_le_bytes([a, b, c, d]))),
        _ => None,
    }
}

fn syncsafe(bytes: [u8; 4]) -> Option<u64> {
    bytes.iter().try_fold(0, |size, &byte| {
        (byte < 0x80).then_some(size << 7 | u64::from(byte))
    })
}

/// The size of the last tag behind the audio: ID3v1, APE, Lyrics3 or ID3v2.
fn behind(file: &mut File, audio: &Range<u64>) -> io::Result<Option<u64>> {
    // At most `len` of the last `size` bytes.
    let mut last = |size: u64, len: u64| {
        let start = audio.end.saturating_sub(size).max(audio.start);
        read_at(file, start, len.min(audio.end - start))
    };
    let tail = last(ID3V1, ID3V1)?;
    if tail.len() as u64 == ID3V1 && tail.starts_with(b"TAG") {
        let extended = last(ID3V1 + ID3V1_EXTENSION, 4)?.starts_with(b"TAG+");
        let extension = if extended { ID3V1_EXTENSION } else { 0 };
        return Ok(Some(ID3V1 + extension));
    }
    let ape = tail.last_chunk::<32>();
    if let Some(footer) = ape.filter(|footer| footer.starts_with(b"APETAGEX")) {
        let size = [footer[12], footer[13], footer[14], footer[15]];
        let size = u64::from(u32::from_le_bytes(size));
        if last(size + 32, 8)?.starts_with(b"APETAGEX") {
            return Ok(Some(size + 32));
        }
        // A footer may stand alone.
        let whole = size > 32 && is_ape_item(&last(size, 8 + 256)?);
        return Ok(Some(if whole { size } else { 32 }));
    }
    let digits = tail.strip_suffix(b"LYRICS200");
    if let Some(digits) = digits.and_then(<[u8]>::last_chunk::<6>) {
        let digits = std::str::from_utf8(digits).ok();
        let size = digits.and_then(|digits| digits.parse::<u32>().ok());
        let size = u64::from(size.unwrap_or(0)) + 15;
        return Ok(last(size, 11)?.starts_with(b"LYRICSBEGIN").then_some(size));
    }
    if tail.ends_with(b"LYRICSEND") {
        let lyrics = last(MAX_LYRICS, MAX_LYRICS)?;
        let begin = lyrics
            .windows(11)
            .rposition(|window| window == b"LYRICSBEGIN");
        return Ok(begin.map(|begin| (lyrics.len() - begin) as u64));
    }
    if let Some(&[b'3', b'D', b'I', _, _, _, a, b, c, d]) = tail.last_chunk::<10>() {
        let size = syncsafe([a, b, c, d]).unwrap_or(0) + 20;
        return Ok(last(size, 3)?.starts_with(b"ID3").then_some(size));
    }
    Ok(None)
}

/// Whether `bytes` begin as an item of an APE tag does: a length, flags, and a key that ends in 0.
fn is_ape_item(bytes: &[u8]) -> bool {
    let key = bytes.get(8..).unwrap_or_default();
    let len = key.iter().position(|&byte| byte == 0);
    len.is_some_and(|len| len >= 2 && key[..len].iter().all(|byte| (0x20..0x7f).contains(byte)))
}
