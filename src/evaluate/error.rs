//! Why a model cannot be evaluated.

use std::path::PathBuf;

use crate::data::{DataError, Task};
use crate::features::{FeatureError, StoreError};
use crate::fewshot::{EpisodeError, ScoreError};
use crate::files::WriteError;
use crate::gpu::GpuError;
use crate::mel::MelError;

/// Why a model cannot be evaluated on some data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The data set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The files are none of the model's test files.
    #[error("none of the files under {} belongs to the test part of the model's split: evaluate on all of them", path.display())]
    NoTestFiles {
        /// The data set's folder.
        path: PathBuf,
    },
    /// Two models to compare that do not test the same files.
    #[error(
        "the two models do not have the same test files, so they cannot be compared: give two that were trained with the same data, protocol and seed, or evaluate on all of files that neither knows"
    )]
    OtherFiles,
    /// An open-set evaluation without a class to spare.
    #[error(
        "an open set needs classes that nobody gave examples of, and {classes} classes leave none: {}",
        if *classes < 3 { "add classes, at least three are needed".into() } else { format!("use {} ways or fewer", classes - 1) }
    )]
    NoUnknown {
        /// Classes there are.
        classes: usize,
    },
    /// A column that the data does not have.
    #[error(
        "{} has no column `{column}`; it has {found}: a CSV manifest may have any columns beside path and label",
        path.display()
    )]
    NoColumn {
        /// The data set's folder.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// Those there are, or that there are none.
        found: String,
    },
    /// Too few labels with enough files, where a file may have several.
    #[error(
        "{}-way episodes need {} labels whose files can be parted into {} supports and {} queries, and {enough} of {labels} have as many: use fewer ways, shots or queries, or add files",
        task.way,
        task.way,
        task.shot,
        task.query
    )]
    TooFewLabels {
        /// What was asked for.
        task: Task,
        /// Labels with enough files.
        enough: usize,
        /// All labels.
        labels: usize,
    },
    /// A label map that cannot be used.
    #[error("{}: {reason}", path.display())]
    LabelMap {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the mend.
        reason: String,
    },
    /// Two collections with too few labels in common.
    #[error(
        "{way}-way episodes need {way} labels that both collections have, and there are {common}: give a label map, or use fewer ways; {} has {of_support}; {} has {of_query}",
        support.display(),
        query.display()
    )]
    TooFewCommon {
        /// Labels of both, after mapping.
        common: usize,
        /// Ways asked for.
        way: usize,
        /// Where examples come from.
        support: PathBuf,
        /// Its labels.
        of_support: String,
        /// Where they are to be found.
        query: PathBuf,
        /// Its labels.
        of_query: String,
    },
    /// The files make no episodes.
    #[error(transparent)]
    Episode(#[from] EpisodeError),
    /// SimpleShot, cosine or whitened with a model that does not know the mean and the deviations of its training files.
    #[error(
        "the model does not hold mean and deviations of its training files' embeddings, by which the heads simpleshot, cosine and whitened go: train it anew with this version, or choose another head"
    )]
    NoCentre,
    /// The embeddings cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Own genres cannot learn from them.
    #[cfg(feature = "library")]
    #[error(transparent)]
    Genres(#[from] crate::genres::GenresError),
    /// The mel front end failed.
    #[error(transparent)]
    Mel(#[from] MelError),
    /// The GPU failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The temporary folder failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of features cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A damaged file, where such are refused.
    #[error("{0}")]
    Strict(FeatureError),
}
