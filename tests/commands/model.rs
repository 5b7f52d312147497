//! `gamaka train`, `eval`, `embed` and `classify` on files of every format.

use std::path::Path;

use gamaka::internals::evaluate::HeadChoice;
use gamaka::internals::model_file::{Model, ModelInfo};
use gamaka::internals::vectors::Vectors;
use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;
use serde_json::Value;

use crate::{CLASSES, fails, fixture, gamaka, stderr, stdout, studio, succeeds, text};

#[test]
fn eval_prints_intervals_floors_and_differences() {
    let (music, model) = (studio().music(), studio().model());
    let shape = [
        "--way",
        "2",
        "--shot",
        "1",
        "--query",
        "1",
        "--episodes",
        "50",
    ];
    let mut arguments = vec!["eval", text(&music), "--model", text(&model)];
    arguments.extend(shape);
    let words = succeeds(&arguments);
    for part in [
        "2-way 1-shot",
        "over files",
        "over episodes",
        "untrained network",
        "MFCC, nearest centroid",
        "MFCC, linear probe",
        "less MFCC, nearest centroid",
        "less MFCC, linear probe",
        "head: auto",
        "by class",
    ] {
        assert!(words.contains(part), "{part} is missing:\n{words}");
    }
    arguments.extend(["--json", "--quiet"]);
    let output = gamaka(&arguments);
    assert_eq!(stderr(&output), "");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let systems = report["result"]["systems"].as_array().unwrap();
    assert_eq!(systems.len(), 4);
    for system in systems {
        let accuracy = system["accuracy"]["mean"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&accuracy));
        let counted: u64 = system["confusion"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|r| r.as_array().unwrap())
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert_eq!(counted, 100, "every query of every episode");
    }
    assert_eq!(report["result"]["differences"].as_array().unwrap().len(), 3);
    // Two classes of the six are kept for the test.
    assert_eq!(report["files_used"], 8);
    // The same seed, the same words.
    assert_eq!(stdout(&gamaka(&arguments)), stdout(&output));
}

#[test]
fn eval_classifies_with_any_head() {
    let folder = tempfile::tempdir().unwrap();
    let music = studio().music();
    let mut model = Model::load(&studio().model()).unwrap();
    let [with, without] = ["with", "without"].map(|name| folder.path().join(name));
    model.info.centre = Vec::new();
    model.info.spread = Vec::new();
    model.info.calibration = None;
    // Older versions wrote no centre.
    let mut older = serde_json::to_value(&model.info).unwrap();
    for name in ["centre", "spread", "calibration"] {
        older.as_object_mut().unwrap().remove(name).unwrap();
    }
    assert_eq!(
        serde_json::from_value::<ModelInfo>(older).unwrap(),
        model.info
    );
    model.save(&without).unwrap();
    model.info.centre = vec![0.25; model.network.width()];
    model.info.spread = vec![2.0; model.network.width()];
    model.save(&with).unwrap();
    let of = |head, model| {
        [
            "eval",
            text(&music),
            "--model",
            text(model),
            "--episodes",
            "20",
            "--json",
            "--quiet",
            "--head",
            head,
        ]
    };
    let results = HeadChoice::ALL.map(|head| {
        let report: Value = serde_json::from_str(&succeeds(&of(head.name(), &with))).unwrap();
        assert_eq!(report["result"]["head"], head.name());
        report["result"].clone()
    });
    // The small network was trained for prototypes.
    assert_eq!(results[0]["systems"], results[1]["systems"]);
    let untrained = |result: &Value| result["systems"][1].clone();
    assert_eq!(
        untrained(&results[2])["name"],
        "untrained network, prototypes"
    );
    assert_eq!(
        untrained(&results[2])["accuracy"],
        untrained(&results[1])["accuracy"]
    );

    assert_eq!(untrained(&results[3]), untrained(&results[2]));
    for head in ["simpleshot", "cosine"] {
        let said = fails(1, &of(head, &without));
        assert!(said.contains("train it anew"), "{said}");
    }
    let said = fails(2, &of("forest", &with));
    assert!(
        said.contains("auto, prototype, simpleshot, cosine, whitened, linear-probe, gradient"),
        "{said}"
    );
}

