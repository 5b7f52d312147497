//! Audio file to compressed mel frames, in a memory that does not grow with the file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::kept::{Hearing, KeptFeatures};
use super::{Segment, SegmentShape, Segmenter, StoreError};
use crate::audio::{self, AudioError, AudioInfo, AudioWarning};
use crate::data::Dataset;
use crate::files::WriteError;
use crate::gpu::Gpu;
use crate::mel::{
    AMIN, BLOCK_FRAMES, CpuEngine, Engine, EngineChoice, Framer, MelError, Preset, TOP_DB,
    decibels, join_frames, mfcc, transpose,
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
    /// Kept features can be neither read nor added to.
    #[error(transparent)]
    Kept(#[from] StoreError),
    /// The network's numbers overflow on it.
    #[error("{}: the model's embedding of it is not finite: train the model anew, with a lower learning rate", path.display())]
    NotFinite {
        /// Which file.
        path: PathBuf,
    },
}

impl FeatureError {
    /// Whether the device failed or the temporary folder, and not the file.
    pub fn is_device_fault(&self) -> bool {
        matches!(
            self,
            Self::Mel {
                error: MelError::Gpu(_),
                ..
            } | Self::Kept(_)
        )
    }
}

/// How much of a longer file is heard where nothing else is said, in seconds.
pub const MAX_SECONDS: f64 = 600.0;

/// A file's features, for training and evaluation.
#[derive(Debug, Clone)]
pub struct Features {
    /// Number of frames.
    pub frames: usize,
    /// Compressed mel frames, band-major `[bands][frames]`.
    pub values: Vec<f32>,
    /// Mean and deviation over time of 20 MFCC: what the floor classifies by.
    pub mfcc: Vec<f32>,
    /// Whether the file is longer than what was heard of it.
    pub stopped: bool,
    /// What is wrong with the file.
    pub warnings: Vec<AudioWarning>,
}

impl Features {
    /// Length of [`Self::mfcc`]: librosa's 20 coefficients, their means, then their deviations.
    pub const MFCC_LEN: usize = 40;
}

/// Everything between a file and the network's input. Of a long file only the beginning is heard, whatever it is heard for.
#[derive(Debug)]
pub struct FrontEnd {
    engine: Engine,
    max_seconds: f64,
    /// librosa's MFCC at the network's sample rate, for the floor.
    cepstral: CpuEngine,
    /// Damaged files are errors.
    strict: bool,
    /// What was heard in earlier runs.
    kept: Option<Arc<KeptFeatures>>,
}

impl FrontEnd {
    /// A front end for a preset that hears the first [`MAX_SECONDS`] of a file. `strict` turns warnings about files into
    /// errors.
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
            max_seconds: MAX_SECONDS,
            cepstral,
            strict,
            kept: None,
        })
    }

    /// The same with a file of features: what is in it is not decoded, and what is not goes into it.
    pub fn keeping(self, kept: Option<Arc<KeptFeatures>>) -> Self {
        Self { kept, ..self }
    }

    /// The file of features, if there is one.
    pub fn keeps(&self) -> Option<Arc<KeptFeatures>> {
        self.kept.clone()
    }

    /// Writes the features that were added to the file of features, if there is one, and says what it was good for.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn save_kept(&self) -> Result<Option<String>, WriteError> {
        self.kept.as_ref().map(|kept| kept.save()).transpose()
    }

    /// The same for the first `max_seconds` of a file.
    pub fn hearing(self, max_seconds: f64) -> Self {
        Self {
            max_seconds,
            ..self
        }
    }

    /// Says that `files` files are not heard to their end, if there are any.
    pub fn cut_note(&self, files: usize) -> Option<String> {
        let seconds = self.max_seconds;
        match files {
            0 => None,
            1 => Some(format!(
                "1 file is longer than {seconds} s: its first {seconds} s are heard"
            )),
            files => Some(format!(
                "{files} files are longer than {seconds} s: the first {seconds} s of each are heard"
            )),
        }
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

    /// Decodes what is heard of a file, mono at the preset's rate.
    fn hear(
        &self,
        path: &Path,
        sink: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
    ) -> Result<AudioInfo, AudioError> {
        let rate = self.preset().sample_rate;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds are rounded down to samples; the cast stops at the ends of its range"
        )]
        let mut room = (self.max_seconds * f64::from(rate)).max(1.0) as usize;
        let mut info = audio::stream(path, rate, &mut |piece| {
            let heard = &piece[..piece.len().min(room)];
            room -= heard.len();
            if !heard.is_empty() {
                sink(heard)?;
            }
            match heard.len() < piece.len() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        if info.stopped {
            info.duration_s = info.duration_s.min(self.max_seconds);
        }
        if self.strict {
            info.strict(path)
        } else {
            Ok(info)
        }
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
        let bands = self.preset().n_mels;
        let mut failed = None;
        let info = self.hear(path, &mut |samples| {
            for block in framer.push(samples) {
                match self.engine.compute_compressed(&block) {
                    Ok(block) => sink(&transpose(&block, block.len() / bands)),
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
        for block in framer.finish().map_err(at)? {
            let block = self.engine.compute_compressed(&block).map_err(at)?;
            sink(&transpose(&block, block.len() / bands));
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

    /// All frames and the MFCC of a file.
    ///
    /// # Errors
    /// [`FeatureError`].
    pub fn features(&self, path: &Path) -> Result<Features, FeatureError> {
        let (samples, info) = self.samples(path)?;
        self.features_of_samples(path, &samples, info)
    }

    /// The samples of a file, mono at the preset's rate.
    ///
    /// # Errors
    /// [`FeatureError`].
    pub fn samples(&self, path: &Path) -> Result<(Vec<f32>, AudioInfo), FeatureError> {
        let mut samples = Vec::new();
        let info = self.hear(path, &mut |piece| {
            samples.extend_from_slice(piece);
            ControlFlow::Continue(())
        })?;
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
        let mut blocks = Vec::new();
        let mut framer = Framer::new(self.preset(), BLOCK_FRAMES).map_err(at)?;
        for block in framer.push(samples) {
            blocks.push(self.engine.compute_compressed(&block).map_err(at)?);
        }
        for block in framer.finish().map_err(at)? {
            blocks.push(self.engine.compute_compressed(&block).map_err(at)?);
        }
        let bands = self.preset().n_mels;
        Ok(Features {
            frames: blocks.iter().map(|block| block.len() / bands).sum(),
            values: join_frames(&blocks, bands),
            mfcc: self.mfcc_statistics(samples).map_err(at)?,
            stopped: info.stopped,
            warnings: info.warnings,
        })
    }

    /// The features of an item of a data set: kept ones, else those that `make` gives, which are kept if there is a file of
    /// features.
    ///
    /// # Errors
    /// Those of `make`, and [`FeatureError::Kept`].
    pub fn features_or(
        &self,
        dataset: &Dataset,
        index: usize,
        make: impl FnOnce(&Path) -> Result<Features, FeatureError>,
    ) -> Result<Features, FeatureError> {
        let item = &dataset.items[index];
        let path = dataset.file(item);
        let Some(kept) = &self.kept else {
            return make(&path);
        };
        let hearing = Hearing {
            preset: self.preset().clone(),
            max_seconds: self.max_seconds,
            strict: self.strict,
        };
        match kept.get(&item.path, &path, &hearing)? {
            Some(features) => Ok(features),
            None => {
                let features = make(&path)?;
                Ok(kept.put(&item.path, &path, &item.hash, &hearing, features)?)
            }
        }
    }

    /// The features of items of a data set, in their order, decoded on all cores where they are not kept. Features are held in
    /// memory together: give a few dozen files at a time.
    pub fn features_of(
        &self,
        dataset: &Dataset,
        indices: &[usize],
    ) -> Vec<Result<Features, FeatureError>> {
        let indices = indices.par_iter();
        indices
            .map(|&index| self.features_or(dataset, index, |path| self.features(path)))
            .collect()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the statistics are summed in f64"
    )]
    fn mfcc_statistics(&self, samples: &[f32]) -> Result<Vec<f32>, MelError> {
        let preset = self.cepstral.preset();
        let power = self.cepstral.mel_spectrogram(samples)?;
        let db = decibels(&power, 1.0, AMIN, Some(TOP_DB));
        let cepstra = mfcc(&db, preset.n_mels, preset.n_mfcc);
        let frames = cepstra.len() / preset.n_mfcc;
        let count = frames as f64;
        let column = |k: usize| {
            cepstra[k * frames..][..frames]
                .iter()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAV file of mono noise at 8000 Hz.
    fn wav(path: &Path, samples: usize) {
        let bytes = 2 * samples as u32;
        let mut file = [b"RIFF", &(36 + bytes).to_le_bytes()[..], b"WAVEfmt "].concat();
        file.extend([
            16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0,
        ]);
        file.extend([b"data", &bytes.to_le_bytes()[..]].concat());
        let noise = (0..samples as u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 16) as u16);
        file.extend(noise.flat_map(u16::to_le_bytes));
        std::fs::write(path, file).unwrap();
    }

    #[test]
    fn whatever_hears_a_long_file_hears_the_same_part_of_it() {
        let preset = Preset {
            sample_rate: 8000,
            f_max: 4000.0,
            ..Preset::gamaka()
        };
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        wav(&at("short.wav"), 12_000);
        wav(&at("long.wav"), 96_000);
        wav(&at("longer by one.wav"), 12_001);
        let new = || FrontEnd::new(EngineChoice::Cpu, None, &preset, true).unwrap();
        let front_end = new().hearing(1.5);
        let heard = |name: &str| {
            let features = front_end.features(&at(name)).unwrap();
            let mut streamed = Vec::new();
            let info =
                front_end.stream(&at(name), &mut |frames| streamed.extend_from_slice(frames));
            let info = info.unwrap();
            assert_eq!(
                transpose(&streamed, preset.n_mels),
                features.values,
                "{name}"
            );
            assert_eq!(info.stopped, features.stopped);
            let shape = SegmentShape::new(8, 8).unwrap();
            let mut segments = Vec::new();
            let of_segments = front_end.segments(&at(name), shape, &mut |s| segments.push(s));
            assert_eq!(of_segments.unwrap(), info);
            assert_eq!(
                segments,
                super::super::cut_segments(shape, preset.n_mels, &features.values)
            );
            (features.values, features.mfcc, info)
        };
        let (values, mfcc, info) = heard("short.wav");
        assert!(!info.stopped && info.duration_s == 1.5, "{info:?}");
        for name in ["long.wav", "longer by one.wav"] {
            let (of_long, mfcc_of_long, info) = heard(name);
            assert!(of_long == values && mfcc_of_long == mfcc, "{name}");
            assert!(info.stopped && info.duration_s == 1.5, "{info:?}");
        }
        // By default far more is heard.
        assert!(!new().features(&at("long.wav")).unwrap().stopped);
    }

    #[test]
    fn what_is_not_heard_is_said_once_for_all_files() {
        let preset = Preset::gamaka();
        let front_end = FrontEnd::new(EngineChoice::Cpu, None, &preset, true).unwrap();
        assert_eq!(front_end.cut_note(0), None);
        assert_eq!(
            front_end.cut_note(1).unwrap(),
            "1 file is longer than 600 s: its first 600 s are heard"
        );
        assert!(
            front_end
                .hearing(0.5)
                .cut_note(3)
                .unwrap()
                .starts_with("3 files are longer than 0.5 s")
        );
    }
}
