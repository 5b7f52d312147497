//! Files that cannot be decoded, or not wholly: each gives a sentence that names it and the mend.

use std::fs;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use gamaka::audio::{AudioErrorKind, AudioInfo, AudioWarning, decode, find, stream};
use rayon::prelude::*;

use crate::{fixture, intact};

const RATE: u32 = 44_100;

/// Decodes a file that must be refused; checks that the message names it, and returns the kind.
fn refuse(path: &Path) -> AudioErrorKind {
    let error = decode(path, RATE).expect_err(&path.display().to_string());
    let message = error.to_string();
    assert!(
        message.starts_with(&path.display().to_string()),
        "{message}"
    );
    assert_eq!(error.path, path);
    error.kind
}

#[test]
fn what_is_no_audio_file_is_refused_with_the_reason() {
    assert!(matches!(
        refuse(&fixture("bad/nothing.wav")),
        AudioErrorKind::Missing
    ));
    assert!(matches!(refuse(&fixture("bad")), AudioErrorKind::IsFolder));
    assert!(matches!(
        refuse(&fixture("bad/empty.wav")),
        AudioErrorKind::Empty
    ));
    for name in ["text.wav", "page.mp3", "random.mp3", "._x.wav"] {
        let kind = refuse(&fixture("bad").join(name));
        assert!(matches!(kind, AudioErrorKind::NotAudio), "{name}: {kind:?}");
        assert!(kind.to_string().contains("ffmpeg -i"), "{kind}");
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_before_it_can_block() {
    assert!(matches!(
        refuse(Path::new("/dev/zero")),
        AudioErrorKind::NotAFile
    ));
}

#[test]
fn a_codec_without_a_decoder_is_named() {
    for (file, codec) in [
        ("ac3.mka", "AC-3"),
        ("speex.ogg", "Speex"),
        ("surround.m4a", "AAC with 6 channels"),
        ("wma.wma", "Windows Media"),
    ] {
        let kind = refuse(&fixture("bad").join(file));
        assert!(
            matches!(&kind, AudioErrorKind::Unsupported(name) if name.contains(codec)),
            "{kind:?}"
        );
        assert!(kind.to_string().contains("ffmpeg -i"), "{kind}");
    }
    // Where a file says what its samples are.
    for (file, says, instead, codec) in [
        ("aac.m4a", &b"mp4a"[..], &b"samr"[..], "AMR"),
        ("aac.m4a", b"mp4a", b"drms", "encrypted"),
        (
            "s16.wav",
            b"fmt \x10\0\0\0\x01\0",
            b"fmt \x10\0\0\0\x31\0",
            "GSM 6.10",
        ),
        (
            "s16.wav",
            b"fmt \x10\0\0\0\x01\0",
            b"fmt \x10\0\0\0\x99\x99",
            "0x9999",
        ),
        ("vorbis.ogg", b"\x01vorbis", b"CELT    ", "CELT"),
    ] {
        let kind = altered(file, says, instead);
        assert!(
            matches!(&kind, AudioErrorKind::Unsupported(name) if name.contains(codec)),
            "{kind:?}"
        );
    }
}

#[test]
fn a_format_without_a_reader_is_named_by_its_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp3");
    for (head, format) in [
        (&b"wvpk"[..], "WavPack"),
        (&[0x7f, 0xfe, 0x80, 0x01], "DTS"),
        (&[0x0b, 0x77], "AC-3"),
        (b"TTA1", "True Audio"),
        (b"MAC ", "Monkey's Audio"),
        (b"MPCK", "Musepack"),
        (b"DSD ", "DSD"),
    ] {
        fs::write(&path, [head, &[0x55; 5000]].concat()).unwrap();
        let kind = refuse(&path);
        assert!(
            matches!(&kind, AudioErrorKind::Unsupported(name) if name.contains(format)),
            "{format}: {kind:?}"
        );
        assert!(kind.to_string().contains("ffmpeg -i"), "{kind}");
    }
}

/// Refuses a fixture in which the first `from` is replaced.
fn altered(name: &str, from: &[u8], to: &[u8]) -> AudioErrorKind {
    let mut bytes = fs::read(fixture(name)).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    refuse(&path)
}

#[test]
fn pictures_alone_are_no_audio_track() {
    let kind = altered("vorbis.ogg", b"\x01vorbis", b"\x80theora");
    assert!(matches!(kind, AudioErrorKind::NoAudioTrack), "{kind:?}");
}

#[test]
fn absurd_headers_are_refused_and_say_what_is_absurd() {
    for (name, what) in [
        ("zero_rate.wav", "sample rate of 0 Hz"),
        ("giant_rate.wav", "sample rate of 1000000000 Hz"),
        ("zero_channels.wav", "channel count"),
        ("giant_channels.wav", "channel count"),
    ] {
        let kind = refuse(&fixture("bad").join(name));
        assert!(
            matches!(&kind, AudioErrorKind::Header(text) if text.contains(what)),
            "{kind:?}"
        );
    }
    let kind = refuse(&fixture("bad/no_index.m4a"));
    assert!(
        matches!(&kind, AudioErrorKind::Unsupported(text) if text.contains("moov")),
        "{kind:?}"
    );
}

#[test]
fn a_header_without_samples_is_an_error_and_not_silence() {
    assert!(matches!(
        refuse(&fixture("bad/no_samples.wav")),
        AudioErrorKind::NoSamples
    ));
}

#[test]
fn samples_that_are_no_numbers_are_counted_and_never_handed_out() {
    for name in ["nan.wav", "inf.wav"] {
        let path = fixture("bad").join(name);
        let AudioErrorKind::NotFinite { count, first_s } = refuse(&path) else {
            panic!("{name} is not refused for its samples");
        };
        assert_eq!((count, first_s), (1, 0.125), "{name}");
        let mut finite = true;
        let result = stream(&path, 22_050, &mut |samples| {
            finite &= samples.iter().all(|sample| sample.is_finite());
            ControlFlow::Continue(())
        });
        assert!(finite && result.is_err(), "{name}");
    }
}

#[test]
fn a_truncated_file_keeps_its_decoded_part_and_says_so() {
    for (cut, whole, least) in [
        ("truncated.wav", "s16.wav", 0.55),
        ("truncated.mp3", "cbr.mp3", 0.5),
        ("truncated.flac", "flac.flac", 0.5),
        ("truncated.m4a", "aac.m4a", 0.5),
        ("truncated.mkv", "vorbis.mkv", 0.5),
    ] {
        let path = fixture("bad").join(cut);
        let (samples, info) = decode(&path, RATE).unwrap();
        let (want, _) = decode(&fixture(whole), RATE).unwrap();
        assert!(
            samples == want[..samples.len()],
            "{cut} differs from {whole}"
        );
        assert!(
            samples.len() as f64 > least * want.len() as f64,
            "{cut}: {}",
            samples.len()
        );
        let [
            AudioWarning::Incomplete {
                decoded_s,
                expected_s: Some(expected_s),
            },
        ] = info.warnings[..]
        else {
            panic!("{cut}: {:?}", info.warnings);
        };
        assert_eq!(decoded_s, samples.len() as f64 / f64::from(RATE), "{cut}");
        let whole_s = want.len() as f64 / f64::from(RATE);
        assert!(
            (expected_s - whole_s).abs() < 0.05,
            "{cut}: {expected_s} s, not {whole_s} s"
        );
    }
}

#[test]
fn an_ogg_file_without_its_last_page_is_truncated_though_no_header_states_its_length() {
    let (samples, info) = decode(&fixture("bad/truncated.ogg"), RATE).unwrap();
    assert!(
        (20_000..45_000).contains(&samples.len()),
        "{} samples",
        samples.len()
    );
    assert!(
        matches!(
            info.warnings[..],
            [AudioWarning::Incomplete {
                expected_s: None,
                ..
            }]
        ),
        "{:?}",
        info.warnings
    );
}

#[test]
fn a_claim_of_four_billion_bytes_costs_no_memory_and_keeps_the_samples_there_are() {
    let (samples, info) = decode(&fixture("bad/huge_claim.wav"), RATE).unwrap();
    assert!(samples == decode(&fixture("s16.wav"), RATE).unwrap().0);
    assert!(
        matches!(
            info.warnings[..],
            [AudioWarning::Incomplete { expected_s: Some(expected_s), .. }] if expected_s > 20_000.0
        ),
        "{:?}",
        info.warnings
    );
}

#[test]
fn a_slightly_wrong_riff_size_is_accepted_as_every_player_does() {
    let (samples, info) = decode(&fixture("bad/riff_size.wav"), RATE).unwrap();
    assert!(samples == decode(&fixture("s16.wav"), RATE).unwrap().0);
    assert_eq!(info.warnings, []);
}

/// Decodes the fixture `name` with 40 bytes in its middle overwritten.
fn scratched(name: &str) -> AudioInfo {
    let mut bytes = fs::read(fixture(name)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0x55);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    decode(&path, RATE).unwrap().1
}

#[test]
fn a_hole_in_a_file_is_reported() {
    let info = scratched("flac.flac");
    assert!((40_000..52_920).contains(&info.samples), "{info:?}");
    assert!(
        matches!(info.warnings[..], [AudioWarning::Incomplete { .. }]),
        "{info:?}"
    );
    let info = scratched("aac.m4a");
    let skipped =
        |warning: &AudioWarning| matches!(warning, AudioWarning::SkippedPackets { count: 1.. });
    assert!(info.warnings.iter().any(skipped), "{info:?}");
}

/// The places of the pages of an Ogg file.
fn pages(ogg: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut at, mut pages) = (0, Vec::new());
    while at < ogg.len() {
        assert!(ogg[at..].starts_with(b"OggS"));
        let sizes = &ogg[at + 27..at + 27 + usize::from(ogg[at + 26])];
        let len = 27 + sizes.len() + sizes.iter().map(|&size| usize::from(size)).sum::<usize>();
        pages.push(at..at + len);
        at += len;
    }
    pages
}

