//! `gamaka prune`: a smaller model of a model, or the table of what that costs.

mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::data::{Dataset, Part, SHOTS, Task, WAYS};
use crate::files::{self, Outputs};
use crate::model::Network;
use crate::model_file::Model;
use crate::prune::{Level, Manner, PruneError, Pruner, Question, in_halves, lasso_state};
use crate::settings::TrainConfig;
use crate::train::{Event, Lesson, TrainError, TuneOptions, Tuner, checkpoint_path};
use bytesize::ByteSize;

use super::common::{Common, load_model, print, print_error, print_json};
use super::interrupt::{INTERRUPTED, Stopping};
use super::numbers::{memory, number, rate, seed, whole};
use super::settings::{Keeping, Source, files_of};
use super::train::Display;

/// Most outputs whose edges go together.
const TOGETHER: usize = 64;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka
    pub model: PathBuf,
    #[command(flatten)]
    pub source: Source,
    /// Where the smaller model goes
    #[arg(
        short,
        long,
        value_name = "MODEL.safetensors",
        required_unless_present = "table"
    )]
    pub output: Option<PathBuf>,
    /// Instead of one model make one of each share of edges, of each share of operations and of each grid, and measure them on
    /// the test files beside the original: tables, pictures and the models go to this folder. What is there already is not
    /// made again
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub table: Option<PathBuf>,
    /// Share of the edges to remove, those first that matter least under the inputs that really reach them [default: 0.5 if
    /// nothing else is asked for; with --table 0.1,0.25,0.5,0.75,0.9,0.95]
    #[arg(long, alias = "sparsity", value_delimiter = ',', allow_negative_numbers = true, value_parser = number(0.0..=1.0))]
    pub edges: Vec<f64>,
    /// Share of the floating-point operations that is left when channels are removed, those first that matter least for what
    /// they take [with --table 0.7,0.5,0.35,0.25]
    #[arg(long, alias = "channels", value_delimiter = ',', allow_negative_numbers = true, value_parser = number(0.0..=1.0))]
    pub flops: Vec<f64>,
    /// Cells of the splines' grids, fewer than the model's [with --table 3,2]
    #[arg(long, value_delimiter = ',', allow_negative_numbers = true, value_parser = whole(1..=64))]
    pub grid: Vec<usize>,
    /// Plain weights are edges too
    #[arg(long)]
    pub plain: bool,
    /// Remove the edges of a tap to so many neighbouring outputs together
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = whole(1..=TOGETHER))]
    pub together: usize,
    /// Before edges are removed, as many steps with a group lasso of this strength, which draws them to zero
    #[arg(long, value_name = "STRENGTH", allow_negative_numbers = true, value_parser = number(0.0..=1000.0))]
    pub lasso: Option<f64>,
    /// What the fine-tuning learns from: the embeddings of the model itself, which need no labels, or episodes
    #[arg(long, default_value = "model", value_name = "model|episodes", value_parser = lesson)]
    pub by: Lesson,
    /// Steps of the fine-tuning
    #[arg(long, default_value_t = 400, allow_negative_numbers = true, value_parser = whole(TrainConfig::EPISODES))]
    pub steps: usize,
    /// Its highest learning rate [default: 0.001]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = rate)]
    pub lr: Option<f64>,
    /// At most so many training files; of more a share drawn by the seed
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = whole(1..=usize::MAX))]
    pub most_files: Option<usize>,
    /// Classes of a question to the test files [default: as the model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(WAYS))]
    pub way: Option<usize>,
    /// Examples of each [default: as the model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    pub shot: Option<usize>,
    /// Files asked of each [default: as the model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    pub query: Option<usize>,
    /// Questions
    #[arg(long, default_value_t = 1000, allow_negative_numbers = true, value_parser = whole(2..=TrainConfig::MOST_SCORED))]
    pub episodes: usize,
    /// Seed of everything
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = seed)]
    pub seed: u64,
    /// Limit of device memory, such as 4GiB
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory: Option<ByteSize>,
    #[command(flatten)]
    pub keeping: Keeping,
    /// Stop at the first file that is damaged, instead of using what can be decoded
    #[arg(long)]
    pub strict: bool,
}

fn lesson(text: &str) -> Result<Lesson, String> {
    match text {
        "model" => Ok(Lesson::Model),
        "episodes" => Ok(Lesson::Episodes),
        _ => Err("choose model or episodes".into()),
    }
}

impl Args {
    fn manner(&self) -> Manner {
        Manner {
            plain: self.plain,
            together: self.together,
            lasso: self.lasso,
        }
    }

    fn question(&self, model: &Model) -> Question {
        let Task { way, shot, query } = model.info.config.task();
        Question {
            task: Task::new(
                self.way.unwrap_or(way),
                self.shot.unwrap_or(shot),
                self.query.unwrap_or(query),
            ),
            episodes: self.episodes,
            seed: self.seed,
        }
    }

