//! Two frames of an ID3v2 tag, changed in the bytes of the tag, so that every other frame stays byte for byte as it is.
//!
//! lofty reads a tag into terms of its own and writes those: of an ID3v2.3 tag the sort names would be gone and the dates
//! spelled anew, an ID3v2.2 tag would become another version, and frames that it cannot read would be gone. So the frames
//! are only counted off here (id3.org: id3v2-00, id3v2.3.0, id3v2.4.0-structure).

use std::ops::Range;

use lofty::id3::v1::Id3v1Tag;

use super::error::TagErrorKind as Kind;
use super::fields::{Fields, OWN};

/// Length of a tag's header, and of its footer.
const HEADER: usize = 10;

/// A tag's version, by the number that follows its name, for a file that had none.
const NEW: u8 = 4;

/// Bits of the tag's flags.
const UNSYNCHRONISED: u8 = 0x80;
const EXTENDED: u8 = 0x40;
const FOOTER: u8 = 0x10;

/// Lengths in seven bits a byte have 28 bits.
const LONGEST: usize = (1 << 28) - 1;

/// A tag cut into its parts.
struct Tag {
    /// The second number of its name: 2, 3 or 4.
    major: u8,
    revision: u8,
    flags: u8,
    /// The extended header, as it stands.
    extended: Vec<u8>,
    frames: Vec<Frame>,
    /// What follows the last frame: zeros, most often.
    rest: Vec<u8>,
}

struct Frame {
    /// Header and body, as they stand.
    bytes: Vec<u8>,
    /// Length of its header.
    header: usize,
}

/// How long the tag is that begins these bytes, its header and footer with it; none if none does.
pub(super) fn length(start: &[u8]) -> Option<usize> {
    let header = start.get(..HEADER)?;
    let sound = header.starts_with(b"ID3") && header[3] != 0xff && header[4] != 0xff;
    let size = seven_bits(&header[6..])?;
    let footer = if header[3] == 4 && header[5] & FOOTER != 0 {
        HEADER
    } else {
        0
    };
    sound.then_some(HEADER + size + footer)
}

/// The fields of a tag.
pub(super) fn read(tag: &[u8]) -> Result<Fields, Kind> {
    let tag = Tag::cut(tag)?;
    let mut fields = Fields {
        tag: true,
        ..Fields::default()
    };
    for frame in &tag.frames {
        match tag.field(frame) {
            Some(Field::Genre) => fields.genre.push(tag.text(frame)?),
            Some(Field::Own) => {
                fields.own = tag.text(frame)?.split_once('\0').map(|(_, v)| plain(v))
            }
            None => {}
        }
    }
    Ok(fields)
}

/// The tag with other fields, empty if nothing is left in it and it is not to be kept. No bytes stand for no tag.
pub(super) fn changed(tag: &[u8], fields: &Fields) -> Result<Vec<u8>, Kind> {
    let (mut cut, old) = match tag.is_empty() {
        true => (Tag::new(), Fields::default()),
        false => (Tag::cut(tag)?, read(tag)?),
    };
    if old.genre != fields.genre {
        cut.replace(Field::Genre, fields.genre.iter().map(String::as_str));
    }
    if old.own != fields.own {
        cut.replace(Field::Own, fields.own.as_deref());
    }
    if !fields.tag && cut.frames.is_empty() {
        return Ok(Vec::new());
    }
    cut.bytes(tag.len())
}

/// A new tag that says what an ID3v1 tag does, but for the genre: many programs read the older one only where there is no other.
pub(super) fn after_v1(old: &Id3v1Tag) -> Result<Vec<u8>, Kind> {
    let mut tag = Tag::new();
    let number = |number: Option<u16>| number.map(|number| number.to_string());
    let texts = [
        (b"TIT2", old.title.clone()),
        (b"TPE1", old.artist.clone()),
        (b"TALB", old.album.clone()),
        (b"TDRC", number(old.year)),
        (b"TRCK", number(old.track_number.map(u16::from))),
    ];
    for (id, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            tag.frames.push(tag.frame(id, &[&text]));
        }
    }
    // Behind its language, and without a name.
    if let Some(text) = old.comment.as_ref().filter(|text| !text.is_empty()) {
        tag.frames.push(tag.frame(b"COMM", &["eng", text]));
    }
    match tag.frames.is_empty() {
        true => Ok(Vec::new()),
        false => tag.bytes(0),
    }
}

