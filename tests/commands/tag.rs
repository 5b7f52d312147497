//! `gamaka tag`: what is written into files, what is kept, and that nothing is lost whatever ends a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use gamaka::internals::tagging::{self, Copy};
use rusqlite::Connection;

use crate::{command, fails, fixture, gamaka, stderr, stdout, studio, text};

/// Files whose tags can be written, long enough to be known.
const SONGS: [&str; 12] = [
    "cbr.mp3",
    "vbr.mp3",
    "untagged.mp3",
    "flac.flac",
    "vorbis.ogg",
    "opus.opus",
    "aac.m4a",
    "slow.m4a",
    "mp3_inside.wav",
    "slow.mp3",
    "adts.aac",
    "mp2.mp2",
];

/// A folder of music, and a library that was taught two genres.
struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(shop.music()).unwrap();
        for song in SONGS {
            std::fs::copy(fixture(song), shop.song(song)).unwrap();
        }
        shop
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn music(&self) -> PathBuf {
        self.at("music")
    }

    fn song(&self, name: &str) -> PathBuf {
        self.music().join(name)
    }

    fn library(&self) -> PathBuf {
        self.at("l.sqlite")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let library = self.library();
        gamaka(&[arguments, &["--library", text(&library)]].concat())
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)))
    }

    /// `gamaka tag` of the whole library.
    fn tag(&self, more: &[&str]) -> serde_json::Value {
        self.json(&[&["tag", "--all"], more].concat())
    }

    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let library = self.library();
        fails(code, &[arguments, &["--library", text(&library)]].concat())
    }

    /// Scans the music, makes every other file an example of ska, the others of swing, and lets the model have heard that.
    fn taught(self) -> Self {
        let (music, model) = (self.music(), studio().model());
        let scanned = self.json(&["library", "scan", text(&music), "--model", text(&model)]);
        assert_eq!(scanned["failed"], serde_json::json!([]), "{scanned}");
        let rows = Connection::open(self.library()).unwrap();
        rows.execute_batch(
            "INSERT INTO genre(id, name) VALUES (1, 'ska'), (2, 'Jazz/Swing');
             INSERT OR IGNORE INTO example(genre, path, hash, size, modified_ns)
             SELECT 1 + id % 2, path, hash, size, modified_ns FROM file",
        )
        .unwrap();
        let all = "SELECT hash, genre, id, (SELECT width FROM model) FROM example";
        let mut all = rows.prepare(all).unwrap();
        let mut all = all.query([]).unwrap();
        while let Some(row) = all.next().unwrap() {
            let (genre, id): (usize, u16) = (row.get(1).unwrap(), row.get(2).unwrap());
            let mut vector = vec![0.1; row.get(3).unwrap()];
            vector[genre] = 1.0 + f32::from(id % 5) / 100.0;
            vector[0] += f32::from(id % 3) / 100.0;
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            let hash: String = row.get(0).unwrap();
            let set = "UPDATE heard SET embedding = ?2 WHERE hash = ?1";
            rows.execute(set, rusqlite::params![hash, bytes]).unwrap();
        }
        self
    }

    fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        bytes_of(&self.music())
    }
}

/// All files in a folder, temporary ones too.
fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// Puts a genre into a file, as its owner did.
fn give(path: &Path, genre: &str) {
    let planned = tagging::plan(path, &[(genre.into(), 1.0)], true).unwrap();
    Copy::of(&planned).unwrap().put().unwrap();
}

fn genre_of(path: &Path) -> Vec<String> {
    tagging::read(path).unwrap().fields.names()
}

fn file<'a>(answer: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let files = answer["files"].as_array().unwrap().iter();
    let mut found = files.filter(|file| file["path"].as_str().unwrap().ends_with(name));
    found.next().unwrap_or_else(|| panic!("{name}: {answer}"))
}

