//! A data set's files as a model and its floors hear them.

use std::borrow::Cow;
use std::path::PathBuf;

use super::{EvaluateError, HeadChoice};
use crate::data::{Dataset, Task};
use crate::features::FeatureStore;
use crate::fewshot::{
    Calibration, EpisodeError, EpisodeSampler, Head, Metric, Whitening, simple_shot, standardised,
};
use crate::score::{NETWORK, System, UNTRAINED};
use crate::settings::Learner;

/// Embeddings of a data set's files by the network, by the same network untrained, and the floor's MFCC.
#[derive(Debug)]
pub struct Embedded {
    /// The data set.
    pub dataset: Dataset,
    /// Its files that were embedded.
    pub files: Vec<usize>,
    /// By file index: the network's embeddings.
    pub network: Vec<Vec<f32>>,
    /// By file index: the untrained network's.
    pub untrained: Vec<Vec<f32>>,
    /// By file index: standardised mean and deviation of 20 MFCC.
    pub mfcc: Vec<Vec<f32>>,
    /// How the networks' embeddings are compared.
    pub metric: Metric,
    /// What turns its distances into probabilities, if that was chosen on validation files.
    pub calibration: Option<Calibration>,
    /// What the network was trained by.
    pub learner: Learner,
    /// The network's mean embedding of its training files; empty if the model does not hold it.
    pub centre: Vec<f32>,
    /// The deviations of these embeddings; empty if the model does not hold them.
    pub spread: Vec<f32>,
    /// What the network's embeddings go through under the head `whitened`.
    pub whitening: Whitening,
    /// By file index: mel frames, where the learner adapts the network's body to each task.
    pub(super) frames: Option<FeatureStore>,
    /// Where supports and queries come from different collections: which files may only be queries.
    pub(super) query_only: Option<Vec<bool>>,
    /// What people should know: files left out, files that the split does not know.
    pub notes: Vec<String>,
    /// Files that could not be read, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

/// Embeddings by file index, and what compares them.
pub(super) type Compared<'a> = (Cow<'a, [Vec<f32>]>, Head);

impl Embedded {
    /// How the network's embeddings are compared with prototypes of so many examples each: the scale is a calibrated one if
    /// there is one.
    pub fn calibrated_metric(&self, shots: usize) -> Metric {
        self.metric.calibrated(self.calibration, shots)
    }

    /// Draws episodes of the embedded files.
    pub(super) fn sampler(&self, task: Task) -> Result<EpisodeSampler, EpisodeError> {
        let pool = self.dataset.pool(&self.files);
        match &self.query_only {
            Some(query_only) => EpisodeSampler::between(pool, query_only.clone(), task),
            None => EpisodeSampler::new(pool, task),
        }
    }

    /// Checks that the files that could be read give episodes of a task.
    ///
    /// # Errors
    /// [`EvaluateError::Episode`] with what is lacking.
    pub fn check_task(&self, task: Task) -> Result<(), EvaluateError> {
        self.sampler(task)?;
        Ok(())
    }

    /// The head that the network was trained for.
    fn trained_head(&self) -> Head {
        self.learner.head(self.metric)
    }

    /// Embeddings of the network as `head` compares them, and what it compares them by.
    pub(super) fn under<'a>(
        &self,
        head: HeadChoice,
        embeddings: &'a [Vec<f32>],
    ) -> Result<Compared<'a>, EvaluateError> {
        let fitted = match head {
            HeadChoice::Auto => self.trained_head(),
            HeadChoice::Prototype => Head::Prototype(self.metric),
            HeadChoice::SimpleShot => {
                let fits = |&file: &usize| embeddings[file].len() == self.centre.len();
                if !self.files.iter().all(fits) {
                    return Err(EvaluateError::NoCentre);
                }
                let normalised = simple_shot(embeddings, &self.centre);
                return Ok((normalised.into(), Head::Prototype(Metric::EUCLIDEAN)));
            }
            HeadChoice::Cosine => {
                let fits = |&file: &usize| {
                    let length = embeddings[file].len();
                    length == self.centre.len() && length == self.spread.len()
                };
                if !self.files.iter().all(fits) {
                    return Err(EvaluateError::NoCentre);
                }
                let standard = standardised(embeddings, &self.centre, &self.spread);
                return Ok((standard.into(), Head::Prototype(Metric::COSINE)));
            }
            HeadChoice::Whitened => {
                if self.centre.is_empty() || self.spread.is_empty() {
                    return Err(EvaluateError::NoCentre);
                }
                let seen = embeddings.iter().map(|e| self.whitening.apply(e));
                let seen: Vec<Vec<f32>> = seen.collect();
                return Ok((seen.into(), Head::Prototype(Metric::COSINE)));
            }
            HeadChoice::LinearProbe => Head::LINEAR_PROBE,
            HeadChoice::Gradient => Head::GRADIENT,
        };
        Ok((embeddings.into(), fitted))
    }

    /// The network and its floors: itself untrained, and MFCC. `head` is that of both networks; under SimpleShot, cosine and
    /// whitened the untrained one has prototypes, and a name that says so, because no mean of the training files is known for it,
    /// and that of the files evaluated would give the answers away in part. `network` are the network's embeddings as
    /// `of_network` compares them, see [`Self::under`].
    pub(super) fn systems<'a>(
        &'a self,
        head: HeadChoice,
        network: &'a [Vec<f32>],
        of_network: Head,
    ) -> [System<'a>; 4] {
        let (name, of_untrained) = match head {
            HeadChoice::SimpleShot | HeadChoice::Cosine | HeadChoice::Whitened => (
                "untrained network, prototypes",
                Head::Prototype(self.metric),
            ),
            _ => (UNTRAINED, of_network),
        };
        let [centroid, probe] = System::floors(&self.mfcc);
        [
            System::new(NETWORK, network, of_network),
            System::new(name, &self.untrained, of_untrained),
            centroid,
            probe,
        ]
    }
}
