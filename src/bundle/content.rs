//! A bundle and its files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::builder::Builder;
use super::error::{BundleError, damaged, require};
use super::manifest::{
    Compared, Hearing, KIND, Manifest, ModelEntry, PlanEntry, VERSION, WhiteningEntry,
};
use super::plan_file::{MOST_CONSTANTS, PlanFile};
use super::plans;
use super::tensors::Tensors;
use super::training::{Initial, Training, TrainingEntry, TrainingOptions};
use crate::data::Part;
use crate::ear::ONE_OF;
use crate::features::SegmentShape;
use crate::files;
use crate::gpu::{AdapterClass, Dtype, Plan, kernel};
use crate::model_file::Model;

/// The name of the file that lists the others.
pub const MANIFEST: &str = "bundle.json";

/// The classes of adapter that a bundle has plans for. A browser tells of a software adapter no more than that it is one.
const CLASSES: [AdapterClass; 2] = [AdapterClass::Software, AdapterClass::Hardware];

/// What a bundle is to have beside its model.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A network that is trained where the bundle runs.
    pub training: Option<TrainingOptions>,
    /// What is known of the model's licence.
    pub licence: Option<String>,
}

/// A model with all that it takes to run it wherever there is WebGPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    manifest: Manifest,
    /// All but the manifest, by name.
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// That of a model whose file has this BLAKE3.
    ///
    /// # Errors
    /// [`BundleError::Mel`] for a model whose Fourier transform the kernels cannot do, [`BundleError::Plan`] for a network too
    /// large for WebGPU's default limits.
    pub fn of(model: &Model, hash: &str, options: &Options) -> Result<Self, BundleError> {
        let mut builder = Builder::default();
        let spec = &model.network.spec;
        for class in CLASSES {
            let (plan, words) = plans::embed(model, class)?;
            let dtype = plan.port("parameters").map(|port| plan.info(port).dtype);
            let dtype = dtype.unwrap_or(Dtype::U32);
            let dims = vec![words.len()];
            let parameters = builder.tensor("embed.parameters", dtype, dims, words);
            let initial = BTreeMap::from([("parameters".to_string(), parameters)]);
            builder.plan("embed", plan, initial)?;
            let plan = plans::distances(spec.distance, model.network.width(), class);
            builder.plan("distances", plan, BTreeMap::new())?;
        }
        let training = match &options.training {
            Some(training) => Some(learn(model, training, &mut builder)?),
            None => None,
        };
        let comparison = compared(model, &mut builder);
        let (files, entries, plans) = builder.finish()?;
        let manifest = Manifest {
            kind: KIND.to_string(),
            version: VERSION,
            gamaka: env!("CARGO_PKG_VERSION").to_string(),
            files: entries,
            plans,
            model: ModelEntry {
                name: spec.name.clone(),
                hash: hash.to_string(),
                width: model.network.width(),
                card: card(model, options),
            },
            hearing: hearing(model),
            comparison,
            training,
        };
        Ok(Self { manifest, files })
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All its files, by name.
    ///
    /// # Errors
    /// [`BundleError::Format`].
    pub fn files(&self) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
        let mut text =
            serde_json::to_string_pretty(&self.manifest).map_err(|e| BundleError::Format {
                file: MANIFEST.to_string(),
                reason: e.to_string(),
            })?;
        text.push('\n');
        let mut files = self.files.clone();
        files.insert(MANIFEST.to_string(), text.into_bytes());
        Ok(files)
    }

    /// Of files that are those which the manifest lists.
    pub(super) fn of_parts(manifest: Manifest, files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { manifest, files }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, file: &str) -> Result<&[u8], BundleError> {
        let missing = || BundleError::Missing {
            file: file.to_string(),
        };
        Ok(self.files.get(file).ok_or_else(missing)?)
    }

    /// The plan of a task for a class of adapter, software or not, and the words that its ports hold at first.
    ///
    /// # Errors
    /// [`BundleError::NoPlan`]; [`BundleError::OtherKernel`] for one whose shaders this version of gamaka does not have.
    #[cfg(feature = "internals")]
    pub fn plan(
        &self,
        task: &str,
        class: AdapterClass,
    ) -> Result<(Plan, BTreeMap<String, Vec<u32>>), BundleError> {
        let wanted = |entry: &&PlanEntry| {
            entry.task == task && entry.class.is_software() == class.is_software()
        };
        let missing = || BundleError::NoPlan {
            task: task.to_string(),
        };
        let entry = self
            .manifest
            .plans
            .iter()
            .find(wanted)
            .ok_or_else(missing)?;
        self.plan_by(entry, &Tensors::read(self.bytes(Tensors::FILE)?)?)
    }

    pub(super) fn plan_by(
        &self,
        entry: &PlanEntry,
        tensors: &Tensors,
    ) -> Result<(Plan, BTreeMap<String, Vec<u32>>), BundleError> {
        let file = &entry.file;
        let read: PlanFile = serde_json::from_slice(self.bytes(file)?)
            .map_err(|e| damaged(file, format!("is damaged ({e})")))?;
        let plan = read.plan(file, tensors)?;
        require(plan.class == entry.class, file, || {
            format!("is for {:?} instead of {:?}", plan.class, entry.class)
        })?;
        for kernel in plan.kernels.keys().filter_map(|name| kernel(name)) {
            for (path, text) in kernel.texts() {
                let file = format!("shaders/{path}");
                if self.bytes(&file)? != text.as_bytes() {
                    return Err(BundleError::OtherKernel { file });
                }
            }
        }
        let constants = plan.constants.iter();
        let mut bytes = constants.map(|c| 4 * c.words.len() as u64).sum::<u64>();
        let mut initial = BTreeMap::new();
        for (name, tensor) in &entry.initial {
            let port = plan.port(name);
            let port = port.ok_or_else(|| damaged(file, format!("has no port `{name}`")))?;
            let place = plan.info(port);
            bytes = bytes.saturating_add(place.bytes());
            require(bytes <= MOST_CONSTANTS, file, || {
                format!("begins with more than {MOST_CONSTANTS} bytes")
            })?;
            initial.insert(name.clone(), tensors.words(file, tensor, place)?);
        }
        Ok((plan, initial))
    }

    /// Writes it into a folder that is not there or is empty: all of it or nothing.
    ///
    /// # Errors
    /// [`BundleError::Write`].
    pub fn write(&self, folder: &Path) -> Result<(), BundleError> {
        Ok(files::fill_folder(folder, &self.files()?)?)
    }
}

