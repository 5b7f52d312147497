//! A personal library: what a scan finds, and that nothing that happens to it is lost.

use std::path::{Path, PathBuf};
use std::process::Output;

use rusqlite::Connection;

use crate::{command, copy_music, fails, fixture, gamaka, stderr, stdout, studio, text};

/// Music, and a library of it by the tiny model.
struct Shelf {
    folder: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_music(&folder.path().join("music"));
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn music(&self) -> PathBuf {
        self.at("music")
    }

    fn library(&self) -> PathBuf {
        self.at("l.sqlite")
    }

    /// `gamaka library ...` with this library.
    fn run(&self, arguments: &[&str]) -> Output {
        let library = self.library();
        gamaka(&[&["library"], arguments, &["--library", text(&library)]].concat())
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)))
    }

    /// Scans all music by the tiny model.
    fn scan(&self) -> serde_json::Value {
        let (music, model) = (self.music(), studio().model());
        self.json(&["scan", text(&music), "--model", text(&model)])
    }

    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    /// Every row of the library is whole, and so is its file. Gives the number of files heard.
    fn check(&self) -> i64 {
        let rows = Connection::open(self.library()).unwrap();
        let one = |question: &str| {
            rows.query_row(question, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let whole: String = rows
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(whole, "ok");
        if one("SELECT count(*) FROM sqlite_master") == 0 {
            return 0;
        }
        assert_eq!(one("SELECT count(*) FROM pragma_foreign_key_check()"), 0);
        let torn = "SELECT count(*) FROM heard h JOIN model m ON m.id = h.model
            WHERE length(h.embedding) <> 4 * m.width OR length(h.parts) % (2 * m.width) <> 0 OR h.seconds <= 0";
        assert_eq!(one(torn), 0);
        assert_eq!(
            one("SELECT count(*) FROM file WHERE (hash IS NULL) = (problem IS NULL)"),
            0
        );
        let unheard = "SELECT count(*) FROM file WHERE hash NOT IN (SELECT hash FROM heard)";
        assert_eq!(one(unheard), 0);
        one("SELECT count(*) FROM file WHERE hash IS NOT NULL")
    }
}

fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = gamaka::audio::find(&[folder.to_path_buf()]).files;
    files
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_scan_hears_what_is_new_or_changed_and_knows_again_what_has_moved() {
    let shelf = Shelf::new();
    let music = shelf.music();
    let first = shelf.scan();
    assert_eq!(
        (&first["found"], &first["heard"]),
        (&24.into(), &24.into()),
        "{first}"
    );
    assert_eq!(shelf.check(), 24);

    let again = shelf.json(&["scan"]);
    assert_eq!(
        (&again["unchanged"], &again["heard"]),
        (&24.into(), &0.into()),
        "{again}"
    );

    // One moves, one goes, one is copied, one changes, one is hidden, one is linked to.
    std::fs::rename(music.join("a/flac.flac"), music.join("b/another name.flac")).unwrap();
    std::fs::remove_file(music.join("a/cbr.mp3")).unwrap();
    std::fs::copy(music.join("a/s16.wav"), music.join("c/copy.wav")).unwrap();
    std::fs::copy(fixture("s24.wav"), music.join("c/s32.wav")).unwrap();
    std::fs::copy(fixture("s16.wav"), music.join("c/.hidden.wav")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(music.join("a"), music.join("d/link")).unwrap();
    let second = shelf.json(&["scan"]);
    let figures = [
        "found",
        "unchanged",
        "heard",
        "known_content",
        "moved",
        "missing",
    ];
    let figures = figures.map(|name| second[name].as_i64().unwrap());
    assert_eq!(figures, [24, 21, 3, 3, 1, 1], "{second}");
    let status = shelf.json(&["status"]);
    assert_eq!(
        (&status["tracks"], &status["missing"]),
        (&24.into(), &1.into()),
        "{status}"
    );

    // What comes back is known again, without being heard.
    std::fs::copy(fixture("cbr.mp3"), music.join("a/cbr.mp3")).unwrap();
    let third = shelf.json(&["scan"]);
    assert_eq!(
        (&third["known_content"], &third["missing"]),
        (&1.into(), &0.into()),
        "{third}"
    );
    assert_eq!(shelf.json(&["status"])["missing"], 0);
    shelf.check();
}

#[test]
fn a_file_that_cannot_be_heard_costs_itself_and_is_told() {
    let shelf = Shelf::new();
    let music = shelf.music();
    for name in ["bad/random.mp3", "bad/empty.wav", "silent.wav"] {
        let from = fixture(name);
        if Path::new(&from).exists() {
            std::fs::copy(from, music.join(name.replace('/', " "))).unwrap();
        }
    }
    let scanned = shelf.scan();
    let failed = scanned["failed"].as_array().unwrap().len();
    assert!(failed >= 2 && scanned["heard"] == 24, "{scanned}");
    let listed = stdout(&shelf.run(&["errors"]));
    assert_eq!(listed.lines().count(), failed, "{listed}");
    assert!(
        listed.contains("bad empty.wav: is empty (0 bytes)"),
        "{listed}"
    );

    // They are not tried again until they change, or are to be.
    let again = shelf.json(&["scan"]);
    assert_eq!(
        (
            &again["failed_before"],
            again["failed"].as_array().unwrap().len()
        ),
        (&failed.into(), 0)
    );
    let retried = shelf.json(&["scan", "--retry"]);
    assert!(
        !retried["failed"].as_array().unwrap().is_empty(),
        "{retried}"
    );
    std::fs::copy(fixture("s16.wav"), music.join("bad random.mp3")).unwrap();
    assert_eq!(shelf.json(&["scan"])["heard"], 1);
    std::fs::remove_file(music.join("bad empty.wav")).unwrap();
    shelf.json(&["scan"]);
    assert_eq!(stdout(&shelf.run(&["errors"])).lines().count(), failed - 2);
    assert_eq!(
        shelf.json(&["status"])["missing"],
        0,
        "what was never heard is not missed"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_is_told_and_costs_itself() {
    use std::os::unix::ffi::OsStrExt;
    let shelf = Shelf::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.wav");
    std::fs::copy(fixture("s16.wav"), shelf.music().join(name)).unwrap();
    let scanned = shelf.scan();
    assert_eq!(
        (
            &scanned["heard"],
            scanned["failed"].as_array().unwrap().len()
        ),
        (&24.into(), 1)
    );
    let listed = stdout(&shelf.run(&["errors"]));
    assert!(listed.contains("not UTF-8; rename it"), "{listed}");
}

#[test]
fn a_drive_that_is_away_loses_nothing_and_forgetting_is_asked_for() {
    let shelf = Shelf::new();
    shelf.scan();
    std::fs::rename(shelf.music(), shelf.at("away")).unwrap();
    let said = shelf.says(1, &["scan"]);
    assert!(
        said.contains("music: is no folder that can be read now"),
        "{said}"
    );
    let status = shelf.json(&["status"]);
    assert_eq!(
        (&status["tracks"], &status["missing"]),
        (&24.into(), &0.into())
    );
    std::fs::rename(shelf.at("away"), shelf.music()).unwrap();
    assert_eq!(shelf.json(&["scan"])["unchanged"], 24);

    std::fs::remove_dir_all(shelf.music().join("a")).unwrap();
    assert_eq!(shelf.json(&["scan"])["missing"], 4);
    assert_eq!(shelf.json(&["forget", "--missing"])["forgotten"], 4);
    let music = shelf.music();
    assert_eq!(
        shelf.json(&["forget", text(&music.join("b"))])["forgotten"],
        4
    );
    let said = shelf.says(1, &["forget", text(&music.join("no such"))]);
    assert!(
        said.contains("the library knows no such file or folder"),
        "{said}"
    );
    assert_eq!(shelf.json(&["forget", text(&music)])["forgotten"], 16);
    assert_eq!(shelf.json(&["status"])["folders"], serde_json::json!([]));
    assert!(
        shelf.says(1, &["scan"]).contains("name one"),
        "no folder is left"
    );
    assert!(music.join("b/s24.wav").exists(), "the music stays");
    let rows = Connection::open(shelf.library()).unwrap();
    let heard: i64 = rows
        .query_row("SELECT count(*) FROM heard", [], |row| row.get(0))
        .unwrap();
    assert_eq!(heard, 0, "and nothing else does");
}

#[test]
fn another_model_hears_the_library_anew_and_a_changed_one_is_refused() {
    let shelf = Shelf::new();
    shelf.scan();
    let music = shelf.music();
    let output = shelf.run(&["scan", text(&music), "--model", "included"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("24 files are heard anew"),
        "{}",
        stderr(&output)
    );
    let rows = Connection::open(shelf.library()).unwrap();
    let models: i64 = rows
        .query_row("SELECT count(DISTINCT model) FROM heard", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(models, 1, "what the older model heard is not kept");
    shelf.check();
}

#[test]
fn what_is_no_library_is_refused_and_left_as_it_is() {
    let shelf = Shelf::new();
    let said = shelf.says(1, &["status"]);
    assert!(
        said.contains("there is no library yet; `gamaka library scan FOLDER` makes one"),
        "{said}"
    );
    assert!(!shelf.library().exists(), "asking makes nothing");

    let music = shelf.music();
    let scan = ["scan", text(&music)];
    for bytes in [&b"a text that somebody wrote"[..], &[7; 100_000]] {
        std::fs::write(shelf.library(), bytes).unwrap();
        for arguments in [&["status"][..], &scan] {
            let said = shelf.says(1, arguments);
            assert!(said.contains("l.sqlite: is no gamaka library"), "{said}");
        }
        assert_eq!(std::fs::read(shelf.library()).unwrap(), bytes);
    }
    std::fs::remove_file(shelf.library()).unwrap();
    // Another program's.
    let other = Connection::open(shelf.library()).unwrap();
    other
        .execute_batch("CREATE TABLE recipe(name TEXT); INSERT INTO recipe VALUES ('soup')")
        .unwrap();
    drop(other);
    let before = std::fs::read(shelf.library()).unwrap();
    assert!(shelf.says(1, &scan).contains("is no gamaka library"));
    assert_eq!(std::fs::read(shelf.library()).unwrap(), before);
    let song = fixture("s16.wav");
    let said = fails(1, &["library", "scan", text(&music), "--library", &song]);
    assert!(said.contains("is no gamaka library"), "{said}");
    let said = fails(
        1,
        &[
            "library",
            "scan",
            text(&music),
            "--library",
            text(&shelf.at("new.mp3")),
        ],
    );
    assert!(said.contains("named like it"), "{said}");
}

#[test]
fn a_newer_a_locked_and_a_truncated_library_say_so() {
    let shelf = Shelf::new();
    shelf.scan();
    let rows = Connection::open(shelf.library()).unwrap();
    rows.execute_batch("PRAGMA user_version = 99").unwrap();
    for arguments in [&["status"][..], &["scan"]] {
        let said = shelf.says(1, arguments);
        assert!(
            said.contains("written by a newer gamaka") && said.contains("99"),
            "{said}"
        );
    }
    rows.execute_batch("PRAGMA user_version = 1").unwrap();

    // A long write by another program: readers do not wait, a writer gives up with a sentence.
    rows.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(shelf.json(&["status"])["tracks"], 24);
    let said = shelf.says(1, &["scan"]);
    assert!(said.contains("in use by another program"), "{said}");
    rows.execute_batch("ROLLBACK").unwrap();
    // Another scan.
    let held = std::fs::File::create(shelf.at(".l.sqlite-lock.partial")).unwrap();
    held.lock().unwrap();
    let said = shelf.says(1, &["scan"]);
    assert!(
        said.contains("l.sqlite") && said.contains("another run of gamaka"),
        "{said}"
    );
    assert_eq!(shelf.json(&["status"])["tracks"], 24);
    drop(held);

    rows.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(rows);
    let whole = std::fs::read(shelf.library()).unwrap();
    for part in [3, 2] {
        std::fs::write(shelf.library(), &whole[..whole.len() / part]).unwrap();
        let said = shelf.says(1, &["scan", text(&shelf.music())]);
        assert!(
            said.contains("l.sqlite: is damaged") && said.contains("scan anew"),
            "{said}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_a_scan_with_a_sentence_and_what_was_heard_is_kept() {
    let shelf = Shelf::new();
    let (music, library, model) = (shelf.music(), shelf.library(), studio().model());
    let arguments = [
        "library",
        "scan",
        text(&music),
        "--model",
        text(&model),
        "--library",
        text(&library),
    ];
    let mut refused = 0;
    for blocks in [0, 4, 16, 40, 64, 80, 96] {
        let output = crate::interrupted::on_a_full_disk(blocks, &arguments);
        let said = stderr(&output);
        if !output.status.success() {
            assert_eq!(output.status.code(), Some(1), "{blocks}: {said}");
            assert!(
                said.contains("l.sqlite") && said.contains("space"),
                "{blocks}: {said}"
            );
            refused += 1;
        }
        if library.exists() {
            shelf.check();
        }
    }
    assert!(refused > 2, "{refused}");
    assert_eq!(shelf.scan()["found"], 24);
    assert_eq!(shelf.check(), 24);
}

#[cfg(unix)]
#[test]
fn a_scan_that_is_killed_at_any_moment_leaves_every_row_whole_and_the_next_goes_on() {
    const KILLS: usize = 50;
    let shelf = Shelf::new();
    for copy in ["more", "still more"] {
        copy_music(&shelf.music().join(copy));
    }
    // Copies would be known by their content.
    for (k, (path, mut bytes)) in bytes_of(&shelf.music()).into_iter().enumerate() {
        if path.extension().is_some_and(|e| e == "wav") {
            bytes.extend(k.to_le_bytes());
            std::fs::write(path, bytes).unwrap();
        }
    }
    let before = bytes_of(&shelf.music());
    let start = std::time::Instant::now();
    shelf.scan();
    let whole_scan = start.elapsed().as_millis() as u64;
    std::fs::remove_file(shelf.library()).unwrap();
    let (music, library, model) = (shelf.music(), shelf.library(), studio().model());
    let arguments = [
        "library",
        "scan",
        text(&music),
        "--model",
        text(&model),
        "--library",
        text(&library),
    ];
    let mut killed = 0;
    let mut most = 0;
    let mut wait = 7u64;
    while killed < KILLS {
        let mut child = command(&arguments)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Up to what a scan takes, in no order.
        wait = wait
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(std::time::Duration::from_millis((wait >> 33) % whole_scan));
        let ended = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        child.wait().unwrap();
        killed += usize::from(!ended);
        if library.exists() {
            most = most.max(shelf.check());
            if ended {
                // All was heard: once more from nothing.
                for end in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(shelf.at(&format!("l.sqlite{end}")));
                }
            }
        }
    }
    assert_eq!(shelf.scan()["found"], 72);
    assert_eq!(shelf.check(), 72);
    assert!(most > 0, "some were killed after they had written");
    assert!(bytes_of(&shelf.music()) == before, "the music is as it was");
    let mut left: Vec<_> = std::fs::read_dir(shelf.folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["l.sqlite", "music"]);
}

#[cfg(unix)]
#[test]
fn a_watched_folder_is_scanned_when_a_file_comes_and_ctrl_c_ends_it() {
    let shelf = Shelf::new();
    let (music, library, model) = (shelf.music(), shelf.library(), studio().model());
    let mut child = command(&[
        "library",
        "watch",
        text(&music),
        "--model",
        text(&model),
        "--library",
        text(&library),
    ])
    .stderr(std::process::Stdio::null())
    .stdout(std::process::Stdio::null())
    .spawn()
    .unwrap();
    let wait_for = |tracks: i64| {
        for _ in 0..600 {
            let output = shelf.run(&["status", "--json"]);
            let status: serde_json::Value =
                serde_json::from_str(&stdout(&output)).unwrap_or_default();
            if status["tracks"] == tracks {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{tracks} tracks never came");
    };
    wait_for(24);
    std::fs::copy(fixture("u8.wav"), music.join("new.wav")).unwrap();
    let mut changed = std::fs::read(fixture("s16.wav")).unwrap();
    changed.extend([0; 8]);
    std::fs::write(music.join("newer.wav"), changed).unwrap();
    wait_for(26);
    std::fs::remove_file(music.join("new.wav")).unwrap();
    wait_for(25);
    let id = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
