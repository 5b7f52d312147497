//! Genres in a browser against those of `src/genres`, on the same embeddings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gamaka::internals::fewshot::{Calibration, Metric, Whitening};
use gamaka::internals::genres::{
    Comparison, Example, Genre, GenreAnswer, Genres, Part, checked_name, parents,
};
use gamaka::internals::model_file::Model;
use gamaka::internals::random::Stream;
use gamaka::ops::Distance;
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::site::{Site, folder as folder_files};
use crate::{WINDOW, started, started_with_webgpu};

/// What the page does with `/cases.json`.
const ANSWERS: &str = "(async () => {
    const { learnGenres, answer } = await import('/gamaka.js');
    const vector = (values) => values && Float32Array.from(values);
    const cases = await (await fetch('/cases.json')).json();
    return Promise.all(cases.map(async ({ genres, comparison, queries }) => {
        for (const example of genres.flatMap((genre) => genre.examples)) example.embedding = vector(example.embedding);
        const { centre, scale, root } = comparison.whitening;
        comparison.whitening = { centre: vector(centre), scale: vector(scale), root: vector(root) };
        const learned = learnGenres(genres, comparison);
        const asked = queries.map(({ embedding, parts }) =>
            answer(learned, vector(embedding), parts.map((part) => ({ ...part, embedding: vector(part.embedding) }))));
        const means = learned.prototypes.means.map((ofGenre) => ofGenre.map((mean) => [...mean]));
        return { means, answers: await Promise.all(asked) };
    }));
})()";

/// The module, and what lies beside it.
fn files(given: &[(&str, String)]) -> BTreeMap<String, Vec<u8>> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist/gamaka.js");
    let mut all = BTreeMap::from([("gamaka.js".to_owned(), std::fs::read(module).unwrap())]);
    let given = given.iter();
    all.extend(given.map(|(path, text)| ((*path).to_owned(), text.clone().into_bytes())));
    all
}

/// A browser at a page beside which the module and these files lie.
pub(crate) fn opened(given: &[(&str, String)]) -> Option<Browser> {
    let mut browser = started()?;
    browser.visit(Site::new(files(given)).url(), WINDOW, "light");
    Some(browser)
}

/// Parts of five seconds each.
fn timed(parts: &[Vec<f32>]) -> Vec<Part<'_>> {
    let parts = parts.iter().enumerate().map(|(part, embedding)| Part {
        start_s: 5.0 * part as f64,
        end_s: 5.0 * part as f64 + 5.0,
        embedding,
    });
    parts.collect()
}

/// Genres, how they are compared, and what is asked of them.
struct Case {
    genres: Vec<Genre>,
    metric: Metric,
    calibration: Option<Calibration>,
    /// Centre, spread and root of the whitening.
    whitening: [Option<Vec<f32>>; 3],
    /// Each with the parts of a file.
    queries: Vec<(Vec<f32>, Vec<Vec<f32>>)>,
}

fn normals(width: usize, spread: f32, about: &[f32], stream: &mut Stream) -> Vec<f32> {
    let value = |at: usize, stream: &mut Stream| about[at] + spread * stream.normal() as f32;
    (0..width).map(|at| value(at, stream)).collect()
}

fn genre(name: &str, embeddings: Vec<Vec<f32>>) -> Genre {
    let examples = embeddings.into_iter().enumerate();
    let examples = examples.map(|(number, embedding)| Example {
        path: format!("{name} {number}.ogg").into(),
        hash: format!("{number:064x}"),
        embedding,
    });
    Genre {
        name: name.into(),
        examples: examples.collect(),
    }
}

impl Case {
    /// Genres of so many examples each, about one direction or two.
    fn random(
        names: &[&str],
        sizes: &[usize],
        width: usize,
        spread: f32,
        stream: &mut Stream,
    ) -> Self {
        let zeros = vec![0.0; width];
        let mut genres = Vec::new();
        let mut queries = vec![(normals(width, 1.0, &zeros, stream), Vec::new())];
        for (place, (name, &size)) in names.iter().zip(sizes).enumerate() {
            let middles = [(); 2].map(|()| normals(width, 1.0, &zeros, stream));
            let about = |number: usize| &middles[number * (place % 2) % 2];
            let examples = (0..size).map(|number| normals(width, spread, about(number), stream));
            genres.push(genre(name, examples.collect()));
            let parts = (0..5).map(|_| normals(width, spread, &middles[0], stream));
            let parts = parts.collect();
            queries.push((normals(width, spread, &middles[0], stream), parts));
        }
        Self {
            genres,
            metric: Metric::COSINE,
            calibration: None,
            whitening: [None, None, None],
            queries,
        }
    }

