//! Flags of `gamaka quantize`.

use std::path::PathBuf;

use bytesize::ByteSize;

use crate::cli::numbers::{memory, rate, seed, whole};
use crate::cli::settings::{Keeping, Source};
use crate::data::{SHOTS, Task, WAYS};
use crate::model_file::Model;
use crate::quantize::{Choice, Form, Scales};
use crate::settings::TrainConfig;

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
    /// Instead of one model make one of each form, and measure them on the test files beside the original: a table and the models
    /// go to this folder. Models that are there already are not made again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "bits", "form", "scales", "curves"])]
    pub table: Option<PathBuf>,
    /// Bits of a weight: 8 or 4
    #[arg(long, default_value_t = 8, value_name = "8|4")]
    pub bits: usize,
    /// What an edge with a spline becomes: coefficients, each a whole number, or codebook, the number of a curve that edges
    /// share, and a gain
    #[arg(long, default_value = "coefficients", value_name = "coefficients|codebook", value_parser = form)]
    pub form: Form,
    /// Which weights of an output share a scale: all of them (channel), about 64 (group), or the coefficients of an edge (edge)
    #[arg(long, default_value = "group", value_name = "channel|group|edge", value_parser = scales)]
    pub scales: Scales,
    /// Curves of a codebook
    #[arg(long, default_value_t = 256)]
    pub curves: usize,
    /// Steps of fine-tuning through the rounding, by the embeddings of the model itself, which need no labels
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole(0..=*TrainConfig::EPISODES.end()))]
    pub steps: usize,
    /// Its highest learning rate [default: 0.001]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = rate)]
    pub lr: Option<f64>,
    /// At most so many training files; of more a share drawn by the seed [default: 64 without fine-tuning]
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = whole(1..=usize::MAX))]
    pub most_files: Option<usize>,
    /// Classes of a table's question to the test files [default: as the model was trained for]
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

fn form(text: &str) -> Result<Form, String> {
    match text {
        "coefficients" => Ok(Form::Coefficients),
        "codebook" => Ok(Form::Codebook),
        _ => Err("choose coefficients or codebook".into()),
    }
}

fn scales(text: &str) -> Result<Scales, String> {
    match text {
        "channel" => Ok(Scales::Channel),
        "group" => Ok(Scales::Group),
        "edge" => Ok(Scales::Edge),
        _ => Err("choose channel, group or edge".into()),
    }
}

impl Args {
    /// The question of a table.
    pub(super) fn task(&self, model: &Model) -> Task {
        let Task { way, shot, query } = model.info.config.task();
        Task::new(
            self.way.unwrap_or(way),
            self.shot.unwrap_or(shot),
            self.query.unwrap_or(query),
        )
    }

    pub(super) fn choice(&self) -> Choice {
        Choice {
            form: self.form,
            bits: self.bits,
            scales: self.scales,
            curves: self.curves,
        }
    }
}
