//! Each format gives the signal that the fixture script describes.

use std::f64::consts::TAU;
use std::fs;

use gamaka::audio::{AudioInfo, decode};

use crate::{fixture, intact};

/// Rate of most fixtures in Hz.
const RATE: u32 = 44_100;

/// Decodes an intact fixture.
fn read(name: &str, rate: u32) -> (Vec<f32>, AudioInfo) {
    let (samples, info) = decode(&fixture(name), rate).unwrap();
    assert_eq!(info.warnings, [], "{name}");
    assert_eq!(info.samples, samples.len() as u64, "{name}");
    (samples, info)
}

/// The mean of the two channels that make_audio.sh defines.
fn signal(rate: u32, len: usize) -> Vec<f32> {
    let at = |t: f64| {
        let left = 0.5 * (TAU * 200.0 * ((2.0 * t).exp() - 1.0) / 2.0).sin();
        let right = 0.25 * (TAU * 440.0 * t).sin();
        ((left + right) / 2.0) as f32
    };
    (0..len).map(|i| at(i as f64 / f64::from(rate))).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

/// Level in dB of the half second from 0.25 s on against its difference from `got`, if `got` lags
/// by `lag` samples.
fn signal_to_noise(got: &[f32], rate: u32, lag: i64) -> f64 {
    let (start, len) = (rate as usize / 4, rate as usize / 2);
    let want = &signal(rate, start + len)[start..];
    let got = &got[(start as i64 + lag) as usize..][..len];
    let power = |x: f32| f64::from(x) * f64::from(x);
    let noise: f64 = got.iter().zip(want).map(|(&a, &b)| power(a - b)).sum();
    10.0 * (want.iter().map(|&x| power(x)).sum::<f64>() / noise).log10()
}

#[test]
fn lossless_files_hold_the_signal_to_half_a_step_of_16_bits() {
    for (name, codec, frames) in [
        ("s16.wav", "pcm_s16le", 2205),
        ("s24.wav", "pcm_s24le", 2205),
        ("s32.wav", "pcm_s32le", 2205),
        ("f32.wav", "pcm_f32le", 2205),
        ("f64.wav", "pcm_f64le", 1103),
        ("piped.wav", "pcm_s16le", 2205),
        ("rf64.wav", "pcm_s16le", 2205),
        // FFmpeg fills the last chunk of Wave64 up to a multiple of 8 bytes.
        ("wave64.w64", "pcm_s16le", 2206),
        ("aiff.aiff", "pcm_s16be", 2205),
        ("caf.caf", "pcm_s16be", 2205),
        ("alac.m4a", "alac", 2205),
        ("alac.mov", "alac", 2205),
        ("alac.caf", "alac", 2205),
        ("s24be.mov", "pcm_s24be", 2205),
        ("s24le.mov", "pcm_s24le", 2205),
        ("flac.mkv", "flac", 2205),
        ("film.mkv", "flac", 2205),
        ("flac.oga", "flac", 2205),
        ("flac.flac", "flac", 52_920),
    ] {
        let (samples, info) = read(name, RATE);
        assert_eq!(
            (info.codec, info.channels, info.source_rate),
            (codec, 2, RATE),
            "{name}"
        );
        assert_eq!(
            (info.source_frames, samples.len()),
            (frames, frames as usize),
            "{name}"
        );
        assert!(
            (info.duration_s - frames as f64 / f64::from(RATE)).abs() < 1e-9,
            "{name}"
        );
        let filled = usize::from(name == "wave64.w64");
        let error = largest_difference(&samples, &signal(RATE, samples.len() - filled));
        assert!(error <= 0.5 / 32768.0, "{name} differs by {error:e}");
    }
}

#[test]
fn lossless_files_agree_to_the_last_bit() {
    let (wav, _) = read("s16.wav", RATE);
    for name in [
        "s24.wav",
        "s32.wav",
        "f32.wav",
        "aiff.aiff",
        "caf.caf",
        "rf64.wav",
        "wave64.w64",
        "alac.m4a",
        "alac.mov",
        "alac.caf",
        "s24be.mov",
        "s24le.mov",
        "flac.flac",
    ] {
        let (samples, _) = read(name, RATE);
        assert_eq!(largest_difference(&samples, &wav), 0.0, "{name}");
    }
}

#[test]
fn files_of_few_bits_hold_the_signal_coarsely() {
    for (name, codec, limit) in [
        ("u8.wav", "pcm_u8", 1.0 / 128.0),
        ("mulaw.wav", "pcm_mulaw", 0.01),
        ("adpcm_ms.wav", "adpcm_ms", 0.06),
        ("adpcm_ima.wav", "adpcm_ima_wav", 0.06),
    ] {
        let (samples, info) = read(name, RATE);
        assert_eq!(info.codec, codec);
        // ADPCM fills its last block with silence.
        assert!(
            (2205..4000).contains(&samples.len()),
            "{name}: {}",
            samples.len()
        );
        let error = largest_difference(&samples, &signal(RATE, 2205));
        assert!(error < limit, "{name} differs by {error:e}");
    }
}

#[test]
fn lossy_files_hold_the_signal_in_its_place() {
    // (name, codec, rate, frames, lag, lowest level over the noise in dB). MP3 with a LAME tag, Ogg
    // and Opus state the delay of their encoder; the others do not, or not to Symphonia.
    for (name, codec, rate, frames, lag, level) in [
        ("cbr.mp3", "mp3", RATE, 52_920, 0, 22.0),
        ("vbr.mp3", "mp3", RATE, 52_920, 0, 35.0),
        ("untagged.mp3", "mp3", RATE, 54_144, 1105, 22.0),
        ("mp3_inside.wav", "mp3", RATE, 54_144, 1105, 22.0),
        ("mono.mp3", "mp3", RATE, 54_144, 1105, 22.0),
        ("slow.mp3", "mp3", 22_050, 27_648, 1105, 22.0),
        ("mp2.mp2", "mp2", RATE, 52_992, 481, 22.0),
        ("vorbis.ogg", "vorbis", RATE, 52_920, 0, 35.0),
        ("starts_late.ogg", "vorbis", RATE, 52_920, 0, 35.0),
        ("vorbis.mkv", "vorbis", RATE, 53_824, 0, 35.0),
        ("aac.m4a", "aac", RATE, 54_272, 1024, 20.0),
        ("adts.aac", "aac", RATE, 54_272, 1024, 20.0),
        ("mono.aac", "aac", 22_050, 27_648, 1024, 7.0),
        ("slow.m4a", "aac", 22_050, 27_648, 1024, 7.0),
        ("aac_96k.m4a", "aac", 96_000, 77_824, 1024, 7.0),
        ("opus.opus", "opus", 48_000, 57_600, 0, 33.0),
        ("opus.webm", "opus", 48_000, 58_248, 0, 33.0),
        ("hybrid.opus", "opus", 48_000, 57_600, -2, 14.0),
        ("silk.opus", "opus", 48_000, 57_600, -4, 14.0),
    ] {
        let (samples, info) = read(name, rate);
        assert_eq!((info.codec, info.source_rate), (codec, rate), "{name}");
        assert_eq!(info.source_frames, frames, "{name}");
        let best = (lag - 30..=lag + 30)
            .max_by(|&a, &b| {
                let at = |lag| signal_to_noise(&samples, rate, lag);
                at(a).total_cmp(&at(b))
            })
            .unwrap();
        assert_eq!(best, lag, "{name}");
        let noise = signal_to_noise(&samples, rate, lag);
        assert!(noise > level, "{name}: {noise:.1} dB");
    }
}

#[test]
fn opus_from_ogg_and_from_webm_decodes_to_the_same_samples() {
    let (ogg, _) = read("opus.opus", 48_000);
    let (webm, _) = read("opus.webm", 48_000);
    assert!(webm.len() >= ogg.len());
    assert_eq!(largest_difference(&webm, &ogg), 0.0);
}

#[test]
fn every_rate_gives_the_exact_length_and_the_signal() {
    for rate in [
        8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000,
    ] {
        let (samples, info) = read("flac.flac", rate);
        let want = (52_920 * u64::from(rate)).div_ceil(44_100);
        assert_eq!(
            (samples.len() as u64, info.source_rate),
            (want, RATE),
            "{rate} Hz"
        );
        let level = signal_to_noise(&samples, rate, 0);
        assert!(level > 85.0, "{rate} Hz: {level:.1} dB");
    }
}

#[test]
fn all_fixtures_decode_at_an_odd_rate_to_the_exact_length() {
    for name in intact() {
        let (samples, info) = read(&name, 12_345);
        let want = (info.source_frames * 12_345).div_ceil(u64::from(info.source_rate));
        assert_eq!(samples.len() as u64, want, "{name}");
    }
}

/// The checksum of LAME tags (CRC-16/ARC).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xa001 } else { 0 }
        })
    })
}

