//! One libFuzzer target; which one is the binary's name.
#![no_main]

#[allow(dead_code, reason = "libFuzzer brings its own inputs")]
#[path = "../tests/fuzz/targets/mod.rs"]
mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use targets::{TARGETS, Target};
use tempfile::TempDir;

static SCRATCH: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    TARGETS
        .iter()
        .find(|target| target.name == env!("CARGO_BIN_NAME"))
        .expect("a target of this name")
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    (TARGET.read)(SCRATCH.path(), bytes);
    Corpus::Keep
});
