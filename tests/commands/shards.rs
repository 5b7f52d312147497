//! `gamaka embed --manifest`: tables of shards, in which every row of a manifest is found once.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, ListAccessor, Row};

use crate::{fails, fixture, gamaka, stderr, stdout, studio, succeeds, text};

/// A row of a shard's table.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    row: i64,
    path: String,
    hash: Option<String>,
    model: String,
    seconds: Option<f64>,
    place: Option<[f64; 2]>,
    embedding: Option<Vec<f32>>,
    error: Option<String>,
}

fn found(row: &Row) -> Found {
    let fields = Vec::from_iter(row.get_column_iter().map(|(_, field)| field));
    let float = |k: usize| match fields[k] {
        Field::Double(number) => Some(*number),
        Field::Null => None,
        other => panic!("{other}"),
    };
    let words = |k: usize| match fields[k] {
        Field::Str(text) => Some(text.clone()),
        Field::Null => None,
        other => panic!("{other}"),
    };
    let Field::Long(number) = fields[0] else {
        panic!("{}", fields[0]);
    };
    Found {
        row: *number,
        path: words(1).unwrap(),
        hash: words(2),
        model: words(3).unwrap(),
        seconds: float(4),
        place: float(5).zip(float(6)).map(|(start, end)| [start, end]),
        embedding: match fields[7] {
            Field::ListInternal(list) => Some(
                (0..list.len())
                    .map(|k| list.get_float(k).unwrap())
                    .collect(),
            ),
            _ => None,
        },
        error: words(8),
    }
}

fn table(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(Result::unwrap).collect()
}

fn shard_of(path: &Path) -> Vec<Found> {
    table(path).iter().map(found).collect()
}

/// A folder with some music, a manifest of it and of what is none, and room for outputs.
struct Scene {
    folder: tempfile::TempDir,
}

/// The manifest's paths: the last but one is not there, and the last is no audio.
const PATHS: [&str; 7] = [
    "music/a/s16.wav",
    "music/b/vbr.mp3",
    "music/a/s16.wav",
    "music/d/opus.opus",
    "music/f/mulaw.wav",
    "music/gone, for good.wav",
    "page.mp3",
];

impl Scene {
    fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        crate::copy_music(&scene.at("music"));
        std::fs::copy(fixture("bad/page.mp3"), scene.at("page.mp3")).unwrap();
        let lines = PATHS.map(|path| format!("x,\"{path}\"\n"));
        scene.write("manifest.csv", &format!("label,path\n{}", lines.concat()));
        std::fs::create_dir(scene.at("out")).unwrap();
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    /// The command that embeds a manifest.
    fn embed(&self, manifest: &str, out: &str, more: &[&str]) -> Vec<String> {
        let (manifest, out) = (self.at(manifest), self.at(out));
        let model = studio().model();
        let words = ["embed", "-m", text(&model), "--manifest", text(&manifest)];
        let words = [&words[..], &["-o", text(&out)], more].concat();
        words.into_iter().map(String::from).collect()
    }

