//! Where outputs may go: every option of every command, onto everything that must not be lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{fails, fixture, gamaka, stderr, stdout, studio, succeeds, text};

/// An option that names a file to write, and an ending that it takes.
struct Output {
    command: &'static str,
    option: &'static str,
    ending: &'static str,
}

const FILES: &[Output] = &[
    output("mel", "--output", ".npy"),
    output("data check", "--output", ".csv"),
    output("train", "--output", ".safetensors"),
    output("train", "--log", ".csv"),
    output("eval", "--confusion", ".svg"),
    output("explain", "--output", ".html"),
    output("calibrate", "--output", ".safetensors"),
    output("prune", "--output", ".safetensors"),
    output("quantize", "--output", ".safetensors"),
    output("embed", "--output", ".jsonl"),
    output("embed", "--errors", ".txt"),
    output("library export", "--output", ".jsonl"),
    output("library map", "--output", ".html"),
    output("genre export", "--output", ".json"),
    output("similar", "--m3u", ".m3u"),
    output("playlist", "--m3u", ".m3u"),
];

/// Options that name a folder, and a file that lies in it.
const FOLDERS: [(&str, &str, &str); 6] = [
    ("quantize", "--table", "table.json"),
    ("demo", "--out", "report.html"),
    ("ablate", "--output", "findings.json"),
    ("eval", "--output", "accuracy.svg"),
    ("prune", "--table", "table.json"),
    ("explain", "--pictures", "channels.svg"),
];

/// Options that name a folder that is not there or is empty (see `bundle.rs`).
const NEW_FOLDERS: [(&str, &str); 1] = [("export", "--output")];

/// The option that names a file of features, which is read and added to (see `features.rs`), and the commands that have it.
const KEPT: (&str, [&str; 7]) = (
    "--features",
    [
        "train",
        "eval",
        "ablate",
        "calibrate",
        "explain",
        "prune",
        "quantize",
    ],
);

/// Options that name what is read.
const INPUTS: &[&str] = &[
    "--data",
    "--from",
    "--learn",
    "--to",
    "--library",
    "--config",
    "--mix",
    "--network",
    "--teacher",
    "--model",
    "--models",
    "--support-from",
    "--query-from",
    "--label-map",
    "--against",
    "--believe",
    "--examples",
    "--list",
    "--manifest",
];

const fn output(command: &'static str, option: &'static str, ending: &'static str) -> Output {
    Output {
        command,
        option,
        ending,
    }
}

/// A library of the studio's music with a genre, made once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<tempfile::TempDir> = OnceLock::new();
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = LIBRARY.get_or_init(|| tempfile::tempdir().unwrap());
        let library = folder.path().join("l.sqlite");
        let (music, model) = (studio().music(), studio().model());
        let scan = ["library", "scan", text(&music), "-m", text(&model)];
        succeeds(&[&scan[..], &["--library", text(&library)]].concat());
        let examples = music.join("a");
        let teach = ["genre", "add", "a", text(&examples)];
        succeeds(&[&teach[..], &["--library", text(&library)]].concat());
        library
    })
}

/// A copy of the studio's music, a file of it, and room for outputs.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        crate::copy_music(&scene.at("music"));
        std::fs::create_dir(scene.at("out")).unwrap();
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn song(&self) -> PathBuf {
        self.at("music/a/s16.wav")
    }

    /// A name for this option's outputs alone.
    fn own(&self, output: &Output, name: &str) -> PathBuf {
        let command = output.command.replace(' ', "-");
        self.at(&format!(
            "out/{name}-{command}{}{}",
            output.option, output.ending
        ))
    }

    /// The command of an option that writes to `to`, on the scene's music or on `input`.
    fn arguments(&self, output: &Output, to: &Path, input: Option<&Path>) -> Vec<String> {
        let model = studio().model();
        let (music, song, config) = (self.at("music"), self.song(), studio().config());
        let other = self.at(&format!("out/other{}", usual_ending(output.command)));
        let of = |path: &Path| text(path).to_string();
        let data = of(input.unwrap_or(&music));
        let mut words: Vec<String> = output.command.split(' ').map(String::from).collect();
        match output.command {
            "mel" => words.extend([of(input.unwrap_or(&song)), "--engine=cpu".into()]),
            "data check" => words.push(data),
            "train" => words.extend([data, "--config".into(), of(&config)]),
            "eval" => words.extend([data, "-m".into(), of(&model), "--episodes=2".into()]),
            "embed" => words.extend([data, "-m".into(), of(&model)]),
            "explain" => words.extend(["--data".into(), data, "-m".into(), of(&model)]),
            "library export" | "library map" | "genre export" => {
                let library = input.map_or(text(library()), text);
                words.extend(["--library".into(), library.into()]);
            }
            "similar" => {
                let of = of(input.unwrap_or(&song));
                words.extend([of, "--library".into(), text(library()).into()]);
            }
            "playlist" => {
                let from = of(input.unwrap_or(&song));
                let to = of(&self.at("music/b/s24.wav"));
                let ends = ["--from".into(), from, "--to".into(), to];
                words.extend(ends);
                words.extend(["--library".into(), text(library()).into()]);
            }
            "calibrate" => words.extend([data, "-m".into(), of(&model), "--split=all".into()]),
            "prune" | "quantize" => words.extend([of(&model), data]),
            other => panic!("{other}"),
        }
        if ["--log", "--errors"].contains(&output.option) {
            words.extend(["--output".into(), of(&other)]);
        }
        words.extend([output.option.into(), of(to)]);
        words
    }
}

