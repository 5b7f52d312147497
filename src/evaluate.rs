//! How well a model hears: N-way K-shot accuracy beside its floors, on the same episodes and files.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::data::{DataError, Dataset, Part};
use crate::embed::{Embedder, mean_embedding};
use crate::features::{FILES_AT_ONCE, FeatureError, FrontEnd, cut_segments};
use crate::fewshot::{
    Difference, EpisodeError, EpisodeSampler, Evaluation, Metric, ScoreError, System, evaluate,
};
use crate::gpu::{Gpu, GpuError};
use crate::mel::MelError;
use crate::model::Model;
use crate::ops::Distance;

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
        /// The data set.
        path: PathBuf,
    },
    /// The files make no episodes.
    #[error(transparent)]
    Episode(#[from] EpisodeError),
    /// The embeddings cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The mel front end failed.
    #[error(transparent)]
    Mel(#[from] MelError),
    /// The GPU failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
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
    /// All.
    All,
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
    /// What people should know: files left out, files that the split does not know.
    pub notes: Vec<String>,
    /// Files that could not be read, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

/// An evaluation with the differences that it was made for.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Accuracies of the network (first), the untrained network and the MFCC floor.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// The network's accuracy less that of each floor.
    pub differences: Vec<Difference>,
}

/// Reads and embeds files. `on` is told the files done and the files in all.
///
/// # Errors
/// [`EvaluateError`]; a file that cannot be read is only noted, unless `front_end` is strict.
pub fn embed_dataset(
    gpu: &Gpu,
    model: &Model,
    front_end: &FrontEnd,
    path: &Path,
    part: EvaluatePart,
    max_seconds: f64,
    on: &mut dyn FnMut(usize, usize),
) -> Result<Embedded, EvaluateError> {
    let dataset = Dataset::open(path)?;
    let (wanted, mut notes) = choose(&dataset, model, path, part)?;
    notes.extend(dataset.warnings.iter().cloned());
    // One compiled network serves both sets of parameters.
    let embedder = Embedder::new(gpu, &model.network, &model.parameters)?;
    let initial = model.network.initial_parameters(model.info.seed);
    let count = dataset.items.len();
    let mut embedded = Embedded {
        files: Vec::new(),
        network: vec![Vec::new(); count],
        untrained: vec![Vec::new(); count],
        mfcc: vec![Vec::new(); count],
        metric: Metric {
            distance: model.network.spec.distance,
            scale: model.network.spec.scale,
        },
        notes,
        failed: Vec::new(),
        dataset,
    };
    for (done, chunk) in wanted.chunks(FILES_AT_ONCE).enumerate() {
        on(done * FILES_AT_ONCE, wanted.len());
        let paths: Vec<PathBuf> = chunk
            .iter()
            .map(|&i| embedded.dataset.file(&embedded.dataset.items[i]))
            .collect();
        let features = front_end.features_of(&paths, max_seconds);
        let mut clips = Vec::new();
        let mut owners = Vec::new();
        for ((&index, path), result) in chunk.iter().zip(&paths).zip(features) {
            match result {
                Ok(features) => {
                    let warnings = features.info.warnings.iter();
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
    Ok(embedded)
}

/// The files to evaluate, and what people should know of the choice.
fn choose(
    dataset: &Dataset,
    model: &Model,
    path: &Path,
    part: EvaluatePart,
) -> Result<(Vec<usize>, Vec<String>), EvaluateError> {
    let found = model.info.split.apply(dataset);
    let mut notes = Vec::new();
    match part {
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
        EvaluatePart::Test => {
            let wanted = found.indices(Part::Test);
            if wanted.is_empty() {
                return Err(EvaluateError::NoTestFiles {
                    path: path.to_path_buf(),
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
    /// Scores the network and its floors on the same `episodes` episodes.
    ///
    /// # Errors
    /// [`EvaluateError::Episode`] if the files make no such episodes, or [`EvaluateError::Score`].
    pub fn score(
        &self,
        way: usize,
        shot: usize,
        query: usize,
        episodes: usize,
        seed: u64,
    ) -> Result<Report, EvaluateError> {
        let sampler = EpisodeSampler::new(self.dataset.pool(&self.files), way, shot, query)?;
        let cepstral = Metric {
            distance: Distance::Euclidean,
            scale: 1.0,
        };
        let systems = [
            System {
                name: "network",
                embeddings: &self.network,
                metric: self.metric,
            },
            System {
                name: "untrained network",
                embeddings: &self.untrained,
                metric: self.metric,
            },
            System {
                name: "MFCC, nearest centroid",
                embeddings: &self.mfcc,
                metric: cepstral,
            },
        ];
        let evaluation = evaluate(&sampler, &systems, episodes, seed)?;
        let differences = (1..systems.len())
            .map(|floor| evaluation.difference(0, floor, LEVEL))
            .collect::<Result<_, _>>()?;
        Ok(Report {
            evaluation,
            differences,
        })
    }
}