    fn whole_whitening(mut self, stream: &mut Stream) -> Self {
        let width = self.queries[0].0.len();
        let half = normals(width * width, 0.2, &vec![0.0; width * width], stream);
        let root = (0..width * width).map(|at| half[at] + half[at % width * width + at / width]);
        self.whitening = [
            Some(normals(width, 0.2, &vec![0.0; width], stream)),
            None,
            Some(root.collect()),
        ];
        self
    }

    fn diagonal_whitening(mut self, stream: &mut Stream) -> Self {
        let width = self.queries[0].0.len();
        let centre = normals(width, 0.2, &vec![0.0; width], stream);
        let spread = (0..width).map(|_| 0.5 + stream.unit() as f32);
        self.whitening = [Some(centre), Some(spread.collect()), None];
        self
    }

    fn comparison(&self) -> Comparison {
        let [centre, spread, root] = &self.whitening;
        let centre = centre.clone().unwrap_or_default();
        Comparison {
            metric: self.metric,
            calibration: self.calibration,
            whitening: match (spread, root) {
                (_, Some(root)) => Whitening::whole(centre, root.clone()),
                (Some(spread), None) => Whitening::diagonal(&centre, spread),
                (None, None) => Whitening::diagonal(&centre, &[]),
            },
        }
    }

    fn json(&self) -> Value {
        let genre = |genre: &Genre| {
            let examples = genre.examples.iter().map(|example| {
                json!({"name": example.path, "hash": example.hash, "seconds": 30.0, "embedding": example.embedding})
            });
            json!({"name": genre.name, "examples": examples.collect::<Vec<_>>()})
        };
        let query = |(embedding, parts): &(Vec<f32>, Vec<Vec<f32>>)| {
            let parts = parts.iter().enumerate();
            let parts = parts.map(|(number, part)| json!({"start": 5 * number, "end": 5 * number + 5, "embedding": part}));
            json!({"embedding": embedding, "parts": parts.collect::<Vec<_>>()})
        };
        let [centre, spread, root] = &self.whitening;
        let scale = spread
            .as_ref()
            .map(|spread| spread.iter().map(|d| d.recip()).collect::<Vec<_>>());
        let distance = match self.metric.distance {
            Distance::Cosine => "cosine",
            Distance::Euclidean => "squared-euclidean",
        };
        json!({
            "genres": self.genres.iter().map(genre).collect::<Vec<_>>(),
            "comparison": {
                "distance": distance,
                "scale": self.metric.scale,
                "calibration": self.calibration,
                "whitening": {"centre": centre, "scale": scale, "root": root},
            },
            "queries": self.queries.iter().map(query).collect::<Vec<_>>(),
        })
    }

    fn holds(&self, name: &str, found: &Value) {
        let genres = Genres::learn(self.genres.clone(), self.comparison(), false).unwrap();
        let means: Vec<Vec<Vec<f32>>> = serde_json::from_value(found["means"].clone()).unwrap();
        assert_eq!(means, genres.means(), "{name}");
        for (number, (embedding, parts)) in self.queries.iter().enumerate() {
            let expected = genres.answer(embedding, &timed(parts)).unwrap();
            let name = format!("{name}, query {number}");
            same(&name, &found["answers"][number], &expected, 0.0);
        }
    }
}

