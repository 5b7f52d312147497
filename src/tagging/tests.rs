//! Over 500 lines because each format is dressed with tags in a way of its own, and all tests go through all formats.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use lofty::ape::{ApeItem, ApeTag};
use lofty::config::{ParseOptions, WriteOptions};
use lofty::file::{AudioFile, TaggedFileExt};
use lofty::flac::FlacFile;
use lofty::mp4::{Atom, AtomData, AtomIdent, Ilst};
use lofty::ogg::OggPictureStorage;
use lofty::ogg::tag::VorbisComments;
use lofty::picture::{MimeType, Picture, PictureType};
use lofty::probe::Probe;
use lofty::tag::{Accessor, ItemKey, ItemValue, TagExt};

use super::*;
use crate::audio;

/// One red pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";

/// Every format that lofty writes: a file of it, and whether its audio can be decoded here. Musepack and WavPack are by their own
/// encoders; a file of Monkey's Audio needs but its name to have tags.
const FORMATS: [(&str, bool); 14] = [
    ("audio/cbr.mp3", true),
    ("audio/vbr.mp3", true),
    ("audio/mp2.mp2", true),
    ("audio/adts.aac", true),
    ("audio/flac.flac", true),
    ("audio/vorbis.ogg", true),
    ("audio/opus.opus", true),
    ("audio/aac.m4a", true),
    ("audio/alac.m4a", true),
    ("audio/s16.wav", true),
    ("audio/aiff.aiff", true),
    ("audio/bad/speex.ogg", false),
    ("tags/musepack.mpc", false),
    ("tags/wavpack.wv", false),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A folder with one file.
struct Home {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Home {
    fn of(fixture: &str) -> Self {
        Self::holding(fixture, &fs::read(fixtures().join(fixture)).unwrap())
    }

    fn holding(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(Path::new(name).file_name().unwrap());
        fs::write(&file, bytes).unwrap();
        Self { folder, file }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }

    fn samples(&self) -> Vec<f32> {
        audio::decode(&self.file, 44_100).unwrap().0
    }

    fn plan(&self, overwrite: bool) -> Plan {
        plan(&self.file, &ranked(), overwrite).unwrap()
    }

    fn write(&self, overwrite: bool) -> Change {
        let copy = Copy::of(&self.plan(overwrite)).unwrap();
        let change = copy.change().clone();
        copy.put().unwrap();
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1);
        change
    }

    fn undo(&self, change: &Change) {
        undo(&self.file, change).unwrap().unwrap().put().unwrap();
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1);
    }

    fn kind(&self, result: Result<impl std::fmt::Debug, TagError>) -> TagErrorKind {
        let error = result.unwrap_err();
        assert_eq!(error.path, self.file);
        error.kind
    }

    /// The titles, pictures and so on by lofty's own generic reading, without genres.
    fn generic(&self) -> Vec<String> {
        let read = Probe::open(&self.file).unwrap().guess_file_type().unwrap();
        let read = read.read().unwrap();
        let mut all = Vec::new();
        for tag in read.tags() {
            let items = tag.items().filter(|item| item.key() != ItemKey::Genre);
            all.extend(
                items.map(|item| {
                    format!("{:?} {:?} {:?}", tag.tag_type(), item.key(), item.value())
                }),
            );
            all.extend(tag.pictures().iter().map(|picture| format!("{picture:?}")));
        }
        all
    }
}

fn ranked() -> Vec<(String, f64)> {
    [("ska", 0.9), ("samba", 0.094)]
        .map(|(name, p)| (name.to_owned(), p))
        .into()
}

const OWN_TEXT: &str = "ska 0.90; samba 0.09";

