//! `gamaka quantize`: smaller models that every command loads, their table, and what cannot be.

use std::path::{Path, PathBuf};

use gamaka::internals::model_file::{Model, ModelInfo};
use gamaka::model::{Network, Spec};
use serde_json::Value;

use crate::{fails, gamaka, stderr, studio, succeeds, text};

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeds(&[arguments, &["--json"]].concat())).unwrap()
}

const SPLINES: &str = "[[layers]]\ntype = \"pool\"\nkind = \"mean\"\nkernel = [8, 2]\n\
    [[layers]]\ntype = \"conv\"\nchannels = 8\nkernel = 3\n\
    [[layers]]\ntype = \"group_norm\"\n\
    [[layers]]\ntype = \"kan_conv\"\nchannels = 12\nkernel = 3\n\
    [[layers]]\ntype = \"statistics_pool\"\n\
    [[layers]]\ntype = \"linear\"\nchannels = 16\n";

const PLAIN: &str = "[[layers]]\ntype = \"statistics_pool\"\n\
    [[layers]]\ntype = \"linear\"\nchannels = 16\n";

/// The studio's model with other layers and parameters as they begin.
fn with_layers(layers: &str, to: &Path) -> PathBuf {
    let mut model = Model::load(&studio().model()).unwrap();
    model.info.spec = Spec::from_toml(&format!("name = \"other\"\n{layers}")).unwrap();
    model.network = Network::new(model.info.spec.clone(), model.network.input).unwrap();
    model.parameters = model.network.initial_parameters(1);
    (model.info.centre, model.info.spread) = (Vec::new(), Vec::new());
    let path = to.join("other.safetensors");
    model.save(&path).unwrap();
    path
}

#[test]
fn a_quantised_model_is_smaller_and_every_command_loads_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, model) = (studio().music(), with_layers(SPLINES, folder.path()));
    let (music, model) = (text(&music), text(&model));
    let mut sizes = Vec::new();
    for (name, options) in [
        ("int8", &["--bits", "8"][..]),
        ("int4", &["--bits", "4", "--scales", "channel"]),
        ("tuned", &["--bits", "4", "--steps", "3"]),
        ("curves", &["--form", "codebook", "--curves", "16"]),
    ] {
        let output = at(&format!("{name}.safetensors"));
        let asked = ["quantize", model, music, "-o", text(&output)];
        let told = json(&[&asked[..], options].concat());
        let loaded = Model::load(&output).unwrap();
        assert!(!loaded.packing.is_empty(), "{name}");
        assert_eq!(loaded.info.format, ModelInfo::PACKED_FORMAT);
        assert_eq!(told["steps"], u64::from(name == "tuned") * 3);
        let file = std::fs::metadata(&output).unwrap().len();
        assert_eq!(told["bytes"]["file"], file, "{told}");
        let times = told["than_floats"].as_f64().unwrap();
        let parameters = told["bytes"]["parameters"].as_f64().unwrap();
        let floats = told["bytes"]["floats"].as_f64().unwrap();
        assert!((times - floats / parameters).abs() < 1e-9);
        assert!(!at(&format!("{name}.safetensors.checkpoint")).exists());
        sizes.push(times);
    }
    let [int8, int4, tuned, curves] = sizes[..] else {
        panic!("{sizes:?}");
    };
    assert!(
        int8 > 3.4 && int4 > 5.5 && tuned > 5.0 && curves > int8,
        "{sizes:?}"
    );
    let small = at("curves.safetensors");
    let evaluated = ["eval", music, "-m", text(&small), "--split", "all"];
    json(
        &[
            &evaluated[..],
            &[
                "--episodes",
                "10",
                "--way",
                "2",
                "--shot",
                "1",
                "--query",
                "1",
            ],
        ]
        .concat(),
    );
    let vectors = at("vectors.jsonl");
    succeeds(&["embed", music, "-m", text(&small), "-o", text(&vectors)]);
    let inspected = succeeds(&["inspect", text(&small)]);
    assert!(inspected.contains("kan_conv"), "{inspected}");
    // Words for people.
    let output = at("words.safetensors");
    let said = gamaka(&["quantize", model, music, "-o", text(&output)]);
    let words = crate::stdout(&said);
    assert!(
        words.contains("int8, a scale per group") && words.contains("times smaller than floats"),
        "{words}"
    );
    // Trained on from there it is a model of floats.
    let (trained, config) = (at("trained.safetensors"), at("config.toml"));
    std::fs::write(
        &config,
        format!(
            "{}\n[network]\nname = \"other\"\n{}",
            crate::CONFIG.split("[network]").next().unwrap(),
            SPLINES.replace("[[layers]]", "[[network.layers]]")
        ),
    )
    .unwrap();
    let train = [
        "train",
        music,
        "-o",
        text(&trained),
        "--config",
        text(&config),
    ];
    let said = gamaka(&[&train[..], &["--from", text(&small)]].concat());
    assert!(said.status.success(), "{}", stderr(&said));
    assert!(
        stderr(&said).contains("the model to start from is quantised"),
        "{}",
        stderr(&said)
    );
    assert!(Model::load(&trained).unwrap().packing.is_empty());
}

