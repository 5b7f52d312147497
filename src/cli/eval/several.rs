//! `gamaka eval` with several models.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use gamaka::evaluate::{MeanOfModels, Reader, Report, mean_of_models};
use gamaka::features::FrontEnd;

use super::{Args, Common, embed, finish, opened, percent, print, print_json, usage};

/// Tests each model on the test files of its split, and prints the means.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let of_one = [
        ("--support-from", args.support_from.is_some()),
        ("--shift", args.shift.is_some()),
        ("--open", args.open),
        ("--multi-label", args.multi_label),
        ("--by", args.by.is_some()),
        ("--confusion", args.confusion.is_some()),
        ("--output", args.output.is_some()),
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
    match common.json {
        true => print_json(&serde_json::json!({
            "models": args.models,
            "data": args.data,
            "means": means,
            "results": reports,
        }))?,
        false => print(&words(&reports, &means, &models[0].0.network.spec.name))?,
    }
    Ok(code)
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
