//! Runs that are stopped, killed or out of disk: nothing is lost.
#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{command, fails, fixture, stderr, studio, succeeds, text};

/// More episodes than a test has time for, unless it is stopped.
const LONG: [&str; 2] = ["--episodes", "60"];

fn train(out: &Path, more: &[&str]) -> Child {
    let (music, config) = (studio().music(), studio().config());
    let mut arguments = vec![
        "train",
        text(&music),
        "-o",
        text(out),
        "--config",
        text(&config),
    ];
    arguments.extend(LONG);
    arguments.extend(more);
    command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

fn wait_for(path: &Path, child: &mut Child) {
    let start = Instant::now();
    while !path.exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before {} was there",
            path.display()
        );
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{} never came",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    assert!(
        Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_killed_training_resumes_to_the_same_file_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (
        folder.path().join("whole.safetensors"),
        folder.path().join("killed.safetensors"),
    );
    assert!(
        train(&whole, &[])
            .wait_with_output()
            .unwrap()
            .status
            .success()
    );
    let state = folder.path().join("killed.safetensors.checkpoint");
    let mut child = train(&killed, &[]);
    wait_for(&state, &mut child);
    signal(&child, "-KILL");
    child.wait().unwrap();
    assert!(!killed.exists() && state.exists());
    let output = train(&killed, &["--resume"]).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("going on after episode"),
        "{}",
        stderr(&output)
    );
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&killed).unwrap());
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["killed.safetensors", "whole.safetensors"]);
}

#[test]
fn ctrl_c_stops_a_training_with_its_state_and_exit_code_130() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.safetensors");
    let mut child = train(&out, &[]);
    wait_for(&folder.path().join("m.safetensors.checkpoint"), &mut child);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    assert!(
        train(&out, &["--resume"])
            .wait_with_output()
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn a_second_training_of_the_same_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.safetensors");
    let held = std::fs::File::create(folder.path().join(".m.safetensors-lock.partial")).unwrap();
    held.lock().unwrap();
    for more in [&[][..], &["--resume"]] {
        let second = train(&out, more).wait_with_output().unwrap();
        assert_eq!(second.status.code(), Some(1));
        let said = stderr(&second);
        let words = "m.safetensors: is not written, for it is being written by another run";
        assert!(said.contains(words), "{said}");
    }
    drop(held);
    let output = train(&out, &[]).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "the model only");
}

#[test]
fn a_file_named_in_several_ways_is_embedded_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("o.jsonl");
    let model = studio().model();
    let spellings = ["", "../audio/", "./../audio/./"].map(|way| fixture(&format!("{way}s16.wav")));
    let mut arguments = vec![
        "embed",
        "-m",
        text(&model),
        "-o",
        text(&out),
        "--per",
        "file",
    ];
    arguments.extend(spellings.iter().map(String::as_str));
    succeeds(&arguments);
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 1);
}

#[test]
fn a_stopped_embedding_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (music, model) = (studio().music(), studio().model());
    let (whole, resumed) = (
        folder.path().join("whole.jsonl"),
        folder.path().join("resumed.jsonl"),
    );
    succeeds(&[
        "embed",
        text(&music),
        "-m",
        text(&model),
        "-o",
        text(&whole),
    ]);
    let lines = std::fs::read_to_string(&whole).unwrap();
    // A full disk leaves whole files, then a torn line.
    let arguments = [
        "embed",
        text(&music),
        "-m",
        text(&model),
        "-o",
        text(&resumed),
    ];
    let output = on_a_full_disk(2, &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let partial = folder.path().join("resumed.jsonl.partial");
    let kept = std::fs::read_to_string(&partial).unwrap();
    assert!(kept.lines().count() > 3 && !kept.ends_with('\n'), "{kept}");

    // Rows are neither thrown away nor mixed with others.
    assert!(fails(1, &arguments).contains("add --resume"));
    // While another run is at it, whatever is asked.
    let held = std::fs::File::create(folder.path().join(".resumed.jsonl-lock.partial")).unwrap();
    held.lock().unwrap();
    for more in [&[][..], &["--resume"]] {
        let said = fails(1, &[&arguments[..], more].concat());
        assert!(
            said.contains("resumed.jsonl") && said.contains("another run"),
            "{said}"
        );
    }
    drop(held);
    let fewer = fixture("s16.wav");
    let fewer = [
        "embed",
        &fewer,
        "-m",
        text(&model),
        "-o",
        text(&resumed),
        "--resume",
    ];
    let said = fails(1, &fewer);
    assert!(said.contains("not among the files"), "{said}");
    let mut other = [&arguments[..], &["--resume", "--per", "file"]].concat();
    assert!(fails(1, &other).contains("another model"));
    assert_eq!(std::fs::read_to_string(&partial).unwrap(), kept);

    other.truncate(arguments.len() + 1);
    let output = command(&other).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("files were done before"),
        "{}",
        stderr(&output)
    );
    assert!(!partial.exists());
    let again = std::fs::read_to_string(&resumed).unwrap();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again), sorted(&lines));
}

