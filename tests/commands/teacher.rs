//! A training with a teacher as a user runs it: another model's vectors in, a model out.

use std::path::{Path, PathBuf};

use gamaka::internals::model_file::Model;
use gamaka::internals::vectors::{Vectors, npz};
use serde_json::Value;

use crate::{CONFIG, command, fails, stderr, studio, succeeds, text};

/// The studio's configuration with a teacher.
fn config(folder: &Path, teacher: &str) -> PathBuf {
    let path = folder.join("config.toml");
    // Tables of the configuration come before those of its network.
    let text = CONFIG.replace("[network]", &format!("[teacher]\n{teacher}\n[network]"));
    std::fs::write(&path, text).unwrap();
    path
}

/// The vectors that the studio's model makes of its music.
fn vectors(folder: &Path, more: &[&str]) -> PathBuf {
    let (music, model) = (studio().music(), studio().model());
    let out = folder.join("vectors.npz");
    let mut words = vec!["embed", text(&music), "-m", text(&model), "-o", text(&out)];
    words.extend(more);
    succeeds(&words);
    out
}

fn train<'a>(vectors: &'a Path, config: &'a Path, out: &'a Path) -> Vec<&'a str> {
    static MUSIC: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let music = MUSIC.get_or_init(|| studio().music());
    vec![
        "train",
        text(music),
        "--teacher",
        text(vectors),
        "--config",
        text(config),
        "-o",
        text(out),
    ]
}

#[test]
fn a_models_vectors_teach_another_model_and_every_output_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (vectors, out) = (
        vectors(folder.path(), &[]),
        folder.path().join("m.safetensors"),
    );
    let log = folder.path().join("log.csv");
    let config = config(folder.path(), "batch = 8\nkeep_read_out = true");
    let mut words = train(&vectors, &config, &out);
    words.extend(["--json", "--log", text(&log), "--profile"]);
    let output = command(&words).output().unwrap();
    let notes = stderr(&output);
    assert!(output.status.success(), "{notes}");
    assert!(
        notes.contains("a teacher of 5 values") && notes.contains("8 a step"),
        "{notes}"
    );
    assert!(!notes.contains("exercises"), "{notes}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let validations = report["validations"].as_array().unwrap();
    assert_eq!(validations.len(), 3);
    let losses: Vec<f64> = validations
        .iter()
        .map(|v| v["teacher"]["loss"].as_f64().unwrap())
        .collect();
    let least = losses.iter().copied().fold(f64::MAX, f64::min);
    assert_eq!(report["best"]["teacher"]["loss"].as_f64(), Some(least));
    let rows = validations[0]["teacher"]["rows"].as_u64().unwrap();
    assert!(rows > 8, "{rows}");
    let kernels = report["kernels"].to_string();
    assert!(kernels.contains("prediction_loss"), "{kernels}");
    let table = std::fs::read_to_string(&log).unwrap();
    assert!(
        table.starts_with("episode,loss,cosine,gradient_norm,skipped\n"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 7);
    // The model is of the right shape, and is used like any other.
    let model = Model::load(&out).unwrap();
    let own = Model::load(&studio().model()).unwrap();
    assert_eq!(
        model.network.spec.layers.len(),
        own.network.spec.layers.len() + 1
    );
    let hash = Vectors::read(&vectors).unwrap().hash;
    assert_eq!(model.info.config.teacher.unwrap().blake3, hash);
    let again = folder.path().join("again.npz");
    let music = studio().music();
    succeeds(&["embed", text(&music), "-m", text(&out), "-o", text(&again)]);
    assert_eq!(Vectors::read(&again).unwrap().width, 5);
    succeeds(&["eval", text(&music), "--model", text(&out)]);
}

#[test]
fn paths_from_here_and_episodes_beside_the_teacher_and_what_validates_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "batch = 8\nepisode_weight = 1.0");
    let home = studio().music();
    let home = home.parent().unwrap();
    let npz = folder.path().join("v.npz");
    let out = folder.path().join("m.safetensors");
    let here = |words: &[&str]| {
        let output = command(words).current_dir(home).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    // Named from here, another way than the data set does.
    let model = studio().model();
    let paths = ["embed", "./music/a", "music/../music", "-m", text(&model)];
    here(&[&paths[..], &["-o", text(&npz)]].concat());
    let said = here(&[
        "train",
        "music",
        "--teacher",
        text(&npz),
        "--config",
        text(&config),
        "-o",
        text(&out),
    ]);
    assert!(!said.contains("not in the data"), "{said}");
    assert!(
        said.contains("the teacher's loss") && said.contains("exercises"),
        "{said}"
    );
    assert_eq!(Model::load(&out).unwrap().network.width(), 5);
}

#[test]
fn files_that_cannot_teach_are_refused_by_name_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.safetensors");
    let config = config(folder.path(), "batch = 8");
    let good = vectors(folder.path(), &[]);
    let refused = |vectors: &Path, words: &[&str]| {
        let said = fails(1, &train(vectors, &config, &out));
        let name = vectors.file_name().unwrap().to_str().unwrap();
        for word in [&[name], words].concat() {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(!out.exists());
    };
    refused(
        &folder.path().join("none.npz"),
        &["no such file", "gamaka embed"],
    );
    let csv = folder.path().join("table.npz");
    std::fs::write(&csv, "path,start_s\n").unwrap();
    refused(&csv, &["is no .npz file"]);
    let cut = folder.path().join("cut.npz");
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    refused(&cut, &["is no .npz file, or is damaged"]);
    // Whole files are no segments.
    let whole = folder.path().join("whole");
    std::fs::create_dir(&whole).unwrap();
    refused(
        &vectors(&whole, &["--per", "file"]),
        &["s long", "--segment"],
    );
    let write = |name: &str, path: &str, start: f64, value: f32| {
        let file = folder.path().join(name);
        let rows = [(path, [start, start + 0.37])];
        std::fs::write(&file, npz(&rows, 1, &[value]).unwrap()).unwrap();
        file
    };
    refused(
        &write("other.npz", "x.wav", 0.0, 0.0),
        &["none of its 1 path", "x.wav"],
    );
    refused(
        &write("nan.npz", "x.wav", 0.0, f32::NAN),
        &["row 0", "not finite"],
    );
    refused(
        &write("late.npz", "x.wav", f64::INFINITY, 0.0),
        &["row 0", "inf"],
    );

    // By default a step has more rows than there are.
    let bare = studio().config();
    let said = fails(1, &train(&good, &bare, &out));
    assert!(said.contains("fewer than the 64 of a step"), "{said}");
    // A configuration with a teacher wants one.
    let (music, toml) = (studio().music(), text(&config));
    let said = fails(
        1,
        &["train", text(&music), "--config", toml, "-o", text(&out)],
    );
    assert!(said.contains("--teacher"), "{said}");
    let compared = folder.path().join("compared");
    let said = fails(
        1,
        &[
            "ablate",
            text(&music),
            "--config",
            toml,
            "-o",
            text(&compared),
        ],
    );
    assert!(said.contains("[teacher]"), "{said}");
    // The vectors are an input, and not written over.
    let said = fails(1, &train(&good, &config, &good));
    assert!(said.contains("vectors.npz"), "{said}");
    assert_eq!(std::fs::read(&good).unwrap(), bytes);
}
