//! `gamaka eval` with several models.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::evaluate::{EvaluatePart, MeanOfModels, Reader, Report, embed_dataset, mean_of_models};
use crate::report::{DotRow, ReportError, Svg};
use anyhow::Context;

use super::accuracy::{self, PAIRED, cells, estimates};
use super::args::Args;
use super::asked::{Asked, checked, opened, write_picture};
use crate::cli::common::{Common, front_end, print, print_json, usage};
use crate::cli::table::percent;

/// Tests each model on the test files of its split, and prints the means.
pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mode = &args.mode();
    let of_one = [
        args.support_from.as_ref().map(|_| "--support-from"),
        mode.names().0,
        args.by.as_ref().map(|_| "--by"),
        args.confusion.as_ref().map(|_| "--confusion"),
    ];
    if let Some(flag) = of_one.into_iter().flatten().next() {
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
        let asked = Asked {
            args,
            common,
            mode,
            gpu: &gpu,
            path,
            reader: &Reader::new(&gpu, model, &front_end)?,
            task,
        };
        let embedded = common.counted("reading", |on| {
            embed_dataset(asked.reader, dataset.clone(), args.split, on)
        });
        let embedded = embedded.with_context(at)?;
        asked.tell_notes(&embedded);
        let ended = asked.finish(&embedded);
        if ended != ExitCode::SUCCESS {
            code = ended;
        }
        let report = embedded.score(task, args.episodes, args.seed, args.head);
        let report = report.map_err(|error| asked.fewer(&embedded, error));
        let report = report.with_context(at)?;
        documents.push(asked.json(&embedded, &report));
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
        write_picture(folder, mode.picture(), &picture, common)?;
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
        "{} models, each on its own test files; {}, {} queries a class, {} episodes each, seed {}; head: {head}\n\n",
        reports.len(),
        evaluation.task,
        evaluation.task.query,
        evaluation.episodes,
        evaluation.seed
    );
    let label = |k: usize| if k == 0 { name } else { &means[k].name };
    let mut table = estimates("of each model");
    for (k, found) in means.iter().enumerate() {
        if k == evaluation.systems.len() {
            table.heading(PAIRED);
        }
        let of_models: Vec<String> = found.of_models.iter().map(|m| percent(*m)).collect();
        let last = format!(" {}", of_models.join("  "));
        let first = cells(label(k), found.mean, found.over_files);
        table.row(first.into_iter().chain([last]));
    }
    text.push_str(&table.text());
    text
}
