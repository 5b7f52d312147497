//! `gamaka tune`, and what commands make of what it kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use gamaka::gpu::{AdapterClass, DeviceChoice, Gpu};
use gamaka::internals::embed::inference;
use gamaka::internals::settings::TrainConfig;
use gamaka::internals::tuning::Cache;
use gamaka::ops::{Pass, candidates, operation, parse_operation};

use crate::{command, stderr, stdout, studio, text};

const TINY: &str = r#"
name = "tiny"
[[layers]]
type = "pool"
kind = "mean"
kernel = [16, 16]
[[layers]]
type = "kan_conv"
channels = 4
kernel = 3
[[layers]]
type = "statistics_pool"
over = "all"
"#;

fn tune(folder: &Path, more: &[&str]) -> Output {
    let spec = folder.join("tiny.toml");
    std::fs::write(&spec, TINY).unwrap();
    let mut arguments = vec!["tune", "--network", text(&spec)];
    arguments.extend(more);
    command(&arguments)
        .env("GAMAKA_CACHE", folder.join("cache"))
        .output()
        .unwrap()
}

/// The one file of tunings in a folder.
fn kept(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder.join("cache")).ok()?;
    let mut files = entries.map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|end| end == "json"))
}

#[test]
fn what_is_found_is_kept_told_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let output = tune(folder.path(), &["--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let contests = report["contests"].as_array().unwrap();
    // A training step has three passes, the first layer's input none; embedding has its own batch.
    assert!(contests.len() >= 3, "{report}");
    let path = kept(folder.path()).unwrap();
    assert_eq!(report["cache"], text(&path));
    let known: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for contest in contests {
        let operation = contest["operation"].as_str().unwrap();
        assert_eq!(known["choices"][operation], contest["chosen"]);
        let (pass, shape) = parse_operation(operation).unwrap();
        let classes = AdapterClass::ALL.into_iter();
        let mut all = classes.flat_map(|class| candidates(pass, &shape, class));
        assert!(all.any(|variant| variant.to_string() == contest["chosen"]));
    }
    let again = tune(folder.path(), &[]);
    assert!(again.status.success(), "{}", stderr(&again));
    let words = stdout(&again);
    assert!(words.contains("A training step of tiny:"), "{words}");
    assert!(words.contains(text(&path)), "{words}");
}

#[test]
fn a_cache_of_no_use_is_one_sentence_and_a_run_on_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = Gpu::open(&DeviceChoice::Auto).unwrap();
    let cache = Cache::at(folder.path().join("cache"));
    let choice = "forward, plain, 4->16 @ 33x33, 3x3 stride 1x1 padding 1x1, batch 8";
    let (pass, shape) = parse_operation(choice).unwrap();
    let id = candidates(pass, &shape, gpu.class())[1].to_string();
    let choices: BTreeMap<String, String> = [(choice.to_string(), id.clone())].into();
    let path = cache.keep(&gpu.adapter, choices).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let model = studio().model();
    let embed = |content: &str| {
        std::fs::write(&path, content).unwrap();
        let out = folder.path().join("o.jsonl");
        let song = crate::fixture("s16.wav");
        let arguments = ["embed", &song, "-m", text(&model), "-o", text(&out)];
        let output = command(&arguments)
            .env("GAMAKA_CACHE", folder.path().join("cache"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "it stays");
        (stderr(&output), std::fs::read(&out).unwrap())
    };
    let (said, usual) = embed(&whole);
    assert!(!said.contains("tune"), "{said}");
    let version = env!("CARGO_PKG_VERSION");
    let changes = [
        (whole[..whole.len() / 2].to_string(), "is damaged"),
        (String::new(), "is damaged"),
        ("\u{0}\u{1}".into(), "is damaged"),
        ("[]".into(), "was made by gamaka another version"),
        (whole.replace(version, "0.0.9"), "was made by gamaka 0.0.9"),
        (
            whole.replace(&id, "registers 3x7 w5 s9"),
            "`registers 3x7 w5 s9`",
        ),
        (whole.replace(choice, "backward"), "for backward"),
        (
            whole.replace("\"driver\": \"", "\"driver\": \"older "),
            "was made with the driver older",
        ),
        (
            whole.replace("\"kernels\": \"", "\"kernels\": \"0"),
            "was made with other kernels",
        ),
        (whole.replace("\"choices\"", "\"chioces\""), "is damaged"),
    ];
    for (content, words) in changes {
        assert_ne!(content, whole, "{words}");
        let (said, got) = embed(&content);
        let lines = said.lines().filter(|line| line.contains(words));
        assert_eq!(lines.count(), 1, "{words}: {said}");
        assert!(
            said.contains(text(&path)) && said.contains("anew"),
            "{said}"
        );
        assert!(got == usual, "{words}");
    }
}

#[test]
fn two_at_once_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = Gpu::open(&DeviceChoice::Auto).unwrap();
    let held = Cache::at(folder.path().join("cache")).claim(&gpu.adapter);
    let held = held.unwrap();
    let output = tune(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("by another process"),
        "{}",
        stderr(&output)
    );
    drop(held);
    assert!(kept(folder.path()).is_none());
}

