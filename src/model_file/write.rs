//! Writing a model file.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

use super::model::{FORMAT, KEY, Model, ModelInfo, PACKED_FORMAT, SPLIT_FILES};
use super::stored::{self, Record};
use crate::files;
use crate::model::{ModelError, is_half};
use crate::tensors;

/// The metadata of a file.
#[derive(Serialize)]
struct Header {
    #[serde(flatten)]
    info: ModelInfo,
    /// Parameter tensors that lie there as more than plain floats, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    packed: BTreeMap<String, Record>,
}

impl Model {
    /// Writes a model file, whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        self.write(path, Dtype::F32)
    }

    /// As [`Self::save`], in half the size: with parameters of half precision, to which they are rounded.
    ///
    /// # Errors
    /// [`ModelError::File`], and as [`Self::in_half_precision`].
    pub fn save_half(&self, path: &Path) -> Result<(), ModelError> {
        self.in_half_precision()
            .map_err(|reason| ModelError::File {
                path: path.to_path_buf(),
                reason,
            })?
            .write(path, Dtype::F16)
    }

    fn write(&self, path: &Path, dtype: Dtype) -> Result<(), ModelError> {
        let failed = |error: &dyn Display| ModelError::File {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        let packing = self.fitting();
        let (mut packed, mut tensors) = (BTreeMap::new(), Vec::new());
        let named = self.network.named_parameters(&self.parameters);
        for (place, parameter) in named.iter().enumerate() {
            // Beside packed ones, which are exact, others are no larger than they need to be.
            let halves = || parameter.values.iter().all(|value| is_half(*value));
            let dtype = match packing.is_empty() || !halves() {
                true => dtype,
                false => Dtype::F16,
            };
            let (record, parts) = stored::encode(parameter, packing.get(place), dtype);
            packed.extend(record.map(|record| (parameter.name.clone(), record)));
            let name = |suffix| format!("{}{suffix}", parameter.name);
            tensors.extend(parts.into_iter().map(|part| (name(part.suffix), part)));
        }
        let mut info = self.info.clone();
        info.format = match packed.is_empty() {
            true => FORMAT,
            false => PACKED_FORMAT,
        };
        let split = std::mem::take(&mut info.split.files);
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        serde_json::to_writer(&mut deflated, &split).map_err(|e| failed(&e))?;
        let split = deflated.finish().map_err(|e| failed(&e))?;
        let header = Header { info, packed };
        let header = serde_json::to_string(&header).map_err(|e| failed(&e))?;
        let mut views = Vec::new();
        for (name, part) in &tensors {
            let view = TensorView::new(part.dtype, part.dims.clone(), &part.bytes);
            views.push((name.as_str(), view.map_err(|e| failed(&e))?));
        }
        let of_split = TensorView::new(Dtype::U8, vec![split.len()], &split);
        views.push((SPLIT_FILES, of_split.map_err(|e| failed(&e))?));
        let bytes = tensors::serialize(KEY, &header, views).map_err(|e| failed(&e))?;
        Ok(files::write(path, &bytes)?)
    }
}
