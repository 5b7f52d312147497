//! Smaller models: edges, channels and grid points that a network can do without, removed, and what remains fine-tuned.

mod channels;
mod edges;
mod error;
mod grid;
mod pruner;
mod table;

pub use channels::{KeptChannels, RankedChannels, without_channels};
pub use edges::RankedEdges;
pub use error::PruneError;
pub use grid::{Coarser, coarser};
pub use pruner::{Level, Manner, Pruner, in_halves, lasso_state};
pub use table::{Judge, Question, Quicker, Row};
