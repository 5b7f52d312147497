//! `gamaka calibrate`: a model whose probabilities mean what they say.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::data::Task;
use crate::evaluate::{EvaluateError, EvaluatePart, HeadChoice, Reader, embed_dataset};
use crate::files::Outputs;
use crate::mel::EngineChoice;
use crate::score::Reliability;
use anyhow::{anyhow, bail};

use super::common::{Common, INCLUDED, conclude, engine, front_end, load_model, print, print_json};
use super::numbers::seed;
use super::settings::{Keeping, Source, files_of};
use super::table::{Align, Table, percent};

/// Examples a class that the result is judged with: one of each scale.
const SHOTS: [usize; 3] = [1, 3, 5];

/// Episodes that it is judged by.
const EPISODES: usize = 1000;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka
    #[arg(short, long, default_value = INCLUDED, value_name = "MODEL")]
    model: PathBuf,
    /// Where the calibrated model goes
    #[arg(short, long, value_name = "MODEL.safetensors")]
    output: PathBuf,
    /// Which files to choose by: those that the model's split keeps for validation, or all
    #[arg(long, default_value = "validation", value_name = "validation|all", value_parser = part)]
    split: EvaluatePart,
    /// Write the model in half precision: half as large, its parameters rounded to 11 bits
    #[arg(long)]
    half: bool,
    /// Seed of the episodes
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = seed)]
    seed: u64,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    engine: EngineChoice,
    #[command(flatten)]
    keeping: Keeping,
    /// Stop at the first file that is damaged
    #[arg(long)]
    strict: bool,
}

fn part(text: &str) -> Result<EvaluatePart, String> {
    match text {
        "validation" => Ok(EvaluatePart::Validation),
        "all" => Ok(EvaluatePart::All),
        _ => Err("choose validation or all".into()),
    }
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut outputs = Outputs::default();
    outputs.add_model(&args.output)?;
    let features = args.keeping.features.iter();
    features
        .map(PathBuf::as_path)
        .try_for_each(|path| outputs.add_model(path))?;
    outputs.spare([&args.source.data])?;
    let mut model = load_model(&args.model, common)?;
    let kept = args.keeping.open(common)?;
    let mut dataset = args.source.open(kept.as_deref(), common)?;
    outputs.spare(files_of(&dataset))?;
    if args.split == EvaluatePart::All {
        dataset.leave_out_lone_classes();
    }
    let gpu = common.gpu()?;
    let front_end = front_end(args.engine, &gpu, &model, args.strict)?.keeping(kept);
    let reader = Reader::new(&gpu, &model, &front_end)?;
    let mut embedded = common.counted("reading", |on| {
        embed_dataset(&reader, dataset, args.split, on)
    })
    .map_err(|error| match error {
        EvaluateError::NoTestFiles { path } => anyhow!(
            "{}: holds none of the files that the model's split keeps for validation: calibrate on all files with --split all",
            path.display()
        ),
        other => other.into(),
    })?;
    if !common.json {
        let notes = embedded.notes.iter();
        notes.for_each(|n| common.note(&format!("note: {n}")));
    }
    let classes = embedded.dataset.pool(&embedded.files).classes.len();
    let way = model.info.config.way.min(classes);
    let Some(calibration) = embedded.calibrate(way, args.seed)? else {
        bail!(
            "{}: a calibration needs {} classes with two files or more that do not belong together, and the files give no such episodes: add files, or choose --split all",
            args.source.data.display(),
            way.max(2)
        );
    };
    let judged = |embedded: &crate::evaluate::Embedded| -> Vec<(usize, Reliability)> {
        let scores = SHOTS.into_iter().filter_map(|shots| {
            let head = HeadChoice::Prototype;
            let report = embedded
                .score(Task::new(way, shots, 1), EPISODES, args.seed, head)
                .ok()?;
            Some((shots, report.reliability?))
        });
        scores.collect()
    };
    let before = judged(&embedded);
    embedded.calibration = Some(calibration);
    let after = judged(&embedded);
    model.info.calibration = Some(calibration);
    match args.half {
        true => model.save_half(&args.output)?,
        false => model.save(&args.output)?,
    }
    if common.json {
        print_json(&serde_json::json!({
            "model": args.model.display().to_string(),
            "output": args.output.display().to_string(),
            "calibration": calibration,
            "before": before.iter().map(|(_, found)| found).collect::<Vec<_>>(),
            "after": after.iter().map(|(_, found)| found).collect::<Vec<_>>(),
        }))?;
    } else {
        let mut table = Table::new(
            ["examples", "scale", "error before", "error after"]
                .map(|name| (name.to_string(), Align::Right)),
        );
        for ((shots, before), (_, after)) in before.iter().zip(&after) {
            table.row([
                shots.to_string(),
                format!("{:.6}", after.scale),
                percent(before.calibration_error),
                percent(after.calibration_error),
            ]);
        }
        print(&format!(
            "expected calibration error in %, {way} classes\n{}",
            table.text()
        ))?;
        common.note(&format!("wrote {}", args.output.display()));
    }
    let files = embedded.files.len() + embedded.failed.len();
    Ok(conclude(&embedded.failed, files, args.strict))
}
