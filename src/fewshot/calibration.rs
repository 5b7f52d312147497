//! What makes distances to prototypes probabilities that mean what they say.

use serde::{Deserialize, Serialize};

use super::Metric;

/// What distances to prototypes are scaled by before the softmax: logit = -scale * distance. Prototypes of more examples lie
/// nearer, so scales go by shots.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// With one example a class.
    pub one: f32,
    /// With two to four.
    pub few: f32,
    /// With five and more.
    pub many: f32,
}

impl Metric {
    /// The same distance, by the scale for so many examples a class if one was chosen.
    pub fn calibrated(self, calibration: Option<Calibration>, shots: usize) -> Self {
        Self {
            scale: calibration.map_or(self.scale, |found| found.scale(shots)),
            ..self
        }
    }
}

impl Calibration {
    /// The scale for so many examples a class.
    pub fn scale(&self, shots: usize) -> f32 {
        match shots {
            0 | 1 => self.one,
            2..=4 => self.few,
            _ => self.many,
        }
    }

    /// Checks one that was stored.
    pub(crate) fn check(&self) -> Result<(), String> {
        let scales = [self.one, self.few, self.many];
        match scales.iter().all(|s| s.is_finite() && *s > 0.0) {
            true => Ok(()),
            false => Err("the scales of its probabilities must be above 0".into()),
        }
    }
}
