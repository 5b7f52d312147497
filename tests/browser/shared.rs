//! Files of genres in a browser, to the byte as the program writes them.

use std::fmt::Write;

use gamaka::internals::genres::{SharedExample, SharedGenre, SharedGenres, SharedModel};
use gamaka::internals::random::Stream;
use serde_json::{Value, json};

use crate::genres::opened;

/// Genres with all that a number and a name may be.
fn shared() -> SharedGenres {
    let mut stream = Stream::new(1, "shared", 0);
    let mut value = move |at: usize| loop {
        let power = f32::from_bits(stream.below(1 << 32) as u32);
        let value = [
            power,
            f32::from_bits(power.to_bits() & 0xff80_0000),
            stream.normal() as f32,
        ][at % 3];
        if value.is_finite() {
            return value;
        }
    };
    let special = [
        0.0,
        -0.0,
        1.0,
        1e-7,
        1e-6,
        9.5e12,
        1e13,
        f32::MAX,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        15_505_513.0 / 4.0,
    ];
    let example = |number: usize| SharedExample {
        name: [
            "a \"quoted\" \\name\\ \u{7f}\u{1f}\t.mp3",
            "</script>\u{2028}.ogg",
            "音楽 🎷.flac",
        ][number % 3]
            .into(),
        hash: format!("{number:064x}"),
        seconds: [
            30.0,
            29.976_326_530_612_246,
            1e-6,
            1e16,
            0.000_01,
            123_456_789.5,
        ][number % 6],
        embedding: special
            .into_iter()
            .chain((0..1013).map(&mut value))
            .collect(),
    };
    let mut examples: Vec<SharedExample> = (0..60).map(example).collect();
    let genres = ["Jazz/Swing", "Ünïcode 音楽", "🎷"].map(|name| SharedGenre {
        name: name.into(),
        examples: examples.split_off(examples.len() - 20),
    });
    SharedGenres {
        model: SharedModel {
            name: "net \"x\"".into(),
            hash: "0123456789abcdef".repeat(4),
            width: 1024,
        },
        adapt: true,
        genres: genres.to_vec(),
    }
}

#[test]
fn files_of_genres_go_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genres.json");
    let genres = shared();
    genres.write(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let model = json!(genres.model);
    let mut pretty = serde_json::from_str::<Value>(&text).unwrap().to_string();
    pretty.insert(1, '\n');

    let written = |change: &dyn Fn(&mut SharedGenres)| {
        let mut genres = genres.clone();
        genres.genres.truncate(2);
        genres
            .genres
            .iter_mut()
            .for_each(|genre| genre.examples.truncate(1));
        change(&mut genres);
        genres.write(&path).unwrap();
        std::fs::read_to_string(&path).unwrap()
    };
    let small = written(&|_| ());
    let value = |old: &str, new: &str| small.replacen(old, new, 1);
    let bad = [
        String::new(),
        "{}".into(),
        "[1, 2]".into(),
        "RIFF".into(),
        "{\"kind\":\"other\",\"version\":1}".into(),
        small[..small.len() / 2].into(),
        small[..10].into(),
        value("\"adapt\":true", "\"adapt\":false"),
        value("\"adapt\":true", "\"adapt\":1"),
        value("\"adapt\":true", "\"adapt\":true,\"more\":1"),
        value("\"checksum\":\"", "\"checksum\":\"0"),
        value("\"version\":1", "\"version\":2"),
        value("\"version\":1", "\"version\":-1"),
        value("3.4028235e+38", "3.4028236e38"),
        value("3.4028235e+38", "1e400"),
        value("3.4028235e+38", "null"),
        value("3.4028235e+38", "\"1\""),
        value(".flac", "\\ud800.flac"),
        written(&|g| g.genres[0].name = "a//b".into()),
        written(&|g| g.genres[0].name = " a".into()),
        written(&|g| g.genres[1].name = "Jazz/Swing".into()),
        written(&|g| g.genres[0].examples.clear()),
        written(&|g| g.genres.clear()),
        written(&|g| g.genres[0].examples[0].embedding.truncate(1)),
        written(&|g| g.genres[0].examples[0].hash = "x".into()),
        written(&|g| g.genres[0].examples[0].seconds = 0.0),
        written(&|g| g.model.hash.clear()),
        written(&|g| g.model.width = 0),
    ];
    let other = written(&|g| g.model.hash = "0".repeat(64));
    let given = json!({"text": text, "pretty": pretty, "model": model, "bad": bad, "other": other});
    let Some(mut browser) = opened(&[("given.json", given.to_string())]) else {
        return;
    };
    let found = browser.says(
        "(async () => {
            const { readShared, writeShared, PlainError } = await import('/gamaka.js');
            const { text, pretty, model, bad, other } = await (await fetch('/given.json')).json();
            const refused = (text) => {
                try { readShared(text, model, 'bad.json'); return 'taken'; }
                catch (error) { return error instanceof PlainError ? error.message : String(error.stack); }
            };
            const { genres, adapt } = readShared(text, model);
            const written = writeShared(genres, model, adapt);
            genres.pop();
            return {
                same: written === text,
                pretty: writeShared(readShared(pretty, model).genres, model, true) === text,
                fewer: writeShared(genres, model),
                bad: bad.map(refused),
                other: refused(other),
            };
        })()",
    );
    assert_eq!(
        (&found["same"], &found["pretty"]),
        (&json!(true), &json!(true))
    );
    std::fs::write(&path, found["fewer"].as_str().unwrap()).unwrap();
    let mut fewer = genres;
    fewer.genres.pop();
    fewer.adapt = false;
    assert_eq!(SharedGenres::read(&path).unwrap(), fewer);

    let mut said = String::new();
    for (bad, found) in bad.iter().zip(found["bad"].as_array().unwrap()) {
        let found = found.as_str().unwrap();
        writeln!(said, "{found}").unwrap();
        std::fs::write(&path, bad).unwrap();
        let error = SharedGenres::read(&path).unwrap_err().to_string();
        let reason = error.split_once("genres.json: ").unwrap().1;
        // What to do about a newer version is another thing in a page.
        let reason = reason.split("this gamaka").next().unwrap();
        assert!(
            found.starts_with("bad.json ") && found.contains(reason),
            "{found}: {error}"
        );
    }
    assert!(said.contains("version 2"));
    let other = found["other"].as_str().unwrap();
    assert!(other.contains("another model (net \"x\")"), "{other}");
}