/// An ID3v2 tag of these frames, with room at its end.
fn id3_tag(major: u8, frames: &[(&str, &[u8])]) -> Vec<u8> {
    let mut held = Vec::new();
    for (id, body) in frames {
        held.extend(id.as_bytes());
        let length = u32::try_from(body.len()).unwrap();
        match major {
            2 => held.extend(&length.to_be_bytes()[1..]),
            3 => held.extend(length.to_be_bytes()),
            _ => held.extend([0, 0, (length >> 7) as u8, (length & 127) as u8]),
        }
        if major > 2 {
            held.extend([0, 0]);
        }
        held.extend(*body);
    }
    held.extend([0; 40]);
    let mut tag = b"ID3".to_vec();
    tag.extend([
        major,
        0,
        0,
        0,
        0,
        (held.len() >> 7) as u8,
        (held.len() & 127) as u8,
    ]);
    tag.extend(held);
    tag
}

fn picture() -> Picture {
    Picture::unchecked(PNG.to_vec())
        .pic_type(PictureType::CoverFront)
        .mime_type(MimeType::Png)
        .build()
}

/// A fixture with other people's tags and a picture in it, and pieces of bytes that must all stay, in this order.
fn dressed(fixture: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let bytes = fs::read(fixtures().join(fixture)).unwrap();
    let mut file = Cursor::new(bytes.clone());
    let options = WriteOptions::new();
    let extension = Path::new(fixture).extension().unwrap().to_str().unwrap();
    match extension {
        "mp3" | "mp2" | "aac" | "wav" | "aiff" => {
            let mut cover = b"\0image/png\0\x03\0".to_vec();
            cover.extend(PNG);
            let frames: [(&str, &[u8]); 8] = [
                ("TIT2", b"\0Title"),
                ("TSOP", b"\0Sorted"),
                ("TYER", b"\x001999"),
                ("APIC", &cover),
                ("PRIV", b"someone\0\x01\x02\x03"),
                ("TXXX", b"\0REPLAYGAIN_TRACK_GAIN\0-7.1 dB"),
                ("ZZZZ", b"what nobody knows"),
                ("POPM", b"a@b\0\x80\0\0\0\x09"),
            ];
            let tag = id3_tag(3, &frames);
            let pieces = frames.iter().map(|(id, body)| {
                let mut piece = id.as_bytes().to_vec();
                piece.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
                piece.extend([0, 0]);
                piece.extend(*body);
                piece
            });
            let mut pieces: Vec<Vec<u8>> = pieces.collect();
            let bytes = match extension {
                "wav" | "aiff" => {
                    let chunks = iff::Chunks::of(&mut file, extension == "aiff").unwrap();
                    chunks.with(&bytes, &tag).unwrap()
                }
                _ => {
                    let old = id3::length(&bytes).unwrap_or(0);
                    // And both kinds of older tags at the end.
                    let mut ape = ApeTag::new();
                    ape.set_title("Ape".into());
                    let mut v1 = vec![0; 128];
                    v1[..9].copy_from_slice(b"TAGTitle1");
                    v1[127] = 255;
                    let end = bytes.len()
                        - if extension == "mp3" && bytes[bytes.len() - 128..].starts_with(b"TAG") {
                            128
                        } else {
                            0
                        };
                    let mut whole = tag;
                    whole.extend(&bytes[old..end]);
                    if extension != "aac" {
                        let start = whole.len();
                        ape.dump_to(&mut whole, options).unwrap();
                        pieces.push(whole[start..].to_vec());
                    }
                    whole.extend(&v1);
                    pieces.push(v1);
                    whole
                }
            };
            return (bytes, pieces);
        }
        "flac" => {
            let mut flac = FlacFile::read_from(&mut file, ParseOptions::new()).unwrap();
            let mut comments = VorbisComments::new();
            for (key, value) in COMMENTS {
                comments.push(key.into(), value.into());
            }
            flac.set_vorbis_comments(comments);
            flac.insert_picture(picture(), None).unwrap();
            file.set_position(0);
            flac.save_to(&mut file, options).unwrap();
        }
        "ogg" | "opus" => {
            let mut comments = VorbisComments::new();
            for (key, value) in COMMENTS {
                comments.push(key.into(), value.into());
            }
            comments.insert_picture(picture(), None).unwrap();
            comments.save_to(&mut file, options).unwrap();
        }
        "m4a" => {
            let mut list = Ilst::new();
            list.set_title("Title".into());
            list.insert_picture(picture());
            list.set_track(3);
            list.insert(Atom::new(
                AtomIdent::Freeform {
                    mean: "com.apple.iTunes".into(),
                    name: "replaygain_track_gain".into(),
                },
                AtomData::UTF8("-7.1 dB".into()),
            ));
            list.insert(Atom::new(
                AtomIdent::Fourcc(*b"zzzz"),
                AtomData::SignedInteger(77),
            ));
            list.save_to(&mut file, options).unwrap();
            let pieces = [
                &b"Title"[..],
                PNG,
                b"replaygain_track_gain",
                b"-7.1 dB",
                b"zzzz",
            ];
            return (file.into_inner(), pieces.map(<[u8]>::to_vec).into());
        }
        _ => {
            let mut tag = ApeTag::new();
            tag.set_title("Title".into());
            let mut cover = b"Cover.png\0".to_vec();
            cover.extend(PNG);
            let cover = ItemValue::Binary(cover);
            tag.insert(ApeItem::new("Cover Art (Front)".into(), cover).unwrap());
            tag.set_comment("Comment".into());
            tag.save_to(&mut file, options).unwrap();
            let mut bytes = file.into_inner();
            if extension == "wv" {
                bytes.extend(b"TAGTitle1");
                bytes.extend([0; 118]);
                bytes.push(255);
            }
            let pieces = [
                &b"Title\0Title"[..],
                b"Cover Art (Front)\0Cover.png\0",
                PNG,
                b"Comment\0Comment",
            ];
            return (bytes, pieces.map(<[u8]>::to_vec).into());
        }
    }
    let piece = |(key, value): &(&str, &str)| format!("{key}={value}").into_bytes();
    (file.into_inner(), COMMENTS.iter().map(piece).collect())
}

