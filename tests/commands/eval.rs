//! `gamaka eval` on altered recordings, between collections, on unseen classes.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{CLASSES, copy_music, fails, studio, succeeds, text};

/// Episodes that six files a class allow, few of them.
const SHAPE: [&str; 8] = [
    "--way",
    "2",
    "--shot",
    "1",
    "--query",
    "1",
    "--episodes",
    "20",
];

#[test]
fn eval_compares_altered_queries_with_clean_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (music, model) = (studio().music(), studio().model());
    let pictures = folder.path().join("new/pictures");
    let mut arguments = vec!["eval", text(&music), "-m", text(&model)];
    arguments.extend(SHAPE);
    arguments.extend(["--shift", "live,codec,pitch", "-o", text(&pictures)]);
    let words = succeeds(&arguments);
    for part in [
        "supports clean, queries altered",
        "clean",
        "reverb    0.3 s",
        "crowd     20 dB",
        "pa        +3 dB",
        "codec     32 kbit/s",
        "6 kbit/s",
        "−4 semitones",
        "less clean",
        "MFCC",
    ] {
        assert!(words.contains(part), "{part} is missing:\n{words}");
    }
    // The strength stands under the strength, and chance in each part of a table that is wider than a terminal.
    let name = |line: &&str| line.starts_with("reverb    ");
    let first = words.lines().position(|line| name(&line)).unwrap();
    let next = words.lines().nth(first + 1).unwrap();
    assert!(next.starts_with("          0.8 s"), "{words}");
    let chance = words.lines().filter(|line| line.starts_with("chance"));
    let figures: usize = chance.map(|line| line.matches("50.0").count()).sum();
    assert_eq!(figures, 2, "{words}");
    let picture = std::fs::read_to_string(pictures.join("shift.svg")).unwrap();
    assert!(picture.contains("live: reverb") && picture.contains("amateur: codec"));

    arguments.extend(["--json", "--quiet"]);
    let report: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    let report = &report["shift"];
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5 * 4);
    for row in rows {
        for (system, clean) in [("network", "network_clean"), ("mfcc", "mfcc_clean")] {
            let mean = |value: &Value| value["mean"].as_f64().unwrap();
            let lost = mean(&row[system]["accuracy"]) - mean(&report[clean]);
            assert!(
                (lost - mean(&row[system]["less_clean"])).abs() < 1e-9,
                "{row}"
            );
        }
    }
    // The same seed, the same rooms.
    let again: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    assert_eq!(&again["shift"], report);
}

#[test]
fn eval_compares_two_models_on_the_same_altered_queries() {
    let folder = tempfile::tempdir().unwrap();
    let (music, model) = (studio().music(), studio().model());
    // Another network, so that the two differ however little they learn.
    let wide = std::fs::read_to_string(studio().config()).unwrap();
    let config = folder.path().join("wide.toml");
    std::fs::write(&config, wide.replace("channels = 5", "channels = 9")).unwrap();
    let train = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let mut arguments = vec!["train", text(&music), "-o", text(&out)];
        arguments.extend(["--config", text(&config)]);
        arguments.extend(more);
        succeeds(&arguments);
        out
    };
    let altered = train("altered", &["--shift", "hum"]);
    let elsewhere = train("elsewhere", &["--seed", "3"]);
    let eval = |more: &[&'static str], against: &Path| {
        let mut arguments = vec!["eval", text(&music), "-m", text(&altered)];
        arguments.extend(SHAPE);
        arguments.extend(["--shift", "hum,pitch"]);
        arguments.extend(more);
        arguments.extend(["--against", text(against)]);
        arguments.into_iter().map(String::from).collect::<Vec<_>>()
    };
    let run = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        succeeds(&arguments)
    };
    let words = run(&eval(&[], &model));
    assert!(words.contains("less the other"), "{words}");
    let json = |against: &Path| {
        let text = run(&eval(&["--json", "--quiet"], against));
        let report: Value = serde_json::from_str(&text).unwrap();
        report["shift"].clone()
    };
    let report = json(&model);
    let mean = |value: &Value| value["mean"].as_f64().unwrap();
    let mut pairs = vec![(&report["network_clean"], &report["other_clean"])];
    let rows = report["rows"].as_array().unwrap();
    pairs.extend(
        rows.iter()
            .map(|r| (&r["network"]["accuracy"], &r["other"])),
    );
    assert_eq!(pairs.len(), 1 + 8);
    for (network, other) in pairs {
        let less = mean(network) - mean(&other["accuracy"]);
        assert!((less - mean(&other["network_less"])).abs() < 1e-9);
    }
    assert!(
        rows.iter()
            .any(|row| mean(&row["other"]["network_less"]) != 0.0)
    );
    // The other's figures are those that it has by itself.
    let mut alone = vec!["eval", text(&music), "-m", text(&model)];
    alone.extend(SHAPE);
    alone.extend(["--shift", "hum,pitch", "--json", "--quiet"]);
    let alone: Value = serde_json::from_str(&succeeds(&alone)).unwrap();
    for (row, alone) in rows.iter().zip(alone["shift"]["rows"].as_array().unwrap()) {
        assert_eq!(row["other"]["accuracy"], alone["network"]["accuracy"]);
    }
    // Against itself there is no difference.
    for row in json(&altered)["rows"].as_array().unwrap() {
        assert_eq!(mean(&row["other"]["network_less"]), 0.0);
    }
    let arguments = eval(&[], &elsewhere);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = fails(1, &arguments);
    assert!(said.contains("do not have the same test files"), "{said}");
    let model = text(&model);
    fails(2, &["eval", text(&music), "-m", model, "--against", model]);
}