    /// The one level of a smaller model.
    fn level(&self) -> anyhow::Result<Level> {
        for (flag, values) in [
            ("--edges", self.edges.len()),
            ("--flops", self.flops.len()),
            ("--grid", self.grid.len()),
        ] {
            if values > 1 {
                anyhow::bail!(
                    "{flag} takes several values only for a table: give one, or --table DIR"
                );
            }
        }
        let level = Level {
            edges: self.edges.first().copied(),
            flops: self.flops.first().copied(),
            grid: self.grid.first().copied(),
        };
        let nothing = level.flops.is_none() && level.grid.is_none();
        Ok(Level {
            edges: level.edges.or(nothing.then_some(0.5)),
            ..level
        })
    }
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut outputs = Outputs::default();
    if let Some(output) = &args.output {
        outputs.add_model(output)?;
        outputs.add_model(&checkpoint_path(output))?;
        outputs.add_model(&checkpoint_path(&lasso_state(output)))?;
    }
    let features = args.keeping.features.iter();
    features
        .map(PathBuf::as_path)
        .try_for_each(|path| outputs.add_model(path))?;
    outputs.spare([&args.source.data, &args.model])?;
    let model = load_model(&args.model, common)?;
    let levels = match &args.table {
        Some(_) => table::levels(args, &model),
        None => vec![args.level()?],
    };
    if let Some(folder) = &args.table {
        table::check(folder, &levels, &mut outputs)?;
        outputs.spare([&args.source.data, &args.model])?;
    }
    for level in &levels {
        Pruner::check(&model, &args.manner(), level)?;
    }
    let kept = args.keeping.open(common)?;
    let dataset = args.source.open(kept.as_deref(), common)?;
    dataset.warnings.iter().for_each(|w| common.note(w));
    outputs.spare(files_of(&dataset))?;
    let mut config = TrainConfig::tuning(&model, args.by);
    config.episodes = args.steps;
    config.seed = args.seed;
    config.learning_rate = args.lr.unwrap_or(config.learning_rate);
    let stopping = Stopping::new(
        "stopping after what is at hand; the same command goes on from there".to_owned(),
    );
    let options = TuneOptions {
        device: common.device.clone(),
        memory: args.memory.map(|m| m.as_u64()),
        strict: args.strict,
        features: kept,
        most_files: args.most_files,
        stop: stopping.flag(),
    };
    let mut display = Display::new(common, args.steps);
    let done = go(
        args,
        common,
        &model,
        &dataset,
        config,
        &levels,
        &options,
        &mut display,
    );
    display.bar.finish_and_clear();
    drop(stopping);
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<PruneError>() {
            Some(PruneError::Train(TrainError::Interrupted { .. } | TrainError::Unstarted)) => {
                print_error(&error);
                Ok(ExitCode::from(INTERRUPTED))
            }
            _ => Err(error),
        },
    }
}

#[expect(clippy::too_many_arguments, reason = "what a run has prepared")]
fn go(
    args: &Args,
    common: &Common,
    model: &Model,
    dataset: &Dataset,
    config: TrainConfig,
    levels: &[Level],
    options: &TuneOptions,
    display: &mut Display,
) -> anyhow::Result<()> {
    let more: &[Part] = match args.table {
        Some(_) => &[Part::Test],
        None => &[],
    };
    let mut tell = |event: Event| match event {
        Event::Start(summary, _) => display.tuning(summary),
        event => display.show(&event),
    };
    let tuner = Tuner::new(model, dataset, config, more, options, &mut tell);
    let tuner = tuner.map_err(PruneError::from)?;
    let mut pruner = Pruner::new(model, tuner, args.manner())?;
    if let Some(folder) = &args.table {
        return table::make(args, common, folder, &mut pruner, levels, &mut tell);
    }
    let (Some(output), Some(level)) = (&args.output, levels.first()) else {
        return Ok(());
    };
    let smaller = pruner.prune(level, output, &mut tell)?;
    display.bar.finish_and_clear();
    save(&smaller, model, output)?;
    files::remove(&checkpoint_path(output));
    conclude(args, common, [model, &smaller], output)
}

/// Writes a smaller model, in half precision if the original is.
fn save(model: &Model, original: &Model, path: &Path) -> anyhow::Result<()> {
    match in_halves(original) {
        true => model.save_half(path)?,
        false => model.save(path)?,
    }
    Ok(())
}

/// Edges, and how many of them are zero.
fn edges(model: &Model) -> [usize; 2] {
    let tensors = model.network.edge_tensors().into_iter();
    let counted = tensors.map(|t| [t.edges(), t.removed(&model.parameters)]);
    counted.fold([0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
}

/// Tells what has become smaller.
fn conclude(
    args: &Args,
    common: &Common,
    models: [&Model; 2],
    output: &Path,
) -> anyhow::Result<()> {
    let bytes = std::fs::metadata(output).map_or(0, |found| found.len());
    let networks = models.map(|model| &model.network);
    if common.json {
        let told = |model: &Model| {
            let [edges, removed] = edges(model);
            serde_json::json!({
                "parameters": model.network.parameter_count(),
                "flops": model.network.flops(),
                "edges": edges,
                "removed_edges": removed,
            })
        };
        return print_json(&serde_json::json!({
            "model": args.model.display().to_string(),
            "output": output.display().to_string(),
            "bytes": bytes,
            "before": told(models[0]),
            "after": told(models[1]),
        }));
    }
    let [before, after] = networks.map(Network::parameter_count);
    let [flops, fewer] = networks.map(|network| network.flops() as f64 / 1e6);
    let [all, removed] = edges(models[1]);
    print(&format!(
        "parameters {before} -> {after}, millions of FLOPs a clip {flops:.1} -> {fewer:.1}; {removed} of {all} edges are removed\n"
    ))?;
    common.note(&format!("wrote {} ({})", output.display(), ByteSize(bytes)));
    Ok(())
}
