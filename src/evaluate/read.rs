//! Reading and embedding files.

use std::path::PathBuf;

use super::{Embedded, EvaluateError, EvaluatePart, part::choose};
use crate::data::{DataError, Dataset};
use crate::embed::{Embedder, mean_embedding};
use crate::features::{FILES_AT_ONCE, FeatureStore, FrontEnd};
use crate::fewshot::Metric;
use crate::gpu::{Gpu, GpuError};
use crate::model_file::Model;

/// What reads and embeds files. The network is compiled once, for all that is read.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The network.
    pub model: &'a Model,
    /// What hears the files.
    pub front_end: &'a FrontEnd,
    pub(super) embedder: Embedder,
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
pub(super) fn embed_items(
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
        metric: Metric::of(&model.network.spec),
        calibration: model.info.calibration,
        centre: model.info.centre.clone(),
        spread: model.info.spread.clone(),
        whitening: model.whitening(),
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
                    let segments = features.segments(model.info.segment);
                    owners.extend(segments.iter().map(|_| index));
                    clips.extend(segments.into_iter().map(|s| s.values));
                    if let Some(frames) = &mut embedded.frames {
                        frames.put(index, &features.values)?;
                    }
                    embedded.mfcc[index] = model.info.mfcc.apply(&features.mfcc);
                    embedded.files.push(index);
                }
                Err(error) if error.is_device_fault() || front_end.hearing().strict => {
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
    embedded.notes.extend(front_end.hearing().cut_note(cut));
    embedded.notes.extend(front_end.save_kept()?);
    Ok(embedded)
}
