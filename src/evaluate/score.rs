//! Accuracy beside its floors.

use serde::Serialize;

use super::{Embedded, EvaluateError, HeadChoice, check_column};
use crate::adapt::{AdaptedAccuracy, TaskAdapter};
use crate::data::{Dataset, Task};
use crate::fewshot::{Calibration, Head};
use crate::gpu::Gpu;
use crate::model_file::Model;
use crate::score::{
    Difference, Evaluation, LEVEL, Reliability, ValueScore, by_value, evaluate, reliability,
};

/// An evaluation with the differences that it was made for.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The head of the network and of the untrained one.
    pub head: HeadChoice,
    /// Accuracies of the network (first), the untrained network, and MFCC with the nearest centroid and with a linear
    /// probe.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// The network's accuracy less that of each floor.
    pub differences: Vec<Difference>,
    /// How far its probabilities can be relied on; only where the nearest prototype by its own distance answers.
    pub reliability: Option<Reliability>,
}

impl Embedded {
    /// The scales of the network's distances that the embedded files want, see [`Calibration::fit`].
    ///
    /// # Errors
    /// [`EvaluateError::Score`].
    pub fn calibrate(&self, way: usize, seed: u64) -> Result<Option<Calibration>, EvaluateError> {
        let pool = self.dataset.pool(&self.files);
        Ok(Calibration::fit(
            &pool,
            &self.network,
            self.metric,
            way,
            seed,
        )?)
    }

    /// Accuracy of a task when inner steps adapt the network's body as well to every task,
    /// which takes about as long as a training step each. None for a learner that does not.
    ///
    /// # Errors
    /// [`EvaluateError`]: the files make no such episodes, a fault of the device or the temporary folder.
    pub fn adapted(
        &self,
        gpu: &Gpu,
        model: &Model,
        task: Task,
        episodes: usize,
        seed: u64,
    ) -> Result<Option<AdaptedAccuracy>, EvaluateError> {
        let Some(frames) = &self.frames else {
            return Ok(None);
        };
        let sampler = self.sampler(task)?;
        let steps = self.learner.steps;
        let adapter = TaskAdapter::new(gpu, &model.network, &self.learner, task, steps)?;
        let segments = |index: usize| {
            let segments = frames.segments(index, model.info.segment)?;
            Ok(segments.into_iter().map(|s| s.values).collect())
        };
        let parameters = &model.parameters;
        let found = adapter.accuracy(parameters, &sampler, episodes, seed, segments);
        found.map(Some)
    }

    /// The accuracies of a report by the queries' values in a column of the manifest, `column` in lower case.
    ///
    /// # Errors
    /// [`EvaluateError::NoColumn`].
    pub fn by_column(
        &self,
        report: &Report,
        column: &str,
    ) -> Result<Vec<ValueScore>, EvaluateError> {
        check_column(&self.dataset, column)?;
        let items = &self.dataset.items;
        let value = |file: usize| items[file].columns.get(column).map(String::as_str);
        let pool = self.dataset.pool(&self.files);
        Ok(by_value(&report.evaluation, &pool, value))
    }

    /// The accuracies of a report by the queries' classes.
    pub fn by_class(&self, report: &Report) -> Vec<ValueScore> {
        let Dataset { classes, items, .. } = &self.dataset;
        let class = |file: usize| Some(classes[items[file].class].as_str());
        let pool = self.dataset.pool(&self.files);
        by_value(&report.evaluation, &pool, class)
    }

    /// Scores the network and its floors on the same `episodes` episodes. `head` is that of the network and of the
    /// untrained one; under SimpleShot and cosine the untrained one has prototypes, and a name that says so, because no mean of
    /// the training files is known for it, and that of the files evaluated would give the answers away in part.
    ///
    /// # Errors
    /// [`EvaluateError::Episode`] if the files make no such episodes, [`EvaluateError::NoCentre`], or
    /// [`EvaluateError::Score`].
    pub fn score(
        &self,
        task: Task,
        episodes: usize,
        seed: u64,
        head: HeadChoice,
    ) -> Result<Report, EvaluateError> {
        let sampler = self.sampler(task)?;
        let (network, of_network) = self.under(head, &self.network)?;
        let systems = self.systems(head, &network, of_network);
        let evaluation = evaluate(&sampler, &systems, episodes, seed)?;
        let differences = (1..systems.len())
            .map(|floor| evaluation.difference(0, floor, LEVEL))
            .collect::<Result<_, _>>()?;
        let own = matches!(head, HeadChoice::Auto | HeadChoice::Prototype);
        let reliability = match of_network {
            Head::Prototype(_) if own => {
                let metric = self.calibrated_metric(task.shot);
                let calibrated = self.calibration.is_some();
                let found = reliability(&sampler, &network, metric, calibrated, episodes, seed);
                Some(found?)
            }
            _ => None,
        };
        Ok(Report {
            head,
            evaluation,
            differences,
            reliability,
        })
    }
}
