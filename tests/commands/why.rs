//! `gamaka explain FILE`: why a file is taken for what it is taken for.

use gamaka::internals::model_file::Model;
use serde_json::Value;

use crate::{copy_music, fails, fixture, gamaka, stderr, stdout, studio, succeeds, text};

/// Sum of what parts added.
fn added(parts: &Value) -> f64 {
    let parts = parts.as_array().unwrap().iter();
    parts.map(|part| part["added"].as_f64().unwrap()).sum()
}

#[test]
fn a_file_has_its_reasons_and_they_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("why.html");
    let (model, music, song) = (studio().model(), studio().music(), fixture("vorbis.ogg"));
    let explain = [
        "explain",
        &song,
        "-m",
        text(&model),
        "--examples",
        text(&music),
        "--per-class",
        "2",
        "-o",
        text(&page),
    ];
    let document: Value =
        serde_json::from_str(&succeeds(&[&explain[..], &["--json"]].concat())).unwrap();
    let file = &document["file"];
    let number = |name: &str| file[name].as_f64().unwrap();
    assert!(number("missing") <= 0.01, "{file}");
    assert!(number("log_odds") >= 0.0);
    let sum = number("sum");
    assert!((sum - number("log_odds") + number("log_odds_of_silence")).abs() <= 0.011 * sum.abs());
    let scale = 1e-3 * sum.abs().max(1.0);
    for parts in [&file["by_band"], &file["by_period"]] {
        assert!((added(parts) - sum).abs() < scale, "{parts} {sum}");
    }
    let spans = file["by_span"]["added"].as_array().unwrap().iter();
    let spans: f64 = spans.map(|added| added.as_f64().unwrap()).sum();
    assert!((spans - sum).abs() < scale);
    let probabilities = file["ranked"].as_array().unwrap().iter();
    let all: f64 = probabilities
        .map(|c| c["probability"].as_f64().unwrap())
        .sum();
    assert!((all - 1.0).abs() < 1e-9);
    assert_eq!(file["ranked"][0]["class"], file["winner"]);
    // The file is no example of its own.
    let nearest = file["nearest"].as_array().unwrap();
    assert_eq!(nearest.len(), 3);
    for like in nearest {
        assert!(!like["path"].as_str().unwrap().ends_with("vorbis.ogg"));
        let pair = &like["pairs"][0];
        assert!(pair["file"]["end_s"].as_f64() > pair["file"]["start_s"].as_f64());
    }
    let change = &file["change"]["together"];
    let score = change["score"].as_f64().unwrap();
    assert_eq!(change["turned"].as_bool().unwrap(), score < 0.0);
    let alone = file["change"]["alone"].as_array().unwrap();
    for (band, change) in alone.iter().enumerate() {
        let gains = change["gains"].as_array().unwrap();
        assert_eq!(gains.len(), alone.len());
        for (other, gain) in gains.iter().enumerate() {
            let db = gain["db"].as_f64().unwrap();
            assert!(db.abs() <= 24.0 && (other == band || db == 0.0), "{change}");
        }
    }
    let html = std::fs::read_to_string(&page).unwrap();
    for words in [
        "Why vorbis.ogg is taken for",
        "What mattered, in Hz and seconds",
        "By time scale",
        "What it is like",
        "What would make it",
        "data:audio/wav",
    ] {
        assert!(html.contains(words), "{words}");
    }
    // The same again, and in words.
    let said = succeeds(&explain);
    let winner = file["winner"].as_str().unwrap();
    assert!(said.contains(winner) && said.contains("nats"), "{said}");
}

#[test]
fn without_classes_a_file_is_heard_and_what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("why.html");
    let (model, song) = (studio().model(), fixture("vorbis.ogg"));
    let library = folder.path().join("none.sqlite");
    let output = gamaka(&[
        "explain",
        &song,
        "-m",
        text(&model),
        "--library",
        text(&library),
        "-o",
        text(&page),
        "--json",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("--examples"),
        "{}",
        stderr(&output)
    );
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(document["file"].is_null());
}

