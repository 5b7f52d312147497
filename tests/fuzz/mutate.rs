//! Changed copies of good inputs, fixed by a stream of random numbers.

use gamaka::internals::random::Stream;

/// What breaks readers of numbers.
const NUMBERS: [u64; 20] = [
    0,
    1,
    2,
    3,
    7,
    127,
    128,
    255,
    256,
    32_767,
    65_535,
    65_536,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 62,
    (1 << 63) - 1,
    u64::MAX,
];

/// Numbers as text, which most readers of text will take for numbers.
const NUMERALS: [&str; 19] = [
    "-1",
    "0",
    "1",
    "2",
    "16",
    "65536",
    "65537",
    "1000000000000",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "0.0",
    "-0.0",
    "0.5",
    "1e-320",
    "1e38",
    "1e39",
    "1e308",
];

/// What breaks readers of text.
const WORDS: [&str; 18] = [
    "1e999",
    "nan",
    "inf",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[0]",
    "[1, 1]",
    "\\u0000",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{feff}",
    "\0",
    ",",
    "\"",
    "\n",
];

/// A changed copy of one of the seeds.
pub(crate) fn mutate(seeds: &[Vec<u8>], text: bool, random: &mut Stream) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    // Text is soon broken beyond reading.
    let most = 1 << random.below(if text { 3 } else { 5 });
    let changes = 1 + random.below(most);
    for _ in 0..changes {
        match (text, random.below(12)) {
            (true, 0..=5) => number_word(&mut bytes, random),
            (true, 6) => {
                let word = WORDS[random.below(WORDS.len())];
                insert(&mut bytes, word.as_bytes(), random);
            }
            (true, 7 | 8) => swap_tokens(&mut bytes, random),
            (_, 0..=1) => flip(&mut bytes, random),
            (_, 2..5) => number(&mut bytes, random),
            (_, 5) => {
                let run = vec![random.below(256) as u8; 1 + random.below(64)];
                insert(&mut bytes, &run, random);
            }
            (_, 6..=7) => remove(&mut bytes, random),
            (_, 8 | 9) => repeat(&mut bytes, random),
            (_, 10) => bytes.truncate(random.below(bytes.len() + 1)),
            _ => splice(&mut bytes, &seeds[random.below(seeds.len())], random),
        }
    }
    // Repeats of repeats would only make it slow.
    bytes.truncate(1 << 18);
    bytes
}

/// A place in the bytes; half of the time near the beginning, where headers are.
fn place(length: usize, random: &mut Stream) -> usize {
    match random.below(2) {
        0 => random.below(length.min(256)),
        _ => random.below(length),
    }
}

/// A range of the bytes, mostly short.
fn range(length: usize, random: &mut Stream) -> std::ops::Range<usize> {
    let from = place(length, random);
    let most = 1 << random.below(17);
    from..(from + 1 + random.below(most)).min(length)
}

fn flip(bytes: &mut [u8], random: &mut Stream) {
    if !bytes.is_empty() {
        bytes[place(bytes.len(), random)] ^= 1 << random.below(8);
    }
}

fn number(bytes: &mut [u8], random: &mut Stream) {
    let width = 1 << random.below(4);
    let at = place(bytes.len().max(1), random);
    let value = NUMBERS[random.below(NUMBERS.len())];
    let written = match random.below(2) {
        0 => value.to_le_bytes()[..width].to_vec(),
        _ => value.to_be_bytes()[8 - width..].to_vec(),
    };
    for (byte, new) in bytes.iter_mut().skip(at).zip(written) {
        *byte = new;
    }
}

fn insert(bytes: &mut Vec<u8>, what: &[u8], random: &mut Stream) {
    let at = place(bytes.len() + 1, random);
    bytes.splice(at..at, what.iter().copied());
}

fn remove(bytes: &mut Vec<u8>, random: &mut Stream) {
    if !bytes.is_empty() {
        bytes.drain(range(bytes.len(), random));
    }
}

fn repeat(bytes: &mut Vec<u8>, random: &mut Stream) {
    if !bytes.is_empty() {
        let piece = bytes[range(bytes.len(), random)].to_vec();
        let times = 1 + random.below(8);
        insert(bytes, &piece.repeat(times), random);
    }
}

fn splice(bytes: &mut Vec<u8>, other: &[u8], random: &mut Stream) {
    if !bytes.is_empty() && !other.is_empty() {
        let (from, to) = (range(other.len(), random), range(bytes.len(), random));
        bytes.splice(to, other[from].iter().copied());
    }
}

/// Ranges of words and numbers.
fn tokens(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let inside =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
    let mut found = Vec::new();
    let mut from = None;
    for (at, &byte) in bytes.iter().enumerate() {
        match (inside(byte), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                found.push(start..at);
                from = None;
            }
            _ => {}
        }
    }
    found.extend(from.map(|start| start..bytes.len()));
    found
}

/// Puts a troublesome word in the place of a number.
fn number_word(bytes: &mut Vec<u8>, random: &mut Stream) {
    let mut numbers = tokens(bytes);
    numbers.retain(|token| bytes[token.start].is_ascii_digit() || bytes[token.start] == b'-');
    if !numbers.is_empty() {
        let token = numbers[random.below(numbers.len())].clone();
        bytes.splice(token, NUMERALS[random.below(NUMERALS.len())].bytes());
    }
}

/// Puts a word of the text in the place of another.
fn swap_tokens(bytes: &mut Vec<u8>, random: &mut Stream) {
    let found = tokens(bytes);
    if !found.is_empty() {
        let word = bytes[found[random.below(found.len())].clone()].to_vec();
        bytes.splice(found[random.below(found.len())].clone(), word);
    }
}
