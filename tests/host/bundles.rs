//! Bundles: what is written is what runs natively, and of what was changed since nothing is believed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use gamaka::Model;
use gamaka::gpu::AdapterClass;
use gamaka::internals::bundle::{
    Bundle, BundleError, MANIFEST, Options, Training, TrainingOptions,
};
use serde_json::{Value, json};

const CLASSES: [AdapterClass; 2] = [AdapterClass::Software, AdapterClass::Hardware];

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn tiny() -> Model {
    Model::load(Path::new("tests/fixtures/golden/tiny.safetensors")).unwrap()
}

fn learning() -> Options {
    Options {
        training: Some(TrainingOptions::default()),
        licence: Some("CC0".into()),
    }
}

fn bundle() -> Bundle {
    Bundle::of(&tiny(), HASH, &learning()).unwrap()
}

type Files = BTreeMap<String, Vec<u8>>;

fn files() -> Files {
    static FILES: LazyLock<Files> = LazyLock::new(|| bundle().files().unwrap());
    FILES.clone()
}

fn said(files: Files) -> String {
    Bundle::from_files(files).unwrap_err().to_string()
}

/// A file as JSON, changed; the list tells its new length and hash.
fn change(files: &mut Files, name: &str, with: impl FnOnce(&mut Value)) {
    let mut json: Value = serde_json::from_slice(&files[name]).unwrap();
    with(&mut json);
    put(files, name, serde_json::to_vec(&json).unwrap());
}

/// Other bytes for a file, which the list knows.
fn put(files: &mut Files, name: &str, bytes: Vec<u8>) {
    if name != MANIFEST {
        let entry = json!({"bytes": bytes.len(), "hash": blake3::hash(&bytes).to_hex().as_str()});
        change(files, MANIFEST, |list| list["files"][name] = entry);
    }
    files.insert(name.to_string(), bytes);
}