/// The frames of a tag but those that gamaka writes.
pub(super) fn others(tag: &[u8]) -> Result<Vec<Vec<u8>>, Kind> {
    if tag.is_empty() {
        return Ok(Vec::new());
    }
    let tag = Tag::cut(tag)?;
    let others = tag.frames.iter().filter(|frame| tag.field(frame).is_none());
    Ok(others.map(|frame| frame.bytes.clone()).collect())
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Genre,
    Own,
}

impl Tag {
    fn new() -> Self {
        Self {
            major: NEW,
            revision: 0,
            flags: 0,
            extended: Vec::new(),
            frames: Vec::new(),
            rest: Vec::new(),
        }
    }

    fn cut(tag: &[u8]) -> Result<Self, Kind> {
        let wrong = |what: &str| Kind::Tags(what.to_owned());
        let whole = length(tag).filter(|&length| length <= tag.len());
        let whole = whole.ok_or_else(|| wrong("an ID3v2 tag that is cut off"))?;
        let (major, revision, flags) = (tag[3], tag[4], tag[5]);
        if !(2..=4).contains(&major) {
            return Err(wrong("an ID3v2 tag of an unknown version"));
        }
        if major == 2 && flags & EXTENDED != 0 {
            return Err(wrong("an ID3v2.2 tag that is compressed"));
        }
        let footer = if whole == HEADER + seven_bits(&tag[6..HEADER]).unwrap_or(0) {
            0
        } else {
            HEADER
        };
        let held = &tag[HEADER..whole - footer];
        // In version 4 each frame is unsynchronised by itself.
        let held = match major < 4 && flags & UNSYNCHRONISED != 0 {
            true => synchronised(held),
            false => held.to_vec(),
        };
        let mut at = 0;
        if major > 2 && flags & EXTENDED != 0 {
            let size = held.get(..4).and_then(|size| match major {
                3 => Some(4 + plain_bits(size)),
                _ => seven_bits(size),
            });
            at = size.unwrap_or(usize::MAX);
            let marks = held.get(4..6).unwrap_or(&[0xff; 2]);
            let checksum = if major == 3 {
                marks[0] & 0x80
            } else {
                marks[1] & 0x20
            };
            if at > held.len() || checksum != 0 {
                return Err(wrong(
                    "an ID3v2 tag with a checksum, or with a damaged header",
                ));
            }
        }
        let extended = held[..at].to_vec();
        let mut frames = Vec::new();
        while let Some(range) = frame_at(&held, at, major) {
            let header = if major == 2 { 6 } else { 10 };
            at = range.end;
            let bytes = held[range].to_vec();
            frames.push(Frame { bytes, header });
        }
        Ok(Self {
            major,
            revision,
            flags,
            extended,
            frames,
            rest: held[at..].to_vec(),
        })
    }

    /// Which field a frame is, if one of ours.
    fn field(&self, frame: &Frame) -> Option<Field> {
        let id = &frame.bytes[..frame.bytes.len().min(if self.major == 2 { 3 } else { 4 })];
        match id {
            b"TCO" | b"TCON" => Some(Field::Genre),
            b"TXX" | b"TXXX" => {
                let text = self.text(frame).ok()?;
                let name = text.split_once('\0').map_or("", |(name, _)| name);
                name.eq_ignore_ascii_case(OWN).then_some(Field::Own)
            }
            _ => None,
        }
    }

