//! A folder of tagged files, in any order: the artist and album that a file's tags name.

use super::{error::DataError, labels, row::Row};
use crate::audio;
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    panic::catch_unwind,
    path::Path,
    sync::Arc,
};
use symphonia::{
    core::{
        formats::{FormatOptions, probe::Hint},
        io::MediaSourceStream,
        meta::{
            METADATA_ID_NULL, MetadataBuilder, MetadataInfo, MetadataReader, MetadataRevision,
            RawValue, StandardTag, Tag, well_known::*,
        },
    },
    default::{
        get_probe,
        meta::{Id3v2Reader, embedded::riff::parse_riff_info_chunk},
    },
};

/// What files can be labelled by.
const TAGS: [&str; 2] = ["album", "artist"];

/// Characters of a tag that are kept: more is no name.
const LONGEST: usize = 256;

/// Chunks of a WAV file among which its tags are looked for.
const MOST_CHUNKS: usize = 1000;

/// Bytes of an INFO list that are read.
const LONGEST_LIST: u64 = 1 << 20;

/// Lists the audio files below a folder that have the tag `column`, at any depth.
pub(super) fn list(
    root: &Path,
    column: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<Row>, DataError> {
    if !TAGS.contains(&column) {
        return Err(DataError::NoSuchTag {
            path: root.into(),
            column: column.into(),
        });
    }
    let mut listed = list_all(root, warnings)?;
    let files = listed.len();
    listed.retain_mut(|file| match file.columns.get(column) {
        Some(label) => {
            file.label.clone_from(label);
            true
        }
        None => false,
    });
    let unlabelled = files - listed.len();
    labels::check_unlabelled(root, column, unlabelled, listed.len(), warnings)?;
    Ok(listed)
}

/// Lists all audio files below a folder, at any depth, with their tags and without labels.
pub(super) fn list_all(root: &Path, warnings: &mut Vec<String>) -> Result<Vec<Row>, DataError> {
    let found = audio::find(&[root.into()]);
    warnings.extend(found.problems.iter().map(|p| format!("left out: {p}")));
    if found.files.is_empty() {
        return Err(DataError::NoAudio(root.into()));
    }
    let listed = found.files.par_iter().map(|path| Row {
        path: path.strip_prefix(root).unwrap_or(path).into(),
        columns: read(path),
        ..Row::default()
    });
    Ok(listed.collect())
}

/// The filled ones of a file's tags album, artist and title. A tag that cannot be read takes no other with it. Whether the
/// file is damaged is for the decoder to say.
pub fn read(path: &Path) -> BTreeMap<String, String> {
    let mut filled = read_all(path);
    filled.remove("genre");
    filled
}

/// As [`read()`], with the genre too.
pub(crate) fn read_all(path: &Path) -> BTreeMap<String, String> {
    // What a damaged file makes of a parser must not end the run.
    let caught = |parse: fn(&Path) -> Vec<MetadataRevision>| catch_unwind(|| parse(path));
    let revisions = [in_wav_chunks, in_the_open].map(|parse| caught(parse).unwrap_or_default());
    let mut revisions: Vec<MetadataRevision> = revisions.into_iter().flatten().collect();
    revisions.sort_by_key(|revision| match revision.info.metadata {
        METADATA_ID_ID3V1 => 2, // holds 30 characters
        METADATA_ID_APEV1 | METADATA_ID_APEV2 => 1,
        _ => 0,
    });
    let mut filled = BTreeMap::new();
    for revision in revisions {
        let of_tracks = revision.per_track.into_iter().map(|track| track.metadata);
        let containers = std::iter::once(revision.media).chain(of_tracks);
        for tag in containers.flat_map(|container| container.tags) {
            let Some((name, text)) = named(tag) else {
                continue;
            };
            if let Some(text) = tidy(&text) {
                filled.entry(name.to_owned()).or_insert(text);
            }
        }
    }
    filled
}

/// The name and the text of a tag that is read here; several values have a NUL between them.
fn named(tag: Tag) -> Option<(&'static str, String)> {
    let text = |text: Arc<String>| text.to_string();
    match (tag.std, tag.raw.value) {
        (Some(StandardTag::Album(album)), _) => Some(("album", text(album))),
        (Some(StandardTag::Artist(artist)), _) => Some(("artist", text(artist))),
        (Some(StandardTag::TrackTitle(title)), _) => Some(("title", text(title))),
        (Some(StandardTag::Genre(genre)), _) => Some(("genre", text(genre))),
        // A list has only the name that its tag gives it.
        (None, RawValue::StringList(values)) => {
            let name = match tag.raw.key.to_ascii_uppercase().as_str() {
                "TALB" | "TAL" | "ALBUM" => "album",
                "TPE1" | "TP1" | "ARTIST" => "artist",
                "TIT2" | "TT2" | "TITLE" => "title",
                "TCON" | "TCO" | "GENRE" => "genre",
                _ => return None,
            };
            Some((name, values.join("\0")))
        }
        _ => None,
    }
}

/// What a tag's text says: its first value that is not empty, without blanks and control characters at its ends, and of
/// bounded length.
fn tidy(text: &str) -> Option<String> {
    // U+FFFD stands for a control character, or a byte that is no text.
    let blank = |c: char| c.is_whitespace() || c.is_control() || "\u{feff}\u{fffd}".contains(c);
    let mut values = text.split('\0').map(|value| value.trim_matches(blank));
    let value = values.find(|value| !value.is_empty())?;
    let kept: String = value.chars().take(LONGEST).collect();
    Some(kept.trim_end_matches(blank).to_owned())
}

/// The tags before, behind and in what holds the audio, the container's own first.
fn in_the_open(path: &Path) -> Vec<MetadataRevision> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let options = FormatOptions::default();
    let Ok(mut format) = get_probe().probe(&Hint::new(), stream, options, Default::default())
    else {
        return Vec::new();
    };
    let mut metadata = format.metadata();
    let mut revisions: Vec<_> = std::iter::from_fn(|| metadata.pop()).collect();
    revisions.extend(metadata.current().cloned());
    revisions.reverse();
    revisions
}

