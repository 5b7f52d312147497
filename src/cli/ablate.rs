//! `gamaka ablate`: is it the splines? Networks and learners compared on one data set.

mod page;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::ablate::{
    AblateError, AblateOptions, Event, Findings, Grid, ScoreOptions, UNTRAINED, Workbench,
};
use crate::files::{self, Claim, OutputFolder, Outputs};
use crate::model::{Network, Spec};
use crate::settings::{Method, TrainConfig};
use crate::train::{self, Collections};
use anyhow::{Context, bail};
use bytesize::ByteSize;
use indicatif::{HumanDuration, ProgressBar};

use super::advice::{self, Asked};
use super::common::{Common, network_spec, plain, print, print_error, print_json};
use super::interrupt::{INTERRUPTED, Stopping};
use super::numbers::{memory, number, rate, seed, whole};
use super::settings::{Keeping, Settings, Source, files_of};
use super::train::Display;

/// What is made of the cells at the end.
const FILES: [&str; 12] = [
    "tables.md",
    "findings.json",
    "accuracies.csv",
    "report.html",
    "pictures/accuracy.svg",
    "pictures/differences.svg",
    "pictures/parameters.svg",
    "pictures/step-time.svg",
    "pictures/shots.svg",
    "pictures/classes.svg",
    "pictures/training.svg",
    "pictures/confusion.svg",
];

/// The networks of the question, in the order of the tables.
const MODELS: &str =
    "ickan,ickan-late,shared-spline,conv-kan-head,kan,mlp,mlp-params,cnn,cnn-params,random";

/// The networks that also run under other learners and on fewer classes, where they are among the models.
const FOCUS: [&str; 2] = ["ickan", "cnn-params"];

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Where everything goes; the same folder again goes on where it was
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Networks: names that come with gamaka, `random`, or TOML files
    #[arg(long, value_delimiter = ',', default_value = MODELS, value_name = "NAME|SPEC.toml,...")]
    models: Vec<String>,
    /// Learners; all networks run under the first
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "prototype",
        value_name = "prototype|anil|maml|reptile,..."
    )]
    learners: Vec<Method>,
    /// A number of seeds, counted from 1, or a list of them
    #[arg(long, default_value = "5", value_name = "COUNT|SEED,SEED,...")]
    seeds: String,
    /// Networks that also run under the other learners and on fewer classes [default: ickan,cnn-params]
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    focus: Option<Vec<String>>,
    /// Seeds of the learners after the first
    #[arg(long, default_value_t = 3, value_name = "COUNT", allow_negative_numbers = true, value_parser = whole(1..=MOST_SEEDS))]
    learner_seeds: usize,
    /// Learning rates that every network is searched over, and beyond where the best is at an end of them
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1e-3,2e-3,4e-3",
        value_name = "RATE,...",
        allow_negative_numbers = true,
        value_parser = rate
    )]
    rates: Vec<f64>,
    /// Shares of the training classes that the focus networks are trained on as well
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0.5",
        value_name = "SHARE,...",
        allow_negative_numbers = true,
        value_parser = number(0.0..=1.0)
    )]
    shares: Vec<f64>,
    /// Test episodes a seed
    #[arg(long, default_value_t = 1000, allow_negative_numbers = true, value_parser = whole(2..=TrainConfig::MOST_SCORED))]
    test_episodes: usize,
    /// Classes that count as near neighbours [default: what the MFCC floor mixes up most]
    #[arg(long, value_delimiter = ',', value_name = "CLASS/CLASS,...", value_parser = near)]
    near: Vec<[String; 2]>,
    #[command(flatten)]
    settings: Settings,
    /// Limit of device memory, for example 512MiB
    #[arg(long, value_name = "LIMIT", allow_negative_numbers = true, value_parser = memory)]
    memory: Option<ByteSize>,
    #[command(flatten)]
    keeping: Keeping,
    /// Stop at the first file that is damaged, instead of using what can be decoded
    #[arg(long)]
    strict: bool,
}