#[test]
fn eval_on_all_files_says_that_most_were_trained_on() {
    let (music, model) = (studio().music(), studio().model());
    let output = gamaka(&[
        "eval",
        text(&music),
        "-m",
        text(&model),
        "--split",
        "all",
        "--way",
        "3",
        "--shot",
        "1",
        "--query",
        "1",
        "--episodes",
        "20",
    ]);
    assert!(output.status.success());
    assert!(
        stderr(&output).contains("16 of these files trained or validated"),
        "{}",
        stderr(&output)
    );
    // By default the task is the one that the model was trained for.
    let task = succeeds(&["eval", text(&music), "-m", text(&model)]);
    assert!(task.contains("2-way 1-shot"), "{task}");
    assert!(task.contains("confusion in %"), "{task}");
    let said = fails(1, &["eval", text(&music), "-m", text(&model), "--way", "5"]);
    assert!(
        said.contains("5-way episodes need 5 classes and there are 2")
            && said.ends_with("--way 2\n"),
        "{said}"
    );
}

#[test]
fn eval_on_other_music_asks_about_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["x", "y"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for file in ["f64.wav", "silk.opus"] {
            let mut bytes = std::fs::read(fixture(file)).unwrap();
            // No two files are the same.
            bytes.extend(class.as_bytes());
            std::fs::write(folder.path().join(class).join(file), bytes).unwrap();
        }
    }
    let model = studio().model();
    let ask = ["eval", text(folder.path()), "-m", text(&model), "--json"];
    let small = ["--way", "2", "--shot", "1", "--query", "1"];
    let document: Value = serde_json::from_str(&succeeds(&[&ask[..], &small].concat())).unwrap();
    assert_eq!(document["files_used"], 4, "{document}");
    let test = [&ask[..], &small, &["--split", "test"]].concat();
    assert!(fails(1, &test).contains("--split all"));
}

fn rows(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn embeddings_are_the_same_in_every_format_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (music, model) = (studio().music(), studio().model());
    let (jsonl, csv, npz) = (
        folder.path().join("e.jsonl"),
        folder.path().join("e.csv"),
        folder.path().join("e.npz"),
    );
    for out in [&jsonl, &csv, &npz] {
        succeeds(&["embed", text(&music), "-m", text(&model), "-o", text(out)]);
    }
    let lines = rows(&jsonl);
    let files: usize = CLASSES.iter().map(|(_, f)| f.len()).sum();
    let mut paths: Vec<&str> = lines.iter().map(|r| r["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted());
    paths.dedup();
    assert_eq!(paths.len(), files);
    // 1.2 s in segments of 0.37 s: three of them, one after the other.
    let first: Vec<&Value> = lines.iter().filter(|r| r["path"] == paths[0]).collect();
    assert_eq!(first.len(), 3);
    assert_eq!(first[0]["start_s"], 0.0);
    assert_eq!(first[1]["start_s"], first[0]["end_s"]);

    let table = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(table.lines().count(), lines.len() + 1);
    assert!(table.starts_with("path,start_s,end_s,e0,e1,e2,e3,e4\n"));
    let mut arrays = NpzReader::new(std::fs::File::open(&npz).unwrap()).unwrap();
    let embedding: Array2<f32> = arrays.by_name("embedding").unwrap();
    let starts: Array1<f64> = arrays.by_name("start_s").unwrap();
    let read = Vectors::read(&npz).unwrap();
    let names: Vec<&str> = read
        .rows
        .iter()
        .map(|r| read.paths[r.path].as_str())
        .collect();
    assert_eq!(
        (embedding.nrows(), starts.len(), names.len()),
        (lines.len(), lines.len(), lines.len())
    );
    for (k, line) in lines.iter().enumerate() {
        assert_eq!(line["path"], names[k]);
        assert_eq!(line["end_s"].as_f64().unwrap(), read.rows[k].end_s);
        for j in 0..5 {
            assert_eq!(
                line["embedding"][j].as_f64().unwrap() as f32,
                embedding[[k, j]]
            );
        }
    }
}

#[test]
fn a_file_embedding_is_the_mean_of_its_segments() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    let file = fixture("s16.wav");
    let (segments, whole) = (folder.path().join("s.jsonl"), folder.path().join("f.jsonl"));
    succeeds(&["embed", &file, "-m", text(&model), "-o", text(&segments)]);
    succeeds(&[
        "embed",
        &file,
        "-m",
        text(&model),
        "-o",
        text(&whole),
        "--per",
        "file",
    ]);
    let (segments, whole) = (rows(&segments), rows(&whole));
    assert_eq!(whole.len(), 1);
    for j in 0..5 {
        let mean = segments
            .iter()
            .map(|r| r["embedding"][j].as_f64().unwrap())
            .sum::<f64>()
            / segments.len() as f64;
        assert!((whole[0]["embedding"][j].as_f64().unwrap() - mean).abs() < 1e-5);
    }
}

#[test]
fn failed_files_are_listed_and_cost_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    let (out, errors) = (
        folder.path().join("e.jsonl"),
        folder.path().join("errors.txt"),
    );
    let files = [
        fixture("s16.wav"),
        fixture("bad/nan.wav"),
        fixture("bad/page.mp3"),
        fixture("cbr.mp3"),
    ];
    let mut arguments = vec!["embed"];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend([
        "-m",
        text(&model),
        "-o",
        text(&out),
        "--per",
        "file",
        "--errors",
        text(&errors),
    ]);
    let output = gamaka(&arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "some failed: done, with a list"
    );
    assert!(
        stderr(&output).contains("2 of 4 files failed"),
        "{}",
        stderr(&output)
    );
    assert_eq!(rows(&out).len(), 2);
    let listed = std::fs::read_to_string(&errors).unwrap();
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.lines().all(|l| l.contains('\t')), "{listed}");
    assert!(listed.contains("nan.wav") && listed.contains("page.mp3"));

    arguments.push("--strict");
    assert_eq!(gamaka(&arguments).status.code(), Some(1));
    let said = fails(
        1,
        &[
            "embed",
            &fixture("bad/nan.wav"),
            "-m",
            text(&model),
            "-o",
            text(&out),
        ],
    );
    assert!(said.contains("1 of 1 file failed"), "{said}");
}

