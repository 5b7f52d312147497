//! The mean over several models, each on test files of its own: the folds of a cross-validation, or other seeds.

use serde::Serialize;

use super::Report;
use crate::score::{Estimate, Interval, mean_over_files};

/// A mean over models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeanOfModels {
    /// A system, or `less` one: the first system less that.
    pub name: String,
    /// The mean, as a fraction.
    pub mean: f64,
    /// How far new files of the same classes would move it, see [`crate::score::pooled()`]. None if one of the models has no interval.
    pub over_files: Option<Interval>,
    /// The means of the models, in their order.
    pub of_models: Vec<f64>,
}

/// The means over reports of several models: of every system's accuracy, then of every difference. Models that were tested on
/// the same classes count as one as far as luck with files goes.
pub fn mean_of_models(reports: &[Report]) -> Vec<MeanOfModels> {
    let Some(first) = reports.first() else {
        return Vec::new();
    };
    let systems = first.evaluation.systems.iter().enumerate();
    let accuracies = systems.map(|(k, system)| {
        let of = |report: &Report| report.evaluation.systems[k].accuracy;
        mean(reports, system.name.clone(), of)
    });
    let differences = first.differences.iter().enumerate().map(|(k, difference)| {
        let name = format!("less {}", difference.against);
        mean(reports, name, |report| report.differences[k].difference)
    });
    accuracies.chain(differences).collect()
}

fn mean(reports: &[Report], name: String, of: impl Fn(&Report) -> Estimate) -> MeanOfModels {
    let estimates: Vec<Estimate> = reports.iter().map(of).collect();
    let shared = |i: usize, j: usize| {
        let [a, b] = [i, j].map(|k| &reports[k].evaluation);
        a.shared_classes(b)
    };
    let (mean, over_files) = mean_over_files(&estimates, shared).unwrap_or_default();
    MeanOfModels {
        name,
        mean,
        over_files,
        of_models: estimates.iter().map(|e| e.mean).collect(),
    }
}
