//! A model.

use std::collections::BTreeMap;

use half::f16;
use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::features::{Features, Hearing, SegmentShape};
use crate::fewshot::{Calibration, Metric, Standardiser, Whitening};
use crate::mel::Preset;
use crate::model::{Network, Packing, Spec, Storage};
use crate::settings::TrainConfig;

/// The format of models whose parameters are all floats.
pub(super) const FORMAT: u32 = 2;

/// The format of others, and the newest that this version reads.
pub(super) const PACKED_FORMAT: u32 = 3;

/// Key of the metadata.
pub(crate) const KEY: &str = "gamaka";

/// Name of the tensor with the split's files: their JSON, deflated, for it has a hash of each. Before format 2 they stood in the
/// metadata.
pub(super) const SPLIT_FILES: &str = "split.files";

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
    /// How the kernels of its training were cut where that was measured on the adapter ([`crate::gpu::Tuning`]); none where they
    /// were cut as suits the class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, String>,
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
    pub(super) fn network(&self) -> Result<Network, String> {
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
    pub(super) fn fitting(&self) -> Packing {
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

    /// The centre of the embeddings of the included model's training files, by which the model is known whatever its
    /// calibration, and the inverse square root of their covariance: [1 + width, width] as little-endian f32.
    const WHITENING: &[u8] = include_bytes!("../../assets/models/gamaka.whitening");

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
}
