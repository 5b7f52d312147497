//! `gamaka explain` and `gamaka inspect`: what is told of a network and of a model's file.

use std::path::{Path, PathBuf};

use gamaka::internals::model_file::Model;
use gamaka::model::{Network, Spec};
use serde_json::Value;

use crate::{fails, fixture, gamaka, stderr, studio, succeeds, text};

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeds(&[arguments, &["--json"]].concat())).unwrap()
}

/// The studio's model with other layers and parameters as they begin.
fn with_layers(layers: &str, to: &Path) -> PathBuf {
    let mut model = Model::load(&studio().model()).unwrap();
    model.info.spec = Spec::from_toml(&format!("name = \"other\"\n{layers}")).unwrap();
    model.network = Network::new(model.info.spec.clone(), model.network.input).unwrap();
    model.parameters = model.network.initial_parameters(1);
    model.info.centre = Vec::new();
    model.info.spread = Vec::new();
    let path = to.join("other.safetensors");
    model.save(&path).unwrap();
    path
}

#[test]
fn the_page_of_a_network_holds_its_curves_and_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (page, pictures) = (folder.path().join("r.html"), folder.path().join("pictures"));
    let (model, music) = (studio().model(), studio().music());
    let document = json(&[
        "explain",
        "-m",
        text(&model),
        "--data",
        text(&music),
        "-o",
        text(&page),
        "--pictures",
        text(&pictures),
    ]);
    let network = Model::load(&model).unwrap().network;
    let [layer] = &document["layers"].as_array().unwrap()[..] else {
        panic!("{document}");
    };
    assert_eq!(layer["layer"], 2);
    assert_eq!(layer["edges"], 3 * 3 * 4);
    assert_eq!(layer["curves"].as_array().unwrap().len(), 36);
    let share: f64 = layer["curves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["share"].as_f64().unwrap())
        .sum();
    assert!((share - 1.0).abs() < 1e-9, "{share}");
    let linear = layer["linear"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&linear));
    let forms = layer["forms"].as_array().unwrap();
    let counted: u64 = forms
        .iter()
        .map(|form| form["edges"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 36);
    // The convolution with curves and the plain layer.
    let channels = document["channels"].as_array().unwrap();
    assert_eq!(
        (
            channels[0]["splines"].as_bool(),
            channels[1]["splines"].as_bool()
        ),
        (Some(true), Some(false))
    );
    assert_eq!(
        channels[1]["outputs"].as_array().unwrap().len(),
        network.width()
    );
    assert_eq!(document["report"], text(&page));
    assert!(document["failed"].as_array().unwrap().is_empty());

    let html = std::fs::read_to_string(&page).unwrap();
    let outside = html.matches("http").count() - html.matches("http://www.w3.org/2000/svg").count();
    assert_eq!(outside, 0);
    for word in [
        "Layer 2, kan_conv: 36 curves",
        "linear",
        "How strong the edges are",
        "chooser",
    ] {
        assert!(html.contains(word), "{word}");
    }
    let mut names: Vec<_> = std::fs::read_dir(&pictures)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".svg"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "bends-2.svg",
            "channels.svg",
            "curves-2.svg",
            "shapes-2.svg",
            "shares-2.svg"
        ]
    );
    // Again: its own files give way.
    succeeds(&[
        "explain",
        "-m",
        text(&model),
        "--data",
        text(&music),
        "-o",
        text(&page),
        "--pictures",
        text(&pictures),
    ]);
}

#[test]
fn a_list_and_a_file_are_heard_and_the_bad_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (list, page) = (folder.path().join("list.csv"), folder.path().join("r.html"));
    let rows = [
        fixture("vorbis.ogg"),
        fixture("bad/empty.wav"),
        "missing.ogg".into(),
    ];
    std::fs::write(&list, format!("path\n{}\n", rows.join("\n"))).unwrap();
    let model = studio().model();
    let explain = ["explain", "-m", text(&model), "-o", text(&page)];
    let document = json(&[&explain[..], &["--data", text(&list)]].concat());
    assert_eq!(document["inputs"]["files"], 1);
    assert_eq!(document["failed"].as_array().unwrap().len(), 2);
    let output = gamaka(&[&explain[..], &["--data", text(&list), "--strict"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("2 of 3 files failed"),
        "{}",
        stderr(&output)
    );

    let song = fixture("vorbis.ogg");
    let document = json(&[&explain[..], &[&song]].concat());
    assert_eq!(document["inputs"]["source"], "vorbis.ogg");
}

#[test]
fn a_network_without_splines_says_what_applies() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("r.html");
    let layers = "[[layers]]\ntype = \"pool\"\nkind = \"mean\"\nkernel = [8, 2]\n\
        [[layers]]\ntype = \"linear\"\nchannels = 5\n";
    let model = with_layers(layers, folder.path());
    let said = succeeds(&["explain", "-m", text(&model), "-o", text(&page)]);
    assert!(said.contains("no splines"), "{said}");
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("no splines") && html.contains("How strong the edges are"));
    assert!(!html.contains("class=\"chooser\""));
    let said = succeeds(&["inspect", text(&model)]);
    assert!(said.contains("other: 2 layers"), "{said}");
}

