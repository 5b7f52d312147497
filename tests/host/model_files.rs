//! Model files and specs that lie, are damaged or ask for too much: a sentence that names the file, never a panic, and
//! nothing allocated for what they claim.

use std::path::{Path, PathBuf};

use gamaka::internals::data::{Part, SplitEntry};
use gamaka::internals::model_file::{Model, ModelInfo};
use gamaka::internals::settings::TrainConfig;
use gamaka::mel::Preset;
use gamaka::model::{Network, Packing, Spec};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) const INPUT: [usize; 2] = [64, 128];

/// A layer of every type.
fn layers() -> Value {
    json!([
        {"type": "standardise", "mean": vec![0.5; 64], "deviation": vec![2.0; 64]},
        {"type": "group_norm", "groups": 1, "affine": true},
        {"type": "conv", "channels": 2, "kernel": [8, 8], "stride": [8, 8], "padding": [0, 0]},
        {"type": "shared_spline", "grid": 4, "order": 3, "range": 2.5, "centre": 0.0, "curvature": 0.0},
        {"type": "kan_conv", "channels": 2, "kernel": [3, 3], "stride": [1, 1], "padding": [1, 1],
         "grid": 4, "order": 3, "range": 2.5, "centre": 0.0, "curvature": 0.1},
        {"type": "activation", "kind": "silu"},
        {"type": "pool", "kind": "mean", "kernel": [2, 2], "stride": [2, 2]},
        {"type": "noise", "deviation": 0.1},
        {"type": "dropout", "rate": 0.1},
        {"type": "statistics_pool", "over": "time"},
        {"type": "kan_linear", "channels": 3, "grid": 12, "order": 2, "range": 2.0, "centre": 0.5, "curvature": 0.0},
        {"type": "linear", "channels": 4},
    ])
}

pub(super) fn info() -> Value {
    json!({
        "format": 1,
        "spec": {"name": "tiny", "distance": "euclidean", "scale": 0.1, "layers": layers()},
        "preset": Preset::gamaka(),
        "segment": {"frames": 128, "hop": 43},
        "seed": 1,
        "split": {"protocol": "novel-classes", "seed": 1, "files": [
            {"path": "a/1.wav", "hash": "a".repeat(64), "label": "a", "part": "train"},
            {"path": "b/1.wav", "hash": "b".repeat(64), "label": "b", "part": "test"},
            // A copy of the first.
            {"path": "a/2.wav", "hash": "a".repeat(64), "label": "a", "part": "train"},
        ]},
        "mfcc": {"mean": vec![0.0; 40], "deviation": vec![1.0; 40]},
        "centre": [0.1, 0.2, 0.3, 0.4],
        "spread": [0.1, 0.2, 0.3, 0.4],
        "calibration": {"one": 0.5, "few": 1.0, "many": 2.0},
        "config": "way = 5\n[learner]\nmethod = \"maml\"\n",
        "episodes": 7,
    })
}

/// A model file in parts: the header's JSON and the data.
#[derive(Clone)]
struct Parts {
    info: Value,
    tensors: Value,
    data: Vec<u8>,
}

impl Parts {
    fn header(&self) -> String {
        let mut header = self.tensors.clone();
        header["__metadata__"] = json!({"gamaka": self.info.to_string()});
        header.to_string()
    }

    fn bytes(&self) -> Vec<u8> {
        sealed(&self.header(), &self.data)
    }
}

fn sealed(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}

