//! What a library answers of likeness: similar tracks, lists from one to another, duplicates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use gamaka::audio;
use serde_json::Value;

use crate::{gamaka, stderr, stdout, text};

const RATE: u32 = 22_050;

/// A library of rendered music, heard by the model that comes with gamaka; scanned once.
struct Records {
    folder: tempfile::TempDir,
}

fn records() -> &'static Records {
    static RECORDS: OnceLock<Records> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let records = Records {
            folder: tempfile::tempdir().unwrap(),
        };
        for style in ["disco", "metal", "ragtime", "waltz"] {
            std::fs::create_dir_all(records.at(style)).unwrap();
            for number in 0..3 {
                let name = format!("{style}/{style}-00{number}.ogg");
                std::fs::copy(corpus(&name), records.at(&name)).unwrap();
            }
        }
        // The same bytes, and the same recording at another level, cut at the beginning.
        std::fs::copy(records.at("waltz/waltz-001.ogg"), records.at("copy.ogg")).unwrap();
        let long = long("tango");
        wav(&records.at("long.wav"), &long);
        let quiet: Vec<f32> = long[5000..].iter().map(|v| v * 0.5).collect();
        wav(&records.at("metal/#again.wav"), &quiet);
        let music = records.folder.path().join("music");
        let output = records.run(&["library", "scan", text(&music)]);
        assert!(output.status.success(), "{}", stderr(&output));
        records
    })
}