#[test]
fn an_unknown_shift_is_wrong_usage_and_names_those_there_are() {
    let (music, model) = (studio().music(), studio().model());
    let said = fails(
        2,
        &[
            "eval",
            text(&music),
            "-m",
            text(&model),
            "--shift",
            "studio",
        ],
    );
    assert!(said.contains("`studio` is no shift"), "{said}");
    assert!(said.contains("live, amateur, reverb"), "{said}");
}

#[test]
fn eval_learns_from_one_collection_and_finds_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    let music = studio().music();
    let other = folder.path().join("other");
    copy_music(&other);
    // Its files are copies of the first one's: none may be learned from and found at once.
    for (class, name) in [("a", "A"), ("b", "bee")] {
        std::fs::rename(other.join(class), other.join(name)).unwrap();
    }
    for class in ["c", "d", "e", "f"] {
        std::fs::rename(other.join(class), other.join(format!("{class}{class}"))).unwrap();
    }
    let map = folder.path().join("map.csv");
    std::fs::write(&map, "from,to\nA,a\nbee,b\ncc,c\n").unwrap();
    let mut arguments = vec![
        "eval",
        "-m",
        text(&model),
        "--support-from",
        text(&music),
        "--query-from",
        text(&other),
    ];
    arguments.extend(SHAPE);
    let said = fails(1, &arguments);
    for part in [
        "2 labels that both",
        "there are 0",
        "--label-map",
        "a, b, c",
        "bee",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    arguments.extend(["--label-map", text(&map)]);
    let words = succeeds(&arguments);
    assert!(words.contains("3 classes, 24 files"), "{words}");
    assert!(words.contains("MFCC, linear probe"), "{words}");
    arguments.extend(["-o", text(folder.path())]);
    succeeds(&arguments);
    let picture = std::fs::read_to_string(folder.path().join("accuracy.svg")).unwrap();
    for part in [
        "all and by class",
        ">a<",
        ">b<",
        ">c<",
        "MFCC, linear probe",
    ] {
        assert!(picture.contains(part), "{part} is missing:\n{picture}");
    }

    std::fs::write(&map, "label\nA\n").unwrap();
    let said = fails(1, &arguments);
    assert!(
        said.contains("map.csv") && said.contains("from,to"),
        "{said}"
    );
    let said = fails(
        2,
        &["eval", "-m", text(&model), "--support-from", text(&music)],
    );
    assert!(said.contains("--query-from"), "{said}");
    let said = fails(2, &["eval", "-m", text(&model)]);
    assert!(said.contains("DATA"), "{said}");
}