const COMMENTS: [(&str, &str); 5] = [
    ("TITLE", "Title"),
    ("artist", "One"),
    ("artist", "Two"),
    ("TRACKNUMBER", "3/9"),
    ("REPLAYGAIN_TRACK_GAIN", "-7.1 dB"),
];

fn in_order(bytes: &[u8], pieces: &[Vec<u8>]) -> bool {
    let mut rest = bytes;
    pieces.iter().all(|piece| {
        let found = rest.windows(piece.len()).position(|window| window == piece);
        rest = &rest[found.map_or(0, |at| at + piece.len())..];
        found.is_some()
    })
}

#[test]
fn in_every_format_the_genre_is_written_and_nothing_else_changes_and_undo_gives_every_byte_back() {
    for (fixture, decodes) in FORMATS {
        let plain = fs::read(fixtures().join(fixture)).unwrap();
        let (with_tags, pieces) = dressed(fixture);
        assert!(in_order(&with_tags, &pieces), "{fixture}");
        for (bytes, pieces) in [(plain, vec![]), (with_tags, pieces)] {
            let home = Home::holding(fixture, &bytes);
            let samples = if decodes { home.samples() } else { Vec::new() };
            let generic = home.generic();
            assert_eq!(read(&home.file).unwrap().fields.genre.len(), 0, "{fixture}");
            let change = home.write(false);
            assert_eq!(change.after.genre, ["ska"], "{fixture}");
            let said = read(&home.file).unwrap().fields;
            assert_eq!(said.genre, ["ska"], "{fixture}");
            assert_eq!(said.own.as_deref(), Some(OWN_TEXT), "{fixture}");
            assert_eq!(home.generic(), generic, "{fixture}");
            // As any program that reads tags by lofty finds it.
            let others = lofty::read_from_path(&home.file).map(|file| {
                let tags = file.tags().iter();
                Vec::from_iter(tags.filter_map(|tag| tag.genre().map(|genre| genre.into_owned())))
            });
            // The ending of a fixture may be another format's.
            if let Ok(others) = others {
                assert!(
                    fixture.ends_with("speex.ogg") || others == ["ska"],
                    "{fixture}: {others:?}"
                );
            }
            assert!(in_order(&home.bytes(), &pieces), "{fixture}");
            if decodes {
                assert_eq!(home.samples(), samples, "{fixture}");
            }
            assert!(!home.plan(false).changes(), "{fixture}: a second time");
            home.undo(&change);
            assert!(home.bytes() == bytes, "{fixture}");
            assert!(
                undo(&home.file, &change).unwrap().is_none(),
                "{fixture}: twice"
            );
        }
    }
}

