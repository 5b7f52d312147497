//! How well distance tells classes that nobody gave examples of from those that have them.

use serde::Serialize;

use super::{Embedded, EvaluateError, HeadChoice};
use crate::data::{PoolError, Task};
use crate::fewshot::EpisodeError;
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
        };
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
        let way = task.way;
        if way == 0 {
            return Err(EpisodeError::from(PoolError::NoEpisode(task)).into());
        }
        let classes = self.dataset.pool(&self.files).classes.len();
        if classes <= way {
            return Err(EvaluateError::NoUnknown { classes });
        }
        let sampler = self.sampler(Task {
            way: way + way.min(classes - way),
            ..task
        })?;
        let (network, of_network) = self.under(head, &self.network)?;
        let systems = self.systems(head, &network, of_network);
        Ok(evaluate_open(&sampler, &systems[..3], way, episodes, seed)?)
    }
}
