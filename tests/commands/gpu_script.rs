//! `benches/gpu/run.sh`, the one run on a machine with a GPU, and the tables made from its documents.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::{stderr, stdout, text};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn script(arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(format!("{ROOT}/benches/gpu/run.sh"))
        .args(["--gamaka", env!("CARGO_BIN_EXE_gamaka")])
        .args(arguments);
    command
}

/// A folder with a space in its name, the place of a document in it, and a program that ends so.
struct Desk {
    _folder: tempfile::TempDir,
    out: PathBuf,
    tests: PathBuf,
}

impl Desk {
    fn new(tests: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = folder.path().join("a desk");
        std::fs::create_dir(&desk).unwrap();
        let program = desk.join("gpu tests");
        std::fs::write(&program, format!("#!/bin/sh\n{tests}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        Self {
            _folder: folder,
            out: desk.join("all.json"),
            tests: program,
        }
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = script(&["--out", text(&self.out), "--tests", text(&self.tests)]);
        command
            .args(more)
            .current_dir(self.out.parent().unwrap_or(Path::new("/")));
        command
    }

    fn run(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    fn document(&self) -> Value {
        let words = std::fs::read_to_string(&self.out).unwrap();
        serde_json::from_str(&words).unwrap_or_else(|e| panic!("{e}: {words}"))
    }
}

fn step<'a>(document: &'a Value, name: &str) -> &'a Value {
    let steps = document["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {document}"))
}

#[test]
fn a_run_records_what_succeeds_what_fails_and_what_is_missing() {
    let desk = Desk::new(
        r#"printf 'running 3 tests\ntest a::b ... ok\ntest c::d ... FAILED\ntest e ... ignored\n'
printf 'a "quoted" \\ word\377\n' >&2
exit 101"#,
    );
    let options = [
        "--only",
        "dispatch,tests,peers",
        "--seconds",
        "100",
        "--python",
        "/nowhere/python",
        "--note",
        "a \"note\"",
    ];
    let output = desk.run(&options);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("1 of 3 steps"), "{output:?}");
    let document = desk.document();
    assert_eq!(document["finished"], true);
    assert_eq!(document["note"], "a \"note\"");
    let dispatch = step(&document, "dispatch");
    assert_eq!(dispatch["outcome"], "ok");
    assert!(dispatch["result"]["dispatch"]["independent_us"].as_f64() > Some(0.0));
    assert_eq!(
        dispatch["result"]["adapter"]["name"], document["adapter"],
        "{document}"
    );
    let tests = step(&document, "tests");
    assert_eq!(
        (&tests["outcome"], &tests["rc"]),
        (&"failed".into(), &101.into())
    );
    let counts = serde_json::json!({"passed": 1, "failed": 1, "ignored": 1, "failures": ["c::d"]});
    assert_eq!(tests["result"], counts);
    assert_eq!(tests["stderr"], "a \"quoted\" \\ word?");
    let peers = step(&document, "peers");
    assert_eq!(peers["outcome"], "skipped");
    assert!(peers["why"].as_str().unwrap().contains("/nowhere/python"));
}

#[test]
fn steps_without_time_or_adapter_are_skipped_with_the_reason() {
    let desk = Desk::new("exit 0");
    let output = desk.run(&["--only", "doctor,tests,dispatch", "--seconds", "0"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    for step in desk.document()["steps"].as_array().unwrap() {
        assert_eq!(step["outcome"], "skipped");
        assert_eq!(step["why"], "the budget of 0 s is spent");
    }
    let mut blind = desk.command(&["--only", "doctor,tests,dispatch"]);
    let output = blind.env("GAMAKA_DEVICE", "nonesuch").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).contains("--packages"), "{output:?}");
    let document = desk.document();
    let doctor = step(&document, "doctor");
    assert_eq!(doctor["outcome"], "failed");
    assert!(doctor["result"]["problems"][0].is_string(), "{doctor}");
    let why = &step(&document, "dispatch")["why"];
    assert!(
        why.as_str().unwrap().contains("no adapter can be used"),
        "{why}"
    );
}

#[test]
fn a_run_that_is_cut_off_leaves_what_it_has() {
    let desk = Desk::new("sleep 100");
    let mut run = desk
        .command(&["--only", "tests,dispatch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    assert!(lines.any(|line| line.contains("tests: at most")));
    let kill = Command::new("kill").arg(run.id().to_string()).status();
    assert!(kill.unwrap().success());
    assert!(lines.any(|line| line.contains("cut off after")));
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let document = desk.document();
    assert_eq!(document["finished"], false);
    assert!(document["steps"].as_array().unwrap().is_empty());
}

#[test]
fn wrong_usage_is_refused_in_a_sentence() {
    for (arguments, words) in [
        (&["--fast"][..], "there is no option --fast"),
        (&["--seconds", "soon"], "wants a whole number"),
        (&["--gamaka", "/nowhere/gamaka"], "cargo build --release"),
        (&["--tests", "/nowhere/tests"], "no test program"),
        (&["--out", "/nowhere/all.json"], "nothing can be written"),
        (&["--note"], "wants a value"),
    ] {
        let output = script(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// Needs Python, which a bare machine may not have.
#[test]
fn the_tables_of_the_page_are_those_of_the_documents() {
    let check = |page: &Path| {
        Command::new("python3")
            .arg(format!("{ROOT}/benches/gpu/tables.py"))
            .args(["--check", "--page", text(page)])
            .output()
    };
    let page = Path::new(ROOT).join("docs/performance.md");
    let Ok(output) = check(&page) else {
        return;
    };
    assert!(output.status.success(), "{}", stderr(&output));
    // One without documents says so, and differs from the page that has some.
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("performance.md");
    std::fs::copy(page, &alone).unwrap();
    assert!(!check(&alone).unwrap().status.success());
}
