//! What `gamaka eval --open` prints and draws.

use std::fmt::Write;

use crate::evaluate::OpenReport;
use crate::report::{Line, LineAxes, LinePoint, ReportError, Svg, lines_svg};
use crate::score::Estimate;

use super::percent;

/// An area with its interval over files.
fn area(estimate: &Estimate) -> String {
    match &estimate.over_files {
        Some(i) => format!("{:.3} ({:.3} to {:.3})", estimate.mean, i.low, i.high),
        None => format!("{:.3}", estimate.mean),
    }
}

/// The table. `name` is what the network is called.
pub(super) fn words(report: &OpenReport, name: &str) -> String {
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
    let labels: Vec<&str> = std::iter::once(name)
        .chain(
            found
                .systems
                .iter()
                .skip(1)
                .map(|system| system.name.as_str()),
        )
        .collect();
    let width = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0)
        + 5;
    let _ = writeln!(text, "{:width$} {:24} equal error rate", "", "area");
    for (label, system) in labels.iter().zip(&found.systems) {
        let error = percent(system.equal_error_rate);
        let _ = writeln!(text, "{label:width$} {:24} {error} %", area(&system.area));
    }
    for (label, difference) in labels.iter().skip(1).zip(&found.differences) {
        let _ = writeln!(
            text,
            "{:width$} {}",
            format!("less {label}"),
            area(difference)
        );
    }
    if !report.thresholds.is_empty() {
        let _ = writeln!(
            text,
            "\nwithin the distance at which both errors are equal on the validation classes\n\
             {:width$} distance   known accepted   unknown accepted",
            ""
        );
    }
    for (label, threshold) in labels.iter().zip(&report.thresholds) {
        let _ = writeln!(
            text,
            "{label:width$} {:>8.3} {:>14} % {:>16} %",
            threshold.distance,
            percent(threshold.known_accepted),
            percent(threshold.unknown_accepted)
        );
    }
    if let Some(reason) = &report.no_thresholds {
        let _ = writeln!(text, "\nno threshold: {reason}");
    }
    if let Some(note) = &found.note {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// The ROC curves.
pub(super) fn picture(report: &OpenReport, name: &str) -> Result<Svg, ReportError> {
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
