//! `gamaka eval` with several models.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::evaluate::{EvaluatePart, MeanOfModels, Reader, Report, embed_dataset, mean_of_models};
use crate::report::{DotRow, ReportError, Svg};
use anyhow::Context;

use super::{
    Args, Common, accuracy, checked, ends_words, fewer, finish, front_end, json, opened, percent,
    print, print_json, usage, write_picture,
};
use crate::cli::table::{pad, widest};

/// Tests each model on the test files of its split, and prints the means.
pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
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
    let models = args.models.iter().map(|path| opened(args, path, common));
    let models = models.collect::<anyhow::Result<Vec<_>>>()?;
    // The same episodes' shape for all, or a mean would mix levels of chance.
    let task = args.task(&models[0].info.config);
    let gpu = common.gpu()?;
    let data = args.data.as_deref().unwrap_or(Path::new(""));
    // Opened once: all files are hashed for it.
    let kept = args.keeping.open(common)?;
    let mut dataset = args.opened(data, kept.as_deref(), common)?;
    if args.split == EvaluatePart::All {
        dataset.leave_out_lone_classes();
    }
    // Tracks are refused where they are read.
    let checkable = args.models.iter().zip(&models).filter(|_| !dataset.tracks);
    for (path, model) in checkable {
        let checked = checked(args, &dataset, model, task);
        checked.with_context(|| path.display().to_string())?;
    }
    let mut reports = Vec::new();
    let mut documents = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for (path, model) in args.models.iter().zip(&models) {
        let at = || path.display().to_string();
        let front_end = front_end(args.engine, &gpu, model, args.strict)?.keeping(kept.clone());
        let reader = Reader::new(&gpu, model, &front_end)?;
        let embedded = common.counted("reading", |on| {
            embed_dataset(&reader, dataset.clone(), args.split, on)
        });
        let embedded = embedded.with_context(at)?;
        if !common.json {
            let notes = embedded.notes.iter();
            notes.for_each(|n| common.note(&format!("note: {n}")));
        }
        let ended = finish(args, &embedded);
        if ended != ExitCode::SUCCESS {
            code = ended;
        }
        let report = embedded.score(task, args.episodes, args.seed, args.head);
        let report = report.map_err(|error| fewer(args, &embedded, task, error));
        let report = report.with_context(at)?;
        documents.push(json(args, path, model, &embedded, "result", &report));
        reports.push(report);
    }
    let means = mean_of_models(&reports);
    let name = &models[0].network.spec.name;
    match common.json {
        true => print_json(&serde_json::json!({
            "means": means,
            "models": documents,
        }))?,
        false => print(&words(&reports, &means, name))?,
    }
    if let Some(folder) = &args.output {
        let picture = picture(&args.models, &reports, &means, name)?;
        write_picture(args, folder, &picture, common)?;
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
    let names: Vec<String> = models
        .iter()
        .map(|path| path.file_stem().unwrap_or_default().display().to_string())
        .collect();
    let each = names.iter().zip(reports);
    let each: Vec<DotRow> = each
        .map(|(name, report)| accuracy::row(name, &report.evaluation))
        .collect();
    let found = &reports[0].evaluation;
    let systems = means.iter().take(found.systems.len());
    let mean = DotRow {
        name: "mean",
        files: each.iter().map(|row| row.files).sum(),
        systems: systems
            .map(|m| accuracy::point(m.mean, m.over_files))
            .collect(),
        highlight: true,
    };
    let rows: Vec<DotRow> = std::iter::once(mean).chain(each).collect();
    let what = "the mean and each model on its own test files";
    accuracy::draw(found, &rows, name, what, "over files")
}

/// The means as a table. `name` is what the network is called.
fn words(reports: &[Report], means: &[MeanOfModels], name: &str) -> String {
    let Report {
        head, evaluation, ..
    } = &reports[0];
    let mut text = format!(
        "{} models, each on its own test files; {}-way {}-shot, {} queries a class, {} episodes each, seed {}; head: {head}\n\n",
        reports.len(),
        evaluation.task.way,
        evaluation.task.shot,
        evaluation.task.query,
        evaluation.episodes,
        evaluation.seed
    );
    let label = |k: usize| if k == 0 { name } else { &means[k].name };
    let width = widest((0..means.len()).map(label)).max("accuracy in %".len());
    let _ = writeln!(
        text,
        "{:width$} {:>6}   {:>15}   of each model",
        "accuracy in %", "mean", "95 % over files"
    );
    for (k, found) in means.iter().enumerate() {
        if k == evaluation.systems.len() {
            let _ = writeln!(text, "\npaired on the same episodes and files");
        }
        let files = ends_words(found.over_files.as_ref());
        let of_models: Vec<String> = found.of_models.iter().map(|m| percent(*m)).collect();
        let _ = writeln!(
            text,
            "{} {:>6}   {files:>15}   {}",
            pad(label(k), width),
            percent(found.mean),
            of_models.join("  ")
        );
    }
    text
}
