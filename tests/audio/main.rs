//! Audio files of many formats and in many kinds of disrepair, decoded through the public interface.
//! The files are made by `tests/fixtures/make_audio.sh` with other people's encoders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod bad_input;
mod containers;
mod find;
mod formats;
mod limits;
mod parts;

use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/audio")
        .join(name)
}

/// The names of all intact fixtures, sorted.
fn intact() -> Vec<String> {
    let entries = std::fs::read_dir(fixture(""))
        .unwrap()
        .map(|entry| entry.unwrap());
    let mut names: Vec<String> = entries
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 20, "the fixtures are gone: {names:?}");
    names
}
