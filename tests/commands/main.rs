//! The program as a user runs it: exit codes, messages, files. Needs an adapter for all but a few.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod ablate;
mod bad_input;
mod bench;
mod bundle;
mod data;
mod doctor;
mod eval;
mod explain;
mod export;
mod features;
mod genre;
mod golden;
mod gpu_script;
mod heard;
mod included;
mod interrupted;
mod library;
mod map;
mod mel;
mod model;
mod newcomer;
mod outputs;
mod prune;
mod quantize;
mod serve;
mod shards;
mod similar;
mod tag;
mod teacher;
mod tracks;
mod tune;
mod why;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The program, without the progress bars that a terminal would show.
fn gamaka(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gamaka"));
    command.args(arguments);
    // What was measured on the adapter of whoever runs the tests is not theirs.
    command.env(
        "GAMAKA_CACHE",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/nothing-was-tuned"),
    );
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Runs it, wants success, and gives its standard output.
fn succeeds(arguments: &[&str]) -> String {
    let output = gamaka(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {:?}\n{}",
        output.status,
        stderr(&output)
    );
    stdout(&output)
}

/// Runs it, wants exit code `code`, and gives its standard error, in which no panic may be.
fn fails(code: i32, arguments: &[&str]) -> String {
    let output = gamaka(arguments);
    // Windows writes paths with the other slash.
    let words = stderr(&output).replace('\\', "/");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    assert!(!words.contains("panicked"), "{arguments:?}: {words}");
    words
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/audio/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// Six made-up classes of files in every format, none twice.
const CLASSES: [(&str, [&str; 4]); 6] = [
    ("a", ["s16.wav", "flac.flac", "cbr.mp3", "vorbis.ogg"]),
    ("b", ["s24.wav", "flac.oga", "vbr.mp3", "aac.m4a"]),
    ("c", ["s32.wav", "flac.mkv", "untagged.mp3", "alac.m4a"]),
    ("d", ["f32.wav", "aiff.aiff", "mp2.mp2", "opus.opus"]),
    ("e", ["u8.wav", "caf.caf", "adts.aac", "vorbis.mkv"]),
    ("f", ["adpcm_ms.wav", "mulaw.wav", "film.mkv", "opus.webm"]),
];

/// Copies the classes into a folder of class folders.
fn copy_music(to: &Path) {
    for (class, files) in CLASSES {
        let home = to.join(class);
        std::fs::create_dir_all(&home).expect("a temporary folder can be written");
        for file in files {
            std::fs::copy(fixture(file), home.join(file)).expect("the fixture is there");
        }
    }
}

const CONFIG: &str = r#"
way = 2
shot = 1
query = 1
train_way = 2
train_shot = 1
train_query = 1
episodes = 6
validate_every = 3
validation_episodes = 10
segment_seconds = 0.4
hop_seconds = 0.4
[network]
name = "tiny"
[[network.layers]]
type = "pool"
kind = "mean"
kernel = [8, 2]
[[network.layers]]
type = "group_norm"
[[network.layers]]
type = "kan_conv"
channels = 4
kernel = 3
[[network.layers]]
type = "linear"
channels = 5
"#;

/// Music, a training configuration and a trained model, made once.
struct Studio {
    folder: tempfile::TempDir,
}

impl Studio {
    fn music(&self) -> PathBuf {
        self.folder.path().join("music")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("model.safetensors")
    }
}

fn studio() -> &'static Studio {
    static STUDIO: OnceLock<Studio> = OnceLock::new();
    STUDIO.get_or_init(|| {
        let studio = Studio {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        copy_music(&studio.music());
        std::fs::write(studio.config(), CONFIG).expect("a temporary folder can be written");
        let (music, config, model) = (studio.music(), studio.config(), studio.model());
        let said = succeeds(&[
            "train",
            text(&music),
            "-o",
            text(&model),
            "--config",
            text(&config),
        ]);
        assert!(said.contains("tiny with"), "{said}");
        studio
    })
}
