//! Bundles in a browser: the same embeddings as natively.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use gamaka::gpu::{DeviceChoice, Gpu};
use gamaka::internals::bundle::{Bundle, Options};
use gamaka::internals::embed::{Embedder, mean_embedding};
use gamaka::internals::features::{FrontEnd, Segment, SegmentShape};
use gamaka::mel::EngineChoice;
use gamaka::model::{Network, Spec};
use gamaka::{Model, audio};
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::site::Site;
use crate::{WINDOW, started, started_with_webgpu};

/// One device for all tests of this process.
static GPU: LazyLock<Gpu> = LazyLock::new(|| Gpu::open(&DeviceChoice::Auto).unwrap());

/// Opens what all tests of a bundle need.
const OPEN: &str = "(async () => {
    window.gamaka = await import('/gamaka.js');
    window.device = await gamaka.openDevice();
    window.bundle = await gamaka.openBundle('bundle');
    window.listener = await gamaka.Listener.open(device, bundle);
    window.rate = bundle.manifest.hearing.sample_rate;
    // The reason in words why something does not come to pass.
    window.refusal = async (work) => work().then(
        () => 'it went well',
        (error) => error instanceof gamaka.PlainError ? error.message : 'not in plain words: ' + error);
    return device.software;
})()";

pub(crate) fn in_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn included() -> Model {
    Model::load(&in_crate("assets/models/gamaka.safetensors")).unwrap()
}

/// A small network.
pub(crate) fn tiny() -> Model {
    Model::load(&in_crate("tests/fixtures/golden/tiny.safetensors")).unwrap()
}

/// The module of the runtime, by its name.
pub(crate) fn module() -> BTreeMap<String, Vec<u8>> {
    let module = std::fs::read(in_crate("web/dist/gamaka.js")).unwrap();
    BTreeMap::from([("gamaka.js".to_owned(), module)])
}

pub(crate) fn bundle(model: &Model) -> BTreeMap<String, Vec<u8>> {
    let bundle = Bundle::of(model, &"0".repeat(64), &Options::default()).unwrap();
    bundle.files().unwrap()
}

/// A browser that has opened a model's bundle beside other files.
pub(crate) fn listening(model: &Model, others: &[(String, Vec<u8>)]) -> Option<Browser> {
    let mut browser = started_with_webgpu()?;
    let mut files = module();
    let of_bundle = bundle(model).into_iter();
    files.extend(of_bundle.map(|(path, bytes)| (format!("bundle/{path}"), bytes)));
    files.extend(others.iter().cloned());
    browser.visit(Site::new(files).url(), WINDOW, "light");
    assert_eq!(browser.says(OPEN), true, "it runs on the processor");
    Some(browser)
}

/// What a model hears natively of samples at its rate: the segments that a library hears, and their embeddings.
struct Native {
    front_end: FrontEnd,
    embedder: Embedder,
    shape: SegmentShape,
}

impl Native {
    fn new(model: &Model) -> Self {
        let hearing = model.hearing(false);
        let frames = model.info.segment.frames();
        Self {
            front_end: FrontEnd::new(EngineChoice::Auto, Some(&GPU), hearing).unwrap(),
            embedder: Embedder::for_files(&GPU, model, 10).unwrap(),
            shape: SegmentShape::new(frames, 3 * frames).unwrap(),
        }
    }

    fn samples(&self, file: &Path) -> Vec<f32> {
        self.front_end.samples(file).unwrap().0
    }

    fn segments(&self, samples: &[f32]) -> Vec<Segment> {
        // It takes the name and what was said of a file only to hand them on.
        let path = in_crate("tests/fixtures/audio/s16.wav");
        let info = audio::decode(&path, 22_050).unwrap().1;
        let features = self.front_end.features_of_samples(&path, samples, info);
        features.unwrap().segments(self.shape)
    }

    fn embeddings(&self, samples: &[f32]) -> Vec<Vec<f32>> {
        let segments = self.segments(samples).into_iter();
        let clips: Vec<Vec<f32>> = segments.map(|segment| segment.values).collect();
        self.embedder.embed(&clips).unwrap()
    }
}

