use std::fs::{self, Permissions};
use std::io;
use std::path::Path;

use super::alive::LOCK;
use super::write::{PARTIAL, temporary};
use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn kept(result: Result<(), WriteError>) -> Keep {
    match result {
        Err(WriteError::Kept { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.txt");
    write(&path, b"one").unwrap();
    write(&path, b"another").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"another");
    let failing = write_with(&path, |file| {
        file.write_all(b"half")?;
        Err(io::ErrorKind::StorageFull.into())
    });
    let said = failing.unwrap_err().to_string();
    assert!(said.contains("free some space"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), b"another");
    fs::create_dir(folder.path().join("taken")).unwrap();
    assert_eq!(
        kept(write(&folder.path().join("taken"), b"x")),
        Keep::Folder
    );
    let missing = folder.path().join("missing").join("out.txt");
    let said = write(&missing, b"x").unwrap_err().to_string();
    assert!(
        said.contains(missing.to_str().unwrap()) && said.contains("make the folder first"),
        "{said}"
    );
    assert!(!said.contains(PARTIAL), "{said}");
    assert_eq!(names(folder.path()), ["out.txt", "taken"]);
}

#[test]
fn what_a_killed_writer_left_goes_with_the_next_write_of_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in [
        ".out.txt-Ab3dEf.partial",
        ".out.txt.old-Ab3dEf.partial",
        ".out.txt-notes",
    ] {
        fs::write(at(name), b"half").unwrap();
    }
    write(&at("out.txt"), b"one").unwrap();
    assert!(!at(".out.txt-Ab3dEf.partial").exists());
    assert!(at(".out.txt.old-Ab3dEf.partial").exists() && at(".out.txt-notes").exists());
}

#[test]
fn what_a_living_writer_is_writing_stays_and_the_last_one_wins_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.txt");
    let living = temporary(&path).unwrap();
    write(&path, b"one").unwrap();
    assert!(living.path().exists(), "another write");
    Outputs::default().add(&path).unwrap();
    assert!(living.path().exists(), "a check");
    living.persist(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
    let left = folder.path().join(".out.txt-Ab3dEf.partial");
    fs::write(&left, b"half").unwrap();
    Outputs::default().add(&path).unwrap();
    assert!(left.exists(), "a check only looks");
}

#[test]
fn a_file_is_claimed_by_one_run_at_a_time_under_all_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let claim = Claim::new(&path).unwrap();
    let busy = |path: &Path| kept(Claim::new(path).map(drop));
    assert_eq!(busy(&path), Keep::Busy);
    write(&path, b"written meanwhile").unwrap();
    assert_eq!(
        busy(&folder.path().join(".").join("m.safetensors")),
        Keep::Busy
    );
    drop(claim);
    assert_eq!(names(folder.path()), ["m.safetensors"]);
    // What a killed run has left claims nothing.
    fs::write(folder.path().join(".m.safetensors-lock.partial"), b"").unwrap();
    drop(Claim::new(&path).unwrap());
    assert_eq!(names(folder.path()), ["m.safetensors"]);
}

#[test]
fn audio_is_kept_by_its_name_and_by_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert_eq!(kept(write(&at("new.FLAC"), b"x")), Keep::Audio);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    let fixtures = fs::read_dir(fixtures).unwrap().map(|e| e.unwrap().path());
    let mut seen = 0;
    for song in fixtures.filter(|path| path.is_file()) {
        let held = fs::read(&song).unwrap();
        fs::write(at("out.csv"), &held).unwrap();
        let refused = write(&at("out.csv"), b"x");
        assert!(refused.is_err(), "{}", song.display());
        assert_eq!(kept(refused), Keep::Audio);
        assert!(fs::read(at("out.csv")).unwrap() == held);
        seen += 1;
    }
    assert!(seen > 20);
    // Lengths of headers that are an MP3's first bytes.
    fs::write(at("m.safetensors"), b"\xff\xfb\0\0\0\0\0\0{\"a\":1}").unwrap();
    write(&at("m.safetensors"), b"x").unwrap();
}

#[test]
fn models_and_manifests_give_way_to_their_own_kind_only() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let model = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let (old, new) = (model("{\"a\":1}"), model("{\"b\":{}}"));
    fs::write(at("model"), &old).unwrap();
    assert_eq!(kept(write(&at("model"), b"loss,accuracy\n")), Keep::Model);
    assert_eq!(kept(Outputs::default().add(&at("model"))), Keep::Model);
    assert_eq!(
        kept(Outputs::default().add_manifest(&at("model"))),
        Keep::Model
    );
    assert_eq!(fs::read(at("model")).unwrap(), old);
    Outputs::default().add_model(&at("model")).unwrap();
    write(&at("model"), &new).unwrap();
    for list in [
        "path,label\n",
        "\u{feff}Label;Mood;Path\r\n",
        "\"label\"\t\"path\"",
    ] {
        fs::write(at("list"), list).unwrap();
        assert_eq!(kept(write(&at("list"), &new)), Keep::Manifest);
        assert_eq!(kept(Outputs::default().add(&at("list"))), Keep::Manifest);
        Outputs::default().add_manifest(&at("list")).unwrap();
        write(&at("list"), b"path,label,split,group\n").unwrap();
    }
    // Rows of an embedding, and what begins like a model only.
    for other in ["path,start_s,end_s,e0\n", "\0\0\0\0\0\0\0\x01{", "", "{"] {
        fs::write(at("other"), other).unwrap();
        write(&at("other"), b"x").unwrap();
    }
}

