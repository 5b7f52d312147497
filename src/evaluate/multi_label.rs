//! Few-shot with several labels a file.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Embedded, EvaluateError};
use crate::data::{Dataset, Item, Part, Pool, Task};
use crate::fewshot::{EpisodeSampler, Head, Metric};
use crate::model_file::Model;
use crate::score::{MultiLabelEvaluation, NETWORK, System, UNTRAINED, evaluate_multi_label};

/// The manifest's column of all labels of a file, with `;` between them.
pub const LABELS: &str = "labels";

/// A multi-label evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct MultiLabelReport {
    /// The network (first), the untrained network, and MFCC, all of them with LC-Protonets.
    #[serde(flatten)]
    pub evaluation: MultiLabelEvaluation,
    /// Labels left out because they have too few files for shots and queries.
    pub labels_left_out: usize,
    /// Which of the evaluation's labels files that trained the model have too.
    pub labels_trained_on: Vec<String>,
}

/// The labels of a file, none twice.
fn labels_of(item: &Item) -> BTreeSet<&str> {
    let text = item.columns.get(LABELS).map_or("", String::as_str);
    let labels = text.split(';').map(str::trim);
    labels.filter(|label| !label.is_empty()).collect()
}

/// The chosen files by label; a file is in as many as it has.
fn pool(dataset: &Dataset, files: &[usize]) -> Pool {
    let of = |file: usize| labels_of(&dataset.items[file]);
    let labels: BTreeSet<&str> = files.iter().flat_map(|&file| of(file)).collect();
    let with = |label: &&str| {
        let files = files.iter().copied();
        files.filter(|&file| of(file).contains(label)).collect()
    };
    Pool::new(
        labels.iter().map(|&label| label.to_owned()).collect(),
        labels.iter().map(with).collect(),
        dataset.items.iter().map(|item| item.group).collect(),
    )
}

impl Embedded {
    /// Scores LC-Protonets on a task, with labels from the column [`LABELS`].
    ///
    /// # Errors
    /// [`EvaluateError::NoColumn`], [`EvaluateError::TooFewLabels`], or as [`Embedded::score`].
    pub fn score_multi_label(
        &self,
        model: &Model,
        task: Task,
        episodes: usize,
        seed: u64,
    ) -> Result<MultiLabelReport, EvaluateError> {
        super::check_column(&self.dataset, LABELS)?;
        let pool = pool(&self.dataset, &self.files);
        let labels = pool.classes.len();
        let enough: Vec<usize> = (0..labels)
            .filter(|&label| pool.check_class(label, task).is_ok())
            .collect();
        if enough.len() < task.way {
            return Err(EvaluateError::TooFewLabels {
                task,
                enough: enough.len(),
                labels,
            });
        }
        let files = enough.iter().map(|&k| pool.files[k].clone()).collect();
        let pool = pool.with_classes(&enough, files);
        let trained = model.info.split.apply(&self.dataset).indices(Part::Train);
        let trained: BTreeSet<&str> = trained
            .iter()
            .flat_map(|&file| labels_of(&self.dataset.items[file]))
            .collect();
        let both = pool.classes.iter().filter(|l| trained.contains(l.as_str()));
        let labels_trained_on = both.cloned().collect();

        let sampler = EpisodeSampler::new(pool, task)?;
        let system =
            |name, embeddings, metric| System::new(name, embeddings, Head::Prototype(metric));
        let systems = [
            system(NETWORK, &self.network, self.metric),
            system(UNTRAINED, &self.untrained, self.metric),
            // Of prototypes of combinations there are more than centroids.
            system("MFCC", &self.mfcc, Metric::EUCLIDEAN),
        ];
        Ok(MultiLabelReport {
            evaluation: evaluate_multi_label(&sampler, &systems, episodes, seed)?,
            labels_left_out: labels - enough.len(),
            labels_trained_on,
        })
    }
}