fn single(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

/// Holds an answer to the native one: distances to a bound, probabilities to what follows of it.
fn same(name: &str, found: &Value, expected: &GenreAnswer, bound: f32) {
    let near = |found: &Value, expected: f64, bound: f64| {
        let apart = (found.as_f64().unwrap() - expected).abs();
        assert!(apart <= bound, "{name}: {found} {expected}");
    };
    let distance = |found: &Value, expected: f32| {
        near(
            &json!(single(&found["distance"])),
            expected.into(),
            bound.into(),
        );
    };
    // The exponential functions of two machines may differ in their last bit.
    let likely = 1e-12 + 20.0 * f64::from(bound);
    let listed = |what: &str, count: usize| {
        let found = found[what].as_array().unwrap();
        assert_eq!(found.len(), count, "{name}: {what}");
        found.iter()
    };
    for (found, expected) in listed("ranked", expected.ranked.len()).zip(&expected.ranked) {
        assert_eq!(found["genre"], expected.genre, "{name}");
        distance(found, expected.distance);
        near(&found["probability"], expected.probability, likely);
    }
    for (found, expected) in listed("parents", expected.parents.len()).zip(&expected.parents) {
        assert_eq!(found["genre"], expected.genre, "{name}");
        near(&found["probability"], expected.probability, likely);
    }
    assert_eq!(found["unknown"], expected.unknown, "{name}");
    assert_eq!(single(&found["novelty"]), expected.novelty, "{name}");
    for (found, expected) in listed("nearest", expected.nearest.len()).zip(&expected.nearest) {
        assert_eq!(found["genre"], expected.genre, "{name}");
        let path = found["example"]["name"].as_str();
        assert_eq!(path, expected.path.to_str(), "{name}");
        distance(found, expected.distance);
    }
    match expected.decided {
        None => assert!(found["decided"].is_null(), "{name}"),
        Some(expected) => {
            let found = &found["decided"];
            assert_eq!(found["start"].as_f64(), Some(expected.start_s), "{name}");
            assert_eq!(found["end"].as_f64(), Some(expected.end_s), "{name}");
            distance(found, expected.distance);
        }
    }
}

fn cases() -> Vec<(&'static str, Case)> {
    let stream = &mut Stream::new(1, "genres", 0);
    let abc = ["a", "b", "c"];
    let nested = [
        "Jazz",
        "Jazz/Swing",
        "Jazz/Bop/Hard",
        "Jazzy",
        "Ö",
        "音楽",
        "🎷",
        "\u{ffdc}",
    ];
    let calibration = Some(Calibration {
        one: 8.7,
        few: 11.3,
        many: 14.9,
    });
    let mut euclidean = Case::random(&abc, &[5, 6, 7], 33, 0.3, stream);
    euclidean.metric = Metric::EUCLIDEAN;
    let mut calibrated = Case::random(&abc, &[2, 6, 7], 16, 0.3, stream).whole_whitening(stream);
    calibrated.calibration = calibration;
    let mut alone = Case::random(&["only"], &[1], 8, 0.3, stream);
    alone.calibration = calibration;
    let mut equal = Case::random(&abc, &[4, 5, 6], 8, 0.3, stream);
    let first = equal.genres[0].examples[0].embedding.clone();
    for example in equal
        .genres
        .iter_mut()
        .flat_map(|genre| &mut genre.examples)
    {
        example.embedding = first.clone();
    }
    let mut zeros = Case::random(&abc, &[4, 5, 6], 8, 0.3, stream);
    for example in &mut zeros.genres[1].examples {
        example.embedding = vec![0.0; 8];
    }
    let mut tiny = Case::random(&abc, &[4, 5, 6], 8, 0.3, stream);
    let vectors = tiny.genres.iter_mut().flat_map(|genre| &mut genre.examples);
    vectors
        .flat_map(|e| &mut e.embedding)
        .for_each(|value| *value *= 1e-24);
    let mut huge = Case::random(&abc, &[4, 5, 6], 8, 0.3, stream);
    let vectors = huge.genres.iter_mut().flat_map(|genre| &mut genre.examples);
    vectors
        .flat_map(|e| &mut e.embedding)
        .for_each(|value| *value *= 1e18);
    vec![
        (
            "three genres",
            Case::random(&abc, &[5, 6, 7], 64, 0.3, stream).diagonal_whitening(stream),
        ),
        (
            "of no order",
            Case::random(&["c", "a", "b"], &[8, 8, 8], 256, 0.9, stream).whole_whitening(stream),
        ),
        ("squared distance", euclidean),
        ("calibrated", calibrated),
        ("one example", alone),
        ("one genre", Case::random(&["only"], &[9], 8, 0.3, stream)),
        (
            "two genres",
            Case::random(&["b", "a"], &[9, 12], 7, 0.5, stream),
        ),
        (
            "one example each",
            Case::random(&abc, &[1, 1, 1], 8, 0.3, stream),
        ),
        (
            "nested",
            Case::random(&nested, &[3, 4, 5, 6, 1, 2, 4, 4], 12, 0.3, stream),
        ),
        ("equal", equal),
        ("zeros", zeros),
        ("tiny", tiny),
        ("huge", huge),
        ("one value", Case::random(&abc, &[4, 5, 6], 1, 0.3, stream)),
        (
            "many",
            Case::random(&nested[..4], &[100, 65, 64, 30], 32, 0.4, stream)
                .diagonal_whitening(stream),
        ),
    ]
}

#[test]
fn answers_are_the_same() {
    let cases = cases();
    let json: Vec<Value> = cases.iter().map(|(_, case)| case.json()).collect();
    let Some(mut browser) = opened(&[("cases.json", json!(json).to_string())]) else {
        return;
    };
    let found = browser.says(ANSWERS);
    let mut parted = 0;
    for ((name, case), found) in cases.iter().zip(found.as_array().unwrap()) {
        case.holds(name, found);
        let means = found["means"].as_array().unwrap().iter();
        parted += means
            .filter(|means| means.as_array().unwrap().len() == 2)
            .count();
    }
    assert!(parted > 2, "genres whose examples disagree are among them");
    browser.was_quiet();
}

#[test]
fn names_are_the_same() {
    let long = ["x".repeat(200), "x".repeat(201), "ü".repeat(101)];
    let mut names = vec![
        "",
        "  ",
        " Jazz / Swing ",
        "a//b",
        "/a",
        "a/ ",
        "a\nb",
        "a\u{202e}b",
        "Unknown",
        "unKnown/a",
        "Ünïcode 音楽",
        "\u{85}a\u{a0}",
        "\u{feff}a",
        "🎷",
        "\u{2028}a",
        "a/b/c/d",
        "<b>&amp;",
        "\u{212a}",
        "un\u{212a}nown",
    ];
    names.extend(long.iter().map(String::as_str));
    let Some(mut browser) = opened(&[("names.json", json!(names).to_string())]) else {
        return;
    };
    let found = browser.says(
        "(async () => {
            const { checkedName, parents, PlainError } = await import('/gamaka.js');
            return (await (await fetch('/names.json')).json()).map((name) => {
                try { return [checkedName(name), parents(name)]; }
                catch (error) { return error instanceof PlainError ? error.message : String(error.stack); }
            });
        })()",
    );
    for (name, found) in names.iter().zip(found.as_array().unwrap()) {
        let expected = match checked_name(name) {
            Ok(checked) => json!([checked, parents(name).collect::<Vec<_>>()]),
            Err(error) => json!(error.to_string()),
        };
        assert_eq!(*found, expected, "{name:?}");
    }
}

