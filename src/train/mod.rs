//! Training: episodes on the GPU, from a data set to a model file.

mod plan;

pub use plan::{HISTORY, StepShape, TrainingPlan};
