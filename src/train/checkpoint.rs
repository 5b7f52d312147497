//! The state of a training, for `--resume`: with it a killed run ends with the same bits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::data::Split;
use crate::fewshot::Interval;
use crate::files;
use crate::ops::OptimizerState;

/// Key of the metadata.
const KEY: &str = "gamaka-checkpoint";

/// One training episode's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogRow {
    /// Number of the episode, from 1.
    pub episode: usize,
    /// Mean cross-entropy of its queries.
    pub loss: f32,
    /// Share of its queries that went to the right class.
    pub accuracy: f32,
    /// Gradient norm before clipping.
    pub gradient_norm: f32,
    /// Steps skipped so far because a gradient was not finite.
    pub skipped: u32,
}

/// One validation's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Training episodes before it; 0 is the untrained network.
    pub episode: usize,
    /// Mean accuracy on the validation files.
    pub accuracy: f64,
    /// Its 95 % interval over episodes.
    pub over_episodes: Interval,
    /// Its 95 % interval over files, where there are enough of them.
    pub over_files: Option<Interval>,
    /// Seconds of training before it, without the validations.
    pub seconds: f64,
}

/// Parameters and moments, flat.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weights {
    pub parameters: Vec<f32>,
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    pub state: OptimizerState,
}

/// A training between two episodes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Progress {
    /// Episodes done.
    pub episode: usize,
    pub weights: Weights,
    /// Seconds of training, without the validations.
    pub seconds: f64,
    /// The parameters of the best validation.
    pub best: Vec<f32>,
    pub log: Vec<LogRow>,
    pub validations: Vec<Validation>,
}

impl Progress {
    /// The best validation so far.
    pub fn best_validation(&self) -> Option<Validation> {
        self.validations
            .iter()
            .copied()
            .reduce(|best, v| if v.accuracy > best.accuracy { v } else { best })
    }
}

/// What a checkpoint must share with the run that resumes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The configuration as TOML.
    pub config: String,
    pub split: Split,
    /// Files that could not be read.
    pub failed: Vec<PathBuf>,
    /// The limit of device memory, which decides over the turns of a data set that does not fit.
    pub memory: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    identity: Identity,
    episode: usize,
    seconds: f64,
    log: Vec<LogRow>,
    validations: Vec<Validation>,
}

/// Where the state of a training lies whose model goes to `model`.
pub fn checkpoint_path(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".checkpoint");
    PathBuf::from(name)
}

pub(super) fn save(
    path: &Path,
    identity: &Identity,
    progress: &Progress,
) -> Result<(), TrainError> {
    let at = |reason: String| TrainError::Checkpoint {
        path: path.to_path_buf(),
        reason,
    };
    let header = Header {
        identity: identity.clone(),
        episode: progress.episode,
        seconds: progress.seconds,
        log: progress.log.clone(),
        validations: progress.validations.clone(),
    };
    let header = serde_json::to_string(&header).map_err(|e| at(e.to_string()))?;
    let Weights {
        parameters,
        first,
        second,
        state,
    } = &progress.weights;
    let bytes = vectors(parameters, first, second, &progress.best, state)
        .and_then(|views| {
            safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), header)])))
        })
        .map_err(|e| at(e.to_string()))?;
    Ok(files::write(path, &bytes)?)
}

fn vectors<'a>(
    parameters: &'a [f32],
    first: &'a [f32],
    second: &'a [f32],
    best: &'a [f32],
    state: &'a OptimizerState,
) -> Result<Vec<(&'static str, TensorView<'a>)>, SafeTensorError> {
    let flat = |values: &'a [f32]| {
        TensorView::new(Dtype::F32, vec![values.len()], bytemuck::cast_slice(values))
    };
    Ok(vec![
        ("parameters", flat(parameters)?),
        ("first", flat(first)?),
        ("second", flat(second)?),
        ("best", flat(best)?),
        (
            "state",
            TensorView::new(Dtype::U32, vec![8], bytemuck::bytes_of(state))?,
        ),
    ])
}

/// Reads a checkpoint and checks that it belongs to this training.
pub(super) fn load(
    path: &Path,
    identity: &Identity,
    flat_len: usize,
) -> Result<Progress, TrainError> {
    let at = |reason: &str| TrainError::Checkpoint {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    };
    let damaged = || at("is damaged or of another version: delete it and start without --resume");
    let bytes = std::fs::read(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => at("there is nothing to resume: start without --resume"),
        _ => at(&format!("cannot be read: {e}")),
    })?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|_| damaged())?;
    let text = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get(KEY))
        .ok_or_else(damaged)?;
    let header: Header = serde_json::from_str(text).map_err(|_| damaged())?;
    if header.identity.config != identity.config {
        let differs = first_difference(&header.identity.config, &identity.config);
        return Err(at(&format!(
            "was made with another configuration ({differs}): give the same options, or start without --resume"
        )));
    }
    if header.identity.memory != identity.memory {
        return Err(at(
            "was made with another --memory: give the same, or start without --resume",
        ));
    }
    if header.identity != *identity {
        return Err(at(
            "was made with other files: give the same data, or start without --resume",
        ));
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(|_| damaged())?;
    let flat = |name: &str| {
        let view = tensors.tensor(name).ok()?;
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(view.data());
        (view.dtype() == Dtype::F32 && values.len() == flat_len).then_some(values)
    };
    let state = tensors
        .tensor("state")
        .ok()
        .and_then(|v| bytemuck::try_pod_read_unaligned(v.data()).ok());
    Ok(Progress {
        episode: header.episode,
        weights: Weights {
            parameters: flat("parameters").ok_or_else(damaged)?,
            first: flat("first").ok_or_else(damaged)?,
            second: flat("second").ok_or_else(damaged)?,
            state: state.ok_or_else(damaged)?,
        },
        best: flat("best").ok_or_else(damaged)?,
        seconds: header.seconds,
        log: header.log,
        validations: header.validations,
    })
}

fn first_difference(a: &str, b: &str) -> String {
    let differs = a.lines().zip(b.lines()).find(|(x, y)| x != y);
    differs.map_or("one is longer".to_string(), |(x, y)| {
        format!("`{}` then, `{}` now", x.trim(), y.trim())
    })
}