fn bytes(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap() as f32).collect()
}

fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|x| x * x).sum::<f32>().sqrt()
}

/// The length of what two embeddings differ by, as a share of the first one's.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    norm(&difference) / norm(a)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    product / (norm(a) * norm(b))
}

/// One clip of each of ten genres.
fn clips() -> Vec<PathBuf> {
    let genres = [
        "waltz", "metal", "techno", "samba", "folk", "ska", "blues", "funk", "disco", "march",
    ];
    let clip = |genre| in_crate(&format!("assets/corpus/{genre}/{genre}-000.ogg"));
    genres.map(clip).to_vec()
}

/// Samples as a WAV file of floats, of one channel.
pub(crate) fn wav(rate: u32, samples: &[f32]) -> Vec<u8> {
    let length = 4 * samples.len() as u32;
    let mut file = [b"RIFF", &(36 + length).to_le_bytes()[..], b"WAVEfmt "].concat();
    file.extend([16, 0, 0, 0, 3, 0, 1, 0]);
    file.extend([rate.to_le_bytes(), (4 * rate).to_le_bytes()].concat());
    file.extend([4, 0, 32, 0]);
    file.extend([b"data", &length.to_le_bytes()[..]].concat());
    file.extend(bytes(samples));
    file
}

/// What the browser hears of samples that it is given.
fn hear(browser: &mut Browser, name: &str) -> Value {
    browser.says(&format!(
        "(async () => {{
            const samples = new Float32Array(await (await fetch('/{name}')).arrayBuffer());
            const told = [];
            const heard = await listener.hear({{ samples, seconds: samples.length / rate, cut: false }}, (...at) => told.push(at));
            const parts = heard.parts.map((part) => ({{ ...part, embedding: [...part.embedding] }}));
            const {{ bands, frames, values }} = heard.levels;
            const columns = Array.from({{ length: frames }}, (_, k) => values[k]);
            return {{ embedding: [...heard.embedding], parts, bands, frames, clips: heard.clips.map((clip) => [...clip]), told,
                heard: columns.filter((level) => !Number.isNaN(level)).length }};
        }})()"
    ))
}

#[test]
fn the_same_samples_have_the_same_embeddings_as_natively() {
    let model = included();
    let native = Native::new(&model);
    let mut sounds: Vec<Vec<f32>> = clips().iter().map(|clip| native.samples(clip)).collect();
    // More than a batch of segments and a last one that ends with the file; less than one segment; a single sample.
    sounds.push(sounds.concat());
    sounds.push(sounds[0][..30_000].to_vec());
    sounds.push(sounds[1][5_000..5_001].to_vec());
    let files = sounds.iter().enumerate();
    let files: Vec<_> = files.map(|(k, s)| (format!("{k}.f32"), bytes(s))).collect();
    let Some(mut browser) = listening(&model, &files) else {
        return;
    };
    let mut most = 0.0f32;
    for ((name, _), samples) in files.iter().zip(&sounds) {
        let heard = hear(&mut browser, name);
        let want = native.embeddings(samples);
        let embedding = floats(&heard["embedding"]);
        most = most.max(apart(&mean_embedding(&want), &embedding));
        let parts = heard["parts"].as_array().unwrap();
        assert_eq!(parts.len(), want.len(), "{name}");
        for (part, want) in parts.iter().zip(&want) {
            most = most.max(apart(want, &floats(&part["embedding"])));
        }
        let seconds = samples.len() as f64 / 22_050.0;
        assert_eq!(parts[parts.len() - 1]["end"], seconds);
        let told = &heard["told"].as_array().unwrap();
        assert_eq!(told.last().unwrap(), &json!([want.len(), want.len()]));
        // What a network is given, to train on, is what it is given natively; at most 4 clips.
        let segments = native.segments(samples);
        let clips = heard["clips"].as_array().unwrap();
        assert_eq!(clips.len(), segments.len().min(4));
        let clip = floats(&clips[0]);
        let of_clip = |segment: &&Segment| apart(&segment.values, &clip) < 1e-4;
        let quiet = norm(&clip) == 0.0;
        assert!(quiet || segments.iter().find(of_clip).is_some(), "{name}");
        assert_eq!(heard["bands"], 64);
        assert!(heard["heard"].as_u64().unwrap() > 0);
    }
    println!("embeddings differ by {most:.1e} of their length");
    assert!(most < 1e-4, "{most:e}");
    browser.was_quiet();
}

