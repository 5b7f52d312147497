//! `gamaka prune --table`: models of every level, measured beside the original.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::args::{Args, save};
use crate::cli::common::{Common, INCLUDED, print, print_json};
use crate::cli::table::{Align, Table, ends, percent, signed};
use crate::files::{OutputFolder, Outputs};
use crate::model::LayerSpec;
use crate::model_file::Model;
use crate::prune::{Judge, Level, PruneError, Pruner, Row};
use crate::report::{Line, LineAxes, LinePoint, Svg, decimal, lines_svg};
use crate::train::{Event, checkpoint_path};

const DOCUMENT: &str = "table.json";
const WORDS: &str = "table.md";
/// Of the pictures, and what their horizontal axes are.
const PICTURES: [(&str, &str); 4] = [
    ("parameters.svg", "parameters that are not zero"),
    ("flops.svg", "FLOPs of a clip, removed edges not counted"),
    ("bytes.svg", "bytes of the file"),
    ("speed.svg", "times as quick as the original"),
];

/// A row with what it was made by.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// A hash of the model, the data and the settings.
    made_by: String,
    row: Row,
}

/// The levels of a table: each share of edges, each share of operations, each grid that the model allows.
pub(super) fn levels(args: &Args, model: &Model) -> Vec<Level> {
    let none = Level {
        edges: None,
        flops: None,
        grid: None,
    };
    let asked = !(args.edges.is_empty() && args.flops.is_empty() && args.grid.is_empty());
    let (mut edges, mut flops, mut grid) =
        (args.edges.clone(), args.flops.clone(), args.grid.clone());
    if !asked {
        let tensors = model.network.edge_tensors();
        let largest = model
            .network
            .spec
            .layers
            .iter()
            .filter_map(LayerSpec::basis);
        let largest = largest.map(|basis| basis.grid).max().unwrap_or(0);
        if args.plain || tensors.iter().any(|tensor| tensor.has_splines()) {
            edges = vec![0.1, 0.25, 0.5, 0.75, 0.9, 0.95];
        }
        flops = vec![0.7, 0.5, 0.35, 0.25];
        grid = [3, 2].into_iter().filter(|&grid| grid < largest).collect();
    }
    let edges = edges.into_iter().map(|share| Level {
        edges: Some(share),
        ..none
    });
    let flops = flops.into_iter().map(|share| Level {
        flops: Some(share),
        ..none
    });
    let grids = grid.into_iter().map(|grid| Level {
        grid: Some(grid),
        ..none
    });
    edges.chain(flops).chain(grids).collect()
}