fn usual_ending(command: &str) -> &'static str {
    let all = FILES.iter();
    let mut own = all.filter(|o| o.command == command && o.option == "--output");
    own.next().map_or("", |output| output.ending)
}

/// What a folder holds.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Runs a command that must refuse its output in a sentence, change nothing, and leave nothing.
fn refused(scene: &Scene, arguments: &[String], word: &str) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let before = names(&scene.at("out"));
    let said = fails(1, &arguments);
    assert!(said.contains(word), "{arguments:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    assert_eq!(names(&scene.at("out")), before, "{arguments:?}");
}

#[test]
fn every_option_that_names_a_file_is_known_here() {
    let commands = |help: &str| -> Vec<String> {
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let listed = listed.take_while(|line| !line.is_empty());
        let names = listed.filter_map(|line| line.split_whitespace().next());
        let names = names.filter(|name| *name != "help");
        names.map(String::from).collect()
    };
    let mut found = BTreeSet::new();
    let mut all = Vec::new();
    for name in commands(&succeeds(&["--help"])) {
        let help = succeeds(&[&name, "--help"]);
        match commands(&help) {
            below if below.is_empty() => all.push((name, help)),
            below => all.extend(below.iter().map(|below| {
                let help = succeeds(&[&name, below, "--help"]);
                (format!("{name} {below}"), help)
            })),
        }
    }
    for (whole, help) in all {
        for line in help.lines().map(str::trim_start) {
            let Some(at) = line.find("--").filter(|_| line.starts_with('-')) else {
                continue;
            };
            let Some((option, value)) = line[at..].split_once(' ') else {
                continue;
            };
            let path = [
                "FILE", "DIR", "PATH", "DATA", "MODEL", "OUT", "MANIFEST", ".",
            ];
            let value = value.split('>').next().unwrap_or_default();
            let value = value.replace("...", "").replace("0..1", "");
            let names_path = value.starts_with('<') && path.iter().any(|word| value.contains(word));
            if names_path && !INPUTS.contains(&option) {
                found.insert((whole.clone(), option.to_string()));
            }
        }
    }
    let files = FILES.iter().map(|o| (o.command, o.option));
    let folders = FOLDERS
        .iter()
        .map(|(command, option, _)| (*command, *option));
    let (kept, commands) = KEPT;
    let kept = commands.map(|command| (command, kept));
    let known = files.chain(folders).chain(NEW_FOLDERS).chain(kept);
    let known: BTreeSet<(String, String)> = known.map(|(c, o)| (c.into(), o.into())).collect();
    assert_eq!(found, known);
}