#[test]
fn a_page_of_ogg_that_is_damaged_or_gone_is_reported_whatever_the_codec() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ogg");
    let warnings = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        decode(&path, RATE).unwrap().1.warnings
    };
    for name in ["pages.ogg", "pages.opus", "pages.oga"] {
        let whole = fs::read(fixture(name)).unwrap();
        let pages = pages(&whole);
        assert!(pages.len() > 6, "{name}: {} pages", pages.len());
        assert_eq!(warnings(&whole), [], "{name}");
        // A second part, whose pages are numbered anew, and anything between the pages.
        assert_eq!(warnings(&[&whole[..], &whole].concat()), [], "{name} twice");
        let at = pages[4].start;
        let between = [&whole[..at], b"something", &whole[at..]].concat();
        assert_eq!(warnings(&between), [], "{name}");
        let is_told = |bytes: &[u8], what: &str| {
            let found = warnings(bytes);
            let told = matches!(found[..], [AudioWarning::Incomplete { .. }, ..]);
            assert!(told, "{name}, {what}: {found:?}");
        };
        for page in &pages[3..pages.len() - 1] {
            let mut flipped = whole.clone();
            flipped[(page.start + page.end) / 2] ^= 1;
            is_told(&flipped, &format!("a bit of {page:?}"));
            // In the second part of two.
            is_told(
                &[&whole[..], &flipped].concat(),
                &format!("a bit of {page:?} behind"),
            );
        }
        let middle = pages.len() / 2;
        let without = [&whole[..pages[middle].start], &whole[pages[middle].end..]].concat();
        is_told(&without, "a page less");
        let cut = [
            &whole[..pages[middle].start + 50],
            &whole[pages[middle + 1].start + 9..],
        ];
        is_told(&cut.concat(), "a piece less");
    }
}

