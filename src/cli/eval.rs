//! `gamaka eval`: accuracy with its intervals, beside its floors.

mod accuracy;
mod by;
mod multi_label;
mod open;
mod reliability;
mod several;
mod shift;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::adapt::AdaptedAccuracy;
use crate::data::{Dataset, SHOTS, Task, WAYS};
use crate::evaluate::{
    Embedded, EvaluateError, EvaluatePart, HeadChoice, LABELS, LabelMap, Reader, Report, Shifted,
    check_column, check_task, embed_between, embed_dataset,
};
use crate::features::KeptFeatures;
use crate::files::{self, OutputFolder, Outputs};
use crate::gpu::Gpu;
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::report::{Svg, confusion_svg};
use crate::score::{Estimate, Evaluation, Interval};
use crate::settings::TrainConfig;
use crate::shift::Shift;
use anyhow::Context;

use super::advice;
use super::common::{
    Common, INCLUDED, conclude, engine, failed_json, front_end, load_model, print, print_json,
    usage,
};
use super::numbers::{seed, whole};
use super::settings::{Classes, Keeping, files_of, shifts};
use super::table::{Align, Table, pad, percent, widest};

/// Name of the picture of probabilities in the folder of -o.
const RELIABILITY: &str = "reliability.svg";

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder of genre folders, or a CSV manifest
    #[arg(required_unless_present = "support_from")]
    data: Option<PathBuf>,
    #[command(flatten)]
    classes: Classes,
    /// Learn from this collection and find in that of --query-from, instead of DATA
    #[arg(
        long,
        value_name = "DATA",
        requires = "query_from",
        conflicts_with_all = ["data", "split", "features"]
    )]
    support_from: Option<PathBuf>,
    /// The collection to find in
    #[arg(long, value_name = "DATA", requires = "support_from")]
    query_from: Option<PathBuf>,
    /// A CSV file `from,to`: common names for labels of both collections
    #[arg(long, value_name = "FILE.csv", requires = "support_from")]
    label_map: Option<PathBuf>,
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka; given several times, each
    /// is tested on its own test files (the folds of a cross-validation, or other seeds), and their mean is told
    #[arg(short, long = "model", value_name = "MODEL", default_value = INCLUDED)]
    models: Vec<PathBuf>,
    /// Which files: those that the model's split keeps for the test, all, or those that the model never saw: the test's,
    /// or all of music that it knows none of
    #[arg(long, default_value = "unseen", value_name = "unseen|test|all", value_parser = part)]
    split: EvaluatePart,
    /// Classes of an episode [default: as the (first) model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(1..=*WAYS.end()))]
    way: Option<usize>,
    /// Supports a class [default: as the model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    shot: Option<usize>,
    /// Queries a class [default: as the model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    query: Option<usize>,
    /// Number of episodes
    #[arg(long, default_value_t = 1000, allow_negative_numbers = true, value_parser = whole(2..=TrainConfig::MOST_SCORED))]
    episodes: usize,
    /// Seed of the episodes
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = seed)]
    seed: u64,
    /// What classifies the embeddings of the network and of the untrained one: auto is what it was trained for
    #[arg(
        long,
        default_value_t,
        value_name = "auto|prototype|simpleshot|cosine|linear-probe|gradient"
    )]
    head: HeadChoice,
    /// Episodes that a network trained by maml or reptile, a single one, adapts its whole body to; 0 for none
    #[arg(long, default_value_t = 100, value_name = "EPISODES", allow_negative_numbers = true, value_parser = whole(0..=TrainConfig::MOST_SCORED))]
    adapt: usize,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    engine: EngineChoice,
    /// Draw the confusion matrix
    #[arg(long, value_name = "FILE.svg", conflicts_with_all = ["shift", "open", "multi_label"])]
    confusion: Option<PathBuf>,
    /// Alter the queries and compare with clean ones: live, amateur, reverb, crowd, pa, phone, clipping, hum, codec,
    /// tempo, pitch, level; all of them if none is named
    #[arg(
        long,
        value_name = "SHIFT,...",
        num_args = 0..=1,
        value_delimiter = ',',
        default_missing_value = "all"
    )]
    shift: Option<Vec<String>>,
    /// Compare with another model of the same test files, on the same altered queries
    #[arg(long, value_name = "MODEL", requires = "shift")]
    against: Option<PathBuf>,
    /// Ask how well distance tells classes without examples from those with them, by as many unknown classes as ways
    #[arg(long, conflicts_with_all = ["shift", "support_from"])]
    open: bool,
    /// Give each query several labels, from the manifest's column `labels` (with `;` between them), by prototypes of
    /// their combinations
    #[arg(long, conflicts_with_all = ["shift", "open", "support_from", "head", "labels"])]
    multi_label: bool,
    /// Tell the accuracy of queries by their value in a column of the manifest too: a culture, live or not, an artist
    #[arg(
        long,
        value_name = "COLUMN",
        value_parser = column,
        conflicts_with_all = ["shift", "open", "multi_label"]
    )]
    by: Option<String>,
    /// Write pictures into this folder: accuracies by class or by --by and how far probabilities can be relied on, or what
    /// --shift or --open found
    #[arg(short, long, value_name = "DIR", conflicts_with = "multi_label")]
    output: Option<PathBuf>,
    #[command(flatten)]
    keeping: Keeping,
    /// Stop at the first file that is damaged
    #[arg(long)]
    strict: bool,
}