    /// What a text frame says. Zeros part its texts; there are none at its end.
    fn text(&self, frame: &Frame) -> Result<String, Kind> {
        let wrong = || Kind::Tags("a text frame that is packed, or damaged".to_owned());
        let (header, body) = frame.bytes.split_at(frame.header);
        let mut body = body.to_vec();
        let marks = header.get(9).copied().unwrap_or(0);
        if self.major == 4 {
            // A length of four bytes, and unsynchronised.
            if marks & !3 != 0 {
                return Err(wrong());
            }
            if marks & 1 != 0 {
                body.drain(..4.min(body.len()));
            }
            if marks & 2 != 0 || self.flags & UNSYNCHRONISED != 0 {
                body = synchronised(&body);
            }
        } else if marks & 0xe0 != 0 {
            return Err(wrong());
        }
        let (&coding, text) = body.split_first().ok_or_else(wrong)?;
        let text = match coding {
            0 => text.iter().map(|&byte| char::from(byte)).collect(),
            1 | 2 => {
                let little = coding == 1 && !text.starts_with(&[0xfe, 0xff]);
                let unit = |pair: &[u8]| match (little, pair) {
                    (true, &[low, high]) | (false, &[high, low]) => u16::from_be_bytes([high, low]),
                    _ => 0,
                };
                let units = Vec::from_iter(text.chunks(2).map(unit));
                String::from_utf16_lossy(&units)
            }
            3 => String::from_utf8_lossy(text).into_owned(),
            _ => return Err(wrong()),
        };
        Ok(plain(&text))
    }

    /// Puts frames of a field in the place of those that are there, or behind the others.
    fn replace<'a>(&mut self, field: Field, texts: impl IntoIterator<Item = &'a str>) {
        let ours = |tag: &Self, frame: &Frame| tag.field(frame) == Some(field);
        let all = std::mem::take(&mut self.frames);
        let place = all.iter().position(|frame| ours(self, frame));
        let mut kept = Vec::from_iter(all.into_iter().filter(|frame| !ours(self, frame)));
        let place = place.unwrap_or(kept.len());
        let new = Vec::from_iter(texts.into_iter().map(|text| self.field_frame(field, text)));
        kept.splice(place..place, new);
        self.frames = kept;
    }

    fn field_frame(&self, field: Field, text: &str) -> Frame {
        match (field, self.major) {
            (Field::Genre, 2) => self.frame(b"TCO", &[text]),
            (Field::Genre, _) => self.frame(b"TCON", &[text]),
            (Field::Own, 2) => self.frame(b"TXX", &[OWN, text]),
            (Field::Own, _) => self.frame(b"TXXX", &[OWN, text]),
        }
    }

    /// A frame of texts with zeros between them.
    fn frame(&self, id: &[u8], texts: &[&str]) -> Frame {
        // UTF-8 only since version 4.
        let coding = match (self.major, texts.iter().all(|text| text.is_ascii())) {
            (4.., _) => 3,
            (_, true) => 0,
            (_, false) => 1,
        };
        let mut body = vec![coding];
        for (i, text) in texts.iter().enumerate() {
            if coding == 1 {
                let units = text.encode_utf16();
                let parted = if i > 0 { &[0, 0][..] } else { &[] };
                body.extend(parted);
                body.extend([0xff, 0xfe]);
                body.extend(units.flat_map(u16::to_le_bytes));
            } else {
                body.extend((i > 0).then_some(0));
                body.extend(text.as_bytes());
            }
        }
        let length = body.len();
        let mut bytes = id.to_vec();
        match self.major {
            2 => bytes.extend(&to_bytes(length, 8)[1..]),
            3 => bytes.extend(to_bytes(length, 8)),
            _ => bytes.extend(to_bytes(length, 7)),
        }
        if self.major > 2 {
            bytes.extend([0, 0]);
        }
        let header = bytes.len();
        bytes.extend(body);
        Frame { bytes, header }
    }

    /// The tag, as long as it was where the zeros at its end have room.
    fn bytes(&self, was: usize) -> Result<Vec<u8>, Kind> {
        let mut held = self.extended.clone();
        for frame in &self.frames {
            held.extend(&frame.bytes);
        }
        let padding = self.rest.iter().all(|&byte| byte == 0);
        if !padding {
            held.extend(&self.rest);
        }
        let apart = self.major < 4 && self.flags & UNSYNCHRONISED != 0;
        if apart {
            held = unsynchronised(&held);
        }
        let footer = self.major == 4 && self.flags & FOOTER != 0;
        if padding && !footer {
            // Readers take fewer bytes than a header for no frame.
            held.resize(held.len().max(was.saturating_sub(HEADER)), 0);
        }
        if held.len() > LONGEST {
            return Err(Kind::Tags("an ID3v2 tag without room".to_owned()));
        }
        let mut tag = b"ID3".to_vec();
        tag.extend([self.major, self.revision, self.flags]);
        tag.extend(to_bytes(held.len(), 7));
        let header = tag.clone();
        tag.extend(held);
        if footer {
            tag.extend(b"3DI");
            tag.extend(&header[3..]);
        }
        Ok(tag)
    }
}