impl Records {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("music").join(name)
    }

    /// A command with this library.
    fn run(&self, arguments: &[&str]) -> Output {
        let library = self.folder.path().join("l.sqlite");
        gamaka(&[arguments, &["--library", text(&library)]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    /// What is said by a command that must end with this code.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets/corpus")
        .join(name)
}

/// Clips of a style, one after the other: long enough for a fingerprint.
fn long(style: &str) -> Vec<f32> {
    let clips = (0..3).map(|k| corpus(&format!("{style}/{style}-00{k}.ogg")));
    clips
        .flat_map(|clip| audio::decode(&clip, RATE).unwrap().0)
        .collect()
}

/// Writes mono samples as 16-bit PCM.
fn wav(path: &Path, samples: &[f32]) {
    let bytes = 2 * samples.len() as u32;
    let mut file = [b"RIFF", &(36 + bytes).to_le_bytes()[..], b"WAVEfmt "].concat();
    file.extend([16, 0, 0, 0, 1, 0, 1, 0]);
    file.extend([RATE, 2 * RATE].map(u32::to_le_bytes).concat());
    file.extend([2, 0, 16, 0]);
    file.extend([b"data", &bytes.to_le_bytes()[..]].concat());
    for sample in samples {
        file.extend(((32767.0 * sample) as i16).to_le_bytes());
    }
    std::fs::write(path, file).unwrap();
}

fn paths(document: &Value, list: &str) -> Vec<PathBuf> {
    let tracks = document[list].as_array().unwrap().iter();
    tracks
        .map(|track| PathBuf::from(track["path"].as_str().unwrap()))
        .collect()
}

/// The files that a list names, as a player finds them: from the folder that the list lies in.
fn played(list: &Path) -> Vec<PathBuf> {
    let written = std::fs::read_to_string(list).unwrap();
    assert!(written.starts_with("#EXTM3U\n#EXTINF:"), "{written}");
    let names = written
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|name| std::fs::canonicalize(list.parent().unwrap().join(name)).unwrap());
    names.collect()
}

#[test]
fn the_nearest_tracks_are_ranked_without_the_file_and_its_copies() {
    let records = records();
    let by_file = records.json(&["similar", text(&records.at("copy.ogg")), "-n", "100"]);
    let found = paths(&by_file, "similar");
    let files: BTreeSet<_> = found.iter().collect();
    // All 15 files but the waltz and its copy.
    assert_eq!((found.len(), files.len()), (13, 13), "{found:?}");
    assert!(!found.iter().any(|path| path.ends_with("copy.ogg")));
    assert!(!found.iter().any(|path| path.ends_with("waltz-001.ogg")));
    let distances: Vec<f64> = by_file["similar"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| track["distance"].as_f64().unwrap())
        .collect();
    assert!(distances.is_sorted(), "{distances:?}");
    // The same by a piece of its name, and fewer.
    let by_name = records.json(&["similar", "WALTZ-001", "-n", "3"]);
    assert_eq!(paths(&by_name, "similar"), found[..3]);
    // The same recording is nearest.
    let long = records.json(&["similar", "long.wav", "-n", "1"]);
    assert!(paths(&long, "similar")[0].ends_with("metal/#again.wav"));
    let output = records.run(&["similar", "long.wav", "-n", "2"]);
    assert!(stdout(&output).contains("#again.wav"), "{output:?}");
    assert!(stderr(&output).contains("most like"), "{output:?}");
}

#[test]
fn a_file_outside_of_the_library_is_heard() {
    let records = records();
    let outside = corpus("disco/disco-007.ogg");
    let found = records.json(&["similar", text(&outside), "-n", "14"]);
    assert_eq!(paths(&found, "similar").len(), 14);
    // It is no part of the library by that.
    let said = records.says(1, &["similar", "disco-007"]);
    assert!(said.contains("no track of the library"), "{said}");
}

#[test]
fn what_names_no_single_track_is_told_in_words() {
    let records = records();
    let said = records.says(1, &["similar", "metal-0"]);
    assert!(said.contains("3 tracks have this in their title"), "{said}");
    for number in 0..3 {
        assert!(said.contains(&format!("metal/metal-00{number}.ogg")));
    }
    let said = records.says(1, &["similar", "no such song"]);
    assert!(said.contains("no such song: no such file"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let said = records.says(1, &["similar", text(folder.path())]);
    assert!(said.contains("is a folder; name a file in it"), "{said}");
    let page = folder.path().join("page.mp3");
    std::fs::write(&page, "<html>").unwrap();
    let said = records.says(1, &["similar", text(&page)]);
    assert!(said.contains("page.mp3"), "{said}");
    records.says(2, &["similar", "waltz-001", "-n", "0"]);
    let missing = folder.path().join("none.sqlite");
    let said = gamaka(&["similar", "x", "--library", text(&missing)]);
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("library scan"), "{said:?}");
}

#[test]
fn lists_are_found_from_where_they_lie() {
    let records = records();
    let near = ["similar", "long.wav", "-n", "14"];
    let found = paths(&records.json(&near), "similar");
    let found: Vec<PathBuf> = found.iter().map(|p| p.canonicalize().unwrap()).collect();
    for list in [
        records.at("metal/near.m3u"),
        records.folder.path().join("near.m3u8"),
    ] {
        let output = records.run(&[&near[..], &["--m3u", text(&list)]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(played(&list), found);
    }
    // Those beside it by their names alone, so that they may move together.
    let beside = std::fs::read_to_string(records.at("metal/near.m3u")).unwrap();
    assert!(beside.contains("\n./#again.wav\n"), "{beside}");
    assert!(beside.contains("\nmetal-000.ogg\n"), "{beside}");
    std::fs::remove_file(records.at("metal/near.m3u")).unwrap();
    let said = records.says(1, &["similar", "long.wav", "--m3u", "list.txt"]);
    assert!(said.contains("must end in .m3u"), "{said}");
}

#[test]
fn a_playlist_leads_from_one_track_to_another() {
    let records = records();
    let ends = ["playlist", "--from", "disco-000", "--to", "waltz-002"];
    let list = records.folder.path().join("way.m3u");
    let first = records.json(&[&ends[..], &["-n", "6", "--m3u", text(&list)]].concat());
    let way = paths(&first, "tracks");
    assert_eq!(way.iter().collect::<BTreeSet<_>>().len(), 6, "{way:?}");
    assert!(way[0].ends_with("disco-000.ogg") && way[5].ends_with("waltz-002.ogg"));
    let way: Vec<PathBuf> = way.iter().map(|p| p.canonicalize().unwrap()).collect();
    assert_eq!(played(&list), way);
    let again = records.json(&[&ends[..], &["-n", "6"]].concat());
    assert_eq!(first, again);
    // Each step is smaller than the one from end to end.
    let steps = first["tracks"].as_array().unwrap().iter();
    let steps: Vec<f64> = steps.filter_map(|track| track["step"].as_f64()).collect();
    let whole = first["distance"].as_f64().unwrap();
    assert!(
        steps.len() == 5 && steps.iter().all(|step| *step < whole),
        "{first}"
    );
    let two = records.run(&[&ends[..], &["-n", "2"]].concat());
    assert_eq!(stdout(&two).lines().count(), 3, "{two:?}");
}

#[test]
fn a_playlist_says_what_it_cannot_be() {
    let records = records();
    let ends = ["playlist", "--from", "disco-000", "--to", "waltz-002"];
    let output = records.run(&[&ends[..], &["-n", "500"]].concat());
    let said = stderr(&output);
    // Of 15 files one is a copy of another.
    assert!(said.contains("the list has 14 tracks"), "{said}");
    assert_eq!(stdout(&output).lines().count(), 15);
    let copy = text(&records.at("copy.ogg")).to_owned();
    let said = records.says(1, &["playlist", "--from", "waltz-001", "--to", &copy]);
    assert!(
        said.contains("begin and end with this same track"),
        "{said}"
    );
    records.says(2, &[&ends[..], &["-n", "1"]].concat());
    records.says(2, &["playlist", "--from", "disco-000"]);
    let said = records.says(1, &["playlist", "--from", "disco-000", "--to", "polka"]);
    assert!(said.contains("polka: no such file"), "{said}");
}

#[test]
fn duplicates_are_the_same_bytes_or_the_same_recording_and_stay() {
    let records = records();
    let found = records.json(&["library", "duplicates"]);
    let sets = found["duplicates"].as_array().unwrap();
    assert_eq!(sets.len(), 2, "{found}");
    let names = |set: &Value| -> Vec<String> {
        let names = paths(set, "files");
        let names = names
            .iter()
            .map(|p| p.file_name().unwrap().to_str().unwrap().to_string());
        names.collect()
    };
    assert_eq!(sets[0]["same"], "bytes");
    assert_eq!(names(&sets[0]), ["copy.ogg", "waltz-001.ogg"]);
    assert_eq!(sets[1]["same"], "recording");
    // The larger first.
    assert_eq!(names(&sets[1]), ["long.wav", "#again.wav"]);
    let told = records.run(&["library", "duplicates"]);
    assert!(
        stdout(&told).contains("2 recordings of 4 files"),
        "{told:?}"
    );
    for set in sets {
        assert!(paths(set, "files").iter().all(|path| path.is_file()));
    }
}
