//! Tracks without labels: each a class of its own.

use gamaka::internals::data::{DataError, Dataset, Labels, Part, Protocol, Split, Task};
use std::{collections::BTreeSet, fs, path::Path};
use tempfile::TempDir;

/// Writes files, each with its own name as content, but for copies given as (name, content).
fn library(names: &[&str], copies: &[(&str, &str)]) -> TempDir {
    let root = TempDir::new().unwrap();
    let own = names.iter().map(|name| (*name, *name));
    for (name, content) in own.chain(copies.iter().copied()) {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn open(path: &Path) -> Dataset {
    Dataset::open_with(path, &Labels::Track).unwrap()
}

fn manifest(root: &TempDir, text: &str) -> Result<Dataset, DataError> {
    let path = root.path().join("list.csv");
    fs::write(&path, text).unwrap();
    Dataset::open_with(&path, &Labels::Track)
}

fn class_of<'a>(dataset: &'a Dataset, name: &str) -> &'a str {
    let item = dataset.items.iter().find(|i| i.path == Path::new(name));
    &dataset.classes[item.unwrap().class]
}

/// Names of twelve tracks.
const TWELVE: [&str; 12] = [
    "a.ogg", "b.ogg", "c.ogg", "d.ogg", "e.ogg", "f.ogg", "g.ogg", "h.ogg", "i.ogg", "j.ogg",
    "k.ogg", "l.ogg",
];

fn split(dataset: &Dataset, way: usize) -> Result<Split, DataError> {
    Split::create(dataset, Protocol::NovelClasses, Task::new(way, 5, 5), 1)
}

#[test]
fn every_file_at_any_depth_is_a_class_and_copies_are_one() {
    let root = library(
        &["a.ogg", "deep/er/b.flac", "deep/c.mp3", "cover.jpg"],
        &[("deep/z copy of a.ogg", "a.ogg")],
    );
    let dataset = open(root.path());
    assert!(dataset.tracks);
    assert_eq!(dataset.items.len(), 4);
    assert_eq!(dataset.pool_of_all().classes.len(), 3);
    assert_eq!(class_of(&dataset, "deep/c.mp3"), "deep/c.mp3");
    assert_eq!(class_of(&dataset, "deep/z copy of a.ogg"), "a.ogg");
    assert_eq!(
        dataset.warnings,
        ["1 files are copies of others and count as the same track"]
    );
}

#[test]
fn a_manifest_needs_no_label_and_tracks_of_one_piece_are_one() {
    let root = library(&["a.ogg", "b.ogg", "c.ogg"], &[]);
    let dataset = manifest(&root, "path,Piece\na.ogg,song\nb.ogg,song\nc.ogg,\n").unwrap();
    assert_eq!(dataset.classes, ["c.ogg", "song"]);
    assert_eq!(class_of(&dataset, "a.ogg"), class_of(&dataset, "b.ogg"));
    // A group may be an artist: its tracks are tracks.
    let dataset = manifest(&root, "path,group\na.ogg,song\nb.ogg,song\nc.ogg,\n").unwrap();
    assert_eq!(dataset.classes, ["a.ogg", "b.ogg", "c.ogg"]);
}

#[test]
fn tracks_are_parted_whole_with_those_of_their_album_and_group() {
    let root = library(&TWELVE, &[]);
    let rows: Vec<String> = TWELVE
        .iter()
        .enumerate()
        .map(|(k, name)| format!("{name},album {}\n", k / 2))
        .collect();
    let dataset = manifest(&root, &format!("path,album\n{}", rows.concat())).unwrap();
    for seed in 0..20 {
        let split =
            Split::create(&dataset, Protocol::NovelClasses, Task::new(2, 5, 5), seed).unwrap();
        let parts: Vec<Part> = split.files.iter().map(|file| file.part).collect();
        assert!(parts.chunks(2).all(|album| album[0] == album[1]));
        assert_eq!(parts.iter().collect::<BTreeSet<_>>().len(), 3);
    }
    // Groups tie albums together: three of four tracks each, here.
    let rows: Vec<String> = TWELVE
        .iter()
        .enumerate()
        .map(|(k, name)| match (k / 2) % 2 {
            0 => format!("{name},album {},\n", k / 4),
            _ if k % 2 == 0 => format!("{name},album {},artist {}\n", k / 4, k / 4),
            _ => format!("{name},,artist {}\n", k / 4),
        })
        .collect();
    let dataset = manifest(&root, &format!("path,album,group\n{}", rows.concat())).unwrap();
    let split = Split::create(&dataset, Protocol::NovelClasses, Task::new(4, 5, 5), 1).unwrap();
    let parts: Vec<Part> = split.files.iter().map(|file| file.part).collect();
    assert!(
        parts
            .chunks(4)
            .all(|tied| tied.iter().all(|part| *part == tied[0]))
    );
}

#[test]
fn a_model_trained_on_tracks_does_not_call_labels_changed() {
    let names: Vec<String> = TWELVE.iter().map(|name| format!("x/{name}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("y/m.ogg");
    let root = library(&names, &[("y/copy.ogg", "y/m.ogg")]);
    let split = split(&open(root.path()), 2).unwrap();
    let found = split.apply(&Dataset::open(root.path()).unwrap());
    assert!(found.relabelled.is_empty());
    assert_eq!(
        (found.new, found.changed, found.missing),
        (vec![], vec![], vec![])
    );
}

#[test]
fn too_few_tracks_no_tracks_and_classes_in_every_part_are_refused() {
    let root = library(&TWELVE[..5], &[("copy.ogg", "a.ogg")]);
    let text = split(&open(root.path()), 2).unwrap_err().to_string();
    assert!(
        text.contains("5 tracks") && text.contains("2 or more"),
        "{text}"
    );
    let rows: String = TWELVE.iter().map(|name| format!("{name},same\n")).collect();
    let root = library(&TWELVE, &[]);
    let text = split(&manifest(&root, &format!("path,album\n{rows}")).unwrap(), 2);
    let text = text.unwrap_err().to_string();
    assert!(
        text.contains("12 tracks, of which 12 have to stay with others of the same album"),
        "{text}"
    );
    let seen = Split::create(
        &open(root.path()),
        Protocol::SeenClasses,
        Task::new(2, 1, 1),
        1,
    );
    let text = seen.unwrap_err().to_string();
    assert!(text.contains("use novel-classes"), "{text}");

    let empty = library(&["cover.jpg"], &[]);
    let text = Dataset::open_with(empty.path(), &Labels::Track).unwrap_err();
    assert!(text.to_string().contains("holds no audio file"), "{text}");
}

#[test]
fn a_given_split_is_kept_and_must_not_part_versions_of_a_track() {
    let root = library(&TWELVE, &[]);
    let row = |(k, name): (usize, &&str)| {
        format!(
            "{name},{},one album\n",
            ["train", "validation", "test"][k % 3]
        )
    };
    let rows: String = TWELVE.iter().enumerate().map(row).collect();
    let dataset = manifest(&root, &format!("path,split,album\n{rows}")).unwrap();
    let split = split(&dataset, 4).unwrap();
    assert_eq!(split.files[1].part, Part::Validation);
    let text = "path,split,group\na.ogg,train,x\nb.ogg,test,x\nc.ogg,test,\n";
    let error = manifest(&root, text).unwrap_err();
    assert!(
        matches!(error, DataError::GroupInTwoParts { .. }),
        "{error}"
    );
}
