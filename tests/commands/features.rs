//! Features kept from run to run by `--features`.

use std::path::Path;

use serde_json::Value;

use crate::{CLASSES, copy_music, fails, gamaka, stderr, studio, succeeds, text};

/// Nothing of what a file held, and as long.
fn blank(file: &Path) {
    let length = std::fs::metadata(file).unwrap().len();
    std::fs::write(file, vec![0; length as usize]).unwrap();
}

#[test]
fn later_runs_hear_what_is_kept_and_come_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, kept, config) = (at("music"), at("kept"), studio().config());
    copy_music(&music);
    let train = |model: &Path| {
        let arguments = ["train", text(&music), "-o", text(model)];
        let more = ["--config", text(&config), "--features", text(&kept)];
        let output = gamaka(&[&arguments[..], &more].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let said = train(&at("first"));
    assert!(
        said.contains("the features of 0 files were there, those of"),
        "{said}"
    );
    let eval = |more: &[&str]| -> Value {
        let model = at("first");
        let arguments = ["eval", text(&music), "-m", text(&model), "--json"];
        let shape = ["--split", "all", "--shot", "1", "--query", "1"];
        let document = succeeds(&[&arguments[..], &shape, &["--episodes", "20"], more].concat());
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["files_failed"], Value::Array(vec![]));
        document["result"].clone()
    };
    let with = ["--features", text(&kept)];
    let first = eval(&with);
    // In another folder, and nothing left to decode or to hash.
    let moved = at("moved");
    std::fs::rename(&music, &moved).unwrap();
    std::fs::create_dir(&music).unwrap();
    for class in CLASSES.map(|(class, _)| class) {
        std::fs::rename(moved.join(class), music.join(class)).unwrap();
        for file in std::fs::read_dir(music.join(class)).unwrap() {
            blank(&file.unwrap().path());
        }
    }
    let said = train(&at("second"));
    assert!(said.contains("those of 0 files were added"), "{said}");
    let [a, b] = ["first", "second"].map(|name| std::fs::read(at(name)).unwrap());
    assert!(a == b, "the models differ");
    assert_eq!(eval(&with), first);
    let out = at("ablated");
    succeeds(&[
        "ablate",
        text(&music),
        "-o",
        text(&out),
        "--config",
        text(&config),
        "--models",
        "mlp",
        "--focus",
        "mlp",
        "--rates",
        "1e-3",
        "--seeds",
        "1",
        "--test-episodes",
        "10",
        "--features",
        text(&kept),
    ]);
    // Another front end hears anew, and there is nothing to hear.
    let other = at("other.toml");
    let changed = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&other, format!("max_seconds = 1.5\n{changed}")).unwrap();
    let model = at("third");
    let arguments = ["train", text(&music), "-o", text(&model)];
    let more = ["--config", text(&other), "--features", text(&kept)];
    let said = fails(1, &[&arguments[..], &more].concat());
    assert!(
        said.contains("is not audio") && said.contains("those of 0 files were added"),
        "{said}"
    );
    // A file of another size is heard anew, and others are not.
    let changed = music.join("a/s16.wav");
    std::fs::copy(crate::fixture("s16.wav"), &changed).unwrap();
    let mut longer = std::fs::read(&changed).unwrap();
    longer.extend(b"LIST\x04\0\0\0INFO");
    std::fs::write(&changed, longer).unwrap();
    let model = at("first");
    let arguments = ["eval", text(&music), "-m", text(&model), "--json"];
    let shape = ["--split", "all", "--shot", "1", "--query", "1"];
    let document = succeeds(&[&arguments[..], &shape, &["--episodes", "20"], &with].concat());
    assert!(
        document.contains("those of 1 file were added"),
        "{document}"
    );
}

#[test]
fn what_is_no_file_of_features_is_refused_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (music, config, model) = (studio().music(), studio().config(), at("model"));
    let refused = |features: &Path| {
        let before = std::fs::read(features).ok();
        let arguments = ["train", text(&music), "-o", text(&model)];
        let more = ["--config", text(&config), "--features", text(features)];
        let said = fails(1, &[&arguments[..], &more].concat());
        assert_eq!(std::fs::read(features).ok(), before);
        assert!(said.contains(text(features)), "{said}");
        assert!(!model.exists());
        said
    };
    let copy = at("copy");
    std::fs::copy(studio().model(), &copy).unwrap();
    assert!(refused(&copy).contains("is a safetensors file, but none of features"));
    std::fs::write(at("notes"), "what I heard").unwrap();
    assert!(refused(&at("notes")).contains("is no file of features"));
    refused(&music.join("a/s16.wav"));
    refused(&music);
    refused(&at("missing/kept"));
    refused(&model);
    let kept = at("kept");
    succeeds(&[
        "train",
        text(&music),
        "-o",
        text(&at("fine")),
        "--config",
        text(&config),
        "--features",
        text(&kept),
    ]);
    let whole = std::fs::read(&kept).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&kept, &changed).unwrap();
    assert!(refused(&kept).contains("is damaged"));
    std::fs::write(&kept, &whole[..whole.len() - 1]).unwrap();
    assert!(refused(&kept).contains("is cut short: delete it"));
    std::fs::write(&kept, &whole).unwrap();
    // Names must tell files apart.
    let arguments = ["train", text(&music), "--mix", text(&music)];
    let more = [
        "-o",
        text(&model),
        "--config",
        text(&config),
        "--features",
        text(&kept),
    ];
    let said = fails(1, &[&arguments[..], &more].concat());
    assert!(said.contains("both collections have"), "{said}");
    assert!(std::fs::read(&kept).unwrap() == whole);
}
