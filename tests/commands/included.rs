//! What works without training: the model that comes with gamaka; and probabilities that mean what they say.

use std::path::Path;

use gamaka::internals::model_file::Model;
use serde_json::Value;

use crate::{fails, fixture, gamaka, stderr, stdout, studio, succeeds, text};

fn json(arguments: &[&str]) -> Value {
    let more = ["--json", "--quiet"];
    serde_json::from_str(&succeeds(&[arguments, &more].concat())).unwrap()
}

#[test]
fn the_model_that_comes_with_gamaka_fits_into_its_program() {
    let model = Model::included().unwrap();
    assert!(
        Model::INCLUDED.len() <= 2 << 20,
        "{}",
        Model::INCLUDED.len()
    );
    assert!(model.network.width() > 1);
}

#[test]
fn classify_and_embed_need_no_model_of_their_user() {
    let folder = tempfile::tempdir().unwrap();
    let music = studio().music();
    let song = fixture("vorbis.ogg");
    let arguments = ["classify", &song, "--examples", text(&music)];
    let output = gamaka(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    let name = Model::included().unwrap().network.spec.name;
    assert!(
        said.contains("with the model that comes with gamaka") && said.contains(&name),
        "{said}"
    );
    assert!(stdout(&output).contains(&song));
    let document = json(&arguments);
    assert_eq!(document["model"], "included");
    // The same as from a file.
    let file = folder.path().join("copy.safetensors");
    std::fs::write(&file, Model::INCLUDED).unwrap();
    let from_file = json(&[&arguments[..], &["--model", text(&file)]].concat());
    assert_eq!(from_file["files"], document["files"]);

    let rows = folder.path().join("rows.csv");
    succeeds(&["embed", &song, "-o", text(&rows), "--per", "file"]);
    let written = std::fs::read_to_string(&rows).unwrap();
    assert_eq!(written.lines().count(), 2);
    let help = succeeds(&["classify", "--help"]);
    assert!(help.contains("[default: included]"), "{help}");
}

#[test]
fn eval_and_calibrate_take_the_model_that_comes_with_gamaka() {
    let folder = tempfile::tempdir().unwrap();
    let (music, out) = (studio().music(), folder.path().join("out.safetensors"));
    let report = json(&[
        "eval",
        text(&music),
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
    assert_eq!(report["model"], "included");
    succeeds(&[
        "calibrate",
        text(&music),
        "-o",
        text(&out),
        "--split",
        "all",
    ]);
    assert!(Model::load(&out).unwrap().info.calibration.is_some());
}

#[test]
fn a_calibrated_model_tells_other_probabilities_and_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, model, out) = (studio().music(), at("model"), at("out"));
    let mut uncalibrated = Model::load(&studio().model()).unwrap();
    uncalibrated.info.calibration = None;
    uncalibrated.save(&model).unwrap();
    let arguments = [
        "calibrate",
        text(&music),
        "-m",
        text(&model),
        "-o",
        text(&out),
    ];
    let document = json(&[&arguments[..], &["--split", "all"]].concat());
    let calibrated = Model::load(&out).unwrap();
    let found = calibrated.info.calibration.unwrap();
    assert_eq!(document["calibration"]["one"], serde_json::json!(found.one));
    let mut same = calibrated;
    same.info.calibration = None;
    assert!(same == uncalibrated);
    let losses = |when: &str| document[when][0]["log_loss"].as_f64().unwrap();
    assert!(losses("after") <= losses("before") + 1e-3, "{document}");
    assert_eq!(document["before"][0]["calibrated"], false);
    assert_eq!(document["after"][0]["calibrated"], true);

    let classified = |model: &Path| {
        let song = fixture("vorbis.ogg");
        let arguments = ["classify", &song, "--examples", text(&music)];
        let document = json(&[&arguments[..], &["--model", text(model)]].concat());
        let ranked = document["files"][0]["ranked"].as_array().unwrap().clone();
        let numbers = |name: &str| -> Vec<f64> {
            let numbers = ranked.iter().map(|genre| genre[name].as_f64().unwrap());
            numbers.collect()
        };
        (numbers("distance"), numbers("probability"))
    };
    let (distances, probabilities) = classified(&out);
    let (before, told_before) = classified(&model);
    assert!(distances == before && probabilities != told_before);
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    // Four examples a class have the scale for a few.
    let odds = (probabilities[0] / probabilities[1]).ln() / (distances[1] - distances[0]);
    assert!(
        (odds / f64::from(found.few) - 1.0).abs() < 1e-2,
        "{odds} {found:?}"
    );

    let pictures = at("pictures");
    let arguments = ["eval", text(&music), "-m", text(&out), "--split", "all"];
    let shape = [
        "--way",
        "3",
        "--shot",
        "1",
        "--query",
        "1",
        "--episodes",
        "50",
    ];
    let words = succeeds(&[&arguments[..], &shape, &["-o", text(&pictures)]].concat());
    assert!(
        words.contains("expected calibration error") && words.contains("(calibrated on"),
        "{words}"
    );
    let picture = std::fs::read_to_string(pictures.join("reliability.svg")).unwrap();
    assert!(picture.contains("probability told of the nearest class"));
    let report = json(&[&arguments[..], &shape].concat());
    let reliability = &report["result"]["reliability"];
    assert_eq!(reliability["scale"], serde_json::json!(found.one));
    let bins = reliability["bins"].as_array().unwrap();
    let queries: u64 = bins
        .iter()
        .map(|bin| bin["queries"].as_u64().unwrap())
        .sum();
    assert_eq!((bins.len(), queries), (15, 3 * 50));
    let gaps = bins.iter().map(|bin| {
        let number = |name: &str| bin[name].as_f64().unwrap();
        (number("told") - number("right")).abs() * number("queries") / 150.0
    });
    let error = reliability["calibration_error"].as_f64().unwrap();
    assert!((gaps.sum::<f64>() - error).abs() < 1e-9);
    // Another head has no such probabilities.
    let other = json(&[&arguments[..], &shape, &["--head", "linear-probe"]].concat());
    assert!(other["result"]["reliability"].is_null());
}

#[test]
fn what_cannot_be_calibrated_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, out) = (studio().music(), at("out"));
    let song = music.join("a/s16.wav");
    let refused = |arguments: &[&str], word: &str| {
        let said = fails(1, &[&["calibrate"], arguments].concat());
        assert!(said.contains(word), "{said}");
        assert!(!out.exists());
    };
    let all = ["--split", "all"];
    let with = |data: &Path, more: &[&str]| -> Vec<String> {
        let arguments = [&[text(data), "-o", text(&out)][..], more].concat();
        arguments.into_iter().map(String::from).collect()
    };
    let refused_with = |data: &Path, more: &[&str], word: &str| {
        let arguments = with(data, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(&arguments, word);
    };
    // Files of the split of another collection.
    refused_with(&music, &[], "keeps for validation");
    refused_with(&at("nowhere"), &all, "nowhere");
    refused_with(
        &music,
        &["--split", "all", "-m", "missing"],
        "no such model file",
    );
    // A file for each class leaves nothing to ask.
    let lone = at("lone");
    for class in ["a", "b"] {
        std::fs::create_dir_all(lone.join(class)).unwrap();
    }
    std::fs::copy(&song, lone.join("a/x.wav")).unwrap();
    std::fs::copy(fixture("flac.flac"), lone.join("b/x.flac")).unwrap();
    fails(
        1,
        &["calibrate", text(&lone), "-o", text(&out), "--split", "all"],
    );
    assert!(!out.exists());
    let before = std::fs::read(&song).unwrap();
    let arguments = [
        "calibrate",
        text(&music),
        "-o",
        text(&song),
        "--split",
        "all",
    ];
    fails(1, &arguments);
    assert!(std::fs::read(&song).unwrap() == before);
}
