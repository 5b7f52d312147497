//! How fast everything is on an adapter: what `gamaka bench` measures, part by part.
//!
//! Times are taken from submission to the end of the work, after a warm-up. What is to be compared is
//! timed in turns, so that a change of the machine's speed meets all.

mod ceilings;
mod dispatch;
mod embedding;
mod error;
mod fastest;
mod kernels;
mod mel;
mod networks;
mod similar;
mod start;
mod timed;

pub use ceilings::Ceilings;
pub use dispatch::{DispatchFigures, dispatch_us, dispatches};
pub use embedding::{CLIP_SECONDS, embed_clips_per_s};
pub use error::BenchError;
pub use kernels::{KernelFigures, profile, profile_training, target_convolution};
pub use mel::{MelFigures, mel};
pub use networks::{INPUT, TASK, reference_networks, reference_step};
pub use similar::{EMBEDDINGS, SimilarFigures, similar};
pub use start::{StartFigures, start};
pub use timed::{NetworkFigures, time_networks};
