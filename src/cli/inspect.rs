//! `gamaka inspect`: what a model is, what it takes, and where it comes from.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use crate::data::Part;
use crate::embed::Embedder;
use crate::features::SegmentShape;
use crate::gpu::AdapterClass;
use crate::model::{LayerTally, Packed};
use crate::model_file::{KEY, Model};
use crate::tensors::{TensorEntry, TensorFile};
use crate::words::count;

use super::common::{Common, INCLUDED, is_included, model_hash, print, print_json};
use super::table::{Align, Table};

/// What is known of the licences of the model that comes with gamaka; a model file tells none.
pub(super) const LICENCES: &str = "as gamaka, MIT or Apache-2.0; its teacher is musicnn (ISC); the music that it was trained on is free, from CC0 to CC-BY-SA and GPL (docs/model.md)";

#[derive(clap::Args)]
pub(super) struct Args {
    /// A file that gamaka wrote, or `included` for the model that comes with gamaka
    #[arg(default_value = INCLUDED)]
    model: PathBuf,
}

/// A layer as it is stored.
#[derive(Serialize)]
struct Layer {
    layer: usize,
    kind: &'static str,
    output: [usize; 3],
    parameters: usize,
    flops: u64,
    /// What its weights are in the file.
    stored: String,
    bytes: usize,
    /// Edges whose every weight is zero, and edges; none of a layer without edges.
    zero: Option<[usize; 2]>,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let model = match is_included(&args.model) {
        true => Model::included()?,
        false => Model::load(&args.model)?,
    };
    let layers = layers(&args.model, &model)?;
    let bytes = Bytes::of(&args.model, &model, &layers)?;
    if common.json {
        print_json(&document(args, &model, &layers, &bytes)?)?;
    } else {
        print(&words(args, &model, &layers, &bytes)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The layers with what the file has of each.
fn layers(path: &Path, model: &Model) -> anyhow::Result<Vec<Layer>> {
    let tensors = match is_included(path) {
        true => TensorFile::new(Model::INCLUDED, Model::INCLUDED.len() as u64, KEY)?.tensors,
        false => TensorFile::open(path, KEY)?.tensors,
    };
    let edges = model.network.edge_tensors();
    let layer = |(layer, tally): (usize, LayerTally)| {
        let of_layer = format!("{layer}.");
        let own = || {
            tensors
                .iter()
                .filter(|tensor| tensor.name.starts_with(&of_layer))
        };
        let edges = edges.iter().find(|edges| edges.layer == layer);
        Layer {
            layer,
            kind: tally.kind,
            output: tally.output,
            parameters: tally.parameters,
            flops: tally.flops,
            stored: stored(model, &format!("{of_layer}{}.weight", tally.kind), own()),
            bytes: own().map(|tensor| tensor.bytes).sum(),
            zero: edges.map(|edges| [edges.removed(&model.parameters), edges.edges()]),
        }
    };
    Ok(model
        .network
        .tally()
        .into_iter()
        .enumerate()
        .map(layer)
        .collect())
}

/// How the tensors of a layer lie in the file, in words: its weights if it has edges, else all.
fn stored<'a>(
    model: &Model,
    weight: &str,
    own: impl Iterator<Item = &'a TensorEntry> + Clone,
) -> String {
    let shapes = model.network.parameter_shapes();
    let place = shapes.iter().position(|(name, _)| name == weight);
    let words = match place.and_then(|place| model.packing.get(place)) {
        Some(Packed::Integers(integers)) => match integers.block {
            block if block >= integers.rows() => format!("int{}", integers.bits),
            1 => format!("int{}, a scale each", integers.bits),
            block => format!("int{}, {block} a scale", integers.bits),
        },
        Some(Packed::Codebook(codebook)) => format!("{} curves", codebook.len()),
        None => {
            let mut types: Vec<String> = own.clone().map(|t| format!("{:?}", t.dtype)).collect();
            types.retain(|dtype| dtype != "U8" || place.is_none());
            types.dedup();
            types.join(" + ")
        }
    };
    match own
        .clone()
        .any(|tensor| tensor.name == format!("{weight}.kept"))
    {
        true => format!("{words}, sparse"),
        false => words,
    }
}

#[derive(Serialize)]
struct Bytes {
    /// Of the whole file.
    file: u64,
    /// Of the parameters in it.
    parameters: usize,
    /// Of the parameters on a device.
    device_parameters: usize,
    /// Of all that embedding takes on a device, a batch at a time: on a software rasteriser, and on a GPU.
    device_software: u64,
    device_gpu: u64,
}

impl Bytes {
    fn of(path: &Path, model: &Model, layers: &[Layer]) -> anyhow::Result<Self> {
        let file = match is_included(path) {
            true => Model::INCLUDED.len() as u64,
            false => std::fs::metadata(path)?.len(),
        };
        Ok(Self {
            file,
            parameters: layers.iter().map(|layer| layer.bytes).sum(),
            device_parameters: 4 * model.storage().words(&model.parameters).len(),
            device_software: Embedder::bytes(AdapterClass::Software, &model.network),
            device_gpu: Embedder::bytes(AdapterClass::Hardware, &model.network),
        })
    }
}

/// Files and classes of a part of the split.
fn part(model: &Model, part: Part) -> (usize, usize) {
    let files = model
        .info
        .split
        .files
        .iter()
        .filter(|file| file.part == part);
    (files.count(), model.info.split.classes(part).len())
}

fn licences(path: &Path) -> Option<&'static str> {
    is_included(path).then_some(LICENCES)
}

fn document(
    args: &Args,
    model: &Model,
    layers: &[Layer],
    bytes: &Bytes,
) -> anyhow::Result<serde_json::Value> {
    let info = &model.info;
    let parts: serde_json::Map<_, _> = Part::ALL
        .into_iter()
        .map(|name| {
            let (files, classes) = part(model, name);
            (
                name.to_string(),
                json!({"files": files, "classes": classes}),
            )
        })
        .collect();
    Ok(json!({
        "model": args.model.display().to_string(),
        "hash": model_hash(&args.model)?,
        "format": info.format,
        "network": model.network.spec.name,
        "spec": model.network.spec,
        "input": model.network.input,
        "embedding": model.network.width(),
        "parameters": model.network.parameter_count(),
        "flops": model.network.flops(),
        "bytes": bytes,
        "layers": layers,
        "preset": info.preset,
        "segment": info.segment,
        "provenance": {
            "seed": info.seed,
            "episodes": info.episodes,
            "config": info.config,
            "split": {"protocol": info.split.protocol, "seed": info.split.seed, "parts": parts},
            "licences": licences(&args.model),
        },
        "calibration": info.calibration,
        "scores": null,
    }))
}

fn words(args: &Args, model: &Model, layers: &[Layer], bytes: &Bytes) -> anyhow::Result<String> {
    let (info, network) = (&model.info, &model.network);
    let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
    let name = match is_included(&args.model) {
        true => "the model that comes with gamaka".to_owned(),
        false => args.model.display().to_string(),
    };
    let mut say = |what: &str, words: String| table.row([what.to_owned(), words]);
    say(
        "model",
        format!("{name}, BLAKE3 {}", &model_hash(&args.model)?[..16]),
    );
    say(
        "network",
        format!(
            "{}: {}, embeddings of {} values, compared by {:?} distance",
            network.spec.name,
            count(layers.len(), "layer", "layers"),
            network.width(),
            network.spec.distance
        )
        .replace("Euclidean", "squared Euclidean")
        .replace("Cosine", "cosine"),
    );
    let seconds = |frames| SegmentShape::seconds(&info.preset, frames);
    say(
        "hears",
        format!(
            "{} mel bands up to {} Hz, segments of {:.1} s every {:.1} s ({} frames of {:.1} ms)",
            info.preset.n_mels,
            info.preset.f_max,
            seconds(info.segment.frames()),
            seconds(info.segment.hop()),
            info.segment.frames(),
            1000.0 * seconds(1),
        ),
    );
    say("parameters", network.parameter_count().to_string());
    say(
        "compute",
        format!("{:.1} MFLOP a segment", network.flops() as f64 / 1e6),
    );
    say(
        "file",
        format!(
            "{}, of which {} are parameters; the rest is the split's files and all else that is told here",
            size(bytes.file),
            size(bytes.parameters as u64)
        ),
    );
    say(
        "device",
        format!(
            "{} of parameters; to embed takes {} on a software rasteriser and {} on a GPU",
            size(bytes.device_parameters as u64),
            size(bytes.device_software),
            size(bytes.device_gpu)
        ),
    );
    say("trained", training(model));
    say("split", split(model));
    say(
        "calibration",
        match info.calibration {
            Some(scales) => format!(
                "distances times {:.3}, {:.3} and {:.3} with 1, 2 to 4, and 5 or more examples a class",
                scales.one, scales.few, scales.many
            ),
            None => "none: its probabilities were not measured (`gamaka calibrate`)".into(),
        },
    );
    say(
        "scores",
        "the file holds none; `gamaka eval` measures them".into(),
    );
    say(
        "licences",
        licences(&args.model)
            .unwrap_or("the file tells none: they follow from the music and the teacher that it was trained with")
            .into(),
    );
    let mut text = table.text();
    let _ = write!(
        text,
        "\n{}\nzero: edges whose every weight is 0\n",
        layer_table(layers)
    );
    Ok(text)
}

fn training(model: &Model) -> String {
    let (info, config) = (&model.info, &model.info.config);
    let mut words = match config.teacher {
        Some(ref teacher) if teacher.episode_weight == 0.0 => {
            format!("by a teacher's vectors, {} a step", teacher.batch)
        }
        Some(_) => "by episodes and a teacher's vectors".into(),
        None => format!("by episodes ({})", config.learner.method),
    };
    let _ = write!(
        words,
        ", seed {}, {} of {} steps at the best validation",
        info.seed, info.episodes, config.episodes
    );
    if let Some(from) = &config.from {
        let _ = write!(words, "; from the model with BLAKE3 {}", brief(from));
    }
    if let Some(teacher) = &config.teacher {
        let _ = write!(
            words,
            "; the teacher's file has BLAKE3 {}",
            brief(&teacher.blake3)
        );
    }
    if let Some(shifts) = &config.shifts {
        let copies = count(shifts.copies, "altered copy", "altered copies");
        let _ = write!(words, "; {copies} of each file");
    }
    if config.geometry.is_some() {
        words.push_str("; a metric fitted at the end is in the last layer");
    }
    if config.sparsity.is_some() {
        words.push_str("; with a group lasso on edges");
    }
    words
}

fn brief(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

fn split(model: &Model) -> String {
    let split = &model.info.split;
    let parts = Part::ALL.map(|name| {
        let (files, classes) = part(model, name);
        let classes = count(classes, "class", "classes");
        format!("{name} {} of {classes}", count(files, "file", "files"))
    });
    let by = match split.seed {
        Some(seed) => format!("drawn by seed {seed}"),
        None => "given by the manifest".into(),
    };
    format!("{}, {by}: {}", split.protocol, parts.join(", "))
}

fn layer_table(layers: &[Layer]) -> String {
    let columns = [
        "layer",
        "output",
        "parameters",
        "MFLOP",
        "stored as",
        "bytes",
        "zero",
    ];
    let align = |k: usize| {
        if k == 0 || k == 4 {
            Align::Left
        } else {
            Align::Right
        }
    };
    let mut table = Table::new(
        columns
            .iter()
            .enumerate()
            .map(|(k, name)| (*name, align(k))),
    )
    .close();
    for layer in layers {
        let [c, h, w] = layer.output;
        let zero = match layer.zero {
            Some([0, _]) => "none".to_owned(),
            Some([some, all]) => format!("{:.1} %", 100.0 * some as f64 / all as f64),
            None => String::new(),
        };
        table.row([
            format!("{} {}", layer.layer, layer.kind),
            format!("{c} x {h} x {w}"),
            layer.parameters.to_string(),
            match layer.flops {
                0 => String::new(),
                flops => format!("{:.2}", flops as f64 / 1e6),
            },
            layer.stored.clone(),
            layer.bytes.to_string(),
            zero,
        ]);
    }
    table.text()
}

/// Bytes in words.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{:.2} MB", bytes as f64 / 1e6),
        _ => format!("{:.0} MB", bytes as f64 / 1e6),
    }
}
