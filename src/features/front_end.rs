//! Audio file to compressed mel frames, in a memory that does not grow with the file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Segment, SegmentShape, Segmenter};
use crate::audio::{self, AudioError, AudioInfo};
use crate::gpu::Gpu;
use crate::mel::{
    AMIN, BLOCK_FRAMES, CpuEngine, Engine, EngineChoice, Framer, MelError, Preset, TOP_DB,
    decibels, mfcc, transpose,
};

/// Why a file gives no features.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// It cannot be decoded.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// It has no mel-spectrogram, or the GPU failed.
    #[error("{}: {error}", path.display())]
    Mel {
        /// Which file.
        path: PathBuf,
        /// What happened.
        error: MelError,
    },
    /// The network's numbers overflow on it.
    #[error("{}: the model's embedding of it is not finite: train the model anew, with a lower learning rate", path.display())]
    NotFinite {
        /// Which file.
        path: PathBuf,
    },
}

impl FeatureError {
    /// Whether the device failed, and not the file.
    pub fn is_device_fault(&self) -> bool {
        matches!(
            self,
            Self::Mel {
                error: MelError::Gpu(_),
                ..
            }
        )
    }
}

/// A file's features, for training and evaluation.
#[derive(Debug, Clone)]
pub struct Features {
    /// Number of frames.
    pub frames: usize,
    /// Compressed mel frames, band-major `[bands][frames]`.
    pub values: Vec<f32>,
    /// Mean and deviation over time of 20 MFCC: what the floor classifies by.
    pub mfcc: Vec<f32>,
    /// What was decoded.
    pub info: AudioInfo,
}

impl Features {
    /// Length of [`Self::mfcc`]: librosa's 20 coefficients, their means, then their deviations.
    pub const MFCC_LEN: usize = 40;
}

/// Everything between a file and the network's input.
pub struct FrontEnd {
    engine: Engine,
    /// librosa's MFCC at the network's sample rate, for the floor.
    cepstral: CpuEngine,
    /// Damaged files are errors.
    strict: bool,
}

