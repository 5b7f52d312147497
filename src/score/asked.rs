//! Asking systems a question on the same episodes and files, and what their figures are worth.

use rayon::prelude::*;

use super::estimate::{Estimate, LEVEL};
use super::halves::{Halves, of_systems};
use super::interval::{Files, Interval, mean_and_deviation, variance_over_files};
use super::{System, question::Question};
use crate::fewshot::{Episode, EpisodeError, EpisodeSampler, ScoreError};

/// What `ask` makes of each of some episodes, in their order, once all systems have what it takes. The same seed gives
/// the same episodes.
///
/// # Errors
/// [`ScoreError`]: too few episodes, none that can be drawn, or embeddings that are missing, not finite or of several
/// lengths.
pub(super) fn in_episodes<T: Send>(
    sampler: &EpisodeSampler,
    systems: &[System],
    episodes: usize,
    seed: u64,
    ask: impl Fn(&Episode) -> T + Sync,
) -> Result<Vec<T>, ScoreError> {
    if episodes < 2 {
        return Err(ScoreError::TooFewEpisodes);
    }
    systems
        .iter()
        .try_for_each(|system| system.check(sampler.pool()))?;
    let answers = (0..episodes as u64)
        .into_par_iter()
        .map(|index| Ok(ask(&sampler.sample(seed, index)?)))
        .collect::<Result<_, EpisodeError>>()?;
    Ok(answers)
}

/// Answers to a question, by episode and system.
type Answers<Q> = Vec<Vec<<Q as Question>::Answers>>;

/// The answers to a question, and the figures that they give.
///
/// # Errors
/// As [`in_episodes`].
pub(super) fn ask<Q: Question>(
    question: &Q,
    sampler: &EpisodeSampler,
    systems: &[System],
    episodes: usize,
    seed: u64,
) -> Result<(Answers<Q>, Figures), ScoreError> {
    let answers = in_episodes(sampler, systems, episodes, seed, |episode| {
        question.ask(systems, episode)
    })?;
    let parts = answers.chunks(question.together(episodes).max(1));
    let halves = Halves::draw(sampler, systems, question, seed);
    let shot = sampler.task().shot;
    let figures = Figures {
        values: parts
            .map(|part| of_systems(part, |answers| question.figures(answers)))
            .collect(),
        note: Halves::note(halves.as_ref(), shot),
        fewer_shots: halves.as_ref().is_some_and(|halves| halves.shot < shot),
        halves,
        files: Files::of(sampler),
    };
    Ok((answers, figures))
}

/// The figures of systems, by number: all of the first system, then those of the next.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    /// All figures of each part of the episodes.
    values: Vec<Vec<f64>>,
    halves: Option<Halves>,
    /// Whether the halves have fewer shots than the episodes.
    fewer_shots: bool,
    files: Files,
    /// What is to be known about the intervals over files: why there are none, or that they are a rougher estimate.
    pub note: Option<String>,
}

impl Figures {
    /// A figure with its 95 % intervals.
    pub(super) fn of(&self, figure: usize) -> Estimate {
        self.estimate(|all| all[figure], LEVEL, Interval::of_accuracy)
    }

    /// A figure less another one, episode by episode and on the same files.
    pub(super) fn less(&self, figure: usize, other: usize, level: f64) -> Estimate {
        let less = |all: &[f64]| all[figure] - all[other];
        self.estimate(less, level, Interval::of_difference)
    }

    /// What `of` makes of all figures, with its intervals; `over_files` makes one of a mean and a variance.
    fn estimate(
        &self,
        of: impl Fn(&[f64]) -> f64,
        level: f64,
        over_files: fn(f64, f64, &Files, f64) -> Interval,
    ) -> Estimate {
        let values: Vec<f64> = self.values.iter().map(|part| of(part)).collect();
        let (mean, deviation) = mean_and_deviation(&values);
        let of_episodes = deviation * deviation / values.len() as f64;
        Estimate {
            mean,
            over_episodes: Interval::over_episodes(&values, level),
            over_files: self.halves.as_ref().map(|halves| {
                let both = |[one, other]: &[Vec<f64>; 2]| [of(one), of(other)];
                let halves: Vec<[f64; 2]> = halves.figures.iter().map(both).collect();
                let variance = variance_over_files(&halves, self.fewer_shots).max(0.0);
                over_files(mean, variance + of_episodes, &self.files, level)
            }),
        }
    }
}