fn near(text: &str) -> Result<[String; 2], String> {
    match text.split_once('/') {
        Some((a, b)) if !a.is_empty() && !b.is_empty() => Ok([a.to_string(), b.to_string()]),
        _ => Err("write two classes with a slash between them, such as blues/jazz".into()),
    }
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let asked = grid(args, &args.settings)?;
    // Before anything is written.
    asked.validate()?;
    let mut outputs = Outputs::default();
    OutputFolder::new(&args.output).check(&mut outputs, &FILES)?;
    let features = args.keeping.features.iter();
    features
        .map(PathBuf::as_path)
        .try_for_each(|path| outputs.add_model(path))?;
    outputs.spare([&args.source.data])?;
    outputs.spare(args.settings.inputs())?;
    outputs.spare(&args.models)?;
    let kept = args.keeping.open(common)?;
    let mut dataset = args.source.open(kept.as_deref(), common)?;
    outputs.spare(files_of(&dataset))?;
    dataset.leave_out_lone_classes();
    dataset.warnings.iter().for_each(|w| common.note(w));
    if let Some([class, _]) = args.near.iter().find(|[a, b]| a == b) {
        bail!("--near names `{class}` beside itself: name two classes");
    }
    for class in args.near.iter().flatten() {
        if !dataset.classes.contains(class) {
            bail!(
                "--near names `{class}`, which is no class of {}",
                args.source.data.display()
            );
        }
    }
    let datasets = [&dataset];
    let collections = Collections {
        datasets: &datasets,
        seeds: &asked.seeds,
        heard: None,
    };
    let asked = Asked {
        settings: &args.settings,
        config: &asked.config,
        datasets: &datasets,
        seeds: &asked.seeds,
        source: &args.source,
        takes_tracks: false,
    };
    let grid = match collections.check(asked.config) {
        Err(error) if error.is_too_little() && !dataset.tracks => {
            let (settings, note) = advice::fitted(asked, error, common)?;
            common.note(&note);
            grid(args, &settings)?
        }
        _ => grid(args, &args.settings)?, // the comparison says what else is wrong
    };
    let cells = args.output.join("cells");
    files::make_folder(&cells)?;
    let _claim = Claim::new(&cells.join("all"))?;
    let stopping = Stopping::new(format!(
        "stopping after what is at hand; {} keeps what is done, and the same command goes on",
        cells.display()
    ));
    let options = AblateOptions {
        device: common.device.clone(),
        folder: &cells,
        memory: args.memory.map(|m| m.as_u64()),
        strict: args.strict,
        features: kept,
        stop: stopping.flag(),
    };
    let mut progress = Progress::new(common, &grid);
    let result = Workbench::new(&dataset, &grid, &options, &mut |event| {
        progress.show(&event)
    })
    .and_then(|mut bench| {
        let results = bench.run(&mut |event| progress.show(&event))?;
        progress.finish();
        drop(stopping);
        let scoring = ScoreOptions {
            episodes: args.test_episodes,
            near: args.near.clone(),
        };
        common.while_waiting("scoring", || Findings::of(&bench, &results, &scoring))
    });
    progress.finish();
    let mut findings = match result {
        Err(AblateError::Reading(train::TrainError::Unstarted)) => {
            common.note("stopped while reading the files; run the same command again");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(error @ AblateError::Interrupted { .. }) => {
            print_error(&error.into());
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(AblateError::Reading(error)) if error.is_too_little() => {
            return Err(advice::refusal(asked, error, common));
        }
        other => other?,
    };
    let untested = findings.untested.iter().map(|[a, b]| {
        format!("no seed tests {a} and {b} together: use --protocol seen-classes, more --seeds, or a manifest that puts both into the test")
    });
    findings.notes.extend(untested);
    findings.notes.sort();
    write(args, &findings)?;
    if common.json {
        print_json(&findings)?;
    } else {
        print(&text(&findings, tables::Table::words))?;
        common.note(&format!(
            "everything, with pictures: {}",
            args.output.join("report.html").display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The grid that the flags describe.
fn grid(args: &Args, settings: &Settings) -> anyhow::Result<Grid> {
    let mut config = settings.configuration()?;
    // Of a training's own settings those that the grid varies mean nothing.
    config.learning_rate = TrainConfig::default().learning_rate;
    config.validate()?;
    let input = [config.preset.n_mels, config.segment().frames()];
    let networks = args
        .models
        .iter()
        .map(|name| match name.as_str() {
            UNTRAINED => Ok(Spec {
                name: UNTRAINED.into(),
                ..Spec::named("ickan", input)?
            }),
            name => {
                let spec = network_spec(name, input)?;
                // Before the data is looked at, which takes long.
                Network::new(spec.clone(), input).with_context(|| name.to_string())?;
                Ok(spec)
            }
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let known = |name: &&str| networks.iter().any(|spec| spec.name == **name);
    let focus = match &args.focus {
        Some(names) => names.clone(),
        None => FOCUS
            .iter()
            .filter(|name| known(name))
            .map(|name| name.to_string())
            .collect(),
    };
    Ok(Grid {
        config,
        networks,
        focus,
        learners: args.learners.clone(),
        seeds: seeds(&args.seeds)?,
        learner_seeds: args.learner_seeds,
        rates: args.rates.clone(),
        shares: args.shares.clone(),
    })
}

/// Most seeds of a comparison.
const MOST_SEEDS: usize = 1000;

/// `5` are the seeds 1 to 5, `3,7` are 3 and 7.
fn seeds(text: &str) -> anyhow::Result<Vec<u64>> {
    const MOST: u64 = MOST_SEEDS as u64;
    let numbers = text
        .split(',')
        .map(|word| seed(word).map_err(anyhow::Error::msg))
        .collect::<anyhow::Result<Vec<_>>>()
        .with_context(|| {
            format!("--seeds {text}: write a number of seeds, or a list such as 1,2,7")
        })?;
    match numbers[..] {
        [0] => bail!("--seeds 0: at least one seed is needed"),
        [count] if count > MOST => {
            bail!("--seeds {count}: at most {MOST}; a list such as 7,{count} names single ones")
        }
        [count] => Ok((1..=count).collect()),
        _ => Ok(numbers),
    }
}

/// Turns what a comparison tells into words and bars.
struct Progress<'a> {
    common: &'a Common,
    reading: Display<'a>,
    bar: ProgressBar,
    cell: String,
    episodes: usize,
}

impl<'a> Progress<'a> {
    fn new(common: &'a Common, grid: &Grid) -> Self {
        Self {
            common,
            reading: Display::new(common, grid.config.episodes),
            bar: ProgressBar::hidden(),
            cell: String::new(),
            episodes: grid.config.episodes,
        }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::Training(event @ train::Event::Reading { .. }) => self.reading.show(event),
            Event::Training(train::Event::Note(text)) | Event::Note(text) => {
                self.bar.suspend(|| self.common.note(text));
            }
            Event::Training(train::Event::Episodes(rows)) => {
                if let Some(row) = rows.last() {
                    self.bar
                        .set_message(format!("{} {}/{}", self.cell, row.episode, self.episodes));
                }
            }
            Event::Training(_) => {}
            Event::Timed { done, pairs } => {
                if *done == 0 {
                    self.bar = self.common.bar(*pairs, "timing");
                }
                self.bar.set_position(*done as u64);
            }
            Event::Estimate {
                cells,
                done,
                seconds,
            } => {
                self.bar.finish_and_clear();
                let rest = HumanDuration(Duration::from_secs_f64(*seconds));
                self.common.note(&format!(
                    "{cells} trainings, {done} of them done before; the others take at least {rest}"
                ));
                self.bar = self.common.bar(*cells, "cells");
            }
            Event::Cell { number, cell } => {
                self.bar.set_position(*number as u64);
                self.cell = plain(&cell.name());
                self.bar.set_message(self.cell.clone());
            }
            Event::Done(result) => {
                let name = result.cell.name();
                let text = match result.episodes {
                    0 => format!("{name}: not trained"),
                    _ => format!(
                        "{name}: {:.1} % on the validation classes, {:.0} s",
                        100.0 * result.validated(),
                        result.seconds
                    ),
                };
                self.bar.suspend(|| self.common.note(&text));
            }
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// All tables, each as `table` writes it, below the answer.
fn text(findings: &Findings, table: fn(&tables::Table) -> String) -> String {
    let tables: String = tables::tables(findings).iter().map(table).collect();
    let notes = findings.notes.join("\n");
    format!("{}\n\n{tables}{notes}\n", page::lead(findings))
}

/// Writes the page, its pictures, and the tables for other programs.
fn write(args: &Args, findings: &Findings) -> anyhow::Result<()> {
    let folder = OutputFolder::new(&args.output);
    let [list, document, accuracies, report, ..] = FILES;
    folder.write(list, text(findings, tables::Table::markdown).as_bytes())?;
    let json = serde_json::to_string_pretty(findings)?;
    folder.write(document, json.as_bytes())?;
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in &findings.rows {
        table.serialize(row)?;
    }
    folder.write(accuracies, &table.into_inner()?)?;
    let drawn = page::pictures(findings)?;
    for picture in &drawn {
        let name = format!("pictures/{}.svg", picture.name);
        folder.write(&name, picture.svg.standalone().as_bytes())?;
    }
    let page = page::page(findings, &tables::tables(findings), &drawn);
    folder.write(report, page.html().as_bytes())?;
    Ok(())
}
