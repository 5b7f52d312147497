//! Own genres: taught by a few files, asked, checked, passed on; and what may be wrong with any of it.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use gamaka::internals::model_file::Model;
use serde_json::Value;

use crate::tracks::write_track;
use crate::{fixture, gamaka, stderr, stdout, text};

/// Music of the corpus, and a library that knows some of its styles by four files each.
struct Shelf {
    folder: tempfile::TempDir,
}

const STYLES: [&str; 4] = ["house", "march", "ragtime", "metal"];

/// Taught once.
fn taught() -> &'static Shelf {
    static TAUGHT: OnceLock<Shelf> = OnceLock::new();
    TAUGHT.get_or_init(|| {
        let shelf = Shelf::empty();
        for style in STYLES {
            for number in 0..5 {
                shelf.take(style, number);
            }
        }
        (0..8).for_each(|number| shelf.take("waltz", number));
        shelf.works(&["library", "scan", text(&shelf.at("music"))]);
        for (style, name) in STYLES
            .into_iter()
            .zip(["Club/House", "March", "Ragtime", "Metal"])
        {
            let files: Vec<PathBuf> = (0..4).map(|number| shelf.song(style, number)).collect();
            let files: Vec<&str> = files.iter().map(|file| text(file)).collect();
            shelf.works(&[&["genre", "add", name], &files[..]].concat());
        }
        shelf
    })
}

