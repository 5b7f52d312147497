//! Parameters in fewer bits: which, how they are chosen so that a network goes on saying the same, and what that costs.

mod calibration;
mod choice;
mod codebook;
mod integers;
mod quantise;

pub use calibration::Calibration;
pub use choice::{Choice, Form, QuantizeError, Scales};
pub use quantise::{parameter_bytes, quantise};
