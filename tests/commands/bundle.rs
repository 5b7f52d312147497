//! `gamaka export`: a whole bundle in a new or an empty folder, or nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gamaka::internals::bundle::Bundle;
use serde_json::Value;

use crate::{fails, fixture, succeeds, text};

const TINY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/golden/tiny.safetensors"
);

/// Every file below a folder, and every folder.
fn all(folder: &Path) -> BTreeSet<PathBuf> {
    let found = walkdir::WalkDir::new(folder).min_depth(1).into_iter();
    found.map(|entry| entry.unwrap().into_path()).collect()
}

#[test]
fn a_model_is_exported_into_a_new_or_an_empty_folder() {
    let home = tempfile::tempdir().unwrap();
    let (new, empty) = (home.path().join("a/b/new"), home.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    let said = succeeds(&["export", TINY, "-o", text(&new)]);
    assert!(
        said.contains("a/b/new: ") && said.contains(" files, "),
        "{said}"
    );
    let bundle = Bundle::read(&new).unwrap();
    let manifest = bundle.manifest();
    assert_eq!(manifest.gamaka, env!("CARGO_PKG_VERSION"));
    let inspected: Value = serde_json::from_str(&succeeds(&["inspect", TINY, "--json"])).unwrap();
    assert_eq!(inspected["hash"], manifest.model.hash);
    assert_eq!(inspected["embedding"], manifest.model.width);
    assert_eq!(manifest.model.card["licence"], Value::Null);
    assert!(manifest.training.is_none());

    // The model that comes with gamaka, if none is named, and what it learns with.
    let said = succeeds(&["export", "--learn", "--json", "-o", text(&empty)]);
    let told: Value = serde_json::from_str(&said).unwrap();
    let bundle = Bundle::read(&empty).unwrap();
    assert_eq!(
        told["bundle"],
        serde_json::to_value(bundle.manifest()).unwrap()
    );
    let bytes: u64 = bundle.manifest().files.values().map(|f| f.bytes).sum();
    assert_eq!(told["bytes"], bytes);
    assert!(bundle.manifest().training.is_some());
    let licence = bundle.manifest().model.card["licence"].as_str().unwrap();
    assert!(licence.contains("Apache-2.0"), "{licence}");
    let files = all(&empty).into_iter().filter(|path| path.is_file());
    assert_eq!(files.count(), bundle.manifest().files.len() + 1);
}

#[test]
fn what_learns_in_the_page_may_be_any_network() {
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join("own.toml");
    let spec = |layer: &str| {
        let last = "[[layers]]\ntype = \"linear\"\nchannels = 4\n";
        std::fs::write(
            &own,
            format!("name = \"mine\"\n[[layers]]\ntype = {layer}\n{last}"),
        )
        .unwrap();
    };
    spec("\"pool\"\nkind = \"mean\"\nkernel = 8");
    for (learn, name, curves) in [
        ("--learn".to_string(), "small-ickan", 2),
        ("--learn=small-ickan".to_string(), "small-ickan", 2),
        ("--learn=ickan".to_string(), "ickan", 4),
        (format!("--learn={}", text(&own)), "mine", 0),
    ] {
        let out = home.path().join(format!("{name} {}", learn.len()));
        succeeds(&["export", TINY, &learn, "-o", text(&out)]);
        let bundle = Bundle::read(&out).unwrap();
        let training = bundle.manifest().training.as_ref().unwrap();
        assert_eq!(
            (training.network.as_str(), training.curves.len()),
            (name, curves)
        );
    }
    let out = home.path().join("out");
    let wrong = |learn: &str, word: &str| {
        let said = fails(1, &["export", TINY, learn, "-o", text(&out)]);
        assert!(said.contains(word), "{said}");
        assert!(!out.exists());
    };
    wrong("--learn=vgg", "there are: ");
    wrong("--learn=missing.toml", "missing.toml");
    let own_learn = format!("--learn={}", text(&own));
    spec("\"standardise\"");
    wrong(&own_learn, "no means and deviations");
    spec("\"pool\"\nkind = \"mean\"\nkernel = 800");
    wrong(&own_learn, "does not fit");
}

#[test]
fn what_is_no_model_is_named_and_nothing_is_made() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    for (model, word) in [
        (fixture("s16.wav"), "s16.wav"),
        (
            "missing.safetensors".to_string(),
            "there is no such model file",
        ),
        (text(home.path()).to_string(), "folder"),
    ] {
        let said = fails(1, &["export", &model, "-o", text(&out)]);
        assert!(said.contains(word), "{said}");
        assert!(!out.exists());
    }
    let said = fails(2, &["export", TINY]);
    assert!(said.contains("--output"), "{said}");
}

#[test]
fn nothing_is_written_over_or_beside_what_is_there() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let refused = |out: &Path, word: &str| {
        let before = all(home.path());
        let said = fails(1, &["export", TINY, "-o", text(out)]);
        assert!(said.contains(word) && said.lines().count() == 1, "{said}");
        assert_eq!(all(home.path()), before);
    };
    std::fs::create_dir(at("full")).unwrap();
    std::fs::write(at("full/notes.txt"), "mine").unwrap();
    refused(
        &at("full"),
        "full: is not written, for it is a folder that holds something",
    );
    assert_eq!(std::fs::read(at("full/notes.txt")).unwrap(), b"mine");
    refused(&at("full/notes.txt"), "give the name of a folder");
    refused(&at("full/notes.txt/below"), "notes.txt");
    // Also a bundle itself.
    succeeds(&["export", TINY, "-o", text(&at("once"))]);
    refused(&at("once"), "a folder that holds something");
    Bundle::read(&at("once")).unwrap();
}

#[cfg(unix)]
#[test]
fn without_rights_or_room_nothing_is_left() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    // What is first written, the tensors, does not fit; with a little more room some shader does not.
    for blocks in [1, 20] {
        let arguments = ["export", TINY, "-o", text(&out)];
        let output = crate::interrupted::on_a_full_disk(blocks, &arguments);
        let said = crate::stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("free some space"), "{said}");
        assert!(!out.exists());
    }
    let closed = home.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).unwrap();
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
    for out in [closed.join("new"), closed.clone()] {
        let mut command = crate::command(&["export", "-o", text(&out)]);
        if std::fs::write(closed.join("probe"), "").is_ok() {
            // Root may do everything.
            std::fs::remove_file(closed.join("probe")).unwrap();
            command.uid(65_534).gid(65_534);
        }
        let Ok(output) = command.output() else {
            eprintln!("another user cannot run the program here: passed over");
            continue;
        };
        let said = crate::stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("closed") && said.contains("permissions"),
            "{said}"
        );
        assert!(all(&closed).is_empty());
    }
}

#[cfg(unix)]
#[test]
fn interrupted_at_any_moment_it_leaves_a_whole_bundle_or_none() {
    use std::process::Stdio;
    use std::time::Duration;
    let home = tempfile::tempdir().unwrap();
    for (k, wait) in [0, 30, 80, 150, 250, 400, 600].into_iter().enumerate() {
        let out = home.path().join(k.to_string());
        let mut command = crate::command(&["export", "--learn", "-q", "-o", text(&out)]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        crate::interrupted::signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        // A signal that comes before the program looks for it ends it without a code.
        let code = output.status.code();
        assert!(matches!(code, None | Some(0 | 130)), "{wait}: {code:?}");
        match out.exists() {
            true => drop(Bundle::read(&out).unwrap()),
            false => assert_ne!(code, Some(0), "{wait}"),
        }
    }
}