#[test]
fn files_that_the_browser_decodes_have_nearly_the_same_embeddings() {
    let model = included();
    let native = Native::new(&model);
    let mut files: Vec<PathBuf> = clips();
    let formats = [
        "cbr.mp3",
        "vbr.mp3",
        "mono.mp3",
        "slow.mp3",
        "quiet_start.mp3",
        "mp3_inside.wav",
        "vorbis.ogg",
        "pages.ogg",
        "opus.opus",
        "flac.flac",
        "flac.oga",
        "s16.wav",
        "s24.wav",
        "f32.wav",
        "u8.wav",
        "mulaw.wav",
        "rf64.wav",
        "adts.aac",
        "aac_96k.m4a",
    ];
    files.extend(formats.map(|name| in_crate(&format!("tests/fixtures/audio/{name}"))));
    // Sound up to the highest that 44.1 kHz hold, of which the model's rate has half.
    let folder = tempfile::tempdir().unwrap();
    let quick = folder.path().join("quick.wav");
    let samples: Vec<f32> = files[..4].iter().flat_map(|f| native.samples(f)).collect();
    std::fs::write(&quick, wav(44_100, &samples)).unwrap();
    files.push(quick);
    let named: Vec<_> = files
        .iter()
        .map(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            (name.to_owned(), std::fs::read(file).unwrap())
        })
        .collect();
    let Some(mut browser) = listening(&model, &named) else {
        return;
    };
    for (file, (name, _)) in files.iter().zip(&named) {
        let heard = browser.says(&format!(
            "(async () => {{
                const file = await (await fetch('/{name}')).blob();
                const sound = await gamaka.decode(file, rate, bundle.manifest.hearing.max_seconds);
                return {{ embedding: [...(await listener.hear(sound)).embedding], cut: sound.cut, samples: sound.samples.length }};
            }})()"
        ));
        let samples = native.samples(file);
        let want = mean_embedding(&native.embeddings(&samples));
        let cosine = cosine(&want, &floats(&heard["embedding"]));
        println!(
            "{name}: cosine {cosine:.6}, {} samples for {}",
            heard["samples"],
            samples.len()
        );
        assert!(cosine >= 0.999, "{name}: {cosine}");
        assert_eq!(heard["cut"], false, "{name}");
    }
    browser.was_quiet();
}

/// A network with the parameters that a training begins with.
fn untrained(name: &str) -> Model {
    let model = tiny();
    let spec = Spec::named(name, model.network.input).unwrap();
    let network = Network::new(spec.clone(), model.network.input).unwrap();
    let mut made = Model {
        parameters: network.initial_parameters(3),
        network,
        ..model
    };
    made.info.spec = spec;
    (made.info.centre, made.info.spread) = (Vec::new(), Vec::new());
    made
}

#[test]
fn bundles_of_other_networks_run_unchanged() {
    for name in ["ickan", "cnn"] {
        let model = untrained(name);
        let native = Native::new(&model);
        let samples = native.samples(&clips()[2]);
        let files = [("0.f32".to_owned(), bytes(&samples))];
        let Some(mut browser) = listening(&model, &files) else {
            return;
        };
        let heard = hear(&mut browser, "0.f32");
        let want = mean_embedding(&native.embeddings(&samples));
        let apart = apart(&want, &floats(&heard["embedding"]));
        println!("{name}: embeddings differ by {apart:.1e} of their length");
        assert!(apart < 1e-4, "{name}: {apart:e}");
        browser.was_quiet();
    }
}

