//! What a training notes of itself: the figures of its episodes and validations.

use serde::{Deserialize, Serialize};

use crate::score::Interval;
use crate::settings::TrainConfig;

/// One training episode's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogRow {
    /// Number of the episode, from 1.
    pub episode: usize,
    /// What the step descends: the mean cross-entropy of its queries; with a teacher the weighted sum of that and of the
    /// teacher's mean loss.
    pub loss: f32,
    /// Share of its queries that went to the right class, if there was an episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
    /// Mean cosine of predictions and targets, if there was a teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f32>,
    /// Gradient norm before clipping.
    pub gradient_norm: f32,
    /// Steps skipped so far because a gradient was not finite.
    pub skipped: u32,
}

/// One validation's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Training episodes before it; 0 is the untrained network.
    pub episode: usize,
    /// Mean accuracy on the validation files.
    pub accuracy: f64,
    /// Its 95 % interval over episodes.
    pub over_episodes: Interval,
    /// Its 95 % interval over files, where there are enough of them.
    pub over_files: Option<Interval>,
    /// How well the teacher's vectors of the validation files are predicted, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Examined>,
    /// Seconds of training before it, without the validations.
    pub seconds: f64,
}

impl Validation {
    /// The best of a training's validations: the first of the highest accuracy; of the lowest loss of the teacher where it
    /// alone trains, and the last where it has no rows to validate by.
    pub fn best(validations: &[Self], config: &TrainConfig) -> Option<Self> {
        let validations = validations.iter().copied();
        if !config.taught_alone() {
            return validations.reduce(|best, v| if v.accuracy > best.accuracy { v } else { best });
        }
        let loss = |v: &Self| v.teacher.map(|found| found.loss);
        validations.reduce(|best, v| match (loss(&best), loss(&v)) {
            (Some(least), Some(loss)) if loss >= least => best,
            _ => v,
        })
    }
}

/// How well a network predicts a teacher's vectors of the validation files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    /// Mean loss over the rows.
    pub loss: f64,
    /// Mean cosine over the rows of prediction and target.
    pub cosine: f64,
    /// How many rows.
    pub rows: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(teacher: &str) -> TrainConfig {
        TrainConfig::from_toml(&format!("[teacher]\n{teacher}")).unwrap()
    }

    #[test]
    fn the_best_validation_is_by_the_teacher_where_it_alone_trains() {
        let validation = |episode, accuracy, loss: Option<f64>| Validation {
            episode,
            accuracy,
            over_episodes: Interval {
                low: 0.0,
                high: 1.0,
            },
            over_files: None,
            teacher: loss.map(|loss| Examined {
                loss,
                cosine: 0.5,
                rows: 3,
            }),
            seconds: 0.0,
        };
        let of = |losses: [Option<f64>; 4]| {
            let accuracies = [0.3, 0.9, 0.9, 0.5];
            let both = accuracies.into_iter().zip(losses).enumerate();
            both.map(|(k, (accuracy, loss))| validation(k, accuracy, loss))
                .collect::<Vec<_>>()
        };
        let best =
            |config: &TrainConfig, losses| Validation::best(&of(losses), config).unwrap().episode;
        let losses = [3.0, 2.0, 1.0, 1.0].map(Some);
        assert_eq!(best(&config(""), losses), 2);
        assert_eq!(best(&config(""), [None; 4]), 3);
        assert_eq!(best(&config("episode_weight = 1.0"), losses), 1);
        assert_eq!(best(&TrainConfig::default(), [None; 4]), 1);
        assert_eq!(Validation::best(&[], &config("")), None);
    }
}
