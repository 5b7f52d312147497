//! Which files are found under the paths that a user names.

use std::fs;
use std::path::{Path, PathBuf};

use gamaka::audio::{AudioErrorKind, find};

fn touch(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "x").unwrap();
    path
}

#[test]
fn folders_are_searched_to_any_depth_in_sorted_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = ["b.wav", "a/z.FLAC", "a/b/c/d.Mp3", "z/é.ogg", "old.wma"]
        .map(|name| touch(folder.path(), name));
    touch(folder.path(), "cover.jpg");
    touch(folder.path(), "a/notes.txt");
    touch(folder.path(), "wav");
    files.sort();
    let found = find(&[folder.path().to_path_buf()]);
    assert_eq!(found.files, files);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

#[test]
fn hidden_files_and_folders_are_passed_over_but_not_if_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let song = touch(folder.path(), "x.wav");
    let companion = touch(folder.path(), "._x.wav");
    let hidden = touch(folder.path(), ".trash/y.wav");
    let found = find(&[folder.path().to_path_buf()]);
    assert_eq!(found.files, [song]);
    let found = find(&[companion.clone(), folder.path().join(".trash")]);
    assert_eq!(found.files, [companion, hidden]);
}

#[test]
fn a_named_file_is_listed_whatever_it_is_called_and_each_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let odd = touch(folder.path(), "recording.bin");
    let song = touch(folder.path(), "song.wav");
    let paths = [
        song.clone(),
        folder.path().to_path_buf(),
        odd.clone(),
        song.clone(),
    ];
    assert_eq!(find(&paths).files, [odd, song]);
}

#[test]
fn missing_empty_and_musicless_paths_are_problems_that_leave_the_rest_alone() {
    let folder = tempfile::tempdir().unwrap();
    let song = touch(folder.path(), "good/song.wav");
    let empty = folder.path().join("good/empty.wav");
    fs::write(&empty, "").unwrap();
    touch(folder.path(), "bare/notes.txt");
    let bare = folder.path().join("bare");
    let missing = folder.path().join("missing.wav");
    let found = find(&[missing.clone(), bare.clone(), folder.path().join("good")]);
    assert_eq!(found.files, [song]);
    let kinds: Vec<_> = found
        .problems
        .iter()
        .map(|problem| (&problem.path, &problem.kind))
        .collect();
    assert!(
        matches!(
            kinds[..],
            [
                (a, AudioErrorKind::Missing),
                (b, AudioErrorKind::NoAudioFiles),
                (c, AudioErrorKind::Empty),
            ] if *a == missing && *b == bare && *c == empty
        ),
        "{kinds:?}"
    );
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let song = touch(folder.path(), "song.wav");
    touch(elsewhere.path(), "other.wav");
    symlink(elsewhere.path(), folder.path().join("linked")).unwrap();
    symlink(folder.path(), folder.path().join("self")).unwrap();
    symlink(
        folder.path().join("gone.wav"),
        folder.path().join("dangling.wav"),
    )
    .unwrap();
    symlink(
        folder.path().join("gone.txt"),
        folder.path().join("dangling.txt"),
    )
    .unwrap();
    let found = find(&[folder.path().to_path_buf()]);
    assert_eq!(found.files, [folder.path().join("linked/other.wav"), song]);
    let problems: Vec<_> = found
        .problems
        .iter()
        .map(|p| (p.path.clone(), &p.kind))
        .collect();
    assert!(
        matches!(&problems[..], [(path, AudioErrorKind::Missing)] if path.ends_with("dangling.wav")),
        "{problems:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_several_links_lead_to_is_listed_once_and_under_its_own_name_where_it_has_one() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let own = touch(folder.path(), "z/song.wav");
    let other = touch(elsewhere.path(), "deep/other.wav");
    let odd = touch(elsewhere.path(), "object-17");
    symlink(&own, at("a.wav")).unwrap();
    symlink(at("z"), at("again")).unwrap();
    symlink(&other, at("one.wav")).unwrap();
    symlink(&other, at("two.wav")).unwrap();
    symlink(elsewhere.path(), at("way")).unwrap();
    symlink(elsewhere.path().join("deep"), at("way 2")).unwrap();
    // What is stored under another name is audio by the link's.
    symlink(&odd, at("z/stored.wav")).unwrap();
    let found = find(&[folder.path().to_path_buf()]);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert_eq!(found.files, [at("one.wav"), own, at("z/stored.wav")]);
}

#[cfg(unix)]
#[test]
fn links_among_many_folders_and_to_parents_of_the_folder_end() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), "outside.wav");
    let music = folder.path().join("music");
    let mut songs = Vec::new();
    for a in 0..12 {
        songs.push(touch(&music, &format!("{a}/song.wav")));
        for b in 0..12 {
            symlink(music.join(b.to_string()), music.join(format!("{a}/to {b}"))).unwrap();
        }
        symlink(folder.path(), music.join(format!("{a}/up"))).unwrap();
    }
    songs.sort();
    assert_eq!(find(&[music]).files, songs);
}