#[test]
fn what_cannot_be_quantised_is_told_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, model) = (studio().music(), with_layers(SPLINES, folder.path()));
    let (music, model) = (text(&music), text(&model));
    let output = at("small.safetensors");
    let refused = |model: &str, options: &[&str], word: &str| {
        let asked = ["quantize", model, music, "-o", text(&output)];
        let said = fails(1, &[&asked[..], options].concat());
        assert!(said.contains(word), "no `{word}` in: {said}");
        assert!(!output.exists(), "{options:?}");
    };
    refused(model, &["--bits", "5"], "8 and of 4 bits, not of 5");
    refused(
        model,
        &["--form", "codebook", "--curves", "1"],
        "2 to 65536 curves, not 1",
    );
    refused(
        model,
        &["--form", "codebook", "--scales", "edge"],
        "no scale of its own",
    );
    refused(
        model,
        &["--form", "codebook", "--curves", "9000"],
        "no smaller",
    );
    refused(
        model,
        &["--form", "codebook", "--steps", "3"],
        "not fine-tuned",
    );
    let home = tempfile::tempdir().unwrap();
    let plain = with_layers(PLAIN, home.path());
    refused(text(&plain), &["--form", "codebook"], "has no splines");
    refused(text(&at("missing.safetensors")), &[], "no such model file");
    let said = fails(
        2,
        &[
            "quantize",
            model,
            music,
            "-o",
            text(&output),
            "--form",
            "lut",
        ],
    );
    assert!(said.contains("choose coefficients or codebook"), "{said}");
    let said = fails(
        2,
        &[
            "quantize",
            model,
            music,
            "-o",
            text(&output),
            "--scales",
            "row",
        ],
    );
    assert!(said.contains("choose channel, group or edge"), "{said}");
    // Its own output is quantised already; a model without splines has the rest.
    succeeds(&["quantize", text(&plain), music, "-o", text(&output)]);
    let again = at("again.safetensors");
    let said = fails(1, &["quantize", text(&output), music, "-o", text(&again)]);
    assert!(said.contains("is quantised already"), "{said}");
    assert!(said.contains(text(&output)) && !again.exists(), "{said}");
}

#[test]
fn a_table_has_every_form_beside_the_original_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table");
    let (music, model) = (studio().music(), with_layers(SPLINES, folder.path()));
    let asked = [
        "quantize",
        text(&model),
        text(&music),
        "--table",
        text(&table),
        "--episodes",
        "20",
        "--steps",
        "2",
    ];
    let told = json(&asked);
    let rows = told["rows"].as_array().unwrap();
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names[..4],
        [
            "floats",
            "halves",
            "int8, a scale per channel",
            "int8, a scale per group"
        ]
    );
    assert!(
        names.contains(&"int4, a scale per group, fine-tuned") && names.contains(&"16 curves"),
        "{names:?}"
    );
    for row in rows {
        assert!(row["accuracy"]["mean"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["difference"].is_null(), row["name"] == "floats");
        assert_eq!(row["speed"][1]["clips"], 1);
        assert!(row["speed"][0]["than_halves"].as_f64().unwrap() > 0.0);
    }
    let file = table.join("int4-group.safetensors");
    let made = std::fs::metadata(&file).unwrap().modified().unwrap();
    let words = succeeds(&asked);
    assert!(
        words.contains("than floats") && words.contains("paired"),
        "{words}"
    );
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), made);
    let markdown = std::fs::read_to_string(table.join("table.md")).unwrap();
    assert!(
        markdown.starts_with("| parameters | accuracy |"),
        "{markdown}"
    );
    let other = [
        "quantize",
        text(&model),
        text(&music),
        "--table",
        text(&table),
        "--seed",
        "2",
    ];
    let said = fails(1, &other);
    assert!(said.contains("made with other settings"), "{said}");
}