struct Bench {
    folder: TempDir,
    /// As `gamaka train` writes it, with a checksum.
    written: Vec<u8>,
    /// The same without one, as older versions wrote it.
    good: Parts,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let info = info();
        let mut known: ModelInfo = serde_json::from_value(info.clone()).unwrap();
        known.format = ModelInfo::FORMAT;
        let network = Network::new(known.spec.clone(), INPUT).unwrap();
        let mut model = Model {
            parameters: network.initial_parameters(3),
            packing: Packing::default(),
            network,
            info: known,
        };
        let path = folder.path().join("good.safetensors");
        model.save(&path).unwrap();
        let written = std::fs::read(&path).unwrap();
        assert!(Model::load(&path).unwrap() == model);
        let (length, rest) = written.split_at(8);
        let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let (header, data) = rest.split_at(length);
        let mut tensors: Value = serde_json::from_slice(header).unwrap();
        let tensors_of = tensors.as_object_mut().unwrap();
        tensors_of.remove("__metadata__");
        // Older versions had the split in the metadata.
        let split = tensors_of.remove("split.files").unwrap();
        let data = &data[..split["data_offsets"][0].as_u64().unwrap() as usize];
        let good = Parts {
            info,
            tensors,
            data: data.to_vec(),
        };
        let bench = Self {
            folder,
            written,
            good,
        };
        model.info.format = 1;
        assert!(bench.load(&bench.good.bytes()).unwrap() == model);
        bench
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hostile.safetensors")
    }

    /// What is said of these bytes, in one line that names the file.
    fn load(&self, bytes: &[u8]) -> Result<Model, String> {
        let path = self.path();
        std::fs::write(&path, bytes).unwrap();
        Model::load(&path).map_err(|error| {
            let said = error.to_string();
            assert!(said.starts_with(&path.display().to_string()), "{said}");
            assert!(said.len() < 1500 && !said.contains('\n'), "{said}");
            said
        })
    }

    fn refuses(&self, what: &str, bytes: &[u8], word: &str) {
        match self.load(bytes) {
            Ok(_) => panic!("{what} was taken"),
            Err(said) => assert!(said.contains(word), "{what}: no `{word}` in: {said}"),
        }
    }
}