/// The tags in chunks of a WAV file: an ID3v2 tag, which Symphonia passes over, and an INFO list, of which it does not look
/// behind the audio. The ID3v2 tag goes first, for it holds more.
fn in_wav_chunks(path: &Path) -> Vec<MetadataRevision> {
    let mut found = Vec::new();
    // An error is the end of what can be read.
    let _ = read_wav_chunks(path, &mut found);
    found.sort_by_key(|revision| revision.info.metadata != METADATA_ID_ID3V2);
    found
}

fn read_wav_chunks(path: &Path, found: &mut Vec<MetadataRevision>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut header = [0; 12];
    file.read_exact(&mut header)?;
    if !(header.starts_with(b"RIFF") || header.starts_with(b"RF64")) || !header.ends_with(b"WAVE") {
        return Ok(());
    }
    for _ in 0..MOST_CHUNKS {
        let mut chunk = [0; 8];
        file.read_exact(&mut chunk)?;
        let [name @ .., a, b, c, d] = chunk;
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        let next = file.stream_position()? + size + size % 2;
        if name.eq_ignore_ascii_case(b"id3 ") {
            let stream = MediaSourceStream::new(Box::new(file.try_clone()?), Default::default());
            let tag = Id3v2Reader::try_new(stream, Default::default());
            found.extend(
                tag.and_then(|mut tag| tag.read_all())
                    .map(|tag| tag.revision),
            );
        } else if &name == b"LIST" {
            let mut list = Vec::new();
            (&file)
                .take(size.min(LONGEST_LIST))
                .read_to_end(&mut list)?;
            found.extend(list.strip_prefix(b"INFO").map(info_list));
        }
        file.seek(SeekFrom::Start(next))?;
    }
    Ok(())
}

