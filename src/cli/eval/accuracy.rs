//! What `gamaka eval -o` draws.

use crate::evaluate::Report;
use crate::report::{DotRow, ReportError, Svg, dots_svg};
use crate::score::{Evaluation, Interval, ValueScore};

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
    let title = format!(
        "{}-way {}-shot accuracy, {what}",
        found.task.way, found.task.shot
    );
    let chance = found.task.chance();
    dots_svg(rows, &systems, chance, intervals, Some(&title))
}
