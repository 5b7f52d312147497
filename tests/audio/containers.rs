//! Containers that are legal, or that players accept, and that hold what a sound file is made of in
//! an uncommon way: tags at either end, lengths unknown or wrong, descriptions longer than needed.

use std::fs;
use std::path::Path;

use gamaka::audio::{AudioErrorKind, AudioInfo, AudioWarning, decode};

use crate::fixture;

const RATE: u32 = 44_100;

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

fn with_file<T>(name: &str, bytes: &[u8], use_it: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    use_it(&path)
}

/// Decodes `bytes` as a file of this name, and the fixture of that name; the samples must agree.
fn as_intact(name: &str, bytes: &[u8], what: &str) -> AudioInfo {
    let (samples, info) = with_file(name, bytes, |path| {
        decode(path, RATE).unwrap_or_else(|error| panic!("{what}: {error}"))
    });
    let (want, _) = decode(&fixture(name), RATE).unwrap();
    assert!(
        samples == want,
        "{what}: {} samples of {}",
        samples.len(),
        want.len()
    );
    info
}

/// Where `what` begins in `bytes`.
fn place(bytes: &[u8], what: &[u8]) -> usize {
    bytes
        .windows(what.len())
        .position(|window| window == what)
        .unwrap()
}

fn syncsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift & 127) as u8)
}

/// An ID3v2 tag of `size` bytes.
fn id3v2(size: usize) -> Vec<u8> {
    let mut tag = b"ID3\x03\0\0".to_vec();
    tag.extend(syncsafe(size));
    tag.resize(10 + size, 0);
    tag
}

fn id3v1() -> Vec<u8> {
    let mut tag = b"TAG".to_vec();
    tag.resize(128, b' ');
    tag
}

fn ape(with_header: bool) -> Vec<u8> {
    let item = [&4_u32.to_le_bytes()[..], &[0; 4], b"Artist\0Asha"].concat();
    let end = |flags: u32| {
        let mut end = b"APETAGEX".to_vec();
        for number in [2000, item.len() as u32 + 32, 1, flags, 0, 0] {
            end.extend(number.to_le_bytes());
        }
        end
    };
    if with_header {
        [end(0xa000_0000), item.clone(), end(0x8000_0000)].concat()
    } else {
        [item.clone(), end(0)].concat()
    }
}

#[test]
fn tags_in_front_of_the_audio_and_behind_it_are_not_heard() {
    let lyrics = b"LYRICSBEGININD00002101LYR00010hello there";
    let lyrics_2 = [lyrics, &b"000041LYRICS200"[..]].concat();
    let lyrics_1 = b"LYRICSBEGINwords that are sungLYRICSEND".to_vec();
    let mut appended = id3v2(300);
    appended.extend(b"3DI\x04\0\x10");
    appended.extend(syncsafe(300));
    let mut extended = b"TAG+".to_vec();
    extended.resize(227, b' ');
    for name in [
        "cbr.mp3",
        "untagged.mp3",
        "mp2.mp2",
        "flac.flac",
        "adts.aac",
        "s16.wav",
        "wave64.w64",
        "aiff.aiff",
        "vorbis.ogg",
        "flac.oga",
    ] {
        for (what, behind) in [
            ("nothing", vec![]),
            ("ID3v1", id3v1()),
            ("ID3v1 extended", [extended.clone(), id3v1()].concat()),
            ("APE", ape(true)),
            ("APE without header", ape(false)),
            ("APE and ID3v1", [ape(true), id3v1()].concat()),
            ("Lyrics3 and ID3v1", [lyrics_2.clone(), id3v1()].concat()),
            ("Lyrics3 1 and ID3v1", [lyrics_1.clone(), id3v1()].concat()),
            ("ID3v2", appended.clone()),
        ] {
            for front in [vec![], [id3v2(2000), id3v2(77)].concat()] {
                let what = format!("{name}, {} bytes in front, {what} behind", front.len());
                let file = [front, bytes(name), behind.clone()].concat();
                let info = as_intact(name, &file, &what);
                assert_eq!(info.warnings, [], "{what}");
            }
        }
    }
}

#[test]
fn a_footer_without_its_tag_costs_no_audio() {
    let mut footer = b"APETAGEX".to_vec();
    for number in [2000_u32, 142, 3, 0, 0, 0] {
        footer.extend(number.to_le_bytes());
    }
    let file = [bytes("cbr.mp3"), footer].concat();
    assert_eq!(as_intact("cbr.mp3", &file, "footer").warnings, []);
    // A tag that claims more than the file is left to the demuxer, which looks for audio in it.
    let mut tag = id3v2(2000);
    tag[6..10].copy_from_slice(&syncsafe(50_000_000));
    with_file("cbr.mp3", &[tag, bytes("cbr.mp3")].concat(), |path| {
        let _ = decode(path, RATE);
    });
}