#[test]
fn no_output_takes_the_place_of_a_song_an_input_or_what_is_kept() {
    let scene = Scene::new();
    let song = std::fs::read(scene.song()).unwrap();
    for output in FILES {
        let at = |name: &str| scene.own(output, name);
        // A hard link of a song under a name that the option takes.
        std::fs::hard_link(scene.song(), at("link")).unwrap();
        refused(&scene, &scene.arguments(output, &at("link"), None), "audio");
        assert!(std::fs::read(at("link")).unwrap() == song);
        std::fs::remove_file(at("link")).unwrap();
        // By name, where the option takes every name.
        let ends = [
            "mel",
            "embed",
            "library export",
            "library map",
            "similar",
            "playlist",
            "explain",
        ];
        if !ends.contains(&output.command) || output.option == "--errors" {
            let arguments = scene.arguments(output, &scene.song(), None);
            refused(&scene, &arguments, "audio");
            refused(
                &scene,
                &scene.arguments(output, &scene.at("out/new.mp3"), None),
                "audio",
            );
        }
        std::fs::create_dir(at("folder")).unwrap();
        refused(
            &scene,
            &scene.arguments(output, &at("folder"), None),
            "folder",
        );
        let missing = scene.at(&format!("missing/new{}", output.ending));
        refused(
            &scene,
            &scene.arguments(output, &missing, None),
            "make the folder first",
        );
        let old: &[u8] = match output.command {
            "data check" => b"path,label,split,group\nold\n",
            _ => b"old\n",
        };
        std::fs::write(at("old"), old).unwrap();
        read_only(&at("old"), true);
        refused(
            &scene,
            &scene.arguments(output, &at("old"), None),
            "read-only",
        );
        assert!(std::fs::read(at("old")).unwrap() == old);
        read_only(&at("old"), false);
        // A mistyped input leaves the old result.
        let arguments = scene.arguments(output, &at("old"), Some(&scene.at("mussic")));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = fails(1, &arguments);
        assert!(said.contains("mussic"), "{arguments:?}: {said}");
        assert!(std::fs::read(at("old")).unwrap() == old, "{arguments:?}");
    }
    assert!(std::fs::read(scene.song()).unwrap() == song);
    for (command, option, file) in FOLDERS {
        let home = scene.at(&format!("{command}{option}"));
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join(file), "old").unwrap();
        read_only(&home.join(file), true);
        let (music, model) = (scene.at("music"), studio().model());
        let arguments = |to: &Path| {
            let mut words = vec![command.to_string()];
            if command == "explain" {
                let page = scene.at("out/page.html");
                words.extend(["-o", text(&page), "--data"].map(String::from));
            }
            if ["prune", "quantize"].contains(&command) {
                words.push(text(&model).into());
            }
            if command != "demo" {
                words.push(text(&music).into());
            }
            if ["eval", "explain"].contains(&command) {
                words.extend(["-m".into(), text(&model).into()]);
            }
            words.extend([option.into(), text(to).into()]);
            words
        };
        refused(&scene, &arguments(&home), "read-only");
        assert_eq!(names(&home), BTreeSet::from([file.to_string()]));
        refused(
            &scene,
            &arguments(&scene.song()),
            "give the name of a folder",
        );
        read_only(&home.join(file), false);
        // Files of one's own under names that gamaka chooses.
        refused(&scene, &arguments(&home), "was not written by gamaka");
        std::fs::remove_file(home.join(file)).unwrap();
        let own: &[&str] = match command {
            "demo" => &[
                "model.safetensors",
                "model.safetensors.checkpoint",
                "pictures/map.svg",
            ],
            "ablate" => &["tables.md", "pictures/shots.svg"],
            "quantize" => &["table.md", "halves.safetensors", "int8-group.safetensors"],
            _ => &[],
        };
        std::fs::create_dir(home.join("pictures")).unwrap();
        for name in own {
            std::fs::copy(&model, home.join(name)).unwrap();
            refused(&scene, &arguments(&home), "was not written by gamaka");
            assert!(!home.join("corpus").exists());
            std::fs::remove_file(home.join(name)).unwrap();
        }
        std::fs::remove_dir(home.join("pictures")).unwrap();
        if own.iter().any(|name| name.starts_with("pictures/")) {
            std::fs::write(home.join("pictures"), "my own").unwrap();
            refused(&scene, &arguments(&home), "give the name of a folder");
        }
    }
    assert!(std::fs::read(scene.song()).unwrap() == song);
}

fn read_only(path: &Path, on: bool) {
    let mut permissions = std::fs::metadata(path).unwrap().permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, if on { 0o444 } else { 0o644 });
    #[cfg(not(unix))]
    permissions.set_readonly(on);
    std::fs::set_permissions(path, permissions).unwrap();
}

#[test]
fn no_output_takes_the_place_of_a_model_or_a_manifest_unless_it_is_one() {
    let scene = Scene::new();
    let model = std::fs::read(studio().model()).unwrap();
    let list = b"path,label,mood\na.wav,a,calm\n";
    for output in FILES {
        let at = scene.own(output, "kept");
        let writes_models = ["train", "calibrate", "prune", "quantize"].contains(&output.command);
        if !(writes_models && output.option == "--output") {
            std::fs::write(&at, &model).unwrap();
            refused(&scene, &scene.arguments(output, &at, None), "safetensors");
            assert!(std::fs::read(&at).unwrap() == model);
        }
        if output.command != "data check" {
            std::fs::write(&at, list).unwrap();
            refused(&scene, &scene.arguments(output, &at, None), "a manifest");
            assert!(std::fs::read(&at).unwrap() == list);
        }
        std::fs::remove_file(&at).unwrap();
        let slash = std::path::PathBuf::from(format!("{}/", at.display()));
        refused(&scene, &scene.arguments(output, &slash, None), "");
    }
}

