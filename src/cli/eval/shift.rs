//! What `gamaka eval --shift` does, prints and draws.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::asked::{Asked, opened, write_picture};
use crate::cli::common::front_end;
use crate::cli::table::{Align, Table, measured, percent, signed};
use crate::evaluate::{Embedded, OtherScore, Reader, ShiftReport, Shifted};
use crate::report::{Panel, PanelLine, ReportError, Svg, panels_svg};
use crate::score::{Estimate, MFCC};
use crate::shift::Shift;

/// Altered queries beside clean ones, of one model or of two.
pub(super) fn run(
    asked: &Asked,
    mut embedded: Embedded,
    shifts: &[Shift],
) -> anyhow::Result<ExitCode> {
    let args = asked.args;
    let shifted = alter(asked, &mut embedded, shifts)?;
    let code = asked.finish(&embedded);
    let other = args.against.as_deref();
    let other = other.map(|path| against(asked, path, shifts)).transpose()?;
    let report = embedded.score_shifts(
        &shifted,
        other.as_ref().map(|(other, shifted)| (other, &shifted[..])),
        asked.task,
        args.episodes,
        args.seed,
        args.head,
    );
    let report = report.map_err(|error| asked.fewer(&embedded, error))?;
    let name = asked.name();
    asked.tell(&embedded, &report, || words(&report, name))?;
    if let Some(folder) = &args.output {
        let picture = picture(&report, name)?;
        write_picture(folder, asked.mode.picture(), &picture, asked.common)?;
    }
    Ok(code)
}

/// The queries after each step of each shift.
fn alter(asked: &Asked, embedded: &mut Embedded, shifts: &[Shift]) -> anyhow::Result<Vec<Shifted>> {
    let shifted = asked.common.counted("altering", |on| {
        embedded.shifted(asked.reader, shifts, asked.args.seed, on)
    });
    Ok(shifted?)
}

/// What another model makes of the same files, clean and altered.
fn against(
    asked: &Asked,
    path: &Path,
    shifts: &[Shift],
) -> anyhow::Result<(Embedded, Vec<Shifted>)> {
    let args = asked.args;
    let model = opened(args, path, asked.common)?;
    let front_end = front_end(args.engine, asked.gpu, &model, args.strict)?
        .keeping(asked.reader.front_end.keeps());
    let other = Asked {
        reader: &Reader::new(asked.gpu, &model, &front_end)?,
        path,
        ..*asked
    };
    let mut embedded = other.embed()?;
    let shifted = alter(&other, &mut embedded, shifts)?;
    Ok((embedded, shifted))
}

/// An amount with the minus sign of all other figures.
fn sign(amount: &str) -> String {
    amount.replace('-', "−")
}

/// The table: the network beside MFCC, or beside another network. `name` is what the network is called.
fn words(report: &ShiftReport, name: &str) -> String {
    let mut text = format!(
        "{}, {} queries a class, {} episodes, seed {}; {} classes, {} files; head: {}\n\
         supports clean, queries altered; accuracy in %, in brackets 95 % over files\n\n",
        report.task,
        report.task.query,
        report.episodes,
        report.seed,
        report.classes,
        report.files,
        report.head
    );
    let measured = |e: &Estimate, digits| measured(e.mean, e.over_files, digits);
    let other_cells = |other: &OtherScore| {
        let accuracy = measured(&other.accuracy, percent);
        (accuracy, measured(&other.network_less, signed))
    };
    let columns = match &report.other_clean {
        Some(_) => vec!["", name, "the other model", "less the other"],
        None => vec!["", name, "less clean", "MFCC", "less clean"],
    };
    let mut table = Table::new(columns.into_iter().map(|name| (name, Align::Left)));
    let clean = [&report.network_clean, &report.mfcc_clean];
    let [network, mfcc] = clean.map(|estimate| measured(estimate, percent));
    match &report.other_clean {
        Some(other) => {
            let (other, less_other) = other_cells(other);
            table.row(["clean".into(), network, other, less_other]);
        }
        None => table.row(["clean".into(), network, String::new(), mfcc]),
    }
    let mut last = None;
    for row in &report.rows {
        let shift = match last.replace(row.shift) == Some(row.shift) {
            true => "",
            false => row.shift.name(),
        };
        let label = format!("{shift:9} {}", sign(&row.shift.label(row.amount)));
        let network = measured(&row.network.accuracy, percent);
        match &row.other {
            Some(other) => {
                let (other, less_other) = other_cells(other);
                table.row([label, network, other, less_other]);
            }
            None => table.row([
                label,
                network,
                measured(&row.network.less_clean, signed),
                measured(&row.mfcc.accuracy, percent),
                measured(&row.mfcc.less_clean, signed),
            ]),
        }
    }
    let chance = format!("{:>5}", percent(report.task.chance()));
    table.row(match &report.other_clean {
        Some(_) => vec!["chance".into(), chance.clone(), chance],
        None => vec!["chance".into(), chance.clone(), String::new(), chance],
    });
    text.push_str(&table.text());
    if let Some(note) = &report.note {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// A panel for each shift, clean queries at their place among the steps.
fn picture(report: &ShiftReport, name: &str) -> Result<Svg, ReportError> {
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
            let mut ticks: Vec<String> = rows
                .iter()
                .map(|row| sign(&row.amount.to_string()))
                .collect();
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
    let systems = [name, MFCC];
    let chance = report.task.chance();
    let title = format!(
        "{}: learned from clean examples, tested on altered ones",
        report.task
    );
    panels_svg(&panels, &systems, "accuracy", chance, Some(&title))
}
