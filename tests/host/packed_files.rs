//! Model files whose parameters are in fewer bits: what is written is read, in little room, and what cannot be is told.

use std::path::PathBuf;

use gamaka::internals::model_file::{Model, ModelInfo};
use gamaka::model::{Codebook, Integers, Network, Packed, Packing, Spec, Storage};
use half::f16;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::model_files::{INPUT, info};

const SPEC: &str = r#"
name = "packed"
[[layers]]
type = "pool"
kind = "mean"
kernel = [8, 8]
[[layers]]
type = "conv"
channels = 9
kernel = 3
[[layers]]
type = "kan_conv"
channels = 10
kernel = [2, 3]
[[layers]]
type = "statistics_pool"
[[layers]]
type = "linear"
channels = 7
"#;

fn plain() -> Model {
    let spec = Spec::from_toml(SPEC).unwrap();
    let network = Network::new(spec.clone(), INPUT).unwrap();
    let mut info: ModelInfo = serde_json::from_value(info()).unwrap();
    info.spec = spec;
    (info.centre, info.spread) = (Vec::new(), Vec::new());
    info.format = ModelInfo::FORMAT;
    Model {
        parameters: network.initial_parameters(3),
        packing: Packing::default(),
        info,
        network,
    }
}

fn integers(rows: usize, columns: usize, bits: usize, block: usize, zeros: usize) -> Integers {
    let most = (1 << (bits - 1)) - 1;
    let number = |k: usize| match (k / columns / 8 * columns + k % columns) % 20 < zeros {
        true => 0,
        false => ((k * 31 + k / 7) % (2 * most + 1)) as i32 - most as i32,
    };
    let scale = |k: usize| f16::from_f32(1e-4 * (1 + k % 9) as f32);
    Integers {
        bits,
        columns,
        block,
        values: (0..rows * columns).map(|k| number(k) as i8).collect(),
        scales: (0..rows.div_ceil(block) * columns).map(scale).collect(),
    }
}

fn codebook(edges: usize, columns: usize, slots: usize, curves: usize, block: usize) -> Codebook {
    let curve = |k: usize| f16::from_f32((k * 37 % 101) as f32 / 50.0 - 1.0);
    Codebook {
        slots,
        curves: (0..curves * slots).map(curve).collect(),
        indices: (0..edges * columns)
            .map(|k| (k * 17 % curves) as u16)
            .collect(),
        gains: integers(edges, columns, 8, block, 0),
    }
}

/// A model whose weights of edges are packed so: by rows of edges, slots and columns.
fn packed(make: impl Fn([usize; 3]) -> Packed) -> Model {
    let mut model = plain();
    let mut named = model.network.named_parameters(&model.parameters);
    let tensors = named.iter_mut().map(|parameter| {
        let [inputs, height, width, slots, columns] = parameter.dims[..] else {
            let halves = parameter.values.iter().map(|v| f16::from_f32(*v).to_f32());
            parameter.values = halves.collect();
            return None;
        };
        let packed = make([inputs * height * width, slots, columns]);
        parameter.values = packed.floats();
        Some(packed)
    });
    model.packing = Packing::new(tensors.collect());
    model.parameters = model.network.flat_parameters(&named).unwrap();
    model.info.format = ModelInfo::PACKED_FORMAT;
    model
}

/// Models in each form.
fn models() -> Vec<(&'static str, Model)> {
    let numbers = |bits, block, zeros| {
        packed(move |[edges, slots, columns]| {
            Packed::Integers(integers(edges * slots, columns, bits, block, zeros))
        })
    };
    let curves = |curves, block| {
        packed(move |[edges, slots, columns]| {
            Packed::Codebook(codebook(edges, columns, slots, curves, block))
        })
    };
    vec![
        ("8 bits", numbers(8, 1000, 0)),
        ("4 bits", numbers(4, 48, 0)),
        ("8 bits, many zeros", numbers(8, 8, 17)),
        ("4 bits, many zeros", numbers(4, 7, 18)),
        ("few curves", curves(3, 64)),
        ("many curves", curves(300, 5)),
    ]
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("model.safetensors")
    }

    fn saved(&self, model: &Model) -> Vec<u8> {
        model.save(&self.path()).unwrap();
        std::fs::read(self.path()).unwrap()
    }
}

