//! A model with all that a page needs to run it.

mod training;

pub use training::{Curves, Initial, Training, TrainingEntry, TrainingOptions};
