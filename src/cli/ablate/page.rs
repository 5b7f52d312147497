//! A comparison's pictures and page.

use crate::ablate::{Curve, Findings, NetworkRow, Summary};
use crate::report::{
    Column, IntervalRow, Line, LineAxes, LinePoint, Page, ReportError, Svg, TradePoint,
    confusion_svg, differences_svg, intervals_svg, lines_svg, trade_svg,
};

use super::tables::{Table, verdict};
use crate::cli::table::{percent, signed};

/// A picture with the name of its file and its caption.
pub(super) struct Picture {
    pub name: &'static str,
    pub svg: Svg,
    caption: String,
    /// The table that it goes with.
    table: &'static str,
}

fn ends(summary: &Summary) -> Option<(f64, f64)> {
    summary.over_files.map(|i| (i.low, i.high))
}

/// All pictures of a comparison.
pub(super) fn pictures(findings: &Findings) -> Result<Vec<Picture>, ReportError> {
    let chance = Some(findings.task.chance());
    let is_splines = |name: &str| {
        let row = findings.networks.iter().find(|row| row.name == name);
        row.is_some_and(|row| row.splines && row.step_ms.is_some())
    };
    let mut drawn = Vec::new();
    let mut add = |name, svg, caption: &str, table| {
        drawn.push(Picture {
            name,
            svg,
            caption: caption.into(),
            table,
        });
    };
    let mut sorted: Vec<&NetworkRow> = findings.networks.iter().collect();
    sorted.sort_by(|a, b| b.accuracy.mean.total_cmp(&a.accuracy.mean));
    let rows: Vec<IntervalRow> = sorted
        .iter()
        .map(|r| interval_row(&r.name, &r.accuracy, is_splines(&r.name)))
        .collect();
    add(
        "accuracy",
        intervals_svg(&rows, chance, None)?,
        "Accuracy on the test classes, mean over the seeds, with its 95 % interval over files. Networks with splines stand out.",
        "Networks",
    );
    let names: Vec<String> = findings
        .differences
        .iter()
        .map(|d| format!("{} less {}", d.of, d.against))
        .collect();
    let splines: Vec<IntervalRow> = names
        .iter()
        .zip(&findings.differences)
        .filter(|(_, d)| is_splines(&d.of))
        .map(|(name, d)| interval_row(name, &d.difference, false))
        .collect();
    if !splines.is_empty() {
        add(
            "differences",
            differences_svg(&splines, findings.level, None)?,
            "Networks with splines less their baselines, paired, with intervals over files that are corrected for all comparisons of the table.",
            "Differences",
        );
    }
    let trade = |x: &dyn Fn(&NetworkRow) -> Option<f64>| -> Vec<TradePoint> {
        let trained = findings.networks.iter();
        trained
            .filter_map(|r| {
                Some(TradePoint {
                    name: &r.name,
                    x: x(r)?,
                    y: r.accuracy.mean,
                    interval: None,
                    highlight: r.splines,
                })
            })
            .collect()
    };
    let axes = |x| LineAxes {
        x,
        y: "accuracy",
        percent: true,
        log_x: true,
        chance: None,
    };
    let by_parameters = trade(&|r| r.step_ms.and(r.parameters).map(|p| p as f64));
    if !by_parameters.is_empty() {
        add(
            "parameters",
            trade_svg(&by_parameters, &axes("parameters"), None)?,
            "Accuracy over parameters.",
            "Networks",
        );
        let by_time = trade(&|r| r.step_ms);
        add(
            "step-time",
            trade_svg(&by_time, &axes("milliseconds a training step"), None)?,
            "Accuracy over the time of a training step on this adapter.",
            "Networks",
        );
    }
    for (name, curves, x, caption, table) in [
        (
            "shots",
            &findings.shots,
            "supports a class",
            "Accuracy over the supports a class, with 95 % intervals over files.",
            "Shots",
        ),
        (
            "classes",
            &findings.sizes,
            "training classes",
            "Accuracy over the number of training classes, with 95 % intervals over files.",
            "Training classes",
        ),
    ] {
        if !curves.is_empty() {
            let axes = LineAxes {
                x,
                y: "accuracy",
                percent: true,
                log_x: false,
                chance,
            };
            add(name, curve(curves, &axes, &is_splines)?, caption, table);
        }
    }
    let paths: Vec<(&str, Vec<LinePoint>)> = findings
        .trajectories
        .iter()
        .map(|t| {
            // A logarithmic axis has no zero.
            let later = t.points.iter().filter(|(seconds, _)| *seconds > 0.0);
            let points = later.map(|&(x, y)| LinePoint {
                x,
                y,
                interval: None,
            });
            (t.name.as_str(), points.collect())
        })
        .collect();
    if !paths.is_empty() {
        let lines: Vec<Line> = paths
            .iter()
            .map(|(name, points)| Line {
                name,
                points,
                highlight: is_splines(name),
            })
            .collect();
        let axes = LineAxes {
            x: "seconds of training",
            y: "validation accuracy",
            percent: true,
            log_x: true,
            chance,
        };
        add(
            "training",
            lines_svg(&lines, &axes, None)?,
            "Accuracy on the validation classes over seconds of training, mean over the seeds.",
            "What an accuracy costs",
        );
    }
    let (classes, confusion) = &findings.confusion;
    if !classes.is_empty() {
        let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
        add(
            "confusion",
            confusion_svg(&classes, confusion, None)?,
            "Confusions of the first focus network on the first seed's test classes. Each row is a true class, in percent.",
            "What each network mixes up",
        );
    }
    Ok(drawn)
}

