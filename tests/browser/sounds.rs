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

/// Where a name is in a file.
fn places(file: &[u8], name: &[u8]) -> Vec<usize> {
    let windows = file.windows(name.len()).enumerate();
    windows
        .filter(|(_, window)| *window == name)
        .map(|(at, _)| at)
        .collect()
}

const CLUSTER: &[u8] = b"\x1f\x43\xb6\x75";

fn recording() -> Vec<u8> {
    std::fs::read(in_crate("tests/fixtures/browser/recording.webm")).unwrap()
}

/// The recording from its second cluster on, as if it had begun so many milliseconds earlier.
fn late_recording(milliseconds: u16) -> Vec<u8> {
    let mut file = recording();
    let clusters = places(&file, CLUSTER);
    for cluster in &clusters[1..] {
        // Behind their names and sizes: theirs are two bytes each.
        assert_eq!(file[cluster + 6..cluster + 8], [0xe7, 0x82]);
        let time = &mut file[cluster + 8..cluster + 10];
        let later = u16::from_be_bytes([time[0], time[1]]) + milliseconds;
        time.copy_from_slice(&later.to_be_bytes());
    }
    file.drain(clusters[0]..clusters[1]);
    file
}

/// A clip two times over in one stream of Ogg whose times count from so many samples.
fn ogg(begin: u64) -> Vec<u8> {
    let file = std::fs::read(in_crate("assets/corpus/waltz/waltz-000.ogg")).unwrap();
    let time = |page: &[u8]| u64::from_le_bytes(page[6..14].try_into().unwrap());
    let ends = [places(&file, b"OggS"), vec![file.len()]].concat();
    let pages: Vec<&[u8]> = ends.windows(2).map(|at| &file[at[0]..at[1]]).collect();
    let length = time(pages.last().unwrap());
    let headers = pages.iter().filter(|page| time(page) == 0).count();
    let mut made = Vec::new();
    for (number, page) in pages.iter().chain(&pages[headers..]).enumerate() {
        let mut page = page.to_vec();
        // No stream ends with the first time.
        page[5] &= 3;
        if number >= headers {
            let again = if number < pages.len() { 0 } else { length };
            let later = time(&page) + again + begin;
            page[6..14].copy_from_slice(&later.to_le_bytes());
        }
        page[18..22].copy_from_slice(&(number as u32).to_le_bytes());
        // https://www.rfc-editor.org/rfc/rfc3533#section-6
        page[22..26].fill(0);
        let bit = |sum: u32| (sum << 1) ^ (if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 });
        let sum = page.iter().fold(0, |sum, byte| {
            (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| bit(sum))
        });
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        made.extend(page);
    }
    made
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
    let recording = recording();
    let mut unknown = recording.clone();
    for at in places(&recording, CLUSTER) {
        unknown[at + 4..at + 6].copy_from_slice(b"\x7f\xff");
    }
    assert_ne!(unknown, recording);
    let files = [
        ("long.wav", wav(8000, &samples)),
        ("unfinished.wav", unfinished),
        ("long.mp3", tagged),
        ("long.flac", read("tests/fixtures/browser/ten_seconds.flac")),
        ("long.ogg", ogg(0)),
        // Recordings of what had gone on for longer than is heard.
        ("late.ogg", ogg(22_050 * 3600)),
        ("radio.ogg", [ogg(22_050 * 3600), ogg(0)].concat()),
        ("recording.webm", recording),
        ("unknown.webm", unknown),
        ("late.webm", late_recording(50_000)),
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

#[test]
fn a_recording_that_breaks_off_is_heard_without_asking_how_long_it_is() {
    // In the name of a cluster, in its size, and in its time.
    let recording = recording();
    let last = *places(&recording, CLUSTER).last().unwrap();
    let files = [2, 5, 9].map(|length| {
        let name = format!("{length}.webm");
        (name, recording[..last + length].to_vec())
    });
    let names = files.clone().map(|(name, _)| name);
    let Some(mut browser) = opened(files.into()) else {
        return;
    };
    for name in names {
        let unasked = "(file) => { delete window.Audio; return file; }";
        let heard = decode(&mut browser, &name, 600.0, unasked);
        assert!(heard["seconds"].as_f64() > Some(9.0), "{name}: {heard}");
        assert_eq!(heard["cut"], false, "{name}");
    }
    browser.was_quiet();
}

#[test]
fn what_stands_behind_the_sound_of_a_wav_is_not_heard() {
    // Two seconds, and a chunk that would be as many again and more.
    let mut file = wav(8000, &[0.5; 2 * 8000]);
    file.extend([b"junk", &200_000u32.to_le_bytes()[..]].concat());
    file.extend([0; 200_000]);
    let length = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    let Some(mut browser) = opened([("cover.wav".to_owned(), file)].into()) else {
        return;
    };
    let heard = decode(&mut browser, "cover.wav", 3.0, AS_IT_IS);
    assert_eq!(
        (&heard["length"], &heard["cut"]),
        (&json!(32_000), &json!(false)),
        "{heard}"
    );
    let begun = decode(&mut browser, "cover.wav", 1.0, AS_IT_IS);
    assert_eq!(
        (&begun["length"], &begun["cut"]),
        (&json!(16_000), &json!(true))
    );
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
    let files = [("long.m4a", m4a), ("film.webm", recording())];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
    let Some(mut browser) = opened(files.into()) else {
        return;
    };
    let told = decode(&mut browser, "long.m4a", 600.0, AS_IT_IS);
    let told = told.as_str().unwrap();
    assert!(told.starts_with("It is too long (240 minutes)"), "{told}");
    // A film's pictures may make its beginning too large.
    let film = "(file) => Object.assign(file, { slice(from, to) {
        const part = Blob.prototype.slice.call(file, from, to);
        return to < 2 ** 20 ? Object.defineProperty(part, 'size', { value: 3e9 }) : part;
    } })";
    let told = decode(&mut browser, "film.webm", 1.0, film);
    let told = told.as_str().unwrap();
    assert!(
        told.starts_with("Even the beginning of it, which is heard, is too large (3000 MB)"),
        "{told}"
    );
    // One of which no browser knows the length, as fragments of a film may be; and one of which it does not find out.
    for (duration, why) in [
        ("Infinity", "It does not say"),
        ("NaN", "This browser did not find out"),
    ] {
        let untold = format!(
            "(file) => {{
                window.Audio = class {{ duration = {duration}; error = null; removeAttribute() {{}} }};
                return new Blob([Uint8Array.of(0, 0, 0, 8), 'ftyp', new Uint8Array(40_000_000)]);
            }}"
        );
        let told = decode(&mut browser, "long.m4a", 600.0, &untold);
        let told = told.as_str().unwrap();
        let why = format!("{why} how long it is, and it is large (40 MB)");
        assert!(told.starts_with(&why), "{told}");
    }
    browser.was_quiet();
}

