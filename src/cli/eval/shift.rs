//! What `gamaka eval --shift` prints and draws.

use std::fmt::Write;

use gamaka::evaluate::{OtherScore, ShiftReport};
use gamaka::fewshot::Estimate;
use gamaka::report::{Panel, PanelLine, ReportError, Svg, panels_svg};

use super::percent;

fn ends(estimate: &Estimate, digits: fn(f64) -> String) -> String {
    match &estimate.over_files {
        Some(i) => format!("{} to {}", digits(i.low), digits(i.high)),
        None => "-".into(),
    }
}

fn signed(value: f64) -> String {
    let text = percent(value);
    match text.as_str() {
        "0.0" | "-0.0" => "0.0".into(),
        _ if value > 0.0 => format!("+{text}"),
        _ => text,
    }
}

/// The table: the network beside MFCC, or beside another network. `name` is what the network is called.
pub fn words(report: &ShiftReport, name: &str) -> String {
    let mut text = format!(
        "{}-way {}-shot, {} queries a class, {} episodes, seed {}; {} classes, {} files; head: {}\n\
         supports clean, queries altered; accuracy in %, in brackets 95 % over files\n\n",
        report.way,
        report.shot,
        report.query,
        report.episodes,
        report.seed,
        report.classes,
        report.files,
        report.head
    );
    let measured = |estimate: &Estimate, digits: fn(f64) -> String| {
        let (mean, ends) = (digits(estimate.mean), ends(estimate, digits));
        format!("{mean:>5} ({ends})")
    };
    let mut line = |cells: [&str; 6]| {
        let [shift, amount, network, less_clean, floor, floor_less_clean] = cells;
        let row = format!(
            "{shift:9} {amount:13} {network:21} {less_clean:24} {floor:21} {floor_less_clean}"
        );
        let _ = writeln!(text, "{}", row.trim_end());
    };
    let other_cells = |other: &OtherScore| {
        let accuracy = measured(&other.accuracy, percent);
        (accuracy, measured(&other.network_less, signed))
    };
    let clean = [&report.network_clean, &report.mfcc_clean];
    let [network, mfcc] = clean.map(|estimate| measured(estimate, percent));
    match &report.other_clean {
        Some(other) => {
            let (other, less_other) = other_cells(other);
            line(["", "", name, "the other model", "less the other", ""]);
            line(["clean", "", &network, &other, &less_other, ""]);
        }
        None => {
            line(["", "", name, "less clean", "MFCC", "less clean"]);
            line(["clean", "", &network, "", &mfcc, ""]);
        }
    }
    let mut last = None;
    for row in &report.rows {
        let shift = match last.replace(row.shift) == Some(row.shift) {
            true => "",
            false => row.shift.name(),
        };
        let amount = row.shift.label(row.amount);
        let network = measured(&row.network.accuracy, percent);
        if let Some(other) = &row.other {
            let (other, less_other) = other_cells(other);
            line([shift, &amount, &network, &other, &less_other, ""]);
            continue;
        }
        line([
            shift,
            &amount,
            &network,
            &measured(&row.network.less_clean, signed),
            &measured(&row.mfcc.accuracy, percent),
            &measured(&row.mfcc.less_clean, signed),
        ]);
    }
    let _ = writeln!(
        text,
        "chance    {:13} {:>5}",
        "",
        percent(1.0 / report.way as f64)
    );
    if let Some(note) = &report.note {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// A panel for each shift, clean queries at their place among the steps.
pub fn picture(report: &ShiftReport, name: &str) -> Result<Svg, ReportError> {
    let point = |e: &Estimate| (e.mean, e.over_files.map(|i| (i.low, i.high)));
    let clean = [point(&report.network_clean), point(&report.mfcc_clean)];
    let panels: Vec<Panel> = report
        .rows
        .chunk_by(|a, b| a.shift == b.shift)
        .map(|rows| {
            let shift = rows[0].shift;
            let unchanged = match shift.neutral() {
                Some(neutral) => rows.iter().filter(|row| row.amount < neutral).count(),
                None => 0,
            };
            let mut ticks: Vec<String> = rows.iter().map(|row| row.amount.to_string()).collect();
            ticks.insert(
                unchanged,
                shift.neutral().map_or("clean".into(), |n| n.to_string()),
            );
            let mut network: PanelLine = rows
                .iter()
                .map(|row| point(&row.network.accuracy))
                .collect();
            let mut mfcc: PanelLine = rows.iter().map(|row| point(&row.mfcc.accuracy)).collect();
            network.insert(unchanged, clean[0]);
            mfcc.insert(unchanged, clean[1]);
            Panel {
                title: match shift.family() {
                    family if family == shift.name() => family.into(),
                    family => format!("{family}: {shift}"),
                },
                axis: shift.quantity().into(),
                ticks,
                lines: vec![network, mfcc],
                unchanged,
            }
        })
        .collect();
    let systems = [name, "MFCC, nearest centroid"];
    let chance = 1.0 / report.way as f64;
    let title = format!(
        "{}-way {}-shot: learned from clean examples, tested on altered ones",
        report.way, report.shot
    );
    panels_svg(&panels, &systems, "accuracy", chance, Some(&title))
}
