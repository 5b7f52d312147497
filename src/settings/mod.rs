//! What a training does, as data: read from TOML, stored with the model.

mod config;
mod error;
mod learner;
mod shifts;
mod teacher;

pub use config::{TrainConfig, ValidateOn};
pub use error::SettingsError;
pub use learner::{Learner, Method};
pub use shifts::Shifts;
pub use teacher::Teacher;
