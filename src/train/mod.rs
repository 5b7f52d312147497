//! Training: episodes on the GPU, from a data set to a model file.

pub(crate) mod adaptation;
mod bank;
pub(crate) mod checkpoint;
mod config;
mod error;
mod fit;
mod learner;
mod material;
mod plan;
mod run;
mod session;
mod shifts;
mod teacher;

pub use checkpoint::{LogRow, Validation, checkpoint_path};
pub use config::{TrainConfig, ValidateOn};
pub use error::TrainError;
pub use fit::{Collections, Heard, Setting, Size, measure};
pub use learner::{Learner, Method};
pub(crate) use material::{Features, Material, Wanted};
pub use plan::{HISTORY, StepShape, TeacherShape, TeacherTensors, TrainingPlan};
pub(crate) use run::train_on;
pub use run::{Event, TeacherSummary, TrainOptions, TrainSummary, Trained, train, train_mixed};
pub(crate) use session::{Student, bank_budget};
pub use shifts::Shifts;
pub use teacher::{Examined, Teacher};