/// Pointers to all numbers within a JSON value, of lists only the first.
fn numbers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_string()),
        Value::Object(fields) => {
            for (name, field) in fields {
                numbers(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            for (place, item) in items.iter().enumerate() {
                numbers(item, &format!("{at}/{place}"), found);
            }
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                numbers(first, &format!("{at}/0"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_number_of_a_model_file_can_do_harm() {
    let bench = Bench::new();
    let mut places = Vec::new();
    numbers(&bench.good.info, "", &mut places);
    assert!(places.len() > 50, "{places:?}");
    let values = [
        json!(0),
        json!(1),
        json!(2),
        json!(1 << 16),
        json!((1 << 16) + 1),
        json!(1u64 << 31),
        json!(1u64 << 32),
        json!(1u64 << 62),
        json!(1u64 << 63),
        json!(u64::MAX),
        json!(-1),
        json!(1e-40),
        json!(1e39),
        json!(-1e300),
        Value::Null,
        json!("9".repeat(10_000)),
    ];
    for place in &places {
        let mut refused = 0;
        for value in &values {
            let mut parts = bench.good.clone();
            *parts.info.pointer_mut(place).unwrap() = value.clone();
            refused += usize::from(bench.load(&parts.bytes()).is_err());
        }
        assert!(refused > 0, "{place} may be anything");
    }
}

#[test]
fn what_is_impossible_in_a_model_file_is_told() {
    let bench = Bench::new();
    let config = |text: &str| json!(text);
    let cases: Vec<(&str, Value, &str)> = vec![
        (
            "/format",
            json!(ModelInfo::PACKED_FORMAT + 1),
            "update gamaka",
        ),
        ("/format", json!(-1), "damaged metadata"),
        ("/spec/name", json!(""), "name"),
        ("/spec/name", json!("x".repeat(101)), "name"),
        ("/spec/name", json!("a\u{1b}[2J"), "control character"),
        ("/spec/scale", json!(0.0), "scale"),
        ("/spec/scale", json!(-1.0), "scale"),
        ("/spec/scale", json!(1e39), "out of range"),
        ("/spec/layers", json!([]), "no parameters"),
        (
            "/spec/layers",
            json!(vec![json!({"type": "noise", "deviation": 0.0}); 257]),
            "257 layers",
        ),
        ("/spec/layers/0/mean", json!([0.0]), "64 mel bands"),
        ("/spec/layers/0/mean", json!(vec![1e39; 64]), "finite"),
        ("/spec/layers/0/deviation", json!(vec![0.0; 64]), "above 0"),
        (
            "/spec/layers/0/deviation",
            json!(vec![1e-45; 64]),
            "above 0",
        ),
        (
            "/spec/layers/0",
            json!({"type": "standardise"}),
            "unknown means",
        ),
        ("/spec/layers/1/groups", json!(2), "groups"),
        ("/spec/layers/2/channels", json!(0), "at least 1"),
        ("/spec/layers/2/channels", json!(65_537), "65536 or less"),
        ("/spec/layers/2/kernel", json!([0, 1]), "at least 1"),
        ("/spec/layers/2/kernel", json!([65, 1]), "does not fit"),
        (
            "/spec/layers/2/padding",
            json!([8, 0]),
            "less than the kernel",
        ),
        (
            "/spec/layers/2/padding",
            json!([1u64 << 62, 0]),
            "65536 or less",
        ),
        ("/spec/layers/2/stride", json!([65, 1]), "leaves an input"),
        ("/spec/layers/2/stride", json!([0, 1]), "at least 1"),
        ("/spec/layers/3/grid", json!(0), "grid"),
        ("/spec/layers/3/grid", json!(65), "grid"),
        ("/spec/layers/3/order", json!(4), "order"),
        ("/spec/layers/4/range", json!(1e-30), "range"),
        ("/spec/layers/4/range", json!(1e39), "range"),
        ("/spec/layers/4/centre", json!(-1e39), "centre"),
        ("/spec/layers/4/curvature", json!(1e39), "curvature"),
        ("/spec/layers/4/curvature", json!(-0.1), "curvature"),
        ("/spec/layers/6/kernel", json!([9, 1]), "window"),
        (
            "/spec/layers/6/stride",
            json!([1, u64::MAX]),
            "leaves an input",
        ),
        ("/spec/layers/7/deviation", json!(1e39), "deviation"),
        ("/spec/layers/8/rate", json!(1.0), "rate"),
        (
            "/spec/layers/11/channels",
            json!(1u64 << 40),
            "65536 or less",
        ),
        (
            "/spec/layers",
            json!([{"type": "linear", "channels": 65_536}]),
            "more than 33554432 parameters",
        ),
        (
            "/spec/layers",
            json!([{"type": "conv", "channels": 65_536, "kernel": 1}, {"type": "statistics_pool"}]),
            "more than 33554432 values",
        ),
        ("/preset/name", json!("\r\n"), "control character"),
        ("/preset/n_mels", json!(0), "n_mels"),
        ("/preset/n_mels", json!(1025), "n_mels"),
        ("/preset/n_fft", json!(1u64 << 40), "n_fft"),
        ("/preset/win_length", json!(2048), "win_length"),
        ("/preset/hop_length", json!(0), "hop_length"),
        ("/preset/hop_length", json!(1), "longer hop_length"),
        ("/preset/sample_rate", json!(0), "sample_rate"),
        ("/preset/sample_rate", json!(100_000_000), "sample_rate"),
        ("/preset/f_min", json!(10_001.0), "f_min"),
        ("/preset/f_max", json!(1e308), "f_max"),
        ("/preset/n_mfcc", json!(65), "n_mfcc"),
        ("/preset/compression_gain", json!(1e39), "out of range"),
        ("/segment/frames", json!(0), "a segment has 0 frames"),
        ("/segment/frames", json!(65_537), "from 1 to 65536"),
        ("/segment/hop", json!(0), "0 frames"),
        ("/segment/hop", json!(u64::MAX), "from 1 to 1048576"),
        ("/split/files/0/hash", json!("abc"), "no hash"),
        ("/split/files/2/part", json!("test"), "in two parts"),
        ("/mfcc/mean", json!(vec![0.0; 39]), "39 means"),
        ("/mfcc/mean", json!(vec![1e39; 40]), "out of range"),
        ("/mfcc/deviation", json!(vec![0.0; 40]), "above 0"),
        ("/centre", json!([0.0, 1.0]), "centre has 2 values"),
        ("/centre", json!(vec![1e39; 4]), "out of range"),
        ("/spread", json!([1.0]), "and 1 deviations"),
        ("/spread", json!(vec![0.0; 4]), "above 0"),
        ("/calibration/few", json!(0.0), "above 0"),
        ("/calibration/one", json!(-1.0), "above 0"),
        (
            "/config",
            config("[learner]\nsteps = 0"),
            "learner.steps is 0",
        ),
        ("/config", config("[learner]\nsteps = 1000000"), "1 to 64"),
        ("/config", config("[learner]\nhead_rate = nan"), "head_rate"),
        ("/config", config("[learner]\nbody_rate = inf"), "body_rate"),
        ("/config", config("way = 0"), "way is 0"),
        ("/config", config("shot = 9223372036854775807"), "shot is"),
        ("/config", config("train_query = 10001"), "1 to 10000"),
        ("/config", config("max_seconds = inf"), "max_seconds"),
        (
            "/config",
            config("segment_seconds = 100000.0"),
            "segment_seconds",
        ),
        ("/config", config("episodes = 0"), "episodes is 0"),
        ("/config", config("[preset]"), "missing field"),
        ("/config", config("way = ["), "damaged metadata"),
    ];
    assert!(cases.len() >= 50);
    for (place, value, word) in cases {
        let mut parts = bench.good.clone();
        *parts.info.pointer_mut(place).unwrap() = value;
        bench.refuses(place, &parts.bytes(), word);
    }
    for field in ["spec", "preset", "segment", "split", "mfcc", "config"] {
        let mut parts = bench.good.clone();
        parts.info.as_object_mut().unwrap().remove(field);
        bench.refuses(field, &parts.bytes(), field);
    }
}

#[test]
fn tensors_are_compared_with_the_network_before_room_is_made_for_them() {
    let bench = Bench::new();
    let good = &bench.good;
    let (name, other) = ("11.linear.bias", "10.kan_linear.bias");
    let end = good.data.len();
    let changed = |change: &dyn Fn(&mut Parts)| {
        let mut parts = good.clone();
        change(&mut parts);
        parts.bytes()
    };
    let missing = changed(&|parts| {
        let tensors = parts.tensors.as_object_mut().unwrap();
        let tensor = tensors.remove(name).unwrap();
        tensors.insert("spare".into(), tensor);
    });
    bench.refuses("another name", &missing, "no parameter `11.linear.bias`");
    let shape = changed(&|parts| parts.tensors[name]["shape"] = json!([2, 2]));
    bench.refuses("another shape", &shape, "of shape [4]");
    let whole = changed(&|parts| parts.tensors[name]["dtype"] = json!("I32"));
    bench.refuses(
        "whole numbers",
        &whole,
        "as I32, and this gamaka reads F32 and F16",
    );
    let half = changed(&|parts| {
        parts.tensors[name]["dtype"] = json!("F16");
        parts.tensors[name]["shape"] = json!([8]);
    });
    bench.refuses("half floats", &half, "of shape [4]");
    let more = changed(&|parts| {
        parts.tensors["spare"] =
            json!({"dtype": "F32", "shape": [1], "data_offsets": [end, end + 4]});
        parts.data.extend([0; 4]);
    });
    bench.refuses("a tensor more", &more, "does not have");
    let absurd = changed(&|parts| parts.tensors[name]["shape"] = json!([1u64 << 63, 1u64 << 63]));
    bench.refuses("an absurd shape", &absurd, "no model file");
    let overlapping = changed(&|parts| {
        parts.tensors[name]["data_offsets"] = parts.tensors[other]["data_offsets"].clone();
    });
    bench.refuses("shared bytes", &overlapping, "no model file");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let place = good.tensors[name]["data_offsets"][0].as_u64().unwrap() as usize;
        let infinite = changed(&|parts| {
            parts.data[place..place + 4].copy_from_slice(&value.to_le_bytes());
        });
        bench.refuses("a weight", &infinite, "not finite");
    }
    let tensor = good.tensors[name].to_string();
    let doubled = good.header();
    let doubled = format!(
        "{},\"{name}\":{tensor}}}",
        doubled.strip_suffix('}').unwrap()
    );
    // The same bytes under the same name are one tensor.
    assert!(bench.load(&sealed(&doubled, &good.data)).is_ok());
    let twice = doubled.replace(&format!(",\"{name}\":{tensor}}}"), &{
        let other = good.tensors[other].to_string();
        format!(",\"{name}\":{other}}}")
    });
    bench.refuses(
        "one name twice",
        &sealed(&twice, &good.data),
        "no model file",
    );
}

#[test]
fn what_is_cut_off_too_long_or_something_else_is_called_so() {
    let bench = Bench::new();
    let written = &bench.written;
    for length in (9..written.len()).step_by(97) {
        bench.refuses("cut off", &written[..length], "is cut short");
    }
    for more in [1, 8, 5000] {
        let longer = [&written[..], &vec![0; more]].concat();
        bench.refuses(
            "longer",
            &longer,
            &format!("has {more} bytes behind its end"),
        );
    }
    for length in [0, 1, 1u64 << 32, 1u64 << 63, u64::MAX, 100_000_001] {
        let mut absurd = written.clone();
        absurd[..8].copy_from_slice(&length.to_le_bytes());
        bench.refuses("header length", &absurd, "is no model file");
    }
    bench.refuses("noise", &[b'x'; 4000], "is no model file");
    bench.refuses("nothing", b"", "is no model file");
    bench.refuses("JSON", &sealed("{\"a\": [", b""), "is no model file");
    bench.refuses("no metadata", &sealed("{}", b""), "no gamaka model");
    let deep = format!("{{\"__metadata__\": {}", "[".repeat(100_000));
    bench.refuses("deep JSON", &sealed(&deep, b""), "is no model file");
    let deep = bench
        .good
        .header()
        .replace("\\\"seed\\\":1", &"[".repeat(100_000));
    bench.refuses(
        "deep metadata",
        &sealed(&deep, &bench.good.data),
        "damaged metadata",
    );

    // Garbage of four gigabytes, of which only the header is read.
    let path = bench.path();
    std::fs::File::create(&path)
        .unwrap()
        .set_len(4 << 30)
        .unwrap();
    let said = Model::load(&path).unwrap_err().to_string();
    assert!(said.contains("is no model file"), "{said}");
    let said = Model::load(bench.folder.path()).unwrap_err().to_string();
    assert!(said.contains("a folder or a device"), "{said}");
    let nowhere = Path::new("nowhere.safetensors");
    let said = Model::load(nowhere).unwrap_err().to_string();
    assert!(said.contains("no such model file"), "{said}");
}

#[test]
fn a_changed_byte_of_a_model_file_is_noticed() {
    let bench = Bench::new();
    let written = &bench.written;
    let header = u64::from_le_bytes(written[..8].try_into().unwrap()) as usize;
    let name = b"\\\"checksum\\\"";
    let name = written.windows(name.len()).position(|w| w == name).unwrap();
    for place in (0..written.len()).step_by(5) {
        let mut changed = written.clone();
        changed[place] ^= 1 << (place % 8);
        // Without its name there is no checksum, and nothing else is changed; blanks fill the header up.
        let harmless = (name..name + 12).contains(&place) || written[place] == b' ';
        assert!(
            bench.load(&changed).is_err() || harmless,
            "byte {place} of {header}"
        );
    }
    // Two tensors of the same shape that have changed places.
    let mut changed = written.clone();
    let end = changed.len();
    changed.swap(end - 8, end - 4);
    changed.swap(end - 7, end - 3);
    changed.swap(end - 6, end - 2);
    changed.swap(end - 5, end - 1);
    if changed != *written {
        bench.refuses("swapped", &changed, "does not fit its checksum");
    }
}

#[test]
fn specs_that_ask_for_too_much_are_refused_before_anything_is_made() {
    let layer = |text: &str| format!("name = \"s\"\n[[layers]]\n{text}\n");
    let cases = [
        (
            layer("type = \"linear\"\nchannels = 1000000000000"),
            "65536 or less",
        ),
        (
            layer("type = \"linear\"\nchannels = 9223372036854775807"),
            "65536 or less",
        ),
        (
            layer("type = \"conv\"\nchannels = 4\nkernel = 1\nstride = 65536"),
            "leaves an input",
        ),
        (
            layer("type = \"conv\"\nchannels = 600\nkernel = [60000, 1]\npadding = [59999, 0]"),
            "values",
        ),
        (
            layer("type = \"kan_conv\"\nchannels = 4\nkernel = 1\nrange = nan"),
            "range",
        ),
        (
            layer("type = \"kan_conv\"\nchannels = 4\nkernel = 1\ncentre = inf"),
            "centre",
        ),
        (
            layer("type = \"kan_conv\"\nchannels = 4\nkernel = 1\ncurvature = nan"),
            "curvature",
        ),
        (
            format!("scale = nan\n{}", layer("type = \"linear\"\nchannels = 4")),
            "scale",
        ),
        (
            format!("scale = inf\n{}", layer("type = \"linear\"\nchannels = 4")),
            "scale",
        ),
        (layer("type = \"noise\"\ndeviation = nan"), "deviation"),
        (layer("type = \"dropout\"\nrate = nan"), "rate"),
        (
            format!(
                "name = \"s\"\n{}",
                "[[layers]]\ntype = \"conv\"\nchannels = 2000\nkernel = 1\n".repeat(20)
            ),
            "too large",
        ),
    ];
    for (text, word) in cases {
        let spec = Spec::from_toml(&text).unwrap();
        let said = Network::new(spec.clone(), INPUT).unwrap_err().to_string();
        assert!(said.contains(word), "no `{word}` in: {said}");
        let config = TrainConfig {
            network: spec,
            ..TrainConfig::default()
        };
        assert_eq!(config.network().unwrap_err().to_string(), said);
    }
    let good = Spec::default();
    for input in [
        [0, 128],
        [64, 0],
        [1 << 17, 1],
        [1, usize::MAX],
        [1 << 16, 1 << 16],
    ] {
        assert!(Network::new(good.clone(), input).is_err(), "{input:?}");
    }
    // The whole range of what is allowed: 2^25 values and no more.
    let pooled = layer("type = \"pool\"\nkind = \"mean\"\nkernel = [512, 512]")
        + "[[layers]]\ntype = \"linear\"\nchannels = 2\n";
    let pooled = Spec::from_toml(&pooled).unwrap();
    assert!(Network::new(pooled.clone(), [512, 1 << 16]).is_ok());
    assert!(Network::new(pooled, [513, 1 << 16]).is_err());
}

#[test]
fn half_precision_halves_a_file_and_rounds_its_parameters() {
    let bench = Bench::new();
    let path = bench.path();
    let mut model = bench.load(&bench.written).unwrap();
    // Enough for the parameters to matter.
    let wide = r#"name = "wide"
        [[layers]]
        type = "statistics_pool"
        [[layers]]
        type = "linear"
        channels = 300"#;
    model.network = Network::new(Spec::from_toml(wide).unwrap(), INPUT).unwrap();
    model.info.spec = model.network.spec.clone();
    (model.info.centre, model.info.spread) = (Vec::new(), Vec::new());
    model.parameters = model.network.initial_parameters(5);
    model.save(&path).unwrap();
    let single = std::fs::metadata(&path).unwrap().len();
    model.save_half(&path).unwrap();
    let half = std::fs::metadata(&path).unwrap().len();
    assert!(half < single - 2 * 300 * 128, "{half} of {single}");
    let loaded = Model::load(&path).unwrap();
    assert!(loaded == model.in_half_precision().unwrap() && loaded != model);
    for (a, b) in model.parameters.iter().zip(&loaded.parameters) {
        assert!((a - b).abs() <= a.abs() / 2048.0 + 3e-8, "{a} {b}");
    }
    // Rounded once, it stays.
    assert!(loaded.in_half_precision().unwrap() == loaded);
    let before = std::fs::read(&path).unwrap();
    model.parameters[0] = 65_519.0;
    assert!(model.in_half_precision().is_ok());
    model.parameters[0] = -65_520.0;
    let said = model.save_half(&path).unwrap_err().to_string();
    assert!(said.contains("values beyond 65504"), "{said}");
    assert!(said.starts_with(&path.display().to_string()), "{said}");
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn a_split_of_thousands_of_files_takes_little_room() {
    let bench = Bench::new();
    let mut model = bench.load(&bench.written).unwrap();
    let entry = |k: usize| SplitEntry {
        path: format!("class {}/Some artist - Some title {k}.mp3", k / 40).into(),
        hash: blake3::hash(&k.to_le_bytes()).to_hex().to_string(),
        label: format!("class {}", k / 40),
        part: Part::ALL[k % 3],
    };
    model.info.split.files = (0..4000).map(entry).collect();
    model.save(&bench.path()).unwrap();
    let size = std::fs::metadata(bench.path()).unwrap().len() - bench.written.len() as u64;
    assert!(size < 200_000, "{size}");
    assert!(Model::load(&bench.path()).unwrap() == model);
    let told = serde_json::to_string(&model.info.split).unwrap().len();
    assert!(told > 600_000, "{told}");
    model.info.split.files[1].hash = model.info.split.files[0].hash.clone();
    model.save(&bench.path()).unwrap();
    let said = Model::load(&bench.path()).unwrap_err().to_string();
    assert!(said.contains("in two parts"), "{said}");
}

#[test]
fn a_damaged_split_is_told() {
    let bench = Bench::new();
    let mut parts = bench.good.clone();
    let end = parts.data.len();
    for data in [&b"no deflated text"[..], b"", &[0x4b, 0x4c, 0x04, 0x00]] {
        let mut bytes = parts.data[..end].to_vec();
        bytes.extend(data);
        parts.tensors["split.files"] =
            json!({"dtype": "U8", "shape": [data.len()], "data_offsets": [end, end + data.len()]});
        let file = sealed(&parts.header(), &bytes);
        bench.refuses("split", &file, "damaged metadata");
    }
}