#[test]
fn in_a_tab_that_is_not_seen_a_browser_is_waited_for_to_say_how_long_a_file_is() {
    let Some(mut browser) = opened(BTreeMap::new()) else {
        return;
    };
    // It is seen after longer than a browser is waited for, and the length comes longer after than that; one is stopped before.
    let told = browser.says(
        "(async () => {
            const { decode } = await import('/gamaka.js');
            const players = [];
            window.Audio = class { duration = NaN; error = null; removeAttribute() {} constructor() { players.push(this); } };
            const see = (hidden) => {
                Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
                document.dispatchEvent(new Event('visibilitychange'));
            };
            see(true);
            const file = new Blob([Uint8Array.of(0, 0, 0, 8), 'ftyp', new Uint8Array(40_000_000)]);
            const stop = new AbortController();
            const stopped = decode(file, 16000, 600, stop.signal).catch((error) => error.name);
            const waited = decode(file, 16000, 600).catch((error) => error.message);
            const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
            await sleep(3500);
            stop.abort();
            const early = await Promise.race([stopped, sleep(500)]);
            see(false);
            await sleep(1500);
            for (const player of players) {
                player.duration = 7200;
                player.ondurationchange();
            }
            return [early, await waited];
        })()",
    );
    assert_eq!(told[0], "AbortError");
    let told = told[1].as_str().unwrap();
    assert!(told.starts_with("It is too long (120 minutes)"), "{told}");
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
