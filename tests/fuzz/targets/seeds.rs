//! What the changed inputs are made of: sound ones of every kind.

use gamaka::audio::{self, AudioWarning};
use gamaka::gpu::AdapterClass;
use gamaka::internals::bundle::{Bundle, MANIFEST, Options, TrainingOptions};
use gamaka::internals::columns::{self, Column, Format, Kind, Value};
use gamaka::internals::data::{Part, Protocol, Split, SplitEntry, Task};
use gamaka::internals::embed;
use gamaka::internals::features::{Features, Hearing, KeptFeatures};
use gamaka::internals::fewshot::{Calibration, Standardiser};
use gamaka::internals::files::TemporaryFolder;
use gamaka::internals::model_file::{Model, ModelInfo};
use gamaka::internals::score::Interval;
use gamaka::internals::settings::TrainConfig;
use gamaka::internals::train::checkpoint::{self, Identity, Progress, Weights};
use gamaka::internals::train::{LogRow, Validation};
use gamaka::internals::vectors;
use gamaka::mel::Preset;
use gamaka::model::{Codebook, Integers, Network, Packed, Packing, Spec};
use gamaka::ops::OptimizerState;
use half::f16;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::LazyLock;
use zip::ZipArchive;

/// The files of a bundle that the seeds are made of, one after the other.
pub(super) const BUNDLED: [&str; 3] = [
    MANIFEST,
    "plans/embed-software.json",
    "plans/train-2-software.json",
];

/// A bundle of a small network and one that is trained, with few plans of steps.
pub(super) fn bundle_files() -> &'static BTreeMap<String, Vec<u8>> {
    static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
        let tiny =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/tiny.safetensors");
        let model = Model::load(&tiny).expect("the fixture is a model");
        let training = TrainingOptions {
            task: Task::new(2, 1, 1),
            ..TrainingOptions::default()
        };
        let options = Options {
            training: Some(training),
            ..Options::default()
        };
        let hash = "0123456789abcdef".repeat(4);
        let bundle = Bundle::of(&model, &hash, &options);
        let files = bundle.and_then(|bundle| bundle.files());
        files.expect("a bundle of a model")
    });
    &FILES
}

pub(super) fn bundle_seeds(_: &Path) -> Vec<Vec<u8>> {
    let files = bundle_files();
    let whole = |count: usize| {
        BUNDLED[..count]
            .iter()
            .flat_map(|name| files[*name].clone())
    };
    // A change seldom hits the list where long plans are behind it.
    vec![whole(1).collect(), whole(3).collect()]
}

pub(super) const ARRAYS: [&str; 4] = ["embedding", "start_s", "end_s", "path"];

pub(super) fn vector_seeds(_: &Path) -> Vec<Vec<u8>> {
    let rows = [
        ("a/1.wav", [0.0, 3.0]),
        ("a/1.wav", [1.0, 4.0]),
        ("b/\u{e9}.wav", [0.5, 3.5]),
    ];
    let values: Vec<f32> = (0u8..15).map(|k| f32::from(k) - 7.0).collect();
    let Ok(file) = vectors::npz(&rows, 5, &values) else {
        return Vec::new();
    };
    let mut arrays = Vec::new();
    if let Ok(mut archive) = ZipArchive::new(Cursor::new(&file)) {
        for name in ARRAYS {
            if let Ok(mut array) = archive.by_name(&format!("{name}.npy")) {
                let _ = array.read_to_end(&mut arrays);
            }
        }
    }
    vec![file, arrays]
}

pub(super) fn table_seeds(_: &Path) -> Vec<Vec<u8>> {
    let columns = [
        Column::new("row", Kind::Integer),
        Column::new("path", Kind::Text),
        Column::new("embedding", Kind::Vector(3)),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tables = [0, 1, 100].map(|rows| {
        let path = folder.path().join(format!("{rows}.parquet"));
        let vector = Value::Vector(&[0.5, -1.0, 2.0]);
        let fill = |table: &mut columns::Table| {
            let mut rows = 0..rows;
            rows.try_for_each(|row| table.add(&[Value::Integer(row), Value::Text("a.wav"), vector]))
        };
        let about = "{\"model\":\"m\"}";
        columns::write(&path, Format::Parquet, &columns, about, fill).ok()?;
        std::fs::read(path).ok()
    });
    tables.into_iter().flatten().collect()
}

/// The files below a folder whose names end so.
fn found(folder: &Path, endings: &[&str]) -> Vec<Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| {
            endings
                .iter()
                .any(|end| entry.file_name().to_string_lossy().ends_with(end))
        })
        .filter_map(|entry| std::fs::read(entry.path()).ok())
        .collect()
}