#[test]
fn a_model_compares_on_a_device_as_natively() {
    let Some(mut browser) = started_with_webgpu() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let exported = Command::new(env!("CARGO_BIN_EXE_gamaka"))
        .args(["export", "--quiet", "-o"])
        .arg(&bundle)
        .output()
        .unwrap();
    assert!(exported.status.success(), "{exported:?}");
    let model = Model::included().unwrap();
    let width = model.network.width();
    let mut stream = Stream::new(2, "genres", 0);
    let names = ["a", "a/b", "c", "d"];
    let case = Case::random(&names, &[80, 100, 120, 2], width, 0.7, &mut stream);
    let mut case_json = case.json();
    // More rows and columns than a plan takes at once.
    let rows: Vec<Vec<f32>> = (0..37)
        .map(|_| normals(width, 1.0, &vec![0.0; width], &mut stream))
        .collect();
    case_json["rows"] = json!(rows);
    let mut files = files(&[("case.json", case_json.to_string())]);
    let bundle = folder_files(&bundle).into_iter();
    files.extend(bundle.map(|(path, bytes)| (format!("bundle/{path}"), bytes)));
    browser.visit(Site::new(files).url(), WINDOW, "light");
    let found = browser.says(
        "(async () => {
            const g = await import('/gamaka.js');
            const { genres, queries, rows } = await (await fetch('/case.json')).json();
            const device = await g.openDevice();
            const bundle = await g.openBundle('/bundle');
            const comparer = await g.Comparer.open(device, bundle);
            const examples = genres.flatMap((genre) => genre.examples);
            for (const example of examples) example.embedding = Float32Array.from(example.embedding);
            const learned = g.learnGenres(genres, g.comparisonOf(bundle));
            const ask = ({ embedding, parts }, by) => g.answer(learned, Float32Array.from(embedding),
                parts.map((part) => ({ ...part, embedding: Float32Array.from(part.embedding) })), by);
            const [made, onDevice, here] = await Promise.all([
                comparer.distances(rows.map((row) => Float32Array.from(row)), examples.map((example) => example.embedding)),
                Promise.all(queries.map((query) => ask(query, comparer))),
                Promise.all(queries.map((query) => ask(query))),
            ]);
            comparer.close();
            return { made: made.map((row) => [...row]), onDevice, here };
        })()",
    );
    let metric = Comparison::of(&model).metric;
    for (row, made) in rows.iter().zip(found["made"].as_array().unwrap()) {
        let examples = case.genres.iter().flat_map(|genre| &genre.examples);
        for (example, made) in examples.zip(made.as_array().unwrap()) {
            let expected = metric.distance(row, &example.embedding);
            assert!((single(made) - expected).abs() < 1e-5, "{made} {expected}");
        }
    }
    let genres = Genres::learn(case.genres.clone(), Comparison::of(&model), false).unwrap();
    for (number, (embedding, parts)) in case.queries.iter().enumerate() {
        let expected = genres.answer(embedding, &timed(parts)).unwrap();
        same("here", &found["here"][number], &expected, 0.0);
        same("on a device", &found["onDevice"][number], &expected, 1e-5);
    }
    assert!(browser.complaints().is_empty());
}
