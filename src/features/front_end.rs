//! Audio file to compressed mel frames and segments: the road of every command.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::{FeatureError, Features, Hearing, KeptFeatures, Segment, SegmentShape, Segmenter};
use crate::audio::AudioInfo;
use crate::data::Dataset;
use crate::files::WriteError;
use crate::gpu::Gpu;
use crate::mel::{
    AMIN, BLOCK_FRAMES, CpuEngine, Engine, EngineChoice, Framer, MelError, Preset, TOP_DB,
    decibels, join_frames, mfcc,
};

/// Compressed frames of samples that arrive piece by piece, in blocks, band-major `[bands][frames of the block]`: the one way
/// from samples to frames.
struct Frames<'a> {
    engine: &'a Engine,
    framer: Framer,
    sink: &'a mut dyn FnMut(Vec<f32>),
}

impl<'a> Frames<'a> {
    fn new(engine: &'a Engine, sink: &'a mut dyn FnMut(Vec<f32>)) -> Result<Self, MelError> {
        Ok(Self {
            engine,
            framer: Framer::new(engine.preset(), BLOCK_FRAMES)?,
            sink,
        })
    }

    fn push(&mut self, samples: &[f32]) -> Result<(), MelError> {
        for block in self.framer.push(samples) {
            (self.sink)(self.engine.compute_compressed(&block)?);
        }
        Ok(())
    }

    fn finish(self) -> Result<(), MelError> {
        for block in self.framer.finish()? {
            (self.sink)(self.engine.compute_compressed(&block)?);
        }
        Ok(())
    }
}

/// Everything between a file and the network's input.
#[derive(Debug)]
pub struct FrontEnd {
    engine: Engine,
    hearing: Hearing,
    /// librosa's MFCC at the network's sample rate, for the floor.
    cepstral: CpuEngine,
    /// What was heard in earlier runs.
    kept: Option<Arc<KeptFeatures>>,
}

impl FrontEnd {
    /// A front end that hears files so.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn new(
        choice: EngineChoice,
        gpu: Option<&Gpu>,
        hearing: Hearing,
    ) -> Result<Self, MelError> {
        let preset = &hearing.preset;
        let cepstral = Preset {
            sample_rate: preset.sample_rate,
            f_max: f64::from(preset.sample_rate) / 2.0,
            ..Preset::librosa()
        };
        Ok(Self {
            engine: Engine::new(choice, gpu, preset)?,
            hearing,
            cepstral: CpuEngine::new(&cepstral)?,
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

    /// How it hears files.
    pub fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// The engine in use.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The preset in use.
    pub fn preset(&self) -> &Preset {
        self.engine.preset()
    }

    /// Decodes a file, cuts its compressed frames into segments and hands them to `sink`, in a memory that does not grow with
    /// the file.
    ///
    /// # Errors
    /// [`FeatureError`]; the sink may already have seen segments.
    pub fn segments(
        &self,
        path: &Path,
        shape: SegmentShape,
        sink: &mut dyn FnMut(Segment),
    ) -> Result<AudioInfo, FeatureError> {
        let at = |error| FeatureError::mel(path, error);
        let mut segmenter = Segmenter::new(shape, self.preset().n_mels);
        let mut cut = |block: Vec<f32>| segmenter.push(&block).into_iter().for_each(&mut *sink);
        let mut frames = Frames::new(&self.engine, &mut cut).map_err(at)?;
        let mut failed = None;
        let info = self.hearing.decode(path, &mut |samples| {
            failed = frames.push(samples).err();
            match failed {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        })?;
        failed.map_or_else(|| frames.finish(), Err).map_err(at)?;
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
        let info = self.hearing.decode(path, &mut |piece| {
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
        let at = |error| FeatureError::mel(path, error);
        let mut blocks = Vec::new();
        let mut keep = |block| blocks.push(block);
        let mut frames = Frames::new(&self.engine, &mut keep).map_err(at)?;
        frames.push(samples).map_err(at)?;
        frames.finish().map_err(at)?;
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
        match kept.get(&item.path, &path, &self.hearing)? {
            Some(features) => Ok(features),
            None => {
                let features = make(&path)?;
                Ok(kept.put(&item.path, &path, &item.hash, &self.hearing, features)?)
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
        let new = |hearing| FrontEnd::new(EngineChoice::Cpu, None, hearing).unwrap();
        let hearing = Hearing::new(&preset, true);
        let front_end = new(Hearing {
            max_seconds: 1.5,
            ..hearing.clone()
        });
        let heard = |name: &str| {
            let features = front_end.features(&at(name)).unwrap();
            let mut segments = Vec::new();
            let shape = SegmentShape::new(8, 8).unwrap();
            let info = front_end.segments(&at(name), shape, &mut |s| segments.push(s));
            let info = info.unwrap();
            assert_eq!(info.stopped, features.stopped);
            assert_eq!(segments, features.segments(shape), "{name}");
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
        assert!(!new(hearing).features(&at("long.wav")).unwrap().stopped);
    }
}