#[test]
fn strict_turns_a_warning_into_an_error_and_passes_an_intact_file() {
    let path = fixture("bad/truncated.wav");
    let (_, info) = decode(&path, RATE).unwrap();
    let error = info.strict(&path).unwrap_err();
    assert!(matches!(
        error.kind,
        AudioErrorKind::Damaged(AudioWarning::Incomplete { .. })
    ));
    let message = error.to_string();
    assert!(
        message.contains("truncated.wav: is damaged or cut short: only 0.03 s of 0.05 s"),
        "{message}"
    );
    let path = fixture("s16.wav");
    let (_, info) = decode(&path, RATE).unwrap();
    assert_eq!(info.clone().strict(&path).unwrap(), info);
}

#[test]
fn a_sample_rate_that_makes_no_sense_is_refused() {
    for rate in [0, 999, 384_001, u32::MAX] {
        let error = decode(&fixture("s16.wav"), rate).unwrap_err();
        assert!(matches!(error.kind, AudioErrorKind::TargetRate(given) if given == rate));
    }
}

#[test]
fn the_sink_may_stop_early() {
    let mut calls = 0;
    let info = stream(&fixture("flac.flac"), RATE, &mut |samples| {
        assert!(!samples.is_empty());
        calls += 1;
        if calls == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!(calls, 2);
    assert!(
        info.samples < 52_920 && info.warnings.is_empty(),
        "{info:?}"
    );
}

#[test]
fn a_panic_of_the_sink_is_not_taken_for_one_of_the_decoder() {
    let run = AssertUnwindSafe(|| {
        let _ = stream(&fixture("s16.wav"), RATE, &mut |_| {
            panic!("the caller's own fault")
        });
    });
    let panic = catch_unwind(run).unwrap_err();
    assert_eq!(
        panic.downcast_ref::<&str>(),
        Some(&"the caller's own fault")
    );
}

#[test]
fn bad_files_among_good_ones_are_each_reported_and_spoil_nothing() {
    let found = find(&[fixture("")]);
    let results: Vec<_> = found
        .files
        .par_iter()
        .map(|path| (path, decode(path, 22_050)))
        .collect();
    for (path, result) in &results {
        let bad = path.parent() == Some(&fixture("bad"));
        assert!(bad || result.is_ok(), "{}", path.display());
    }
    let decoded = results.iter().filter(|(_, result)| result.is_ok()).count();
    let partly = 8;
    assert_eq!(decoded, intact().len() + partly);
    assert_eq!(found.problems.len(), 1, "empty.wav: {:?}", found.problems);
}