#[test]
fn classify_ranks_all_genres_for_every_format_with_reasons() {
    let (music, model) = (studio().music(), studio().model());
    let files: Vec<String> = ["f64.wav", "flac.flac", "vbr.mp3", "vorbis.ogg", "aac.m4a"]
        .map(fixture)
        .to_vec();
    let mut arguments = vec!["classify"];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(["--examples", text(&music), "--model", text(&model)]);
    let output = gamaka(&arguments);
    let words = stdout(&output);
    assert_eq!(words.matches("    like ").count(), 15, "{words}");
    // Four of the five are copies of examples.
    assert_eq!(
        stderr(&output)
            .matches("is itself among the examples")
            .count(),
        4
    );
    arguments.push("--json");
    let report: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    let answers = report["files"].as_array().unwrap();
    assert_eq!(answers.len(), 5);
    for answer in answers {
        let ranked = answer["ranked"].as_array().unwrap();
        assert_eq!(ranked.len(), 6);
        let sum: f64 = ranked
            .iter()
            .map(|r| r["probability"].as_f64().unwrap())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert!(
            ranked
                .windows(2)
                .all(|w| w[0]["distance"].as_f64() <= w[1]["distance"].as_f64())
        );
        assert_eq!(answer["nearest"].as_array().unwrap().len(), 3);
    }
    // A copy of an example lies on that example.
    let copy = answers
        .iter()
        .find(|a| a["path"].as_str().unwrap().ends_with("flac.flac"))
        .unwrap();
    assert_eq!(copy["nearest"][0]["distance"], 0.0);
    assert_eq!(copy["nearest"][0]["genre"], "a");
}

