//! A CPU twin for every kernel: same name, same layouts, everything in f64.
//!
//! The twins are the truth that kernels are tested against, by `gamaka doctor` too. They are proved
//! from first principles in `tests/host/twins.rs` (de Boor recursion, finite differences, naive sums), and
//! written to be read, not to be fast.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "twins do as the kernels: words of 32 bits, and positions rounded down"
)]

mod ceiling;
mod episode;
mod layers;
mod mel;
mod optimizer;
mod packed;
mod random;

pub use ceiling::*;
pub use episode::*;
pub use layers::*;
pub use mel::*;
pub use optimizer::*;
pub use packed::*;
pub use random::*;
