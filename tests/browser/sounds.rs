//! Files that a browser decodes: the beginning of long ones, and what is said of those in which nothing is to be heard.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::runtime::{in_crate, module, wav};
use crate::site::{Site, folder};
use crate::{WINDOW, started};

/// Decodes a file, at 16 kHz; `change` may make another of it.
fn decode(browser: &mut Browser, name: &str, most_seconds: f64, change: &str) -> Value {
    browser.says(&format!(
        "(async () => {{
            const {{ decode, PlainError }} = await import('/gamaka.js');
            const file = ({change})(await (await fetch('/{name}')).blob());
            try {{
                const {{ samples, seconds, cut }} = await decode(file, 16000, {most_seconds});
                const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
                return {{ length: samples.length, seconds, cut, power, first: [...samples.subarray(0, 16000)] }};
            }} catch (error) {{
                return error instanceof PlainError ? error.message : 'not in plain words: ' + error.stack;
            }}
        }})()"
    ))
}

const AS_IT_IS: &str = "(file) => file";

fn opened(files: BTreeMap<String, Vec<u8>>) -> Option<Browser> {
    let mut browser = started()?;
    let mut all = module();
    all.extend(files);
    browser.visit(Site::new(all).url(), WINDOW, "light");
    Some(browser)
}

#[test]
fn of_a_long_file_the_beginning_is_decoded_and_no_more() {
    let read = |path: &str| std::fs::read(in_crate(path)).unwrap();
    let tone = |k: u32| ((k % 1000 * (k % 1000) % 977) as f32 / 977.0 - 0.5) * 0.1;
    let samples: Vec<f32> = (0..10 * 8000).map(tone).collect();
    // Of an unknown length, and behind tags of two kinds.
    let mut unfinished = wav(8000, &samples);
    unfinished[40..44].fill(0xff);
    let mut tagged = b"ID3\x04\0\0\0\0\x02\x01".to_vec();
    tagged.extend([0xff; 257]);
    tagged.extend(read("tests/fixtures/audio/cbr.mp3").repeat(8));
    // A recording does not tell its length; nor do browsers' tell those of their clusters.
    let recording = read("tests/fixtures/browser/recording.webm");
    let mut unknown = recording.clone();
    let clusters = recording.windows(4).enumerate();
    let clusters = clusters.filter(|(_, name)| *name == b"\x1f\x43\xb6\x75");
    for (at, _) in clusters {
        unknown[at + 4..at + 6].copy_from_slice(b"\x7f\xff");
    }
    assert_ne!(unknown, recording);
    let files = [
        ("long.wav", wav(8000, &samples)),
        ("unfinished.wav", unfinished),
        ("long.mp3", tagged),
        ("long.flac", read("tests/fixtures/browser/ten_seconds.flac")),
        ("long.ogg", read("assets/corpus/waltz/waltz-000.ogg")),
        ("recording.webm", recording.clone()),
        ("unknown.webm", unknown),
    ];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
    let names = files.clone().map(|(name, _)| name);
    let Some(mut browser) = opened(files.into()) else {
        return;
    };
    for name in names {
        let whole = decode(&mut browser, &name, 600.0, AS_IT_IS);
        assert_eq!(whole["cut"], false, "{name}");
        assert!(whole["seconds"].as_f64().unwrap() > 4.0, "{name}: {whole}");
        // The whole of it is never read.
        let guarded =
            "(file) => Object.assign(file, { arrayBuffer() { throw new Error('all of it'); } })";
        let begun = decode(&mut browser, &name, 1.0, guarded);
        assert_eq!(
            (&begun["length"], &begun["cut"]),
            (&json!(16_000), &json!(true)),
            "{name}"
        );
        assert_eq!(begun["first"], whole["first"], "{name}");
    }
    browser.was_quiet();
}

/// A file with other bytes at so many behind a name in it.
fn patched(path: &str, name: &[u8], behind: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = std::fs::read(in_crate(path)).unwrap();
    let found = file.windows(name.len()).position(|window| window == name);
    let at = found.unwrap() + name.len() + behind;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn a_file_that_is_too_long_to_be_decoded_whole_is_refused() {
    // The durations that they tell, of four hours: in the movie's header.
    let scale = 1000u32.to_be_bytes();
    let movie = [scale, 14_400_000u32.to_be_bytes()].concat();
    let m4a = patched("tests/fixtures/audio/aac.m4a", b"mvhd", 12, &movie);
    let Some(mut browser) = opened([("long.m4a".to_owned(), m4a)].into()) else {
        return;
    };
    let told = decode(&mut browser, "long.m4a", 600.0, AS_IT_IS);
    let told = told.as_str().unwrap();
    assert!(told.starts_with("It is too long (240 minutes)"), "{told}");
    // One of which no browser knows the length, as fragments of a film may be.
    let untold = "(file) => {
        window.Audio = class { duration = Infinity; error = null; removeAttribute() {} };
        return new Blob([Uint8Array.of(0, 0, 0, 8), 'ftyp', new Uint8Array(40_000_000)]);
    }";
    let told = decode(&mut browser, "long.m4a", 600.0, untold);
    let told = told.as_str().unwrap();
    assert!(
        told.starts_with("It does not say how long it is, and it is large (40 MB)"),
        "{told}"
    );
    browser.was_quiet();
}