/// Where the frame lies that begins at `at`; none if what is there is none.
fn frame_at(held: &[u8], at: usize, major: u8) -> Option<Range<usize>> {
    let header = if major == 2 { 6 } else { 10 };
    let start = held.get(at..at + header)?;
    if !is_name(&start[..header.min(4) - usize::from(major == 2)]) {
        return None;
    }
    let end = |length: usize| Some(at + header + length).filter(|&end| end <= held.len());
    let end = match major {
        2 => end(plain_bits(&start[3..6])),
        3 => end(plain_bits(&start[4..8])),
        _ => {
            // Some programs count in eight bits a byte where it should be seven.
            let follows = |&end: &usize| match held.get(end..end + 4) {
                Some(next) => next[0] == 0 || is_name(next),
                None => true,
            };
            let seven = seven_bits(&start[4..8]).and_then(end);
            let eight = end(plain_bits(&start[4..8]));
            seven.filter(follows).or(eight.filter(follows)).or(seven)
        }
    };
    end.map(|end| at..end)
}

/// Whether a frame may have this name. Some programs end the shorter names of version 2 with a zero.
fn is_name(name: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let (last, first) = name.split_last().unwrap_or((&0, &[]));
    !first.is_empty()
        && first.iter().all(letter)
        && (letter(last) || (*last == 0 && name.len() == 4))
}

fn plain(text: &str) -> String {
    let text = text.trim_end_matches('\0');
    text.chars().filter(|&c| c != '\u{feff}').collect()
}

fn plain_bits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | usize::from(byte))
}

/// A number in seven bits a byte; none if it is not.
fn seven_bits(bytes: &[u8]) -> Option<usize> {
    let sound = bytes.iter().take(4).all(|byte| byte & 0x80 == 0);
    let number = bytes
        .iter()
        .take(4)
        .fold(0, |sum, &byte| sum << 7 | usize::from(byte));
    sound.then_some(number)
}

fn to_bytes(number: usize, bits: usize) -> [u8; 4] {
    let mask = (1 << bits) - 1;
    #[allow(clippy::cast_possible_truncation, reason = "masked to a byte")]
    [3, 2, 1, 0].map(|place| ((number >> (bits * place)) & mask) as u8)
}

/// Without the zeros that keep a decoder from seeing the start of audio.
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut last = 0;
    for &byte in bytes {
        if !(last == 0xff && byte == 0) {
            plain.push(byte);
        }
        last = byte;
    }
    plain
}

fn unsynchronised(plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(plain.len());
    for (i, &byte) in plain.iter().enumerate() {
        bytes.push(byte);
        let next = plain.get(i + 1).copied().unwrap_or(0xff);
        if byte == 0xff && (next == 0 || next >= 0xe0) {
            bytes.push(0);
        }
    }
    bytes
}
