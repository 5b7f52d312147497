//! What classifies a network's embeddings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EvaluateError;
use crate::model_file::Model;

/// The head to classify a network's embeddings by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadChoice {
    /// The one that the network was trained for.
    #[default]
    Auto,
    /// The nearest prototype by the network's distance.
    Prototype,
    /// The nearest prototype of embeddings that are centred and normalised, see [`crate::fewshot::simple_shot`].
    #[serde(rename = "simpleshot")]
    SimpleShot,
    /// The nearest prototype by cosine of embeddings that are standardised, see [`crate::fewshot::standardised`].
    Cosine,
    /// The nearest prototype by cosine of embeddings that are whitened, see [`crate::fewshot::Whitening`]: how own genres
    /// tell what is unknown.
    Whitened,
    /// [`crate::fewshot::Head::LINEAR_PROBE`].
    LinearProbe,
    /// [`crate::fewshot::Head::GRADIENT`].
    Gradient,
}

impl HeadChoice {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::Prototype,
        Self::SimpleShot,
        Self::Cosine,
        Self::Whitened,
        Self::LinearProbe,
        Self::Gradient,
    ];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Prototype => "prototype",
            Self::SimpleShot => "simpleshot",
            Self::Cosine => "cosine",
            Self::Whitened => "whitened",
            Self::LinearProbe => "linear-probe",
            Self::Gradient => "gradient",
        }
    }

    /// Whether a model can be evaluated so.
    ///
    /// # Errors
    /// [`EvaluateError::NoCentre`].
    pub fn check(self, model: &Model) -> Result<(), EvaluateError> {
        let width = model.network.width();
        let lacks = |moments: &[f32]| moments.len() != width;
        let lacking = match self {
            Self::SimpleShot => lacks(&model.info.centre),
            Self::Cosine | Self::Whitened => lacks(&model.info.centre) || lacks(&model.info.spread),
            _ => false,
        };
        if lacking {
            return Err(EvaluateError::NoCentre);
        }
        Ok(())
    }
}

impl fmt::Display for HeadChoice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for HeadChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|head| head.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no head; choose one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_one_name_on_the_command_line_and_in_json() {
        for head in HeadChoice::ALL {
            assert_eq!(head.name().parse(), Ok(head));
            let json = serde_json::to_string(&head).unwrap();
            assert_eq!(json, format!("\"{head}\""));
        }
        assert!(
            "knn"
                .parse::<HeadChoice>()
                .unwrap_err()
                .contains("linear-probe")
        );
    }
}