#[test]
fn a_name_that_ends_like_a_folder_is_none_for_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for end in ["x.svg/", "x.svg/.", "x.svg//"] {
        let path = folder.path().join(end);
        assert_eq!(kept(Outputs::default().add(&path)), Keep::Folder);
        assert_eq!(kept(write(&path, b"x")), Keep::Folder);
    }
}

#[test]
fn what_comes_with_gamaka_is_written_once_and_never_over_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("a.ogg");
    provide(&song, b"song").unwrap();
    provide(&song, b"song").unwrap();
    assert_eq!(kept(provide(&song, b"other")), Keep::Other);
    assert_eq!(fs::read(&song).unwrap(), b"song");
}

#[test]
fn a_name_of_any_length_that_the_system_takes_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("\u{e4}".repeat(125));
    write(&long, b"one").unwrap();
    write(&long, b"two").unwrap();
    assert_eq!(fs::read(&long).unwrap(), b"two");
    let longer = folder.path().join("x".repeat(300));
    let said = write(&longer, b"x").unwrap_err().to_string();
    assert!(said.contains("choose a shorter name"), "{said}");
}

#[test]
fn outputs_are_told_apart_and_kept_from_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("in.csv"), b"x").unwrap();
    let mut outputs = Outputs::default();
    outputs.add(&at("out.csv")).unwrap();
    assert_eq!(kept(outputs.add(&at("OUT.csv"))), Keep::Twice);
    outputs.add(&at("in.csv")).unwrap();
    let again = folder.path().join(".").join("in.csv");
    assert_eq!(kept(outputs.spare([&again])), Keep::Input);
    outputs.spare([at("other.csv")]).unwrap();
    outputs.add_in(&at("new").join("deep"), &["a.svg"]).unwrap();
    let below = at("in.csv").join("deep");
    assert_eq!(kept(outputs.add_in(&below, &["a.svg"])), Keep::File);
    assert_eq!(names(folder.path()), ["in.csv"], "checks leave nothing");
}

#[test]
fn temporary_folders_of_the_dead_go_and_those_of_the_living_stay() {
    let prefix = format!("gamaka-test-{}-", std::process::id());
    let living = TemporaryFolder::new(&prefix).unwrap();
    let dead = std::env::temp_dir().join(format!("{prefix}dead"));
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join(LOCK), b"").unwrap();
    let next = TemporaryFolder::new(&prefix).unwrap();
    assert!(living.path().exists() && next.path().exists() && !dead.exists());
}

#[cfg(unix)]
#[test]
fn links_stay_and_their_targets_are_written() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("far")).unwrap();
    symlink("far/there.csv", at("first")).unwrap();
    symlink("first", at("second")).unwrap();
    for bytes in [b"one", b"two"] {
        write(&at("second"), bytes).unwrap();
        assert_eq!(fs::read(at("far/there.csv")).unwrap(), bytes);
    }
    assert!(at("first").is_symlink() && at("second").is_symlink());
    assert_eq!(names(&at("far")), ["there.csv"]);
    symlink("song.mp3", at("link.csv")).unwrap();
    assert_eq!(kept(write(&at("link.csv"), b"x")), Keep::Audio);
    remove(&at("second"));
    assert!(at("second").is_symlink() && !at("far/there.csv").exists());
    symlink("b", at("a")).unwrap();
    symlink("a", at("b")).unwrap();
    assert!(write(&at("a"), b"x").is_err());
}

#[cfg(unix)]
#[test]
fn modes_are_kept_and_read_only_files_refused_even_to_root() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, usual) = (folder.path().join("ours"), folder.path().join("usual"));
    write(&ours, b"x").unwrap();
    fs::write(&usual, b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ours), mode(&usual));
    fs::set_permissions(&ours, Permissions::from_mode(0o606)).unwrap();
    write(&ours, b"y").unwrap();
    assert_eq!(mode(&ours), 0o606);
    fs::set_permissions(&ours, Permissions::from_mode(0o444)).unwrap();
    assert_eq!(kept(write(&ours, b"z")), Keep::ReadOnly);
    assert_eq!(fs::read(&ours).unwrap(), b"y");
}