#[test]
fn an_input_and_another_output_are_no_place_for_an_output() {
    let scene = Scene::new();
    let (music, out) = (scene.at("music"), scene.at("out"));
    let (model, config) = (out.join("m.csv"), out.join("c.csv"));
    std::fs::copy(studio().model(), &model).unwrap();
    std::fs::copy(studio().config(), &config).unwrap();
    let [music, model, config] = [music.as_path(), model.as_path(), config.as_path()].map(text);
    let both = out.join("both.txt");
    let state = out.join("new.safetensors.checkpoint");
    let new = out.join("new.safetensors");
    let manifest = out.join("manifest.csv");
    succeeds(&["data", "check", music, "-o", text(&manifest)]);
    let metadata = out.join("tracks.csv");
    std::fs::write(&metadata, "track_id,genre\n").unwrap();
    for (arguments, word) in [
        (vec!["embed", music, "-m", model, "-o", model], "a model"),
        (
            vec!["eval", music, "-m", model, "--confusion", model],
            "a model",
        ),
        (
            vec!["train", music, "--config", config, "-o", config],
            "input",
        ),
        (
            vec!["data", "check", text(&manifest), "-o", text(&manifest)],
            "input",
        ),
        (
            vec!["train", text(&manifest), "-o", text(&manifest)],
            "a manifest",
        ),
        (
            vec!["train", music, "-o", text(&both), "--log", text(&both)],
            "two outputs",
        ),
        (
            vec!["train", music, "-o", text(&new), "--log", text(&state)],
            "two outputs",
        ),
        (
            vec!["data", "check", music, "-o", text(&metadata)],
            "no manifest of gamaka's",
        ),
    ] {
        let arguments: Vec<String> = arguments.into_iter().map(String::from).collect();
        refused(&scene, &arguments, word);
    }
    assert!(std::fs::read(model).unwrap() == std::fs::read(studio().model()).unwrap());
}

#[test]
fn what_a_stopped_run_or_someone_else_left_beside_an_output_is_kept() {
    let scene = Scene::new();
    let out = scene.at("out");
    let (music, model, config) = (scene.at("music"), studio().model(), studio().config());
    let rows = out.join("rows.csv");
    let partial = out.join("rows.csv.partial");
    std::fs::write(&partial, "notes of mine").unwrap();
    let embed = ["embed", text(&music), "-m", text(&model), "-o", text(&rows)];
    let said = fails(1, &embed);
    assert!(said.contains("not of gamaka's making"), "{said}");
    assert_eq!(std::fs::read(&partial).unwrap(), b"notes of mine");
    let new = out.join("m.safetensors");
    let state = out.join("m.safetensors.checkpoint");
    std::fs::write(&state, "hours of work").unwrap();
    let train = [
        "train",
        text(&music),
        "-o",
        text(&new),
        "--config",
        text(&config),
    ];
    let said = fails(1, &train);
    assert!(said.contains("add --resume"), "{said}");
    assert_eq!(std::fs::read(&state).unwrap(), b"hours of work");
}

#[test]
fn files_that_all_fail_leave_the_old_rows_and_are_listed() {
    let scene = Scene::new();
    let model = studio().model();
    let (rows, errors) = (scene.at("out/rows.csv"), scene.at("out/errors.txt"));
    std::fs::write(&rows, "old").unwrap();
    let (empty, page) = (fixture("bad/empty.wav"), fixture("bad/page.mp3"));
    let mut arguments = vec![
        "embed",
        &empty,
        &page,
        "-m",
        text(&model),
        "-o",
        text(&rows),
    ];
    arguments.extend(["--errors", text(&errors)]);
    let said = fails(1, &arguments);
    assert!(said.contains("rows.csv is not written"), "{said}");
    assert_eq!(std::fs::read(&rows).unwrap(), b"old");
    assert!(
        std::fs::read_to_string(&errors)
            .unwrap()
            .contains("page.mp3")
    );
    let left = BTreeSet::from(["errors.txt".to_string(), "rows.csv".to_string()]);
    assert_eq!(names(&scene.at("out")), left);
}

