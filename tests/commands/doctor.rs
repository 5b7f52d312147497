//! `gamaka doctor`, and what is said where there is no adapter.

use crate::{command, fails, gamaka, stderr, stdout, succeeds};

#[test]
fn the_doctor_finds_every_kernel_healthy() {
    let report: serde_json::Value = serde_json::from_str(&succeeds(&["doctor", "--json"])).unwrap();
    assert_eq!(report["healthy"], true);
    assert!(report["adapters"].as_array().is_some_and(|a| !a.is_empty()));
    assert_eq!(report["limits"]["storage_binding_mib"], 128);
    let kernels: std::collections::HashSet<&str> = report["kernels"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|t| t["kernels"].as_array().unwrap())
        .filter_map(|k| k.as_str())
        .collect();
    let all = gamaka::gpu::KERNELS.iter().map(|kernel| kernel.name);
    let missing: Vec<&str> = all.filter(|name| !kernels.contains(name)).collect();
    // In plans for GPUs others make its sums.
    assert!(
        missing.is_empty() || missing == ["channel_sum"],
        "{missing:?}"
    );
    let words = succeeds(&["doctor"]);
    assert!(
        words.contains("Everything works.") && words.contains("kan_conv_forward"),
        "{words}"
    );
}

#[test]
fn an_adapter_that_is_not_there_is_refused_with_those_that_are() {
    let said = fails(1, &["doctor", "--device", "99"]);
    assert!(said.is_empty(), "{said}");
    let output = gamaka(&["doctor", "--device", "no such card"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("no adapter matches `no such card`"),
        "{}",
        stdout(&output)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn without_an_adapter_a_sentence_says_what_to_install() {
    let without = |arguments: &[&str]| {
        command(arguments)
            .env("VK_DRIVER_FILES", "/nonexistent.json")
            .env("VK_ICD_FILENAMES", "/nonexistent.json")
            .output()
            .expect("the program starts")
    };
    let output = without(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("no GPU adapter was found: "),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).to_lowercase().contains("install"),
        "{}",
        stdout(&output)
    );
    let studio = crate::studio();
    let (music, model) = (studio.music(), studio.model());
    let output = without(&["eval", crate::text(&music), "--model", crate::text(&model)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no GPU adapter was found"),
        "{}",
        stderr(&output)
    );
    // A spectrogram needs none.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("o.npy");
    let output = without(&["mel", &crate::fixture("s16.wav"), "-o", crate::text(&out)]);
    assert!(
        output.status.success() && stdout(&output).contains("cpu engine"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn help_and_version_are_there_for_every_command() {
    for command in [
        "demo", "doctor", "bench", "mel", "train", "eval", "embed", "classify", "similar",
        "playlist",
    ] {
        let help = succeeds(&[command, "--help"]);
        assert!(
            help.contains("--device") && help.contains("--quiet"),
            "{command}: {help}"
        );
    }
    assert!(succeeds(&["--version"]).starts_with("gamaka 0."));
    assert!(fails(2, &["frobnicate"]).contains("frobnicate"));
}
