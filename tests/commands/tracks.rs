//! Training without labels, and with labelled music mixed in, as a user runs it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gamaka::internals::model_file::Model;

use crate::{fails, gamaka, stderr, stdout, studio, succeeds, text};

/// Writes a tone with a beat as a mono 16-bit WAV at 22,050 Hz; no two are alike.
pub(crate) fn write_track(path: &Path, number: u32, seconds: f32) {
    let (pitch, beat) = (
        200.0 * 1.2f32.powi(number as i32),
        2.0 + number as f32 * 0.7,
    );
    let sample = |k: u32| {
        let t = k as f32 / 22_050.0;
        let level = 12_000.0 * (-6.0 * (t * beat).fract()).exp();
        (level * (std::f32::consts::TAU * pitch * t).sin()) as i16
    };
    let data: Vec<u8> = (0..(seconds * 22_050.0) as u32)
        .flat_map(|k| sample(k).to_le_bytes())
        .collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((data.len() as u32 + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("a temporary folder can be written");
}

/// A library of four soundtracks of four tracks each, two of them for the test; one training track is too short, and one
/// is there twice. Two parts of two segments of 0.4 s with one between them need 2 s.
struct Library {
    folder: tempfile::TempDir,
}

impl Library {
    fn manifest(&self) -> PathBuf {
        self.folder.path().join("manifest.csv")
    }

    fn model(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Library {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let mut manifest = String::from("path,label,split\n");
        for number in 0..20u32 {
            let (soundtrack, split) = match number / 4 {
                0 => ("north", "train"),
                1 => ("south", "train"),
                2 => ("east", "validation"),
                3 => ("west", "test"),
                _ => ("home", "test"),
            };
            let name = format!("{soundtrack}/{number:02}.wav");
            let seconds = if number == 7 { 1.5 } else { 2.2 };
            write_track(&library.folder.path().join(&name), number, seconds);
            let _ = writeln!(manifest, "{name},{soundtrack},{split}");
        }
        let copy = library.folder.path().join("south/again.wav");
        std::fs::copy(library.folder.path().join("south/04.wav"), copy).expect("it is there");
        manifest.push_str("south/again.wav,south,train\n");
        std::fs::write(library.manifest(), manifest).expect("a temporary folder can be written");
        library
    })
}

fn train<'a>(data: &'a Path, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    static CONFIG: OnceLock<PathBuf> = OnceLock::new();
    let config = CONFIG.get_or_init(|| studio().config());
    let mut arguments = vec![
        "train",
        text(data),
        "-o",
        text(out),
        "--config",
        text(config),
    ];
    arguments.extend(more);
    arguments
}

#[test]
fn a_library_without_labels_trains_and_is_evaluated_by_labels_it_never_saw() {
    let (manifest, out) = (library().manifest(), library().model("tracks.safetensors"));
    let output = gamaka(&train(&manifest, &out, &["--labels", "track"]));
    let words = stderr(&output);
    assert!(output.status.success(), "{words}");
    for word in [
        "1 files are copies of others and count as the same track",
        "left out: 1 track is shorter than 2 s, too short for 2 parts",
        "7 tracks in 2 parts each to train; 4 tracks in 2 parts each to validate",
        "on parts of the validation tracks",
    ] {
        assert!(words.contains(word), "no `{word}` in: {words}");
    }
    assert!(stdout(&output).contains("labels that several files share"));
    let output = gamaka(&[
        "eval",
        text(&manifest),
        "--model",
        text(&out),
        "--episodes",
        "20",
    ]);
    let (said, words) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{words}");
    assert!(
        said.contains("2 classes, 8 files") && said.contains("west"),
        "{said}"
    );
    assert!(!words.contains("label"), "{words}");
}

#[test]
fn a_mixed_training_says_what_it_mixes_and_is_evaluated_on_both() {
    let (manifest, out) = (library().manifest(), library().model("mixed.safetensors"));
    let music = studio().music();
    let more = [
        "--labels",
        "track",
        "--mix",
        text(&music),
        "--mix-share",
        "0.5",
    ];
    let output = gamaka(&train(&manifest, &out, &more));
    let words = stderr(&output);
    assert!(output.status.success(), "{words}");
    for word in [
        "7 tracks in 2 parts each and 2 classes, 8 files to train; 2 classes, 8 files to validate",
        "the validation files of the collection mixed in",
    ] {
        assert!(words.contains(word), "no `{word}` in: {words}");
    }
    assert_eq!(Model::load(&out).unwrap().info.split.files.len(), 21 + 24);
    for data in [&manifest, &music] {
        let said = succeeds(&[
            "eval",
            text(data),
            "--model",
            text(&out),
            "--episodes",
            "20",
        ]);
        assert!(said.contains("2 classes, 8 files"), "{said}");
    }
    let more = [&more[..], &["--validate-on", "data"]].concat();
    let output = gamaka(&train(&manifest, &out, &more));
    assert!(stderr(&output).contains("4 tracks in 2 parts each to validate"));
}

#[test]
fn a_training_with_altered_copies_says_how_many_and_refuses_what_it_does_not_know() {
    let (manifest, out) = (library().manifest(), library().model("altered.safetensors"));
    let tracks = ["--labels", "track", "--shift", "hum,level"];
    let output = gamaka(&train(&manifest, &out, &tracks));
    let words = stderr(&output);
    assert!(output.status.success(), "{words}");
    let word = "7 tracks in 2 parts each with 28 altered copies to train";
    assert!(words.contains(word), "no `{word}` in: {words}");
    let model = Model::load(&out).unwrap();
    assert!(model.info.config.shifts.is_some());

    let none = library().model("unaltered.safetensors");
    let says = |code, more: &[&str], word: &str| {
        let said = fails(code, &train(&manifest, &none, more));
        assert!(said.contains(word), "no `{word}` in: {said}");
        assert!(!none.exists());
    };
    says(2, &["--shift", "hum,studio"], "`studio` is no shift");
    let wrong = library().folder.path().join("wrong.toml");
    for (shifts, word) in [
        ("kinds = [\"studio\"]", "unknown variant `studio`"),
        ("share = 0.5", "shifts.kinds is empty"),
        (
            "kinds = [\"hum\"]\ncopies = 0",
            "shifts.copies is 0, but must be 1 to 64",
        ),
        (
            "kinds = [\"hum\"]\nshare = -0.1",
            "shifts.share is -0.1, but must be between 0 and 1",
        ),
    ] {
        std::fs::write(&wrong, format!("[shifts]\n{shifts}\n")).unwrap();
        let arguments = [
            "train",
            text(&manifest),
            "-o",
            text(&none),
            "--config",
            text(&wrong),
        ];
        let said = fails(1, &arguments);
        assert!(said.contains(word), "no `{word}` in: {said}");
        assert!(!none.exists());
    }
}

#[test]
fn what_tracks_cannot_do_is_said_in_a_sentence() {
    let (manifest, out) = (library().manifest(), library().model("none.safetensors"));
    let tracks = ["--labels", "track"];
    let says = |code, more: &[&str], word: &str| {
        let said = fails(code, &train(&manifest, &out, &[&tracks[..], more].concat()));
        assert!(said.contains(word), "no `{word}` in: {said}");
        assert!(!out.exists());
    };
    says(
        1,
        &["--protocol", "seen-classes"],
        "--protocol novel-classes",
    );
    says(
        1,
        &["--way", "5"],
        "5-way episodes need 5 classes and there are 4",
    );
    says(
        1,
        &["--segment", "0.6"],
        "0 of 13 that were heard are as long",
    );
    says(1, &["--mix", "nowhere"], "nowhere does not exist");
    says(2, &["--mix-share", "0.5"], "--mix");
    says(
        2,
        &["--mix", "x", "--validate-on", "both"],
        "choose data or mix",
    );
    let music = studio().music();
    says(
        2,
        &["--mix", text(&music), "--mix-share", "2"],
        "--mix-share",
    );

    // The same library as test and as training files.
    let root = library().folder.path();
    let turned = root.join("turned.csv");
    let rows = std::fs::read_to_string(&manifest).unwrap();
    let rows: String = rows
        .lines()
        .filter(|r| !r.ends_with("validation"))
        .map(|r| format!("{r}\n"))
        .collect();
    let rows = rows
        .replace("train", "x")
        .replace("test", "train")
        .replace(",x\n", ",test\n");
    std::fs::write(&turned, rows).unwrap();
    let shape = ["--shot", "1", "--query", "1"];
    says(
        1,
        &[&["--mix", text(&turned)], &shape[..]].concat(),
        "is in both collections",
    );

    for command in [
        vec![
            "eval",
            text(&manifest),
            "--model",
            text(&studio().model()),
            "--labels",
            "track",
        ],
        vec![
            "ablate",
            text(&manifest),
            "-o",
            text(&root.join("grid")),
            "--labels",
            "track",
        ],
    ] {
        let said = fails(1, &command);
        assert!(said.contains("every file is a class of its own"), "{said}");
    }
    let empty = tempfile::tempdir().unwrap();
    let said = fails(1, &train(empty.path(), &out, &tracks));
    assert!(said.contains("holds no audio file"), "{said}");
    let few = tempfile::tempdir().unwrap();
    for number in 0..5 {
        write_track(&few.path().join(format!("{number}.wav")), number, 0.5);
    }
    let said = fails(1, &train(few.path(), &out, &tracks));
    assert!(
        said.contains("there are 5 tracks") && said.contains("add tracks"),
        "{said}"
    );
}
