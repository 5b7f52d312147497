//! MP4 and QuickTime, whose sample descriptions Symphonia reads only in part.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::view::{Piece, View, read_at};
use crate::audio::error::AudioErrorKind;

/// Atoms that are looked at. A long film has some thousands at its top.
const MAX_ATOMS: usize = 20_000;

/// Tracks that are looked at.
const MAX_TRACKS: usize = 64;

/// Bytes of a description of samples that are looked at.
const MAX_ENTRY: u64 = 4096;

/// An atom: its name and its body.
struct Atom {
    name: [u8; 4],
    body: Range<u64>,
}

/// Finds the first description of samples of each track, and mends what Symphonia misreads.
pub(super) fn view(mut file: File, audio: Range<u64>) -> Result<View, AudioErrorKind> {
    let entries = entries(&mut file, &audio).map_err(AudioErrorKind::of)?;
    let (mut foreign, mut known) = (None, false);
    let (mut patch, mut big_endian) = (None, false);
    for (at, bytes) in &entries {
        let Some(name) = bytes.get(4..8) else {
            continue;
        };
        match codec(name, bytes) {
            Some(codec) => foreign = foreign.or(Some(codec)),
            None => known = true,
        }
        let wave = QuickTime::read(bytes);
        match name {
            b"alac" => patch = patch.or(wave.alac_in_wave.map(|(from, bytes)| (at + from, bytes))),
            b"in24" | b"in32" | b"fl32" | b"fl64" => big_endian |= !wave.little_endian,
            _ => {}
        }
    }
    if let Some(codec) = foreign.filter(|_| !known) {
        return Err(AudioErrorKind::Unsupported(format!("the codec {codec}")));
    }
    let pieces = match patch {
        Some((at, bytes)) => vec![
            Piece::File(audio.start..at),
            Piece::Bytes(bytes.to_vec()),
            Piece::File(at + bytes.len() as u64..audio.end),
        ],
        None => vec![Piece::File(audio)],
    };
    let mut view = View::spliced(file, pieces);
    view.big_endian = big_endian;
    Ok(view)
}

/// Names of the codecs of sound that Symphonia does not know by the names they have here.
fn codec(name: &[u8], entry: &[u8]) -> Option<&'static str> {
    Some(match name {
        b"alaw" => "A-law in QuickTime",
        b"ulaw" => "mu-law in QuickTime",
        b"twos" | b"sowt" if entry.get(26..28) == Some(&[0, 8]) => "8-bit PCM in QuickTime",
        b"samr" => "AMR",
        b"sawb" => "AMR-WB",
        b"ac-4" => "AC-4",
        b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" | b"dtsx" => "DTS",
        b"mha1" | b"mha2" | b"mhm1" | b"mhm2" => "MPEG-H",
        b"mlpa" => "Dolby TrueHD",
        b"ipcm" | b"fpcm" => "PCM in MP4",
        b"ima4" => "IMA ADPCM in QuickTime",
        b"MAC3" | b"MAC6" => "MACE",
        b"QDM2" | b"QDMC" => "QDesign Music",
        b"agsm" => "GSM 6.10",
        b"drms" | b"enca" => "of an encrypted song",
        _ => return None,
    })
}

/// What QuickTime says in its own way.
#[derive(Default)]
struct QuickTime {
    /// ALAC whose parameters are inside a `wave` atom, where Symphonia does not look: what to write
    /// where (counted from the start of the description) so that they are beside it.
    alac_in_wave: Option<(u64, [u8; 8])>,
    /// Samples have their lowest byte first.
    little_endian: bool,
}

impl QuickTime {
    /// Reads a description of samples.
    fn read(entry: &[u8]) -> Self {
        let mut found = Self::default();
        // The atoms stand behind the fields, which are more in later versions.
        let fields = match entry.get(16..18) {
            Some([0, 1]) => 52,
            Some([0, 2]) => 72,
            _ => return found,
        };
        for (wave, name, body) in atoms_in(entry, fields) {
            if name != *b"wave" {
                continue;
            }
            for (at, name, _) in atoms_in(&entry[..body.end], body.start) {
                match &name {
                    b"alac" => {
                        // The header of `wave` becomes that of an atom that ends here.
                        let [.., a, b, c, d] = (at - wave).to_be_bytes();
                        let free = [a, b, c, d, b'f', b'r', b'e', b'e'];
                        found.alac_in_wave.get_or_insert((wave as u64, free));
                    }
                    b"enda" => found.little_endian = entry.get(at + 9) == Some(&1),
                    _ => {}
                }
            }
        }
        found
    }
}

/// Place, name and body of the atoms in `bytes` from `at` on.
fn atoms_in(bytes: &[u8], mut at: usize) -> Vec<(usize, [u8; 4], Range<usize>)> {
    let mut atoms = Vec::new();
    while let Some([a, b, c, d, name @ ..]) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (Ok(name), Some(end)) = (name.try_into(), at.checked_add(size)) else {
            break;
        };
        if size < 8 || end > bytes.len() {
            break;
        }
        atoms.push((at, name, at + 8..end));
        at = end;
    }
    atoms
}

/// Place and bytes of the first description of samples of each track.
fn entries(file: &mut File, audio: &Range<u64>) -> io::Result<Vec<(u64, Vec<u8>)>> {
    let mut left = MAX_ATOMS;
    let mut level = vec![audio.clone()];
    for name in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"] {
        let mut inner = Vec::new();
        for range in level {
            let mut at = range.start;
            while left > 0 && at < range.end {
                left -= 1;
                let Some(atom) = read_atom(file, at, range.end)? else {
                    break;
                };
                at = atom.body.end;
                if atom.name == *name {
                    inner.push(atom.body);
                    // There is one of each but the tracks.
                    if name != b"trak" {
                        break;
                    }
                }
            }
        }
        level = inner;
    }
    let mut entries = Vec::new();
    for stsd in level.into_iter().take(MAX_TRACKS) {
        // Behind version, flags and number of entries.
        let at = stsd.start + 8;
        let len = stsd.end.saturating_sub(at).min(MAX_ENTRY);
        entries.push((at, read_at(file, at, len)?));
    }
    Ok(entries)
}

/// The atom at `at`, inside one that ends at `end`.
fn read_atom(file: &mut File, at: u64, end: u64) -> io::Result<Option<Atom>> {
    let header = read_at(file, at, 16)?;
    let read = |header: &[u8]| {
        let (size, rest) = header.split_first_chunk::<4>()?;
        let (name, rest) = rest.split_first_chunk::<4>()?;
        let (size, header) = match u32::from_be_bytes(*size) {
            // To the end of the file, or of 64 bits.
            0 => (end - at, 8),
            1 => (u64::from_be_bytes(*rest.first_chunk()?), 16),
            size => (u64::from(size), 8),
        };
        if size < header {
            return None;
        }
        let body = at + header..at.checked_add(size)?.min(end);
        (body.start <= body.end).then_some(Atom { name: *name, body })
    };
    Ok(read(&header))
}
