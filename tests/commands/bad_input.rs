//! Bad input of every kind: a sentence that names the file and the mend, no panic, nothing else lost.

use std::path::Path;

use crate::{copy_music, fails, fixture, gamaka, stderr, stdout, studio, succeeds, text};

/// Every damaged file, with a word that its sentence must have.
const DAMAGED: [(&str, &str); 14] = [
    ("empty.wav", "empty"),
    ("text.wav", "not audio"),
    ("page.mp3", "not audio"),
    ("random.mp3", ""),
    ("no_samples.wav", "no samples"),
    ("nan.wav", "NaN"),
    ("inf.wav", "infinite"),
    ("giant_channels.wav", "header"),
    ("giant_rate.wav", "header"),
    ("zero_channels.wav", "header"),
    ("zero_rate.wav", "header"),
    ("wma.wma", "convert"),
    ("ac3.mka", "ac3"),
    ("nothing.wav", "no such file"),
];

#[test]
fn every_damaged_file_gets_a_sentence_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("o.npy");
    for (name, word) in DAMAGED {
        let said = fails(
            1,
            &[
                "mel",
                &fixture(&format!("bad/{name}")),
                "-o",
                text(&out),
                "--engine",
                "cpu",
            ],
        );
        assert!(
            said.contains(name) && said.to_lowercase().contains(&word.to_lowercase()),
            "{name}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(!out.exists());
    }
}

