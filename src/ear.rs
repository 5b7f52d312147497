//! A few-shot classifier in one value: a model with all that it needs to hear files.

use std::path::{Path, PathBuf};

use crate::data::{DataError, Dataset};
use crate::embed::{Embedder, FileEmbedding, embed_files};
use crate::features::{FeatureError, FrontEnd, SegmentShape};
use crate::fewshot::{Answer, Examples, ScoreError};
use crate::gpu::{DeviceChoice, Gpu, GpuError};
use crate::mel::{EngineChoice, MelError};
use crate::model_file::Model;
use crate::tuning;

/// A model on a device. It hears as much of a file as the model was trained on.
#[derive(Debug)]
pub struct Ear {
    model: Model,
    front_end: FrontEnd,
    embedder: Embedder,
    segment: SegmentShape,
}

/// Of a library's files one of so many segments is heard: it tells genres apart as well as all of them do
/// (docs/performance.md). Another number is heard differently: with it goes a step in `library/schema.rs` that empties `heard`.
pub(crate) const ONE_OF: usize = 3;

/// Why a file or a folder of examples has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EarError {
    /// There is no device, the network does not fit it, or it failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The model's front end cannot be made.
    #[error(transparent)]
    Mel(#[from] MelError),
    /// A file cannot be heard.
    #[error(transparent)]
    File(#[from] FeatureError),
    /// A file is silent, or its channels cancel: it is like none.
    #[error("{}: {reason}", path.display())]
    Silent {
        /// Which file.
        path: PathBuf,
        /// In which way.
        reason: String,
    },
    /// The folder of examples cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Fewer than two genres have an example that can be heard.
    #[error("{}: {genres} of its classes has an example that can be heard, and two are needed", folder.display())]
    TooFewGenres {
        /// The folder of examples.
        folder: PathBuf,
        /// How many have one.
        genres: usize,
    },
    /// Embeddings cannot be compared.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

impl Ear {
    /// Opens a device and compiles the model's network for it.
    ///
    /// # Errors
    /// [`EarError::Gpu`], [`EarError::Mel`].
    pub fn new(model: Model, device: &DeviceChoice) -> Result<Self, EarError> {
        let gpu = tuning::open(device, &mut |_| {})?;
        let segment = model.info.segment;
        Self::every(&gpu, model, segment, EngineChoice::Auto, false, usize::MAX)
    }

    /// On a device that is open, for so many files of a library, which are heard in part; damaged files may be errors.
    pub(crate) fn on(
        gpu: &Gpu,
        model: Model,
        engine: EngineChoice,
        strict: bool,
        files: usize,
    ) -> Result<Self, EarError> {
        let segment = model.info.segment.one_of(ONE_OF);
        Self::every(gpu, model, segment, engine, strict, files)
    }

    fn every(
        gpu: &Gpu,
        model: Model,
        segment: SegmentShape,
        engine: EngineChoice,
        strict: bool,
        files: usize,
    ) -> Result<Self, EarError> {
        let front_end = FrontEnd::new(engine, Some(gpu), model.hearing(strict))?;
        let embedder = Embedder::for_files(gpu, &model, files)?;
        Ok(Self {
            model,
            front_end,
            embedder,
            segment,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The embedding of each file, the mean over its segments, or why it has none. All cores decode while the device embeds.
    ///
    /// # Errors
    /// [`EarError::Gpu`]: a fault of the device, which ends everything.
    pub fn embed(&self, files: &[PathBuf]) -> Result<Vec<Result<Vec<f32>, EarError>>, EarError> {
        let mut embeddings = Vec::with_capacity(files.len());
        self.listen(files, |_, file| {
            embeddings.push(file.map(|file| file.mean()))
        })?;
        Ok(embeddings)
    }

    /// What is heard of each file, in order, as soon as it is: its segments with their embeddings, or why there are none.
    pub(crate) fn listen(
        &self,
        files: &[PathBuf],
        mut on_file: impl FnMut(usize, Result<FileEmbedding, EarError>),
    ) -> Result<(), GpuError> {
        embed_files(
            &self.front_end,
            &self.embedder,
            self.segment,
            files,
            |k, file| {
                on_file(
                    k,
                    match file {
                        Ok(file) => match file.info.silence() {
                            None => Ok(file),
                            Some(reason) => Err(EarError::Silent {
                                path: files[k].clone(),
                                reason: reason.to_string(),
                            }),
                        },
                        Err(error) => Err(error.into()),
                    },
                );
            },
        )
    }

    /// How much is heard of a longer file, in seconds.
    pub(crate) fn longest_seconds(&self) -> f64 {
        self.front_end.hearing().max_seconds
    }

    /// Seconds from the beginning of one segment to that of the next.
    pub(crate) fn hop_seconds(&self) -> f64 {
        SegmentShape::seconds(&self.model.info.preset, self.segment.hop())
    }

    /// Hears a folder that has a folder of example files for each genre, and tells why each file that is not among the
    /// examples was left out. Genres without an example are left out too.
    ///
    /// # Errors
    /// [`EarError::Data`], [`EarError::TooFewGenres`], [`EarError::Gpu`].
    pub fn examples(&self, folder: &Path) -> Result<(Examples, Vec<EarError>), EarError> {
        let dataset = Dataset::open(folder)?;
        let files: Vec<PathBuf> = dataset.items.iter().map(|i| dataset.file(i)).collect();
        let mut examples = Examples::new(dataset.classes.clone());
        let mut left_out = Vec::new();
        let heard = self.embed(&files)?.into_iter().zip(files);
        for (item, (embedding, path)) in dataset.items.iter().zip(heard) {
            match embedding {
                Ok(embedding) => examples.add(item.class, path, embedding),
                Err(error) => left_out.push(error),
            }
        }
        examples.leave_out_empty();
        match examples.genres.len() {
            genres @ (0 | 1) => Err(EarError::TooFewGenres {
                folder: folder.into(),
                genres,
            }),
            _ => Ok((examples, left_out)),
        }
    }

    /// Ranks the genres for a file, and names the nearest examples.
    ///
    /// # Errors
    /// [`EarError`]: the file cannot be heard, or the device failed.
    pub fn classify(&self, file: &Path, examples: &Examples) -> Result<Answer, EarError> {
        let mut heard = self.embed(&[file.into()])?;
        let embedding = heard.remove(0)?;
        let metric = self.model.metric(examples.fewest());
        Ok(examples.answer(file.into(), &embedding, metric)?)
    }
}
