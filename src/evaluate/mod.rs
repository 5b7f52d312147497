//! How well a model hears: N-way K-shot accuracy beside its floors, on the same episodes and files.

mod between;
mod multi_label;
mod open;
mod several;
mod shift;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::adapt::{AdaptedAccuracy, TaskAdapter};
use crate::data::{DataError, Dataset, Part};
use crate::embed::{Embedder, mean_embedding};
use crate::features::{
    FILES_AT_ONCE, FeatureError, FeatureStore, FrontEnd, StoreError, cut_segments,
};
use crate::fewshot::{
    Calibration, Difference, EpisodeError, EpisodeSampler, Evaluation, Head, Metric, Reliability,
    ScoreError, System, ValueScore, by_value, evaluate, reliability, simple_shot, standardised,
};
use crate::files::WriteError;
use crate::gpu::{Gpu, GpuError};
use crate::mel::MelError;
use crate::model_file::Model;
use crate::settings::Learner;

pub use between::{LabelMap, embed_between};
pub use multi_label::{LABELS, MultiLabelReport};
pub use open::{OpenReport, OpenThreshold};
pub use several::{MeanOfModels, mean_of_models};
pub use shift::{OtherScore, ShiftReport, ShiftRow, ShiftScore, Shifted};

/// Confidence of the paired differences.
const LEVEL: f64 = 0.95;

/// Why a model cannot be evaluated on some data.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The data set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The files are none of the model's test files.
    #[error("none of the files under {} belongs to the test part of the model's split: evaluate on all of them with --split all", path.display())]
    NoTestFiles {
        /// The data set's folder.
        path: PathBuf,
    },
    /// Two models to compare that do not test the same files.
    #[error(
        "the two models do not have the same test files, so they cannot be compared: give two that were trained with the same data, protocol and seed, or --split all on files that neither knows"
    )]
    OtherFiles,
    /// An open-set evaluation without a class to spare.
    #[error(
        "--open needs classes that nobody gave examples of, and {classes} classes leave none: {}",
        if *classes < 3 { "add classes, at least three are needed".into() } else { format!("use --way {} or less", classes - 1) }
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
        "{}-way episodes need {} labels whose files can be parted into {} supports and {} queries, and {enough} of {labels} have as many: use a smaller --way, --shot or --query, or add files",
        episode[0],
        episode[0],
        episode[1],
        episode[2]
    )]
    TooFewLabels {
        /// Ways, shots and queries asked for.
        episode: [usize; 3],
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
        "{way}-way episodes need {way} labels that both collections have, and there are {common}: give a --label-map, or a smaller --way; {} has {of_support}; {} has {of_query}",
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
    /// SimpleShot or cosine with a model that does not know the mean and the deviations of its training files.
    #[error(
        "the model does not hold mean and deviations of its training files' embeddings, by which the heads simpleshot and cosine go: train it anew with this version, or choose another head"
    )]
    NoCentre,
    /// The embeddings cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
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
    /// A damaged file under --strict.
    #[error("{0}")]
    Strict(FeatureError),
}

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

/// The head to classify a network's embeddings by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadChoice {
    /// The one that the network was trained for.
    #[default]
    Auto,
    /// The nearest prototype by the network's distance.
    Prototype,
    /// The nearest prototype of embeddings that are centred and normalised, see [`simple_shot`].
    #[serde(rename = "simpleshot")]
    SimpleShot,
    /// The nearest prototype by cosine of embeddings that are standardised, see [`standardised`].
    Cosine,
    /// [`Head::LINEAR_PROBE`].
    LinearProbe,
    /// [`Head::GRADIENT`].
    Gradient,
}

impl HeadChoice {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Auto,
        Self::Prototype,
        Self::SimpleShot,
        Self::Cosine,
        Self::LinearProbe,
        Self::Gradient,
    ];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Prototype => "prototype",
            Self::SimpleShot => "simpleshot",
            Self::Cosine => "cosine",
            Self::LinearProbe => "linear-probe",
            Self::Gradient => "gradient",
        }
    }

    /// Whether a model can be evaluated so.
    ///
    /// # Errors
    /// [`EvaluateError::NoCentre`].
    pub fn check(self, model: &Model) -> Result<(), EvaluateError> {
        let width = model.network.width();
        let lacks = |moments: &[f32]| moments.len() != width;
        let lacking = match self {
            Self::SimpleShot => lacks(&model.info.centre),
            Self::Cosine => lacks(&model.info.centre) || lacks(&model.info.spread),
            _ => false,
        };
        if lacking {
            return Err(EvaluateError::NoCentre);
        }
        Ok(())
    }
}

impl fmt::Display for HeadChoice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for HeadChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|head| head.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no head; choose one of {names}")
        })
    }
}

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
    /// By file index: mel frames, where the learner adapts the network's body to each task.
    frames: Option<FeatureStore>,
    /// Where supports and queries come from different collections: which files may only be queries.
    query_only: Option<Vec<bool>>,
    /// What people should know: files left out, files that the split does not know.
    pub notes: Vec<String>,
    /// Files that could not be read, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

