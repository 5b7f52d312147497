//! What `gamaka eval` does, prints and draws where it asks for the class of each query.

use std::fmt::Write;
use std::process::ExitCode;

use super::args::RELIABILITY;
use super::asked::{Asked, write_picture};
use super::{by, reliability};
use crate::adapt::AdaptedAccuracy;
use crate::cli::common::{print, print_json};
use crate::cli::table::{Align, Table, ends, percent, plus_minus};
use crate::evaluate::{Embedded, Reader, Report};
use crate::files;
use crate::report::{DotRow, ReportError, Svg, confusion_svg, dots_svg};
use crate::score::{Estimate, Evaluation, Interval, ValueScore};

/// What stands above paired differences.
pub(super) const PAIRED: &str = "paired on the same episodes and files";

/// The class of each query, told by its value in a column too.
pub(super) fn run(asked: &Asked, embedded: &Embedded) -> anyhow::Result<ExitCode> {
    let Asked {
        args,
        common,
        gpu,
        reader: Reader { model, .. },
        task,
        ..
    } = *asked;
    // Before the score, which failed files may make impossible.
    let code = asked.finish(embedded);
    let name = asked.name();
    let report = embedded.score(task, args.episodes, args.seed, args.head);
    let report = report.map_err(|error| asked.fewer(embedded, error))?;
    let by = match &args.by {
        Some(column) => Some((column, embedded.by_column(&report, column)?)),
        None => None,
    };
    let adapted = match args.adapt {
        0 => None,
        episodes => common.while_waiting("adapting", || {
            embedded.adapted(gpu, model, task, episodes, args.seed)
        })?,
    };
    if common.json {
        let mut document = asked.json(embedded, &report);
        if let Some((column, values)) = &by {
            document["by"] = serde_json::json!({ "column": column, "values": values });
        }
        document["body_adapted"] = serde_json::to_value(adapted)?;
        print_json(&document)?;
    } else {
        let mut text = words(&report, name);
        if let Some(adapted) = adapted {
            text.push_str(&adapted_words(&adapted));
        }
        if let Some(found) = &report.reliability {
            text.push_str(&reliability::words(found));
        }
        if let Some((column, values)) = &by {
            text.push_str(&by::words(column, values, &report.evaluation, name));
        }
        text.push_str(&matrix(&report.evaluation));
        print(&text)?;
    }
    // The figures are told: a picture that cannot be written takes none of them away.
    if let Some(folder) = &args.output {
        let picture = match &by {
            Some((column, values)) => picture(&report, column, values, name),
            None => picture(&report, "class", &embedded.by_class(&report), name),
        };
        write_picture(folder, asked.mode.picture(), &picture?, common)?;
        if let Some(found) = &report.reliability {
            let picture = reliability::picture(found, name)?;
            write_picture(folder, RELIABILITY, &picture, common)?;
        }
    }
    if let Some(path) = &args.confusion {
        let Evaluation {
            classes, systems, ..
        } = &report.evaluation;
        let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
        let picture = confusion_svg(&classes, &systems[0].confusion, None)?;
        files::write(path, picture.standalone().as_bytes())?;
    }
    Ok(code)
}

/// The accuracy with the body adapted to each task.
fn adapted_words(adapted: &AdaptedAccuracy) -> String {
    format!(
        "\nwith the body adapted to each task as well, on the first {} episodes: {} % ({} over episodes)\n",
        adapted.episodes,
        percent(adapted.accuracy),
        plus_minus(adapted.over_episodes)
    )
}

/// A table of figures in percent with their intervals over files, and what its last column is.
pub(super) fn estimates(last: &str) -> Table {
    Table::new([
        ("accuracy in %".to_owned(), Align::Left),
        ("mean".to_owned(), Align::Right),
        (" 95 % over files".to_owned(), Align::Right),
        (format!(" {last}"), Align::Left),
    ])
}

/// The first three cells of its rows.
pub(super) fn cells(label: &str, mean: f64, over_files: Option<Interval>) -> [String; 3] {
    let wide = |fraction| format!("{:>5}", percent(fraction));
    let files = ends(over_files, wide).unwrap_or("no interval".into());
    [label.to_owned(), wide(mean), files]
}

fn estimate_cells(label: &str, found: &Estimate) -> impl Iterator<Item = String> {
    let last = format!(" {}", plus_minus(found.over_episodes));
    let first = cells(label, found.mean, found.over_files);
    first.into_iter().chain([last])
}

/// The network's confusion matrix in percent of each row. Columns have the numbers of their classes, which the rows
/// name.
fn matrix(evaluation: &Evaluation) -> String {
    const MOST: usize = 40;
    let classes = &evaluation.classes;
    if classes.len() > MOST {
        return format!(
            "\n{} classes: see the confusion matrix with --confusion FILE.svg or --json\n",
            classes.len()
        );
    }
    let numbers = (1..=classes.len()).map(|number| (number.to_string(), Align::Right));
    let mut table = Table::new([(String::new(), Align::Left)].into_iter().chain(numbers));
    for (index, (class, row)) in classes
        .iter()
        .zip(&evaluation.systems[0].confusion)
        .enumerate()
    {
        let total = row.iter().sum::<u64>().max(1) as f64;
        let shares = row
            .iter()
            .map(|&count| format!("{:.0}", count as f64 / total * 100.0));
        table.row([format!("{} {class}", index + 1)].into_iter().chain(shares));
    }
    format!(
        "\nconfusion in % of each true class; columns have the numbers of the classes\n{}",
        table.text()
    )
}