#[test]
fn a_genre_that_stands_is_kept_and_replaced_only_when_asked() {
    for (fixture, decodes) in FORMATS {
        let home = Home::of(fixture);
        let first = plan(&home.file, &[("polka".into(), 0.7)], false).unwrap();
        assert!(!first.kept && first.genres.is_empty());
        Copy::of(&first).unwrap().put().unwrap();
        let polka = home.bytes();
        let planned = home.plan(false);
        assert!(planned.kept && planned.changes(), "{fixture}");
        assert_eq!(planned.genres, ["polka"], "{fixture}");
        let kept = home.write(false);
        let said = read(&home.file).unwrap().fields;
        assert_eq!(said.genre, ["polka"], "{fixture}");
        assert_eq!(said.own.as_deref(), Some(OWN_TEXT), "{fixture}");
        home.undo(&kept);
        assert!(home.bytes() == polka, "{fixture}");
        let samples = if decodes { home.samples() } else { Vec::new() };
        let change = home.write(true);
        let said = read(&home.file).unwrap();
        assert_eq!(said.fields.genre, ["ska"], "{fixture}");
        assert!(said.elsewhere.is_empty(), "{fixture}");
        assert!(
            samples == if decodes { home.samples() } else { Vec::new() },
            "{fixture}"
        );
        home.undo(&change);
        assert!(home.bytes() == polka, "{fixture}");
    }
}

#[test]
fn what_was_done_to_a_file_since_stays_when_a_change_is_taken_back() {
    let mut titled = 0;
    for (fixture, _) in FORMATS {
        let home = Home::of(fixture);
        let untagged = home.bytes();
        let change = home.write(false);
        // Another genre since: left alone.
        let planned = plan(&home.file, &[("polka".into(), 0.7)], true).unwrap();
        let other = Copy::of(&planned).unwrap();
        let back = other.change().clone();
        other.put().unwrap();
        let polka = home.bytes();
        assert!(
            matches!(home.kind(undo(&home.file, &change)), TagErrorKind::Since),
            "{fixture}"
        );
        assert!(home.bytes() == polka);
        home.undo(&back);
        // Without the old bytes the fields are taken back.
        let fields = Change {
            patch: None,
            ..change.clone()
        };
        home.undo(&fields);
        assert!(
            read(&home.file).unwrap().fields.says(&change.before),
            "{fixture}"
        );
        // A tag that was not there is gone, but where the format always has one.
        if matches!(
            fixture,
            "audio/cbr.mp3"
                | "audio/mp2.mp2"
                | "audio/adts.aac"
                | "audio/s16.wav"
                | "audio/aiff.aiff"
                | "tags/wavpack.wv"
                | "tags/musepack.mpc"
        ) {
            assert!(home.bytes() == untagged, "{fixture}");
        }
        // A title since: it stays.
        home.write(false);
        let mut tagged = Probe::open(&home.file)
            .unwrap()
            .guess_file_type()
            .unwrap()
            .read()
            .unwrap();
        let Some(tag) = tagged.primary_tag_mut() else {
            continue;
        };
        tag.set_title("Since".into());
        let tag_type = tag.tag_type();
        tagged
            .save_to_path(&home.file, WriteOptions::new())
            .unwrap();
        // lofty's generic tag of some formats knows no fields of other programs.
        if read(&home.file).unwrap().fields.own.is_none() {
            assert!(matches!(
                home.kind(undo(&home.file, &change)),
                TagErrorKind::Since
            ));
            continue;
        }
        titled += 1;
        home.undo(&change);
        let read = Probe::open(&home.file)
            .unwrap()
            .guess_file_type()
            .unwrap()
            .read()
            .unwrap();
        let tag = read.tag(tag_type).unwrap();
        assert_eq!(tag.title().as_deref(), Some("Since"), "{fixture}");
        assert_eq!(tag.genre(), None, "{fixture}");
    }
    assert!(titled > 4, "{titled}");
}

