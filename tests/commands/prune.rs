//! Models made smaller, as a user makes them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gamaka::Model;

use crate::{fails, gamaka, stderr, studio, succeeds, text};

/// Few steps, on few questions.
const QUICK: [&str; 4] = ["--steps", "4", "--episodes", "20"];

/// A model with more channels than four.
fn wide() -> &'static Path {
    static WIDE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = WIDE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = std::fs::read_to_string(studio().config()).unwrap();
        let config = config.replace("channels = 4", "channels = 12");
        std::fs::write(at("wide.toml"), config).unwrap();
        let (music, model) = (studio().music(), at("wide.safetensors"));
        succeeds(&[
            "train",
            text(&music),
            "-o",
            text(&model),
            "--config",
            text(&at("wide.toml")),
        ]);
        (folder, model)
    });
    path
}

fn removed(model: &Model) -> [usize; 2] {
    let tensors = model.network.edge_tensors().into_iter();
    let tensors = tensors.filter(|tensor| tensor.has_splines());
    let counted = tensors.map(|t| [t.edges(), t.removed(&model.parameters)]);
    counted.fold([0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
}

#[test]
fn a_smaller_model_is_an_ordinary_one_that_every_command_loads() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, model) = (studio().music(), wide().to_path_buf());
    let (half, both) = (at("half.safetensors"), at("both.safetensors"));
    let base = ["prune", text(&model), text(&music)];
    let said = succeeds(&[&base[..], &["-o", text(&half)], &QUICK].concat());
    assert!(said.contains("edges are removed"), "{said}");
    let found = Model::load(&half).unwrap();
    let [edges, gone] = removed(&found);
    assert_eq!(gone, (edges as f64 / 2.0).round() as usize);
    // What the model is known by stays, for it embeds as the original does.
    let original = Model::load(&model).unwrap();
    assert_eq!(found.info.centre, original.info.centre);
    assert_eq!(found.info.split, original.info.split);
    assert!(std::fs::metadata(&half).unwrap().len() < std::fs::metadata(&model).unwrap().len());
    // All at once, from episodes, and of a model that was made smaller before.
    let more = [
        "--edges", "0.7", "--flops", "0.8", "--grid", "2", "--by", "episodes", "--lasso", "0.1",
        "--json",
    ];
    let base = ["prune", text(&half), text(&music), "-o", text(&both)];
    let document: serde_json::Value =
        serde_json::from_str(&succeeds(&[&base[..], &more, &QUICK].concat())).unwrap();
    assert!(document["after"]["flops"].as_u64() < document["before"]["flops"].as_u64());
    let found = Model::load(&both).unwrap();
    let [edges, gone] = removed(&found);
    assert!(gone as f64 >= 0.69 * edges as f64, "{gone} of {edges}");
    let vectors = at("vectors.jsonl");
    succeeds(&[
        "embed",
        text(&music),
        "-m",
        text(&both),
        "-o",
        text(&vectors),
    ]);
    assert!(
        std::fs::read_to_string(&vectors)
            .unwrap()
            .contains("embedding")
    );
    // Two models and these, and no state.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn a_table_measures_every_level_once_and_again_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table");
    let (music, model) = (studio().music(), wide().to_path_buf());
    let mut arguments = vec!["prune", text(&model), text(&music), "--table", text(&table)];
    arguments.extend(QUICK);
    arguments.extend(["--edges", "0.25,0.9", "--flops", "0.6", "--grid", "2"]);
    let said = succeeds(&arguments);
    assert!(
        said.contains("the original") && said.contains("90 % of the edges"),
        "{said}"
    );
    let document = |path: &Path| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let first = document(&table.join("table.json"));
    let rows = first["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0]["difference"]["mean"], 0.0);
    assert!((rows[0]["cosine"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    let figure = |row: usize, name: &str| rows[row][name][1].as_f64().unwrap();
    assert!(figure(2, "parameters") < figure(1, "parameters"));
    assert!(figure(3, "flops") < 0.7 * figure(0, "flops"));
    for row in rows {
        assert!(row["inference"]["median"].as_f64().unwrap() > 0.0);
        assert!(row["bytes"].as_u64().unwrap() > 0);
    }
    for name in [
        "table.md",
        "parameters.svg",
        "flops.svg",
        "bytes.svg",
        "speed.svg",
    ] {
        assert!(table.join(name).exists(), "{name}");
    }
    assert_eq!(
        removed(&Model::load(&table.join("edges-90.safetensors")).unwrap())[1],
        rows[2]["edges"][1].as_u64().unwrap() as usize
    );
    // A row that is gone is made again, to the same bits; the others are read.
    std::fs::remove_file(table.join("edges-25.json")).unwrap();
    let before = std::fs::read(table.join("edges-25.safetensors")).unwrap();
    succeeds(&arguments);
    assert!(std::fs::read(table.join("edges-25.safetensors")).unwrap() == before);
    let second = document(&table.join("table.json"));
    assert_eq!(second["rows"][2], first["rows"][2]);
    assert_eq!(second["rows"][1]["accuracy"], first["rows"][1]["accuracy"]);
    // Rows of other settings are not mixed in.
    let said = fails(1, &[&arguments[..], &["--together", "4"]].concat());
    assert!(said.contains("was made with other settings"), "{said}");
}

#[test]
fn what_cannot_be_removed_is_told_in_a_sentence_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, model, out) = (studio().music(), studio().model(), at("out.safetensors"));
    // A model without splines, of which channels and plain weights can go.
    let plain = at("plain.safetensors");
    let spec = at("plain.toml");
    std::fs::write(
        &spec,
        "name = \"plain\"\n[[layers]]\ntype = \"conv\"\nchannels = 8\nkernel = 4\nstride = 4\n[[layers]]\ntype = \"activation\"\nkind = \"silu\"\n[[layers]]\ntype = \"statistics_pool\"\n[[layers]]\ntype = \"linear\"\nchannels = 4\n",
    )
    .unwrap();
    let config = studio().config();
    let train = [
        "train",
        text(&music),
        "-o",
        text(&plain),
        "--network",
        text(&spec),
    ];
    succeeds(&[&train[..], &["--config", text(&config), "--episodes", "2"]].concat());
    let base = ["prune", text(&plain), text(&music), "-o", text(&out)];
    for arguments in [&["--edges", "0.5"][..], &["--grid", "2"]] {
        let said = fails(1, &[&base[..], arguments, &QUICK].concat());
        assert!(
            said.contains("no layers with splines") && said.contains("channels"),
            "{said}"
        );
    }
    succeeds(&[&base[..], &["--edges", "0.5", "--plain"], &QUICK].concat());
    succeeds(&[&base[..], &["--flops", "0.6"], &QUICK].concat());
    std::fs::remove_file(&out).unwrap();
    let base = ["prune", text(&model), text(&music), "-o", text(&out)];
    for (arguments, word) in [
        (&["--grid", "64"][..], "not coarser"),
        (&["--edges", "0"], "above 0 and below 1"),
        (&["--edges", "0.1,0.2"], "--table DIR"),
    ] {
        let said = fails(1, &[&base[..], arguments, &QUICK].concat());
        assert!(said.contains(word), "{said}");
    }
    for (arguments, word) in [
        (&["--edges", "2"][..], "from 0 to 1"),
        (&["--grid", "0"], "from 1 to 64"),
        (&["--by", "ear"], "model or episodes"),
        (&["--table", "somewhere"], "cannot be used with"),
    ] {
        let said = fails(2, &[&base[..], arguments].concat());
        assert!(said.contains(word), "{said}");
    }
    let said = fails(2, &["prune", text(&model), text(&music)]);
    assert!(said.contains("--output"), "{said}");
    // Already pruned.
    let pruned = at("pruned.safetensors");
    let arguments = [
        "prune",
        text(&model),
        text(&music),
        "-o",
        text(&pruned),
        "--edges",
        "0.6",
    ];
    succeeds(&[&arguments[..], &QUICK].concat());
    let arguments = [
        "prune",
        text(&pruned),
        text(&music),
        "-o",
        text(&out),
        "--edges",
        "0.5",
    ];
    let said = fails(1, &[&arguments[..], &QUICK].concat());
    assert!(said.contains("removed already"), "{said}");
    // Files that are too short for a segment, and too few for a table.
    let short = at("short");
    for class in ["a", "b"] {
        std::fs::create_dir_all(short.join(class)).unwrap();
        std::fs::copy(music.join("a/s16.wav"), short.join(class).join("x.wav")).unwrap();
    }
    let table = at("table");
    let arguments = [
        "prune",
        "included",
        text(&short),
        "--table",
        text(&table),
        "--steps",
        "1",
    ];
    let output = gamaka(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(!out.exists() && !table.join("table.json").exists());
}
