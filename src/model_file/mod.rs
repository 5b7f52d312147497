//! Model files: safetensors, with everything else that a model is in the metadata.

mod stored;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::features::{Features, Hearing, SegmentShape};
use crate::fewshot::{Calibration, Metric, Standardiser, Whitening};
use crate::files;
use crate::mel::Preset;
use crate::model::{ModelError, Network, Packing, Spec, Storage, is_half};
use crate::settings::TrainConfig;
use crate::tensors::{self, TensorFile, TensorFileError};
use stored::{FLOATS, Record};

/// The format of models whose parameters are all floats.
const FORMAT: u32 = 2;

/// The format of others, and the newest that this version reads.
const PACKED_FORMAT: u32 = 3;

/// Key of the metadata.
const KEY: &str = "gamaka";

/// Name of the tensor with the split's files: their JSON, deflated, for it has a hash of each. Before format 2 they stood in the
/// metadata.
const SPLIT_FILES: &str = "split.files";

/// Longest JSON of a split's files.
const LONGEST_SPLIT: u64 = 256 << 20;

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
    /// Deviation of the training files' embeddings in each dimension, above 0; empty in models of older versions.
    #[serde(default)]
    pub spread: Vec<f32>,
    /// What turns distances into probabilities, chosen on validation files; none in models of older versions, or where there
    /// were too few files.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// How it was trained.
    #[serde(with = "as_toml")]
    pub config: TrainConfig,
    /// Episodes that it was trained on when its parameters were best on the validation files.
    pub episodes: usize,
}

/// A configuration as TOML within the metadata.
mod as_toml {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::settings::TrainConfig;