#[test]
fn every_version_of_id3_stays_what_it_is_and_has_any_letters() {
    let song = fs::read(fixtures().join("audio/cbr.mp3")).unwrap();
    for major in 2..=4 {
        let title = if major == 2 { "TT2" } else { "TIT2" };
        let genre = if major == 2 { "TCO" } else { "TCON" };
        let rocked = [
            (title, &b"\0Title"[..]),
            (genre, b"\0(17)"),
            ("TLA", b"\0eng"),
        ];
        let rocked = &rocked[..if major == 2 { 3 } else { 2 }];
        for (frames, before) in [(&rocked[..1], &[][..]), (rocked, &["Rock"])] {
            let mut bytes = id3_tag(major, frames);
            let tag_length = bytes.len();
            bytes.extend(&song);
            let home = Home::holding("a.mp3", &bytes);
            assert_eq!(home.plan(false).genres, before);
            for name in ["ska", "Música/Forró", "演歌 \u{1d11e}", "R&B"] {
                let ranked = [(name.to_owned(), 0.5), ("ska".to_owned(), 0.25)];
                let copy = Copy::of(&plan(&home.file, &ranked, true).unwrap()).unwrap();
                let change = copy.change().clone();
                copy.put().unwrap();
                let said = read(&home.file).unwrap().fields;
                assert_eq!(said.genre, [name], "{major}");
                assert!(said.own.unwrap().starts_with(&format!("{name} 0.50")));
                let read = Probe::open(&home.file)
                    .unwrap()
                    .guess_file_type()
                    .unwrap()
                    .read()
                    .unwrap();
                let tag = read.primary_tag().unwrap();
                assert_eq!(tag.genre().as_deref(), Some(name), "{major}");
                assert_eq!(tag.title().as_deref(), Some("Title"), "{major}");
                let now = home.bytes();
                assert_eq!(now[3], major);
                if name == "ska" && before.is_empty() && major > 2 {
                    assert_ne!(now.len(), 0);
                }
                home.undo(&change);
                assert!(home.bytes() == bytes, "{major} {name}");
            }
            assert!(tag_length > 10);
        }
    }
}

#[test]
fn an_unsynchronised_tag_and_one_with_a_footer_stay_so() {
    let song = fs::read(fixtures().join("audio/cbr.mp3")).unwrap();
    // Of version 3, whole, with 0xff 0xe0 in a private frame.
    let mut old = b"ID3\x03\0\x80\0\0\0\x16PRIV\0\0\0\x07\0\0a\0\xff\0\xe0\xff\0\0z\0\0".to_vec();
    old[9] = u8::try_from(old.len() - 10).unwrap();
    let mut footed = id3_tag(4, &[("TIT2", b"\x03Title")]);
    footed.truncate(10 + 10 + 6);
    footed[5] = 0x10;
    footed[9] = 16;
    let mut footer = b"3DI".to_vec();
    footer.extend(&footed[3..10]);
    footed.extend(footer);
    for (tag, piece) in [
        (old, &b"PRIV\0\0\0\x07\0\0a\0\xff\0\xe0\xff\0\0z"[..]),
        (footed, b"Title"),
    ] {
        let flags = tag[5];
        let mut bytes = tag.clone();
        bytes.extend(&song);
        let home = Home::holding("a.mp3", &bytes);
        let change = home.write(false);
        let now = home.bytes();
        assert_eq!(now[5], flags);
        assert!(in_order(&now, &[piece.to_vec()]), "{now:?}");
        assert!(now.ends_with(&song));
        if flags == 0x10 {
            let end = now.len() - song.len();
            assert_eq!(&now[end - 10..end - 7], b"3DI");
            assert_eq!(now[end - 7..end], now[3..10]);
        }
        home.undo(&change);
        assert!(home.bytes() == bytes);
    }
}

