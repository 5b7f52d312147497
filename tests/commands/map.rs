//! `gamaka library map`: what its page carries, and what it says.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::{copy_music, gamaka, stderr, stdout, studio, text};

/// Music with a library of it by the tiny model.
struct Shelf {
    folder: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        let shelf = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        copy_music(&shelf.at("music"));
        let (music, model) = (shelf.at("music"), studio().model());
        shelf.says(
            0,
            &["library", "scan", text(&music), "--model", text(&model)],
        );
        shelf
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let library = self.at("l.sqlite");
        gamaka(&[arguments, &["--library", text(&library)]].concat())
    }

    /// What a command says on stderr, or on stdout if it succeeds.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        if code == 0 { stdout(&output) } else { said }
    }

    fn map(&self) -> Value {
        let page = self.at("map.html");
        self.says(0, &["library", "map", "-o", text(&page)]);
        data(&page)
    }
}

/// The data of a page.
fn data(page: &Path) -> Value {
    let html = std::fs::read_to_string(page).unwrap();
    let (_, rest) = html.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_map_has_every_track_once_and_the_genres_of_tags_or_examples() {
    let shelf = Shelf::new();
    let page = shelf.at("map.html");
    let said = shelf.says(0, &["library", "map", "--output", text(&page)]);
    assert!(said.contains("map.html: 24 tracks of "), "{said}");
    assert!(said.ends_with("open it in a browser\n"), "{said}");
    let map = data(&page);
    assert_eq!((&map["count"], &map["leftOut"]), (&24.into(), &0.into()));
    assert_eq!(map["placing"], "neighbours");
    assert_eq!(map["none"], "no genre");
    let files = map["files"].as_array().unwrap();
    for name in ["s16.wav", "opus.webm", "flac.mkv"] {
        assert_eq!(
            files.iter().filter(|file| **file == name).count(),
            1,
            "{name}"
        );
    }
    let folders = map["folders"].as_array().unwrap();
    assert_eq!(folders.len(), 6);
    let folder = std::fs::canonicalize(shelf.at("music/a")).unwrap();
    assert_eq!(folders[0], format!("{}/", folder.display()));

    // The same library, the same page.
    let first = std::fs::read(&page).unwrap();
    let json = shelf.says(0, &["library", "map", "-o", text(&page), "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["tracks"], 24);
    assert!(std::fs::read(&page).unwrap() == first);

    // Genres of one's own take the place of the tags.
    for class in ["a", "b"] {
        let examples = shelf.at("music").join(class);
        shelf.says(
            0,
            &["genre", "add", &format!("My {class}"), text(&examples)],
        );
    }
    let map = shelf.map();
    assert_eq!(map["none"], "unknown");
    let names: Vec<&str> = (map["genres"].as_array().unwrap().iter())
        .map(|genre| genre["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2);
    assert!(
        names.contains(&"My a") && names.contains(&"My b"),
        "{names:?}"
    );
}

#[test]
fn a_map_needs_a_library_and_a_place() {
    let shelf = Shelf::new();
    let song = shelf.at("music/a/s16.wav");
    for (output, word) in [
        (shelf.at("map.png"), "must end in .html"),
        (shelf.at("l.sqlite"), "must end in .html"),
        (shelf.at("nowhere/map.html"), "make the folder first"),
        (shelf.at("music"), "must end in .html"),
    ] {
        let said = shelf.says(1, &["library", "map", "-o", text(&output)]);
        assert!(said.contains(word), "{said}");
    }
    let linked = shelf.at("linked.html");
    std::fs::hard_link(&song, &linked).unwrap();
    let bytes = std::fs::read(&song).unwrap();
    let said = shelf.says(1, &["library", "map", "-o", text(&linked)]);
    assert!(said.contains("audio"), "{said}");
    assert!(std::fs::read(&song).unwrap() == bytes);
    shelf.says(2, &["library", "map"]);

    let page = shelf.at("map.html");
    let none = shelf.at("none.sqlite");
    let output = gamaka(&[
        "library",
        "map",
        "-o",
        text(&page),
        "--library",
        text(&none),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("library scan"),
        "{}",
        stderr(&output)
    );
    assert!(!page.exists() && !none.exists());

    // A library whose music is gone is an empty picture.
    std::fs::rename(shelf.at("music"), shelf.at("elsewhere")).unwrap();
    std::fs::create_dir(shelf.at("music")).unwrap();
    shelf.run(&["library", "scan"]);
    assert_eq!(shelf.map()["count"], 0);
}