#[test]
fn ctrl_c_in_an_embedding_says_at_once_what_happens_and_keeps_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    // More than are handed to the device at a time.
    for copy in 0..6 {
        crate::copy_music(&folder.path().join(format!("music/{copy}")));
    }
    let (music, out) = (folder.path().join("music"), folder.path().join("o.csv"));
    let arguments = ["embed", text(&music), "-m", text(&model), "-o", text(&out)];
    let mut child = command(&arguments)
        .env_remove("XDG_RUNTIME_DIR")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&folder.path().join("o.csv.partial"), &mut child);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let said = stderr(&output);
    let first = said.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("stopping") && first.contains("o.csv.partial keeps what is done"),
        "{said}"
    );
    let output = crate::gamaka(&[&arguments[..], &["--resume"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["music", "o.csv"]);
}

#[test]
fn a_training_under_nohup_outlives_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.safetensors");
    let (music, config) = (studio().music(), studio().config());
    let mut child = Command::new("bash")
        .args([
            "-c",
            "trap '' HUP; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_gamaka"),
        ])
        .args(["train", text(&music), "-o", text(&out)])
        .args(["--config", text(&config)])
        .args(LONG)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&folder.path().join("m.safetensors.checkpoint"), &mut child);
    signal(&child, "-HUP");
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && out.exists(),
        "{}",
        stderr(&output)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn where_threads_are_short_a_sentence_says_so_and_nothing_panics() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let folder = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let out = folder.path().join("a.npy");
    let song = fixture("s16.wav");
    for limit in [1, 6, 8, 10, 11, 12] {
        let script = format!("ulimit -u {limit}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_gamaka")]);
        command.args(["mel", &song, "-o", text(&out), "--engine", "gpu"]);
        if root {
            // Root has no limit.
            command.uid(65_534);
        }
        let output = command.output().unwrap();
        let said = stderr(&output);
        if said.contains("Permission denied") {
            eprintln!("another user cannot run the program here: skipped");
            return;
        }
        assert!(!said.contains("panicked"), "{limit}: {said}");
        if limit == 1 || !output.status.success() {
            assert_eq!(output.status.code(), Some(1), "{limit}: {said}");
            assert!(
                said.contains("ulimit -u") && said.lines().count() == 1,
                "{said}"
            );
        }
    }
}

/// Runs it where no file may grow beyond so many blocks of 1 KiB.
pub(crate) fn on_a_full_disk(blocks: u32, arguments: &[&str]) -> std::process::Output {
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_gamaka")])
        .args(arguments)
        .output()
        .expect("bash is there")
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.png");
    std::fs::write(&out, b"what was there").unwrap();
    // Its spectrogram fits in the temporary folder, and the picture does not.
    let file = fixture("s16.wav");
    let output = on_a_full_disk(4, &["mel", &file, "-o", text(&out), "--engine", "cpu"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("out.png") && stderr(&output).contains("free some space"),
        "{}",
        stderr(&output)
    );
    assert_eq!(std::fs::read(&out).unwrap(), b"what was there");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );

    let model = studio().model();
    let rows = folder.path().join("rows.jsonl");
    let music = studio().music();
    let output = on_a_full_disk(
        4,
        &["embed", text(&music), "-m", text(&model), "-o", text(&rows)],
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    let output = command(&[
        "embed",
        text(&music),
        "-m",
        text(&model),
        "-o",
        text(&rows),
        "--resume",
    ])
    .output()
    .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));

    let out = folder.path().join("m.safetensors");
    let config = studio().config();
    // Even the features of the clips do not fit.
    let output = on_a_full_disk(
        4,
        &[
            "train",
            text(&music),
            "-o",
            text(&out),
            "--config",
            text(&config),
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("temporary folder") && stderr(&output).contains("free some space"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_state_that_does_not_fit_the_disk_ends_the_training_by_name_and_leaves_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let music = studio().music();
    // A head so wide that the state is larger than the clips' features.
    let wide = std::fs::read_to_string(studio().config()).unwrap();
    let wide = wide.replace("channels = 5", "channels = 1000");
    let config = folder.path().join("wide.toml");
    std::fs::write(&config, wide).unwrap();
    let out = folder.path().join("m.safetensors");
    let arguments = [
        "train",
        text(&music),
        "-o",
        text(&out),
        "--config",
        text(&config),
    ];
    let output = on_a_full_disk(800, &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("m.safetensors.checkpoint: cannot be written")
            && stderr(&output).contains("free some space"),
        "{}",
        stderr(&output)
    );
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left(), 1, "only the configuration is there");
    succeeds(&arguments);
    assert_eq!(left(), 2, "and now the model");
}
