//! A network trained in a browser, against the same training here.

use std::collections::BTreeMap;
use std::path::Path;

use gamaka::Model;
use gamaka::gpu::{AdapterClass, DeviceChoice, Gpu, Program};
use gamaka::internals::bundle::{Bundle, Initial, Options, Training, TrainingOptions};
use gamaka::internals::data::Task;
use gamaka::internals::embed::Embedder;
use gamaka::internals::random::Stream;
use gamaka::model::{Network, Spec};
use gamaka::ops::Distance;
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::site::{Site, folder};
use crate::{PHONE, WINDOW, started_with_webgpu};

const STEPS: usize = 20;
const GENRES: usize = 3;
const SONGS: usize = 6;

/// What the page does: 20 steps whose clips it draws itself, and an examination.
const TRAINING: &str = "(async () => {
    const { openDevice, openBundle, Trainer, Moved, sample } = await import('/gamaka.js');
    const [device, bundle] = [await openDevice(), await openBundle('/bundle')];
    const songs = await (await fetch('/songs.json')).json();
    const genres = songs.map((files, k) => ({ name: `genre ${k}`, files: files.map((clip, n) => ({ name: `${n}`, clips: [Float32Array.from(clip)] })) }));
    const trainer = Trainer.open(device, bundle);
    const material = await trainer.setExamples(genres);
    const start = await trainer.parameters();
    const [slots, rows] = [[], []];
    const begun = performance.now();
    for (let step = 0; step < 20; step += 1) {
        const drawn = trainer.draw();
        slots.push([...drawn]);
        trainer.submit(drawn);
        if (step % 10 === 9) rows.push(...await trainer.figures(step - 9));
    }
    const each = (performance.now() - begun) / 20;
    const parameters = await trainer.parameters();
    const examined = await trainer.examine();
    const z = [-4, -2.5, -1.1, 0, 0.3, 2.5, 3.7];
    const most = new Moved(trainer.training.curves, start).most(parameters, 3).map((layer) => layer.map(({ edge, moved }) =>
        ({ layer: edge.curves.layer, tap: edge.tap, output: edge.output, moved, values: sample(edge, parameters, z) })));
    trainer.restart(1);
    const again = await trainer.parameters();
    const once = [...trainer.draw()];
    return { slots, rows, each, z, most, examined, once, apart: material.genres.map(({ apart }) => apart), units: material.genres.map(({ units }) => units),
        places: material.clips.map((clip) => genres.flatMap(({ files }) => files).findIndex((file) => file.clips[0] === clip)),
        parameters: [...parameters], restarted: again.every((value, k) => value === start[k]), way: trainer.task.way };
})()";

/// Songs of one clip each; genres differ in how fast their bands swell, under so much noise that the loss does not vanish:
/// of gradients that are nothing but rounding errors AdamW makes whole steps.
fn songs([bands, frames]: [usize; 2]) -> Vec<Vec<f32>> {
    let mut stream = Stream::new(3, "songs", 0);
    let song = |number: usize| {
        let period = [5.0, 7.0, 9.0][number / SONGS];
        let phase = stream.unit();
        let mut values = Vec::new();
        for _ in 0..bands {
            let level = 1.0 + stream.unit();
            values.extend((0..frames).map(|frame| {
                let turn = (f64::from(frame as u32) / period + phase) * std::f64::consts::TAU;
                (level * (1.5 + turn.sin()) + stream.normal()).max(0.0) as f32
            }));
        }
        values
    };
    (0..GENRES * SONGS).map(song).collect()
}

fn tiny() -> Model {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Model::load(&root.join("tests/fixtures/golden/tiny.safetensors")).unwrap()
}

/// A browser beside which the module, a bundle and songs lie.
fn opened(options: &TrainingOptions) -> Option<Browser> {
    let mut browser = started_with_webgpu()?;
    let model = tiny();
    let training = Some(options.clone());
    let options = Options {
        training,
        ..Options::default()
    };
    let bundle = Bundle::of(&model, &"0".repeat(64), &options).unwrap();
    let files = bundle.files().unwrap().into_iter();
    let mut all: BTreeMap<String, Vec<u8>> = files
        .map(|(path, bytes)| (format!("bundle/{path}"), bytes))
        .collect();
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist/gamaka.js");
    all.insert("gamaka.js".into(), std::fs::read(module).unwrap());
    let songs = songs(model.network.input);
    let songs = songs.chunks(SONGS).collect::<Vec<_>>();
    all.insert("songs.json".into(), json!(songs).to_string().into_bytes());
    browser.visit(Site::new(all).url(), WINDOW, "light");
    Some(browser)
}

