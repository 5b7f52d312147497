//! Memory stays small whatever a file is like: hours long, or damaged at random.

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use gamaka::audio::{AudioError, AudioInfo, stream};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{fixture, intact};

/// Decodes without keeping anything; returns also the most bytes that were held at a time.
fn measure(path: &Path, rate: u32) -> (Result<AudioInfo, AudioError>, u64) {
    let mut result = None;
    let held = allocation_counter::measure(|| {
        result = Some(stream(path, rate, &mut |samples| {
            assert!(samples.iter().all(|sample| sample.is_finite()));
            ControlFlow::Continue(())
        }));
    });
    (result.unwrap(), held.bytes_max)
}

/// Writes `seconds` of 8-bit mono WAV at 8 kHz whose samples are zero bytes: full negative scale.
fn write_long_wav(path: &Path, seconds: u32) {
    let len = seconds * 8000;
    let mut header = Vec::new();
    header.extend(b"RIFF");
    header.extend((len + 36).to_le_bytes());
    header.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    header.extend(8000_u32.to_le_bytes());
    header.extend(8000_u32.to_le_bytes());
    header.extend(b"\x01\0\x08\0data");
    header.extend(len.to_le_bytes());
    let mut file = File::create(path).unwrap();
    file.write_all(&header).unwrap();
    // A hole, which costs no time to write.
    file.set_len(header.len() as u64 + u64::from(len)).unwrap();
}

#[test]
fn an_hour_needs_no_more_memory_than_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let peak = |seconds| {
        write_long_wav(&path, seconds);
        let (result, peak) = measure(&path, 6000);
        let info = result.unwrap();
        assert_eq!(info.samples, u64::from(seconds) * 6000);
        assert_eq!(info.warnings, []);
        peak
    };
    let (short, long) = (peak(10), peak(3600));
    assert!(
        long <= short + 1024,
        "{short} bytes for 10 s, {long} bytes for an hour"
    );
    assert!(long < 2 << 20, "{long} bytes");
}

/// Changes some bytes of `bytes`, in the header as often as anywhere, or cuts the end off, or both.
fn damage(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let mut below = |limit: usize| random.next_u32() as usize % limit;
    let kind = below(4);
    if kind < 2 {
        bytes.truncate(1 + below(bytes.len()));
    }
    let reach = if kind % 2 == 0 {
        bytes.len()
    } else {
        bytes.len().min(200)
    };
    for _ in 0..below(12) {
        let at = below(reach);
        bytes[at] = [0, 0xff, 0x7f, below(256) as u8][below(4)];
    }
}

#[test]
fn files_damaged_at_random_give_samples_or_an_error_and_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in intact().iter().enumerate() {
        let bytes = fs::read(fixture(name)).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(number as u64);
        for round in 0..25 {
            let mut bytes = bytes.clone();
            damage(&mut bytes, &mut random);
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let (result, peak) = measure(&path, 22_050);
            if let Ok(info) = result {
                assert!(info.samples > 0, "{name}, round {round}: silently empty");
            }
            assert!(peak < 64 << 20, "{name}, round {round}: {peak} bytes");
        }
    }
}

#[test]
fn absurd_claims_about_packets_set_no_memory_aside() {
    let folder = tempfile::tempdir().unwrap();
    // Where a header states how much a packet holds: frames in CAF, channels in AIFF.
    for (name, at, claim) in [
        ("caf.caf", 40, &[0x7c, 0, 0, 1][..]),
        ("aiff.aiff", 20, &[0x7f, 0xff]),
    ] {
        let mut bytes = fs::read(fixture(name)).unwrap();
        bytes[at..at + claim.len()].copy_from_slice(claim);
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (result, peak) = measure(&path, 22_050);
        let message = result.unwrap_err().to_string();
        assert!(message.contains("absurd header (packets of "), "{message}");
        assert!(peak < 4 << 20, "{name}: {peak} bytes");
    }
}