fn learn(
    model: &Model,
    options: &TrainingOptions,
    builder: &mut Builder,
) -> Result<TrainingEntry, BundleError> {
    let training = Training::new(options.clone(), model.network.input)?;
    for class in CLASSES {
        for (task, plan, initial) in training.plans(class) {
            let named = |Initial { port, dtype, words }| {
                let dims = vec![words.len()];
                let name = builder.tensor(&format!("train.{port}"), dtype, dims, words);
                (port.to_string(), name)
            };
            let initial = initial.into_iter().map(named).collect();
            builder.plan(&task, plan, initial)?;
        }
    }
    Ok(training.entry())
}

/// How the library hears: of its files one of so many clips, so that files of genres agree with it.
fn hearing(model: &Model) -> Hearing {
    let info = &model.info;
    let (preset, segment) = (&info.preset, info.segment.one_of(ONE_OF));
    Hearing {
        sample_rate: preset.sample_rate,
        n_fft: preset.n_fft,
        hop_length: preset.hop_length,
        pad: preset.pad_mode,
        bands: preset.n_mels,
        frames: segment.frames(),
        hop: segment.hop(),
        max_seconds: info.config.max_seconds,
        band_hz: preset.band_centres(),
    }
}

fn compared(model: &Model, builder: &mut Builder) -> Compared {
    let spec = &model.network.spec;
    let whitening = model.whitening();
    let width = model.network.width();
    let mut tensor = |name: &str, dims: Vec<usize>, values: &[f32]| {
        (!values.is_empty()).then(|| builder.floats(&format!("whitening.{name}"), dims, values))
    };
    let entry = WhiteningEntry {
        centre: tensor("centre", vec![width], whitening.centre()),
        scale: tensor("scale", vec![width], whitening.scale()),
        root: tensor("root", vec![width, width], whitening.root()),
    };
    Compared {
        distance: spec.distance,
        scale: spec.scale,
        calibration: model.info.calibration,
        whitening: entry.centre.is_some().then_some(entry),
    }
}

fn card(model: &Model, options: &Options) -> Map<String, Value> {
    let info = &model.info;
    let part = |part: Part| {
        let files = info.split.files.iter().filter(|file| file.part == part);
        json!({"files": files.count(), "classes": info.split.classes(part).len()})
    };
    let card = json!({
        "network": model.network.spec.name,
        "parameters": model.network.parameter_count(),
        "layers": model.network.tally().len(),
        "flops_a_clip": model.network.flops(),
        "clip_seconds": SegmentShape::seconds(&info.preset, info.segment.frames()),
        "method": info.config.learner.method.to_string(),
        "teacher": info.config.teacher.is_some(),
        "episodes": info.episodes,
        "seed": info.seed,
        "trained_on": part(Part::Train),
        "validated_on": part(Part::Validation),
        "probabilities_measured": info.calibration.is_some(),
        "licence": options.licence,
    });
    match card {
        Value::Object(card) => card,
        _ => Map::new(),
    }
}