#[test]
fn a_dry_run_changes_nothing_and_what_is_written_is_known_and_can_be_taken_back() {
    let shop = Shop::new();
    give(&shop.song("cbr.mp3"), "polka");
    std::fs::copy(fixture("vorbis.mkv"), shop.song("film.mkv")).unwrap();
    let shop = shop.taught();
    let before = shop.bytes();

    let dry = shop.run(&["tag", "--all"]);
    let (shown, noted) = (stdout(&dry), stderr(&dry));
    assert!(dry.status.success(), "{noted}");
    assert!(shown.contains("vorbis.ogg\n  genre: - -> "), "{shown}");
    assert!(
        shown.contains("cbr.mp3\n  genre: polka stays (answer: "),
        "{shown}"
    );
    assert!(
        shown.contains("12 of 12 files to change; nothing is written"),
        "{shown}"
    );
    assert!(
        noted.contains("--write writes it")
            && noted.contains("1 file keeps its genre; --overwrite"),
        "{noted}"
    );
    assert!(
        noted.contains("film.mkv: its tags cannot be written"),
        "{noted}"
    );
    assert!(shop.bytes() == before);

    let written = shop.tag(&["--write"]);
    assert_eq!(written["run"], 1, "{written}");
    assert_eq!(written["failed"].as_array().unwrap().len(), 1, "{written}");
    for song in SONGS {
        let file = file(&written, song);
        assert_eq!(file["written"], true, "{file}");
        let first = file["answer"][0]["genre"].as_str().unwrap();
        let expected = if song == "cbr.mp3" { "polka" } else { first };
        assert_eq!(genre_of(&shop.song(song)), [expected], "{song}");
        let own = tagging::read(&shop.song(song)).unwrap().fields.own.unwrap();
        assert!(own.starts_with(&format!("{first} ")), "{own}");
    }
    assert_eq!(file(&written, "cbr.mp3")["kept"], true);
    // The library knows them still: nothing is heard again, and they are examples as before.
    let scanned = shop.json(&["library", "scan"]);
    assert_eq!(
        (&scanned["unchanged"], &scanned["heard"]),
        (&13.into(), &0.into()),
        "{scanned}"
    );
    let again = shop.tag(&["--write"]);
    assert!(again["run"].is_null(), "{again}");
    for song in SONGS {
        let answer = |run: &serde_json::Value| file(run, song)["answer"].clone();
        assert_eq!(answer(&again), answer(&written), "{song}");
    }
    let overwritten = shop.tag(&["--write", "--overwrite"]);
    assert_eq!(overwritten["run"], 2);
    assert_ne!(genre_of(&shop.song("cbr.mp3")), ["polka"]);

    // The last run, then the one before.
    let said = shop.says(1, &["tag", "--undo", "7"]);
    assert!(
        said.contains("run 7 has nothing to take back; these have: 1, 2"),
        "{said}"
    );
    let back = stdout(&shop.run(&["tag", "--undo"]));
    assert!(
        back.contains(" -> polka\n1 of 1 file taken back: run 2"),
        "{back}"
    );
    let back = shop.json(&["tag", "--undo", "1"]);
    assert_eq!(back["files"].as_array().unwrap().len(), 12, "{back}");
    assert!(shop.bytes() == before, "byte for byte");
    let scanned = shop.json(&["library", "scan"]);
    assert_eq!(
        (&scanned["unchanged"], &scanned["heard"]),
        (&13.into(), &0.into()),
        "{scanned}"
    );
    assert!(
        shop.says(1, &["tag", "--undo"])
            .contains("there is nothing to take back")
    );
}

#[test]
fn wrong_usage_and_what_cannot_be_done_say_so() {
    let shop = Shop::new();
    for wrong in [
        &["tag"][..],
        &["tag", "--all", "x"],
        &["tag", "--undo", "--write"],
        &["tag", "--all", "--at-least", "2"],
        &["tag", "--all", "--most", "0"],
    ] {
        fails(2, wrong);
    }
    assert!(
        shop.says(1, &["tag", "--all"])
            .contains("there is no library yet")
    );
    let (music, model) = (shop.music(), studio().model());
    shop.json(&["library", "scan", text(&music), "--model", text(&model)]);
    let said = shop.says(1, &["tag", "--all"]);
    assert!(said.contains("genre"), "{said}");
    assert!(
        shop.says(1, &["tag", "--undo"])
            .contains("there is nothing to take back")
    );
}

#[test]
fn files_that_were_never_scanned_are_heard_and_each_that_fails_costs_itself() {
    let shop = Shop::new();
    // Cut off within its music.
    let cut = shop.song("cut.wav");
    let bytes = std::fs::read(fixture("s32.wav")).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let shop = shop.taught();
    let fresh = shop.at("fresh.wav");
    std::fs::copy(fixture("s24.wav"), &fresh).unwrap();
    let read_only = shop.song("flac.flac");
    let mut mode = std::fs::metadata(&read_only).unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(&read_only, mode).unwrap();
    let gone = shop.at("gone.mp3");
    let ogg = shop.song("vorbis.ogg");
    let before = shop.bytes();
    let heard = shop.json(&["tag", text(&fresh), text(&ogg)]);
    assert_eq!(
        file(&heard, "fresh.wav")["answer"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "{heard}"
    );
    let files = [&cut, &read_only, &gone, &ogg].map(|path| text(path));
    let output = shop.run(&[&["tag", "--write"], &files[..]].concat());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("3 of 4 files failed"), "{said}");
    assert!(
        said.contains("flac.flac: is read-only, so it is left as it is; make it writable first"),
        "{said}"
    );
    assert!(said.contains("gone.mp3: no such file"), "{said}");
    assert!(
        said.contains("cut.wav: its tags cannot be kept whole"),
        "{said}"
    );
    assert_eq!(
        stdout(&output).lines().last(),
        Some("1 of 1 file written: run 1")
    );
    assert_eq!(genre_of(&ogg).len(), 1);
    assert!(shop.bytes()[&read_only] == before[&read_only]);

    // What its owner wrote since is not taken back.
    give(&ogg, "polka");
    let said = shop.says(1, &["tag", "--undo"]);
    assert!(
        said.contains(
            "vorbis.ogg: its genre was changed since gamaka wrote it, so it is left as it is"
        ),
        "{said}"
    );
    assert_eq!(genre_of(&ogg), ["polka"]);
}