#[test]
fn a_bundle_that_is_read_has_the_plans_and_words_that_run_natively() {
    for model in [
        tiny(),
        tiny().in_half_precision().unwrap(),
        Model::included().unwrap(),
    ] {
        let bundle = Bundle::of(&model, HASH, &learning()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        bundle.write(folder.path()).unwrap();
        let read = Bundle::read(folder.path()).unwrap();
        assert_eq!(read, bundle);
        let training = Training::new(TrainingOptions::default(), model.network.input).unwrap();
        let json = |plan| serde_json::to_value(&plan).unwrap();
        for class in CLASSES {
            let (embed, initial) = read.plan("embed", class).unwrap();
            let clips = if class.is_software() { 4 } else { 32 };
            let (native, parameters) = model.plan(class, clips).unwrap();
            assert_eq!(json(embed), json(native));
            assert_eq!(initial, BTreeMap::from([("parameters".into(), parameters)]));
            for (task, native, begins) in training.plans(class) {
                let (plan, initial) = read.plan(&task, class).unwrap();
                assert_eq!(json(plan), json(native), "{task}");
                let begins = begins.into_iter().map(|i| (i.port.to_string(), i.words));
                assert_eq!(initial, begins.collect(), "{task}");
            }
            assert!(read.plan("distances", class).unwrap().1.is_empty());
        }
        // A software adapter of any kind has the plan for software.
        let (turned, _) = read.plan("embed", AdapterClass::SoftwareTurned).unwrap();
        assert_eq!(turned.class, AdapterClass::Software);
        assert!(matches!(
            read.plan("sing", AdapterClass::Software),
            Err(BundleError::NoPlan { .. })
        ));
    }
}

#[test]
fn nothing_is_there_twice_and_the_same_model_gives_the_same_bytes() {
    let files = files();
    assert_eq!(files, bundle().files().unwrap());
    let tensors = safetensors::SafeTensors::deserialize(&files["tensors.safetensors"]).unwrap();
    let tensors = tensors.tensors();
    for (k, (name, tensor)) in tensors.iter().enumerate() {
        let same = |other: &(String, safetensors::tensor::TensorView)| {
            other.1.dtype() == tensor.dtype() && other.1.data() == tensor.data()
        };
        assert_eq!(tensors.iter().position(same), Some(k), "{name}");
    }
    // Both classes embed by the same parameters and tables.
    let manifest: Value = serde_json::from_slice(&files[MANIFEST]).unwrap();
    let plans = manifest["plans"].as_array().unwrap();
    let embed = plans.iter().filter(|plan| plan["task"] == "embed");
    let initial: Vec<_> = embed.map(|plan| &plan["initial"]["parameters"]).collect();
    assert_eq!(initial, ["embed.parameters"; 2]);
}

#[test]
fn the_list_tells_what_a_page_needs() {
    let model = tiny();
    let manifest: Value = serde_json::from_slice(&files()[MANIFEST]).unwrap();
    assert_eq!(manifest["kind"], "gamaka bundle");
    assert_eq!(manifest["version"], 1);
    assert_eq!(manifest["model"]["hash"], HASH);
    assert_eq!(manifest["model"]["card"]["licence"], "CC0");
    let [bands, frames] = model.network.input;
    let hearing = &manifest["hearing"];
    assert_eq!(hearing["frames"], frames);
    // The library hears one segment of three.
    assert_eq!(hearing["hop"], model.info.segment.hop().max(3 * frames));
    assert_eq!(hearing["band_hz"].as_array().unwrap().len(), bands);
    let comparison = &manifest["comparison"];
    assert_eq!(comparison["distance"], "squared-euclidean");
    assert_eq!(comparison["whitening"]["centre"], "whitening.centre");
    let included = Bundle::of(&Model::included().unwrap(), HASH, &Options::default()).unwrap();
    let included = serde_json::to_value(included.manifest()).unwrap();
    assert_eq!(included["comparison"]["distance"], "cosine");
    assert_eq!(
        included["comparison"]["whitening"]["root"],
        "whitening.root"
    );
    assert_eq!(included["training"], Value::Null);
}

#[test]
fn a_file_that_is_missing_changed_or_not_listed_is_told_by_its_name() {
    for name in files().keys() {
        let mut less = files();
        less.remove(name);
        let said = said(less);
        assert!(said.contains(name) && said.contains("missing"), "{said}");
    }
    let plan = "plans/embed-software.json";
    let mut changed = files();
    changed.get_mut(plan).unwrap()[100] ^= 1;
    let told = said(changed);
    assert!(
        told.contains(plan) && told.contains("does not fit its hash"),
        "{told}"
    );
    let mut longer = files();
    longer.get_mut(plan).unwrap().push(b' ');
    assert!(said(longer).contains("bytes instead of"));
    let mut more = files();
    more.insert("plans/more.json".into(), Vec::new());
    assert!(said(more).contains("`plans/more.json` does not belong to it"));
}

#[test]
fn a_folder_is_read_no_further_than_its_list_allows() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let said = || Bundle::read(folder.path()).unwrap_err().to_string();
    assert!(said().contains("`bundle.json` is missing"), "{}", said());
    bundle().write(folder.path()).unwrap();
    Bundle::read(folder.path()).unwrap();
    std::fs::write(at("notes.txt"), "mine").unwrap();
    assert!(
        said().contains("`notes.txt` does not belong to it"),
        "{}",
        said()
    );
    std::fs::remove_file(at("notes.txt")).unwrap();
    let tensors = std::fs::read(at("tensors.safetensors")).unwrap();
    std::fs::write(at("tensors.safetensors"), [&tensors[..], b"more"].concat()).unwrap();
    assert!(said().contains("more than"), "{}", said());
    std::fs::write(at("tensors.safetensors"), &tensors[..99]).unwrap();
    assert!(said().contains("99 bytes instead of"), "{}", said());
    std::fs::remove_file(at("tensors.safetensors")).unwrap();
    std::fs::create_dir(at("tensors.safetensors")).unwrap();
    assert!(said().contains("not a file"), "{}", said());
    assert!(said().contains(folder.path().to_str().unwrap()));
    let missing = Bundle::read(&at("nowhere")).unwrap_err().to_string();
    assert!(missing.contains("nowhere"), "{missing}");
}

