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
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
        refused(&at("dangling"), "or a link to nothing, stands there");
    }
    refused(&at("missing/../below"), "something of that name");
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

#[cfg(unix)]
#[test]
fn interrupted_while_files_are_written_it_says_what_becomes_of_them() {
    use std::process::Stdio;
    let home = tempfile::tempdir().unwrap();
    let mut taken_away = 0;
    // It may be done before the signal arrives.
    for k in 0..40 {
        let out = home.path().join(k.to_string());
        let mut command = crate::command(&["export", "--page", "-q", "-o", text(&out)]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        while !out.exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        crate::interrupted::signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        let (said, code) = (crate::stderr(&output), output.status.code());
        let lines: Vec<&str> = said.lines().collect();
        match lines[..] {
            [line] if line.contains("is taken away; again to end at once") => {
                assert!(code == Some(130) && !out.exists(), "{code:?}");
                taken_away += 1;
            }
            [] => assert!(code == Some(0) && out.join("index.html").exists()),
            _ => assert!(code == Some(130) && out.join("bundle/bundle.json").exists()),
        }
        if taken_away == 3 {
            return;
        }
    }
    // A disk may be too quick for any signal to come between two files.
    eprintln!("{taken_away} of 40 exports were interrupted while files were written");
}

/// A file that is written to its end is waited for, unless a second signal says otherwise.
#[cfg(unix)]
#[test]
fn a_second_interrupt_ends_at_once_what_the_first_waits_for() {
    use std::process::{Command, Stdio};
    use std::time::Duration;
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out.npy");
    // What a killed run may have left, but as a pipe: whoever looks at it waits for ever.
    let pipe = home.path().join(".out.npy-Ab3dEf.partial");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let song = fixture("s16.wav");
    for wait in [500, 2_000, 8_000, 30_000] {
        let arguments = ["mel", &song, "-o", text(&out), "--engine", "cpu"];
        let mut command = crate::command(&arguments);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        crate::interrupted::signal(&child, "-INT");
        std::thread::sleep(Duration::from_millis(wait));
        let ended = child.try_wait().unwrap();
        if ended.is_none() {
            crate::interrupted::signal(&child, "-INT");
            let start = std::time::Instant::now();
            while child.try_wait().unwrap().is_none() {
                if start.elapsed() > Duration::from_secs(60) {
                    child.kill().unwrap();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let output = child.wait_with_output().unwrap();
        // Else the first came before anything was written.
        if ended.is_none() {
            let said = crate::stderr(&output);
            assert_eq!(output.status.code(), Some(130), "{said}");
            assert!(
                said.contains("file that is being written is whole"),
                "{said}"
            );
            assert!(!said.contains("stopped"), "{said}");
            return;
        }
    }
    panic!("nothing was ever written");
}

/// Other systems have no such names.
#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_told_as_it_is_shown() {
    use std::os::unix::ffi::OsStrExt;
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join(std::ffi::OsStr::from_bytes(b"o\xff"));
    let mut command = crate::command(&["export", TINY, "--json", "-o"]);
    let output = command.arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", crate::stderr(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["output"], out.display().to_string());
    Bundle::read(&out).unwrap();
}