#[test]
fn every_kind_of_layer_with_splines_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("r.html");
    let layers = "[[layers]]\ntype = \"pool\"\nkind = \"mean\"\nkernel = [8, 2]\n\
        [[layers]]\ntype = \"shared_spline\"\ngrid = 20\n\
        [[layers]]\ntype = \"kan_linear\"\nchannels = 5\n";
    let model = with_layers(layers, folder.path());
    let music = studio().music();
    let document = json(&[
        "explain",
        "-m",
        text(&model),
        "--data",
        text(&music),
        "-o",
        text(&page),
    ]);
    let layers = document["layers"].as_array().unwrap();
    assert_eq!(layers[0]["edges"], 1);
    assert_eq!(layers[0]["held"][1]["edges"], 1);
    assert_eq!(layers.len(), 2);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("Layer 1, shared_spline: 1 curve<"));
}

#[test]
fn what_cannot_be_explained_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("r.html");
    let (model, song) = (studio().model(), fixture("vorbis.ogg"));
    let old = folder.path().join("r.txt");
    let silence = folder.path().join("missing.ogg");
    for (arguments, word) in [
        (vec!["-o", text(&old)], "must end in .html"),
        (
            vec![&*song, "-m", &*song, "-o", text(&page)],
            "is no model file",
        ),
        (vec![text(&model), "-o", text(&page)], "give it by --model"),
        (vec!["included", "-o", text(&page)], "give it by --model"),
        (vec![text(folder.path()), "-o", text(&page)], "--data"),
        (
            vec![text(&silence), "-m", text(&model), "-o", text(&page)],
            "missing.ogg",
        ),
    ] {
        let said = fails(1, &[&["explain"][..], &arguments].concat());
        assert!(said.contains(word), "{arguments:?}: {said}");
        assert!(!page.exists());
    }
    fails(2, &["explain"]);
    let said = fails(1, &["inspect", &song]);
    assert!(said.contains("is no model file"), "{said}");
    let said = fails(1, &["inspect", "nowhere.safetensors"]);
    assert!(said.contains("no such model file"), "{said}");
}

#[test]
fn inspect_tells_what_the_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::load(&studio().model()).unwrap();
    // Half of the edges of the convolution.
    let edges = model.network.edge_tensors()[0];
    let places: Vec<_> = edges.places().step_by(2).collect();
    for &(tap, output) in &places {
        edges.remove(&mut model.parameters, tap, output);
    }
    let path = folder.path().join("half.safetensors");
    model.save(&path).unwrap();
    let document = json(&["inspect", text(&path)]);
    let layer = &document["layers"][2];
    assert_eq!(layer["kind"], "kan_conv");
    assert_eq!(layer["zero"], serde_json::json!([18, 36]));
    assert_eq!(document["parameters"], model.network.parameter_count());
    assert_eq!(document["flops"], model.network.flops());
    assert_eq!(
        document["bytes"]["file"],
        std::fs::metadata(&path).unwrap().len()
    );
    let layers = document["layers"].as_array().unwrap();
    let flops: u64 = layers
        .iter()
        .map(|layer| layer["flops"].as_u64().unwrap())
        .sum();
    assert_eq!(flops, model.network.flops());
    assert_eq!(document["provenance"]["config"]["episodes"], 6);
    assert_eq!(document["spec"]["name"], "tiny");
    let said = succeeds(&["inspect", text(&path)]);
    assert!(said.contains("50.0 %"), "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );

    let said = succeeds(&["inspect"]);
    for word in [
        "that comes with gamaka",
        "848912",
        "musicnn",
        "F16",
        "12 kan_conv",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
