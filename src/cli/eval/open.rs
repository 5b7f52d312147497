//! What `gamaka eval --open` does, prints and draws.

use std::fmt::Write;
use std::process::ExitCode;

use super::asked::{Asked, write_picture};
use crate::cli::table::{Align, Table, measured, percent};
use crate::evaluate::{Embedded, EvaluateError, EvaluatePart, OpenReport, embed_dataset};
use crate::report::{Line, LineAxes, LinePoint, ReportError, Svg, lines_svg};
use crate::score::Estimate;
use unicode_width::UnicodeWidthStr;

/// Classes without examples beside those with them.
pub(super) fn run(asked: &Asked, embedded: &Embedded) -> anyhow::Result<ExitCode> {
    let code = asked.finish(embedded);
    let Asked {
        args,
        common,
        reader,
        ..
    } = asked;
    let validation = match args.split.of(&embedded.dataset, reader.model) {
        EvaluatePart::Test => {
            let (dataset, part) = (embedded.dataset.clone(), EvaluatePart::Validation);
            match common.counted("validation", |on| embed_dataset(reader, dataset, part, on)) {
                Err(EvaluateError::NoTestFiles { .. }) => {
                    Err("the data holds no validation files of the model's split")
                }
                read => Ok(read?),
            }
        }
        _ => Err("all files are tested, and none are left to choose one on"),
    };
    let validation = validation.as_ref().map_err(|reason| *reason);
    let (task, name) = (asked.task, asked.name());
    let report = embedded.score_open(validation, task, args.episodes, args.seed, args.head)?;
    asked.tell(embedded, &report, || words(&report, name))?;
    if let Some(folder) = &args.output {
        write_picture(
            folder,
            asked.mode.picture(),
            &picture(&report, name)?,
            common,
        )?;
    }
    Ok(code)
}

/// The table. `name` is what the network is called.
fn words(report: &OpenReport, name: &str) -> String {
    let found = &report.evaluation;
    let mut text = format!(
        "{} known and {} unknown classes of {}, {} shots, {} queries a class, {} episodes, seed {}; {} files; head: {}\n\
         area under the ROC curve (0.5 is guessing), in brackets 95 % over files\n\n",
        found.known,
        found.unknown,
        found.classes,
        found.shot,
        found.query,
        found.episodes,
        found.seed,
        found.files,
        report.head
    );
    let label = |k: usize| if k == 0 { name } else { &found.systems[k].name };
    let area = |e: &Estimate| {
        let thousandths = |x: f64| format!("{x:.3}");
        // With room for signs.
        format!("{:24}", measured(e.mean, e.over_files, thousandths))
    };
    let others = 1..=found.differences.len();
    let less: Vec<String> = others.map(|k| format!("less {}", label(k))).collect();
    let labels = (0..found.systems.len()).map(label);
    let labels = labels.chain(less.iter().map(String::as_str));
    let names = labels.map(UnicodeWidthStr::width).max().unwrap_or(0);
    let mut table = Table::new([
        (" ".repeat(names), Align::Left),
        ("area".into(), Align::Left),
        ("equal error rate".into(), Align::Left),
    ])
    .close();
    for (k, system) in found.systems.iter().enumerate() {
        let error = format!("{} %", percent(system.equal_error_rate));
        table.row([label(k).to_owned(), area(&system.area), error]);
    }
    text.push_str(&table.text());
    for (less, difference) in less.iter().zip(&found.differences) {
        let gap = " ".repeat(names + 1 - less.width());
        let line = format!("{less}{gap}{}", area(difference));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if !report.thresholds.is_empty() {
        text.push_str(
            "\nwithin the distance at which both errors are equal on the validation classes\n",
        );
        let mut table = Table::new([
            (" ".repeat(names), Align::Left),
            ("distance".into(), Align::Right),
            ("known accepted".into(), Align::Right),
            ("unknown accepted".into(), Align::Right),
        ])
        .close();
        for (k, threshold) in report.thresholds.iter().enumerate() {
            table.row([
                label(k).to_owned(),
                format!("{:.3}", threshold.distance),
                format!("{:>14} %", percent(threshold.known_accepted)),
                format!("{:>16} %", percent(threshold.unknown_accepted)),
            ]);
        }
        text.push_str(&table.text());
    }
    if let Some(reason) = &report.no_thresholds {
        let _ = writeln!(text, "\nno threshold: {reason}");
    }
    if let Some(own) = &report.own_genres {
        let _ = writeln!(
            text,
            "\nas own genres tell it: area {:.3}; by the threshold from the {} shots {} % of known queries are unknown,\n\
             and {} % of unknown ones are not",
            own.area,
            found.shot,
            percent(own.known_rejected),
            percent(own.unknown_accepted)
        );
    }
    if let Some(note) = &found.note {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// The ROC curves.
fn picture(report: &OpenReport, name: &str) -> Result<Svg, ReportError> {
    let found = &report.evaluation;
    let points = |curve: &[f64]| -> Vec<LinePoint> {
        let last = curve.len().saturating_sub(1).max(1) as f64;
        let points = curve.iter().enumerate();
        points
            .map(|(k, &y)| LinePoint {
                x: 100.0 * k as f64 / last,
                y,
                interval: None,
            })
            .collect()
    };
    let mut curves: Vec<(String, Vec<LinePoint>)> = found
        .systems
        .iter()
        .enumerate()
        .map(|(k, system)| {
            // The first word is enough beside a line.
            let short = system.name.split([' ', ',']).next().unwrap_or_default();
            let label = if k == 0 { name } else { short };
            let label = format!("{label}: {:.3}", system.area.mean);
            (label, points(&system.curve))
        })
        .collect();
    curves.push(("guessing: 0.5".into(), points(&[0.0, 1.0])));
    let lines: Vec<Line> = curves
        .iter()
        .enumerate()
        .map(|(k, (name, points))| Line {
            name,
            points,
            highlight: k == 0,
        })
        .collect();
    let axes = LineAxes {
        x: "queries of unknown classes accepted (%)",
        y: "queries of known classes accepted",
        percent: true,
        log_x: false,
        chance: None,
    };
    let title = format!(
        "{} known classes against {} unknown ones: ROC, with the area",
        found.known, found.unknown
    );
    lines_svg(&lines, &axes, Some(&title))
}
