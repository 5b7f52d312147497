//! `gamaka data`: what is right and wrong with the local copy of a data set, and its manifest.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::data::{CheckOptions, Checked, Duplicate, Layout, Part, Problem, WayOut, check};
use crate::files::{self, Outputs};
use anyhow::{anyhow, bail};

use super::common::{Common, one_line, print, print_error, print_json};
use super::table::{Align, Table};

/// Faults and duplicates that are listed without --all.
const LISTED: usize = 20;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Recognise and validate the local copy of a data set, and write a manifest that every command takes
    Check(CheckArgs),
}

#[derive(clap::Args)]
struct CheckArgs {
    /// The folder that the data set was unpacked to, or a manifest
    path: PathBuf,
    /// What it is [default: recognised by how its files lie]
    #[arg(
        long = "as",
        value_name = "gtzan|fma|jamendo|nsynth|esc50|ballroom|saraga|folder|csv"
    )]
    layout: Option<Layout>,
    /// Write a manifest of the files that can be used, with paths relative to it
    #[arg(short, long, value_name = "MANIFEST.csv")]
    output: Option<PathBuf>,
    /// Leave out all but one of files that are the same recording: the test's file stays, then the validation's
    #[arg(long)]
    drop_duplicates: bool,
    /// Leave the published split out of the manifest, so that commands split by seed (as novel-classes needs)
    #[arg(long)]
    no_split: bool,
    /// Accept that files, classes or parts which the metadata names are missing
    #[arg(long)]
    partial: bool,
    /// List every fault and duplicate, not only the first
    #[arg(long)]
    all: bool,
    /// Fail if any file has a fault
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let Command::Check(args) = &args.command;
    if let Some(path) = &args.output {
        let mut outputs = Outputs::default();
        outputs.add_manifest(path)?;
        outputs.spare([&args.path])?;
        refuse_foreign_table(path)?;
    }
    let options = CheckOptions {
        layout: args.layout,
        drop_duplicates: args.drop_duplicates,
        no_split: args.no_split,
        partial: args.partial,
    };
    let bar = common.bar(0, "decoding");
    let checked = check(&args.path, options, &|done, files| {
        bar.set_length(files as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let checked = checked?;
    let manifest = args.output.as_ref().filter(|_| checked.problems.is_empty());
    let written = manifest.map_or(Ok(()), |path| checked.write_manifest(path));
    let manifest = manifest.filter(|_| written.is_ok());
    // Where the manifest goes there is no room for the report.
    let apart = manifest.is_some_and(|path| files::is_stdout(path));
    if common.json && !apart {
        let mut report = serde_json::to_value(&checked)?;
        report["problems"] = checked.problems.iter().map(told).collect();
        report["manifest"] = serde_json::json!(manifest.map(|path| path.display().to_string()));
        print_json(&report)?;
    } else {
        let listed = if args.all { usize::MAX } else { LISTED };
        let mut text = words(&checked, listed);
        if let Some(path) = manifest {
            let _ = writeln!(
                text,
                "\nwrote {} with {} files",
                path.display(),
                checked.files
            );
        }
        match apart {
            true => common.note(text.trim_end()),
            false => print(&text)?,
        }
    }
    written?;
    for problem in &checked.problems {
        print_error(&anyhow!("{}", told(problem)));
    }
    if let (Some(path), false) = (&args.output, checked.problems.is_empty()) {
        print_error(&anyhow!("{} was not written", path.display()));
    }
    let failed = !checked.problems.is_empty() || (args.strict && !checked.faults.is_empty());
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A problem, with the flag by which it is none.
fn told(problem: &Problem) -> String {
    let flag = match problem.way_out {
        WayOut::Partial => "--partial goes on without",
        WayOut::DropDuplicates => "--drop-duplicates leaves out all but one",
        WayOut::NoSplit => "--no-split",
    };
    format!("{} ({flag})", problem.reason)
}

/// A published data set comes with tables of its own, which a manifest must not take the place of.
fn refuse_foreign_table(path: &Path) -> anyhow::Result<()> {
    let mut first = String::new();
    if path.is_file() {
        // What is no text is foreign too.
        let file = std::fs::File::open(path)?;
        if BufReader::new(file).read_line(&mut first).is_err() {
            first.push('?');
        }
    }
    if !first.is_empty() && !first.starts_with("path,label,split,group") {
        bail!(
            "{}: is not written, for it is there already and no manifest of gamaka's: choose another name",
            path.display()
        );
    }
    Ok(())
}

fn words(checked: &Checked, listed: usize) -> String {
    let mut text = format!("{} as {}\n\n", checked.root.display(), checked.layout);
    let split = checked.classes.values().any(|class| class.unsplit == 0);
    let counted: &[&str] = match split {
        true => &["train", "validation", "test"],
        false => &["files"],
    };
    let figures = counted.iter().chain(&["minutes"]);
    let columns = figures.map(|name| (*name, Align::Right));
    let mut table = Table::new([("class", Align::Left)].into_iter().chain(columns));
    for (label, class) in &checked.classes {
        let counts = match split {
            true => class.parts.to_vec(),
            false => vec![class.unsplit],
        };
        let minutes = format!("{:.1}", class.seconds / 60.0);
        let counts = counts.iter().map(ToString::to_string);
        table.row([label.clone()].into_iter().chain(counts).chain([minutes]));
    }
    text.push_str(&table.text());
    let lengths = &checked.durations;
    let _ = writeln!(
        text,
        "\n{} files of {} classes, {:.2} hours; a file lasts {:.1} to {:.1} s, the middle one {:.1} s\nsplit: {}\ngroups: {}",
        checked.files,
        checked.classes.len(),
        lengths.total / 3600.0,
        lengths.shortest,
        lengths.longest,
        lengths.median,
        checked.split,
        checked.groups
    );
    for note in &checked.notes {
        let _ = writeln!(text, "note: {}", one_line(note));
    }
    let faults = checked.faults.iter().map(|fault| {
        let end = if fault.left_out { "left out" } else { "kept" };
        format!("{}: {} ({end})", fault.path.display(), fault.reason)
    });
    list(&mut text, "files have faults", faults.collect(), listed);
    let (leaks, within): (Vec<&Duplicate>, Vec<&Duplicate>) = checked
        .duplicates
        .iter()
        .partition(|duplicate| duplicate.leaks());
    let describe = |found: Vec<&Duplicate>| found.into_iter().map(duplicate).collect();
    list(
        &mut text,
        "pairs are the same recording in two parts of the split",
        describe(leaks),
        listed,
    );
    list(
        &mut text,
        "pairs are the same recording within a part",
        describe(within),
        listed,
    );
    if !checked.dropped.is_empty() {
        let _ = writeln!(
            text,
            "\n{} files are left out as duplicates",
            checked.dropped.len()
        );
    } else if !checked.duplicates.is_empty() {
        text.push_str("\nDuplicates in the same part become one group and one piece; --drop-duplicates leaves out all but one, in any part.\n");
    }
    text
}

fn list(text: &mut String, what: &str, lines: Vec<String>, listed: usize) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{} {what}:", lines.len());
    for line in lines.iter().take(listed) {
        let _ = writeln!(text, "  {}", one_line(line));
    }
    if lines.len() > listed {
        let _ = writeln!(
            text,
            "  and {} more (--all lists them)",
            lines.len() - listed
        );
    }
}

fn duplicate(found: &Duplicate) -> String {
    let file = |k: usize| {
        let part = found.parts[k].map_or(String::new(), |part: Part| format!(", {part}"));
        format!("{} ({}{part})", found.paths[k].display(), found.labels[k])
    };
    let how = match found.seconds {
        None => "same bytes".into(),
        Some(seconds) => format!(
            "{seconds:.0} s sound the same, {:.1} of 32 bits differ",
            found.bit_errors
        ),
    };
    format!("{} and {}: {how}", file(0), file(1))
}