/// Embeddings by file index, and what compares them.
type Compared<'a> = (Cow<'a, [Vec<f32>]>, Head);

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

/// What reads and embeds files. The network is compiled once, for all that is read.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The network.
    pub model: &'a Model,
    /// What hears the files.
    pub front_end: &'a FrontEnd,
    embedder: Embedder,
}

impl<'a> Reader<'a> {
    /// A reader of files.
    ///
    /// # Errors
    /// [`GpuError`]: the network does not fit, or a fault of the device.
    pub fn new(gpu: &Gpu, model: &'a Model, front_end: &'a FrontEnd) -> Result<Self, GpuError> {
        Ok(Self {
            model,
            front_end,
            embedder: Embedder::new(gpu, &model.network, &model.parameters)?,
        })
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

/// Checks, before anything is read, that the files to evaluate give episodes of [way, shot, query].
///
/// # Errors
/// [`EvaluateError::NoTestFiles`], or [`EvaluateError::Episode`] with what is lacking.
pub fn check_episode(
    dataset: &Dataset,
    model: &Model,
    part: EvaluatePart,
    [way, shot, query]: [usize; 3],
) -> Result<(), EvaluateError> {
    let (wanted, _) = choose(dataset, model, part)?;
    EpisodeSampler::new(dataset.pool(&wanted), way, shot, query)?;
    Ok(())
}

/// Reads and embeds files. `on` is told the files done and the files in all.
///
/// # Errors
/// [`EvaluateError`]; a file that cannot be read is only noted, unless `front_end` is strict.
pub fn embed_dataset(
    reader: &Reader,
    dataset: Dataset,
    part: EvaluatePart,
    on: &mut dyn FnMut(usize, usize),
) -> Result<Embedded, EvaluateError> {
    if dataset.tracks {
        return Err(EvaluateError::Data(DataError::TracksHaveNoFiles {
            reason: "and only training can cut it into shots: evaluate with labels that several files share",
        }));
    }
    let (wanted, notes) = choose(&dataset, reader.model, part)?;
    embed_items(reader, dataset, &wanted, notes, on)
}

/// As [`embed_dataset`], of the `wanted` items.
fn embed_items(
    reader: &Reader,
    dataset: Dataset,
    wanted: &[usize],
    mut notes: Vec<String>,
    on: &mut dyn FnMut(usize, usize),
) -> Result<Embedded, EvaluateError> {
    let Reader {
        model,
        front_end,
        embedder,
    } = reader;
    notes.extend(dataset.warnings.iter().cloned());
    let initial = model.network.initial_parameters(model.info.seed);
    let count = dataset.items.len();
    let learner = model.info.config.learner;
    let frames = match learner.adapts_body() {
        true => Some(FeatureStore::new(count, model.info.preset.n_mels)?),
        false => None,
    };
    let mut embedded = Embedded {
        files: Vec::new(),
        network: vec![Vec::new(); count],
        untrained: vec![Vec::new(); count],
        mfcc: vec![Vec::new(); count],
        learner,
        frames,
        query_only: None,
        metric: Metric {
            distance: model.network.spec.distance,
            scale: model.network.spec.scale,
        },
        calibration: model.info.calibration,
        centre: model.info.centre.clone(),
        spread: model.info.spread.clone(),
        notes,
        failed: Vec::new(),
        dataset,
    };
    let mut cut = 0;
    for (done, chunk) in wanted.chunks(FILES_AT_ONCE).enumerate() {
        on(done * FILES_AT_ONCE, wanted.len());
        let paths: Vec<PathBuf> = chunk
            .iter()
            .map(|&i| embedded.dataset.file(&embedded.dataset.items[i]))
            .collect();
        let features = front_end.features_of(&embedded.dataset, chunk);
        let mut clips = Vec::new();
        let mut owners = Vec::new();
        for ((&index, path), result) in chunk.iter().zip(&paths).zip(features) {
            match result {
                Ok(features) => {
                    cut += usize::from(features.stopped);
                    let warnings = features.warnings.iter();
                    embedded
                        .notes
                        .extend(warnings.map(|w| format!("{}: {w}", path.display())));
                    let segments = cut_segments(
                        model.info.segment,
                        model.info.preset.n_mels,
                        &features.values,
                    );
                    owners.extend(segments.iter().map(|_| index));
                    clips.extend(segments.into_iter().map(|s| s.values));
                    if let Some(frames) = &mut embedded.frames {
                        frames.put(index, &features.values)?;
                    }
                    embedded.mfcc[index] = model.info.mfcc.apply(&features.mfcc);
                    embedded.files.push(index);
                }
                Err(error) if error.is_device_fault() || front_end.strict() => {
                    return Err(EvaluateError::Strict(error));
                }
                Err(error) => embedded.failed.push((path.clone(), error.to_string())),
            }
        }
        for (parameters, files) in [
            (&model.parameters, &mut embedded.network),
            (&initial, &mut embedded.untrained),
        ] {
            embedder.set_parameters(parameters);
            let mut embeddings = embedder.embed(&clips)?.into_iter();
            // The segments of a file follow one another.
            for owned in owners.chunk_by(|a, b| a == b) {
                let segments: Vec<_> = embeddings.by_ref().take(owned.len()).collect();
                files[owned[0]] = mean_embedding(&segments);
            }
        }
    }
    on(wanted.len(), wanted.len());
    embedded.notes.extend(front_end.cut_note(cut));
    embedded.notes.extend(front_end.save_kept()?);
    Ok(embedded)
}

/// The files to evaluate, and what people should know of the choice.
fn choose(
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

    /// How the network's embeddings are compared with prototypes of so many examples each: the scale is a calibrated one if
    /// there is one.
    pub fn calibrated_metric(&self, shots: usize) -> Metric {
        self.metric.calibrated(self.calibration, shots)
    }

    /// Draws episodes of the embedded files.
    fn sampler(
        &self,
        way: usize,
        shot: usize,
        query: usize,
    ) -> Result<EpisodeSampler, EpisodeError> {
        let pool = self.dataset.pool(&self.files);
        match &self.query_only {
            Some(query_only) => EpisodeSampler::between(pool, query_only.clone(), way, shot, query),
            None => EpisodeSampler::new(pool, way, shot, query),
        }
    }

    /// Checks that the files that could be read give episodes of [way, shot, query].
    ///
    /// # Errors
    /// [`EvaluateError::Episode`] with what is lacking.
    pub fn check_episode(&self, [way, shot, query]: [usize; 3]) -> Result<(), EvaluateError> {
        self.sampler(way, shot, query)?;
        Ok(())
    }

    /// The head that the network was trained for.
    fn trained_head(&self) -> Head {
        self.learner.head(self.metric)
    }

    /// Embeddings of the network as `head` compares them, and what it compares them by.
    fn under<'a>(
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
            HeadChoice::LinearProbe => Head::LINEAR_PROBE,
            HeadChoice::Gradient => Head::GRADIENT,
        };
        Ok((embeddings.into(), fitted))
    }