/// The mean of some vectors.
fn mean(vectors: &[&[f32]]) -> Vec<f32> {
    let at = |k: usize| vectors.iter().map(|vector| vector[k]).sum::<f32>();
    (0..vectors[0].len())
        .map(|k| at(k) / vectors.len() as f32)
        .collect()
}

fn distance(by: Distance, a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    match by {
        Distance::Cosine => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        Distance::Euclidean => dot(a, a) - 2.0 * dot(a, b) + dot(b, b),
    }
}

fn floats(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Trains there and here, with what was drawn there.
fn same_training(spec: Spec) {
    let options = TrainingOptions {
        spec,
        task: Task::new(4, 2, 2),
        steps: STEPS,
        learning_rate: 1e-2,
        seed: 7,
    };
    let Some(mut browser) = opened(&options) else {
        return;
    };
    browser.until(
        &format!(
            "(window.found === undefined && (window.found = null, {TRAINING}.then(f => {{ window.found = f; }}, e => {{ window.found = {{ failed: String(e) }}; }})), window.found !== null)"
        ),
    );
    let found = browser.says("window.found");
    assert_eq!(found["failed"], Value::Null);
    // Of two, three and four genres in an episode the largest that there are.
    assert_eq!(found["way"], GENRES);
    assert_eq!(found["restarted"], true);
    assert_ne!(found["once"], found["slots"][0]);
    browser.was_quiet();

    let model = tiny();
    let training = Training::new(options.clone(), model.network.input).unwrap();
    let gpu = Gpu::open(&DeviceChoice::Auto).unwrap();
    // As a browser on software takes it, so that sums are added in one order.
    let plan = training.step(AdapterClass::Software, Task::new(GENRES, 2, 2));
    let port = |name: &str| plan.port(name).unwrap();
    let program = Program::new(&gpu, plan.clone()).unwrap();
    for Initial {
        port: name, words, ..
    } in training.initial()
    {
        program.write(port(name), &words);
    }
    let songs = songs(model.network.input);
    let places: Vec<usize> = serde_json::from_value(found["places"].clone()).unwrap();
    for (place, &song) in places.iter().enumerate() {
        program.write_at(port("bank"), place * songs[0].len(), &songs[song]);
    }
    let entry = training.entry();
    let rate = |step: usize| {
        let config = gamaka::internals::settings::TrainConfig {
            episodes: STEPS,
            learning_rate: options.learning_rate,
            warmup: entry.warmup,
            ..Default::default()
        };
        config.learning_rate(step) as f32
    };
    let mut rows = Vec::new();
    for step in 0..STEPS {
        let slots: Vec<u32> = serde_json::from_value(found["slots"][step].clone()).unwrap();
        program.write(port("slots"), &slots);
        program.write(
            port("step"),
            &[options.seed as u32, step as u32, rate(step).to_bits(), 0],
        );
        program.run().unwrap();
        if step % 10 == 9 {
            let ring: Vec<[f32; 4]> = program.read(port("history")).unwrap();
            rows.extend((step - 9..=step).map(|step| ring[step % ring.len()]));
        }
    }
    let (mut losses, mut apart) = (Vec::new(), 0f32);
    for (step, row) in rows.iter().enumerate() {
        let there = &found["rows"][step];
        assert_eq!(there["step"], step + 1);
        let loss = there["loss"].as_f64().unwrap() as f32;
        apart = apart.max((loss - row[0]).abs());
        losses.push(loss);
    }
    let own: Vec<f32> = program.read(port("parameters")).unwrap();
    let theirs = floats(&found["parameters"]);
    assert_eq!(own.len(), theirs.len());
    // Squared distances do not see the last bias: its gradient is nothing but rounding errors, of which AdamW makes steps.
    let network = Network::new(options.spec.clone(), model.network.input).unwrap();
    let last = format!("{}.linear.bias", network.spec.layers.len() - 1);
    let unseen = |name: &str| network.spec.distance == Distance::Euclidean && name == last;
    let named = |flat: &[f32]| {
        let mut named = network.named_parameters(flat);
        named.retain(|parameter| !unseen(&parameter.name));
        let values = named.into_iter().flat_map(|parameter| parameter.values);
        values.collect::<Vec<f32>>()
    };
    let (seen, theirs_seen) = (named(&own), named(&theirs));
    let differences = seen.iter().zip(&theirs_seen).map(|(a, b)| (a - b).abs());
    let moved = differences.fold(0.0, f32::max);
    println!(
        "{}: loss {:.3} to {:.3}, apart by {apart:.1e}, parameters by {moved:.1e} at most; {:.0} ms a step",
        options.spec.name,
        losses[0],
        losses[STEPS - 1],
        found["each"].as_f64().unwrap()
    );
    assert!(apart < 1e-3, "{losses:?}");
    assert!(moved < 1e-3, "{moved}");
    let mean_of = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert!(
        mean_of(&losses[15..]) < 0.8 * mean_of(&losses[..5]),
        "{losses:?}"
    );

    functions(&network, &theirs, &found);
    examination(&gpu, &network, &theirs, &found, |place| {
        &songs[places[place]]
    });
}

/// The curves that are drawn are the network's functions, and those that moved most come first.
fn functions(network: &Network, parameters: &[f32], found: &Value) {
    let z = floats(&found["z"]);
    let edges = network.learned_edges(parameters);
    let layers = found["most"].as_array().unwrap();
    assert_eq!(layers.is_empty(), edges.is_empty());
    for layer in layers {
        let moved: Vec<f64> = layer
            .as_array()
            .unwrap()
            .iter()
            .map(|curve| {
                let edge = edges.iter().find(|edge| {
                    let kernel = network.edge_tensors();
                    let kernel = kernel.iter().find(|tensor| tensor.layer == edge.layer);
                    let [rows, columns] = kernel.unwrap().kernel;
                    let tap = (edge.input * rows + edge.tap[0]) * columns + edge.tap[1];
                    let kind = network.spec.layers[edge.layer].kind();
                    curve["layer"] == format!("{} {kind}", edge.layer)
                        && curve["tap"] == tap
                        && curve["output"] == edge.output
                });
                let edge = edge.unwrap();
                for (z, value) in z.iter().zip(floats(&curve["values"])) {
                    let expected = edge.value(f64::from(*z)) as f32;
                    assert!((value - expected).abs() < 1e-5, "{value} {expected} at {z}");
                }
                curve["moved"].as_f64().unwrap()
            })
            .collect();
        assert_eq!(moved.len(), 3);
        assert!(
            moved[0] > 0.0 && moved.is_sorted_by(|a, b| a >= b),
            "{moved:?}"
        );
    }
}

/// Of the songs kept apart as many are known there as here.
fn examination<'a>(
    gpu: &Gpu,
    network: &Network,
    parameters: &[f32],
    found: &Value,
    song: impl Fn(usize) -> &'a Vec<f32>,
) {
    let embedder = Embedder::new(gpu, network, parameters).unwrap();
    let of = |name: &str| -> Vec<Vec<Vec<f32>>> {
        let genres: Vec<Vec<Vec<usize>>> = serde_json::from_value(found[name].clone()).unwrap();
        let embed = |songs: &Vec<Vec<usize>>| {
            let clips: Vec<Vec<f32>> = songs.iter().map(|clips| song(clips[0]).clone()).collect();
            embedder.embed(&clips).unwrap()
        };
        genres.iter().map(embed).collect()
    };
    let (units, apart) = (of("units"), of("apart"));
    let means: Vec<Vec<f32>> = units
        .iter()
        .map(|songs| mean(&songs.iter().map(Vec::as_slice).collect::<Vec<_>>()))
        .collect();
    let nearest = |song: &[f32]| {
        let distances = means
            .iter()
            .map(|mean| distance(network.spec.distance, song, mean));
        let distances: Vec<f32> = distances.collect();
        (0..means.len()).min_by(|a, b| distances[*a].total_cmp(&distances[*b]))
    };
    let (mut right, mut all) = (0, 0);
    for (genre, songs) in apart.iter().enumerate() {
        assert_eq!((songs.len(), units[genre].len()), (2, SONGS - 2));
        for song in songs {
            all += 1;
            right += usize::from(nearest(song) == Some(genre));
        }
    }
    assert_eq!(found["examined"], json!({"right": right, "of": all}));
}

