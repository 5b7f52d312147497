//! One function for each kernel: it knows the kernel's shapes, override constants and dispatch, and
//! appends the step to a plan. The CPU twin of the same name is in `src/reference`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod append;
mod basis;
mod ceiling;
mod conv;
mod conv_grad;
mod conv_layout;
mod conv_shape;
mod element;
mod episode;
mod gradient;
mod mel;
mod menu;
mod norm;
mod optimizer;
mod packed;
mod pending;
mod pool;
mod reduce;
#[cfg(feature = "cli")]
mod single_pass;
mod sizes;
mod tiled;
mod tiles;

pub use basis::*;
pub(crate) use ceiling::*;
pub use conv::*;
pub use conv_grad::*;
pub(crate) use conv_layout::*;
pub use conv_shape::*;
pub use element::*;
pub use episode::*;
pub(crate) use gradient::{Gradient, Wanted};
pub use mel::*;
pub use menu::{Pass, Variant, candidates, operation, parse_operation, variant};
pub use norm::*;
pub use optimizer::*;
pub use packed::*;
pub use pending::PendingSums;
pub use pool::*;
pub use reduce::*;
#[cfg(feature = "cli")]
pub(crate) use single_pass::single_pass;
pub(crate) use sizes::product;
pub use tiled::Tile;