impl Shelf {
    fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A library of its own that knows what the taught one does. The music is that one's.
    fn new() -> Self {
        let shelf = Self::empty();
        std::fs::copy(taught().at("l.sqlite"), shelf.at("l.sqlite")).unwrap();
        shelf
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn song(&self, style: &str, number: usize) -> PathBuf {
        self.at(&format!("music/{style}/{style}-00{number}.ogg"))
    }

    fn take(&self, style: &str, number: usize) {
        let to = self.song(style, number);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(corpus(style, number), to).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let library = self.at("l.sqlite");
        gamaka(&[arguments, &["--library", text(&library)]].concat())
    }

    fn works(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        stdout(&output)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.works(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}

fn corpus(style: &str, number: usize) -> PathBuf {
    let name = format!("assets/corpus/{style}/{style}-00{number}.ogg");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn files_are_ranked_by_the_genres_of_the_library_with_reasons() {
    let shelf = taught();
    let song = corpus("metal", 7);
    let document = shelf.json(&["classify", text(&song)]);
    let answer = &document["files"][0];
    assert_eq!(answer["ranked"][0]["genre"], "Metal");
    assert_eq!(answer["unknown"], false);
    let genres: Vec<&str> = document["genres"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(genres, ["Club/House", "March", "Metal", "Ragtime"]);
    let sum: f64 = answer["ranked"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|r| r["probability"].as_f64())
        .sum();
    assert!((sum - 1.0).abs() < 1e-6);
    let club = &answer["parents"][0];
    assert_eq!(club["genre"], "Club");
    let house = answer["ranked"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["genre"] == "Club/House");
    assert_eq!(club["probability"], house.unwrap()["probability"]);
    let decided = &answer["decided"];
    assert!(decided["start_s"].as_f64().unwrap() < decided["end_s"].as_f64().unwrap());
    assert!(
        answer["nearest"][0]["path"]
            .as_str()
            .unwrap()
            .contains("metal-")
    );

    let said = shelf.works(&["classify", text(&song), "-q"]);
    for word in [
        "Metal",
        "distance",
        "all of Club",
        "like ",
        "most like it from",
    ] {
        assert!(said.contains(word), "no {word}: {said}");
    }
    let rows = shelf.works(&["classify", text(&song), "--csv", "-q"]);
    let mut rows = csv::Reader::from_reader(rows.as_bytes());
    assert_eq!(rows.headers().unwrap().get(1), Some("genre"));
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!((&row[1], &row[4]), ("Metal", "false"));

    let all = shelf.json(&["classify", "--all"]);
    assert_eq!(all["files"].as_array().unwrap().len(), 28);
    let examples = shelf.says(0, &["classify", text(&shelf.song("metal", 0))]);
    assert!(
        examples.contains("is itself an example of Metal"),
        "{examples}"
    );
}

#[test]
fn noise_is_unknown() {
    let shelf = taught();
    // What no style sounds like.
    write_track(&shelf.at("beeps.wav"), 9, 20.0);
    let answer = &shelf.json(&["classify", text(&shelf.at("beeps.wav"))])["files"][0];
    assert_eq!(answer["unknown"], true, "{answer}");
    assert!(answer["novelty"].as_f64().unwrap() > 1.0);
    assert!(
        shelf
            .works(&["classify", text(&shelf.at("beeps.wav"))])
            .contains("unknown: the nearest genre is")
    );
}

#[test]
fn genres_are_listed_shown_renamed_and_removed() {
    let shelf = Shelf::new();
    let metal = taught().song("metal", 0);
    assert!(
        shelf
            .works(&["genre", "list"])
            .contains("Club\n  House: 4 examples\n")
    );
    assert!(
        shelf
            .works(&["genre", "show", "Metal"])
            .contains(text(&metal))
    );
    shelf.works(&["genre", "rename", "Club", "Dance/Club"]);
    assert!(
        shelf
            .works(&["genre", "list"])
            .contains("Dance\n  Club\n    House: 4 examples\n")
    );
    assert!(
        shelf
            .says(1, &["genre", "rename", "Metal", "March"])
            .contains("already")
    );
    assert!(
        shelf
            .says(1, &["genre", "rename", "Club", "x"])
            .contains("there is no genre `Club`")
    );
    assert!(
        shelf
            .works(&["genre", "remove", "Metal", text(&metal)])
            .contains("1 example removed")
    );
    let said = shelf.says(1, &["genre", "remove", "Metal", text(&metal)]);
    assert!(said.contains("is no example of `Metal`"), "{said}");
    shelf.works(&["genre", "remove", "Metal"]);
    assert!(
        shelf
            .says(1, &["genre", "remove", "Metal"])
            .contains("there is no genre `Metal`")
    );
    assert!(
        shelf
            .says(1, &["genre", "show", "Metal"])
            .contains("gamaka genre list")
    );
    assert_eq!(
        shelf.json(&["genre", "list"])["genres"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    // The music stays.
    assert!(metal.exists());
}

#[test]
fn bad_names_and_bad_files_are_told_in_a_sentence() {
    let shelf = Shelf::new();
    let song = corpus("waltz", 0);
    for name in ["", " ", "a//b", "/a", "a/", "a\nb", "a\u{1b}b", "unknown"] {
        let said = shelf.says(2, &["genre", "add", name, text(&song)]);
        assert!(said.contains("no name for a genre"), "{name:?}: {said}");
    }
    shelf.says(2, &["genre", "add", "Waltz"]);
    shelf.says(2, &["classify"]);
    shelf.says(2, &["classify", text(&song), "--all"]);
    shelf.says(2, &["classify", text(&song), "--csv", "--json"]);
    shelf.says(2, &["classify", text(&song), "--model", "included"]);
    // A silent example costs itself alone.
    let silent = shelf.at("silent.wav");
    let mut bytes = std::fs::read(fixture("s16.wav")).unwrap();
    bytes[44..].fill(0);
    std::fs::write(&silent, bytes).unwrap();
    assert!(
        shelf
            .says(1, &["genre", "add", "Waltz", text(&silent)])
            .contains("silent")
    );
    let nowhere = shelf.at("nowhere.ogg");
    let said = shelf.says(
        0,
        &[
            "genre",
            "add",
            "Waltz",
            text(&silent),
            text(&nowhere),
            text(&song),
        ],
    );
    assert!(said.contains("2 of 3 files failed"), "{said}");
    let twice = shelf.says(0, &["genre", "add", "Waltz", text(&song)]);
    assert!(
        twice.contains("is an example of `Waltz` already"),
        "{twice}"
    );
    let list = shelf.json(&["genre", "show", "Waltz"]);
    assert_eq!(list["examples"].as_array().unwrap().len(), 1);
    assert!(
        shelf
            .says(1, &["classify", text(&silent)])
            .contains("silent")
    );
}

#[test]
fn a_list_names_examples_from_where_it_lies() {
    let shelf = Shelf::empty();
    shelf.take("waltz", 0);
    shelf.take("waltz", 1);
    let list = "#EXTM3U\nmusic/waltz/waltz-000.ogg\n\nmusic/waltz/waltz-001.ogg\n";
    std::fs::write(shelf.at("list.m3u"), list).unwrap();
    // Without a scan: the first genre makes a library.
    let said = shelf.works(&[
        "genre",
        "add",
        "Waltz",
        "--list",
        text(&shelf.at("list.m3u")),
    ]);
    assert!(said.contains("2 new examples"), "{said}");
    // One genre alone: everything is of it, or unknown.
    let answer = &shelf.json(&["classify", text(&corpus("waltz", 5))])["files"][0];
    assert_eq!(answer["ranked"][0]["probability"], 1.0);
    let check = shelf.json(&["genre", "check"]);
    assert_eq!(check["rejection"], Value::Null);
    assert!(
        shelf
            .works(&["genre", "check"])
            .contains("takes three genres")
    );
}

#[test]
fn without_genres_or_a_library_the_way_is_shown() {
    let shelf = Shelf::empty();
    let song = corpus("waltz", 0);
    assert!(
        shelf
            .says(1, &["classify", text(&song)])
            .contains("gamaka library scan")
    );
    assert!(
        shelf
            .says(1, &["genre", "list"])
            .contains("gamaka library scan")
    );
    shelf.take("waltz", 0);
    shelf.works(&["library", "scan", text(&shelf.at("music"))]);
    for command in [
        &["classify", text(&song)][..],
        &["classify", "--all"],
        &["genre", "check"],
    ] {
        assert!(
            shelf
                .says(1, command)
                .contains("gamaka genre add NAME FILE"),
            "{command:?}"
        );
    }
    assert!(shelf.says(0, &["genre", "list"]).contains("no genres yet"));
}

#[test]
fn a_check_tells_what_looks_wrong() {
    let shelf = Shelf::new();
    let stray = taught().song("march", 1);
    shelf.works(&["genre", "add", "Metal", text(&stray)]);
    shelf.works(&["genre", "add", "Alone", text(&corpus("waltz", 3))]);
    let check = shelf.json(&["genre", "check"]);
    let paths: Vec<&str> = check["misplaced"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| m["path"].as_str())
        .collect();
    assert!(paths.contains(&text(&stray)), "{check}");
    assert_eq!(check["alone"][0], "Alone");
    let shared: Vec<&str> = check["shared"][0]["genres"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|g| g[0].as_str())
        .collect();
    assert_eq!(shared, ["March", "Metal"]);
    assert_eq!(check["left_out"], 17);
    assert!(check["rejection"]["area"].as_f64().unwrap() > 0.5);
    let said = shelf.works(&["genre", "check"]);
    for word in [
        "look misplaced",
        "with one example",
        "examples of several genres",
        "area under the ROC curve",
    ] {
        assert!(said.contains(word), "no `{word}`: {said}");
    }
    let adapt = shelf.works(&[
        "genre",
        "add",
        "Alone",
        text(&corpus("waltz", 4)),
        "--adapt",
    ]);
    assert!(adapt.contains("linear probe"), "{adapt}");
    assert_eq!(shelf.json(&["genre", "check"])["adapt"], true);
    shelf.works(&[
        "genre",
        "add",
        "Alone",
        text(&corpus("waltz", 4)),
        "--no-adapt",
    ]);
    assert_eq!(shelf.json(&["genre", "list"])["adapt"], false);
}

#[test]
fn changed_examples_are_heard_again_and_gone_ones_stay() {
    let shelf = Shelf::new();
    let own = |name: &str, style: &str| {
        let path = shelf.at(name);
        std::fs::copy(corpus(style, 6), &path).unwrap();
        path
    };
    let (changes, goes) = (own("changes.ogg", "waltz"), own("goes.ogg", "waltz"));
    std::fs::copy(corpus("waltz", 7), &goes).unwrap();
    shelf.works(&["genre", "add", "Mine", text(&changes), text(&goes)]);
    own("changes.ogg", "samba");
    std::fs::remove_file(&goes).unwrap();
    let said = shelf.works(&["genre", "show", "Mine"]);
    assert!(
        said.contains("has changed") && said.contains("is not there"),
        "{said}"
    );
    let said = shelf.says(0, &["genre", "check"]);
    assert!(said.contains("1 example was heard again"), "{said}");
    let check = shelf.json(&["genre", "check"]);
    assert_eq!(check["gone"][0], text(&goes));
    assert!(
        shelf
            .works(&["genre", "check"])
            .contains("files that are not there")
    );
    let answer = &shelf.json(&["classify", text(&corpus("samba", 6))])["files"][0];
    assert_eq!(answer["nearest"][0]["path"], text(&changes));
    assert!(answer["nearest"][0]["distance"].as_f64().unwrap() < 1e-4);
    // One that cannot be read any more counts as it was.
    std::fs::write(&changes, "no music").unwrap();
    let said = shelf.says(0, &["genre", "check"]);
    assert!(said.contains("counts as it was"), "{said}");
    assert_eq!(
        shelf.json(&["classify", text(&corpus("samba", 6))])["files"][0],
        *answer
    );
}

#[test]
fn another_model_hears_anew_and_vectors_of_two_never_meet() {
    let shelf = Shelf::empty();
    let model = shelf.at("model.safetensors");
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/tiny.safetensors");
    std::fs::copy(tiny, &model).unwrap();
    shelf.take("waltz", 0);
    let scan = [
        "library",
        "scan",
        text(&shelf.at("music")),
        "--model",
        text(&model),
    ]
    .map(String::from);
    let scan: Vec<&str> = scan.iter().map(String::as_str).collect();
    shelf.works(&scan);
    let outside = corpus("metal", 0);
    shelf.works(&["genre", "add", "Waltz", text(&shelf.song("waltz", 0))]);
    shelf.works(&["genre", "add", "Metal", text(&outside)]);
    let shared = shelf.at("genres.json");
    shelf.works(&["genre", "export", "-o", text(&shared)]);

    std::fs::write(&model, Model::INCLUDED).unwrap();
    for command in [
        &["classify", text(&outside)][..],
        &["genre", "check"],
        &["genre", "add", "Metal", text(&outside)],
    ] {
        let said = shelf.says(1, command);
        assert!(
            said.contains("has changed since the library was scanned"),
            "{said}"
        );
        assert!(said.contains("gamaka library scan"), "{said}");
    }
    shelf.works(&scan);
    let said = shelf.says(1, &["genre", "import", text(&shared)]);
    assert!(said.contains("another model"), "{said}");
    let output = shelf.run(&["classify", text(&corpus("metal", 1)), "--json"]);
    assert!(
        stderr(&output).contains("heard again"),
        "{}",
        stderr(&output)
    );
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["files"][0]["ranked"][0]["genre"], "Metal");
}

#[test]
fn genres_are_passed_on_in_one_file() {
    let (shelf, other) = (Shelf::new(), Shelf::empty());
    let file = shelf.at("genres.json");
    shelf.works(&["genre", "export", "-o", text(&file)]);
    assert_eq!(
        other.json(&["genre", "import", text(&file)]),
        serde_json::json!({"genres": 4, "examples": 16})
    );
    assert_eq!(
        other.json(&["genre", "import", text(&file)]),
        serde_json::json!({"genres": 0, "examples": 0})
    );
    let song = corpus("ragtime", 8);
    let answer = |shelf: &Shelf| {
        let document = shelf.json(&["classify", text(&song)]);
        (
            document["files"][0]["ranked"].clone(),
            document["files"][0]["novelty"].clone(),
        )
    };
    assert_eq!(answer(&shelf), answer(&other), "the same to the bit");
    assert!(
        other
            .works(&["genre", "show", "Metal"])
            .contains("came in a file of genres")
    );
    let text_of = std::fs::read_to_string(&file).unwrap();
    assert!(
        !text_of.contains(text(shelf.folder.path())) && !text_of.contains("music/"),
        "no paths are passed on"
    );

    shelf.works(&["genre", "export", "Metal", "-o", text(&file)]);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("March"));
    assert!(
        shelf
            .says(1, &["genre", "export", "Nothing", "-o", text(&file)])
            .contains("there is no genre")
    );
    let bad = shelf.at("bad.json");
    for (content, word) in [
        (text_of[..900].to_owned(), "damaged"),
        (text_of.replacen("Metal", "Mettle", 1), "damaged"),
        (
            text_of.replacen("\"version\":1", "\"version\":7", 1),
            "update gamaka",
        ),
        ("not at all".to_owned(), "no file of genres"),
    ] {
        std::fs::write(&bad, content).unwrap();
        let said = other.says(1, &["genre", "import", text(&bad)]);
        assert!(said.contains(word) && said.contains("bad.json"), "{said}");
    }
    assert!(
        other
            .says(1, &["genre", "import", "nowhere.json"])
            .contains("cannot be read")
    );
    let library = shelf.at("l.sqlite");
    let said = shelf.says(1, &["genre", "export", "-o", text(&library)]);
    assert!(said.contains("is not written"), "{said}");
}

#[test]
fn groups_that_no_genre_covers_come_with_a_command_that_works() {
    let shelf = Shelf::new();
    for name in ["Club/House", "March", "Ragtime", "Metal"] {
        shelf.works(&["genre", "remove", name]);
    }
    let found = shelf.json(&["genre", "suggest", "-n", "5"]);
    assert_eq!(
        (&found["tracks"], &found["uncovered"]),
        (&Value::from(28), &Value::from(28))
    );
    let groups = found["groups"].as_array().unwrap();
    assert!((2..=5).contains(&groups.len()), "{found}");
    assert_eq!(
        found,
        shelf.json(&["genre", "suggest", "-n", "5"]),
        "the same every time"
    );
    let command = groups[0]["command"]
        .as_str()
        .unwrap()
        .replace("NAME", "'First group'");
    let words = shlex::split(&command).unwrap();
    let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    let output = gamaka(&words);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        shelf
            .works(&["genre", "list"])
            .contains("First group: 5 examples")
    );
    assert!(
        shelf
            .works(&["genre", "suggest", "--tracks", "2"])
            .contains("gamaka genre add")
    );
    shelf.says(2, &["genre", "suggest", "-n", "1"]);
}
