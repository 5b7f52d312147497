//! What is to happen to a file.

use std::path::PathBuf;

use crate::genres::GenreAnswer;
use crate::tagging::{self, Plan, TagError};

/// Genres that are less likely are noise, and are told nowhere.
const LEAST: f64 = 0.01;

/// What is written of an answer.
#[derive(clap::Args)]
pub(super) struct Rules {
    /// Replace a genre that stands in a file by another
    #[arg(long)]
    overwrite: bool,
    /// How likely the first genre must be at least for a file to be tagged
    #[arg(long, default_value_t = 0.5, value_name = "P", value_parser = probability)]
    at_least: f64,
    /// How many genres are written at most into gamaka's own field
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    most: u8,
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    number.ok_or_else(|| "must be a number from 0 to 1".into())
}

/// What is to happen to a file.
pub(super) enum Intent {
    Plan(Box<Plan>),
    /// None of the genres is near.
    Unknown,
    /// None is likely enough.
    Unsure,
}

/// A file with its answer.
pub(super) struct File {
    pub path: PathBuf,
    /// Genres with their probabilities, the likeliest first.
    pub ranked: Vec<(String, f64)>,
    pub intent: Intent,
    pub written: bool,
}

impl File {
    pub(super) fn new(
        rules: &Rules,
        path: PathBuf,
        answer: &GenreAnswer,
    ) -> Result<Self, TagError> {
        let likely = answer
            .ranked
            .iter()
            .map(|r| (r.genre.clone(), r.probability));
        let likely = likely.filter(|(_, probability)| *probability >= LEAST);
        let ranked = Vec::from_iter(likely.take(rules.most.into()));
        let first = ranked.first().map_or(0.0, |(_, probability)| *probability);
        let intent = if answer.unknown {
            Intent::Unknown
        } else if first < rules.at_least {
            Intent::Unsure
        } else {
            let plan = tagging::plan(&path, &ranked, rules.overwrite)?;
            plan.writable()?;
            Intent::Plan(Box::new(plan))
        };
        Ok(Self {
            path,
            ranked,
            intent,
            written: false,
        })
    }
}