    fn out(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.at("out")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn run(arguments: &[String]) -> String {
    succeeds(&Vec::from_iter(arguments.iter().map(String::as_str)))
}

fn refused(code: i32, arguments: &[String]) -> String {
    fails(code, &Vec::from_iter(arguments.iter().map(String::as_str)))
}

#[test]
fn every_row_is_in_one_shard_once_with_an_embedding_or_a_reason() {
    let scene = Scene::new();
    let mut all = Vec::new();
    for index in 0..3 {
        let (out, shard) = (format!("out/{index}.parquet"), format!("{index}/3"));
        let said = run(&scene.embed("manifest.csv", &out, &["--shard", &shard]));
        let rows = shard_of(&scene.at(&out));
        assert!(rows.iter().all(|found| found.row % 3 == index), "{rows:?}");
        assert!(said.contains(&format!("{} rows of", rows.len())), "{said}");
        let errors = rows.iter().filter(|found| found.error.is_some()).count();
        assert_eq!(said.contains("with an error instead"), errors > 0, "{said}");
        all.extend(rows);
    }
    all.sort_by_key(|found| found.row);
    let rows = all.iter().map(|found| (found.row, found.path.as_str()));
    assert!(rows.eq((0..).zip(PATHS)), "{all:?}");
    let (good, bad) = all.split_at(5);
    let plain = scene.at("out/plain.jsonl");
    let model = studio().model();
    for found in good {
        let file = scene.at(&found.path);
        std::fs::remove_file(&plain).unwrap_or_default();
        let words = ["embed", text(&file), "-m", text(&model), "--per", "file"];
        succeeds(&[&words[..], &["-o", text(&plain)]].concat());
        let line = std::fs::read_to_string(&plain).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let values = line["embedding"].as_array().unwrap();
        let values = Vec::from_iter(values.iter().map(|v| v.as_f64().unwrap() as f32));
        assert_eq!(found.embedding.as_ref(), Some(&values), "{found:?}");
        let hash = blake3::hash(&std::fs::read(&file).unwrap()).to_hex();
        assert_eq!(found.hash.as_deref(), Some(hash.as_str()));
        assert_eq!(found.seconds, line["end_s"].as_f64());
        assert_eq!(found.place, found.seconds.map(|end| [0.0, end]));
        assert_eq!(found.error, None);
    }
    for (found, word) in bad.iter().zip(["gone, for good.wav", "page.mp3"]) {
        assert!(found.error.as_ref().unwrap().contains(word), "{found:?}");
        assert_eq!((&found.embedding, found.place), (&None, None));
    }
    assert_eq!((&bad[0].hash, bad[1].hash.is_some()), (&None, true));
    let hash = blake3::hash(&std::fs::read(model).unwrap()).to_hex();
    assert!(all.iter().all(|found| found.model == hash.as_str()));
}

#[test]
fn segments_have_rows_and_a_shard_without_rows_is_an_empty_table() {
    let scene = Scene::new();
    scene.write("list.txt", "music/a/cbr.mp3\n\npage.mp3\n");
    run(&scene.embed("list.txt", "out/0.parquet", &["--per", "segment"]));
    let rows = shard_of(&scene.at("out/0.parquet"));
    let of: Vec<i64> = rows.iter().map(|found| found.row).collect();
    assert_eq!(of, [0, 0, 0, 1]);
    let ends: Vec<_> = rows.iter().map(|found| found.place.map(|p| p[1])).collect();
    let starts: Vec<_> = rows.iter().map(|found| found.place.map(|p| p[0])).collect();
    assert_eq!((starts[0], &starts[1..3]), (Some(0.0), &ends[..2]));
    // What is left at the end is shorter than a segment.
    assert!(rows[..3].iter().all(|found| found.seconds == Some(1.2)) && ends[2] < Some(1.2));
    let said = run(&scene.embed("list.txt", "out/5.parquet", &["--shard=5/9"]));
    assert!(said.contains("0 rows of 0 files"), "{said}");
    assert!(table(&scene.at("out/5.parquet")).is_empty());
}

#[test]
fn a_shard_that_is_done_is_left_alone_and_one_of_something_else_is_kept() {
    let scene = Scene::new();
    let arguments = scene.embed("manifest.csv", "out/0.parquet", &["--shard=0/2"]);
    run(&arguments);
    let out = scene.at("out/0.parquet");
    let written = std::fs::read(&out).unwrap();
    let at = std::fs::metadata(&out).unwrap().modified().unwrap();
    let said = run(&arguments);
    assert!(
        said.contains("is there already") && said.contains("nothing was done"),
        "{said}"
    );
    let json = run(&[&arguments[..], &["--json".into()]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["was_there"], &json["rows"]),
        (&true.into(), &4.into())
    );
    // The same rows of a manifest that has grown at its end are not the same shard, but others are as good as they were.
    let (model, other) = (studio().model(), scene.at("other.safetensors"));
    succeeds(&[
        "calibrate",
        text(&studio().music()),
        "-m",
        text(&model),
        "--split=all",
        "-o",
        text(&other),
    ]);
    let shorter: String = PATHS[..5].iter().map(|path| format!("{path}\n")).collect();
    scene.write("shorter.txt", &shorter);
    for more in [
        scene.embed("manifest.csv", "out/0.parquet", &["--shard=1/2"]),
        scene.embed("manifest.csv", "out/0.parquet", &["--shard=0/3"]),
        scene.embed("shorter.txt", "out/0.parquet", &["--shard=0/2"]),
        scene.embed(
            "manifest.csv",
            "out/0.parquet",
            &["--shard=0/2", "--per=segment"],
        ),
        scene.embed(
            "manifest.csv",
            "out/0.parquet",
            &["--shard=0/2", "--strict"],
        ),
        scene.embed(
            "manifest.csv",
            "out/0.parquet",
            &["--shard=0/2", "--hop=0.2"],
        ),
        arguments
            .iter()
            .map(|word| word.replace(text(&model), text(&other)))
            .collect(),
    ] {
        let said = refused(1, &more);
        assert!(
            said.contains("is there already, and was made with another"),
            "{said}"
        );
        assert!(std::fs::read(&out).unwrap() == written, "{more:?}");
    }
    // Cut, of another program, of another command.
    for (bytes, word) in [
        (&written[..written.len() - 9], "is damaged"),
        (b"", "is damaged"),
        (b"notes of mine", "is damaged"),
    ] {
        std::fs::write(&out, bytes).unwrap();
        let said = refused(1, &arguments);
        assert!(said.contains("0.parquet") && said.contains(word), "{said}");
        assert!(std::fs::read(&out).unwrap() == bytes);
    }
    std::fs::remove_file(&out).unwrap();
    let song = scene.at(PATHS[0]);
    succeeds(&["embed", text(&song), "-m", text(&model), "-o", text(&out)]);
    assert!(refused(1, &arguments).contains("is of no manifest"));
    std::fs::remove_file(&out).unwrap();
    run(&arguments);
    assert!(std::fs::read(&out).unwrap() == written);
    assert!(std::fs::metadata(&out).unwrap().modified().unwrap() > at);
    assert_eq!(scene.out(), BTreeSet::from(["0.parquet".to_owned()]));
}

#[test]
fn under_strict_a_row_with_an_error_fails_the_command_each_time_and_is_in_the_table() {
    let scene = Scene::new();
    let arguments = scene.embed("manifest.csv", "out/0.parquet", &["--strict"]);
    for _ in 0..2 {
        let arguments = Vec::from_iter(arguments.iter().map(String::as_str));
        let output = gamaka(&arguments);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(
            stdout(&output).contains("2 with an error"),
            "{}",
            stdout(&output)
        );
    }
    assert_eq!(shard_of(&scene.at("out/0.parquet")).len(), PATHS.len());
}

#[cfg(unix)]
#[test]
fn a_shard_that_was_killed_or_out_of_disk_goes_on_by_itself() {
    use crate::interrupted::{on_a_full_disk, signal};
    let scene = Scene::new();
    let music = studio().music();
    let mut list = String::new();
    for (class, files) in crate::CLASSES {
        for file in files {
            for _ in 0..8 {
                list.push_str(&format!("{}/{class}/{file}\n", music.display()));
            }
        }
    }
    scene.write("list.txt", &list);
    run(&scene.embed("list.txt", "whole.parquet", &[]));
    let whole = std::fs::read(scene.at("whole.parquet")).unwrap();

    let arguments = scene.embed("list.txt", "out/0.parquet", &[]);
    let words = Vec::from_iter(arguments.iter().map(String::as_str));
    let output = on_a_full_disk(4, &words);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("run the same command to go on"), "{said}");
    assert_eq!(
        scene.out(),
        BTreeSet::from(["0.parquet.partial".to_owned()])
    );
    let said = stderr(&gamaka(&words));
    assert!(said.contains("files were done before"), "{said}");
    assert!(std::fs::read(scene.at("out/0.parquet")).unwrap() == whole);

    std::fs::remove_file(scene.at("out/0.parquet")).unwrap();
    let mut child = crate::command(&words).spawn().unwrap();
    let partial = scene.at("out/0.parquet.partial");
    let rows = || std::fs::read_to_string(&partial).unwrap_or_default();
    while rows().lines().count() < 4 {
        assert!(child.try_wait().unwrap().is_none(), "it is too quick");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    signal(&child, "-KILL");
    child.wait().unwrap();
    let left = [".0.parquet-lock.partial", "0.parquet.partial"].map(String::from);
    assert_eq!(scene.out(), BTreeSet::from(left));
    // What is there of other rows is not mixed with these.
    scene.write("other.txt", &list.replace("s16.wav", "gone.wav"));
    let other = refused(1, &scene.embed("other.txt", "out/0.parquet", &[]));
    assert!(other.contains("other rows of a manifest"), "{other}");
    run(&arguments);
    assert!(std::fs::read(scene.at("out/0.parquet")).unwrap() == whole);
    assert_eq!(scene.out(), BTreeSet::from(["0.parquet".to_owned()]));
}

#[test]
fn wrong_usage_is_told_as_such() {
    for shard in ["3/2", "2/2", "0/0", "1", "-1/2", "1/-2", "a/b", "1/2/3", ""] {
        let shard = format!("--shard={shard}");
        let said = fails(
            2,
            &["embed", "--manifest", "m.csv", &shard, "-o", "a.parquet"],
        );
        assert!(said.contains("write I/N, I from 0 to N - 1"), "{said}");
    }
    for (more, word) in [
        (&["--shard=0/2", "a.wav"][..], "cannot be used with"),
        (&["--shard=0/2"], "--manifest"),
        (&["--manifest", "m.csv", "a.wav"], "cannot be used with"),
        (
            &["--manifest=m.csv", "--errors=e.txt"],
            "cannot be used with",
        ),
        (&[], "<PATHS>"),
    ] {
        let said = fails(2, &[&["embed", "-o", "a.parquet"], more].concat());
        assert!(said.contains(word), "{more:?}: {said}");
    }
}

#[test]
fn a_name_or_a_manifest_that_will_not_do_is_refused_in_a_sentence() {
    let scene = Scene::new();
    for (name, text) in [
        ("empty.csv", ""),
        ("header.csv", "path,label\n"),
        ("column.csv", "file,label\na.wav,x\n"),
        ("hole.csv", "path,label\n,x\n"),
        ("comma.csv", "path,label\na,b.wav,x\n"),
        ("empty.txt", "\n\n"),
        ("list.parquet", "music/a/s16.wav\n"),
        ("self.txt", "out/kept.parquet\n"),
    ] {
        scene.write(name, text);
    }
    std::fs::write(scene.at("latin.txt"), b"m\xfcsic.wav\n").unwrap();
    std::fs::copy(fixture("s16.wav"), scene.at("song.txt")).unwrap();
    std::fs::write(scene.at("out/kept.parquet"), "old").unwrap();
    for (manifest, out, word) in [
        (
            "manifest.csv",
            "out/a",
            "with --manifest the name must end in .parquet",
        ),
        (
            "manifest.csv",
            "out/a.csv",
            "with --manifest the name must end in .parquet",
        ),
        (
            "manifest.csv",
            "out/missing/a.parquet",
            "make the folder first",
        ),
        ("gone.csv", "out/a.parquet", "gone.csv does not exist"),
        ("music", "out/a.parquet", "cannot be read"),
        ("empty.csv", "out/a.parquet", "no column is named path"),
        ("header.csv", "out/a.parquet", "names no file"),
        (
            "column.csv",
            "out/a.parquet",
            "no column is named path (found: file, label)",
        ),
        ("hole.csv", "out/a.parquet", "line 2: the path is empty"),
        (
            "comma.csv",
            "out/a.parquet",
            "line 2: 3 fields where the header has 2",
        ),
        ("empty.txt", "out/a.parquet", "names no file"),
        (
            "latin.txt",
            "out/a.parquet",
            "line 1: the text is not UTF-8",
        ),
        ("song.txt", "out/a.parquet", "line 1: "),
        ("list.parquet", "list.parquet", "an input of this command"),
        ("self.txt", "out/kept.parquet", "an input of this command"),
    ] {
        let said = refused(1, &scene.embed(manifest, out, &[]));
        assert!(said.contains(word), "{manifest} {out}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(scene.out(), BTreeSet::from(["kept.parquet".to_owned()]));
    }
    assert_eq!(std::fs::read(scene.at("out/kept.parquet")).unwrap(), b"old");
}

#[test]
fn files_named_on_the_command_line_go_into_a_table_too() {
    let scene = Scene::new();
    let (music, model) = (scene.at("music"), studio().model());
    let (packed, lines) = (scene.at("out/a.parquet"), scene.at("out/a.jsonl"));
    for out in [&packed, &lines] {
        succeeds(&["embed", text(&music), "-m", text(&model), "-o", text(out)]);
    }
    let packed = table(&packed);
    let lines = std::fs::read_to_string(&lines).unwrap();
    assert_eq!(packed.len(), lines.lines().count());
    for (row, line) in packed.iter().zip(lines.lines()) {
        let names = row.get_column_iter().map(|(name, _)| name.as_str());
        assert!(names.eq(["path", "start_s", "end_s", "embedding"]));
        let [path, start, end, list] = &Vec::from_iter(row.get_column_iter().map(|(_, f)| f))[..]
        else {
            panic!("{row:?}");
        };
        let (Field::Str(path), Field::Double(start), Field::Double(end)) = (path, start, end)
        else {
            panic!("{row:?}");
        };
        let Field::ListInternal(list) = list else {
            panic!("{row:?}");
        };
        let values = Vec::from_iter((0..list.len()).map(|k| list.get_float(k).unwrap()));
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let numbers = line["embedding"].as_array().unwrap();
        let numbers = Vec::from_iter(numbers.iter().map(|n| n.as_f64().unwrap() as f32));
        assert_eq!(values, numbers);
        let places = ["start_s", "end_s"].map(|name| line[name].as_f64().unwrap());
        assert_eq!(
            (line["path"].as_str(), places),
            (Some(path.as_str()), [*start, *end])
        );
    }
}

#[cfg(unix)]
#[test]
fn the_script_for_slurm_makes_the_shard_of_its_task() {
    let scene = Scene::new();
    let (manifest, model) = (scene.at("manifest.csv"), studio().model());
    let script = format!("{}/scale/slurm_embed.sh", env!("CARGO_MANIFEST_DIR"));
    let run = |task: Option<&str>| {
        let mut command = std::process::Command::new("bash");
        command.args([&script, "-m", text(&model)]);
        command.env("GAMAKA", env!("CARGO_BIN_EXE_gamaka"));
        command.env("MANIFEST", &manifest).env("SHARDS", "3");
        command.env("PARTS", scene.at("parts"));
        command.env_remove("SLURM_ARRAY_TASK_ID");
        command.envs(task.map(|task| ("SLURM_ARRAY_TASK_ID", task)));
        command.output().unwrap()
    };
    let output = run(Some("1"));
    assert!(output.status.success(), "{}", stderr(&output));
    let rows = shard_of(&scene.at("parts/part-1-of-3.parquet"));
    let rows: Vec<i64> = rows.iter().map(|found| found.row).collect();
    assert_eq!(rows, [1, 4]);
    assert_eq!(run(Some("3")).status.code(), Some(2));
    let said = stderr(&run(None));
    assert!(said.contains("submit this by sbatch"), "{said}");
}