#[test]
fn eval_ranks_classes_without_examples_by_distance() {
    let folder = tempfile::tempdir().unwrap();
    let (music, model) = (studio().music(), studio().model());
    let mut arguments = vec!["eval", text(&music), "-m", text(&model), "--open"];
    // Two test classes: one known, one unknown.
    arguments.extend(["--way", "1", "--shot", "1", "--query", "2"]);
    arguments.extend(["--episodes", "40", "-o", text(folder.path())]);
    let words = succeeds(&arguments);
    for part in [
        "1 known and 1 unknown classes of 2",
        "untrained network",
        "MFCC, nearest centroid",
        "less MFCC, nearest centroid",
        "equal error rate",
        "known accepted",
    ] {
        assert!(words.contains(part), "{part} is missing:\n{words}");
    }
    let picture = std::fs::read_to_string(folder.path().join("roc.svg")).unwrap();
    assert!(picture.contains("guessing"));
    arguments.extend(["--json", "--quiet"]);
    let report: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    let report = &report["open"];
    assert_eq!(report["systems"].as_array().unwrap().len(), 3);
    assert_eq!(report["thresholds"].as_array().unwrap().len(), 3);
    for system in report["systems"].as_array().unwrap() {
        let area = system["area"]["mean"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&area));
        assert_eq!(system["curve"].as_array().unwrap().len(), 101);
    }
    let model = text(&model);
    let said = fails(
        1,
        &["eval", text(&music), "-m", model, "--open", "--way", "2"],
    );
    assert!(said.contains("2 classes leave none: add classes"), "{said}");
    // Everything is tested: no classes are left for a threshold.
    let mut all = vec![
        "eval",
        text(&music),
        "-m",
        model,
        "--open",
        "--split",
        "all",
    ];
    all.extend(["--shot", "1", "--query", "1", "--episodes", "20"]);
    let words = succeeds(&all);
    assert!(
        words.contains("2 known and 2 unknown classes of 6"),
        "{words}"
    );
    assert!(
        words.contains("no threshold: all files are tested"),
        "{words}"
    );
    let said = fails(2, &["eval", text(&music), "-m", model, "--open", "--shift"]);
    assert!(said.contains("cannot be used with"), "{said}");
}

/// A manifest of the made-up music, with more columns: their names in `header`, their values from `of`.
fn manifest(folder: &Path, header: &str, of: impl Fn(&str, usize) -> String) -> PathBuf {
    let music = studio().music();
    let mut rows = format!("path,label{header}\n");
    for (class, files) in CLASSES {
        for (k, file) in files.iter().enumerate() {
            let path = music.join(class).join(file);
            rows.push_str(&format!("\"{}\",{class}{}\n", text(&path), of(class, k)));
        }
    }
    let path = folder.join("manifest.csv");
    std::fs::write(&path, rows).unwrap();
    path
}

#[test]
fn eval_gives_queries_several_labels() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    // Three labels of eight files, half of them with a second one; one label of a single file.
    let data = manifest(folder.path(), ",labels", |class, k| match (class, k) {
        ("a", 0) => ",low;rare".into(),
        ("a" | "b", 0 | 1) => ",low; high".into(),
        ("a" | "b", _) => ",low".into(),
        ("c" | "d", 0 | 1) => ",high;noisy".into(),
        ("c" | "d", _) => ",high".into(),
        (_, 0) => ",noisy;low;noisy;".into(),
        _ => ",noisy".into(),
    });
    let mut arguments = vec!["eval", text(&data), "-m", text(&model), "--multi-label"];
    arguments.extend(SHAPE);
    arguments.extend(["--split", "all"]);
    let words = succeeds(&arguments);
    for part in [
        "3 labels, 24 files with 1.38 of them",
        "macro F1",
        "mean average precision",
        "untrained network",
        "all labels; a random order",
        "less MFCC",
        "too few files for shots and queries: 1",
        "of the 3 labels are on files that trained the model too",
    ] {
        assert!(words.contains(part), "{part} is missing:\n{words}");
    }
    arguments.extend(["--json", "--quiet"]);
    let report: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    let report = &report["multi_label"];
    assert_eq!(
        report["labels"],
        serde_json::json!(["high", "low", "noisy"])
    );
    let systems = report["systems"].as_array().unwrap();
    assert_eq!(systems.len(), 3);
    for system in systems {
        for figure in ["macro_f1", "mean_average_precision"] {
            let estimate = &system[figure];
            assert!((0.0..=1.0).contains(&estimate["mean"].as_f64().unwrap()));
            assert!(estimate["over_episodes"]["low"].is_number());
            assert!(estimate["over_files"]["low"].is_number(), "{estimate}");
        }
    }
    let again: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    assert_eq!(&again["multi_label"], report);

    // Three labels have enough files for one shot, none for nine.
    arguments.truncate(5);
    arguments.extend([
        "--split", "all", "--way", "2", "--shot", "9", "--query", "9",
    ]);
    let said = fails(1, &arguments);
    assert!(said.contains("9 supports and 9 queries"), "{said}");
    assert!(said.contains("0 of 4"), "{said}");
    assert!(said.contains("--shot"), "{said}");
}

#[test]
fn eval_wants_a_column_of_labels_for_several_labels() {
    let (music, model) = (studio().music(), studio().model());
    let arguments = vec!["eval", text(&music), "-m", text(&model), "--multi-label"];
    let said = fails(1, &arguments);
    assert!(said.contains("no column `labels`"), "{said}");
    assert!(said.contains("manifest"), "{said}");
    for flag in ["--open", "-opictures"] {
        let said = fails(2, &[&arguments[..], &[flag]].concat());
        assert!(said.contains("cannot be used with"), "{said}");
    }
}

