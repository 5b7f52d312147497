//! The way of someone whose music is little: at most one refusal, and the command that it prints works.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::tracks::write_track;
use crate::{fails, gamaka, stderr, stdout, succeeds, text};

/// A folder with a blank in its name that holds some clips of some of the corpus's styles.
fn music(styles: &[&str], files: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("my music");
    for style in styles {
        fs::create_dir_all(music.join(style)).unwrap();
        for file in 0..files {
            let name = format!("{style}/{style}-{file:03}.ogg");
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/corpus");
            fs::copy(corpus.join(&name), music.join(&name)).unwrap();
        }
    }
    (folder, music)
}

const SIX: [&str; 6] = ["blues", "disco", "folk", "house", "ska", "waltz"];

/// The commands that a message prints, each on a line of its own, as a shell splits them, without the program.
fn commands(said: &str) -> Vec<Vec<String>> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("  "));
    let words = lines.map(|line| shlex::split(line).unwrap()[1..].to_vec());
    words.collect()
}

/// Runs a command that was printed, of as few episodes as will do.
fn works(words: &[String]) -> String {
    succeeds(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn six_genres_of_six_files_get_to_an_answer_without_a_refusal() {
    let (folder, music) = music(&SIX, 6);
    // What lies about in folders of music.
    fs::create_dir_all(music.join("covers")).unwrap();
    fs::write(music.join("covers/front.jpg"), "a picture").unwrap();
    fs::create_dir_all(music.join("alone")).unwrap();
    fs::copy(music.join("ska/ska-000.ogg"), folder.path().join("new.ogg")).unwrap();
    write_track(&music.join("alone/tone.wav"), 3, 1.0);
    let model = folder.path().join("model.safetensors");
    let output = gamaka(&["train", text(&music), "-o", text(&model), "--episodes", "2"]);
    let words = stderr(&output);
    assert!(output.status.success(), "{words}");
    for word in [
        "covers holds no audio file",
        "class `alone` has one file only",
        "too few for 5-way 5-shot episodes with 5 queries",
        "15 classes of 10 files: there are 6 classes of 6 files",
        "going on as with --way 2 --query 1",
        "guessing gives 50 %",
        "also possible: --protocol seen-classes --shot 1 --query 1",
    ] {
        assert!(words.contains(word), "no `{word}` in: {words}");
    }
    assert!(
        words.contains("what is asked in the end: 2-way 5-shot with 1 query a class"),
        "{words}"
    );
    let said = stdout(&output);
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("measure it with: "));
    let words = shlex::split(line.unwrap()).unwrap();
    let said = works(&[&words[1..], &["--episodes".into(), "20".into()]].concat());
    assert!(said.contains("2-way 5-shot, 1 queries a class"), "{said}");
    let new = folder.path().join("new.ogg");
    let examples = ["--examples", text(&music), "--model", text(&model)];
    let said = succeeds(&[&["classify", text(&new)], &examples[..]].concat());
    assert!(said.contains("ska"), "{said}");

    // What the model was trained for is more than these files give, or they are other files.
    let ask = [
        "eval",
        text(&music),
        "--model",
        text(&model),
        "--episodes",
        "20",
    ];
    let said = fails(1, &[&ask[..], &["--way=4", "--shot", "9"]].concat());
    let said = works(&commands(&said)[0]);
    assert!(said.contains("2-way 5-shot, 1 queries a class"), "{said}");
    let (_other, other) = self::music(&["blues", "rock", "soul"], 3);
    let said = fails(
        1,
        &[
            "eval",
            text(&other),
            "--model",
            text(&model),
            "--episodes",
            "20",
        ],
    );
    let said = works(&commands(&said)[0]);
    assert!(said.contains("-shot"), "{said}");
}

#[test]
fn settings_that_were_asked_for_are_refused_with_commands_that_work() {
    let (folder, music) = music(&SIX, 6);
    let model = folder.path().join("a model.safetensors");
    let asked = ["--way", "5", "--shot=5", "--query", "5", "--episodes", "2"];
    let train = ["train", text(&music), "-o", text(&model)];
    let said = fails(1, &[&train[..], &asked].concat());
    let found = commands(&said);
    assert_eq!(found.len(), 2, "{said}");
    for (command, shape) in found.iter().zip(["2-way 2-shot", "6-way 1-shot"]) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let output = gamaka(&words);
        assert!(output.status.success(), "{command:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(shape), "{}", stderr(&output));
        assert!(!stderr(&output).contains("too few"), "{}", stderr(&output));
    }
    let grid = folder.path().join("grid");
    let ablate = [
        "ablate",
        text(&music),
        "-o",
        text(&grid),
        "--models",
        "mlp",
        "--rates",
        "1e-3",
    ];
    let more = [
        "--seeds",
        "2",
        "--episodes",
        "2",
        "--way",
        "2",
        "--shot",
        "5",
        "--query",
        "5",
    ];
    let said = fails(1, &[&ablate[..], &more].concat());
    assert!(said.contains("--shot 5 --query 1"), "{said}");
    works(&commands(&said)[0]);
}

#[test]
fn files_that_cannot_be_read_make_it_go_on_with_less() {
    let (folder, music) = music(&SIX, 6);
    for style in SIX {
        fs::write(music.join(format!("{style}/{style}-000.ogg")), style).unwrap();
    }
    let model = folder.path().join("model.safetensors");
    let train = ["train", text(&music), "-o", text(&model), "--episodes", "2"];
    let output = gamaka(&train);
    let words = stderr(&output);
    assert!(output.status.success(), "{words}");
    assert!(words.contains("6 classes of 5 to 6 files"), "{words}");
    assert!(words.contains("--way 2 --shot 4 --query 1"), "{words}");
    let asked = ["--way", "2", "--shot", "5", "--query", "1"];
    let said = fails(1, &[&train[..], &asked].concat());
    assert!(said.contains("4 of 24 files could not be read"), "{said}");
    let found = commands(&said);
    works(&found[0]);
    let output = gamaka(&[
        "eval",
        text(&music),
        "--model",
        text(&model),
        "--episodes",
        "20",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn music_without_classes_is_told_how_to_train_without_labels() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    for (home, word) in [
        ("flat", "no class folders"),
        ("one/class", "one class only"),
    ] {
        let home = folder.path().join(home);
        for number in 0..7 {
            write_track(&home.join(format!("{number}.wav")), number, 7.0);
        }
        let data = folder
            .path()
            .join(if word.contains("one") { "one" } else { "flat" });
        let said = fails(
            1,
            &["train", text(&data), "-o", text(&model), "--episodes", "2"],
        );
        assert!(said.contains(word), "{said}");
        // Its way goes on by itself: tracks of 7 s are too short for the usual parts.
        works(&commands(&said)[0]);
    }
    let deep = folder.path().join("deep");
    let (_music, music) = music(&SIX, 2);
    fs::create_dir_all(&deep).unwrap();
    fs::rename(&music, deep.join("genres")).unwrap();
    let said = fails(
        1,
        &["train", text(&deep), "-o", text(&model), "--episodes", "2"],
    );
    works(&commands(&said)[0]);
}

#[test]
fn where_no_settings_help_it_says_what_to_add_and_what_works_without_training() {
    let (folder, music) = music(&["blues", "disco"], 5);
    let model = folder.path().join("model.safetensors");
    let said = fails(1, &["train", text(&music), "-o", text(&model)]);
    for word in [
        "there are 2 classes of 5 files",
        "6 classes of 2 files or more",
        "2 classes of 6 files or more",
        "gamaka classify NEW.mp3 --examples",
    ] {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    // The clips last 4.5 s.
    for word in ["--labels track", "ask for fewer", "no other settings"] {
        assert!(!said.contains(word), "`{word}` in: {said}");
    }
    assert!(!model.exists());
    let music = folder.path().join("longer");
    for number in 0..10 {
        let name = format!("{}/{number}.wav", ["blues", "disco"][number as usize % 2]);
        write_track(&music.join(name), number, 7.0);
    }
    let said = fails(1, &["train", text(&music), "-o", text(&model)]);
    assert!(said.contains("--labels track"), "{said}");
    let grid = folder.path().join("grid");
    let said = fails(1, &["ablate", text(&music), "-o", text(&grid)]);
    assert!(!said.contains("--labels track"), "{said}");
    for (command, offered) in [("train", true), ("eval", false), ("ablate", false)] {
        let said = succeeds(&[command, "--help"]);
        assert_eq!(said.contains("track|"), offered, "{said}");
    }
}

#[test]
fn clips_without_classes_that_are_too_short_are_refused_once_with_what_to_add() {
    let (folder, music) = music(&["blues"], 10);
    let flat = music.join("blues");
    let model = folder.path().join("model.safetensors");
    let train = ["train", text(&flat), "-o", text(&model)];
    let said = fails(1, &train);
    for word in [
        "no class folders",
        "0 of 10 that were heard",
        "add tracks",
        "gamaka classify NEW.mp3 --examples",
    ] {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(!said.contains("--labels track"), "{said}");
    let said = fails(1, &[&train[..], &["--labels", "track"]].concat());
    assert!(said.contains("add tracks"), "{said}");
    for word in ["going on", "no other settings", "ask for fewer"] {
        assert!(!said.contains(word), "`{word}` in: {said}");
    }
}

#[test]
fn files_without_folders_whose_tags_name_artists_are_trained_on_by_these() {
    let folder = tempfile::tempdir().unwrap();
    let flat = folder.path().join("flat");
    for number in 0..12u32 {
        let path = flat.join(format!("{number}.wav"));
        write_track(&path, number, 2.0);
        // An ID3v1 tag in the old way, behind everything.
        let mut bytes = fs::read(&path).unwrap();
        let mut tag = [0; 128];
        tag[..3].copy_from_slice(b"TAG");
        tag[33..40].copy_from_slice(format!("artist{}", number / 2).as_bytes());
        bytes.extend(tag);
        fs::write(&path, bytes).unwrap();
    }
    let model = folder.path().join("model.safetensors");
    let train = ["train", text(&flat), "-o", text(&model), "--episodes", "2"];
    let said = fails(1, &train);
    assert!(said.contains("--labels artist"), "{said}");
    works(&commands(&said)[0]);
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    let help = succeeds(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 10, "{help}");
    let page = succeeds(&["man"]);
    assert!(page.contains(".TH gamaka 1"), "{page}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = succeeds(&["completions", shell]);
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("examples"), "{shell}");
    }
    for command in commands.iter().filter(|name| **name != "help") {
        assert!(
            page.contains(&format!("gamaka\\-{command}")),
            "{command}: {page}"
        );
        let own = succeeds(&["man", command]);
        assert!(
            own.contains(&format!(".SH NAME\ngamaka\\-{command}")),
            "{own}"
        );
    }
    assert!(succeeds(&["man", "data", "check"]).contains("gamaka\\-data\\-check"));
    let said = fails(1, &["man", "tarin"]);
    assert!(
        said.contains("gamaka has no command tarin: it has demo, doctor"),
        "{said}"
    );
    let said = fails(2, &["completions", "tcsh"]);
    assert!(said.contains("bash, elvish, fish"), "{said}");
}