#[test]
fn two_runs_do_not_write_at_once_and_a_dry_run_may() {
    let shop = Shop::new().taught();
    let before = shop.bytes();
    let held = std::fs::File::create(shop.at(".l.sqlite-lock.partial")).unwrap();
    held.lock().unwrap();
    for more in [&["--all", "--write"][..], &["--undo"]] {
        let said = shop.says(1, &[&["tag"], more].concat());
        assert!(said.contains("another run of gamaka"), "{said}");
    }
    assert!(!shop.tag(&[])["files"].as_array().unwrap().is_empty());
    assert!(shop.bytes() == before);
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_every_file_as_it_was_or_whole() {
    let shop = Shop::new();
    // 2 MiB of it, and the other files are small.
    let wav = std::fs::read(fixture("s16.wav")).unwrap();
    let mut long = wav.clone();
    while long.len() < 2 << 20 {
        long.extend(&wav[44..]);
    }
    let length = u32::try_from(long.len()).unwrap();
    long[4..8].copy_from_slice(&(length - 8).to_le_bytes());
    long[40..44].copy_from_slice(&(length - 44).to_le_bytes());
    std::fs::write(shop.song("long.wav"), long).unwrap();
    let shop = shop.taught();
    let before = shop.bytes();
    let library = shop.library();
    let tag = ["tag", "--all", "--write", "--library", text(&library)];
    let output = crate::interrupted::on_a_full_disk(2000, &tag);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("long.wav: cannot be written") && said.contains("free some space"),
        "{said}"
    );
    let after = shop.bytes();
    assert_eq!(after.len(), before.len(), "no temporary file is left");
    let changed = before
        .iter()
        .filter(|(path, bytes)| after[*path] != **bytes);
    assert_eq!(changed.count(), SONGS.len());
    // Not even the journal can grow: then no file is changed.
    for blocks in [0, 8, 24] {
        let output =
            crate::interrupted::on_a_full_disk(blocks, &[&tag[..], &["--overwrite"]].concat());
        assert_eq!(
            output.status.code(),
            Some(1),
            "{blocks}: {}",
            stderr(&output)
        );
        assert!(shop.bytes() == after, "{blocks}");
    }
    assert_eq!(
        shop.json(&["tag", "--undo"])["failed"],
        serde_json::json!([])
    );
    assert!(shop.bytes() == before);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_at_any_moment_leaves_every_file_whole_and_known() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    const KILLS: usize = 50;
    let shop = Shop::new();
    // Few of them, so that a run is short.
    for song in &SONGS {
        if !["cbr.mp3", "flac.flac", "vorbis.ogg", "aac.m4a"].contains(song) {
            std::fs::remove_file(shop.song(song)).unwrap();
        }
    }
    let shop = shop.taught();
    let library = shop.library();
    let old = shop.bytes();
    let write = ["tag", "--all", "--write", "--library", text(&library)];
    let undo = ["tag", "--undo", "--library", text(&library)];
    let start = Instant::now();
    assert!(gamaka(&write).status.success());
    let whole_run = start.elapsed().as_micros() as u64;
    let new = shop.bytes();
    assert_eq!(new.len(), old.len());
    // Files may be as before or as after, and a copy that was not finished may lie beside them.
    let check = || {
        let (mut whole, mut as_before, mut as_after) = (0, 0, 0);
        for (path, bytes) in shop.bytes() {
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with('.') && name.ends_with(".partial") {
                continue;
            }
            whole += 1;
            as_before += usize::from(bytes == old[&path]);
            as_after += usize::from(bytes == new[&path]);
            assert!(
                bytes == old[&path] || bytes == new[&path],
                "{}",
                path.display()
            );
        }
        assert_eq!(whole, old.len());
        (as_before, as_after)
    };
    let (mut killed, mut between, mut wait) = (0, 0, 7u64);
    let mut arguments = &undo[..];
    while killed < KILLS {
        let mut child = command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait = wait
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros((wait >> 33) % whole_run));
        let ended = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        child.wait().unwrap();
        killed += usize::from(!ended);
        let (as_before, as_after) = check();
        between += usize::from(as_before < old.len() && as_after < old.len());
        // On from there, forth and back.
        arguments = match (as_before, as_after) {
            (_, all) if all == old.len() => &undo,
            (all, _) if all == old.len() => &write,
            _ => arguments,
        };
    }
    assert!(
        between > 5,
        "{between} kills were in the middle of the files"
    );
    assert!(gamaka(&write).status.success());
    assert!(
        shop.bytes() == new,
        "all is written, and nothing lies about"
    );
    let scanned = shop.json(&["library", "scan"]);
    assert_eq!(
        (&scanned["heard"], &scanned["missing"]),
        (&0.into(), &0.into()),
        "{scanned}"
    );
    while gamaka(&undo).status.success() {}
    assert!(shop.bytes() == old, "every change was in the journal");
}