#[test]
fn genres_in_tags_that_are_never_changed_count() {
    let mut v1 = vec![0; 128];
    v1[..8].copy_from_slice(b"TAGTitle");
    v1[127] = 17;
    let mut song = fs::read(fixtures().join("audio/cbr.mp3")).unwrap();
    song.extend(&v1);
    let home = Home::holding("a.mp3", &song);
    let planned = home.plan(false);
    assert!(planned.kept);
    assert_eq!(planned.genres, ["Rock"]);
    // The new tag says what the old one does, for programs that read no other then.
    let id3v2 = |home: &Home| {
        let read = Probe::open(&home.file).unwrap().guess_file_type().unwrap();
        let read = read.read().unwrap();
        let tag = read.tag(lofty::tag::TagType::Id3v2);
        tag.map(|tag| (tag.title().map(String::from), tag.genre().map(String::from)))
    };
    let change = home.write(false);
    assert_eq!(
        id3v2(&home),
        Some((Some("Title".into()), Some("Rock".into())))
    );
    assert!(home.bytes().ends_with(&v1));
    home.undo(&Change {
        patch: None,
        ..change
    });
    assert!(home.bytes() == song);
    let change = home.write(true);
    assert_eq!(
        id3v2(&home),
        Some((Some("Title".into()), Some("ska".into())))
    );
    assert!(home.bytes().ends_with(&v1));
    home.undo(&change);
    assert!(home.bytes() == song);
    // An APE tag that stands alone is the one that is written.
    let home = Home::of("audio/cbr.mp3");
    let mut ape = ApeTag::new();
    ape.set_title("Title".into());
    ape.save_to_path(&home.file, WriteOptions::new()).unwrap();
    home.write(false);
    assert_eq!(id3::length(&home.bytes()), None);
    let read = Probe::open(&home.file)
        .unwrap()
        .guess_file_type()
        .unwrap()
        .read()
        .unwrap();
    let tag = read.first_tag().unwrap();
    assert_eq!(
        (tag.title().unwrap().as_ref(), tag.genre().unwrap().as_ref()),
        ("Title", "ska")
    );
}

#[test]
fn names_come_once_and_empty_ones_not() {
    let home = Home::of("audio/s16.wav");
    let ranked = [
        ("", 0.4),
        (" ska ", 0.3),
        ("ska", 0.2),
        ("a\nb\0", 0.1),
        ("Jazz/Swing", 0.05),
    ];
    let ranked = ranked.map(|(name, p)| (name.to_owned(), p));
    let after = plan(&home.file, &ranked, false).unwrap().after;
    assert_eq!(after.genre, ["ska"]);
    assert_eq!(after.own.unwrap(), "ska 0.30; a b 0.10; Jazz/Swing 0.05");
}

