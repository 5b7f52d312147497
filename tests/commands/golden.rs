//! The figures that commands print, kept from a version before: whatever is rebuilt, they stay the same to the last
//! digit. Models, a checkpoint and a comparison's cells of that version must load too.
//!
//! `GAMAKA_GOLDEN=write cargo test --features internals --test commands golden` keeps today's words and figures instead, for a change that
//! means to move them: read the difference before it is committed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::command;

const CLASSES: [&str; 10] = [
    "afro_cuban",
    "bolero",
    "cha_cha",
    "folk",
    "house",
    "march",
    "ragtime",
    "salsa",
    "soul",
    "trance",
];
const FILES: usize = 6;

const DATA: &str = "music/manifest.csv";
const TINY: [&str; 2] = ["--model", "tiny.safetensors"];
/// Episodes of all files, without regard to what trained the model: what matters is that the figures stay.
const ALL: [&str; 10] = [
    "--split",
    "all",
    "--way",
    "3",
    "--shot",
    "2",
    "--query",
    "2",
    "--episodes",
    "60",
];
/// Episodes that the three classes of the model's test part allow.
const TEST: [&str; 8] = [
    "--way",
    "2",
    "--shot",
    "2",
    "--query",
    "2",
    "--episodes",
    "60",
];

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden")
}

/// A folder with music of the corpus, its manifest, and the models of the version before. Commands run in it, so that
/// no path of a machine is in what they print.
fn scene() -> &'static Path {
    static SCENE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = SCENE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/corpus");
        let music = folder.path().join("music");
        let mut manifest = String::from("path,label,soundfont,labels\n");
        let mut rows = csv::Reader::from_path(corpus.join("manifest.csv")).unwrap();
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        for class in CLASSES {
            std::fs::create_dir_all(music.join(class)).unwrap();
            for row in rows.iter().filter(|row| &row[1] == class).take(FILES) {
                let (path, soundfont) = (&row[0], &row[8]);
                std::fs::copy(corpus.join(path), music.join(path)).unwrap();
                let labels = format!("{};{soundfont}", &class[..1]);
                manifest += &format!("{path},{class},{soundfont},{labels}\n");
            }
        }
        std::fs::write(music.join("manifest.csv"), manifest).unwrap();
        for file in [
            "tiny.safetensors",
            "maml.safetensors",
            "tiny.toml",
            "small-kan.toml",
            "small-mlp.toml",
            "resumed.toml",
            "resumed.safetensors.checkpoint",
        ] {
            std::fs::copy(kept().join(file), folder.path().join(file)).unwrap();
        }
        folder
    });
    folder.path()
}