#[test]
fn eval_tells_accuracy_by_a_column_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    let data = manifest(folder.path(), ",Place", |_, k| match k {
        0 => ",hall".into(),
        1 | 2 => ",street".into(),
        _ => ",".into(),
    });
    let mut arguments = vec!["eval", text(&data), "-m", text(&model), "--by", "place"];
    arguments.extend(SHAPE);
    arguments.extend(["--split", "all", "-o", text(folder.path())]);
    let words = succeeds(&arguments);
    let picture = std::fs::read_to_string(folder.path().join("accuracy.svg")).unwrap();
    for part in [
        "all and by place",
        ">hall<",
        ">street<",
        ">(none)<",
        "untrained network",
        "chance 50 %",
    ] {
        assert!(picture.contains(part), "{part} is missing:\n{picture}");
    }
    for part in [
        "queries by place",
        "hall ",
        "street ",
        "(none) ",
        "MFCC, linear probe",
    ] {
        assert!(words.contains(part), "{part} is missing:\n{words}");
    }
    arguments.extend(["--json", "--quiet"]);
    let report: Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    assert_eq!(report["by"]["column"], "place");
    let values = report["by"]["values"].as_array().unwrap();
    assert_eq!(values.len(), 3);
    // The values part the queries: 20 episodes of two classes and one query.
    let queries = |value: &Value| value["queries"].as_f64().unwrap();
    assert_eq!(values.iter().map(queries).sum::<f64>(), 40.0);
    for (k, system) in report["result"]["systems"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let right = |value: &Value| {
            queries(value) * value["systems"][k]["accuracy"].as_f64().unwrap() / 40.0
        };
        let mean = system["accuracy"]["mean"].as_f64().unwrap();
        let found = values.iter().map(right).sum::<f64>();
        assert!((found - mean).abs() < 1e-9, "{found} {mean}");
    }
    arguments[5] = "culture";
    let said = fails(1, &arguments);
    assert!(said.contains("no column `culture`"), "{said}");
    assert!(said.contains("place"), "{said}");
}

#[test]
fn eval_tells_the_mean_of_several_models() {
    let (music, model) = (studio().music(), studio().model());
    let mut one = vec![
        "eval",
        text(&music),
        "-m",
        text(&model),
        "--json",
        "--quiet",
    ];
    one.extend(SHAPE);
    let alone: Value = serde_json::from_str(&succeeds(&one)).unwrap();
    let mut twice = one.clone();
    twice.extend(["-m", text(&model)]);
    let report: Value = serde_json::from_str(&succeeds(&twice)).unwrap();
    // The same model on the same files is no surer than once.
    let systems = alone["result"]["systems"].as_array().unwrap();
    let differences = alone["result"]["differences"].as_array().unwrap();
    let estimates = systems.iter().map(|s| &s["accuracy"]);
    let estimates: Vec<&Value> = estimates
        .chain(differences.iter().map(|d| &d["difference"]))
        .collect();
    let means = report["means"].as_array().unwrap();
    assert_eq!(means.len(), estimates.len());
    for (mean, estimate) in means.iter().zip(estimates) {
        let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9;
        assert!(near(&mean["mean"], &estimate["mean"]), "{mean} {estimate}");
        for end in ["low", "high"] {
            let (found, wanted) = (&mean["over_files"][end], &estimate["over_files"][end]);
            assert!(near(found, wanted), "{mean} {estimate}");
        }
        assert_eq!(mean["of_models"].as_array().unwrap().len(), 2);
    }
    // Each model's own results are those of the model alone.
    for part in ["model", "result", "files_failed"] {
        assert_eq!(report["models"][1][part], alone[part], "{part}");
    }
    twice.retain(|argument| *argument != "--json");
    let words = succeeds(&twice);
    for part in ["2 models", "of each model", "less untrained network"] {
        assert!(words.contains(part), "{part} is missing:\n{words}");
    }
    let folder = tempfile::tempdir().unwrap();
    twice.extend(["-o", text(folder.path())]);
    succeeds(&twice);
    let picture = std::fs::read_to_string(folder.path().join("accuracy.svg")).unwrap();
    assert!(picture.contains(">mean<") && picture.contains("each model"));
    twice.push("--open");
    let said = fails(2, &twice);
    assert!(said.contains("--open takes one --model"), "{said}");
}