/// The result as text. `name` is what the network is called.
pub(crate) fn words(report: &Report, name: &str) -> String {
    let Evaluation {
        task,
        episodes,
        seed,
        classes,
        files,
        systems,
        note,
        ..
    } = &report.evaluation;
    let mut text = format!(
        "{task}, {} queries a class, {episodes} episodes, seed {seed}; {} classes, {} files; head: {}\n\n",
        task.query,
        classes.len(),
        files.iter().sum::<usize>(),
        report.head
    );
    let label = |k: usize| if k == 0 { name } else { &systems[k].name };
    let mut table = estimates("95 % over episodes");
    for (k, system) in systems.iter().enumerate() {
        table.row(estimate_cells(label(k), &system.accuracy));
    }
    table.row([
        "chance".to_owned(),
        format!("{:>5}", percent(task.chance())),
    ]);
    table.heading(PAIRED);
    for found in &report.differences {
        let label = format!("less {}", found.against);
        table.row(estimate_cells(&label, &found.difference));
    }
    text.push_str(&table.text());
    if let Some(note) = note {
        let _ = writeln!(text, "\n{note}");
    }
    let _ = writeln!(
        text,
        "\nby class: accuracy in %, and what its queries were taken for"
    );
    let mut table = Table::new([
        ("class", Align::Left),
        ("accuracy", Align::Right),
        ("taken for", Align::Left),
    ]);
    for (k, class) in systems[0].per_class.iter().enumerate() {
        let row = &systems[0].confusion[k];
        let total = row.iter().sum::<u64>().max(1) as f64;
        let mut others: Vec<(usize, u64)> = row
            .iter()
            .copied()
            .enumerate()
            .filter(|&(j, n)| j != k && n > 0)
            .collect();
        others.sort_by_key(|&(j, n)| (std::cmp::Reverse(n), j));
        let mixed: Vec<String> = others
            .iter()
            .take(3)
            .map(|&(j, n)| format!("{} {:.0}", classes[j], n as f64 / total * 100.0))
            .collect();
        let accuracy = class.accuracy.map_or("-".to_string(), percent);
        table.row([class.class.clone(), accuracy, mixed.join(", ")]);
    }
    text.push_str(&table.text());
    text
}

/// All systems on all queries, and below on those of each value of `column`, the network's best first. `name` is what
/// the network is called.
pub(super) fn picture(
    report: &Report,
    column: &str,
    values: &[ValueScore],
    name: &str,
) -> Result<Svg, ReportError> {
    let mut sorted: Vec<&ValueScore> = values.iter().collect();
    sorted.sort_by(|a, b| {
        let of = |value: &ValueScore| value.systems[0].accuracy;
        of(b).total_cmp(&of(a))
    });
    let mut rows = vec![DotRow {
        highlight: true,
        ..row("all", &report.evaluation)
    }];
    rows.extend(sorted.into_iter().map(|value| {
        DotRow {
            name: value.value.as_deref().unwrap_or("(none)"),
            files: value.files,
            systems: value
                .systems
                .iter()
                .map(|s| point(s.accuracy, s.over_queries))
                .collect(),
            highlight: false,
        }
    }));
    let what = format!("all and by {column}");
    let intervals = format!("over files, by {column} over its query files");
    draw(&report.evaluation, &rows, name, &what, &intervals)
}

/// The systems of an evaluation.
pub(super) fn row<'a>(name: &'a str, found: &Evaluation) -> DotRow<'a> {
    let systems = found.systems.iter().map(|s| s.accuracy);
    DotRow {
        name,
        files: found.files.iter().sum(),
        systems: systems.map(|a| point(a.mean, a.over_files)).collect(),
        highlight: false,
    }
}

/// A value with its interval as pictures take them.
pub(super) fn point(value: f64, interval: Option<Interval>) -> (f64, Option<(f64, f64)>) {
    (value, interval.map(|i| (i.low, i.high)))
}

/// Rows of the systems and episodes of `found`. `name` is what the network is called, `what` says what the rows are.
pub(super) fn draw(
    found: &Evaluation,
    rows: &[DotRow],
    name: &str,
    what: &str,
    intervals: &str,
) -> Result<Svg, ReportError> {
    let floors = found.systems.iter().skip(1).map(|s| s.name.as_str());
    let systems: Vec<&str> = std::iter::once(name).chain(floors).collect();
    let title = format!("{} accuracy, {what}", found.task);
    let chance = found.task.chance();
    dots_svg(rows, &systems, chance, intervals, Some(&title))
}
