//! `gamaka quantize --table`: models of every form, measured beside the original.

use std::path::Path;

use crate::cli::common::{Common, print, print_json};
use crate::cli::table::{Align, Table, ends, percent, signed};
use crate::files::{OutputFolder, Outputs, remove};
use crate::model_file::Model;
use crate::quantize::{self, Choice, Entry, Form, Quantiser, Row, Scales, can_be_tuned};
use crate::report::decimal;
use crate::train::{Event, checkpoint_path};
use anyhow::bail;

use super::args::Args;

const DOCUMENT: &str = "table.json";
const WORDS: &str = "table.md";

/// What the models of a folder are made by.
const MADE_BY: &str = "made-by.json";

/// The model itself, in full and in half precision.
const ORIGINALS: [&str; 2] = ["floats.safetensors", "halves.safetensors"];

/// Checks that everything can be written.
pub(super) fn check(folder: &Path, wanted: &[Choice], outputs: &mut Outputs) -> anyhow::Result<()> {
    let mut names = Vec::from([DOCUMENT, WORDS, MADE_BY].map(String::from));
    names.extend(ORIGINALS.map(String::from));
    for choice in wanted {
        for tuned in [false, true] {
            let name = file_name(choice, tuned);
            names.push(format!("{name}.checkpoint"));
            names.push(name);
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(OutputFolder::new(folder).check(outputs, &names)?)
}

/// Name of a model's file.
fn file_name(choice: &Choice, tuned: bool) -> String {
    let scales = match choice.scales {
        Scales::Channel => "channel",
        Scales::Group => "group",
        Scales::Edge => "edge",
    };
    let name = match choice.form {
        Form::Coefficients => format!("int{}-{scales}", choice.bits),
        Form::Codebook => format!("codebook-{}", choice.curves),
    };
    match tuned {
        true => format!("{name}-tuned.safetensors"),
        false => format!("{name}.safetensors"),
    }
}

/// Makes the models that are not there yet, and tells what all of them are.
pub(super) fn make(
    args: &Args,
    common: &Common,
    folder: &Path,
    quantiser: &Quantiser,
    wanted: &[Choice],
    on: &mut dyn FnMut(Event),
) -> anyhow::Result<()> {
    let output = OutputFolder::new(folder);
    let made_by = quantiser.made_by();
    let path = folder.join(MADE_BY);
    if path.exists() {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        if found != made_by {
            bail!(
                "{}: the models there were made with other settings, data or another model: give the same, or another folder",
                folder.display()
            );
        }
    }
    output.write(MADE_BY, made_by.as_bytes())?;
    let mut entries = Vec::new();
    let original = quantiser.model();
    let halves = original.in_half_precision().map_err(anyhow::Error::msg)?;
    let [floats, half] = ORIGINALS;
    for file in ORIGINALS {
        output.begins(file)?;
    }
    original.save(&folder.join(floats))?;
    halves.save_half(&folder.join(half))?;
    for (name, file, model) in [
        ("floats", floats, original.clone()),
        ("halves", half, halves),
    ] {
        let path = folder.join(file);
        entries.push(Entry {
            name: name.into(),
            choice: None,
            steps: 0,
            file: bytes(&path),
            model,
        });
    }
    let tuned = wanted
        .iter()
        .filter(|choice| args.steps > 0 && can_be_tuned(choice) && choice.bits == 4);
    let all = wanted.iter().map(|choice| (choice, false));
    for (choice, tuned) in all.chain(tuned.map(|choice| (choice, true))) {
        let file = file_name(choice, tuned);
        let path = folder.join(&file);
        let model = match path.exists() {
            true => Model::load(&path)?,
            false => {
                on(Event::Note(choice.words()));
                output.begins(&file)?;
                output.begins(&format!("{file}.checkpoint"))?;
                let model = match quantiser.quantised(choice, tuned, &path, on) {
                    Err(quantize::ShrinkError::Quantize(
                        reason @ quantize::QuantizeError::NotSmaller { .. },
                    )) => {
                        on(Event::Note(format!("{}: {reason}", choice.words())));
                        continue;
                    }
                    other => other?,
                };
                model.save(&path)?;
                remove(&checkpoint_path(&path));
                model
            }
        };
        let words = choice.words();
        entries.push(Entry {
            name: match tuned {
                true => format!("{words}, fine-tuned"),
                false => words,
            },
            choice: Some(*choice),
            steps: if tuned { args.steps } else { 0 },
            file: bytes(&path),
            model,
        });
    }
    let table = common.counted("measuring", |on| {
        quantiser.table(&entries, args.task(original), args.episodes, args.seed, on)
    })?;
    let mut document = serde_json::to_value(&table)?;
    document["model"] = args.model.display().to_string().into();
    output.write(
        DOCUMENT,
        serde_json::to_string_pretty(&document)?.as_bytes(),
    )?;
    output.write(WORDS, markdown(&table.rows).as_bytes())?;
    match common.json {
        true => print_json(&document),
        false => print(&words(&table.rows)),
    }
}

fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

const HEADINGS: [&str; 8] = [
    "accuracy",
    "less the original's",
    "KiB",
    "than floats",
    "than halves",
    "file KiB",
    "speed",
    "of one clip",
];

const NOTE: &str = "Accuracies in %, their differences with 95 % intervals over files, paired on the same episodes and files. Sizes of the parameters, and how many times floats and halves of them are larger; the file has the list of the training files too. Speeds: the time of the model in halves by this one's, in turns, for a batch and for one clip.";

fn cells(row: &Row) -> [String; 8] {
    let difference = match &row.difference {
        None => "-".to_owned(),
        Some(difference) => {
            let over_files = ends(difference.over_files, signed);
            let over = over_files.map_or(String::new(), |ends| format!(" ({ends})"));
            format!("{}{over}", signed(difference.mean))
        }
    };
    let [batch, single] = row.speed.map(|speed| decimal(speed.than_halves, 2));
    [
        percent(row.accuracy.mean),
        difference,
        decimal(row.bytes.parameters as f64 / 1024.0, 0),
        decimal(row.bytes.than_floats, 2),
        decimal(row.bytes.than_halves, 2),
        decimal(row.bytes.file as f64 / 1024.0, 0),
        batch,
        single,
    ]
}

fn words(rows: &[Row]) -> String {
    let headings = HEADINGS.map(|name| (name, Align::Right));
    let mut table = Table::new([("", Align::Left)].into_iter().chain(headings));
    for row in rows {
        table.row([row.name.clone()].into_iter().chain(cells(row)));
    }
    format!("{}\n{NOTE}\n", table.text())
}

fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| parameters | {} |\n", HEADINGS.join(" | "));
    text.push_str(&format!("| --- |{}\n", " ---: |".repeat(HEADINGS.len())));
    for row in rows {
        text.push_str(&format!("| {} | {} |\n", row.name, cells(row).join(" | ")));
    }
    format!("{text}\n{NOTE}\n")
}
