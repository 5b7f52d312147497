//! Model files: safetensors, with everything else that a model is in the metadata.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde::{Deserialize, Serialize};

use super::{ModelError, Network, Spec};
use crate::data::Split;
use crate::features::{Features, SegmentShape};
use crate::fewshot::Standardiser;
use crate::files;
use crate::mel::Preset;
use crate::tensors::{self, TensorFile, TensorFileError};
use crate::train::TrainConfig;

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// Key of the metadata.
const KEY: &str = "gamaka";

/// Everything of a model but its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Version of the format.
    pub format: u32,
    /// The network.
    pub spec: Spec,
    /// What it hears.
    pub preset: Preset,
    /// Length and hop of a segment, in frames.
    pub segment: SegmentShape,
    /// Seed of the initial parameters: the untrained network is part of every evaluation.
    pub seed: u64,
    /// Which files trained, validated and are kept for the test.
    pub split: Split,
    /// Standardises the MFCC of the floor, fitted on the training files.
    pub mfcc: Standardiser,
    /// Mean embedding of the training files; empty in models of older versions.
    #[serde(default)]
    pub centre: Vec<f32>,
    /// How it was trained.
    #[serde(with = "as_toml")]
    pub config: TrainConfig,
    /// Episodes that it was trained on when its parameters were best on the validation files.
    pub episodes: usize,
}

/// A configuration as TOML within the metadata.
mod as_toml {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::train::TrainConfig;

    pub(super) fn serialize<S: Serializer>(config: &TrainConfig, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&config.to_toml())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TrainConfig, D::Error> {
        TrainConfig::from_toml(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

impl ModelInfo {
    /// The current format.
    pub const FORMAT: u32 = FORMAT;

    /// The network, once everything here has been found to be possible and to fit together.
    fn network(&self) -> Result<Network, String> {
        self.preset
            .validate_for_network()
            .map_err(|e| e.to_string())?;
        self.config.validate().map_err(|e| e.to_string())?;
        self.split.check()?;
        let input = [self.preset.n_mels, self.segment.frames()];
        let network = Network::new(self.spec.clone(), input).map_err(|e| e.to_string())?;
        if network.lacks_moments() {
            return Err("its network standardises mel bands by unknown means".into());
        }
        self.mfcc.check(Features::MFCC_LEN)?;
        let width = network.width();
        if !(self.centre.is_empty() || self.centre.len() == width) {
            return Err(format!(
                "its centre has {} values and its embeddings {width}",
                self.centre.len()
            ));
        }
        if !self.centre.iter().all(|value| value.is_finite()) {
            return Err("its centre is not finite".into());
        }
        Ok(network)
    }
}

/// A trained network with all that is needed to use and to judge it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// Its parameters, in the device's flat layout.
    pub parameters: Vec<f32>,
    /// The rest.
    pub info: ModelInfo,
}

impl Model {
    /// Writes a model file, whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let at = |reason: String| ModelError::File {
            path: path.to_path_buf(),
            reason,
        };
        let info = serde_json::to_string(&self.info).map_err(|e| at(e.to_string()))?;
        let named = self.network.named_parameters(&self.parameters);
        let views: Vec<(&str, TensorView)> = named
            .iter()
            .map(|p| {
                let bytes = bytemuck::cast_slice(&p.values);
                Ok((
                    p.name.as_str(),
                    TensorView::new(Dtype::F32, p.dims.clone(), bytes)?,
                ))
            })
            .collect::<Result<_, SafeTensorError>>()
            .map_err(|e| at(e.to_string()))?;
        let bytes = tensors::serialize(KEY, &info, views).map_err(|e| at(e.to_string()))?;
        Ok(files::write(path, &bytes)?)
    }

    /// Reads a model file. What it says of itself is checked before room is made for its parameters; a checksum, which only
    /// older versions left out, tells whether a byte has changed.
    ///
    /// # Errors
    /// [`ModelError::File`]: not there, damaged, of another kind or of a newer format.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        read(path).map_err(|reason| ModelError::File {
            path: path.to_path_buf(),
            reason,
        })
    }
}

const COPY_AGAIN: &str = "copy it again or train anew";

fn read(path: &Path) -> Result<Model, String> {
    let file = TensorFile::open(path, KEY).map_err(|e| explain(&e))?;
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let damaged = |e: serde_json::Error| {
        format!(
            "has damaged metadata ({}): {COPY_AGAIN}",
            brief(&e.to_string())
        )
    };
    let Format { format } = serde_json::from_str(&file.text).map_err(damaged)?;
    if format > FORMAT {
        return Err(format!(
            "has format {format}, and this gamaka reads up to {FORMAT}: update gamaka"
        ));
    }
    let info: ModelInfo = serde_json::from_str(&file.text).map_err(damaged)?;
    let network = info.network().map_err(|reason| {
        format!(
            "is not possible as a model ({}): {COPY_AGAIN}",
            brief(&reason)
        )
    })?;
    let shapes = network.parameter_shapes();
    for (name, dims) in &shapes {
        match file.tensors.iter().find(|found| found.name == *name) {
            Some(found) if found.dtype != Dtype::F32 => {
                return Err(format!(
                    "holds the parameter `{name}` as {:?}, and this gamaka reads F32 only: {COPY_AGAIN}",
                    found.dtype
                ));
            }
            Some(found) if found.dims == *dims => {}
            _ => {
                return Err(format!(
                    "has no parameter `{name}` of shape {dims:?}, which its network has: {COPY_AGAIN}"
                ));
            }
        }
    }
    // Where each tensor of the file goes.
    let mut places = Vec::new();
    for found in &file.tensors {
        let place = shapes.iter().position(|(name, _)| *name == found.name);
        places.push(place.ok_or_else(|| {
            format!("holds a tensor that its network does not have: {COPY_AGAIN}")
        })?);
    }
    let mut parameters = vec![0.0; network.flat_len()];
    let mut finite = true;
    let read = file.read(|tensor, bytes| {
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(bytes);
        finite &= values.iter().all(|value| value.is_finite());
        network.set_parameter(&mut parameters, places[tensor], &values);
    });
    read.map_err(|e| explain(&e))?;
    if !finite {
        return Err(format!(
            "holds parameters that are not finite: {COPY_AGAIN}"
        ));
    }
    Ok(Model {
        network,
        parameters,
        info,
    })
}

/// A reason that may quote the file, fit to stand in a line.
fn brief(reason: &str) -> String {
    const LONGEST: usize = 400;
    let words: Vec<&str> = reason.split_whitespace().take(LONGEST).collect();
    let mut line = words.join(" ").replace(char::is_control, "\u{fffd}");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push_str(" ...");
    }
    line
}

fn explain(error: &TensorFileError) -> String {
    match error {
        TensorFileError::Missing => {
            "there is no such model file; train one with `gamaka train`".into()
        }
        TensorFileError::Foreign => {
            "is a safetensors file, but no gamaka model; train one with `gamaka train`".into()
        }
        TensorFileError::NotAFile | TensorFileError::NotSafetensors => {
            format!("is no model file ({error}): give a file that `gamaka train` wrote")
        }
        TensorFileError::Unreadable(_) => error.to_string(),
        TensorFileError::CutShort | TensorFileError::TooLong(_) | TensorFileError::Damaged => {
            format!("{error}: {COPY_AGAIN}")
        }
    }
}
