//! Training: episodes on the GPU, from a data set to a model file.

mod bank;
pub mod checkpoint;
mod episodes;
mod error;
mod event;
mod fit;
mod material;
mod parts;
mod plan;
mod pools;
mod record;
mod run;
mod session;
mod split;
mod start;
mod student;
mod teacher;
mod timed_step;
mod training;
mod units;
mod validation;

pub use checkpoint::checkpoint_path;
pub use error::TrainError;
pub use event::{Event, TeacherSummary, TrainSummary};
pub use fit::{Collections, Setting, Size, measure};
pub(crate) use material::Material;
pub use parts::Heard;
pub use plan::{HISTORY, StepShape, TeacherShape, TeacherTensors, TrainingPlan};
pub use record::{Examined, LogRow, Validation};
pub use run::TrainOptions;
pub(crate) use student::{Student, bank_budget};
pub use timed_step::TrainingStep;
pub(crate) use training::train_on;
pub use training::{Trained, train};
pub(crate) use units::{Units, Wanted};
