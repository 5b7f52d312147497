//! `gamaka bench`, and `gamaka train --profile`.

use serde_json::Value;

use crate::{fails, gamaka, stderr, stdout, studio, succeeds, text};

const TINY: &str = r#"
name = "tiny"
[[layers]]
type = "pool"
kind = "mean"
kernel = [8, 8]
[[layers]]
type = "kan_conv"
channels = 3
kernel = 3
[[layers]]
type = "conv"
channels = 4
kernel = 3
"#;

/// An output of 3 GiB for a batch of 50.
const HUGE: &str = r#"
name = "huge"
[[layers]]
type = "conv"
channels = 2000
kernel = 1
[[layers]]
type = "statistics_pool"
[[layers]]
type = "linear"
channels = 4
"#;

fn positive(value: &Value) -> f64 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value}"));
    assert!(number.is_finite() && number > 0.0, "{number}");
    number
}

/// A median with its ends.
fn spread(object: &Value, key: &str) {
    let [median, min, max] =
        ["", "_min", "_max"].map(|end| positive(&object[format!("{key}{end}")]));
    assert!(min <= median && median <= max, "{key}: {object}");
}

#[test]
fn chosen_parts_give_a_document_of_their_figures_and_no_others() {
    let parts = "host,dispatch,mel,similar";
    let said = succeeds(&["bench", "--only", parts, "--json", "--quiet"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert!(!report["adapter"]["name"].as_str().unwrap().is_empty());
    spread(&report, "dispatch_us");
    spread(&report["dispatch"], "dependent_us");
    spread(&report["dispatch"], "independent_us");
    spread(&report["mel"], "gpu_x_realtime");
    spread(&report["mel"], "cpu_x_realtime");
    spread(&report["similar"], "search_ms");
    for other in ["reference", "reference_x4", "kernels", "jit_ms", "ceilings"] {
        assert!(report.get(other).is_none(), "{other}");
    }
}

#[test]
fn an_unknown_part_is_refused_with_those_there_are() {
    let said = fails(2, &["bench", "--only", "host,gpu"]);
    for part in [
        "'gpu'",
        "networks",
        "networks-x4",
        "kernels",
        "mel",
        "embed",
        "start",
        "host",
        "dispatch",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_network_of_ones_own_is_timed_with_its_kernels() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("tiny.toml");
    std::fs::write(&spec, TINY).unwrap();
    let arguments = ["bench", "--network", text(&spec), "--profile"];
    let words = succeeds(&arguments);
    let said = succeeds(&[&arguments[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&said).unwrap();
    positive(&report["ceilings"]["fma_gflops"]);
    positive(&report["ceilings"]["copy_gbps"]);
    let network = &report["networks"][0];
    assert_eq!(network["name"], "tiny");
    // Edges of 8 values and of one, and the biases.
    assert_eq!(network["params"], 9 * 3 * 8 + 3 + 9 * 3 * 4 + 4);
    spread(network, "step_ms");
    spread(network, "forward_ms");
    assert!(network["repeats"].as_u64().unwrap() >= 3);
    positive(&network["flops"]);
    positive(&network["peak_bytes"]);
    // Every kernel is in the list of dispatches; a GPU has fewer, of kernels that do more.
    let total = |class: &str| {
        let counts = network["dispatches"][class].as_object().unwrap();
        counts.values().map(|n| n.as_u64().unwrap()).sum::<u64>()
    };
    assert!(total("hardware") < total("software"), "{network}");
    assert_eq!(network["dispatches"]["hardware"]["sum_gradients"], 1);
    assert!(words.contains(&format!("{} for hardware", total("hardware"))));
    let kernels = network["kernels"].as_array().unwrap();
    let named = |start: &str| {
        let mut all = kernels.iter();
        all.find(|k| k["name"].as_str().unwrap().starts_with(start))
            .unwrap_or_else(|| panic!("{start}: {kernels:?}"))
    };
    for kernel in kernels {
        for figure in ["count", "ms", "gbps", "share"] {
            positive(&kernel[figure]);
        }
    }
    let splines = named("kan_conv_forward 1->3 @ 8x16, 3x3 stride 1, batch 50");
    positive(&splines["gflops"]);
    assert!(named("adamw_step")["gflops"].is_null());
    // The table for people has the same rows.
    assert!(
        words.contains("a step of tiny, kernel by kernel"),
        "{words}"
    );
    assert!(words.contains("kan_conv_forward 1->3 @ 8x16"), "{words}");
}

#[test]
fn a_network_that_does_not_fit_is_told_and_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (huge, tiny) = (
        folder.path().join("huge.toml"),
        folder.path().join("tiny.toml"),
    );
    std::fs::write(&huge, HUGE).unwrap();
    std::fs::write(&tiny, TINY).unwrap();
    let both = ["--network", text(&huge), "--network", text(&tiny)];
    let output = gamaka(&[&["bench", "--json"], &both[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("huge: tensor") && stderr(&output).contains("smaller network"),
        "{}",
        stderr(&output)
    );
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(report["networks"][0].is_null());
    assert_eq!(report["networks"][1]["name"], "tiny");
    let said = fails(1, &["bench", "--network", text(&huge)]);
    assert!(said.contains("one binding holds at most"), "{said}");
}

#[test]
fn a_network_that_is_none_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let said = fails(1, &["bench", "--network", "vgg"]);
    assert!(
        said.contains("`vgg`") && said.contains("ickan-late"),
        "{said}"
    );
    let spec = folder.path().join("spec.toml");
    let said = fails(1, &["bench", "--network", text(&spec)]);
    assert!(said.contains("spec.toml: cannot be read"), "{said}");
    // Fits no clip: nine times eight bands.
    std::fs::write(&spec, TINY.replace("[8, 8]", "[72, 8]")).unwrap();
    let said = fails(1, &["bench", "--network", text(&spec)]);
    assert!(
        said.contains("spec.toml") && said.contains("layer 0 (pool) of the network does not fit"),
        "{said}"
    );
}

#[test]
fn a_training_tells_the_kernels_of_its_own_network() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.safetensors");
    let (music, config) = (studio().music(), studio().config());
    let arguments = [
        "train",
        text(&music),
        "-o",
        text(&model),
        "--config",
        text(&config),
        "--episodes",
        "1",
        "--profile",
        "--quiet",
    ];
    let words = succeeds(&arguments);
    assert!(
        words.contains("tiny with") && words.contains("kan_conv_forward 1->4"),
        "{words}"
    );
    let said = succeeds(&[&arguments[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&said).unwrap();
    let kernels = report["kernels"].as_array().unwrap();
    // Two ways of one support and one query.
    let splines = kernels.iter().find(|k| {
        let name = k["name"].as_str().unwrap();
        name.starts_with("kan_conv_grad_weight 1->4") && name.ends_with("batch 4")
    });
    positive(&splines.unwrap_or_else(|| panic!("{kernels:?}"))["gflops"]);
}