/// A WAV or AIFF file with other lengths: of the whole, and of its data.
fn with_sizes(name: &str, data: &[u8], whole: u32, size: u32) -> Vec<u8> {
    let mut file = bytes(name);
    let at = place(&file, data);
    let number = |number: u32| match name {
        "aiff.aiff" => number.to_be_bytes(),
        _ => number.to_le_bytes(),
    };
    file[4..8].copy_from_slice(&number(whole));
    file[at + 4..at + 8].copy_from_slice(&number(size));
    file
}

#[test]
fn a_recording_that_was_never_finished_is_read_to_its_end_and_said_to_be_so() {
    for (name, data) in [("s16.wav", b"data"), ("aiff.aiff", b"SSND")] {
        let whole = bytes(name).len() as u32 - 8;
        for of_the_file in [0, 36, whole - 2205] {
            let file = with_sizes(name, data, of_the_file, 0);
            let info = as_intact(name, &file, name);
            let [AudioWarning::Unfinished { decoded_s }] = info.warnings[..] else {
                panic!("{name}: {:?}", info.warnings);
            };
            assert_eq!(decoded_s, 0.05);
        }
        // A file that was closed as it should be, and says that it has no samples, has none; what
        // follows is another chunk.
        let file = with_sizes(name, data, whole, 0);
        let error = with_file(name, &file, |path| decode(path, RATE)).unwrap_err();
        assert!(matches!(error.kind, AudioErrorKind::NoSamples), "{error}");
    }
}

#[test]
fn a_length_that_was_unknown_when_the_file_was_begun_is_no_claim() {
    for (whole, size) in [
        (u32::MAX, u32::MAX),
        (0x7fff_f024, 0x7fff_f000),
        (0x8000_0024, 0x8000_0000),
        (0x7fff_ffff, 0x7fff_ffff),
    ] {
        let file = with_sizes("s16.wav", b"data", whole, size);
        let info = as_intact("s16.wav", &file, "unknown size");
        assert_eq!(info.warnings, [], "{size:#x}");
    }
    let mut file = bytes("caf.caf");
    let at = place(&file, b"data");
    file[at + 4..at + 12].fill(0xff);
    assert_eq!(as_intact("caf.caf", &file, "CAF").warnings, []);
}

#[test]
fn a_length_beyond_the_end_of_the_file_is_a_claim() {
    let wav = with_sizes("s16.wav", b"data", 17_676, 17_640);
    let aiff = with_sizes("aiff.aiff", b"SSND", 17_686, 17_648);
    let mut caf = bytes("caf.caf");
    let at = place(&caf, b"data");
    caf[at + 4..at + 12].copy_from_slice(&17_644_u64.to_be_bytes());
    for (name, file) in [("s16.wav", wav), ("aiff.aiff", aiff), ("caf.caf", caf)] {
        let info = as_intact(name, &file, name);
        let [
            AudioWarning::Incomplete {
                decoded_s,
                expected_s: Some(expected_s),
            },
        ] = info.warnings[..]
        else {
            panic!("{name}: {:?}", info.warnings);
        };
        assert_eq!(decoded_s, 0.05, "{name}");
        assert!((expected_s - 0.1).abs() < 1e-3, "{name}: {expected_s} s");
    }
}

#[test]
fn a_description_of_samples_that_is_longer_than_needed_is_read() {
    let file = bytes("s16.wav");
    let (fmt, data) = (place(&file, b"fmt "), place(&file, b"data"));
    let fields = &file[fmt + 8..fmt + 24];
    for more in [&b"\0\0"[..], b"\x02\0\0\0", b"\x06\0\0\0\0\0\0\0"] {
        let size = (16 + more.len() as u32).to_le_bytes();
        let head = [&file[..fmt], b"fmt ", &size, fields, more].concat();
        let longer = [head, file[data..].to_vec()].concat();
        assert_eq!(as_intact("s16.wav", &longer, "long fmt").warnings, []);
    }
    // 16 bits of which 12 are used, and which stand at the top.
    let mut narrow = file.clone();
    narrow[fmt + 22..fmt + 24].copy_from_slice(&12_u16.to_le_bytes());
    assert_eq!(as_intact("s16.wav", &narrow, "12 bits").warnings, []);
}

