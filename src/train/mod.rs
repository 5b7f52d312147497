//! Training: episodes on the GPU, from a data set to a model file.

mod bank;
mod checkpoint;
mod config;
mod error;
mod material;
mod plan;
mod run;
mod session;

pub use checkpoint::{LogRow, Validation, checkpoint_path};
pub use config::TrainConfig;
pub use error::TrainError;
pub use plan::{HISTORY, StepShape, TrainingPlan};
pub use run::{Event, TrainOptions, TrainSummary, Trained, train};