#[test]
fn twenty_steps_of_the_small_ickan_are_those_of_a_training_here() {
    same_training(TrainingOptions::default().spec);
}

#[test]
fn another_network_is_trained_by_the_same_program() {
    same_training(Spec::named("cnn", [64, 80]).unwrap());
}

/// What goes wrong is told in words for a reader, and the next training works.
#[test]
fn too_few_songs_and_a_lost_device_are_told() {
    let options = TrainingOptions {
        task: Task::new(2, 1, 1),
        ..TrainingOptions::default()
    };
    let Some(mut browser) = opened(&options) else {
        return;
    };
    browser.says(
        "(async () => {
        Object.assign(window, await import('/gamaka.js'));
        window.device = await openDevice();
        window.bundle = await openBundle('/bundle');
        window.trainer = Trainer.open(device, bundle);
        const clip = new Float32Array(64 * 80).fill(1);
        window.genre = (name, ...clips) => ({ name, files: clips.map((count, k) => ({ name: `${k}`, clips: Array(count).fill(clip) })) });
        window.told = async (work) => { try { return await work(); } catch (error) { return `${error.name}: ${error.message}`; } };
    })()",
    );
    for few in [
        "",
        "genre('a', 1, 1)",
        "genre('a', 1, 1), genre('b', 1), genre('c', 0, 0), genre('d')",
    ] {
        let told = browser.says(&format!("told(() => trainer.setExamples([{few}]))"));
        let told = told.as_str().unwrap();
        assert!(
            told.starts_with("PlainError: To learn, it takes two genres"),
            "{told}"
        );
    }
    // A single song is learned from by its parts, which is told; what is too little is left out.
    let material = browser.says(
        "trainer.setExamples([genre('a', 1, 1), genre('b', 4), genre('c', 1), genre('d', 2, 2, 2, 2)])
            .then(({ genres, leftOut }) => ({ leftOut, genres: genres.map(({ name, units, apart, single }) => [name, units.length, apart.length, single]) }))",
    );
    let expected = json!({"leftOut": ["c"], "genres": [["a", 2, 0, false], ["b", 4, 0, true], ["d", 3, 1, false]]});
    assert_eq!(material, expected);
    assert_eq!(browser.says("trainer.step().then(({ step }) => step)"), 1);
    // Who reads while another does waits; what is compiled for a training that was given up is given back.
    let both = "Promise.all([trainer.parameters(), trainer.parameters()]).then(([a, b]) => a.length > 0 && a.length === b.length)";
    assert_eq!(browser.says(both), true);
    let twice = browser.says(
        "(async () => {
            const two = [genre('a', 1, 1), genre('b', 1, 1)];
            const other = Trainer.open(device, bundle);
            const first = told(() => other.setExamples(two));
            other.close();
            const second = await told(() => other.setExamples(two).then(() => 'ready'));
            other.close();
            return [await first, second];
        })()",
    );
    assert_eq!(
        twice,
        json!(["PlainError: The training was given up.", "ready"])
    );
    browser.says("device.gpu.destroy()");
    let told = browser.says("told(() => trainer.step())");
    let told = told.as_str().unwrap();
    assert!(
        told.starts_with("PlainError: The graphics adapter stopped working"),
        "{told}"
    );
    let again = "openDevice().then(async (device) => {
        const trainer = Trainer.open(device, bundle);
        await trainer.setExamples([genre('a', 1, 1), genre('b', 1, 1)]);
        return (await trainer.step()).step;
    })";
    assert_eq!(browser.says(again), 1);
}