#[test]
fn another_kind_a_newer_version_and_names_that_lead_out_are_refused() {
    for (field, value, word) in [
        ("kind", json!("gamaka genres"), "not gamaka's"),
        ("version", json!(2), "update gamaka"),
        ("version", json!(0), "has version 0"),
        ("more", json!(1), "unknown field"),
        ("plans", json!(null), "damaged"),
        ("plans", json!([]), "no plan to embed"),
    ] {
        let mut files = files();
        change(&mut files, MANIFEST, |list| list[field] = value);
        let said = said(files);
        assert!(said.contains(word), "{field}: {said}");
    }
    let mut none = files();
    none.insert(MANIFEST.into(), b"[1, 2".to_vec());
    assert!(said(none).contains("not gamaka's"));
    let long = "a/".repeat(100) + "b";
    for name in [
        "../secret",
        "a/../../b",
        "/etc/passwd",
        "c:\\b",
        "a\\b",
        "a//b",
        "",
        ".hidden",
        "a/./b",
        "a\0b",
        "a/",
        "ä",
        "bundle.json",
        &long,
    ] {
        let mut files = files();
        let entry = json!({"bytes": 0, "hash": HASH});
        change(&mut files, MANIFEST, |list| list["files"][name] = entry);
        let said = said(files);
        assert!(said.contains("a file of the name"), "{name:?}: {said}");
    }
    let mut huge = files();
    let entry = json!({"bytes": u64::MAX, "hash": HASH});
    change(&mut huge, MANIFEST, |list| {
        list["files"]["huge.bin"] = entry
    });
    assert!(said(huge).contains("is said to have"));
    let mut many = files();
    change(&mut many, MANIFEST, |list| {
        for k in 0..3 {
            list["files"][format!("huge{k}.bin")] = json!({"bytes": 200u64 << 20, "hash": HASH});
        }
    });
    assert!(said(many).contains("lists 6"));
}

#[test]
fn numbers_that_are_not_possible_are_refused() {
    for (pointer, value, word) in [
        ("/model/width", json!(0), "0 values"),
        ("/model/width", json!(1u64 << 40), "values"),
        ("/model/hash", json!("abc"), "no hash"),
        ("/hearing/sample_rate", json!(0), "hearing"),
        ("/hearing/n_fft", json!(1u64 << 40), "hearing"),
        ("/hearing/hop_length", json!(0), "hearing"),
        ("/hearing/frames", json!(0), "hearing"),
        ("/hearing/hop", json!(0), "hearing"),
        ("/hearing/max_seconds", json!(-1.0), "hearing"),
        ("/hearing/band_hz", json!([1.0]), "hearing"),
        ("/hearing/pad", json!("wrap"), "damaged"),
        ("/comparison/distance", json!("manhattan"), "damaged"),
        ("/comparison/scale", json!(0.0), "not above 0"),
        (
            "/comparison/calibration",
            json!({"one": 1.0, "few": -1.0, "many": 1.0}),
            "above 0",
        ),
        (
            "/comparison/whitening/centre",
            json!("embed.parameters"),
            "numbers",
        ),
        (
            "/comparison/whitening/centre",
            json!("nothing"),
            "not there",
        ),
        (
            "/comparison/whitening/root",
            json!("whitening.centre"),
            "two ways",
        ),
        ("/training/tasks/0/way", json!(1u64 << 62), "training"),
        ("/training/steps", json!(0), "training"),
        ("/training/learning_rate", json!(-1.0), "training"),
        ("/training/bank", json!(7), "bank of"),
        ("/training/curves/0/first", json!(u64::MAX), "curves"),
        ("/training/curves/0/inputs", json!(1u64 << 20), "no room"),
        ("/training/curves/0/slots", json!(2), "curves"),
        ("/training/tasks/0/query", json!(3), "port `slots`"),
        ("/training/tasks/0/plan", json!("train-7"), "train-"),
        ("/training", json!(null), "train-2"),
        ("/plans/0/task", json!("sing"), "no plan to embed"),
        ("/plans/0/class", json!("hardware"), "two plans to embed"),
        ("/plans/0/class", json!("quantum"), "damaged"),
        (
            "/plans/0/file",
            json!("plans/none.json"),
            "`plans/none.json` is missing",
        ),
        (
            "/plans/0/initial",
            json!({"nothing": "embed.parameters"}),
            "no port `nothing`",
        ),
        (
            "/plans/0/initial/parameters",
            json!("whitening.centre"),
            "wants",
        ),
        ("/plans/0/initial/parameters", json!("nothing"), "not there"),
        ("/plans/1", json!(null), "damaged"),
    ] {
        let mut files = files();
        change(&mut files, MANIFEST, |list| {
            *list.pointer_mut(pointer).unwrap() = value
        });
        let said = said(files);
        assert!(said.contains(word), "{pointer}: {said}");
    }
    // Told before any of them is read.
    let mut twice = files();
    change(&mut twice, "plans/embed-software.json", |plan| {
        *plan = Value::Null
    });
    change(&mut twice, MANIFEST, |list| {
        let plan = list["plans"][0].clone();
        list["plans"].as_array_mut().unwrap().push(plan);
    });
    assert!(said(twice).contains("two plans to embed"));
}

