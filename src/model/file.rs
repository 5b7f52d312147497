//! Model files: safetensors, with everything else that a model is in the metadata.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::{ModelError, NamedParameter, Network, Spec};
use crate::data::Split;
use crate::features::SegmentShape;
use crate::fewshot::Standardiser;
use crate::files;
use crate::mel::Preset;

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
    /// The training configuration, as TOML.
    pub config: String,
    /// Episodes that it was trained on when its parameters were best on the validation files.
    pub episodes: usize,
}

impl ModelInfo {
    /// The current format.
    pub const FORMAT: u32 = FORMAT;
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
        let bytes = safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), info)])))
            .map_err(|e| at(e.to_string()))?;
        Ok(files::write(path, &bytes)?)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError::File`]: not there, cut off, of another kind or of a newer format.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let at = |reason: String| ModelError::File {
            path: path.to_path_buf(),
            reason,
        };
        let bytes = std::fs::read(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                at("there is no such model file; train one with `gamaka train`".into())
            }
            _ => at(format!("cannot be read: {e}")),
        })?;
        let (_, metadata) =
            SafeTensors::read_metadata(&bytes).map_err(|e| at(explain(&bytes, &e)))?;
        let Some(text) = metadata.metadata().as_ref().and_then(|m| m.get(KEY)) else {
            return Err(at(
                "is a safetensors file, but no gamaka model; train one with `gamaka train`".into(),
            ));
        };
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |e: serde_json::Error| {
            at(format!(
                "has damaged metadata ({e}): copy it again or train anew"
            ))
        };
        let Format { format } = serde_json::from_str(text).map_err(damaged)?;
        if format > FORMAT {
            return Err(at(format!(
                "has format {format}, and this gamaka reads up to {FORMAT}: update gamaka"
            )));
        }
        let info: ModelInfo = serde_json::from_str(text).map_err(damaged)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| at(explain(&bytes, &e)))?;
        let named: Vec<NamedParameter> = tensors
            .iter()
            .filter(|(_, view)| view.dtype() == Dtype::F32)
            .map(|(name, view)| NamedParameter {
                name: name.to_string(),
                dims: view.shape().to_vec(),
                values: bytemuck::pod_collect_to_vec(view.data()),
            })
            .collect();
        if named
            .iter()
            .any(|p| p.values.iter().any(|v| !v.is_finite()))
        {
            return Err(at(
                "holds parameters that are not finite: copy it again or train anew".into(),
            ));
        }
        let unfit = |e: ModelError| at(format!("{e}: copy the file again or train anew"));
        let input = [info.preset.n_mels, info.segment.frames];
        let network = Network::new(info.spec.clone(), input).map_err(unfit)?;
        let parameters = network.flat_parameters(&named).map_err(unfit)?;
        Ok(Self {
            network,
            parameters,
            info,
        })
    }
}

fn explain(bytes: &[u8], error: &SafeTensorError) -> String {
    match error {
        SafeTensorError::MetadataIncompleteBuffer | SafeTensorError::InvalidHeaderLength if looks_like_header(bytes) => {
            "is cut short: copy it again or train anew".to_string()
        }
        _ => "is no model file (not in the safetensors format): give a file that `gamaka train` wrote".to_string(),
    }
}

/// Eight bytes of a plausible length, then the opening of a JSON object.
fn looks_like_header(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}