impl Args {
    /// The task asked for, or that a model was trained for.
    fn task(&self, config: &TrainConfig) -> Task {
        Task {
            way: self.way.unwrap_or(config.way),
            shot: self.shot.unwrap_or(config.shot),
            query: self.query.unwrap_or(config.query),
        }
    }

    /// Name of the picture in the folder of -o.
    fn picture(&self) -> &'static str {
        match (&self.shift, self.open) {
            (Some(_), _) => "shift.svg",
            (None, true) => "roc.svg",
            (None, false) => "accuracy.svg",
        }
    }

    /// Checks before hours of work that all files can go where they shall.
    fn outputs(&self) -> anyhow::Result<Outputs> {
        let mut outputs = Outputs::default();
        if let Some(folder) = &self.output {
            OutputFolder::new(folder).check(&mut outputs, &[self.picture(), RELIABILITY])?;
        }
        self.confusion
            .iter()
            .try_for_each(|path| outputs.add(path))?;
        let features = self.keeping.features.iter();
        features
            .map(PathBuf::as_path)
            .try_for_each(|path| outputs.add_model(path))?;
        let others = [
            &self.data,
            &self.against,
            &self.support_from,
            &self.query_from,
            &self.label_map,
        ];
        outputs.spare(self.models.iter().chain(others.into_iter().flatten()))?;
        Ok(outputs)
    }

    /// A collection, none of whose files is an output.
    fn opened(
        &self,
        data: &Path,
        kept: Option<&KeptFeatures>,
        common: &Common,
    ) -> anyhow::Result<Dataset> {
        let outputs = self.outputs()?;
        let dataset = self.classes.open(data, kept, common)?;
        outputs.spare(files_of(&dataset))?;
        Ok(dataset)
    }
}

fn part(text: &str) -> Result<EvaluatePart, String> {
    match text {
        "test" => Ok(EvaluatePart::Test),
        "all" => Ok(EvaluatePart::All),
        "unseen" => Ok(EvaluatePart::Unseen),
        _ => Err("choose unseen, test or all".into()),
    }
}

/// Columns are known by their names in lower case.
fn column(text: &str) -> Result<String, String> {
    Ok(text.trim().to_lowercase())
}

/// Reads and embeds the files, of one collection or of two.
fn embed(args: &Args, reader: &Reader, task: Task, common: &Common) -> anyhow::Result<Embedded> {
    let open = |path| args.opened(path, reader.front_end.keeps().as_deref(), common);
    let embedded = match (&args.support_from, &args.query_from) {
        (Some(support), Some(query)) => {
            let map = args.label_map.as_deref().map(LabelMap::read).transpose()?;
            let sides = [(support.as_path(), open(support)?), (query, open(query)?)];
            if let Some(column) = &args.by {
                check_column(&sides[1].1, column)?;
            }
            common.counted("reading", |on| {
                embed_between(reader, sides, &map.unwrap_or_default(), task.way, on)
            })
        }
        _ => {
            let mut dataset = open(args.data.as_deref().unwrap_or(Path::new("")))?;
            let part = args.split.of(&dataset, reader.model);
            if part == EvaluatePart::All && !args.multi_label {
                dataset.leave_out_lone_classes();
            }
            // Before the files are read, which takes long.
            if args.multi_label {
                check_column(&dataset, LABELS)?;
            }
            if let Some(column) = &args.by {
                check_column(&dataset, column)?;
            }
            // What else is asked of the files is checked elsewhere, and what no tracks can give too.
            if !args.multi_label && !args.open && !dataset.tracks {
                checked(args, &dataset, reader.model, task)?;
            }
            common.counted("reading", |on| embed_dataset(reader, dataset, part, on))
        }
    };
    Ok(embedded?)
}

/// Checks that a part of a data set gives episodes, or says which command does.
fn checked(args: &Args, dataset: &Dataset, model: &Model, task: Task) -> anyhow::Result<()> {
    let check = |part, task| check_task(dataset, model, part, task);
    check(args.split, task).map_err(|error| {
        advice::smaller(error, args.split, task, |part, task| {
            check(part, task).is_ok()
        })
    })
}