#[cfg(unix)]
#[test]
fn an_interrupted_tuning_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let mut child = command(&["tune", "--network", "ickan"])
        .env("GAMAKA_CACHE", &cache)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begun = || std::fs::read_dir(&cache).is_ok_and(|entries| entries.count() > 0);
    while !begun() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    crate::interrupted::signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("nothing was kept"),
        "{}",
        stderr(&output)
    );
    assert!(kept(folder.path()).is_none());
}

#[test]
fn networks_that_there_are_not_are_told_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nonesuch", "nonesuch.toml", "nonesuch.safetensors"] {
        let output = command(&["tune", "--network", name])
            .env("GAMAKA_CACHE", folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("nonesuch"), "{}", stderr(&output));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Other variants for whatever the studio's training runs.
fn others(class: AdapterClass) -> BTreeMap<String, String> {
    let config = std::fs::read_to_string(studio().config()).unwrap();
    let network = TrainConfig::from_toml(&config).unwrap().network().unwrap();
    let mut choices = BTreeMap::new();
    for batch in 1..=128 {
        for forward in inference(class, &network, batch).0.choices.into_keys() {
            let (_, shape) = parse_operation(&forward).unwrap();
            for pass in [Pass::Forward, Pass::GradInput, Pass::GradWeight] {
                let all = candidates(pass, &shape, class);
                let last = all.last().unwrap().to_string();
                choices.insert(operation(pass, &shape), last);
            }
        }
    }
    choices
}

#[cfg(unix)]
#[test]
fn a_resumed_training_ends_with_the_same_bits_whatever_was_tuned_since() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = Gpu::open(&DeviceChoice::Auto).unwrap();
    let caches = ["none", "tuned"].map(|name| folder.path().join(name));
    let cache = Cache::at(&caches[1]);
    cache.keep(&gpu.adapter, others(gpu.class())).unwrap();
    let train = |name: &str, cache: usize, more: &[&str]| {
        let out = folder.path().join(name);
        let (music, config) = (studio().music(), studio().config());
        let mut arguments = vec!["train", text(&music), "-o", text(&out)];
        arguments.extend(["--config", text(&config), "--episodes", "60"]);
        arguments.extend(more);
        let mut command = command(&arguments);
        command
            .env("GAMAKA_CACHE", &caches[cache])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        (command.spawn().unwrap(), out)
    };
    let whole = [0, 1].map(|cache| {
        let (child, out) = train(&format!("whole{cache}.safetensors"), cache, &[]);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        std::fs::read(out).unwrap()
    });
    assert!(whole[0] != whole[1], "the model says how it was cut");
    for begun in [0, 1] {
        let name = format!("killed{begun}.safetensors");
        let (mut child, out) = train(&name, begun, &[]);
        let state = folder.path().join(format!("{name}.checkpoint"));
        while !state.exists() {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        crate::interrupted::signal(&child, "-KILL");
        child.wait().unwrap();
        let (child, _) = train(&name, 1 - begun, &["--resume"]);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(
            std::fs::read(out).unwrap() == whole[begun],
            "begun with {begun}"
        );
    }
}