#[test]
fn what_changes_meanwhile_and_what_is_read_only_is_refused() {
    let home = Home::of("audio/flac.flac");
    let planned = home.plan(false);
    let copy = Copy::of(&planned).unwrap();
    let mut more = home.bytes();
    more.push(0);
    fs::write(&home.file, &more).unwrap();
    assert!(matches!(
        home.kind(Copy::of(&planned)),
        TagErrorKind::Changed
    ));
    assert!(matches!(home.kind(copy.put()), TagErrorKind::Changed));
    assert!(home.bytes() == more);
    let planned = home.plan(false);
    let copy = Copy::of(&planned).unwrap();
    let mut mode = fs::metadata(&home.file).unwrap().permissions();
    mode.set_readonly(true);
    fs::set_permissions(&home.file, mode).unwrap();
    let said = Copy::of(&planned).unwrap_err().to_string();
    assert!(
        said.ends_with("is read-only, so it is left as it is; make it writable first"),
        "{said}"
    );
    let said = copy.put().unwrap_err().to_string();
    assert!(said.contains("read-only"), "{said}");
    assert_eq!(said.matches("flac.flac").count(), 1, "{said}");
    assert!(home.bytes() == more);
    assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn links_and_modes_stay_and_other_hard_links_keep_the_file_as_it_was() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Home::of("audio/aac.m4a");
    let old = home.bytes();
    fs::set_permissions(&home.file, fs::Permissions::from_mode(0o640)).unwrap();
    let (link, hard) = (
        home.folder.path().join("link.m4a"),
        home.folder.path().join("hard.m4a"),
    );
    symlink("aac.m4a", &link).unwrap();
    fs::hard_link(&home.file, &hard).unwrap();
    Copy::of(&plan(&link, &ranked(), false).unwrap())
        .unwrap()
        .put()
        .unwrap();
    assert!(link.is_symlink());
    assert_eq!(read(&home.file).unwrap().fields.genre, ["ska"]);
    assert_eq!(
        fs::metadata(&home.file).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(fs::read(&hard).unwrap() == old);
}

#[test]
fn no_fixture_is_harmed_whatever_it_is() {
    let (mut written, mut refused) = (Vec::new(), Vec::new());
    for folder in ["audio", "audio/bad", "tags"] {
        for entry in fs::read_dir(fixtures().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let home = Home::holding(&name, &fs::read(&path).unwrap());
            let before = home.bytes();
            let done = plan(&home.file, &ranked(), true).and_then(|planned| {
                let copy = Copy::of(&planned)?;
                let change = copy.change().clone();
                copy.put().map(|()| change)
            });
            match done {
                Ok(change) => {
                    home.undo(&change);
                    written.push(name);
                }
                Err(error) => refused.push((name, error.kind.to_string())),
            }
            assert!(home.bytes() == before, "{}", path.display());
            assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 1);
        }
    }
    let said = |name: &str| match refused.iter().find(|(refused, _)| refused == name) {
        Some((_, reason)) => reason.clone(),
        None => panic!("{name} was written"),
    };
    for name in [
        "flac.mkv",
        "caf.caf",
        "opus.webm",
        "wave64.w64",
        "rf64.wav",
        "text.wav",
        "flac.oga",
    ] {
        assert!(
            said(name).contains("its tags cannot be written"),
            "{name}: {}",
            said(name)
        );
    }
    assert!(
        said("piped.wav").contains("shorter than its header")
            || said("piped.wav").contains("lengths")
    );
    assert!(
        said("riff_size.wav").contains("lengths"),
        "{}",
        said("riff_size.wav")
    );
    for name in [
        "untagged.mp3",
        "quiet_start.mp3",
        "slow.m4a",
        "pages.ogg",
        "silk.opus",
        "mp3_inside.wav",
        "mono.aac",
    ] {
        assert!(written.contains(&name.to_owned()), "{name}: {refused:?}");
    }
}

#[test]
fn a_list_of_mp4_of_any_length_takes_the_place_of_another() {
    let home = Home::of("audio/aac.m4a");
    for (i, length) in [40, 32, 24, 23, 31, 39, 40, 30, 1, 9, 8, 200, 192]
        .into_iter()
        .enumerate()
    {
        let ranked = [("x".repeat(length), 0.5)];
        let copy = Copy::of(&plan(&home.file, &ranked, true).unwrap()).unwrap();
        copy.put().unwrap();
        assert_eq!(
            read(&home.file).unwrap().fields.genre,
            [ranked[0].0.as_str()],
            "{i}"
        );
    }
}