/// What could be read gives no such episodes: which command works.
fn fewer(args: &Args, embedded: &Embedded, task: Task, error: EvaluateError) -> anyhow::Error {
    advice::smaller(error, args.split, task, |_, task| {
        embedded.check_task(task).is_ok()
    })
}

/// A model that can be evaluated as asked.
fn opened(args: &Args, path: &Path, common: &Common) -> anyhow::Result<Model> {
    let model = load_model(path, common)?;
    // Before the files are read, which takes long.
    args.head
        .check(&model)
        .with_context(|| path.display().to_string())?;
    Ok(model)
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let shifts = args.shift.as_deref().map(shifts);
    args.outputs()?;
    let [path] = &args.models[..] else {
        return several::run(args, common);
    };
    let model = opened(args, path, common)?;
    let kept = args.keeping.open(common)?;
    let gpu = common.gpu()?;
    let front_end = front_end(args.engine, &gpu, &model, args.strict)?.keeping(kept);
    let task = args.task(&model.info.config);
    let reader = Reader::new(&gpu, &model, &front_end)?;
    let mut embedded = embed(args, &reader, task, common)?;
    if !common.json {
        let notes = embedded.notes.iter();
        notes.for_each(|n| common.note(&format!("note: {n}")));
    }
    if let Some(shifts) = shifts {
        return shift(args, common, &gpu, &reader, &mut embedded, &shifts, task);
    }
    // Before the score, which failed files may make impossible.
    let code = finish(args, &embedded);
    let name = &model.network.spec.name;
    if args.open {
        open_set(args, common, &reader, &embedded, task)?;
        return Ok(code);
    }
    if args.multi_label {
        let report = embedded.score_multi_label(&model, task, args.episodes, args.seed)?;
        match common.json {
            true => print_json(&json(args, path, &model, &embedded, "multi_label", &report))?,
            false => print(&multi_label::words(&report, name))?,
        }
        return Ok(code);
    }
    let report = embedded.score(task, args.episodes, args.seed, args.head);
    let report = report.map_err(|error| fewer(args, &embedded, task, error))?;
    let by = match &args.by {
        Some(column) => Some((column, embedded.by_column(&report, column)?)),
        None => None,
    };
    let adapted = match args.adapt {
        0 => None,
        episodes => common.while_waiting("adapting", || {
            embedded.adapted(&gpu, &model, task, episodes, args.seed)
        })?,
    };
    if common.json {
        let mut document = json(args, path, &model, &embedded, "result", &report);
        if let Some((column, values)) = &by {
            document["by"] = serde_json::json!({ "column": column, "values": values });
        }
        document["body_adapted"] = serde_json::to_value(adapted)?;
        print_json(&document)?;
    } else {
        let mut text = words(&report, &model.network.spec.name);
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
            Some((column, values)) => accuracy::picture(&report, column, values, name),
            None => accuracy::picture(&report, "class", &embedded.by_class(&report), name),
        };
        write_picture(args, folder, &picture?, common)?;
        if let Some(found) = &report.reliability {
            let picture = reliability::picture(found, name)?;
            write_named(folder, RELIABILITY, &picture, common)?;
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

/// Tells of files that failed, and how the command ends.
fn finish(args: &Args, embedded: &Embedded) -> ExitCode {
    let files = embedded.files.len() + embedded.failed.len();
    conclude(&embedded.failed, files, args.strict)
}

/// Altered queries beside clean ones, of one model or of two.
fn shift(
    args: &Args,
    common: &Common,
    gpu: &Gpu,
    reader: &Reader,
    embedded: &mut Embedded,
    shifts: &[Shift],
    task: Task,
) -> anyhow::Result<ExitCode> {
    let shifted = common.counted("altering", |on| {
        embedded.shifted(reader, shifts, args.seed, on)
    })?;
    let code = finish(args, embedded);
    let other = args.against.as_deref();
    let other = other.map(|path| against(args, common, gpu, reader, path, shifts, task));
    let other = other.transpose()?;
    let report = embedded.score_shifts(
        &shifted,
        other.as_ref().map(|(other, shifted)| (other, &shifted[..])),
        task,
        args.episodes,
        args.seed,
        args.head,
    );
    let report = report.map_err(|error| fewer(args, embedded, task, error))?;
    let name = &reader.model.network.spec.name;
    match common.json {
        true => print_json(&json(
            args,
            &args.models[0],
            reader.model,
            embedded,
            "shift",
            &report,
        ))?,
        false => print(&shift::words(&report, name))?,
    }
    if let Some(folder) = &args.output {
        let picture = shift::picture(&report, name)?;
        write_picture(args, folder, &picture, common)?;
    }
    Ok(code)
}

/// What another model makes of the same files, clean and altered.
fn against(
    args: &Args,
    common: &Common,
    gpu: &Gpu,
    reader: &Reader,
    path: &Path,
    shifts: &[Shift],
    task: Task,
) -> anyhow::Result<(Embedded, Vec<Shifted>)> {
    let model = opened(args, path, common)?;
    let front_end =
        front_end(args.engine, gpu, &model, args.strict)?.keeping(reader.front_end.keeps());
    let reader = Reader::new(gpu, &model, &front_end)?;
    let mut embedded = embed(args, &reader, task, common)?;
    let shifted = common.counted("altering", |on| {
        embedded.shifted(&reader, shifts, args.seed, on)
    })?;
    Ok((embedded, shifted))
}

/// Classes without examples beside those with them.
fn open_set(
    args: &Args,
    common: &Common,
    reader: &Reader,
    embedded: &Embedded,
    task: Task,
) -> anyhow::Result<()> {
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
    let report = embedded.score_open(validation, task, args.episodes, args.seed, args.head)?;
    let name = &reader.model.network.spec.name;
    match common.json {
        true => print_json(&json(
            args,
            &args.models[0],
            reader.model,
            embedded,
            "open",
            &report,
        ))?,
        false => print(&open::words(&report, name))?,
    }
    if let Some(folder) = &args.output {
        write_picture(args, folder, &open::picture(&report, name)?, common)?;
    }
    Ok(())
}

/// Writes a picture into a folder, which is made if need be.
fn write_picture(args: &Args, folder: &Path, picture: &Svg, common: &Common) -> anyhow::Result<()> {
    write_named(folder, args.picture(), picture, common)
}

fn write_named(folder: &Path, name: &str, picture: &Svg, common: &Common) -> anyhow::Result<()> {
    let folder = OutputFolder::new(folder);
    let path = folder.write(name, picture.standalone().as_bytes())?;
    common.note(&format!("wrote {}", path.display()));
    Ok(())
}

/// One document: what was evaluated, and `result` under `key`.
fn json(
    args: &Args,
    path: &Path,
    model: &Model,
    embedded: &Embedded,
    key: &str,
    result: &impl serde::Serialize,
) -> serde_json::Value {
    serde_json::json!({
        "model": path.display().to_string(),
        "network": model.network.spec.name,
        "parameters": model.network.parameter_count(),
        "data": args.data,
        "support_from": args.support_from,
        "query_from": args.query_from,
        "files_used": embedded.files.len(),
        "files_failed": failed_json(&embedded.failed),
        "notes": embedded.notes,
        key: result,
    })
}

/// The accuracy with the body adapted to each task.
fn adapted_words(adapted: &AdaptedAccuracy) -> String {
    let half = adapted.over_episodes.half_width();
    format!(
        "\nwith the body adapted to each task as well, on the first {} episodes: {} % (± {} over episodes)\n",
        adapted.episodes,
        percent(adapted.accuracy),
        percent(half)
    )
}

/// An interval in percent.
fn ends_words(interval: Option<&Interval>) -> String {
    match interval {
        Some(i) => format!("{:>5} to {:>5}", percent(i.low), percent(i.high)),
        None => "no interval".into(),
    }
}

/// A mean with both its intervals, in percent.
pub(super) fn estimate_words(e: &Estimate) -> String {
    let files = ends_words(e.over_files.as_ref());
    let half = (e.over_episodes.high - e.over_episodes.low) / 2.0;
    format!(
        "{:>6}   {files:>15}   ± {:.1}",
        percent(e.mean),
        half * 100.0
    )
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
pub(super) fn words(report: &Report, name: &str) -> String {
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
        "{}-way {}-shot, {} queries a class, {episodes} episodes, seed {seed}; {} classes, {} files; head: {}\n\n",
        task.way,
        task.shot,
        task.query,
        classes.len(),
        files.iter().sum::<usize>(),
        report.head
    );
    let labels: Vec<&str> = std::iter::once(name)
        .chain(systems.iter().skip(1).map(|system| system.name.as_str()))
        .collect();
    let less: Vec<String> = report
        .differences
        .iter()
        .map(|d| format!("less {}", d.against))
        .collect();
    let all = labels
        .iter()
        .copied()
        .chain(less.iter().map(String::as_str));
    let width = widest(all).max("accuracy in %".len());
    let _ = writeln!(
        text,
        "{:width$} {:>6}   {:>15}   95 % over episodes",
        "accuracy in %", "mean", "95 % over files"
    );
    for (label, system) in labels.iter().zip(systems) {
        let _ = writeln!(
            text,
            "{} {}",
            pad(label, width),
            estimate_words(&system.accuracy)
        );
    }
    let _ = writeln!(text, "{:width$} {:>6}", "chance", percent(task.chance()));
    let _ = writeln!(text, "\npaired on the same episodes and files");
    for (label, d) in less.iter().zip(&report.differences) {
        let _ = writeln!(
            text,
            "{} {}",
            pad(label, width),
            estimate_words(&d.difference)
        );
    }
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