fn interval_row<'a>(name: &'a str, summary: &Summary, highlight: bool) -> IntervalRow<'a> {
    IntervalRow {
        name,
        value: summary.mean,
        over_files: ends(summary),
        over_episodes: None,
        highlight,
    }
}

fn curve(
    curves: &[Curve],
    axes: &LineAxes,
    is_splines: &dyn Fn(&str) -> bool,
) -> Result<Svg, ReportError> {
    let points: Vec<Vec<LinePoint>> = curves
        .iter()
        .map(|curve| {
            let points = curve.points.iter().map(|p| LinePoint {
                x: p.x,
                y: p.accuracy.mean,
                interval: ends(&p.accuracy),
            });
            points.collect()
        })
        .collect();
    let lines: Vec<Line> = curves
        .iter()
        .zip(&points)
        .map(|(curve, points)| Line {
            name: &curve.name,
            points,
            highlight: is_splines(&curve.name),
        })
        .collect();
    lines_svg(&lines, axes, None)
}

/// The page: what was found first, then each table with its pictures.
pub(super) fn page(findings: &Findings, tables: &[Table], pictures: &[Picture]) -> Page {
    let [train, validation, test] = findings.classes;
    let mut page = Page::new("Is it the splines?", &lead(findings));
    page.paragraph(&format!(
        "{} with {} queries a class, {} test episodes a seed, {} seeds. The first seed has {train} classes to train, {validation} to validate and {test} to test; every seed's split is the same for all networks, and every network trains for {} episodes at the learning rate that was best for it on the first seed's validation classes. Some of these may be test classes of other seeds.",
        findings.task,
        findings.task.query,
        findings.episodes,
        findings.seeds.len(),
        findings.training_episodes,
    ));
    findings.notes.iter().for_each(|note| {
        page.note(note);
    });
    for table in tables {
        page.section(table.heading);
        for picture in pictures.iter().filter(|p| p.table == table.heading) {
            page.figure(&picture.svg, &picture.caption);
        }
        let columns: Vec<Column> = table
            .columns
            .iter()
            .enumerate()
            .map(|(k, name)| match table.is_words(k) {
                true => Column::text(name),
                false => Column::number(name),
            })
            .collect();
        page.table(&columns, &table.rows, &table.caption);
    }
    page
}

/// The answer in a paragraph: the best network, and the first one beside its baselines.
pub(super) fn lead(findings: &Findings) -> String {
    let best = findings
        .networks
        .iter()
        .max_by(|a, b| a.accuracy.mean.total_cmp(&b.accuracy.mean));
    let best = best.map_or(String::new(), |r| {
        format!(
            "Highest accuracy: {}, {} %.",
            r.name,
            percent(r.accuracy.mean)
        )
    });
    let first = findings.networks.first();
    let of_first: Vec<String> = findings
        .differences
        .iter()
        .filter(|d| first.is_some_and(|r| r.name == d.of))
        .map(|d| {
            format!(
                "{} less {}: {} points, {}",
                d.of,
                d.against,
                signed(d.difference.mean),
                verdict(&d.difference)
            )
        })
        .collect();
    match of_first.is_empty() {
        true => best,
        false => format!("{best} {}.", of_first.join("; ")),
    }
}
