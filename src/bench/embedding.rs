//! Files to embeddings, end to end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::BenchError;
use crate::embed::{Embedder, embed_files};
use crate::features::{FrontEnd, Hearing, SegmentShape};
use crate::files;
use crate::gpu::{Gpu, word};
use crate::measure::{Spread, enough, made_up};
use crate::mel::{EngineChoice, Preset};
use crate::model::Network;

/// Length of a file.
pub const CLIP_SECONDS: usize = 30;

/// Files embedded at a time.
const CLIPS: usize = 16;

/// Sample rate of the files.
const SAMPLE_RATE: u32 = 22_050;

/// Time that the repeats may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Files a second from the disk to their embeddings: decoding, mel, and the default network on segments of
/// three seconds that do not overlap. The files are made up, wav, mono, 16-bit.
///
/// # Errors
/// [`BenchError`]: a fault of the device, or the temporary folder cannot be written.
pub fn embed_clips_per_s(gpu: &Gpu) -> Result<Spread, BenchError> {
    let folder =
        files::TemporaryFolder::new("gamaka-bench-").map_err(|error| BenchError::Temporary {
            folder: std::env::temp_dir(),
            error,
        })?;
    let paths: Vec<PathBuf> = (0..CLIPS)
        .map(|k| folder.path().join(format!("{k}.wav")))
        .collect();
    let bytes = wav(CLIP_SECONDS);
    for path in &paths {
        files::provide(path, &bytes)?;
    }
    let preset = Preset::gamaka();
    let segment = SegmentShape::from_seconds(&preset, 3.0, 3.0);
    let network = default_network(&preset, segment);
    let front_end = FrontEnd::new(EngineChoice::Auto, Some(gpu), Hearing::new(&preset, true))?;
    let embedder = Embedder::new(gpu, &network, &network.initial_parameters(1))?;
    let embed = |paths: &[PathBuf]| {
        let mut failed = None;
        embed_files(&front_end, &embedder, segment, paths, |_, result| {
            failed = failed.take().or(result.err());
        })?;
        failed.map_or(Ok(()), |error| Err(BenchError::from(error)))
    };
    embed(&paths[..2])?; // the driver compiles
    let mut rates = Vec::new();
    let begin = Instant::now();
    while !enough(rates.len(), begin.elapsed(), BUDGET) {
        let start = Instant::now();
        embed(&paths)?;
        rates.push(CLIPS as f64 / start.elapsed().as_secs_f64());
    }
    Ok(Spread::of(&rates))
}

/// The default network for these segments.
pub(super) fn default_network(preset: &Preset, segment: SegmentShape) -> Network {
    Network::new(Default::default(), [preset.n_mels, segment.frames()])
        .unwrap_or_else(|e| unreachable!("the default network is tested: {e}"))
}

/// A wav file of noise (RIFF, PCM, mono, 16-bit).
fn wav(seconds: usize) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "the noise has 16 bits")]
    let data: Vec<u8> = made_up(seconds * SAMPLE_RATE as usize)
        .into_iter()
        .flat_map(|v| (((v - 0.5) * 40_000.0) as i16).to_le_bytes())
        .collect();
    let length = word(data.len());
    let mut file = Vec::with_capacity(44 + data.len());
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend(1u16.to_le_bytes()); // PCM
    file.extend(1u16.to_le_bytes()); // channels
    file.extend(SAMPLE_RATE.to_le_bytes());
    file.extend((SAMPLE_RATE * 2).to_le_bytes()); // bytes a second
    file.extend(2u16.to_le_bytes()); // bytes a frame
    file.extend(16u16.to_le_bytes()); // bits a sample
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}
