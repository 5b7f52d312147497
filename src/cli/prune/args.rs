//! The flags of `gamaka prune`, and what they ask for.

use std::path::{Path, PathBuf};

use crate::cli::numbers::{memory, number, rate, seed, whole};
use crate::cli::settings::{Keeping, Source};
use crate::data::{SHOTS, Task, WAYS};
use crate::model_file::Model;
use crate::prune::{Level, Manner, Question, in_halves};
use crate::settings::TrainConfig;
use crate::train::Lesson;
use bytesize::ByteSize;

/// Most outputs whose edges go together.
const TOGETHER: usize = 64;

#[derive(clap::Args)]
pub(crate) struct Args {
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
    pub(super) fn manner(&self) -> Manner {
        Manner {
            plain: self.plain,
            together: self.together,
            lasso: self.lasso,
        }
    }

    pub(super) fn question(&self, model: &Model) -> Question {
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
    pub(super) fn level(&self) -> anyhow::Result<Level> {
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

/// Writes a smaller model, in half precision if the original is.
pub(super) fn save(model: &Model, original: &Model, path: &Path) -> anyhow::Result<()> {
    match in_halves(original) {
        true => model.save_half(path)?,
        false => model.save(path)?,
    }
    Ok(())
}
