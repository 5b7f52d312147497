//! Parameters in fewer bits: which, how they are chosen so that a network goes on saying the same, and what that costs.

mod calibration;
mod choice;
mod codebook;
mod integers;
mod quantise;
mod seen;
mod table;

pub use calibration::Calibration;
pub use choice::{Choice, Form, QuantizeError, Scales, ShrinkError};
pub use quantise::{check, parameter_bytes, quantise};
pub use table::{Bytes, Entry, Quantiser, Row, Speed, Table, can_be_tuned, choices};
