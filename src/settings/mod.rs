//! What a training does, as data: read from TOML, stored with the model.

mod config;
mod error;
mod learner;
mod shifts;
mod sparsity;
mod teacher;

pub use config::{TrainConfig, ValidateOn};
pub use error::SettingsError;
pub use learner::{Learner, Method};
pub use shifts::Shifts;
pub use sparsity::Sparsity;
pub use teacher::Teacher;