#[test]
fn what_is_packed_is_read_to_the_bit_and_takes_little_room() {
    let folder = Folder::new();
    let floats = folder.saved(&plain()).len();
    let mut sizes = Vec::new();
    for (name, model) in models() {
        let bytes = folder.saved(&model);
        let loaded = Model::load(&folder.path()).unwrap();
        assert!(loaded == model, "{name}");
        assert!(matches!(loaded.storage(), Storage::Packed(_)), "{name}");
        assert!(folder.saved(&loaded) == bytes, "{name}");
        // Halves of what is no weight, and the packed as it is.
        assert!(loaded.in_half_precision().unwrap() == model, "{name}");
        sizes.push(bytes.len());
    }
    let [eight, four, eight_sparse, four_sparse, few, many] = sizes[..] else {
        panic!("{sizes:?}");
    };
    // Headers and the list of files are as much as half of these.
    assert!(
        floats > eight + 10_000 && eight > four + 2000,
        "{floats} {sizes:?}"
    );
    assert!(
        eight > eight_sparse + 2000 && four > four_sparse,
        "{sizes:?}"
    );
    assert!(few < eight && few < many, "{sizes:?}");
}

#[test]
fn removed_edges_take_no_room_and_nothing_is_lost() {
    let folder = Folder::new();
    let mut model = plain();
    let whole = folder.saved(&model).len();
    assert_eq!(
        Model::load(&folder.path()).unwrap().info.format,
        ModelInfo::FORMAT
    );
    let tensors = model.network.edge_tensors();
    for tensor in &tensors {
        for (k, (tap, output)) in tensor.places().enumerate() {
            if k % 10 != 3 {
                tensor.remove(&mut model.parameters, tap, output);
            }
        }
    }
    // A zero with a sign is none.
    let odd = tensors[1].at(0, 0, 0);
    model.parameters[odd] = -0.0;
    for half in [false, true] {
        let expected = match half {
            true => model.in_half_precision().unwrap(),
            false => model.clone(),
        };
        match half {
            true => model.save_half(&folder.path()).unwrap(),
            false => model.save(&folder.path()).unwrap(),
        }
        let sparse = std::fs::metadata(folder.path()).unwrap().len() as usize;
        let loaded = Model::load(&folder.path()).unwrap();
        let bits = |model: &Model| Vec::from_iter(model.parameters.iter().map(|v| v.to_bits()));
        assert!(bits(&loaded) == bits(&expected));
        assert_eq!(loaded.info.format, ModelInfo::PACKED_FORMAT);
        assert!(whole > sparse + 12_000, "{whole} {sparse}");
    }
}

#[test]
fn a_changed_parameter_is_packed_no_more() {
    let folder = Folder::new();
    let (_, mut model) = models().remove(1);
    let at = model.network.edge_tensors()[1].at(0, 0, 0);
    model.parameters[at] += 0.125;
    let packed = folder.saved(&model);
    let loaded = Model::load(&folder.path()).unwrap();
    assert!(loaded.parameters == model.parameters);
    let kept: Vec<bool> = (0..8).map(|k| loaded.packing.get(k).is_some()).collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 2);
    let tensors = SafeTensors::deserialize(&packed).unwrap();
    let tensor = tensors.tensor("2.kan_conv.weight").unwrap();
    assert_eq!(tensor.dtype(), safetensors::Dtype::F32);
}

/// The header of a file as JSON, without its checksum, and the data.
fn parts(file: &[u8]) -> (Value, Value, Vec<u8>) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&file[8..][..length]).unwrap();
    let metadata = header
        .as_object_mut()
        .unwrap()
        .remove("__metadata__")
        .unwrap();
    let mut info: Value = serde_json::from_str(metadata["gamaka"].as_str().unwrap()).unwrap();
    info.as_object_mut().unwrap().remove("checksum");
    (info, header, file[8 + length..].to_vec())
}

fn joined((info, tensors, data): &(Value, Value, Vec<u8>)) -> Vec<u8> {
    let mut header = tensors.clone();
    header["__metadata__"] = json!({"gamaka": info.to_string()});
    let header = header.to_string();
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        data,
    ]
    .concat()
}