#[test]
fn what_has_no_reasons_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("why.html");
    let (model, music, song) = (studio().model(), studio().music(), fixture("vorbis.ogg"));
    let silent = folder.path().join("silent.wav");
    let mut bytes = std::fs::read(fixture("s16.wav")).unwrap();
    bytes[44..].fill(0);
    std::fs::write(&silent, bytes).unwrap();
    let one = folder.path().join("one");
    copy_music(&one);
    for class in std::fs::read_dir(&one).unwrap().skip(1) {
        std::fs::remove_dir_all(class.unwrap().path()).unwrap();
    }
    let explain = |code: i32, file: &str, more: &[&str]| {
        let always = ["explain", file, "-m", text(&model), "-o", text(&page)];
        fails(code, &[&always[..], more].concat())
    };
    let examples = ["--examples", text(&music)];
    let said = explain(1, text(&silent), &examples);
    assert!(said.contains("silent"), "{said}");
    let said = explain(1, &song, &["--examples", text(&one)]);
    assert!(said.contains("class"), "{said}");
    let missing = folder.path().join("missing");
    let said = explain(1, &song, &["--examples", text(&missing)]);
    assert!(said.contains("missing"), "{said}");
    explain(2, &song, &[&examples[..], &["--per-class", "0"]].concat());
    fails(
        2,
        &[
            "explain",
            "-m",
            text(&model),
            "-o",
            text(&page),
            examples[0],
            examples[1],
        ],
    );
    assert!(!page.exists());
}

#[test]
fn explanations_are_put_to_the_test_on_files_that_the_model_never_saw() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (page, music, kept) = (at("belief.html"), at("music"), at("heard.features"));
    copy_music(&music);
    // Other content than the model was trained on: none of its files is known.
    let classes = std::fs::read_dir(&music).unwrap();
    for file in classes.flat_map(|class| std::fs::read_dir(class.unwrap().path()).unwrap()) {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend([0; 64]);
        std::fs::write(path, bytes).unwrap();
    }
    let (model, song) = (studio().model(), fixture("vorbis.ogg"));
    // One of other parameters, which has learned nothing.
    let strange = at("strange.safetensors");
    let mut other = Model::load(&model).unwrap();
    other.parameters = other.network.initial_parameters(77);
    other.save(&strange).unwrap();
    let explain = [
        "explain",
        "-m",
        text(&model),
        "--data",
        &song,
        "--believe",
        text(&music),
        "--against",
        text(&model),
        "--against",
        text(&strange),
        "--files",
        "4",
        "--features",
        text(&kept),
        "-o",
        text(&page),
    ];
    let ask = || -> Value {
        let said = succeeds(&[&explain[..], &["--json"]].concat());
        serde_json::from_str::<Value>(&said).unwrap()["belief"].take()
    };
    let belief = ask();
    let courses = belief["courses"].as_array().unwrap();
    let names: Vec<&str> = courses
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["attribution", "random", "loudest first"]);
    for course in courses {
        assert_eq!(course["deletion"].as_array().unwrap().len(), 7);
        let files = course["deletion_area"]["files"].as_u64().unwrap();
        assert!((1..=4).contains(&files), "{course}");
        let beyond = course["deletion_more"].is_null();
        assert_eq!(beyond, course["name"] == "attribution");
    }
    // The same model agrees with itself to the last cell, and answers the same.
    let own = &belief["agreement"][0];
    assert!(
        (own["correlation"]["mean"].as_f64().unwrap() - 1.0).abs() < 1e-9,
        "{own}"
    );
    assert_eq!(own["same"]["mean"], 1.0);
    let strange = &belief["agreement"][1];
    assert!(
        strange["correlation"]["mean"].as_f64().unwrap() < 0.95,
        "{strange}"
    );
    assert_eq!(belief["agreement"][2]["name"], "an untrained network");
    let without = belief["without_splines"].as_array().unwrap();
    let bases: Vec<&str> = without
        .iter()
        .map(|w| w["base"].as_str().unwrap())
        .collect();
    assert_eq!(bases, ["learned", "fitted"]);
    for one in without {
        let [whole, own, less] = [&belief["accuracy"], &one["accuracy"], &one["less"]]
            .map(|figure| figure["mean"].as_f64().unwrap());
        assert!((whole - own - less).abs() < 1e-9, "{one}");
    }
    assert!(
        std::fs::read_to_string(&page)
            .unwrap()
            .contains("Whether to believe it")
    );
    // From what was kept, without the files; and the same to the last digit.
    let first = ask();
    assert_eq!(ask(), first);

    let fails_with = |more: &[&str]| {
        let always = [
            "explain",
            "-m",
            text(&model),
            "--data",
            &song,
            "-o",
            text(&page),
        ];
        fails(1, &[&always[..], more].concat())
    };
    let said = fails_with(&["--believe", text(&at("missing"))]);
    assert!(said.contains("missing"), "{said}");
    let said = fails_with(&["--believe", text(&music), "--against", "included"]);
    assert!(said.contains("cannot be compared"), "{said}");
    fails(2, &["explain", "--against", "included", "-o", text(&page)]);
}
