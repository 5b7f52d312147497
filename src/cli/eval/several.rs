//! `gamaka eval` with several models.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use gamaka::evaluate::{MeanOfModels, Reader, Report, mean_of_models};
use gamaka::features::FrontEnd;
use gamaka::fewshot::{Estimate, Interval};
use gamaka::report::{DotRow, ReportError, Svg, dots_svg};

use super::{
    Args, Common, embed, finish, opened, percent, print, print_json, usage, write_picture,
};

/// Tests each model on the test files of its split, and prints the means.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let of_one = [
        ("--support-from", args.support_from.is_some()),
        ("--shift", args.shift.is_some()),
        ("--open", args.open),
        ("--multi-label", args.multi_label),
        ("--by", args.by.is_some()),
        ("--confusion", args.confusion.is_some()),
    ];
    if let Some((flag, _)) = of_one.iter().find(|(_, given)| *given) {
        usage(&format!("{flag} takes one --model, not several"));
    }
    let models = args.models.iter().map(|path| opened(args, path));
    let models = models.collect::<anyhow::Result<Vec<_>>>()?;
    let gpu = common.gpu()?;
    let mut reports = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for (path, (model, config)) in args.models.iter().zip(&models) {
        let at = || path.display().to_string();
        let front_end = FrontEnd::new(args.engine, Some(&gpu), &model.info.preset, args.strict)?;
        let reader = Reader::new(&gpu, model, &front_end, config.max_seconds)?;
        let [way, shot, query] = args.episode(config);
        let embedded = embed(args, &reader, way, common).with_context(at)?;
        let notes = embedded.notes.iter();
        notes.for_each(|n| common.note(&format!("note: {n}")));
        let ended = finish(args, &embedded);
        if ended != ExitCode::SUCCESS {
            code = ended;
        }
        let report = embedded.score(way, shot, query, args.episodes, args.seed, args.head);
        reports.push(report.with_context(at)?);
    }
    let means = mean_of_models(&reports);
    let name = &models[0].0.network.spec.name;
    if let Some(folder) = &args.output {
        let picture = picture(&args.models, &reports, &means, name)?;
        write_picture(folder, "accuracy.svg", &picture, common)?;
    }
    match common.json {
        true => print_json(&serde_json::json!({
            "models": args.models,
            "data": args.data,
            "means": means,
            "results": reports,
        }))?,
        false => print(&words(&reports, &means, name))?,
    }
    Ok(code)
}

/// The mean of all models, and each model, with the floors. `name` is what the network is called.
fn picture(
    models: &[PathBuf],
    reports: &[Report],
    means: &[MeanOfModels],
    name: &str,
) -> Result<Svg, ReportError> {
    let ends = |interval: Option<Interval>| interval.map(|i| (i.low, i.high));
    let found = &reports[0].evaluation;
    let systems = found.systems.len();
    let names: Vec<String> = models
        .iter()
        .map(|path| path.file_stem().unwrap_or_default().display().to_string())
        .collect();
    let estimate = |e: Estimate| (e.mean, ends(e.over_files));
    let mut rows: Vec<DotRow> = names
        .iter()
        .zip(reports)
        .map(|(name, Report { evaluation, .. })| DotRow {
            name,
            files: evaluation.files.iter().sum(),
            systems: evaluation
                .systems
                .iter()
                .map(|s| estimate(s.accuracy))
                .collect(),
            highlight: false,
        })
        .collect();
    let files = rows.iter().map(|row| row.files).sum();
    let mean = |found: &MeanOfModels| (found.mean, ends(found.over_files));
    rows.insert(
        0,
        DotRow {
            name: "mean",
            files,
            systems: means.iter().take(systems).map(mean).collect(),
            highlight: true,
        },
    );
    let floors = found.systems.iter().skip(1).map(|s| s.name.as_str());
    let labels: Vec<&str> = std::iter::once(name).chain(floors).collect();
    let title = format!(
        "{}-way {}-shot accuracy, the mean and each model on its own test files",
        found.way, found.shot
    );
    let chance = 1.0 / found.way as f64;
    dots_svg(&rows, &labels, chance, "over files", Some(&title))
}

/// The means as a table. `name` is what the network is called.
fn words(reports: &[Report], means: &[MeanOfModels], name: &str) -> String {
    let Report {
        head, evaluation, ..
    } = &reports[0];
    let mut text = format!(
        "{} models, each on its own test files; {}-way {}-shot, {} queries a class, {} episodes each, seed {}; head: {head}\n\n",
        reports.len(),
        evaluation.way,
        evaluation.shot,
        evaluation.query,
        evaluation.episodes,
        evaluation.seed
    );
    let label = |k: usize| if k == 0 { name } else { &means[k].name };
    let widths = (0..means.len()).map(|k| label(k).chars().count());
    let width = widths.max().unwrap_or(0);
    let _ = writeln!(
        text,
        "{:width$} {:>6}   {:>15}   of each model",
        "accuracy in %", "mean", "95 % over files"
    );
    for (k, found) in means.iter().enumerate() {
        if k == evaluation.systems.len() {
            let _ = writeln!(text, "\npaired on the same episodes and files");
        }
        let files = match &found.over_files {
            Some(i) => format!("{:>5} to {:>5}", percent(i.low), percent(i.high)),
            None => "no interval".into(),
        };
        let of_models: Vec<String> = found.of_models.iter().map(|m| percent(*m)).collect();
        let _ = writeln!(
            text,
            "{:width$} {:>6}   {files:>15}   {}",
            label(k),
            percent(found.mean),
            of_models.join("  ")
        );
    }
    text
}
