//! What a model says of how its embeddings are compared.

use crate::fewshot::{Calibration, Metric, Whitening};
use crate::model_file::Model;

/// How a model's embeddings are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The distance that ranks genres, and the scale of its probabilities where none was calibrated.
    pub metric: Metric,
    /// The scales by shots, if they were calibrated.
    pub calibration: Option<Calibration>,
    /// What embeddings go through before they are asked whether they are near at all.
    pub whitening: Whitening,
}

impl Comparison {
    /// That of a model.
    pub fn of(model: &Model) -> Self {
        Self {
            metric: Metric::of(&model.network.spec),
            calibration: model.info.calibration,
            whitening: model.whitening(),
        }
    }
}
