//! How a network learns from a teacher.

use serde::{Deserialize, Serialize};

use super::Method;
use super::error::{SettingsError, ensure, must_be};
use crate::model::LayerSpec;
use crate::model::layers::Linear;

/// Most rows of a step.
const MOST_ROWS: usize = 1 << 14;

/// Farthest that a clip may begin from its row, in seconds: eleven days.
const MOST_JITTER_SECONDS: f64 = 1e6;

/// How a network learns from a teacher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Teacher {
    /// Rows of a training step.
    pub batch: usize,
    /// What the gradient of the teacher's loss is multiplied by.
    pub weight: f32,
    /// What the gradient of the episode's loss is multiplied by. With 0 no episodes are drawn at all.
    pub episode_weight: f32,
    /// Weight within the teacher's loss of one minus the cosine; that of the squared error is 1.
    pub cosine: f32,
    /// A clip begins up to so many seconds before or after its row.
    pub jitter_seconds: f64,
    /// Whether the model keeps the read-out behind its network, so that its embedding is the prediction of the teacher's
    /// vectors, standardised by the training rows.
    pub keep_read_out: bool,
    /// BLAKE3 of the file of vectors; empty before a training has read it.
    pub blake3: String,
    /// The layers from an embedding to a prediction. Whatever channels the last one says, it gets the teacher's width.
    pub readout: Vec<LayerSpec>,
}

impl Default for Teacher {
    fn default() -> Self {
        Self {
            batch: 64,
            weight: 1.0,
            episode_weight: 0.0,
            cosine: 1.0,
            jitter_seconds: 0.0,
            keep_read_out: false,
            blake3: String::new(),
            readout: vec![LayerSpec::Linear(Linear { channels: 1 })],
        }
    }
}

impl Teacher {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`SettingsError`] naming the first that does not.
    pub fn validate(&self, method: Method) -> Result<(), SettingsError> {
        ensure(
            method == Method::Prototype,
            format_args!(
                "a teacher goes with the learner prototype only, and learner.method is {method}: choose prototype, or train without a teacher"
            ),
        )?;
        let holds = (1..=MOST_ROWS).contains(&self.batch);
        let ends = format!("from 1 to {MOST_ROWS}");
        must_be("teacher.batch", self.batch, holds, ends)?;
        let holds = self.weight.is_finite() && self.weight > 0.0;
        must_be("teacher.weight", self.weight, holds, "above 0")?;
        for (name, value) in [
            ("teacher.episode_weight", self.episode_weight),
            ("teacher.cosine", self.cosine),
        ] {
            let holds = value.is_finite() && value >= 0.0;
            must_be(name, value, holds, "0 or more")?;
        }
        let holds = (0.0..=MOST_JITTER_SECONDS).contains(&self.jitter_seconds);
        let ends = format!("from 0 to {MOST_JITTER_SECONDS}");
        must_be("teacher.jitter_seconds", self.jitter_seconds, holds, ends)?;
        ensure(
            self.readout.last().and_then(LayerSpec::channels).is_some(),
            "teacher.readout must end in a layer that has channels, such as { type = \"linear\", channels = 1 }; they are set to the teacher's width",
        )?;
        ensure(
            self.blake3.is_empty() || self.blake3.len() == 64,
            "teacher.blake3 is no hash: leave it out, the training fills it in",
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::TrainConfig;

    fn config(teacher: &str) -> TrainConfig {
        TrainConfig::from_toml(&format!("[teacher]\n{teacher}")).unwrap()
    }

    #[test]
    fn a_teachers_settings_come_back_from_toml_and_senseless_ones_are_refused_by_name() {
        let splines = "batch = 8\nreadout = [{ type = \"group_norm\" }, { type = \"kan_linear\", channels = 1 }]";
        let read = config(splines);
        let teacher = read.teacher.clone().unwrap();
        assert_eq!((teacher.batch, teacher.cosine), (8, 1.0));
        assert_eq!(TrainConfig::from_toml(&read.to_toml()).unwrap(), read);
        assert!(!TrainConfig::default().to_toml().contains("teacher"));
        config("").validate().unwrap();
        for (text, word) in [
            ("batch = 0", "teacher.batch"),
            ("batch = 100000", "teacher.batch"),
            ("weight = 0.0", "teacher.weight"),
            ("episode_weight = -1.0", "teacher.episode_weight"),
            ("cosine = nan", "teacher.cosine"),
            ("jitter_seconds = inf", "teacher.jitter_seconds"),
            ("readout = []", "teacher.readout"),
            ("blake3 = \"abc\"", "teacher.blake3"),
            ("[learner]\nmethod = \"anil\"", "learner.method is anil"),
        ] {
            let said = config(text).validate().unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