#[test]
fn hearing_makes_nothing_on_the_device_and_can_be_stopped_and_begun_again() {
    let model = tiny();
    let samples = Native::new(&model).samples(&clips()[0]);
    let Some(mut browser) = listening(&model, &[("0.f32".to_owned(), bytes(&samples))]) else {
        return;
    };
    let made = browser.says(
        "(async () => {
            const samples = new Float32Array(await (await fetch('/0.f32')).arrayBuffer());
            window.sound = { samples, seconds: samples.length / rate, cut: false };
            const first = await listener.hear(sound);
            let made = 0;
            for (const name of ['createBuffer', 'createBindGroup', 'createComputePipelineAsync', 'createShaderModule']) {
                const old = GPUDevice.prototype[name];
                GPUDevice.prototype[name] = function (...given) { made += 1; return old.apply(this, given); };
            }
            // Several at once wait for one another.
            const again = await Promise.all(Array.from({ length: 20 }, () => listener.hear(sound)));
            const same = again.every((heard) => heard.embedding.every((value, k) => value === first.embedding[k]));
            return { made, same };
        })()",
    );
    assert_eq!(made, json!({"made": 0, "same": true}));

    let stopped = browser.says(
        "(async () => {
            const stop = new AbortController();
            const long = { samples: new Float32Array(60 * rate).fill(0.1), seconds: 60, cut: false };
            const told = [];
            const heard = listener.hear(long, (done, all) => { told.push(done); stop.abort(); }, stop.signal);
            const error = await heard.catch((error) => error);
            const after = await listener.hear(sound);
            return { name: error.name, batches: told.length, after: after.embedding.length > 0 };
        })()",
    );
    let want = json!({"name": "AbortError", "batches": 1, "after": true});
    assert_eq!(stopped, want);

    // What went wrong once does not go wrong ever after.
    let recovered = browser.says(
        "(async () => {
            const { popErrorScope } = GPUDevice.prototype;
            GPUDevice.prototype.popErrorScope = async function () {
                await popErrorScope.call(this);
                return new GPUOutOfMemoryError('full');
            };
            const told = await refusal(() => listener.hear(sound));
            GPUDevice.prototype.popErrorScope = popErrorScope;
            return { told, after: await refusal(() => listener.hear(sound)) };
        })()",
    );
    let told = recovered["told"].as_str().unwrap();
    assert!(told.contains("too little memory"), "{told}");
    assert_eq!(recovered["after"], "it went well");

    let lost = browser.says(
        "(async () => {
            const hears = refusal(() => listener.hear(sound));
            device.gpu.destroy();
            const first = await hears;
            const later = await refusal(() => listener.hear(sound));
            const reason = await device.lost;
            const another = await gamaka.Listener.open(await gamaka.openDevice(), bundle);
            const heard = await another.hear(sound);
            const underWay = refusal(() => another.hear(sound));
            another.close();
            const closed = [await underWay, await refusal(() => another.hear(sound))];
            const kind = (await listener.hear(sound).catch((error) => error)) instanceof gamaka.DeviceLost;
            return { first, later, reason: typeof reason, width: heard.embedding.length, closed, kind };
        })()",
    );
    for when in ["first", "later"] {
        let told = lost[when].as_str().unwrap();
        // What was already on its way may still come.
        let went_well = when == "first" && told == "it went well";
        let stopped = told.starts_with("The graphics adapter stopped working");
        assert!(went_well || stopped, "{lost}");
    }
    assert_eq!(lost["reason"], "string");
    assert_eq!(lost["kind"], true);
    // What was closed by its user is no lost device.
    assert_eq!(
        lost["closed"],
        json!(["It was given up.", "It was given up."])
    );
    assert_eq!(lost["width"], model.network.width());
}

#[test]
fn without_webgpu_it_is_said_which_browsers_have_it() {
    let Some(mut browser) = started() else {
        return;
    };
    browser.visit(Site::new(module()).url(), WINDOW, "light");
    let told = browser.says(
        "(async () => {
            const { openDevice, PlainError } = await import('/gamaka.js');
            const error = await openDevice().catch((error) => error);
            return error instanceof PlainError && error.message;
        })()",
    );
    let told = told.as_str().unwrap();
    assert!(
        told.contains("WebGPU") && told.contains("Safari from version 26"),
        "{told}"
    );
    browser.was_quiet();
}
