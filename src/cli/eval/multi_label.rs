//! What `gamaka eval --multi-label` does and prints.

use std::fmt::Write;
use std::process::ExitCode;

use super::asked::Asked;
use crate::cli::table::{Align, Table, ends, percent, plus_minus};
use crate::evaluate::{Embedded, MultiLabelReport};
use crate::score::{Estimate, MultiLabelScore};

/// All labels of each query.
pub(super) fn run(asked: &Asked, embedded: &Embedded) -> anyhow::Result<ExitCode> {
    let code = asked.finish(embedded);
    let (args, model) = (asked.args, asked.reader.model);
    let report = embedded.score_multi_label(model, asked.task, args.episodes, args.seed)?;
    asked.tell(embedded, &report, || words(&report, asked.name()))?;
    Ok(code)
}

/// A figure with its interval over files, and that over episodes.
fn figure(estimate: &Estimate) -> String {
    let files = ends(estimate.over_files, percent).unwrap_or("no interval".into());
    let (mean, half) = (percent(estimate.mean), plus_minus(estimate.over_episodes));
    format!("{mean:>5} ({files}; {half})")
}

/// The table. `name` is what the network is called.
fn words(report: &MultiLabelReport, name: &str) -> String {
    let found = &report.evaluation;
    let mut text = format!(
        "{}, {} queries a label, {} episodes, seed {}; {} labels, {} files with {:.2} of them on average\n\
         LC-Protonets: each combination of labels among the supports has a prototype, a query gets the nearest one's labels\n\
         figures in %, in brackets 95 % over files; over episodes\n\n",
        found.task,
        found.task.query,
        found.episodes,
        found.seed,
        found.labels.len(),
        found.files,
        found.labels_per_file
    );
    let every = "all labels; a random order";
    let less = |score: &MultiLabelScore| format!("less {}", score.name);
    let mut rows: Vec<(String, [String; 2])> = Vec::new();
    let figures = |score: &MultiLabelScore| {
        [score.macro_f1, score.mean_average_precision].map(|e| figure(&e))
    };
    for (k, score) in found.systems.iter().enumerate() {
        let label = if k == 0 { name } else { &score.name };
        rows.push((label.to_owned(), figures(score)));
    }
    let floor = [
        found.everything_macro_f1,
        found.random_mean_average_precision,
    ];
    rows.push((
        every.into(),
        floor.map(|value| format!("{:>5}", percent(value))),
    ));
    for score in &found.differences {
        rows.push((less(score), figures(score)));
    }
    let mut table = Table::new([
        ("", Align::Left),
        ("macro F1", Align::Left),
        ("mean average precision", Align::Left),
    ]);
    for (label, figures) in rows {
        table.row([label].into_iter().chain(figures));
    }
    text.push_str(&table.text());
    if report.labels_left_out > 0 {
        let _ = writeln!(
            text,
            "\nlabels left out, for they have too few files for shots and queries: {}",
            report.labels_left_out
        );
    }
    if !report.labels_trained_on.is_empty() {
        let _ = writeln!(
            text,
            "\n{} of the {} labels are on files that trained the model too: {}",
            report.labels_trained_on.len(),
            found.labels.len(),
            report.labels_trained_on.join(", ")
        );
    }
    if let Some(note) = &found.note {
        let _ = writeln!(text, "\n{note}");
    }
    text
}
