//! Mel-spectrograms that agree with librosa and with torchaudio.
//!
//! The way of a signal: [`Framer`] pads it and cuts it into blocks, an engine ([`CpuEngine`], or the
//! GPU's) turns a block into power-mel frames, and [`decibels`], [`mfcc`] or [`compress`] turn those
//! into what is wanted. All numbers come from one [`Preset`].
//!
//! Frames are stored band-major, `[n_mels][n_frames]`, as librosa writes them and as networks take them. Blocks of a
//! signal are put together by [`join_frames`]; [`transpose`] gives its frames one after another.
//!
//! ```
//! use gamaka::mel::{AMIN, CpuEngine, Framer, Preset, TOP_DB, decibels, join_frames};
//!
//! let preset = Preset::librosa();
//! let engine = CpuEngine::new(&preset)?;
//! let mut framer = Framer::new(&preset, 256)?;
//! let mut blocks = Vec::new();
//! for chunk in vec![0.1; 30_000].chunks(4096) {
//!     for block in framer.push(chunk) {
//!         blocks.push(engine.compute(&block));
//!     }
//! }
//! for block in framer.finish()? {
//!     blocks.push(engine.compute(&block));
//! }
//! let power = join_frames(&blocks, preset.n_mels);
//! assert_eq!(power.len(), (1 + 30_000 / 512) * 128);
//! let db = decibels(&power, 1.0, AMIN, Some(TOP_DB));
//! # assert_eq!(db.len(), power.len());
//! # Ok::<(), gamaka::mel::MelError>(())
//! ```

mod cpu;
mod engine;
mod error;
mod features;
mod filter_bank;
mod framer;
mod gpu;
mod preset;
mod steps;

pub use cpu::CpuEngine;
pub use engine::{Engine, EngineChoice};
pub use error::MelError;
pub use features::{AMIN, TOP_DB, compress, decibels, join_frames, mfcc, transpose};
pub use filter_bank::{Band, FilterBank, filter_bank};
pub use framer::Framer;
pub use gpu::GpuEngine;
pub use preset::{FilterNorm, MelScale, PadMode, Preset};
pub(crate) use steps::{append, band_table, samples_of};

/// Frames that engines are best given at a time: what the kernels compute in one run. Twice as many make
/// the engine on the CPU a third slower, because memory for a block then comes from the system each time.
pub const BLOCK_FRAMES: usize = 512;
