//! What is said of files in which there is nothing to hear, or more than is heard.

use std::path::Path;

use gamaka::internals::model_file::Model;

use crate::{fails, fixture, gamaka, stderr, stdout, studio, succeeds, text};

/// Writes two seconds of stereo at 11025 Hz.
fn write(path: &Path, frame: impl Fn(f32) -> [f32; 2]) {
    let bytes = 4 * 22_050u32;
    let mut file = [b"RIFF", &(36 + bytes).to_le_bytes()[..], b"WAVEfmt "].concat();
    file.extend([
        16, 0, 0, 0, 1, 0, 2, 0, 0x11, 0x2b, 0, 0, 0x44, 0xac, 0, 0, 4, 0, 16, 0,
    ]);
    file.extend([b"data", &bytes.to_le_bytes()[..]].concat());
    for k in 0..22_050 {
        for sample in frame(k as f32 / 11_025.0) {
            file.extend(((32767.0 * sample) as i16).to_le_bytes());
        }
    }
    std::fs::write(path, file).unwrap();
}

/// The files of a folder with what must be said of them.
fn unheard(folder: &Path) -> [(String, &'static str); 2] {
    let tone = |t: f32| 0.5 * (2000.0 * t).sin();
    write(&folder.join("silent.wav"), |_| [0.0; 2]);
    write(&folder.join("opposed.wav"), |t| [tone(t), -tone(t)]);
    write(&folder.join("quiet.wav"), |t| [tone(t) / 5000.0; 2]);
    let at = |name: &str| text(&folder.join(name)).to_owned();
    [
        (at("silent.wav"), "is silent"),
        (at("opposed.wav"), "is silent in mono: its channels cancel"),
    ]
}

#[test]
fn classify_ranks_nothing_for_what_cannot_be_heard() {
    let folder = tempfile::tempdir().unwrap();
    let unheard = unheard(folder.path());
    let (music, model) = (studio().music(), studio().model());
    let with = ["--examples", text(&music), "--model", text(&model)];
    for (file, what) in &unheard {
        let said = fails(1, &[&["classify", file][..], &with].concat());
        assert!(said.contains(&format!("{file}: {what}")), "{said}");
    }
    let output = gamaka(&[&["classify", text(folder.path())][..], &with].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let ranked = stdout(&output);
    assert!(
        ranked.contains("quiet.wav") && !stderr(&output).contains("quiet.wav"),
        "{ranked}"
    );
    for (file, what) in &unheard {
        assert!(!ranked.contains(file.as_str()), "{ranked}");
        assert!(
            stderr(&output).contains(&format!("{file}: {what}")),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn an_example_that_cannot_be_heard_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let examples = folder.path();
    for class in ["a", "b"] {
        std::fs::create_dir(examples.join(class)).unwrap();
        std::fs::copy(fixture("flac.flac"), examples.join(class).join("x.flac")).unwrap();
    }
    std::fs::copy(fixture("vbr.mp3"), examples.join("a/x.flac")).unwrap();
    write(&examples.join("b/silent.wav"), |_| [0.0; 2]);
    let (model, file) = (studio().model(), fixture("vorbis.ogg"));
    let arguments = [
        "classify",
        &file,
        "--examples",
        text(examples),
        "-m",
        text(&model),
    ];
    let output = gamaka(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        !stdout(&output).contains("silent.wav"),
        "{}",
        stdout(&output)
    );
    let said = stderr(&output);
    assert!(
        said.contains("example left out") && said.contains("silent.wav: is silent"),
        "{said}"
    );
    // A class of which nothing is left has no place in a ranking.
    std::fs::remove_file(examples.join("b/x.flac")).unwrap();
    let said = fails(1, &arguments);
    assert!(said.contains("no example of `b` can be heard"), "{said}");
}

#[test]
fn the_others_say_it_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        std::fs::copy(
            fixture("flac.flac"),
            folder.path().join(class).join("x.flac"),
        )
        .unwrap();
    }
    std::fs::copy(fixture("vbr.mp3"), folder.path().join("a/x.flac")).unwrap();
    let unheard = unheard(&folder.path().join("a"));
    let checked = succeeds(&["data", "check", text(folder.path())]);
    let out = folder.path().join("e.csv");
    let embedded = gamaka(&[
        "embed",
        text(folder.path()),
        "-m",
        text(&model),
        "-o",
        text(&out),
    ]);
    assert!(embedded.status.success(), "{}", stderr(&embedded));
    let array = folder.path().join("o.npy");
    for (file, what) in &unheard {
        let name = file.rsplit('/').next().unwrap();
        assert!(checked.contains(&format!("{name}: {what}")), "{checked}");
        assert!(
            stderr(&embedded).contains(&format!("{file}: {what}")),
            "{}",
            stderr(&embedded)
        );
        let drawn = gamaka(&["mel", file, "-o", text(&array), "--engine", "cpu"]);
        assert!(
            drawn.status.success() && stderr(&drawn).contains(what),
            "{}",
            stderr(&drawn)
        );
        fails(
            1,
            &[
                "mel",
                file,
                "-o",
                text(&array),
                "--engine",
                "cpu",
                "--strict",
            ],
        );
    }
    assert!(!checked.contains("quiet.wav: is"), "{checked}");
}

#[test]
fn embed_and_classify_hear_as_much_as_the_model_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.safetensors");
    let mut short = Model::load(&studio().model()).unwrap();
    short.info.config.max_seconds = 0.5;
    short.save(&model).unwrap();

    let (file, out) = (fixture("vorbis.ogg"), folder.path().join("e.csv"));
    let rows = |model: &Path| {
        let arguments = ["embed", &file, "-m", text(model), "-o", text(&out)];
        let output = gamaka(&arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        (
            std::fs::read_to_string(&out).unwrap().lines().count() - 1,
            stderr(&output),
        )
    };
    let (whole, said) = rows(&studio().model());
    assert!(
        whole > 1 && !said.contains("longer"),
        "{whole} rows: {said}"
    );
    let (cut, said) = rows(&model);
    assert!(
        cut == 1 && said.contains("1 file is longer than 0.5 s"),
        "{cut} rows: {said}"
    );

    let music = studio().music();
    let output = gamaka(&[
        "classify",
        &file,
        "--examples",
        text(&music),
        "-m",
        text(&model),
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("are longer than 0.5 s"),
        "{}",
        stderr(&output)
    );

    // So do a scan, and a file that the library has not.
    let library = folder.path().join("l.sqlite");
    let with = ["--library", text(&library)];
    for arguments in [
        &["library", "scan", text(&music), "-m", text(&model)][..],
        &["genre", "add", "a", text(&music.join("a"))],
        &["classify", &file],
    ] {
        let output = gamaka(&[arguments, &with].concat());
        let said = stderr(&output);
        assert!(output.status.success(), "{arguments:?}: {said}");
        let told = said.contains("longer than 0.5 s");
        assert_eq!(told, arguments[0] != "genre", "{arguments:?}: {said}");
    }
}