#[test]
fn headers_of_mp3_are_not_looked_for_in_all_of_another_file() {
    let Some(mut browser) = opened(BTreeMap::new()) else {
        return;
    };
    // Bytes in which those of a header come about by chance, beside what kinds begin with; how far they are read.
    let read = browser.says(
        "(async () => {
            const { decode } = await import('/gamaka.js');
            const noise = new Uint32Array(1 << 20);
            let state = 1;
            for (let k = 0; k < noise.length; k += 1) {
                state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
                noise[k] = state;
            }
            const furthest = async (begin, signal) => {
                let far = 0;
                const file = new Blob([Uint8Array.from(begin), noise]);
                const slice = (from, to) => { far = Math.max(far, from); return Blob.prototype.slice.call(file, from, to); };
                const error = await decode(Object.assign(file, { slice }), 16000, 600, signal).catch((error) => error);
                return [far < 2 ** 21 + 2 ** 16, error.name];
            };
            const stop = new AbortController();
            const stopped = furthest([0xff], stop.signal);
            stop.abort();
            return [await furthest([0xff]), await furthest([0, 0, 0, 8, ...new TextEncoder().encode('ftyp')]), await stopped];
        })()",
    );
    assert_eq!(
        read,
        json!([
            [true, "PlainError"],
            [true, "PlainError"],
            [true, "AbortError"]
        ])
    );
}

#[test]
fn channels_are_averaged_and_silence_is_told() {
    let silent = wav(16_000, &[0.0; 16_000]);
    let mut stereo = wav(16_000, &[0.5, -0.5].repeat(16_000));
    let mut half = wav(16_000, &[0.5, 0.0].repeat(16_000));
    for file in [&mut stereo, &mut half] {
        file[22] = 2;
        file[28..32].copy_from_slice(&(8 * 16_000u32).to_le_bytes());
        file[32] = 8;
    }
    let files = [
        ("silent.wav", silent),
        ("cancels.wav", stereo),
        ("half.wav", half),
    ];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
    let Some(mut browser) = opened(files.into()) else {
        return;
    };
    let mut told = |name| decode(&mut browser, name, 600.0, AS_IT_IS);
    assert_eq!(told("silent.wav"), "It is silent.");
    let cancels = told("cancels.wav");
    assert!(
        cancels.as_str().unwrap().contains("its channels cancel"),
        "{cancels}"
    );
    let half = told("half.wav");
    assert_eq!(half["length"], 16_000);
    assert!(
        (half["power"].as_f64().unwrap() - 0.0625).abs() < 1e-6,
        "{half}"
    );
}

#[test]
fn a_file_that_cannot_be_heard_is_refused_in_plain_words() {
    let bad = folder(Path::new(&in_crate("tests/fixtures/audio/bad")));
    let names: Vec<String> = bad.keys().cloned().collect();
    let Some(mut browser) = opened(bad) else {
        return;
    };
    let mut heard = Vec::new();
    for name in &names {
        let told = decode(&mut browser, name, 600.0, AS_IT_IS);
        match told.as_str() {
            Some(told) => {
                let known =
                    told.starts_with("This browser cannot play it") || told.starts_with("It ");
                assert!(known, "{name}: {told}");
            }
            None => heard.push(name.as_str()),
        }
    }
    // As natively, what is there of a damaged file is heard.
    for name in [
        "truncated.mp3",
        "truncated.ogg",
        "truncated.wav",
        "riff_size.wav",
    ] {
        assert!(heard.contains(&name), "{name}: {heard:?}");
    }
    for name in [
        "text.wav",
        "random.mp3",
        "empty.wav",
        "zero_rate.wav",
        "giant_channels.wav",
    ] {
        assert!(!heard.contains(&name), "{name}");
    }
    // Larger than a page may hold, of a kind that cannot be cut.
    let huge = "(file) => Object.defineProperty(file, 'size', { value: 3e9 })";
    let told = decode(&mut browser, "text.wav", 600.0, huge);
    assert!(
        told.as_str()
            .unwrap()
            .starts_with("It is too large (3000 MB)"),
        "{told}"
    );
    // Moved while the page was open.
    let gone = "(file) => Object.assign(file, { slice() { throw new DOMException('gone', 'NotReadableError'); } })";
    let told = decode(&mut browser, "text.wav", 600.0, gone);
    assert!(
        told.as_str().unwrap().starts_with("It cannot be read"),
        "{told}"
    );
    browser.was_quiet();
}