/// Checks that everything can be written, and takes the place of nothing else.
pub(super) fn check(folder: &Path, levels: &[Level], outputs: &mut Outputs) -> anyhow::Result<()> {
    let mut names: Vec<String> = [DOCUMENT, WORDS, "original.json"].map(String::from).into();
    names.extend(PICTURES.map(|(name, _)| name.to_owned()));
    for level in levels {
        let name = level.file_name();
        let ends = [
            "json",
            "safetensors",
            "safetensors.checkpoint",
            "safetensors.lasso.checkpoint",
        ];
        names.extend(ends.map(|end| format!("{name}.{end}")));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(OutputFolder::new(folder).check(outputs, &names)?)
}

/// Makes what is not there yet, and tells all of it.
pub(super) fn make(
    args: &Args,
    common: &Common,
    folder: &Path,
    pruner: &mut Pruner,
    levels: &[Level],
    on: &mut dyn FnMut(Event),
) -> anyhow::Result<()> {
    let judge = Judge::new(pruner, args.question(pruner.original))?;
    let output = OutputFolder::new(folder);
    let original = pruner.original;
    let bytes = match args.model == Path::new(INCLUDED) {
        true => Model::INCLUDED.len() as u64,
        false => std::fs::metadata(&args.model).map_or(0, |found| found.len()),
    };
    let mut rows = vec![stored(
        args,
        &output,
        folder,
        pruner,
        None,
        &mut |pruner| Ok(judge.row(pruner, None, original, bytes, 0.0)?),
    )?];
    for level in levels {
        let name = format!("{}.safetensors", level.file_name());
        let path = folder.join(&name);
        rows.push(stored(
            args,
            &output,
            folder,
            pruner,
            Some(level),
            &mut |pruner| {
                on(Event::Note(level.name()));
                output.begins(&name)?;
                output.begins(&format!("{name}.checkpoint"))?;
                output.begins(&format!("{name}.lasso.checkpoint"))?;
                let start = Instant::now();
                let model = pruner.prune(level, &path, on)?;
                let seconds = start.elapsed().as_secs_f64();
                save(&model, original, &path)?;
                crate::files::remove(&checkpoint_path(&path));
                let bytes = std::fs::metadata(&path).map_or(0, |found| found.len());
                Ok(judge.row(pruner, Some(*level), &model, bytes, seconds)?)
            },
        )?);
    }
    let text = words(&rows);
    output.write(WORDS, markdown(&rows).as_bytes())?;
    let [files, segments] = pruner.tuner.size();
    let document = serde_json::json!({
        "model": args.model.display().to_string(),
        "device": pruner.tuner.gpu.adapter.to_string(),
        "by": args.by,
        "steps": args.steps,
        "manner": pruner.manner,
        "training_files": files,
        "training_segments": segments,
        "question": args.question(pruner.original),
        "rows": rows,
    });
    output.write(
        DOCUMENT,
        serde_json::to_string_pretty(&document)?.as_bytes(),
    )?;
    for (number, (name, axis)) in PICTURES.into_iter().enumerate() {
        let picture = picture(&rows, number, axis).with_context(|| name.to_owned())?;
        output.write(name, picture.standalone().as_bytes())?;
    }
    match common.json {
        true => print_json(&document),
        false => print(&text),
    }
}

/// A row that is there already, or is made now.
fn stored(
    args: &Args,
    output: &OutputFolder,
    folder: &Path,
    pruner: &mut Pruner,
    level: Option<&Level>,
    make: &mut dyn FnMut(&mut Pruner) -> anyhow::Result<Row>,
) -> anyhow::Result<Row> {
    let name = level.map_or_else(|| "original".to_owned(), Level::file_name);
    let path = folder.join(format!("{name}.json"));
    let made_by = made_by(args, pruner, level)?;
    if path.exists() {
        let refuse = |reason: &str| PruneError::Stored {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let text = std::fs::read_to_string(&path).map_err(|_| refuse("cannot be read"))?;
        let found: Stored = serde_json::from_str(&text).map_err(|_| {
            refuse("is damaged or of another version: delete it, and its row will be made again")
        })?;
        if found.made_by != made_by {
            return Err(refuse("was made with other settings, data or another model: give the same, or another folder").into());
        }
        return Ok(found.row);
    }
    let row = make(pruner)?;
    let stored = Stored { made_by, row };
    output.write(
        &format!("{name}.json"),
        serde_json::to_string(&stored)?.as_bytes(),
    )?;
    Ok(stored.row)
}

/// A hash of all that a row depends on.
fn made_by(args: &Args, pruner: &Pruner, level: Option<&Level>) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytemuck::cast_slice(&pruner.original.parameters));
    hasher.update(pruner.original.network.spec.to_toml().as_bytes());
    hasher.update(pruner.tuner.config.to_toml().as_bytes());
    let settings = serde_json::json!([
        pruner.manner,
        level,
        args.question(pruner.original),
        args.by,
        args.most_files
    ]);
    hasher.update(settings.to_string().as_bytes());
    for file in &pruner.tuner.split.files {
        hasher.update(format!("{} {} {}\n", file.hash, file.label, file.part).as_bytes());
    }
    for item in &pruner.tuner.dataset.items {
        hasher.update(item.hash.as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The cells of a row behind its name.
fn cells(row: &Row) -> [String; 7] {
    let difference = match row.level {
        None => "-".to_owned(),
        Some(_) => {
            let over_files = ends(row.difference.over_files, signed);
            let over = over_files.map_or(String::new(), |ends| format!(" ({ends})"));
            format!("{}{over}", signed(row.difference.mean))
        }
    };
    [
        percent(row.accuracy.mean),
        difference,
        row.parameters[1].to_string(),
        decimal(row.flops[1] as f64 / 1e6, 1),
        decimal(row.bytes as f64 / 1024.0, 0),
        decimal(row.inference.median, 2),
        decimal(row.step.median, 2),
    ]
}

const HEADINGS: [&str; 7] = [
    "accuracy",
    "less the original's",
    "parameters",
    "MFLOPs",
    "KiB",
    "quicker",
    "training",
];

const NOTE: &str = "Accuracies in %, their differences with 95 % intervals over files, paired on the same episodes and files. Parameters and FLOPs of edges that are removed are not counted. The last two: how many times as quick it embeds a batch, and trains a step, as the original, both in turns.";

fn words(rows: &[Row]) -> String {
    let mut table = Table::new(
        [("", Align::Left)]
            .into_iter()
            .chain(HEADINGS.map(|name| (name, Align::Right))),
    );
    for row in rows {
        table.row([row.name.clone()].into_iter().chain(cells(row)));
    }
    format!("{}\n{NOTE}\n", table.text())
}

fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| removed | {} |\n", HEADINGS.join(" | "));
    text.push_str(&format!("| --- |{}\n", " ---: |".repeat(HEADINGS.len())));
    for row in rows {
        text.push_str(&format!("| {} | {} |\n", row.name, cells(row).join(" | ")));
    }
    format!("{text}\n{NOTE}\n")
}

/// Accuracy over what it costs, a line for each kind of removal.
fn picture(rows: &[Row], axis: usize, name: &str) -> anyhow::Result<Svg> {
    let x = |row: &Row| match axis {
        0 => row.parameters[1] as f64,
        1 => row.flops[1] as f64,
        2 => row.bytes as f64,
        _ => row.inference.median,
    };
    let point = |row: &Row| LinePoint {
        x: x(row),
        y: row.accuracy.mean,
        interval: row.accuracy.over_files.map(|i| (i.low, i.high)),
    };
    let kind = |level: &Level| match (level.edges, level.flops) {
        (Some(_), _) => "edges removed",
        (None, Some(_)) => "channels removed",
        (None, None) => "coarser grids",
    };
    let mut lines = Vec::new();
    for name in ["edges removed", "channels removed", "coarser grids"] {
        let is = |level: &Level| kind(level) == name;
        let of_kind = rows.iter().filter(|row| row.level.as_ref().is_some_and(is));
        let mut points: Vec<LinePoint> = of_kind.map(point).collect();
        if points.is_empty() {
            continue;
        }
        // Every line begins at the original.
        points.extend(rows.iter().filter(|row| row.level.is_none()).map(point));
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        lines.push((name, points));
    }
    let lines: Vec<Line> = lines
        .iter()
        .map(|(name, points)| Line {
            name,
            points,
            highlight: false,
        })
        .collect();
    let axes = LineAxes {
        x: name,
        y: "accuracy",
        percent: true,
        log_x: true,
        chance: None,
    };
    Ok(lines_svg(&lines, &axes, None)?)
}
