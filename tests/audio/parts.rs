//! Files of several parts: streams joined one behind the other, whose rate, channels or codec
//! changes on the way.

use std::fs;

use gamaka::audio::{AudioInfo, AudioWarning, decode};

use crate::fixture;

/// Decodes `bytes` as a file of this name.
fn decode_bytes(name: &str, bytes: &[u8], rate: u32) -> (Vec<f32>, AudioInfo) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    decode(&path, rate).unwrap()
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

#[test]
fn every_part_of_a_joined_file_is_decoded_as_if_it_stood_alone() {
    for parts in [
        &["mono.mp3", "untagged.mp3"][..],
        &["untagged.mp3", "mono.mp3"],
        &["slow.mp3", "untagged.mp3", "slow.mp3"],
        // The first part states its length and padding.
        &["cbr.mp3", "mono.mp3", "mp2.mp2", "slow.mp3"],
        &["mono.aac", "adts.aac"],
        &["adts.aac", "mono.aac", "adts.aac"],
        &["vorbis.ogg", "silk.opus", "flac.oga"],
        &["flac.flac", "flac.flac", "flac.flac"],
        &["flac.mkv", "opus.webm", "vorbis.mkv"],
        &["s16.wav", "s24.wav", "mulaw.wav"],
        &["aiff.aiff", "aiff.aiff"],
        &["caf.caf", "caf.caf"],
        &["aac.m4a", "alac.m4a", "aac_96k.m4a"],
    ] {
        let joined: Vec<u8> = parts.iter().flat_map(|name| bytes(name)).collect();
        let (samples, info) = decode_bytes(parts[0], &joined, 44_100);
        assert_eq!(info.warnings, [], "{parts:?}");
        let alone: Vec<_> = parts
            .iter()
            .map(|name| decode(&fixture(name), 44_100).unwrap())
            .collect();
        let duration_s: f64 = alone.iter().map(|(_, info)| info.duration_s).sum();
        assert!((info.duration_s - duration_s).abs() < 1e-9, "{parts:?}");
        let first = &alone[0].1;
        assert_eq!(
            (info.source_rate, info.channels),
            (first.source_rate, first.channels)
        );
        let want: Vec<f32> = alone
            .iter()
            .flat_map(|(samples, _)| samples)
            .copied()
            .collect();
        assert!(samples == want, "{parts:?}: {} samples", samples.len());
    }
}

#[test]
fn a_single_frame_of_another_kind_is_damage_and_ends_nothing() {
    let (stereo, mono) = (bytes("untagged.mp3"), bytes("mono.mp3"));
    let at = frame(&stereo, stereo.len() / 2);
    let end = frame(&mono, 2000);
    let start = frame(&mono, end - 160);
    let mixed = [&stereo[..at], &mono[start..end], &stereo[at..]].concat();
    let (samples, info) = decode_bytes("x.mp3", &mixed, 44_100);
    assert_eq!(info.warnings, [AudioWarning::SkippedPackets { count: 1 }]);
    assert!(samples == decode(&fixture("untagged.mp3"), 44_100).unwrap().0);
}

#[test]
fn the_length_of_the_first_part_is_not_expected_of_the_others() {
    let mono = bytes("mono.mp3");
    let joined = [&bytes("cbr.mp3")[..], &mono[..mono.len() / 3]].concat();
    let (_, info) = decode_bytes("x.mp3", &joined, 44_100);
    assert!((1.5..1.7).contains(&info.duration_s), "{info:?}");
    assert_eq!(info.warnings, []);
}

/// Where the first frame from `from` on begins.
fn frame(bytes: &[u8], from: usize) -> usize {
    let like = |at: usize| {
        bytes[at] == 0xff && bytes[at + 1] == bytes[1] && bytes[at + 3] & 0xc0 == bytes[3] & 0xc0
    };
    (from..).find(|&at| like(at)).unwrap()
}

#[test]
fn a_stream_without_a_stated_length_is_whole_however_uneven_it_is() {
    // Small frames first, from which the length of the whole was guessed.
    let info = decode(&fixture("quiet_start.mp3"), 44_100).unwrap().1;
    assert_eq!(info.warnings, []);
    assert_eq!(info.source_frames % 1152, 0);
    assert!(
        (info.duration_s - 1.85).abs() < 0.02,
        "{} s",
        info.duration_s
    );
}

#[test]
fn a_part_that_cannot_be_read_is_not_passed_over_in_silence() {
    let mut absurd = bytes("s24.wav");
    absurd[22..24].fill(0xff);
    let mut cut = bytes("flac.flac");
    cut.truncate(cut.len() * 2 / 3);
    for (name, behind) in [("s16.wav", absurd), ("flac.flac", cut)] {
        let (_, info) = decode_bytes(name, &[bytes(name), behind].concat(), 44_100);
        let told = matches!(info.warnings[..], [AudioWarning::Incomplete { .. }]);
        assert!(told, "{name}: {:?}", info.warnings);
    }
}