    pub(super) fn serialize<S: Serializer>(config: &TrainConfig, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&config.to_toml())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TrainConfig, D::Error> {
        TrainConfig::from_toml(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

impl ModelInfo {
    /// The format of models whose parameters are all floats.
    pub const FORMAT: u32 = FORMAT;

    /// The format of others, and the newest that this version reads.
    pub const PACKED_FORMAT: u32 = PACKED_FORMAT;

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
        if !(self.spread.is_empty() || self.spread.len() == width) {
            return Err(format!(
                "its embeddings have {width} values and {} deviations",
                self.spread.len()
            ));
        }
        if !self.spread.iter().all(|d| d.is_finite() && *d > 0.0) {
            return Err("the deviations of its embeddings must be above 0".into());
        }
        self.calibration.iter().try_for_each(Calibration::check)?;
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
    /// Those of them that are kept in fewer bits than halves; the parameters count, and one that has been changed since is no
    /// longer packed.
    pub packing: Packing,
    /// The rest.
    pub info: ModelInfo,
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

    /// The model with its parameters rounded to half precision, 11 significant bits, but those that are kept in fewer.
    ///
    /// # Errors
    /// A parameter beyond the largest number of half precision.
    pub fn in_half_precision(&self) -> Result<Self, String> {
        let (mut parameters, packing) = (self.parameters.clone(), self.fitting());
        let named = self.network.named_parameters(&parameters);
        for (place, mut tensor) in named.into_iter().enumerate() {
            if packing.get(place).is_some() {
                continue;
            }
            for value in &mut tensor.values {
                *value = f16::from_f32(*value).to_f32();
            }
            if !tensor.values.iter().all(|value| value.is_finite()) {
                return Err(format!(
                    "is not written in half precision, for its parameter `{}` has values beyond {}, the largest there: write it in full precision",
                    tensor.name,
                    f16::MAX
                ));
            }
            let network = &self.network;
            network.set_parameter(&mut parameters, place, &tensor.values);
        }
        Ok(Self {
            parameters,
            packing,
            ..self.clone()
        })
    }

    /// How its parameters are packed that are still those that were.
    fn fitting(&self) -> Packing {
        match self.packing.is_empty() {
            true => Packing::default(),
            false => {
                let named = self.network.named_parameters(&self.parameters);
                self.packing.of(named.iter().map(|p| &p.values[..]))
            }
        }
    }

    /// What keeps each of its parameters exactly in as few bits as may be.
    pub fn storage(&self) -> Storage {
        let packing = self.fitting();
        match packing.is_empty() {
            true => Storage::of(&self.parameters),
            false => self.network.packed(&self.parameters, &packing),
        }
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

    /// The bytes of the model that comes with gamaka.
    pub const INCLUDED: &[u8] = include_bytes!("../../assets/models/gamaka.safetensors");

    /// The centre of the embeddings of the included model's training files, by which the model is known whatever its
    /// calibration, and the inverse square root of their covariance: [1 + width, width] as little-endian f32.
    const WHITENING: &[u8] = include_bytes!("../../assets/models/gamaka.whitening");

    /// The model that comes with gamaka.
    ///
    /// # Errors
    /// [`ModelError::File`]: gamaka was built with a damaged one.
    pub fn included() -> Result<Self, ModelError> {
        let file = TensorFile::new(Self::INCLUDED, Self::INCLUDED.len() as u64, KEY);
        let read = file.map_err(|e| explain(&e)).and_then(read);
        read.map_err(|reason| ModelError::File {
            path: "the model that comes with gamaka".into(),
            reason,
        })
    }

    /// How it hears files: as much of each as it was trained on.
    pub fn hearing(&self, strict: bool) -> Hearing {
        Hearing {
            preset: self.info.preset.clone(),
            max_seconds: self.info.config.max_seconds,
            strict,
        }
    }

    /// How its embeddings are compared with prototypes of so many examples each: the scale is a calibrated one if it has one.
    pub fn metric(&self, shots: usize) -> Metric {
        Metric::of(&self.network.spec).calibrated(self.info.calibration, shots)
    }

    /// What its embeddings go through before they are asked whether they are near at all: by all covariances of the training
    /// files' embeddings for the included model, by the deviations for others.
    pub fn whitening(&self) -> Whitening {
        let (centre, spread) = (&self.info.centre, &self.info.spread);
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(Self::WHITENING);
        match values.split_at_checked(centre.len()) {
            Some((known, root)) if known == centre && !centre.is_empty() => {
                Whitening::whole(centre.clone(), root.to_vec())
            }
            _ => Whitening::diagonal(centre, spread),
        }
    }

    /// Reads a model file. What it says of itself is checked before room is made for its parameters; a checksum, which only
    /// older versions left out, tells whether a byte has changed.
    ///
    /// # Errors
    /// [`ModelError::File`]: not there, damaged, of another kind or of a newer format.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let file = TensorFile::open(path, KEY).map_err(|e| explain(&e));
        file.and_then(read).map_err(|reason| ModelError::File {
            path: path.to_path_buf(),
            reason,
        })
    }
}

/// The metadata of a file.
#[derive(Serialize)]
struct Header {
    #[serde(flatten)]
    info: ModelInfo,
    /// Parameter tensors that lie there as more than plain floats, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    packed: BTreeMap<String, Record>,
}

const COPY_AGAIN: &str = "copy it again or train anew";

fn read(file: TensorFile<impl Read>) -> Result<Model, String> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    // Not flattened with the rest, whose numbers would be read by other rules then.
    #[derive(Deserialize)]
    struct Packed {
        #[serde(default)]
        packed: BTreeMap<String, Record>,
    }
    let damaged = |e: serde_json::Error| {
        format!(
            "has damaged metadata ({}): {COPY_AGAIN}",
            brief(&e.to_string())
        )
    };
    let Format { format } = serde_json::from_str(&file.text).map_err(damaged)?;
    if format > PACKED_FORMAT {
        return Err(format!(
            "has format {format}, and this gamaka reads up to {PACKED_FORMAT}: update gamaka"
        ));
    }
    let Packed { packed } = serde_json::from_str(&file.text).map_err(damaged)?;
    let mut info: ModelInfo = serde_json::from_str(&file.text).map_err(damaged)?;
    let network = info.network().map_err(|reason| {
        format!(
            "is not possible as a model ({}): {COPY_AGAIN}",
            brief(&reason)
        )
    })?;
    let shapes = network.parameter_shapes();
    if let Some(name) = packed
        .keys()
        .find(|name| shapes.iter().all(|(known, _)| known != *name))
    {
        return Err(format!(
            "packs a parameter `{}` that its network does not have: {COPY_AGAIN}",
            brief(name)
        ));
    }
    // For each tensor of the file the parameter that it belongs to, and its place among those of that one.
    let mut places = vec![None; file.tensors.len()];
    let mut packings: Vec<Vec<(Dtype, Vec<u8>)>> = vec![Vec::new(); shapes.len()];
    for (place, (name, dims)) in shapes.iter().enumerate() {
        let expected = match packed.get(name) {
            None => vec![("", FLOATS, dims.to_vec())],
            Some(record) => record
                .expected(dims)
                .map_err(|reason| impossible(name, &reason))?,
        };
        for (part, (suffix, dtypes, dims)) in expected.into_iter().enumerate() {
            let name = format!("{name}{suffix}");
            let found = file.tensors.iter().position(|found| found.name == name);
            match found.map(|at| (at, &file.tensors[at])) {
                Some((_, found)) if !dtypes.contains(&found.dtype) => {
                    let known = dtypes.iter().map(|dtype| format!("{dtype:?}"));
                    return Err(format!(
                        "holds the parameter `{name}` as {:?}, and this gamaka reads {} only: {COPY_AGAIN}",
                        found.dtype,
                        Vec::from_iter(known).join(" and ")
                    ));
                }
                Some((at, found)) if found.dims == dims => {
                    places[at] = Some((place, part));
                    packings[place].push((found.dtype, Vec::new()));
                }
                _ => {
                    return Err(format!(
                        "has no parameter `{name}` of shape {dims:?}, which its network has: {COPY_AGAIN}"
                    ));
                }
            }
        }
    }
    for (place, found) in places.iter().zip(&file.tensors) {
        let of_split = found.name == SPLIT_FILES && found.dtype == Dtype::U8;
        if place.is_none() && !of_split {
            return Err(format!(
                "holds a tensor that its network does not have: {COPY_AGAIN}"
            ));
        }
    }
    let mut parameters = vec![0.0; network.flat_len()];
    let mut finite = true;
    let mut set = |place: usize, values: &[f32]| {
        finite &= values.iter().all(|value| value.is_finite());
        network.set_parameter(&mut parameters, place, values);
    };
    let mut split = None;
    let read = file.read(|tensor, bytes| match places[tensor] {
        None => split = Some(bytes.to_vec()),
        Some((place, part)) if packed.contains_key(&shapes[place].0) => {
            packings[place][part].1 = bytes.to_vec();
        }
        Some((place, part)) => {
            let (dtype, _) = packings[place][part];
            set(place, &stored::of_floats(dtype, bytes));
        }
    });
    read.map_err(|e| explain(&e))?;
    let mut tensors = vec![None; shapes.len()];
    for (place, (name, dims)) in shapes.iter().enumerate() {
        if let Some(record) = packed.get(name) {
            let decoded = record.decode(dims, &packings[place]);
            let (values, packed) = decoded.map_err(|reason| impossible(name, &reason))?;
            set(place, &values);
            tensors[place] = packed;
        }
    }
    if let Some(deflated) = split {
        let inflated = DeflateDecoder::new(&deflated[..]).take(LONGEST_SPLIT);
        let files = serde_json::from_reader(BufReader::new(inflated));
        info.split.files = files.map_err(damaged)?;
        let checked = info.split.check();
        checked.map_err(|reason| {
            format!(
                "is not possible as a model ({}): {COPY_AGAIN}",
                brief(&reason)
            )
        })?;
    }
    if !finite {
        return Err(format!(
            "holds parameters that are not finite: {COPY_AGAIN}"
        ));
    }
    Ok(Model {
        network,
        parameters,
        packing: Packing::new(tensors),
        info,
    })
}

fn impossible(name: &str, reason: &str) -> String {
    format!("packs its parameter `{name}` in a way that is not possible ({reason}): {COPY_AGAIN}")
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