#[test]
fn training_by_the_seen_classes_protocol_and_by_manifest_works() {
    let folder = tempfile::tempdir().unwrap();
    let (music, config) = (studio().music(), studio().config());
    let out = folder.path().join("m.safetensors");
    let manifest = folder.path().join("list.csv");
    let mut lines = String::from("path,label\n");
    for (k, (class, files)) in CLASSES.iter().enumerate() {
        for file in files {
            // Three classes of eight files.
            lines.push_str(&format!(
                "{},{}\n",
                music.join(class).join(file).display(),
                k / 2
            ));
        }
    }
    std::fs::write(&manifest, lines).unwrap();
    let said = succeeds(&[
        "train",
        text(&manifest),
        "-o",
        text(&out),
        "--config",
        text(&config),
        "--protocol",
        "seen-classes",
        "--episodes",
        "2",
    ]);
    assert!(said.contains("2 episodes"), "{said}");
    let mut lines = String::from("path,label,split,group\n");
    for (k, (class, files)) in CLASSES.iter().enumerate() {
        let part = ["train", "train", "validation", "validation", "test", "test"][k];
        for (j, file) in files.iter().enumerate() {
            lines.push_str(&format!(
                "{},{class},{part},{class}{j}\n",
                music.join(class).join(file).display()
            ));
        }
    }
    std::fs::write(&manifest, lines).unwrap();
    let log = folder.path().join("log.csv");
    let report = succeeds(&[
        "train",
        text(&manifest),
        "-o",
        text(&out),
        "--config",
        text(&config),
        "--log",
        text(&log),
        "--json",
        "-q",
    ]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["episodes"], 6);
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 7);
    let shape = [
        "--way",
        "2",
        "--shot",
        "1",
        "--query",
        "1",
        "--episodes",
        "10",
        "--json",
    ];
    let mut arguments = vec!["eval", text(&manifest), "-m", text(&out)];
    arguments.extend(shape);
    let report: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    assert_eq!(report["result"]["classes"], serde_json::json!(["e", "f"]));
}

#[test]
fn train_writes_half_precision_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (music, config) = (studio().music(), studio().config());
    let half = folder.path().join("half");
    let arguments = ["train", text(&music), "-o", text(&half)];
    succeeds(&[&arguments[..], &["--config", text(&config), "--half"]].concat());
    // The same training as the studio's, rounded.
    let whole = Model::load(&studio().model()).unwrap();
    let rounded = whole.in_half_precision().unwrap();
    assert!(Model::load(&half).unwrap() == rounded && rounded != whole);
    let report = ["eval", text(&music), "-m", text(&half), "--episodes", "20"];
    assert!(succeeds(&report).contains("tiny"));
}

#[test]
fn train_goes_on_from_a_model_and_refuses_to_judge_it_by_what_it_learned() {
    let folder = tempfile::tempdir().unwrap();
    let (music, config, model) = (studio().music(), studio().config(), studio().model());
    let out = folder.path().join("further.safetensors");
    let mut arguments = vec!["train", text(&music), "-o", text(&out)];
    arguments.extend(["--config", text(&config), "--from", text(&model)]);
    let output = gamaka(&arguments);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    // Nobody takes what it started from for an untrained network.
    assert!(!said.contains("untrained network"), "{said}");
    assert!(said.contains("the model that it started from"), "{said}");
    let (first, further) = (Model::load(&model).unwrap(), Model::load(&out).unwrap());
    assert_eq!(first.info.split, further.info.split);
    assert_eq!(
        further.info.config.from.map(|hash| hash.len()),
        Some(64),
        "a BLAKE3 of the model"
    );

    let other = folder.path().join("other.safetensors");
    let of = |from: &str, more: &[&str]| {
        let mut arguments = vec!["train", text(&music), "-o", text(&other)];
        arguments.extend(["--config", text(&config), "--from", from]);
        arguments.extend(more);
        arguments.join("\n")
    };
    for (from, more, code, words) in [
        (
            text(&model),
            &["--seed", "9"][..],
            1,
            "trained the model to start from",
        ),
        ("none.safetensors", &[], 1, "none.safetensors"),
        (text(&config), &[], 1, "config"),
        (
            text(&model),
            &["--network", "conv"],
            2,
            "cannot be used with",
        ),
    ] {
        let arguments = of(from, more);
        let said = fails(code, &arguments.split('\n').collect::<Vec<_>>());
        assert!(said.contains(words), "{said}");
        assert!(!other.exists());
    }
    let said = fails(
        1,
        &[
            "train",
            text(&music),
            "-o",
            text(&model),
            "--from",
            text(&model),
        ],
    );
    assert!(said.contains("model"), "{said}");
    assert!(Model::load(&model).unwrap() == first);
}