/// The place of the description of AAC in the fixture aac.m4a, and of what stands behind it for the
/// sake of HE-AAC.
const CONFIG: [u8; 5] = [0x12, 0x10, 0x56, 0xe5, 0x00];

fn is_lower_half(info: &AudioInfo, below_hz: u32) {
    assert_eq!(info.warnings, [AudioWarning::LowerHalf { below_hz }]);
    let message = info.warnings[0].to_string();
    assert!(
        message.contains("HE-AAC") && message.contains("ffmpeg"),
        "{message}"
    );
}

#[test]
fn he_aac_is_decoded_below_the_half_and_never_in_silence() {
    let file = bytes("aac.m4a");
    let at = place(&file, &CONFIG);
    // Announced behind the description of the core, where old players do not look.
    let mut behind = file.clone();
    behind[at + 4] = 0x80 | 4 << 3;
    is_lower_half(&as_intact("aac.m4a", &behind, "behind"), 22_050);
    // Announced in front of it, with and without stereo from one channel: type 5 or 29, the rate of
    // the core, its channels, the rate of the whole, type 2. The last byte fills the place.
    for object in [5_u64, 29] {
        let value = (((object << 4 | 4) << 4 | 2) << 4 | 4) << 5 | 2;
        let mut front = file.clone();
        front[at..at + 5].copy_from_slice(&(value << 18).to_be_bytes()[3..]);
        is_lower_half(&as_intact("aac.m4a", &front, "front"), 22_050);
    }
}

#[test]
fn the_length_of_he_aac_is_not_taken_for_that_of_twice_as_many_samples() {
    // MP4 counts in samples of the whole, 2048 a packet, of which the core has half.
    let mut file = bytes("slow.m4a");
    let at = place(&file, &[0x13, 0x90, 0x56, 0xe5, 0x00]);
    file[at + 4] = 0x80 | 4 << 3;
    for (name, from, to) in [
        (b"mdhd", [0, 0, 0x56, 0x22], [0, 0, 0xac, 0x44]),
        (b"mp4a", [0x56, 0x22, 0, 0], [0xac, 0x44, 0, 0]),
        (b"stts", [0, 0, 4, 0], [0, 0, 8, 0]),
    ] {
        let at = place(&file, name);
        let at = at + place(&file[at..], &from);
        file[at..at + 4].copy_from_slice(&to);
    }
    is_lower_half(&as_intact("slow.m4a", &file, "twice the rate"), 11_025);
}

/// ADTS frames with an element of filling of kind `kind` in front of the last element of each.
fn with_filling(adts: &[u8], kind: u8) -> Vec<u8> {
    let (mut at, mut out) = (0, Vec::new());
    while at < adts.len() {
        let len = usize::from(adts[at + 3] & 3) << 11
            | usize::from(adts[at + 4]) << 3
            | usize::from(adts[at + 5] >> 5);
        let frame = &adts[at..at + len];
        at += len;
        let bit = |at: usize| frame[at / 8] >> (7 - at % 8) & 1;
        // The last element is three ones; only zeros follow.
        let last = (0..len * 8).rev().find(|&at| bit(at) == 1).unwrap();
        let mut bits: Vec<u8> = (0..last - 2).map(bit).collect();
        assert!((last - 2..=last).all(|at| bit(at) == 1));
        // 20 bytes: kind, then anything.
        bits.extend([1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0]);
        bits.extend((0..4).rev().map(|shift| kind >> shift & 1));
        bits.extend((0..156).map(|i| (i / 3 % 2) as u8));
        bits.extend([1, 1, 1]);
        bits.resize(bits.len().next_multiple_of(8), 0);
        let new: Vec<u8> = bits
            .chunks(8)
            .map(|byte| byte.iter().fold(0, |v, b| v << 1 | b))
            .collect();
        let start = out.len();
        out.extend(new);
        let len = out.len() - start;
        out[start + 3] = out[start + 3] & 0xfc | (len >> 11) as u8;
        out[start + 4] = (len >> 3) as u8;
        out[start + 5] = out[start + 5] & 0x1f | ((len & 7) << 5) as u8;
    }
    out
}

#[test]
fn he_aac_is_known_by_its_packets_where_no_header_announces_it() {
    let adts = bytes("adts.aac");
    is_lower_half(
        &as_intact("adts.aac", &with_filling(&adts, 13), "SBR"),
        22_050,
    );
    is_lower_half(
        &as_intact("adts.aac", &with_filling(&adts, 14), "SBR"),
        22_050,
    );
    // Filling that is only that.
    let info = as_intact("adts.aac", &with_filling(&adts, 0), "filling");
    assert_eq!(info.warnings, []);
}
