//! `gamaka library export`: the library as other programs read it.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use crate::{fails, stderr, studio, succeeds, text};

const COLUMNS: [&str; 12] = [
    "path",
    "hash",
    "model",
    "seconds",
    "title",
    "artist",
    "album",
    "genre",
    "answer",
    "probability",
    "unknown",
    "embedding",
];

/// A library of a few files, and room for tables.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        crate::copy_music(&scene.at("music"));
        scene.library(&[
            "scan",
            text(&scene.at("music")),
            "-m",
            text(&studio().model()),
        ]);
        std::fs::create_dir(scene.at("out")).unwrap();
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with<'a>(&self, words: &[&'a str], library: &'a str) -> Vec<&'a str> {
        [words, &["--library", library]].concat()
    }

    fn library(&self, words: &[&str]) -> String {
        let library = self.at("l.sqlite");
        succeeds(&self.with(&[&["library"], words].concat(), text(&library)))
    }

    fn export(&self, name: &str) -> String {
        self.library(&["export", "-o", text(&self.at(name))])
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let lines = std::fs::read_to_string(path).unwrap();
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_library_is_the_same_table_in_every_format() {
    let scene = Scene::new();
    let said = scene.export("out/l.jsonl");
    assert!(
        said.contains("24 tracks with embeddings of 5 values; no answers"),
        "{said}"
    );
    let rows = lines(&scene.at("out/l.jsonl"));
    assert_eq!(rows.len(), 24);
    let paths = Vec::from_iter(rows.iter().map(|row| row["path"].as_str().unwrap()));
    assert!(paths.is_sorted());
    for row in &rows {
        let names = Vec::from_iter(row.as_object().unwrap().keys().map(String::as_str));
        let mut expected = COLUMNS;
        expected.sort_unstable();
        assert_eq!(names, expected);
        let bytes = std::fs::read(row["path"].as_str().unwrap()).unwrap();
        assert_eq!(row["hash"], blake3::hash(&bytes).to_hex().as_str());
        assert!(row["seconds"].as_f64().unwrap() > 0.0);
        for nothing in ["answer", "probability", "unknown"] {
            assert_eq!(row[nothing], Value::Null);
        }
    }
    // Tags are those of the file, and embeddings those of `embed`.
    let tagged = rows
        .iter()
        .find(|row| row["path"].as_str().unwrap().ends_with("cbr.mp3"));
    let tagged = tagged.unwrap();
    let tags = gamaka::internals::data::read_tags(Path::new(tagged["path"].as_str().unwrap()));
    for name in ["title", "artist", "album"] {
        assert_eq!(
            tagged[name].as_str(),
            tags.get(name).map(String::as_str),
            "{name}"
        );
    }

    let said = scene.export("out/l.csv");
    assert!(said.contains("24 tracks"), "{said}");
    let mut reader = csv::Reader::from_path(scene.at("out/l.csv")).unwrap();
    let header = Vec::from_iter(reader.headers().unwrap().iter().map(String::from));
    assert_eq!(header[..11], COLUMNS[..11]);
    assert_eq!(header[11..], ["e0", "e1", "e2", "e3", "e4"]);
    for (record, row) in reader.records().zip(&rows) {
        let record = record.unwrap();
        assert_eq!(row["path"], record[0]);
        assert_eq!(row["seconds"].as_f64(), record[3].parse().ok());
        for k in 0..5 {
            assert_eq!(
                row["embedding"][k].as_f64().unwrap() as f32,
                record[11 + k].parse::<f32>().unwrap()
            );
        }
    }

    scene.export("out/l.parquet");
    let reader = SerializedFileReader::new(File::open(scene.at("out/l.parquet")).unwrap()).unwrap();
    let found = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().to_string());
    for (found, row) in found.zip(&rows) {
        let path = format!("path: {:?}", row["path"].as_str().unwrap());
        let hash = format!("hash: {:?}", row["hash"].as_str().unwrap());
        assert!(found.contains(&path) && found.contains(&hash), "{found}");
    }
    assert_eq!(reader.metadata().file_metadata().num_rows(), 24);
}

