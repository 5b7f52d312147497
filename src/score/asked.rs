//! Asking systems a question on the same episodes and files, and what their figures are worth.

use rayon::prelude::*;

use super::estimate::{Estimate, LEVEL};
use super::halves::Halves;
use super::interval::{Files, Interval};
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

/// The answers to a question, by episode and system, and the figures that they give.
///
/// # Errors
/// As [`in_episodes`].
pub(super) fn ask<Q: Question>(
    question: &Q,
    sampler: &EpisodeSampler,
    systems: &[System],
    episodes: usize,
    seed: u64,
) -> Result<(Vec<Vec<Q::Answers>>, Figures), ScoreError> {
    let answers = in_episodes(sampler, systems, episodes, seed, |episode| {
        question.ask(systems, episode)
    })?;
    let mut values = Vec::new();
    for part in answers.chunks(question.together(episodes).max(1)) {
        let figures = (0..part[0].len()).flat_map(|system| {
            let of_system: Vec<_> = part.iter().map(|by_system| &by_system[system]).collect();
            question.figures(&of_system)
        });
        for (number, figure) in figures.enumerate() {
            if values.len() == number {
                values.push(Vec::new());
            }
            values[number].push(figure);
        }
    }
    let halves = Halves::draw(sampler, systems, question, seed);
    let shot = sampler.task().shot;
    let figures = Figures {
        values,
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
    /// By figure, its values.
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
        let halves = self.halves.as_ref();
        let halves = halves.map(|halves| halves.figures[figure].as_slice());
        let values = &self.values[figure];
        Estimate::of(values, halves, self.fewer_shots, LEVEL, |mean, variance| {
            Interval::of_accuracy(mean, variance, &self.files, LEVEL)
        })
    }

    /// A figure less another one, episode by episode and on the same files.
    pub(super) fn less(&self, figure: usize, other: usize, level: f64) -> Estimate {
        let pairs = self.values[figure].iter().zip(&self.values[other]);
        let paired: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        let halves = self.halves.as_ref().map(|h| h.less(figure, other));
        let halves = halves.as_deref();
        Estimate::of(
            &paired,
            halves,
            self.fewer_shots,
            level,
            |mean, variance| Interval::of_difference(mean, variance, &self.files, level),
        )
    }
}