pub(super) fn audio_seeds(root: &Path) -> Vec<Vec<u8>> {
    found(&root.join("tests/fixtures/audio"), audio::EXTENSIONS)
}

/// Music with tags in each of the formats that have them.
#[expect(clippy::cast_possible_truncation, reason = "the texts are short")]
pub(super) fn tag_seeds(root: &Path) -> Vec<Vec<u8>> {
    let mut seeds = audio_seeds(root);
    // The corpus has comments; one clip of it is enough.
    seeds.extend(
        found(&root.join("assets/corpus/rock"), &[".ogg"])
            .into_iter()
            .take(1),
    );
    let text = |name: &[u8; 4], value: &str| {
        let mut frame = name.to_vec();
        frame.extend((value.len() as u32 + 1).to_be_bytes());
        frame.extend([0, 0, 3]);
        frame.extend(value.as_bytes());
        frame
    };
    let frames = [
        text(b"TPE1", "Asha"),
        text(b"TALB", "Evening"),
        text(b"TIT2", "Raga"),
    ]
    .concat();
    let mut id3 = b"ID3\x04\0\0\0\0\0".to_vec();
    id3.push(frames.len() as u8);
    let ape = |flags: u32| {
        let mut part = b"APETAGEX".to_vec();
        for word in [2000, 32 + 8 + 7 + 4, 1, flags, 0, 0] {
            part.extend(u32::to_le_bytes(word));
        }
        part
    };
    let item = [&[4, 0, 0, 0, 0, 0, 0, 0], b"Artist\0Asha".as_slice()].concat();
    if let Some(music) = found(&root.join("tests/fixtures/audio"), &["cbr.mp3"]).pop() {
        seeds.push([&id3, &frames, &music].map(Vec::as_slice).concat());
        seeds.push(
            [&music, &ape(0xa000_0000), &item, &ape(0x8000_0000)]
                .map(Vec::as_slice)
                .concat(),
        );
        let mut id3v1 = b"TAGRaga".to_vec();
        id3v1.resize(128, 0);
        seeds.push([music, id3v1].concat());
    }
    seeds
}

/// Small files of each format, and tagged ones.
pub(super) fn tagging_seeds(root: &Path) -> Vec<Vec<u8>> {
    const SMALL: usize = 16_000;
    let mut seeds = tag_seeds(root);
    let others = found(&root.join("tests/fixtures/tags"), &[".mpc", ".wv"]);
    seeds.extend(others);
    seeds.retain(|seed| seed.len() < SMALL);
    seeds
}

pub(super) fn manifest_seeds(root: &Path) -> Vec<Vec<u8>> {
    let mut seeds = vec![
        b"path,label,split,group,artist\na.wav,x,train,1,Asha\nb.wav,x,test,2,Ben\nc.wav,y,train,3,Asha\nd.wav,y,test,4,Ben\n"
            .to_vec(),
        b"label;path\r\nx;a.wav\r\n\"y;\"\"z\";b.wav\r\nx;c.wav\r\nx;d.wav\r\n".to_vec(),
    ];
    // Its first rows: there are hundreds.
    seeds.extend(
        found(&root.join("assets/corpus"), &["manifest.csv"])
            .iter()
            .map(|whole| {
                let rows = whole.split_inclusive(|&byte| byte == b'\n');
                rows.take(6).flatten().copied().collect()
            }),
    );
    seeds
}

pub(super) fn layout_seeds(_: &Path) -> Vec<Vec<u8>> {
    [
        ",album,album,artist,artist,set,set,track,track,track\n,id,title,id,name,split,subset,genre_top,genres_all,title\n\
         track_id,,,,,,,,,\n2,1,\"A, 1\",1,Artist,training,small,Hip-Hop,\"[21, 12]\",Song\n",
        "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n\
         track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t6.0\tgenre---punkrock\tgenre---rock\tmood/theme---happy\n",
        r#"{"a": {"note_str": "a", "instrument_family_str": "bass", "instrument_str": "bass_synthetic_033",
            "instrument_source_str": "synthetic", "pitch": 60, "velocity": 25, "qualities_str": ["dark"], "instrument": 33}}"#,
        "filename,fold,target,category,esc10,src_file,take\na.wav,1,0,dog,True,100032,A\n",
        r#"{"title": "Song", "raaga": [{"name": "Kalyani"}], "taala": [{"name": "adi"}], "form": [{"name": "kriti"}],
            "album_artists": [{"name": "Asha"}], "concert": [{"title": "Evening"}], "artists": [{"artist": {"name": "Asha"}}]}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(super) fn spec_seeds(root: &Path) -> Vec<Vec<u8>> {
    let mut seeds = found(&root.join("assets/specs"), &[".toml"]);
    seeds.extend(found(&root.join("docs/specs"), &[".toml"]));
    seeds.push(TrainConfig::default().to_toml().into_bytes());
    seeds
}

