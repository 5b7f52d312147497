//! The flags of `gamaka eval`, and what they ask for.

use std::path::{Path, PathBuf};

use crate::cli::common::{Common, INCLUDED, engine};
use crate::cli::numbers::{seed, whole};
use crate::cli::settings::{Classes, Keeping, files_of, shifts};
use crate::data::{Dataset, SHOTS, Task, WAYS};
use crate::evaluate::{EvaluatePart, HeadChoice};
use crate::features::KeptFeatures;
use crate::files::{OutputFolder, Outputs};
use crate::mel::EngineChoice;
use crate::settings::TrainConfig;
use crate::shift::Shift;

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mode {
    /// The class of each query.
    Accuracy,
    /// The same of altered queries.
    Shift(Vec<Shift>),
    /// Whether its class is known.
    Open,
    /// All its labels.
    MultiLabel,
}

impl Mode {
    /// The flag that asks for it, if it takes one, and where the result stands in the JSON document.
    pub(super) fn names(&self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Accuracy => (None, "result"),
            Self::Shift(_) => (Some("--shift"), "shift"),
            Self::Open => (Some("--open"), "open"),
            Self::MultiLabel => (Some("--multi-label"), "multi_label"),
        }
    }

    /// Name of its picture in the folder of -o; several labels have none.
    pub(super) fn picture(&self) -> &'static str {
        match self {
            Self::Accuracy | Self::MultiLabel => "accuracy.svg",
            Self::Shift(_) => "shift.svg",
            Self::Open => "roc.svg",
        }
    }
}

/// Name of the picture of probabilities in the folder of -o.
pub(super) const RELIABILITY: &str = "reliability.svg";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder of genre folders, or a CSV manifest
    #[arg(required_unless_present = "support_from")]
    pub(super) data: Option<PathBuf>,
    #[command(flatten)]
    pub(super) classes: Classes,
    /// Learn from this collection and find in that of --query-from, instead of DATA
    #[arg(
        long,
        value_name = "DATA",
        requires = "query_from",
        conflicts_with_all = ["data", "split", "features"]
    )]
    pub(super) support_from: Option<PathBuf>,
    /// The collection to find in
    #[arg(long, value_name = "DATA", requires = "support_from")]
    pub(super) query_from: Option<PathBuf>,
    /// A CSV file `from,to`: common names for labels of both collections
    #[arg(long, value_name = "FILE.csv", requires = "support_from")]
    pub(super) label_map: Option<PathBuf>,
    /// The model: a file that `gamaka train` wrote, or `included` for the one that comes with gamaka; given several times, each
    /// is tested on its own test files (the folds of a cross-validation, or other seeds), and their mean is told
    #[arg(short, long = "model", value_name = "MODEL", default_value = INCLUDED)]
    pub(super) models: Vec<PathBuf>,
    /// Which files: those that the model's split keeps for the test, all, or those that the model never saw: the test's,
    /// or all of music that it knows none of
    #[arg(long, default_value = "unseen", value_name = "unseen|test|all", value_parser = part)]
    pub(super) split: EvaluatePart,
    /// Classes of an episode [default: as the (first) model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(1..=*WAYS.end()))]
    pub(super) way: Option<usize>,
    /// Supports a class [default: as the model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    pub(super) shot: Option<usize>,
    /// Queries a class [default: as the model was trained for]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    pub(super) query: Option<usize>,
    /// Number of episodes
    #[arg(long, default_value_t = 1000, allow_negative_numbers = true, value_parser = whole(2..=TrainConfig::MOST_SCORED))]
    pub(super) episodes: usize,
    /// Seed of the episodes
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = seed)]
    pub(super) seed: u64,
    /// What classifies the embeddings of the network and of the untrained one: auto is what it was trained for
    #[arg(
        long,
        default_value_t,
        value_name = "auto|prototype|simpleshot|cosine|whitened|linear-probe|gradient"
    )]
    pub(super) head: HeadChoice,
    /// Episodes that a network trained by maml or reptile, a single one, adapts its whole body to; 0 for none
    #[arg(long, default_value_t = 100, value_name = "EPISODES", allow_negative_numbers = true, value_parser = whole(0..=TrainConfig::MOST_SCORED))]
    pub(super) adapt: usize,
    /// Which engine computes mel frames: auto, gpu or cpu
    #[arg(long, default_value = "auto", value_parser = engine)]
    pub(super) engine: EngineChoice,
    /// Draw the confusion matrix
    #[arg(long, value_name = "FILE.svg", conflicts_with = "mode")]
    pub(super) confusion: Option<PathBuf>,
    /// Alter the queries and compare with clean ones: live, amateur, reverb, crowd, pa, phone, clipping, hum, codec,
    /// tempo, pitch, level; all of them if none is named
    #[arg(
        long,
        value_name = "SHIFT,...",
        num_args = 0..=1,
        value_delimiter = ',',
        default_missing_value = "all",
        group = "mode"
    )]
    pub(super) shift: Option<Vec<String>>,
    /// Compare with another model of the same test files, on the same altered queries
    #[arg(long, value_name = "MODEL", requires = "shift")]
    pub(super) against: Option<PathBuf>,
    /// Ask how well distance tells classes without examples from those with them, by as many unknown classes as ways
    #[arg(long, group = "mode", conflicts_with = "support_from")]
    pub(super) open: bool,
    /// Give each query several labels, from the manifest's column `labels` (with `;` between them), by prototypes of
    /// their combinations
    #[arg(long, group = "mode", conflicts_with_all = ["support_from", "head", "labels"])]
    pub(super) multi_label: bool,
    /// Tell the accuracy of queries by their value in a column of the manifest too: a culture, live or not, an artist
    #[arg(
        long,
        value_name = "COLUMN",
        value_parser = column,
        conflicts_with = "mode"
    )]
    pub(super) by: Option<String>,
    /// Write pictures into this folder: accuracies by class or by --by and how far probabilities can be relied on, or what
    /// --shift or --open found
    #[arg(short, long, value_name = "DIR", conflicts_with = "multi_label")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) keeping: Keeping,
    /// Stop at the first file that is damaged
    #[arg(long)]
    pub(super) strict: bool,
}

impl Args {
    /// The task asked for, or that a model was trained for.
    pub(super) fn task(&self, config: &TrainConfig) -> Task {
        Task {
            way: self.way.unwrap_or(config.way),
            shot: self.shot.unwrap_or(config.shot),
            query: self.query.unwrap_or(config.query),
        }
    }

    /// What is asked.
    pub(super) fn mode(&self) -> Mode {
        match &self.shift {
            Some(names) => Mode::Shift(shifts(names)),
            None if self.open => Mode::Open,
            None if self.multi_label => Mode::MultiLabel,
            None => Mode::Accuracy,
        }
    }

    /// Checks before hours of work that all files can go where they shall.
    pub(super) fn outputs(&self) -> anyhow::Result<Outputs> {
        let mut outputs = Outputs::default();
        if let Some(folder) = &self.output {
            OutputFolder::new(folder).check(&mut outputs, &[self.mode().picture(), RELIABILITY])?;
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
    pub(super) fn opened(
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