    /// Accuracy of `episode` = [way, shot, query] when inner steps adapt the network's body as well to every task,
    /// which takes about as long as a training step each. None for a learner that does not.
    ///
    /// # Errors
    /// [`EvaluateError`]: the files make no such episodes, a fault of the device or the temporary folder.
    pub fn adapted(
        &self,
        gpu: &Gpu,
        model: &Model,
        episode: [usize; 3],
        episodes: usize,
        seed: u64,
    ) -> Result<Option<AdaptedAccuracy>, EvaluateError> {
        let Some(frames) = &self.frames else {
            return Ok(None);
        };
        let [way, shot, query] = episode;
        let sampler = self.sampler(way, shot, query)?;
        let steps = self.learner.steps;
        let adapter = TaskAdapter::new(gpu, &model.network, &self.learner, episode, steps)?;
        let segments = |index: usize| {
            let values = frames.get(index)?;
            let info = &model.info;
            let segments = cut_segments(info.segment, info.preset.n_mels, &values);
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
        way: usize,
        shot: usize,
        query: usize,
        episodes: usize,
        seed: u64,
        head: HeadChoice,
    ) -> Result<Report, EvaluateError> {
        let sampler = self.sampler(way, shot, query)?;
        let (network, of_network) = self.under(head, &self.network)?;
        let (untrained_name, of_untrained) = match head {
            HeadChoice::SimpleShot | HeadChoice::Cosine => (
                "untrained network, prototypes",
                Head::Prototype(self.metric),
            ),
            _ => ("untrained network", of_network),
        };
        let systems = [
            System {
                name: "network",
                embeddings: &network,
                queries: None,
                head: of_network,
            },
            System {
                name: untrained_name,
                embeddings: &self.untrained,
                queries: None,
                head: of_untrained,
            },
            System {
                name: "MFCC, nearest centroid",
                embeddings: &self.mfcc,
                queries: None,
                head: Head::Prototype(Metric::EUCLIDEAN),
            },
            System {
                name: "MFCC, linear probe",
                embeddings: &self.mfcc,
                queries: None,
                head: Head::LINEAR_PROBE,
            },
        ];
        let evaluation = evaluate(&sampler, &systems, episodes, seed)?;
        let differences = (1..systems.len())
            .map(|floor| evaluation.difference(0, floor, LEVEL))
            .collect::<Result<_, _>>()?;
        let own = matches!(head, HeadChoice::Auto | HeadChoice::Prototype);
        let reliability = match of_network {
            Head::Prototype(_) if own => {
                let metric = self.calibrated_metric(shot);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_one_name_on_the_command_line_and_in_json() {
        for head in HeadChoice::ALL {
            assert_eq!(head.name().parse(), Ok(head));
            let json = serde_json::to_string(&head).unwrap();
            assert_eq!(json, format!("\"{head}\""));
        }
        assert!(
            "knn"
                .parse::<HeadChoice>()
                .unwrap_err()
                .contains("linear-probe")
        );
    }
}