/// A network with a layer of most kinds, small.
const SMALL: &str = r#"
name = "small"
layers = [
    { type = "pool", kind = "mean", kernel = [8, 8] },
    { type = "group_norm" },
    { type = "kan_conv", channels = 2, kernel = 3, stride = 2, padding = 1 },
    { type = "activation", kind = "silu" },
    { type = "noise", deviation = 0.1 },
    { type = "conv", channels = 4, kernel = 1 },
    { type = "shared_spline" },
    { type = "statistics_pool" },
    { type = "dropout", rate = 0.1 },
    { type = "linear", channels = 3 },
]
"#;

pub(super) fn small() -> Option<(Network, TrainConfig)> {
    let config = TrainConfig {
        network: Spec::from_toml(SMALL).ok()?,
        ..TrainConfig::default()
    };
    let input = [config.preset.n_mels, config.segment().frames()];
    Some((Network::new(config.network.clone(), input).ok()?, config))
}

fn split() -> Split {
    let entry = |k: usize| SplitEntry {
        path: format!("{k}.wav").into(),
        hash: format!("{k:064x}"),
        label: format!("class {}", k / 2),
        part: Part::ALL[k % 3],
    };
    Split {
        protocol: Protocol::NovelClasses,
        seed: Some(1),
        files: (0..6).map(entry).collect(),
    }
}

fn model(network: Network, config: TrainConfig) -> Model {
    Model {
        parameters: network.initial_parameters(1),
        packing: Packing::default(),
        info: ModelInfo {
            format: ModelInfo::FORMAT,
            spec: network.spec.clone(),
            preset: config.preset.clone(),
            segment: config.segment(),
            seed: 1,
            split: split(),
            mfcc: Standardiser {
                mean: vec![0.0; Features::MFCC_LEN],
                deviation: vec![1.0; Features::MFCC_LEN],
            },
            centre: vec![0.0; network.width()],
            spread: vec![1.0; network.width()],
            calibration: Some(Calibration {
                one: 0.5,
                few: 1.0,
                many: 2.0,
            }),
            config,
            choices: Default::default(),
            episodes: 1,
        },
        network,
    }
}

/// A network whose weights are worth packing.
const WIDER: &str = r#"
name = "wider"
layers = [
    { type = "pool", kind = "mean", kernel = [8, 8] },
    { type = "conv", channels = 6, kernel = 3 },
    { type = "kan_conv", channels = 8, kernel = 3 },
    { type = "statistics_pool" },
    { type = "linear", channels = 3 },
]
"#;

/// A model whose weights are whole numbers of so many bits, or curves that edges share; some of them zero.
#[expect(clippy::cast_possible_truncation, reason = "numbers of few bits")]
fn packed(bits: Option<usize>) -> Option<Model> {
    let config = TrainConfig {
        network: Spec::from_toml(WIDER).ok()?,
        ..TrainConfig::default()
    };
    let input = [config.preset.n_mels, config.segment().frames()];
    let network = Network::new(config.network.clone(), input).ok()?;
    let mut model = model(network, config);
    let mut named = model.network.named_parameters(&model.parameters);
    let tensors = named.iter_mut().map(|parameter| {
        let [inputs, height, width, slots, columns] = parameter.dims[..] else {
            return None;
        };
        let number = |k: usize| match k % 7 {
            0 => (k % 15) as i8 - 7,
            _ => 0,
        };
        let numbers = |rows: usize, bits| Integers {
            bits,
            columns,
            block: 5,
            values: (0..rows * columns).map(number).collect(),
            scales: vec![f16::from_f32(0.01); rows.div_ceil(5) * columns],
        };
        let edges = inputs * height * width;
        let packed = match bits {
            Some(bits) => Packed::Integers(numbers(edges * slots, bits)),
            None => Packed::Codebook(Codebook {
                slots,
                curves: vec![f16::from_f32(0.5); 3 * slots],
                indices: (0..edges * columns).map(|k| k as u16 % 3).collect(),
                gains: numbers(edges, 8),
            }),
        };
        parameter.values = packed.floats();
        Some(packed)
    });
    model.packing = Packing::new(tensors.collect());
    model.parameters = model.network.flat_parameters(&named).ok()?;
    Some(model)
}

