//! A bundle that was written and read, on a device: the same bits as the native path.

use std::collections::BTreeMap;

use gamaka::Model;
use gamaka::gpu::{AdapterClass, Plan, Program};
use gamaka::internals::bundle::{Bundle, Options, Training, TrainingOptions};
use gamaka::internals::fewshot::Metric;
use gamaka::internals::reference::normal;
use gamaka::ops::Slot;

use crate::gpu;
use crate::replay::{by_the_host, tiny};

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Through files and back.
fn exported(model: &Model, options: &Options) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::of(model, HASH, options).unwrap();
    bundle.write(folder.path()).unwrap();
    Bundle::read(folder.path()).unwrap()
}

/// Runs a plan once: what its ports hold at first, and what is written to some of them; gives what others hold then.
fn run<const N: usize>(
    plan: Plan,
    initial: &BTreeMap<String, Vec<u32>>,
    written: &[(&str, &[u32])],
    read: [&str; N],
) -> [Vec<u32>; N] {
    let program = Program::new(gpu(), plan).unwrap();
    program.poison();
    let port = |name: &str| program.plan().port(name).unwrap();
    for (name, words) in initial {
        program.write(port(name), words);
    }
    for (name, words) in written {
        program.write(port(name), words);
    }
    program.run().unwrap();
    read.map(|name| program.read(port(name)).unwrap())
}

fn floats(words: &[u32]) -> &[f32] {
    bytemuck::cast_slice(words)
}

#[test]
fn a_bundle_embeds_to_the_bits_of_the_native_path() {
    let halves = tiny().in_half_precision().unwrap();
    // Floats, halves, and whole numbers of 4 bits.
    for (model, name) in [
        (tiny(), "floats"),
        (halves, "halves"),
        (Model::included().unwrap(), "int4"),
    ] {
        let bundle = exported(&model, &Options::default());
        let class = AdapterClass::Software;
        let (plan, initial) = bundle.plan("embed", class).unwrap();
        let clips = plan.port("samples").unwrap().shape[0];
        let (samples, want) = by_the_host(&model, clips);
        let samples: &[u32] = bytemuck::cast_slice(&samples);
        let ports = ["embedding", "clips"];
        let written = [("samples", samples)];
        let [found, heard] = run(plan, &initial, &written, ports);

        let (native, words) = model.plan(class, clips).unwrap();
        let initial = BTreeMap::from([("parameters".to_string(), words)]);
        let [same, same_heard] = run(native, &initial, &written, ports);
        assert!(found == same && heard == same_heard, "{name}");
        let [bands, frames] = model.network.input;
        assert_eq!(heard.len(), clips * bands * frames);
        // As files are embedded: the class of the adapter may cut kernels otherwise.
        for (a, b) in floats(&found).iter().zip(want.concat()) {
            match gpu().class() == class {
                true => assert_eq!(a.to_bits(), b.to_bits(), "{name}"),
                false => assert!((a - b).abs() < 1e-3 * (1.0 + b.abs()), "{name}: {a} {b}"),
            }
        }
    }
}

#[test]
fn a_bundle_compares_by_its_models_distance() {
    for model in [tiny(), Model::included().unwrap()] {
        let bundle = exported(&model, &Options::default());
        let (plan, initial) = bundle.plan("distances", gpu().class()).unwrap();
        assert!(initial.is_empty());
        let shape = |port: &str| plan.port(port).unwrap().shape;
        let ([rows, width, ..], [columns, ..]) = (shape("rows"), shape("columns"));
        let vectors = |count: usize, seed: u32| -> Vec<f32> {
            let value = |k: usize| normal([7, seed, 0, k as u32]) as f32;
            (0..count * width).map(value).collect()
        };
        let (a, b) = (vectors(rows, 1), vectors(columns, 2));
        let written: [(&str, &[u32]); 2] = [
            ("rows", bytemuck::cast_slice(&a)),
            ("columns", bytemuck::cast_slice(&b)),
        ];
        let [found] = run(plan, &initial, &written, ["distances"]);
        let metric = Metric::of(&model.network.spec);
        for (row, found) in a.chunks(width).zip(floats(&found).chunks(columns)) {
            for (column, found) in b.chunks(width).zip(found) {
                let want = metric.distance(row, column);
                assert!((found - want).abs() < 1e-4 * (1.0 + want), "{found} {want}");
            }
        }
    }
}

#[test]
fn a_bundle_trains_a_step_to_the_bits_of_the_native_plan() {
    let model = tiny();
    let options = TrainingOptions::default();
    let training = Training::new(options.clone(), model.network.input).unwrap();
    let bundle = exported(
        &model,
        &Options {
            training: Some(options),
            ..Options::default()
        },
    );
    let class = AdapterClass::Software;
    let (task, native, begins) = training.plans(class).swap_remove(0);
    let (plan, initial) = bundle.plan(&task, class).unwrap();
    let begins = begins.into_iter().map(|i| (i.port.to_string(), i.words));
    let begins: BTreeMap<String, Vec<u32>> = begins.collect();
    let len = |port: &str| plan.port(port).unwrap().len();
    let [bands, frames] = model.network.input.map(|n| n as u32);
    let clips = 0..(len("slots") / Slot::WORDS) as u32;
    let value = |k: u32| (normal([9, 0, 0, k]) as f32).abs().to_bits();
    let bank: Vec<u32> = (0..clips.end * bands * frames).map(value).collect();
    // Every clip of the episode is another one of the bank.
    let slots = clips.map(|clip| Slot::file(0, clip * bands * frames, frames));
    let slots: Vec<u32> = bytemuck::cast_vec(slots.collect::<Vec<Slot>>());
    let zeros = ["gradients", "first", "second", "history"];
    let zeros = zeros.map(|name| (name, vec![0; len(name)]));
    let step = [1, 0, 1e-2f32.to_bits(), 0];
    let mut written: Vec<(&str, &[u32])> = zeros.iter().map(|(n, w)| (*n, w.as_slice())).collect();
    written.extend([
        ("bank", bank.as_slice()),
        ("slots", &slots),
        ("step", &step),
    ]);
    let ports = ["parameters", "history"];
    let [after, history] = run(plan, &initial, &written, ports);
    let [same, same_history] = run(native, &begins, &written, ports);
    assert!(after == same && history == same_history);
    assert_ne!(after, initial["parameters"]);
    let loss = floats(&history)[0];
    assert!(loss.is_finite() && loss > 0.0, "{loss}");
}