fn info_list(mut rest: &[u8]) -> MetadataRevision {
    let mut tags = MetadataBuilder::new(MetadataInfo {
        metadata: METADATA_ID_NULL,
        short_name: "info",
        long_name: "INFO list",
    });
    while let Some((&[n, a, m, e, size @ ..], values)) = rest.split_first_chunk::<8>() {
        let size = (u32::from_le_bytes(size) as usize).min(values.len());
        // A name that is none names nothing.
        let _ = parse_riff_info_chunk([n, a, m, e], &values[..size], &mut tags);
        rest = values.get(size + size % 2..).unwrap_or_default();
    }
    tags.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/audio/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    fn tags(file: &[u8]) -> BTreeMap<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song");
        std::fs::write(&path, file).unwrap();
        read(&path)
    }

    fn artist(file: &[u8]) -> Option<String> {
        tags(file).remove("artist")
    }

    fn frame(name: &[u8; 4], text: &[u8]) -> Vec<u8> {
        let size = (text.len() as u32).to_be_bytes();
        [&name[..], &size, &[0, 0], text].concat()
    }

    fn id3(frames: &[Vec<u8>]) -> Vec<u8> {
        let frames = frames.concat();
        let size = [21, 14, 7, 0].map(|shift| (frames.len() >> shift) as u8 & 127);
        [b"ID3\x03\0\0", &size[..], &frames].concat()
    }

    fn asha() -> Vec<u8> {
        frame(b"TPE1", b"\0Asha")
    }

    fn id3v1(name: &[u8]) -> Vec<u8> {
        let mut tag = [0; 128];
        tag[..3].copy_from_slice(b"TAG");
        tag[33..33 + name.len()].copy_from_slice(name);
        tag.to_vec()
    }

    /// An APE footer, and before it the items that it claims.
    fn ape(items: &[(&str, &[u8])], claimed: u32) -> Vec<u8> {
        let mut tag = Vec::new();
        for (key, value) in items {
            tag.extend((value.len() as u32).to_le_bytes());
            tag.extend(0u32.to_le_bytes());
            tag.extend([key.as_bytes(), &[0], value].concat());
        }
        let size = tag.len() as u32 + 32;
        tag.extend(b"APETAGEX");
        for number in [2000, size.max(claimed), items.len().max(1) as u32, 0, 0, 0] {
            tag.extend(number.to_le_bytes());
        }
        tag
    }

    #[test]
    fn a_broken_frame_takes_no_other_with_it() {
        let audio = fixture("untagged.mp3");
        let odd_utf16 = frame(b"TIT2", b"\x01\xff\xfea\0b\0c");
        let no_such_encoding = frame(b"TALB", b"\x09abc");
        let no_mark = frame(b"TIT2", b"\x01ab");
        let empty = frame(b"TIT2", b"");
        let latin = frame(b"TIT2", b"\x03\xff\xfe\xfd");
        for broken in [odd_utf16, no_such_encoding, no_mark, empty, latin] {
            for frames in [[asha(), broken.clone()], [broken.clone(), asha()]] {
                let file = [id3(&frames), audio.clone()].concat();
                assert_eq!(artist(&file).as_deref(), Some("Asha"), "{broken:?}");
            }
        }
        // Behind a frame that claims more than there is nothing can be found.
        let mut endless = frame(b"TIT2", b"\0a");
        endless[4..8].fill(0x7f);
        let file = [id3(&[asha(), endless]), audio].concat();
        assert_eq!(artist(&file).as_deref(), Some("Asha"));
    }

    #[test]
    fn a_broken_tag_takes_no_other_with_it() {
        let audio = fixture("untagged.mp3");
        let named = id3(&[asha()]);
        for behind in [
            ape(&[], 142),
            ape(&[], u32::MAX),
            ape(&[("Title", b"\xff\xfe"), ("Album", b"\xff")], 0),
            id3v1(b"\xff\xfe"),
            [ape(&[], 9999), id3v1(b"Someone else")].concat(),
            b"APETAGEX".to_vec(),
        ] {
            let file = [&named[..], &audio, &behind].concat();
            assert_eq!(artist(&file).as_deref(), Some("Asha"), "{behind:?}");
        }
        // And the other way about: the tag in front is broken.
        let broken = id3(&[frame(b"TPE1", b"\x09abc")]);
        let other = ape(&[("Artist", b"Asha")], 0);
        let file = [broken, audio, other].concat();
        assert_eq!(artist(&file).as_deref(), Some("Asha"));
    }

    #[test]
    fn of_several_tags_the_one_that_holds_most_goes_first_and_the_others_fill_its_gaps() {
        let audio = fixture("untagged.mp3");
        let front = id3(&[asha()]);
        let first = ape(&[("Artist", b"From APE"), ("Album", b"Moon")], 0);
        let old = id3v1(b"From ID3v1");
        let found = tags(&[front, audio.clone(), first.clone(), old.clone()].concat());
        assert_eq!((&*found["artist"], &*found["album"]), ("Asha", "Moon"));
        assert_eq!(
            artist(&[audio.clone(), first, old.clone()].concat()).unwrap(),
            "From APE"
        );
        let several = ape(&[("artist", b"Asha\0Bala")], 0);
        assert_eq!(artist(&[audio.clone(), several].concat()).unwrap(), "Asha");
        assert_eq!(artist(&[audio, old].concat()).unwrap(), "From ID3v1");
    }

    #[test]
    fn a_wav_file_may_have_an_info_list_behind_its_audio() {
        let list = [
            b"INFOIART\x05\0\0\0Asha\0\0IPRD\x05\0\0\0",
            &b"Moon\0\0"[..],
        ]
        .concat();
        let chunk = |name: &[u8], content: &[u8]| {
            [name, &(content.len() as u32).to_le_bytes(), content].concat()
        };
        let mut file = fixture("s16.wav");
        file.extend(chunk(b"LIST", &list));
        let found = tags(&file);
        assert_eq!((&*found["artist"], &*found["album"]), ("Asha", "Moon"));
        // An ID3v2 tag goes before it.
        file.extend(chunk(b"id3 ", &id3(&[frame(b"TPE1", b"\0From ID3v2")])));
        let found = tags(&file);
        assert_eq!(
            (&*found["artist"], &*found["album"]),
            ("From ID3v2", "Moon")
        );
        // Names and sizes that make no sense.
        for broken in [
            &b"INFOIART\xff\xff\xff\xffAsha"[..],
            b"INFO\xff\x01\x02\x03\x01\0\0\0a",
        ] {
            let file = [fixture("s16.wav"), chunk(b"LIST", broken)].concat();
            assert!(
                tags(&file)
                    .get("artist")
                    .is_none_or(|artist| artist == "Asha")
            );
        }
    }

    #[test]
    fn a_wav_file_has_its_tag_in_a_chunk() {
        let mut file = fixture("s16.wav");
        let tag = id3(&[asha(), frame(b"TALB", b"\0Moon")]);
        for name in [b"id3 ", b"ID3 "] {
            file.extend([&name[..], &(tag.len() as u32).to_le_bytes(), &tag].concat());
            let found = tags(&file);
            assert_eq!((&*found["artist"], &*found["album"]), ("Asha", "Moon"));
            file.truncate(fixture("s16.wav").len());
        }
        assert!(tags(&file).is_empty());
        // Chunks of no length to the end of the file, and a cut chunk.
        for junk in [vec![0; 100_000], b"id3 \xff\xff\xff\x7fID3\x03".to_vec()] {
            assert!(tags(&[&file[..], &junk].concat()).is_empty());
        }
    }

    #[test]
    fn texts_are_trimmed_and_of_bounded_length() {
        let audio = fixture("untagged.mp3");
        let long = [b"\0".to_vec(), vec![b'a'; 100_000]].concat();
        for (text, want) in [
            (&b"\0 Asha \r\n"[..], Some("Asha".to_owned())),
            (b"\0Asha\0", Some("Asha".to_owned())),
            (b"\0\0\0Asha\0junk", Some("Asha".to_owned())),
            (b"\0Asha\0Bala", Some("Asha".to_owned())),
            (b"\x01\xff\xfeA\0s\0h\0a\0\0\0", Some("Asha".to_owned())),
            (b"\0 \t\0 \x1b ", None),
            (&long, Some("a".repeat(LONGEST))),
        ] {
            let file = [id3(&[frame(b"TPE1", text)]), audio.clone()].concat();
            assert_eq!(artist(&file), want);
        }
    }

    #[test]
    fn a_tag_may_claim_more_memory_than_there_is() {
        let audio = fixture("untagged.mp3");
        let mut bomb = frame(b"APIC", b"");
        bomb[4..8].copy_from_slice(&0x0fff_ffffu32.to_be_bytes());
        let mut tag = id3(&[asha(), bomb]);
        tag[6..10].fill(0x7f);
        let file = [tag, audio].concat();
        let mut found = None;
        let used = allocation_counter::measure(|| found = artist(&file));
        assert!(used.bytes_max < 32 << 20, "{} bytes", used.bytes_max);
        drop(found); // whether the artist before the claim is kept is for the reader
    }
}
