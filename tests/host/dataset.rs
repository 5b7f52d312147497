//! Folders and manifests: what is read, and what is said where something is wrong.

use gamaka::audio::is_audio;
use gamaka::internals::data::{DataError, Dataset, Labels, Part};
use std::{fs, path::Path};
use tempfile::TempDir;

/// A folder with files; the content of each is its text, or its path where that is empty.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let root = TempDir::new().unwrap();
    for (path, content) in files {
        let path_on_disk = root.path().join(path);
        fs::create_dir_all(path_on_disk.parent().unwrap()).unwrap();
        fs::write(
            path_on_disk,
            if content.is_empty() { path } else { content },
        )
        .unwrap();
    }
    root
}

fn manifest(files: &[&str], text: &str) -> (TempDir, Result<Dataset, DataError>) {
    let root = folder(&files.iter().map(|path| (*path, "")).collect::<Vec<_>>());
    let path = root.path().join("list.csv");
    fs::write(&path, text).unwrap();
    let opened = Dataset::open(&path);
    (root, opened)
}

fn paths(dataset: &Dataset) -> Vec<String> {
    dataset
        .items
        .iter()
        .map(|item| item.path.display().to_string().replace('\\', "/"))
        .collect()
}

fn message(error: Result<Dataset, DataError>) -> String {
    error.expect_err("this must be refused").to_string()
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{text}` should say `{word}`");
    }
}

#[test]
fn files_are_found_at_any_depth_below_each_class_folder() {
    let root = folder(&[
        ("rock/b.WAV", ""),
        ("rock/live/2001/a.mp3", ""),
        ("jazz/x.flac", ""),
        ("jazz/cover.jpg", ""),
    ]);
    let dataset = Dataset::open(root.path()).unwrap();
    assert_eq!(dataset.classes, ["jazz", "rock"]);
    assert_eq!(
        paths(&dataset),
        ["jazz/x.flac", "rock/b.WAV", "rock/live/2001/a.mp3"]
    );
    assert_eq!(
        dataset
            .items
            .iter()
            .map(|item| item.class)
            .collect::<Vec<_>>(),
        [0, 1, 1]
    );
    assert!(dataset.file(&dataset.items[0]).is_file());
    assert!(dataset.warnings.is_empty());
    let expected = blake3::hash(b"jazz/x.flac").to_hex().to_string();
    assert_eq!(dataset.items[0].hash, expected);
}

#[test]
fn hidden_files_and_folders_and_mac_companions_are_skipped() {
    let files = [
        ("a/1.wav", ""),
        ("a/._1.wav", ""),
        ("a/.x/2.wav", ""),
        ("b/3.wav", ""),
        (".git/4.wav", ""),
    ];
    let dataset = Dataset::open(folder(&files).path()).unwrap();
    assert_eq!(paths(&dataset), ["a/1.wav", "b/3.wav"]);
}

#[test]
fn audio_is_told_by_its_extension_in_any_case() {
    for name in [
        "a.wav", "a.Flac", "x/a.MP3", "a.ogg", "a.oga", "a.opus", "a.m4a", "a.aiff", "a.caf",
        "a.mkv",
    ] {
        assert!(is_audio(Path::new(name)), "{name}");
    }
    for name in ["a.txt", "wav", ".wav", "._a.wav", "a.wav.part", ""] {
        assert!(!is_audio(Path::new(name)), "{name}");
    }
}

#[test]
fn files_outside_class_folders_are_warned_of_and_not_used() {
    let dataset =
        Dataset::open(folder(&[("a/1.wav", ""), ("b/2.wav", ""), ("3.wav", "")]).path()).unwrap();
    assert_eq!(paths(&dataset), ["a/1.wav", "b/2.wav"]);
    assert_says(
        &dataset.warnings.concat(),
        &["1 audio file lies", "not used"],
    );
}

#[test]
fn a_folder_that_is_no_data_set_is_refused_with_the_mend() {
    let missing = Dataset::open(Path::new("/no/such/folder"));
    assert_says(&message(missing), &["/no/such/folder", "does not exist"]);
    let file = folder(&[("a.wav", "")]);
    assert_says(
        &message(Dataset::open(&file.path().join("a.wav"))),
        &["a.wav", "neither a folder nor"],
    );
    assert_says(
        &message(Dataset::open(file.path())),
        &[
            "holds no class folders",
            "(1 audio file lies directly in it)",
        ],
    );
    assert!(matches!(
        Dataset::open(folder(&[]).path()),
        Err(DataError::NoClasses { loose: 0, .. })
    ));
    let empty = folder(&[("a/cover.jpg", ""), ("b/notes.txt", "")]);
    assert_says(
        &message(Dataset::open(empty.path())),
        &["none of the class folders of", "holds an audio file"],
    );
}

#[test]
fn a_class_folder_without_audio_costs_that_folder() {
    let root = folder(&[("a/1.wav", ""), ("b/2.wav", ""), ("covers/a.jpg", "")]);
    let dataset = Dataset::open(root.path()).unwrap();
    assert_eq!(dataset.classes, ["a", "b"]);
    assert_says(
        &dataset.warnings.concat(),
        &["left out: class folder", "covers holds no audio file"],
    );
}

#[test]
fn classes_that_no_episode_can_have_on_both_sides_are_left_out() {
    let root = folder(&[
        ("a/1.wav", "1"),
        ("a/2.wav", "2"),
        ("alone/3.wav", "3"),
        ("copies/4.wav", "same"),
        ("copies/5.wav", "same"),
        ("z/6.wav", "6"),
        ("z/7.wav", "7"),
    ]);
    let mut dataset = Dataset::open(root.path()).unwrap();
    dataset.leave_out_lone_classes();
    assert_eq!(dataset.classes, ["a", "z"]);
    let classes: Vec<usize> = dataset.items.iter().map(|item| item.class).collect();
    assert_eq!(classes, [0, 0, 1, 1]);
    assert_says(
        &dataset.warnings.concat(),
        &[
            "class `alone` has one file only",
            "class `copies` has 2 files that all belong together",
        ],
    );
    let left = dataset.clone();
    dataset.leave_out_lone_classes();
    assert_eq!(dataset, left);
}

#[test]
fn a_single_class_is_refused_and_the_folder_one_deeper_is_suggested() {
    let outer = folder(&[("genres/blues/1.wav", ""), ("genres/rock/2.wav", "")]);
    assert_says(
        &message(Dataset::open(outer.path())),
        &["one class only, `genres`", "did you mean", "genres?"],
    );
    let alone = message(Dataset::open(folder(&[("a/1.wav", "")]).path()));
    assert!(!alone.contains("did you mean"), "{alone}");
}

#[test]
fn labels_that_differ_only_by_case_or_blanks_are_refused() {
    for (a, b) in [("Hip Hop", "hiphop"), ("jazz", "Jazz")] {
        let root = folder(&[(&format!("{a}/1.wav"), ""), (&format!("{b}/2.wav"), "")]);
        // On a file system that ignores case there is one folder only.
        if fs::read_dir(root.path()).unwrap().count() == 2 {
            assert_says(
                &message(Dataset::open(root.path())),
                &[a, b, "differ only by case or blanks"],
            );
        }
    }
    let (_root, opened) = manifest(
        &["1.wav", "2.wav"],
        "path,label\n1.wav,Bossa Nova\n2.wav,bossa  nova\n",
    );
    assert!(matches!(opened, Err(DataError::LabelsAlike { .. })));
}

#[test]
fn the_same_content_under_two_classes_is_refused_with_both_names() {
    let root = folder(&[("a/1.wav", "same"), ("b/2.wav", "same"), ("b/3.wav", "")]);
    assert_says(
        &message(Dataset::open(root.path())),
        &["1.wav", "`a`", "2.wav", "`b`", "same content"],
    );
    // All at once, not one a run.
    let names: Vec<[String; 2]> = (0..12)
        .map(|k| [format!("a/{k}.wav"), format!("b/{k}.wav")])
        .collect();
    let contents: Vec<String> = (0..12).map(|k| format!("content {k}")).collect();
    let pairs = names.iter().zip(&contents);
    let files: Vec<(&str, &str)> = pairs
        .flat_map(|(pair, content)| pair.iter().map(|name| (name.as_str(), content.as_str())))
        .collect();
    let said = message(Dataset::open(folder(&files).path()));
    assert_eq!(said.matches("(class `a`)").count(), 10, "{said}");
    assert_says(&said, &["and 2 more pairs"]);
}

#[test]
fn copies_within_a_class_become_one_group_with_a_warning() {
    let root = folder(&[
        ("a/1.wav", "same"),
        ("a/2.wav", ""),
        ("a/3.wav", "same"),
        ("b/4.wav", ""),
    ]);
    let dataset = Dataset::open(root.path()).unwrap();
    let group: Vec<usize> = dataset.items.iter().map(|item| item.group).collect();
    assert_eq!(group[0], group[2]);
    assert!(group[1] != group[0] && group[3] != group[0] && group[1] != group[3]);
    assert_says(&dataset.warnings.concat(), &["1.wav", "3.wav", "one group"]);
}

#[test]
fn a_copy_joins_the_whole_groups_of_both_files() {
    let root = folder(&[
        ("1.wav", "same"),
        ("2.wav", ""),
        ("3.wav", "same"),
        ("4.wav", ""),
        ("5.wav", ""),
    ]);
    let text = "path,label,group\n1.wav,a,x\n2.wav,a,x\n3.wav,a,y\n4.wav,a,y\n5.wav,b,\n";
    fs::write(root.path().join("m.csv"), text).unwrap();
    let dataset = Dataset::open(&root.path().join("m.csv")).unwrap();
    assert!(
        dataset.items[..4]
            .iter()
            .all(|item| item.group == dataset.items[0].group)
    );
    assert_ne!(dataset.items[4].group, dataset.items[0].group);
}

#[cfg(unix)]
#[test]
fn a_class_has_no_songs_of_another_by_a_link_to_a_folder() {
    use std::os::unix::fs::symlink;
    let root = folder(&[
        ("a/1.wav", ""),
        ("a/deep/2.wav", ""),
        ("b/3.wav", ""),
        ("b/4.wav", ""),
    ]);
    let elsewhere = folder(&[("blues/5.wav", ""), ("blues/more/6.wav", ""), ("7.wav", "")]);
    let at = |name: &str| root.path().join(name);
    for (link, to) in [
        ("a/up", root.path().to_path_buf()),
        ("a/further up", root.path().parent().unwrap().to_path_buf()),
        ("b/neighbour", at("a")),
        ("b/part of it", at("a/deep")),
        // A class whose folder lies elsewhere, and one that holds it.
        ("c", elsewhere.path().join("blues")),
        ("b/all", elsewhere.path().to_path_buf()),
        ("c/back", at("b")),
        // Nothing wrong with these.
        ("c/again", elsewhere.path().join("blues/more")),
        ("everything", root.path().to_path_buf()),
    ] {
        symlink(to, at(link)).unwrap();
    }
    let dataset = Dataset::open(root.path()).unwrap();
    assert_eq!(dataset.classes, ["a", "b", "c"]);
    assert_eq!(
        paths(&dataset),
        [
            "a/1.wav",
            "a/deep/2.wav",
            "b/3.wav",
            "b/4.wav",
            "c/5.wav",
            "c/more/6.wav"
        ]
    );
    let said = dataset.warnings.join("\n");
    for link in [
        "a/up",
        "a/further up",
        "b/neighbour",
        "b/part of it",
        "b/all",
        "c/back",
    ] {
        let link = format!(
            "left out: {}: a link to songs of other classes",
            at(link).display()
        );
        assert!(said.contains(&link), "{link}: {said}");
    }
    assert!(
        said.contains("everything: a link to a folder that holds all classes"),
        "{said}"
    );
    assert_eq!(dataset.warnings.len(), 7, "{said}");
}

#[cfg(unix)]
#[test]
fn links_to_music_kept_elsewhere_are_followed_and_a_file_counts_once_in_its_class() {
    use std::os::unix::fs::symlink;
    let root = folder(&[("a/1.wav", ""), ("a/own/2.wav", ""), ("b/3.wav", "")]);
    let elsewhere = folder(&[("album/4.wav", ""), ("album/5.wav", ""), ("object-17", "")]);
    let at = |name: &str| root.path().join(name);
    for (link, to) in [
        ("a/album", elsewhere.path().join("album")),
        ("a/album again", elsewhere.path().join("album")),
        ("a/4.wav", elsewhere.path().join("album/4.wav")),
        ("a/0 first.wav", at("a/1.wav")),
        ("a/0 own", at("a/own")),
        ("b/song.wav", elsewhere.path().join("object-17")),
        ("b/song 2.wav", elsewhere.path().join("object-17")),
    ] {
        symlink(to, at(link)).unwrap();
    }
    let dataset = Dataset::open(root.path()).unwrap();
    assert_eq!(dataset.warnings, [""; 0]);
    assert_eq!(
        paths(&dataset),
        [
            "a/1.wav",
            "a/4.wav",
            "a/album/5.wav",
            "a/own/2.wav",
            "b/3.wav",
            "b/song 2.wav"
        ]
    );
    // A song that is linked into another class by name is a contradiction, as a copy is.
    symlink(at("a/1.wav"), at("b/mine.wav")).unwrap();
    assert_says(
        &message(Dataset::open(root.path())),
        &["a/1.wav", "b/mine.wav", "`a`", "`b`"],
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_class_folder_is_left_out_and_not_waited_for() {
    let root = folder(&[("a/1.wav", ""), ("b/2.wav", "")]);
    let pipe = root.path().join("b/pipe.wav");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let dataset = Dataset::open(root.path()).unwrap();
    assert_eq!(paths(&dataset), ["a/1.wav", "b/2.wav"]);
    let [said] = &dataset.warnings[..] else {
        panic!("{:?}", dataset.warnings)
    };
    assert_says(said, &["left out", "pipe.wav", "pipe or device"]);
}

#[test]
fn files_of_no_bytes_are_not_copies_of_each_other() {
    let root = folder(&[("a/1.wav", ""), ("b/2.wav", "")]);
    for name in ["a/empty.wav", "b/empty.wav"] {
        fs::write(root.path().join(name), b"").unwrap();
    }
    let dataset = Dataset::open(root.path()).unwrap();
    assert_eq!((dataset.items.len(), dataset.warnings.len()), (4, 0));
}

#[test]
fn a_manifest_gives_labels_splits_and_groups_whatever_else_it_holds() {
    let text = "\u{feff}Group, label ,year,PATH,split\r\n\
                x,jazz,1959,\"a, b.wav\",train\r\n\
                \r\n\
                ,,,,\r\n\
                ,\"rock \"\"n\"\" roll\",1955,sub/c.mp3,Test\r\n\
                x,jazz,,d.wav,train\r\n";
    let (root, opened) = manifest(&["a, b.wav", "sub/c.mp3", "d.wav"], text);
    let dataset = opened.unwrap();
    assert_eq!(dataset.root, root.path());
    assert_eq!(dataset.classes, ["jazz", "rock \"n\" roll"]);
    assert_eq!(paths(&dataset), ["a, b.wav", "d.wav", "sub/c.mp3"]);
    assert_eq!(dataset.items[0].group, dataset.items[1].group);
    assert_eq!(dataset.groups[dataset.items[0].group], "x");
    assert_ne!(dataset.items[2].group, dataset.items[0].group);
    let parts: Vec<Option<Part>> = dataset.items.iter().map(|item| item.part).collect();
    assert_eq!(
        parts,
        [Some(Part::Train), Some(Part::Train), Some(Part::Test)]
    );
}

#[test]
fn tables_that_are_no_manifests_are_refused_in_a_line() {
    let wide = format!("path,label{}\n", ",c".repeat(1_000_000));
    let name = format!("path,label,{}\na.wav,x,\n", "n".repeat(1_000_000));
    let open = format!("path,label\na.wav,\"x\n{}", "b.wav,y\n".repeat(100_000));
    let long = format!("path,label\n{},x\n", "a".repeat(1_000_000));
    for (text, word) in [
        (wide, "1000002 columns"),
        (name, "more than 256 bytes"),
        (open, "a closing quote may be missing"),
        (long, "line 2: a field of more than 32768 bytes"),
        ("path,label\na\0.wav,x\n".into(), "do not exist"),
    ] {
        let (_folder, dataset) = manifest(&["a.wav"], &text);
        let said = message(dataset);
        assert!(said.contains(word) && said.len() < 1000, "{said}");
    }
}

#[test]
fn manifests_of_other_countries_and_systems_are_read() {
    for text in [
        "path;label\r\nx/1.wav;a\r\n2.wav;b\r\n",
        "path\tlabel\nx\\1.wav\ta\n2.wav\tb",
    ] {
        let (_root, opened) = manifest(&["x/1.wav", "2.wav"], text);
        assert_eq!(paths(&opened.unwrap()), ["2.wav", "x/1.wav"], "{text:?}");
    }
}

#[test]
fn absolute_paths_in_a_manifest_are_used_as_they_are() {
    let music = folder(&[("1.wav", ""), ("2.wav", "")]);
    let text = format!(
        "path,label\n{0}/1.wav,a\n{0}/2.wav,b\n",
        music.path().display()
    );
    let (_root, opened) = manifest(&[], &text);
    let dataset = opened.unwrap();
    assert!(dataset.file(&dataset.items[1]).ends_with("2.wav"));
}

#[test]
fn a_manifest_without_its_columns_is_refused_with_those_it_has() {
    let (_root, opened) = manifest(&["1.wav"], "file,genre\n1.wav,a\n");
    assert_says(
        &message(opened),
        &[
            "list.csv",
            "no column named `path`",
            "file, genre",
            "path,label",
        ],
    );
    let (_root, opened) = manifest(&["1.wav"], "path,genre\n1.wav,a\n");
    assert!(matches!(
        opened,
        Err(DataError::MissingColumn {
            missing: "label",
            ..
        })
    ));
    let (_root, opened) = manifest(&[], "");
    assert!(matches!(opened, Err(DataError::MissingColumn { .. })));
    let (_root, opened) = manifest(&[], "path,label\n\n");
    assert_says(&message(opened), &["no rows"]);
}

#[test]
fn missing_files_are_counted_and_the_first_few_named() {
    let rows: String = (0..9).map(|i| format!("gone{i}.wav,a\n")).collect();
    let (_root, opened) = manifest(&["1.wav"], &format!("path,label\n1.wav,b\n{rows}"));
    let text = message(opened);
    assert_says(
        &text,
        &[
            "9 of the 10 files",
            "gone0.wav (line 3)",
            "gone4.wav (line 7)",
            "relative to the manifest",
        ],
    );
    assert!(!text.contains("gone5"), "{text}");
    for elsewhere in ["/other/machine/1.wav", "C:\\music\\1.wav"] {
        let (_root, opened) = manifest(&[], &format!("path,label\n{elsewhere},a\n"));
        assert_says(&message(opened), &["absolute", "another machine"]);
    }
}

#[test]
fn a_faulty_line_of_a_manifest_is_named() {
    let cases = [
        (
            "path,label,split\n1.wav,a,train\n2.wav,b,eval\n",
            "line 3",
            "unknown split `eval`",
        ),
        (
            "path,label\n1.wav,a\n2.wav,\n",
            "line 3",
            "the label is empty",
        ),
        ("path,label\n,a\n2.wav,b\n", "line 2", "the path is empty"),
        ("path,label\n1.wav\n", "line 2", "the label is empty"),
        (
            "path,label\n1.wav,a\nx, 2.wav,b\n",
            "line 3",
            "double quotes",
        ),
        (
            "path,label\n1.wav,a\n2.wav,b\n1.wav,b\n",
            "line 4",
            "already listed in line 2",
        ),
        (
            "path,label,split\n1.wav,a,train\n2.wav,b,\n",
            "line 3",
            "no split, though other lines have one",
        ),
    ];
    for (text, line, reason) in cases {
        let (_root, opened) = manifest(&["1.wav", "2.wav"], text);
        assert_says(&message(opened), &["list.csv", line, reason]);
    }
    let root = folder(&[("1.wav", "")]);
    fs::write(root.path().join("m.csv"), b"path,label\n1.wav,caf\xe9\n").unwrap();
    assert_says(
        &message(Dataset::open(&root.path().join("m.csv"))),
        &["line 2", "UTF-8"],
    );
}

#[test]
fn a_group_or_a_copy_in_two_splits_is_refused() {
    let text = "path,label,split,group\n1.wav,a,train,x\n2.wav,b,test,x\n";
    let (_root, opened) = manifest(&["1.wav", "2.wav"], text);
    assert_says(
        &message(opened),
        &["1.wav (train)", "2.wav (test)", "group `x`", "same split"],
    );

    let root = folder(&[("1.wav", "same"), ("2.wav", "same"), ("3.wav", "")]);
    fs::write(
        root.path().join("m.csv"),
        "path,label,split\n1.wav,a,train\n2.wav,a,test\n3.wav,b,test\n",
    )
    .unwrap();
    assert!(matches!(
        Dataset::open(&root.path().join("m.csv")),
        Err(DataError::GroupInTwoParts { .. })
    ));
}

fn column(name: &str) -> Labels {
    Labels::Column(name.into())
}

#[test]
fn any_column_of_a_manifest_can_be_the_label_and_the_others_are_kept() {
    let text = "path,label,split,Artist,mood\n1.wav,rock,,Ann,calm\n2.wav,rock,,Bo,\n3.wav,jazz,,Ann,wild\n";
    let (root, opened) = manifest(&["1.wav", "2.wav", "3.wav"], text);
    let by_label = opened.unwrap();
    assert_eq!(by_label.classes, ["jazz", "rock"]);
    let columns: Vec<(&str, &str)> = by_label.items[0]
        .columns
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(columns, [("artist", "Ann"), ("mood", "calm")]);
    assert_eq!(by_label.items[1].columns.len(), 1, "an empty field is none");

    let path = root.path().join("list.csv");
    let by_artist = Dataset::open_with(&path, &"ARTIST".parse().unwrap()).unwrap();
    assert_eq!(by_artist.classes, ["Ann", "Bo"]);
    assert_eq!(by_artist.items[2].class, 0);
    assert!(by_artist.warnings.is_empty());

    let by_mood = Dataset::open_with(&path, &column("mood")).unwrap();
    assert_eq!(paths(&by_mood), ["1.wav", "3.wav"]);
    let [warning] = &by_mood.warnings[..] else {
        panic!("{:?}", by_mood.warnings)
    };
    assert_says(warning, &["1 of the 3 files", "no `mood`", "left out"]);
}

#[test]
fn a_label_that_the_data_set_does_not_have_is_refused_with_those_it_has() {
    let (root, _) = manifest(&["1.wav"], "path,genre,empty\n1.wav,a,\n");
    let path = root.path().join("list.csv");
    let text = message(Dataset::open_with(&path, &column("artist")));
    assert_says(&text, &["no column named `artist`", "path, genre, empty"]);
    let text = message(Dataset::open_with(&path, &column("empty")));
    assert_says(&text, &["none of the 1 audio files", "the column `empty`"]);

    let music = folder(&[("a/1.wav", "")]);
    let text = message(Dataset::open_with(music.path(), &column("mood")));
    assert_says(&text, &["folder, album or artist, not by `mood`"]);
    let text = message(Dataset::open_with(music.path(), &column("album")));
    assert_says(&text, &["none of the 1 audio files", "the tag `album`"]);
}

#[test]
fn files_of_an_album_stay_usable_where_the_group_is_its_artist() {
    let text = "path,album,group\n1.wav,x,ann\n2.wav,x,ann\n3.wav,y,bo\n4.wav,y,cy\n5.wav,y,cy\n";
    let files = ["1.wav", "2.wav", "3.wav", "4.wav", "5.wav"];
    let (root, _) = manifest(&files, text);
    let dataset = Dataset::open_with(&root.path().join("list.csv"), &column("album")).unwrap();
    let group: Vec<usize> = dataset.items.iter().map(|item| item.group).collect();
    assert_ne!(group[0], group[1]);
    assert_eq!(group[3], group[4], "a class of several groups keeps them");
    assert_says(&dataset.warnings.concat(), &["1 classes, `x`", "separate"]);
}

/// A WAV file's bytes: `chunks` (id, content) after its format, and one sample.
fn wav_with(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body =
        b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data\x02\0\0\0\0\0"
            .to_vec();
    for (id, content) in chunks {
        body.extend_from_slice(*id);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend_from_slice(content);
    }
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The INFO list of a WAV file: artist and album.
fn info(artist: &str, album: &str) -> Vec<u8> {
    let mut list = b"INFO".to_vec();
    for (id, text) in [(b"IART", artist), (b"IPRD", album)] {
        list.extend_from_slice(id);
        list.extend((text.len() as u32 + 1).to_le_bytes());
        list.extend_from_slice(text.as_bytes());
        list.push(0);
        if text.len() % 2 == 0 {
            list.push(0);
        }
    }
    list
}

#[test]
fn a_folder_of_tagged_files_is_labelled_by_artist_or_album_wherever_they_lie() {
    let root = folder(&[("deep/er/none.wav", ""), ("damaged.mp3", "ID3\u{4}")]);
    for (path, artist, album) in [
        ("1.wav", "Ann", "One"),
        ("deep/2.wav", "Ann", "Two"),
        ("deep/3.wav", "Bo", "Two"),
    ] {
        let bytes = wav_with(&[(b"LIST", &info(artist, album))]);
        fs::write(root.path().join(path), bytes).unwrap();
    }
    let by_artist = Dataset::open_with(root.path(), &column("artist")).unwrap();
    assert_eq!(by_artist.classes, ["Ann", "Bo"]);
    assert_eq!(paths(&by_artist), ["1.wav", "deep/2.wav", "deep/3.wav"]);
    assert_eq!(by_artist.items[1].columns["album"], "Two");
    assert_says(&by_artist.warnings.concat(), &["2 of the 5 files"]);
    let by_album = Dataset::open_with(root.path(), &column("album")).unwrap();
    assert_eq!(by_album.classes, ["One", "Two"]);
}
