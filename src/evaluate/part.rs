//! Which files are evaluated.

use std::collections::BTreeSet;

use super::EvaluateError;
use crate::data::{Dataset, Part, Task};
use crate::fewshot::EpisodeSampler;
use crate::model_file::Model;

/// Which files are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EvaluatePart {
    /// Those that the model's split keeps for the test.
    #[default]
    Test,
    /// Those that it keeps for choosing between models.
    Validation,
    /// All.
    All,
    /// Those that the model never saw: what its split keeps for the test, or all where it knows none of the files.
    Unseen,
}

impl EvaluatePart {
    /// The part that it is for these files and this model: never [`Self::Unseen`].
    pub fn of(self, dataset: &Dataset, model: &Model) -> Self {
        let foreign = || {
            let found = model.info.split.apply(dataset);
            found.part.iter().all(Option::is_none)
        };
        match self {
            Self::Unseen if foreign() => Self::All,
            Self::Unseen => Self::Test,
            part => part,
        }
    }
}

/// Checks that some file of a data set has a value in a column of its manifest, `column` in lower case.
///
/// # Errors
/// [`EvaluateError::NoColumn`].
pub fn check_column(dataset: &Dataset, column: &str) -> Result<(), EvaluateError> {
    let columns = dataset.items.iter().flat_map(|item| item.columns.keys());
    let columns: BTreeSet<&str> = columns.map(String::as_str).collect();
    if columns.contains(column) {
        return Ok(());
    }
    Err(EvaluateError::NoColumn {
        path: dataset.root.clone(),
        column: column.into(),
        found: match columns.is_empty() {
            true => "none but those of every data set".into(),
            false => Vec::from_iter(columns).join(", "),
        },
    })
}

/// Checks, before anything is read, that the files to evaluate give episodes of a task.
///
/// # Errors
/// [`EvaluateError::NoTestFiles`], or [`EvaluateError::Episode`] with what is lacking.
pub fn check_task(
    dataset: &Dataset,
    model: &Model,
    part: EvaluatePart,
    task: Task,
) -> Result<(), EvaluateError> {
    let (wanted, _) = choose(dataset, model, part)?;
    EpisodeSampler::new(dataset.pool(&wanted), task)?;
    Ok(())
}

/// The files to evaluate, and what people should know of the choice.
///
/// # Errors
/// [`EvaluateError::NoTestFiles`].
pub fn choose(
    dataset: &Dataset,
    model: &Model,
    part: EvaluatePart,
) -> Result<(Vec<usize>, Vec<String>), EvaluateError> {
    let found = model.info.split.apply(dataset);
    let mut notes = Vec::new();
    match part.of(dataset, model) {
        EvaluatePart::All => {
            let seen = found
                .part
                .iter()
                .filter(|p| matches!(p, Some(Part::Train | Part::Validation)))
                .count();
            if seen > 0 {
                notes.push(format!("{seen} of these files trained or validated the model: the figures say little about new music"));
            }
            Ok(((0..dataset.items.len()).collect(), notes))
        }
        _ => {
            let wanted = found.indices(match part {
                EvaluatePart::Validation => Part::Validation,
                _ => Part::Test,
            });
            if wanted.is_empty() {
                return Err(EvaluateError::NoTestFiles {
                    path: dataset.root.clone(),
                });
            }
            for (files, what) in [
                (found.new.len(), "are not in the model's split and left out"),
                (
                    found.changed.len(),
                    "have changed since the model was trained",
                ),
                (
                    found.relabelled.len(),
                    "have another label than when the model was trained",
                ),
                (found.missing.len(), "of the model's split are missing"),
            ] {
                if files > 0 {
                    notes.push(format!("{files} files {what}"));
                }
            }
            Ok((wanted, notes))
        }
    }
}