pub(super) fn model_seeds(_: &Path) -> Vec<Vec<u8>> {
    let plain = small().map(|(network, config)| model(network, config));
    let packed = [Some(8), Some(4), None].map(packed);
    let models = [plain].into_iter().chain(packed).flatten();
    // As older versions wrote them, without a checksum, which no changed model would fit.
    let mut seeds = Vec::from_iter(models.flat_map(|model| saved(|path| model.save(path).is_ok())));
    seeds.iter_mut().for_each(unsum);
    seeds
}

pub(super) fn identity(config: &TrainConfig) -> Identity {
    Identity {
        config: config.to_toml(),
        split: split(),
        failed: Vec::new(),
        choices: Default::default(),
        memory: None,
    }
}

pub(super) fn checkpoint_seeds(_: &Path) -> Vec<Vec<u8>> {
    let Some((network, config)) = small() else {
        return Vec::new();
    };
    let parameters = network.initial_parameters(1);
    let row = |episode| LogRow {
        episode,
        loss: 1.5,
        accuracy: Some(0.5),
        cosine: None,
        gradient_norm: f32::INFINITY,
        skipped: 1,
    };
    let interval = Interval {
        low: 0.4,
        high: 0.6,
    };
    let progress = Progress {
        episode: 2,
        weights: Weights {
            first: parameters.clone(),
            second: parameters.clone(),
            state: OptimizerState::START,
            parameters: parameters.clone(),
        },
        seconds: 2.5,
        best: parameters,
        log: vec![row(1), row(2)],
        validations: vec![Validation {
            episode: 0,
            accuracy: 0.5,
            over_episodes: interval,
            over_files: Some(interval),
            teacher: None,
            seconds: 0.5,
        }],
    };
    saved(|path| checkpoint::save(path, &identity(&config), &progress).is_ok())
}

/// The bytes of a safetensors file without the length of its header.
fn saved(save: impl FnOnce(&Path) -> bool) -> Vec<Vec<u8>> {
    let read = || {
        let folder = TemporaryFolder::new("gamaka-fuzz-").ok()?;
        let path = folder.path().join("seed.safetensors");
        save(&path).then_some(())?;
        Some(std::fs::read(path).ok()?.get(8..)?.to_vec())
    };
    read().into_iter().collect()
}

/// Takes the checksum out of a header.
fn unsum(header: &mut Vec<u8>) {
    let sign = br#",\"checksum\":\""#;
    if let Some(from) = header.windows(sign.len()).position(|part| part == sign) {
        header.drain(from..from + sign.len() + 64 + 2);
    }
}

pub(super) fn features_seeds(_: &Path) -> Vec<Vec<u8>> {
    let hearing = |strict| Hearing {
        preset: Preset {
            n_mels: 2,
            ..Preset::gamaka()
        },
        max_seconds: 30.0,
        strict,
    };
    let heard = || Features {
        frames: 3,
        values: vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5],
        mfcc: vec![0.0; Features::MFCC_LEN],
        stopped: true,
        warnings: vec![AudioWarning::SkippedPackets { count: 1 }],
    };
    saved(|path| {
        let save = || {
            let kept = KeptFeatures::open(path).ok()?;
            for (name, strict) in [("a.wav", false), ("b.wav", true)] {
                let (name, hash) = (Path::new(name), format!("{:064x}", 1));
                kept.put(name, name, &hash, &hearing(strict), heard())
                    .ok()?;
            }
            kept.save().ok()
        };
        save().is_some()
    })
}

pub(super) fn plan_seeds(_: &Path) -> Vec<Vec<u8>> {
    let plan = |class| {
        let (network, _) = small()?;
        let (plan, _) = embed::inference(class, &network, 2);
        serde_json::to_vec(&plan).ok()
    };
    AdapterClass::ALL.into_iter().filter_map(plan).collect()
}
