//! How well distance tells classes that nobody gave examples of from those that have them.

use serde::Serialize;

use super::{Embedded, EvaluateError, HeadChoice};
use crate::data::{PoolError, Task};
use crate::fewshot::{EpisodeError, EpisodeSampler};
use crate::score::{OpenEvaluation, evaluate_open};

/// A threshold chosen on other classes, and what it does here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenThreshold {
    /// The system.
    pub system: String,
    /// The distance at which both errors are equal on the validation classes.
    pub distance: f32,
    /// The share of queries of known classes within it.
    pub known_accepted: f64,
    /// The share of queries of unknown classes within it.
    pub unknown_accepted: f64,
}

/// What a person's own genres would say of the same queries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnGenres {
    /// The area under the ROC curve of their novelty.
    pub area: f64,
    /// The share of queries of known classes that would be unknown, by the threshold learned from the episode's examples.
    pub known_rejected: f64,
    /// The share of queries of unknown classes that would not.
    pub unknown_accepted: f64,
}

/// An open-set evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct OpenReport {
    /// The head of the network and of the untrained one.
    pub head: HeadChoice,
    /// The network (first), the untrained network, and MFCC with the nearest centroid.
    #[serde(flatten)]
    pub evaluation: OpenEvaluation,
    /// A threshold for each system, chosen on the validation classes.
    pub thresholds: Vec<OpenThreshold>,
    /// Why there are none.
    pub no_thresholds: Option<String>,
    /// What own genres would say, under the head that they go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_genres: Option<OwnGenres>,
}

impl Embedded {
    /// Scores how well the distance to the nearest of `way` known classes tells queries of as many unknown ones (or
    /// as many as there are) apart. Thresholds come from `validation`, the same
    /// model's validation files, or why there are none.
    ///
    /// # Errors
    /// As [`Embedded::score`]; [`EvaluateError::NoUnknown`] where there are no more classes than ways.
    pub fn score_open(
        &self,
        validation: Result<&Embedded, &str>,
        task: Task,
        episodes: usize,
        seed: u64,
        head: HeadChoice,
    ) -> Result<OpenReport, EvaluateError> {
        let evaluation = self.open(task, episodes, seed, head)?;
        let chosen = match validation {
            Err(reason) => Err(reason.to_owned()),
            Ok(validation) => validation
                .open(task, episodes, seed, head)
                .map_err(|error| format!("on the validation classes, {error}")),
        };
        let mut report = OpenReport {
            head,
            evaluation,
            thresholds: Vec::new(),
            no_thresholds: None,
            own_genres: None,
        };
        #[cfg(feature = "library")]
        if head == HeadChoice::Whitened {
            report.own_genres = Some(self.own_genres(task, episodes, seed)?);
        }
        match chosen {
            Err(reason) => report.no_thresholds = Some(reason),
            Ok(chosen) => {
                let pairs = chosen.systems.iter().zip(&report.evaluation.systems);
                let threshold = pairs.map(|(chosen, tested)| {
                    let distance = chosen.equal_error_distance;
                    let [known_accepted, unknown_accepted] = tested.accepted(distance);
                    OpenThreshold {
                        system: tested.name.clone(),
                        distance,
                        known_accepted,
                        unknown_accepted,
                    }
                });
                report.thresholds = threshold.collect();
            }
        }
        Ok(report)
    }

    fn open(
        &self,
        task: Task,
        episodes: usize,
        seed: u64,
        head: HeadChoice,
    ) -> Result<OpenEvaluation, EvaluateError> {
        let (way, sampler) = (task.way, self.open_sampler(task)?);
        let (network, of_network) = self.under(head, &self.network)?;
        let systems = self.systems(head, &network, of_network);
        Ok(evaluate_open(&sampler, &systems[..3], way, episodes, seed)?)
    }

    /// Draws episodes of known classes and as many unknown ones, or as many as there are.
    fn open_sampler(&self, task: Task) -> Result<EpisodeSampler, EvaluateError> {
        let way = task.way;
        if way == 0 {
            return Err(EpisodeError::from(PoolError::NoEpisode(task)).into());
        }
        let classes = self.dataset.pool(&self.files).classes.len();
        if classes <= way {
            return Err(EvaluateError::NoUnknown { classes });
        }
        Ok(self.sampler(Task {
            way: way + way.min(classes - way),
            ..task
        })?)
    }

    /// Has own genres learn from the known classes of each episode, and asks them about its queries.
    #[cfg(feature = "library")]
    fn own_genres(
        &self,
        task: Task,
        episodes: usize,
        seed: u64,
    ) -> Result<OwnGenres, EvaluateError> {
        use crate::genres::{Comparison, Example, Genre, Genres};
        use crate::score::separation;
        use rayon::prelude::*;

        let sampler = self.open_sampler(task)?;
        let example = |&file: &usize| Example {
            path: self.dataset.items[file].path.clone(),
            hash: self.dataset.items[file].hash.clone(),
            embedding: self.network[file].clone(),
        };
        // Of each query whether it is known, and its novelty.
        let of_episode = |index: usize| -> Result<Vec<(bool, f32)>, EvaluateError> {
            let episode = sampler.sample(seed, index as u64)?;
            let known = episode.support.iter().take(task.way).enumerate();
            let genre = |(slot, files): (usize, &Vec<usize>)| Genre {
                name: slot.to_string(),
                examples: files.iter().map(example).collect(),
            };
            let comparison = Comparison {
                metric: self.metric,
                calibration: self.calibration,
                whitening: self.whitening.clone(),
            };
            let learned = Genres::learn(known.map(genre).collect(), comparison, false)?;
            let queries = episode.query.iter().enumerate();
            let queries = queries.flat_map(|(slot, files)| files.iter().map(move |f| (slot, *f)));
            queries
                .map(|(slot, file)| {
                    let answer = learned.answer(&self.network[file], &[])?;
                    Ok((slot < task.way, answer.novelty))
                })
                .collect()
        };
        let answers: Result<Vec<_>, _> = (0..episodes).into_par_iter().map(of_episode).collect();
        let answers = answers?.concat();
        let of = |kind: bool| {
            let of_kind = answers.iter().filter(|(known, _)| *known == kind);
            of_kind.map(|(_, novelty)| *novelty).collect::<Vec<f32>>()
        };
        let (known, unknown) = (of(true), of(false));
        let beyond =
            |of: &[f32]| of.iter().filter(|n| **n > 1.0).count() as f64 / of.len().max(1) as f64;
        Ok(OwnGenres {
            area: separation(&known, &unknown).0,
            known_rejected: beyond(&known),
            unknown_accepted: 1.0 - beyond(&unknown),
        })
    }
}