#[test]
fn plans_that_cannot_run_or_lack_what_they_are_for_are_refused() {
    let embed = "plans/embed-software.json";
    for (pointer, value, word) in [
        ("/buffers/0/bytes", json!(1u64 << 50), "cannot run"),
        ("/tensors/0/shape", json!([1, 1, 1, u64::MAX]), ""),
        ("/tensors/0/buffer", json!(9999), "cannot run"),
        ("/tensors/0/offset", json!(1), "cannot run"),
        (
            "/steps/0/workgroups",
            json!([1_000_000, 1, 1]),
            "cannot run",
        ),
        ("/steps/0/kernel", json!("format_disk"), "cannot run"),
        ("/steps/0/bindings", json!([]), "cannot run"),
        ("/steps/0/bindings/0", json!(9999), "cannot run"),
        ("/steps/0/overrides", json!([]), "cannot run"),
        ("/constants/0/tensor", json!(9999), "no tensor 9999"),
        ("/constants/0/name", json!("nothing"), "not there"),
        ("/constants/0/name", json!("whitening.centre"), "wants"),
        ("/ports/samples", json!(9999), "cannot run"),
        ("/ports", json!({}), "no port `parameters`"),
        ("/kernels", json!({}), "cannot run"),
        ("/class", json!("hardware"), "is for Hardware"),
        ("/steps", json!(3), "damaged"),
    ] {
        let mut files = files();
        change(&mut files, embed, |plan| {
            *plan.pointer_mut(pointer).unwrap() = value
        });
        let said = said(files);
        assert!(
            said.contains(word) && said.contains(embed),
            "{pointer}: {said}"
        );
    }
    // One tensor for ever more constants.
    let mut bomb = files();
    change(&mut bomb, embed, |plan| {
        let constant = plan["constants"][0].clone();
        plan["constants"] = Value::Array(vec![constant; 100_000]);
    });
    let told = said(bomb);
    assert!(
        told.contains("more than") || told.contains("cannot run"),
        "{told}"
    );
    // And for ever more ports.
    let mut bomb = files();
    let name = |k: usize| format!("more{k}");
    let many = 100_000;
    change(&mut bomb, embed, |plan| {
        let ports = plan["ports"].as_object_mut().unwrap();
        let parameters = ports["parameters"].clone();
        ports.extend((0..many).map(|k| (name(k), parameters.clone())));
    });
    change(&mut bomb, MANIFEST, |list| {
        let initial = list["plans"][0]["initial"].as_object_mut().unwrap();
        initial.extend((0..many).map(|k| (name(k), json!("embed.parameters"))));
    });
    let told = said(bomb);
    assert!(told.contains("begins with more than"), "{told}");
    for name in ["distances", "train-2", "examine"] {
        let file = format!("plans/{name}-hardware.json");
        let mut files = files();
        change(&mut files, &file, |plan| plan["ports"] = json!({}));
        let told = said(files);
        assert!(told.contains("no port") && told.contains(&file), "{told}");
    }
}

#[test]
fn tensors_and_shaders_that_are_not_what_was_written_are_refused() {
    let tensors = "tensors.safetensors";
    let good = files()[tensors].clone();
    let header = |shape: &str| {
        let header = format!(
            "{{\"embed.parameters\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[0,4]}}}}"
        );
        [
            &(header.len() as u64).to_le_bytes(),
            header.as_bytes(),
            &[0; 4],
        ]
        .concat()
    };
    for bytes in [
        Vec::new(),
        b"not tensors at all".to_vec(),
        good[..good.len() - 4].to_vec(),
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
        header("[4294967296,4294967296,4294967296]"),
        header("[1]"),
        header("[1]")
            .iter()
            .map(|b| if *b == b'3' { b'6' } else { *b })
            .collect(),
    ] {
        let mut files = files();
        put(&mut files, tensors, bytes);
        Bundle::from_files(files).unwrap_err();
    }
    let mut files = files();
    let shader = "shaders/mel/log_compress.wgsl";
    let text = [&files[shader][..], b"// more\n"].concat();
    put(&mut files, shader, text);
    let error = Bundle::from_files(files).unwrap_err();
    assert!(
        matches!(&error, BundleError::OtherKernel { file } if file == shader),
        "{error}"
    );
}