/// The whole page, by keyboard: eight clips of two styles, and the panel from its first curves to a training that is given up.
#[test]
fn the_panel_shows_a_training_and_leaves_the_page_responsive() {
    const STEP: &str = "+(/Step (\\d+)/.exec(document.querySelector('.learn-where span').textContent) ?? [0, 0])[1]";
    let Some(mut browser) = started_with_webgpu() else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = folder(&root.join("web/dist"));
    files.insert(String::new(), files["index.html"].clone());
    let options = Options {
        training: Some(TrainingOptions::default()),
        ..Options::default()
    };
    let bundle = Bundle::of(&tiny(), &"0".repeat(64), &options).unwrap();
    let bundle = bundle.files().unwrap().into_iter();
    files.extend(bundle.map(|(path, bytes)| (format!("bundle/{path}"), bytes)));
    let genre = |style: &str| {
        let songs = (0..4).map(|k| format!("{style}/{style}-00{k}.ogg"));
        json!({"name": style, "files": songs.collect::<Vec<_>>()})
    };
    let demo = json!({"licence": "", "genres": [genre("folk"), genre("metal")], "songs": []});
    for genre in demo["genres"].as_array().unwrap() {
        for song in genre["files"].as_array().unwrap() {
            let song = song.as_str().unwrap();
            let sound = std::fs::read(root.join("assets/corpus").join(song)).unwrap();
            files.insert(format!("demo/{song}"), sound);
        }
    }
    files.insert("demo/demo.json".into(), demo.to_string().into_bytes());
    browser.visit(Site::new(files).url(), PHONE, "dark");
    browser.until("!!document.querySelector('.offer button')");
    browser.says("document.querySelector('.offer button').click()");
    browser.until("[...document.querySelectorAll('.genre-head')].filter(head => head.textContent.includes('4 songs')).length === 2");
    browser.until("!document.getElementById('learn').hidden");

    let phase = "document.querySelector('.learn').dataset.phase";
    let moving = "document.querySelectorAll('.learn-wall .now[d]').length";
    assert_eq!(
        (browser.says(phase), browser.says(moving)),
        (json!("idle"), json!(12))
    );
    browser.says("document.querySelector('.learn .full').focus()");
    browser.key("Enter");
    browser.until(&format!("{STEP} >= 3"));
    // While it trains the page has its turns: sixty of them come.
    let gap = browser.says(
        "new Promise(done => { let [last, longest, turns] = [performance.now(), 0, 0]; const timer = setInterval(() => {
            const now = performance.now(); longest = Math.max(longest, now - last); last = now;
            if ((turns += 1) === 60) { clearInterval(timer); done(longest); } }, 10); })",
    );
    println!("longest wait of the page while it trains: {gap} ms");
    let axe = std::fs::read_to_string(root.join("tests/fixtures/axe/axe.min.js")).unwrap();
    browser.says(&format!("{axe};void 0"));
    let violations = "axe.run('.learn').then(({ violations }) => violations.map(({ id }) => id))";
    assert_eq!(browser.says(violations), json!([]));
    assert_eq!(browser.says(phase), "running");

    // The button keeps the focus: the next key pauses.
    browser.key("Enter");
    browser.until(&format!("{phase} === 'paused'"));
    browser.says("new Promise(done => setTimeout(done, 1500))");
    let paused = browser.says(STEP);
    let said = "document.querySelector('.learn-told').textContent";
    let told = browser.says(said);
    let told = told.as_str().unwrap();
    assert!(
        told.starts_with("Paused. In its exercises ") && told.contains("guessing gives 50 %"),
        "{told}"
    );
    assert!(
        told.contains("Of the 2 songs that it does not train on it knows "),
        "{told}"
    );
    let labels = "[...document.querySelectorAll('.learn-chart')].every(chart => /guessing/.test(chart.getAttribute('aria-label')) && chart.querySelector('.mean').getAttribute('d').includes('L'))";
    assert_eq!(browser.says(labels), true);
    assert_eq!(
        browser.says("document.documentElement.scrollWidth"),
        PHONE[0]
    );
    browser.says("new Promise(done => setTimeout(done, 500))");
    assert_eq!(browser.says(STEP), paused);
    browser.key("Enter");
    browser.until(&format!("{STEP} > {paused}"));
    // A pause that is over before the last step is: one training goes on, or another begins.
    let click = |button: &str| format!("document.querySelector('.learn {button}').click();");
    let main = click(".full");
    browser.says(&format!("{}void 0", main.repeat(4)));
    let gone_on = browser.says(STEP);
    browser.until(&format!("{STEP} > {gone_on} + 4"));
    assert_eq!(browser.says(phase), "running");
    let again = click(".learn-tools button:nth-of-type(2)");
    browser.says(&format!("{main}{again}void 0"));
    browser.until(&format!("{STEP} > 0 && {STEP} < {gone_on}"));
    browser.until(&format!("{STEP} > {gone_on}"));
    assert_eq!(browser.says(phase), "running");
    browser.says("document.querySelector('.learn .quiet').focus()");
    browser.key("Enter");
    browser.until(&format!("{phase} === 'idle'"));
    let focus = browser.says("document.activeElement.textContent");
    assert_eq!((focus, browser.says(moving)), (json!("Start"), json!(12)));
    browser.was_quiet();
}
