//! How well a model hears: N-way K-shot accuracy beside its floors, on the same episodes and files.

mod between;
mod embedded;
mod error;
mod head;
mod multi_label;
mod open;
mod part;
mod read;
mod score;
mod several;
mod shift;

pub use between::{LabelMap, embed_between};
pub use embedded::Embedded;
pub use error::EvaluateError;
pub use head::HeadChoice;
pub use multi_label::{LABELS, MultiLabelReport};
pub use open::{OpenReport, OpenThreshold, OwnGenres};
pub use part::{EvaluatePart, check_column, check_task, choose};
pub use read::{Reader, embed_dataset};
pub use score::Report;
pub use several::{MeanOfModels, mean_of_models};
pub use shift::{OtherScore, ShiftReport, ShiftRow, ShiftScore, Shifted};