impl FrontEnd {
    /// A front end for a preset. `strict` turns warnings about damaged files into errors.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn new(
        choice: EngineChoice,
        gpu: Option<&Gpu>,
        preset: &Preset,
        strict: bool,
    ) -> Result<Self, MelError> {
        let cepstral = Preset {
            sample_rate: preset.sample_rate,
            f_max: f64::from(preset.sample_rate) / 2.0,
            ..Preset::librosa()
        };
        let cepstral = CpuEngine::new(&cepstral)?;
        Ok(Self {
            engine: Engine::new(choice, gpu, preset)?,
            cepstral,
            strict,
        })
    }

    /// Whether damaged files are errors.
    pub fn strict(&self) -> bool {
        self.strict
    }

    /// The engine in use.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The preset in use.
    pub fn preset(&self) -> &Preset {
        self.engine.preset()
    }

    /// Decodes a file and hands its compressed frames to `sink`, frame-major, piece by piece.
    ///
    /// # Errors
    /// [`FeatureError`]; the sink may already have seen the part before it.
    pub fn stream(
        &self,
        path: &Path,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<AudioInfo, FeatureError> {
        let at = |error: MelError| FeatureError::Mel {
            path: path.to_path_buf(),
            error,
        };
        let mut framer = Framer::new(self.preset(), BLOCK_FRAMES).map_err(at)?;
        let mut failed = None;
        let info = audio::stream(path, self.preset().sample_rate, &mut |samples| {
            for block in framer.push(samples) {
                match self.engine.compute_compressed(&block) {
                    Ok(frames) => sink(&frames),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(at(error));
        }
        let info = if self.strict {
            info.strict(path)?
        } else {
            info
        };
        for block in framer.finish().map_err(at)? {
            sink(&self.engine.compute_compressed(&block).map_err(at)?);
        }
        Ok(info)
    }

    /// Decodes a file, cuts its compressed frames into segments and hands them to `sink`.
    ///
    /// # Errors
    /// [`FeatureError`]; the sink may already have seen segments.
    pub fn segments(
        &self,
        path: &Path,
        shape: SegmentShape,
        sink: &mut dyn FnMut(Segment),
    ) -> Result<AudioInfo, FeatureError> {
        let mut segmenter = Segmenter::new(shape, self.preset().n_mels);
        let info = self.stream(path, &mut |frames| {
            segmenter.push(frames).into_iter().for_each(&mut *sink)
        })?;
        segmenter.finish().into_iter().for_each(sink);
        Ok(info)
    }

    /// All frames and the MFCC of a file, or of its first `max_seconds` if it is longer.
    ///
    /// # Errors
    /// [`FeatureError`].
    pub fn features(&self, path: &Path, max_seconds: f64) -> Result<Features, FeatureError> {
        let (samples, info) = self.samples(path, max_seconds)?;
        self.features_of_samples(path, &samples, info)
    }

    /// The samples of a file, or of its first `max_seconds` if it is longer, mono at the preset's rate.
    ///
    /// # Errors
    /// [`FeatureError`].
    pub fn samples(
        &self,
        path: &Path,
        max_seconds: f64,
    ) -> Result<(Vec<f32>, AudioInfo), FeatureError> {
        let rate = self.preset().sample_rate;
        let limit = (max_seconds * f64::from(rate)).max(1.0) as usize;
        let mut samples = Vec::new();
        let info = audio::stream(path, rate, &mut |piece| {
            let room = limit - samples.len();
            samples.extend_from_slice(&piece[..piece.len().min(room)]);
            if samples.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let info = if self.strict {
            info.strict(path)?
        } else {
            info
        };
        Ok((samples, info))
    }

    /// All frames and the MFCC of samples at the preset's rate. `path` and `info` say where they come from.
    ///
    /// # Errors
    /// [`FeatureError::Mel`].
    pub fn features_of_samples(
        &self,
        path: &Path,
        samples: &[f32],
        info: AudioInfo,
    ) -> Result<Features, FeatureError> {
        let at = |error: MelError| FeatureError::Mel {
            path: path.to_path_buf(),
            error,
        };
        let mut frames = Vec::new();
        let mut framer = Framer::new(self.preset(), BLOCK_FRAMES).map_err(at)?;
        for block in framer.push(samples) {
            frames.extend(self.engine.compute_compressed(&block).map_err(at)?);
        }
        for block in framer.finish().map_err(at)? {
            frames.extend(self.engine.compute_compressed(&block).map_err(at)?);
        }
        let bands = self.preset().n_mels;
        Ok(Features {
            frames: frames.len() / bands,
            values: transpose(&frames, bands),
            mfcc: self.mfcc_statistics(samples).map_err(at)?,
            info,
        })
    }

    /// The features of many files, in their order, decoded on all cores. Features are held in memory
    /// together: give a few dozen files at a time.
    pub fn features_of(
        &self,
        paths: &[PathBuf],
        max_seconds: f64,
    ) -> Vec<Result<Features, FeatureError>> {
        paths
            .par_iter()
            .map(|path| self.features(path, max_seconds))
            .collect()
    }

    fn mfcc_statistics(&self, samples: &[f32]) -> Result<Vec<f32>, MelError> {
        let preset = self.cepstral.preset();
        let power = self.cepstral.mel_spectrogram(samples)?;
        let db = decibels(&power, 1.0, AMIN, Some(TOP_DB));
        let cepstra = mfcc(&db, preset.n_mels, preset.n_mfcc);
        let count = (cepstra.len() / preset.n_mfcc) as f64;
        let column = |k: usize| {
            cepstra
                .iter()
                .skip(k)
                .step_by(preset.n_mfcc)
                .map(|&c| f64::from(c))
        };
        let means: Vec<f64> = (0..preset.n_mfcc)
            .map(|k| column(k).sum::<f64>() / count)
            .collect();
        let deviations = means
            .iter()
            .enumerate()
            .map(|(k, mean)| (column(k).map(|c| (c - mean).powi(2)).sum::<f64>() / count).sqrt());
        Ok(means
            .iter()
            .copied()
            .chain(deviations)
            .map(|v| v as f32)
            .collect())
    }
}