#[test]
fn an_mp3_whose_header_states_too_few_frames_is_decoded_to_its_end() {
    let intact = fs::read(fixture("vbr.mp3")).unwrap();
    let tag = intact
        .windows(4)
        .position(|window| window == b"Xing")
        .unwrap();
    // From the frame's header to the checksum, which is the last field of the tag.
    let (frame, checksum) = (tag - 36, tag + 154);
    let stored = &intact[checksum..checksum + 2];
    assert_eq!(stored, crc16(&intact[frame..checksum]).to_be_bytes());
    let (want, _) = read("vbr.mp3", RATE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lies.mp3");
    for frames in [0_u32, 1, 20] {
        let mut bytes = intact.clone();
        bytes[tag + 8..tag + 12].copy_from_slice(&frames.to_be_bytes());
        let sum = crc16(&bytes[frame..checksum]).to_be_bytes();
        bytes[checksum..checksum + 2].copy_from_slice(&sum);
        fs::write(&path, bytes).unwrap();
        let (samples, info) = decode(&path, RATE).unwrap();
        assert_eq!(info.warnings, []);
        assert!(
            samples.len() >= want.len(),
            "{frames} frames: {} samples",
            samples.len()
        );
        assert_eq!(largest_difference(&samples, &want), 0.0, "{frames} frames");
    }
}

#[test]
fn a_chain_of_ogg_streams_of_different_rates_is_decoded_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.ogg");
    let chain =
        ["vorbis.ogg", "opus.opus", "flac.oga"].map(|name| fs::read(fixture(name)).unwrap());
    fs::write(&path, chain.concat()).unwrap();
    let (samples, info) = decode(&path, 22_050).unwrap();
    let parts = ["vorbis.ogg", "opus.opus", "flac.oga"].map(|name| read(name, 22_050).0);
    assert_eq!(info.warnings, []);
    assert!(
        (info.duration_s - 2.45).abs() < 1e-9,
        "{} s",
        info.duration_s
    );
    let want = parts.concat();
    assert_eq!(samples.len(), want.len());
    assert_eq!(largest_difference(&samples, &want), 0.0);
}