#[test]
fn damaged_packings_are_told() {
    let folder = Folder::new();
    let refused = |what: &str, bytes: &[u8], word: &str| {
        std::fs::write(folder.path(), bytes).unwrap();
        let Err(error) = Model::load(&folder.path()) else {
            panic!("{what} was taken");
        };
        let said = error.to_string();
        assert!(said.contains(word), "{what}: no `{word}` in: {said}");
        assert!(said.starts_with(&folder.path().display().to_string()) && !said.contains('\n'));
    };
    let name = "2.kan_conv.weight";
    let of = |model: usize| parts(&folder.saved(&models()[model].1));
    let form = |place: &str| format!("/packed/{name}/{place}");
    for (model, place, value, word) in [
        (0, "form/integers/bits", json!(5), "5 bits"),
        (0, "form/integers/bits", json!(4), "as I8"),
        (0, "form/integers/block", json!(0), "no row"),
        (
            0,
            "form/integers/block",
            json!(1),
            "weight.scales` of shape",
        ),
        (0, "form", json!("floats"), "as I8"),
        (0, "form", json!({"curves": 1}), "damaged metadata"),
        (1, "form/integers/block", json!(-1), "damaged metadata"),
        (2, "kept", json!(null), "of shape"),
        (2, "kept", json!(1_000_000), "edges are kept"),
        (2, "kept", json!(5), "of shape"),
        (4, "form/codebook/curves", json!(0), "0 curves"),
        (
            4,
            "form/codebook/curves",
            json!(2),
            "weight.curves` of shape",
        ),
        (4, "form/codebook/curves", json!(70_000), "70000 curves"),
        (4, "form/codebook/curves", json!(300), "as U8"),
        (5, "form/codebook/block", json!(0), "no row"),
    ] {
        let mut changed = of(model);
        *changed.0.pointer_mut(&form(place)).unwrap() = value.clone();
        refused(&format!("{place} {value}"), &joined(&changed), word);
    }
    // A tensor that is packed and has no place, or none of its parts.
    let mut other = of(0);
    other.0["packed"]["9.conv.weight"] = other.0["packed"][name].clone();
    refused("a name", &joined(&other), "that its network does not have");
    let mut bias = of(0);
    bias.0["packed"]["2.kan_conv.bias"] = bias.0["packed"][name].clone();
    refused("a bias", &joined(&bias), "only weights of edges");
    for (model, part) in [(0, "scales"), (2, "kept"), (4, "curves"), (4, "gains")] {
        let mut missing = of(model);
        let tensors = missing.1.as_object_mut().unwrap();
        let tensor = tensors.remove(&format!("{name}.{part}")).unwrap();
        tensors.insert(format!("{name}.other"), tensor);
        refused(
            part,
            &joined(&missing),
            &format!("no parameter `{name}.{part}`"),
        );
    }
    // The data.
    let place = |parts: &(Value, Value, Vec<u8>), part: &str| {
        let offsets = &parts.1[format!("{name}{part}")]["data_offsets"];
        offsets[0].as_u64().unwrap() as usize
    };
    let mut mask = of(2);
    let at = place(&mask, ".kept");
    mask.2[at] ^= 1;
    refused("a mask", &joined(&mask), "other edges than it says");
    let mut index = of(4);
    let at = place(&index, "");
    index.2[at] = 3;
    refused("an index", &joined(&index), "not in its table");
    for (model, part) in [
        (0, ".scales"),
        (1, ".scales"),
        (4, ".curves"),
        (5, ".scales"),
    ] {
        let mut scale = of(model);
        let at = place(&scale, part);
        scale.2[at..at + 2].copy_from_slice(&f16::INFINITY.to_le_bytes());
        refused(part, &joined(&scale), "not finite");
    }
    // What an older version would read, and what this one says of a newer.
    let mut newer = of(0);
    assert_eq!(newer.0["format"], 3);
    newer.0["format"] = json!(4);
    refused(
        "a newer format",
        &joined(&newer),
        "has format 4, and this gamaka reads up to 3: update gamaka",
    );
}
