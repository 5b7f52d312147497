//! Training: episodes on the GPU, from a data set to a model file.

pub(crate) mod adaptation;
mod bank;
pub(crate) mod checkpoint;
mod error;
mod fit;
mod material;
mod plan;
mod record;
mod run;
mod session;
mod teacher;

pub use checkpoint::checkpoint_path;
pub use error::TrainError;
pub use fit::{Collections, Heard, Setting, Size, measure};
pub(crate) use material::{Features, Material, Wanted};
pub use plan::{HISTORY, StepShape, TeacherShape, TeacherTensors, TrainingPlan};
pub use record::{Examined, LogRow, Validation};
pub(crate) use run::train_on;
pub use run::{Event, TeacherSummary, TrainOptions, TrainSummary, Trained, train, train_mixed};
pub(crate) use session::{Student, bank_budget};