#[test]
fn with_genres_of_ones_own_each_track_has_an_answer() {
    let scene = Scene::new();
    let rows = rusqlite::Connection::open(scene.at("l.sqlite")).unwrap();
    for class in ["a", "b"] {
        let taught = "INSERT INTO genre(name) VALUES (?1)";
        rows.execute(taught, [class]).unwrap();
        let taught = "INSERT INTO example(genre, path, hash, size, modified_ns)
            SELECT g.id, f.path, f.hash, f.size, f.modified_ns FROM file f JOIN genre g ON g.name = ?1
            WHERE f.path LIKE '%/music/' || ?1 || '/%'";
        assert_eq!(rows.execute(taught, [class]).unwrap(), 4);
    }
    let said = scene.library(&["export", "-o", text(&scene.at("out/l.jsonl")), "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["genres"], &said["tracks"]),
        (&2.into(), &24.into()),
        "{said}"
    );
    let rows = lines(&scene.at("out/l.jsonl"));
    let unknown = rows.iter().filter(|row| row["unknown"] == true).count();
    assert_eq!(said["unknown"], unknown);
    for row in &rows {
        let answer = row["answer"].as_str().unwrap();
        assert!(["a", "b"].contains(&answer), "{row}");
        let probability = row["probability"].as_f64().unwrap();
        assert!((0.5..=1.0).contains(&probability), "{row}");
        assert!(row["unknown"].is_boolean(), "{row}");
    }
}

#[test]
fn what_cannot_be_exported_or_written_is_told_in_a_sentence() {
    let scene = Scene::new();
    let library = scene.at("l.sqlite");
    for (name, word) in [
        ("out/l", "the name must end in .parquet, .csv or .jsonl"),
        ("out/l.npz", "the name must end in .parquet, .csv or .jsonl"),
        ("out/no/l.csv", "make the folder first"),
    ] {
        let out = scene.at(name);
        let words = ["library", "export", "-o", text(&out)];
        let said = fails(1, &scene.with(&words, text(&library)));
        assert!(said.contains(word) && said.lines().count() == 1, "{said}");
    }
    // A library that is not there, or of which nothing was heard.
    let (out, none) = (scene.at("out/l.csv"), scene.at("none.sqlite"));
    let words = ["library", "export", "-o", text(&out)];
    let said = fails(1, &scene.with(&words, text(&none)));
    assert!(said.contains("none.sqlite"), "{said}");
    // The library itself, by a name that a table may have.
    let table = scene.at("l.csv");
    std::fs::copy(&library, &table).unwrap();
    let words = ["library", "export", "-o", text(&table)];
    let said = fails(1, &scene.with(&words, text(&table)));
    assert!(said.contains("an input of this command"), "{said}");
    assert_eq!(std::fs::read_dir(scene.at("out")).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_the_old_table_stays() {
    use crate::interrupted::on_a_full_disk;
    let scene = Scene::new();
    let library = scene.at("l.sqlite");
    // More of it than the disk will take; SQLite needs some for itself.
    let rows = rusqlite::Connection::open(&library).unwrap();
    let more = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 5000)
        INSERT INTO file(path, size, modified_ns, hash, missing)
        SELECT hex(randomblob(40)), 1, 1, (SELECT max(hash) FROM file), 0 FROM n";
    rows.execute_batch(more).unwrap();
    drop(rows);
    for name in ["out/l.parquet", "out/l.csv", "out/l.jsonl"] {
        let out = scene.at(name);
        std::fs::write(&out, "old").unwrap();
        let words = ["library", "export", "-o", text(&out)];
        let output = on_a_full_disk(100, &scene.with(&words, text(&library)));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(name) && said.contains("free some space"),
            "{said}"
        );
        assert_eq!(std::fs::read(&out).unwrap(), b"old");
    }
    assert_eq!(std::fs::read_dir(scene.at("out")).unwrap().count(), 3);
}