/// What the command prints on standard output in the scene.
fn prints(arguments: &[&str]) -> String {
    let output = command(arguments).current_dir(scene()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn writes() -> bool {
    std::env::var("GAMAKA_GOLDEN").is_ok_and(|word| word == "write")
}

/// The text kept under this name; today's, after keeping it, if asked to.
fn expected(name: &str, today: &str) -> String {
    let path = kept().join("expected").join(name);
    if writes() {
        std::fs::write(&path, today).unwrap();
    }
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .replace("\r\n", "\n")
}

fn same_words(name: &str, today: &str) {
    let before = expected(&format!("{name}.txt"), today);
    assert!(before == today, "{name} was\n{before}\nand is\n{today}");
}

/// Figures of counts are the same; sums of many devices' roundings (distances, vectors) are near.
fn same_figures(name: &str, today: &Value) {
    near_figures(name, today, 1e-3);
}

/// The same up to a part of a figure, or of 1 if that is more.
fn near_figures(name: &str, today: &Value, near: f64) {
    let before = expected(&format!("{name}.json"), &today.to_string());
    let before: Value = serde_json::from_str(&before).unwrap();
    let mut other = Vec::new();
    differences(&before, today, near, name, &mut other);
    assert!(other.is_empty(), "{}", other.join("\n"));
}

fn differences(before: &Value, today: &Value, near: f64, at: &str, found: &mut Vec<String>) {
    match (before, today) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (key, value) in a {
                differences(value, &b[key], near, &format!("{at}.{key}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, near, &format!("{at}[{place}]"), found);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            if (a - b).abs() > near * a.abs().max(1.0) {
                found.push(format!("{at} was {a} and is {b}"));
            }
        }
        _ if before == today => {}
        _ => found.push(format!("{at} was {before} and is {today}")),
    }
}

/// The words, and the same figures as JSON.
fn stays(name: &str, arguments: &[&str]) {
    let quiet = [arguments, &["--quiet"]].concat();
    same_words(name, &prints(&quiet));
    let json = prints(&[&quiet[..], &["--json"]].concat());
    same_figures(name, &serde_json::from_str(&json).unwrap());
}

#[test]
fn golden_eval() {
    let eval = |name: &str, parts: &[&[&str]]| {
        stays(name, &[&["eval", DATA], &parts.concat()[..]].concat())
    };
    let heads = [
        "prototype",
        "simpleshot",
        "cosine",
        "whitened",
        "linear-probe",
        "gradient",
    ];
    for head in heads {
        eval(&format!("head-{head}"), &[&TINY, &ALL, &["--head", head]]);
    }
    eval("test-part", &[&TINY, &TEST]);
    let one = [
        "--split", "all", "--way", "5", "--shot", "1", "--query", "2",
    ];
    eval("one-shot", &[&TINY, &one, &["--episodes", "60"]]);
    eval("labels", &[&TINY, &ALL, &["--labels", "soundfont"]]);
    eval("open", &[&TINY, &ALL, &["--open"]]);
    eval("multi-label", &[&TINY, &ALL, &["--multi-label"]]);
    eval("by", &[&TINY, &ALL, &["--by", "soundfont"]]);
    let maml = ["--model", "maml.safetensors"];
    eval("adapt", &[&maml, &ALL, &["--adapt", "20"]]);
    eval("several", &[&TINY, &maml, &TEST]);
    eval("shift", &[&TINY, &ALL, &["--shift", "hum"]]);
    // An encoder decides by roundings, which are other processors' own: an answer or two of hundreds are others.
    let codec = ["--shift", "hum,codec", "--quiet", "--json"];
    let codec = prints(&[&["eval", DATA], &TINY[..], &ALL, &codec].concat());
    near_figures("codec", &serde_json::from_str(&codec).unwrap(), 0.02);
    let against = ["--against", "maml.safetensors", "--shift", "hum"];
    eval("against", &[&TINY, &ALL, &against]);
    let from = ["--support-from", DATA, "--query-from", DATA];
    stays("between", &[&["eval"], &TINY[..], &from, &TEST].concat());
}

#[test]
fn golden_included_model() {
    stays(
        "included",
        &["eval", DATA, "--split", "all", "--episodes", "60"],
    );
    let song = "music/folk/folk-000.ogg";
    stays("classify", &["classify", song, "--examples", "music"]);
    for per in ["file", "segment"] {
        let out = format!("{per}.jsonl");
        prints(&["embed", "music/soul", "-o", &out, "--per", per, "--quiet"]);
        let rows = std::fs::read_to_string(scene().join(&out)).unwrap();
        let rows = rows.lines().map(|row| serde_json::from_str(row).unwrap());
        same_figures(&format!("embed-{per}"), &Value::Array(rows.collect()));
    }
}

#[test]
fn golden_comparison_of_cells_that_a_version_before_trained() {
    let cells = scene().join("comparison/cells");
    std::fs::create_dir_all(&cells).unwrap();
    for file in std::fs::read_dir(kept().join("cells")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), cells.join(file.file_name())).unwrap();
    }
    let mut arguments = vec!["ablate", DATA, "-o", "comparison", "--config", "tiny.toml"];
    arguments.extend(["--models", "small-kan.toml,small-mlp.toml"]);
    arguments.extend(["--learners", "prototype,anil", "--focus", "small-kan"]);
    arguments.extend(["--seeds", "2", "--learner-seeds", "1", "--rates", "1e-2"]);
    arguments.extend(["--test-episodes", "40", "--near", "folk/soul,house/trance"]);
    arguments.push("--quiet");
    same_words("ablate", &prints(&arguments));
    let read = |name| std::fs::read_to_string(scene().join("comparison").join(name)).unwrap();
    same_words("accuracies", &read("accuracies.csv"));
    let findings = serde_json::from_str(&read("findings.json")).unwrap();
    same_figures("findings", &findings);
}

#[test]
fn a_training_of_a_version_before_goes_on() {
    let out = "resumed.safetensors";
    let arguments = [
        "train",
        DATA,
        "-o",
        out,
        "--config",
        "resumed.toml",
        "--resume",
    ];
    let output = command(&arguments).current_dir(scene()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("going on after episode 50"), "{said}");
    assert!(scene().join(out).is_file());
}