#[test]
fn a_folder_of_damaged_files_embeds_the_good_ones_and_skips_hidden_ones() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    let out = folder.path().join("e.jsonl");
    let bad = fixture("bad");
    let output = gamaka(&[
        "embed",
        &bad,
        "-m",
        text(&model),
        "-o",
        text(&out),
        "--per",
        "file",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        !stderr(&output).contains("._x.wav") && !stderr(&output).contains("panicked"),
        "{}",
        stderr(&output)
    );
    let rows = std::fs::read_to_string(&out).unwrap();
    for cut in [
        "truncated.wav",
        "truncated.flac",
        "truncated.mp3",
        "truncated.ogg",
        "riff_size.wav",
    ] {
        assert!(rows.contains(cut), "{cut} has a decoded part");
    }
    assert!(
        stderr(&output).contains("truncated.flac: is damaged or cut short"),
        "{}",
        stderr(&output)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_and_a_dangling_link_cost_one_file_each() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    copy_music(&music);
    let nameless = music
        .join("a")
        .join(std::ffi::OsStr::from_bytes(b"caf\xe9.wav"));
    std::fs::copy(fixture("s16.wav"), &nameless).unwrap();
    std::os::unix::fs::symlink("nowhere.wav", music.join("b/link.wav")).unwrap();
    std::os::unix::fs::symlink("nowhere.txt", music.join("b/notes.txt")).unwrap();
    std::os::unix::fs::symlink(music.join("c"), music.join("c/loop")).unwrap();

    let (model, config) = (studio().model(), studio().config());
    let out = folder.path().join("e.csv");
    let said = succeeds(&[
        "embed",
        text(&music),
        "-m",
        text(&model),
        "-o",
        text(&out),
        "--json",
    ]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let failed = said["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 2, "{said}");
    assert!(said.to_string().contains("not UTF-8"), "{said}");

    let trained = folder.path().join("m.safetensors");
    let output = gamaka(&[
        "train",
        text(&music),
        "-o",
        text(&trained),
        "--config",
        text(&config),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for word in ["left out", "not UTF-8", "link.wav"] {
        assert!(
            stderr(&output).contains(word),
            "{word}: {}",
            stderr(&output)
        );
    }
    assert!(
        !stderr(&output).contains("notes.txt"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn folders_that_are_no_data_set_are_refused_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let config = studio().config();
    let out = folder.path().join("m.safetensors");
    let train = |data: &Path, more: &[&str]| {
        let mut arguments = vec![
            "train",
            text(data),
            "-o",
            text(&out),
            "--config",
            text(&config),
        ];
        arguments.extend(more);
        fails(1, &arguments)
    };
    let missing = folder.path().join("missing");
    assert!(train(&missing, &[]).contains("missing"));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(train(&empty, &[]).contains("empty"));
    let flat = folder.path().join("flat");
    std::fs::create_dir(&flat).unwrap();
    std::fs::copy(fixture("s16.wav"), flat.join("s16.wav")).unwrap();
    assert!(
        train(&flat, &[]).contains("folder"),
        "files without class folders"
    );

    let music = folder.path().join("music");
    copy_music(&music);
    let said = train(&music, &["--way", "3"]);
    assert!(
        said.contains("there are 6") && said.contains("--way 2"),
        "{said}"
    );
    let said = train(&music, &["--shot", "3", "--query", "3"]);
    assert!(
        said.contains("4 files") && said.contains("--shot"),
        "{said}"
    );
    // The same recording under two genres.
    std::fs::copy(music.join("a/s16.wav"), music.join("b/again.wav")).unwrap();
    let said = train(&music, &[]);
    assert!(
        said.contains("a/s16.wav") && said.contains("b/again.wav"),
        "{said}"
    );
    assert!(!out.exists());
}

#[test]
fn manifests_with_missing_columns_or_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.safetensors");
    let train = |text_of_list: &str| {
        let list = folder.path().join("list.csv");
        std::fs::write(&list, text_of_list).unwrap();
        fails(1, &["train", text(&list), "-o", text(&out)])
    };
    let said = train("file,genre\na.wav,x\n");
    assert!(
        said.contains("path") && said.contains("label") && said.contains("list.csv"),
        "{said}"
    );
    let said = train("path,label\nnot-here.wav,x\nnor-here.wav,y\n");
    assert!(said.contains("not-here.wav"), "{said}");
    let said = train("path,label,split\nx.wav,x,tomorrow\n");
    assert!(said.contains("tomorrow"), "{said}");
}

#[test]
fn a_file_that_cannot_be_decoded_is_left_out_of_a_training_and_ends_it_under_strict() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    copy_music(&music);
    for class in ["a", "b", "c", "d", "e", "f"] {
        std::fs::write(
            music.join(class).join("broken.mp3"),
            format!("no audio for {class}"),
        )
        .unwrap();
    }
    let (config, out) = (studio().config(), folder.path().join("m.safetensors"));
    let arguments = [
        "train",
        text(&music),
        "-o",
        text(&out),
        "--config",
        text(&config),
        "--episodes",
        "1",
    ];
    let output = gamaka(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        stderr(&output).matches("left out: ").count(),
        4,
        "two classes are kept for the test: {}",
        stderr(&output)
    );
    let strict: Vec<&str> = arguments.iter().copied().chain(["--strict"]).collect();
    let said = fails(1, &strict);
    assert!(said.contains("broken.mp3"), "{said}");
}

#[test]
fn a_configuration_or_network_that_makes_no_sense_is_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let (music, out) = (studio().music(), folder.path().join("m.safetensors"));
    let file = folder.path().join("c.toml");
    let train = |content: &str| {
        std::fs::write(&file, content).unwrap();
        fails(
            1,
            &[
                "train",
                text(&music),
                "-o",
                text(&out),
                "--config",
                text(&file),
            ],
        )
    };
    assert!(train("episoded = 3").contains("episoded"));
    assert!(train("shot = 0").contains("shot is 0, but must be from 1"));
    let said = train(
        "way = 2\nshot = 1\nquery = 1\n[network]\nname = \"n\"\n[[network.layers]]\ntype = \"conv\"\nchannels = 2\nkernel = 500\n",
    );
    assert!(
        said.contains("layer 0 (conv)") && said.contains("does not fit"),
        "{said}"
    );
    let said = train(
        "[network]\nname = \"n\"\n[[network.layers]]\ntype = \"kan_conv\"\nchannels = 2\nkernel = 3\ngird = 4\n",
    );
    assert!(said.contains("gird"), "{said}");
    let said = fails(
        1,
        &[
            "train",
            text(&music),
            "-o",
            text(&out),
            "--network",
            "alexnet",
        ],
    );
    assert!(said.contains("alexnet") && said.contains("ickan"), "{said}");
    let said = fails(
        1,
        &["train", text(&music), "-o", "/no/such/folder/m.safetensors"],
    );
    assert!(said.contains("/no/such/folder"), "{said}");
    let said = fails(1, &["train", text(&music), "-o", text(folder.path())]);
    assert!(said.contains("is a folder"), "{said}");
    fails(
        2,
        &["train", text(&music), "-o", text(&out), "--memory", "lots"],
    );
    let config = studio().config();
    let said = fails(
        1,
        &[
            "train",
            text(&music),
            "-o",
            text(&out),
            "--config",
            text(&config),
            "--memory",
            "10KiB",
        ],
    );
    assert!(
        said.contains("limit of 10 KiB") && said.contains("--memory"),
        "{said}"
    );
}

#[test]
fn every_number_has_a_range_and_a_message_that_tells_it() {
    let train = ["train", "music", "-o", "m.safetensors"];
    let eval = ["eval", "music", "-m", "m.safetensors"];
    let ablate = ["ablate", "music", "-o", "results"];
    let embed = ["embed", "a.wav", "-m", "m.safetensors", "-o", "e.csv"];
    let mel = ["mel", "a.wav", "-o", "a.npy"];
    let cases: [(&[&str], &[&str], &str); 14] = [
        (&train, &["--way"], "a whole number from 2 to 10000"),
        (
            &train,
            &["--shot", "--query"],
            "a whole number from 1 to 10000",
        ),
        (&train, &["--episodes"], "a whole number from 1 to 10000000"),
        (
            &train,
            &["--segment", "--hop"],
            "a number from 0.001 to 1000000",
        ),
        (&train, &["--lr"], "a number from 0 to 1e30"),
        (&train, &["--memory"], "a size above 0, for example 512MiB"),
        (
            &train,
            &["--mix=music", "--mix-share"],
            "a number from 0 to 1",
        ),
        (
            &eval,
            &["--way", "--shot", "--query"],
            "a whole number from 1 to 10000",
        ),
        (&eval, &["--episodes"], "a whole number from 2 to 1000000"),
        (&eval, &["--adapt"], "a whole number from 0 to 1000000"),
        (
            &ablate,
            &["--learner-seeds"],
            "a whole number from 1 to 1000",
        ),
        (&ablate, &["--shares"], "a number from 0 to 1"),
        (&embed, &["--hop"], "a number from 0.001 to 1000000"),
        (&mel, &["--n-mfcc"], "a whole number from 1 to 1024"),
    ];
    for (command, flags, word) in cases {
        for flag in flags.iter().filter(|flag| !flag.contains('=')) {
            let given = flags.iter().filter(|flag| flag.contains('='));
            for number in ["-1", "nan", "1e400", "", "many", "-18446744073709551616"] {
                let more: Vec<&str> = given.clone().copied().chain([*flag, number]).collect();
                let said = fails(2, &[command, &more[..]].concat());
                assert!(
                    said.contains(word) && said.contains(flag),
                    "{flag} {number}: {said}"
                );
            }
        }
    }
    for (command, arguments, word) in [
        (
            &train[..],
            ["--seed", "9223372036854775808"],
            "from 0 to 9223372036854775807",
        ),
        (&eval, ["--seed", "-1"], "from 0 to 9223372036854775807"),
        (
            &train,
            ["--shot", "18446744073709551615"],
            "from 1 to 10000",
        ),
    ] {
        let said = fails(2, &[command, &arguments[..]].concat());
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn an_impossible_network_is_refused_before_the_data_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("wide.toml");
    let layers = "name = \"w\"\n[[layers]]\ntype = \"linear\"\nchannels = 1000000000000\n";
    std::fs::write(&spec, layers).unwrap();
    let train = ["train", "nowhere", "-o", "m.safetensors"];
    let said = fails(1, &[&train[..], &["--network", text(&spec)]].concat());
    assert!(said.contains("wide.toml: layer 0 (linear)"), "{said}");
    let said = fails(
        1,
        &[
            "ablate",
            "nowhere",
            "-o",
            text(folder.path()),
            "--models",
            text(&spec),
        ],
    );
    assert!(said.contains("wide.toml: layer 0 (linear)"), "{said}");
    let large = std::fs::File::create(&spec).unwrap();
    large.set_len(1 << 33).unwrap();
    let said = fails(1, &[&train[..], &["--network", text(&spec)]].concat());
    assert!(said.contains("wide.toml: is larger than 1 MiB"), "{said}");
}

#[test]
fn a_model_file_that_is_cut_off_of_another_kind_or_newer_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let music = studio().music();
    let model = std::fs::read(studio().model()).unwrap();
    let file = folder.path().join("bad.safetensors");
    let eval = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let said = fails(1, &["eval", text(&music), "-m", text(&file)]);
        assert!(said.contains("bad.safetensors"), "{said}");
        said
    };
    assert!(eval(&model[..model.len() - 10]).contains("cut short"));
    assert!(eval(&model[..60]).contains("cut short"));
    assert!(eval(b"").contains("no model file"));
    assert!(eval(b"RIFF and other things entirely").contains("no model file"));
    let mut bytes = model.clone();
    let place = model
        .windows(12)
        .position(|w| w == b"\\\"format\\\":2")
        .unwrap();
    bytes[place + 11] = b'9';
    assert!(eval(&bytes).contains("update gamaka"));
    let plain = safetensors_without_metadata();
    assert!(eval(&plain).contains("no gamaka model"));
    let said = fails(1, &["eval", text(&music), "-m", "nowhere.safetensors"]);
    assert!(
        said.contains("nowhere.safetensors") && said.contains("gamaka train"),
        "{said}"
    );
}

/// The smallest file of the format: one tensor of one number.
fn safetensors_without_metadata() -> Vec<u8> {
    let header = br#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat()
}

#[test]
fn a_genre_without_a_readable_example_is_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let model = studio().model();
    let examples = folder.path().join("examples");
    copy_music(&examples);
    std::fs::create_dir(examples.join("silence")).unwrap();
    std::fs::copy(fixture("bad/nan.wav"), examples.join("silence/nan.wav")).unwrap();
    let of = |examples: &Path| {
        let file = fixture("f64.wav");
        let (examples, model) = (text(examples), text(&model));
        gamaka(&["classify", &file, "--examples", examples, "-m", model])
    };
    let output = of(&examples);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("no example of `silence` can be heard"));
    assert!(!stdout(&output).contains("silence"));
    assert_eq!(stdout(&output).matches(" %  distance").count(), 6);
    let few = folder.path().join("few");
    for class in ["silence", "a"] {
        std::fs::create_dir_all(&few).unwrap();
        std::fs::rename(examples.join(class), few.join(class)).unwrap();
    }
    let output = of(&few);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("two are needed"),
        "{}",
        stderr(&output)
    );
    let said = fails(
        1,
        &[
            "classify",
            &fixture("f64.wav"),
            "--examples",
            "nowhere",
            "-m",
            text(&model),
        ],
    );
    assert!(said.contains("nowhere"), "{said}");
}