#[cfg(unix)]
#[test]
fn every_output_goes_through_links_pipes_and_devices() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;
    let scene = Scene::new();
    for output in FILES {
        let at = |name: &str| scene.own(output, name);
        let run = |to: &Path| {
            let arguments = scene.arguments(output, to, None);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            succeeds(&arguments);
        };
        std::fs::create_dir_all(scene.at("far")).unwrap();
        let target = scene.at("far").join(at("there").file_name().unwrap());
        symlink(&target, at("link")).unwrap();
        run(&at("link"));
        let written = std::fs::read(&target).unwrap();
        assert!(at("link").is_symlink());
        // What the embedding of good music leaves of errors is an empty list.
        assert_eq!(written.is_empty(), output.option == "--errors");

        assert!(
            Command::new("mkfifo")
                .arg(at("pipe"))
                .status()
                .unwrap()
                .success()
        );
        let reader = {
            let pipe = at("pipe");
            std::thread::spawn(move || std::fs::read(pipe).unwrap())
        };
        run(&at("pipe"));
        let read = reader.join().unwrap();
        assert_eq!(read.is_empty(), written.is_empty(), "{}", output.option);
        assert!(std::fs::metadata(at("pipe")).unwrap().file_type().is_fifo());

        let device = at("null");
        let made = Command::new("mknod")
            .args([text(&device), "c", "1", "3"])
            .output();
        let made = made.is_ok_and(|made| made.status.success());
        if !made || std::fs::File::options().append(true).open(&device).is_err() {
            eprintln!("no device can be made here: skipped");
            continue;
        }
        run(&device);
        assert!(
            std::fs::metadata(&device)
                .unwrap()
                .file_type()
                .is_char_device()
        );
    }
    for name in names(&scene.at("out")) {
        assert!(
            !name.ends_with(".partial") && !name.ends_with(".checkpoint"),
            "{name}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_manifest_goes_to_standard_output() {
    let scene = Scene::new();
    let music = scene.at("music");
    // Not by its name in /dev: a fault would damage the machine.
    let said = succeeds(&["data", "check", text(&music), "-o", "/dev/fd/1"]);
    assert!(said.starts_with("path,label,split,group"), "{said}");
}

#[test]
fn what_a_terminal_obeys_in_names_does_not_reach_it() {
    let scene = Scene::new();
    let evil = scene.at("evil\u{202e}");
    crate::copy_music(&evil);
    // Windows has no such names.
    #[cfg(unix)]
    std::fs::rename(evil.join("a"), evil.join("\x1b[31m\u{9b}2Jred")).unwrap();
    let clean = |shown: &str| {
        let bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        assert!(!shown.contains(bad), "{shown:?}");
    };
    let model = studio().model();
    let rows = scene.at("out/\u{202e}.csv");
    let (missing, song) = (scene.at("\u{9b}gone"), scene.song());
    let arguments: [&[&str]; 6] = [
        &["data", "check", text(&evil)],
        &[
            "embed",
            text(&evil),
            text(&missing),
            "-m",
            text(&model),
            "-o",
            text(&rows),
        ],
        &[
            "classify",
            text(&song),
            "-e",
            text(&evil),
            "-m",
            text(&model),
        ],
        &[
            "eval",
            text(&evil),
            "-m",
            text(&model),
            "--split=all",
            "--episodes=2",
        ],
        &["mel", text(&missing), "-o", "a.npy"],
        &["mel", "--\x1b[31m"],
    ];
    for arguments in arguments {
        let output = gamaka(arguments);
        clean(&stdout(&output));
        clean(&stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{arguments:?}");
    }
    // Files keep the true names.
    let kept = std::fs::read_to_string(&rows).unwrap();
    assert!(kept.contains('\u{202e}'), "{kept}");
}

#[cfg(unix)]
#[test]
fn without_a_runtime_folder_nothing_complains_and_the_process_is_the_same() {
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    let song = fixture("s16.wav");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.npy");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gamaka"));
    command.env_remove("XDG_RUNTIME_DIR");
    command.args([
        "mel",
        &song,
        "-o",
        text(&out),
        "--device",
        "software",
        "--engine",
        "gpu",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    // Its name and its exit code.
    let mut other = Command::new(env!("CARGO_BIN_EXE_gamaka"));
    other.env_remove("XDG_RUNTIME_DIR").arg0("other-name");
    let output = other.arg("frobnicate").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("other-name"),
        "{}",
        stderr(&output)
    );
}
