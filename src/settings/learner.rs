//! How a network learns from an episode.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{SettingsError, ensure, must_be};
use crate::fewshot::{Head, Metric};

/// What an episode's gradient is the gradient of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Prototypical networks (Snell et al. 2017): the queries' loss by distance to the mean supports. No
    /// inner steps.
    #[default]
    Prototype,
    /// First-order MAML (Finn et al. 2017): the queries' loss after inner steps of body and head on the
    /// supports, by the adapted body. How the adapted body depends on the parameters is left out.
    Maml,
    /// Almost no inner loop (Raghu et al. 2020): the queries' loss after inner steps of the head alone, by
    /// the body, through the embeddings of queries and supports. What is left out is how the errors that
    /// drove the inner steps depend on the embeddings; with one step that is nothing, and the gradient
    /// exact.
    Anil,
    /// Reptile (Nichol et al. 2018): parameters less what inner steps of body and head on all clips of
    /// the episode make of them.
    Reptile,
}

impl Method {
    /// All of them.
    const ALL: [Self; 4] = [Self::Prototype, Self::Maml, Self::Anil, Self::Reptile];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Prototype => "prototype",
            Self::Maml => "maml",
            Self::Anil => "anil",
            Self::Reptile => "reptile",
        })
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|m| m.to_string() == text);
        known.ok_or_else(|| "choose prototype, maml, anil or reptile".into())
    }
}

/// A learner: its method and its inner loop of gradient descent. Prototypes have no inner loop.
///
/// The task's head is linear softmax on the embedding and starts at zero in every episode, so the order of
/// the classes does not matter. A start at any other vector that all classes share, as UNICORN-MAML learns
/// one (Ye & Chao 2022), gives the same answers and the same gradients: it adds the same number to the
/// logits of all classes, which softmax ignores, and the gradients of the logits add up to zero over the
/// classes. With the head at zero the first inner step moves the head alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Learner {
    /// The method.
    pub method: Method,
    /// Inner steps.
    pub steps: usize,
    /// Inner learning rate of the network's parameters.
    pub body_rate: f32,
    /// Inner learning rate of the head.
    pub head_rate: f32,
}

impl Default for Learner {
    fn default() -> Self {
        Self {
            method: Method::Prototype,
            steps: 5,
            body_rate: 0.01,
            head_rate: 0.7,
        }
    }
}

impl Learner {
    /// Most inner steps: all of them are in one plan.
    const MOST_STEPS: usize = 64;

    /// The head that classifies by embeddings as the learner was trained to: prototypes, or inner steps of the linear
    /// head alone. Networks trained by MAML and Reptile can adapt their body as well, see [`crate::adapt`].
    pub fn head(&self, metric: Metric) -> Head {
        match self.method {
            Method::Prototype => Head::Prototype(metric),
            Method::Maml | Method::Anil | Method::Reptile => Head::Gradient {
                steps: self.steps,
                rate: self.head_rate,
            },
        }
    }

    /// Whether inner steps change the network's body, not the head alone.
    pub fn adapts_body(&self) -> bool {
        matches!(self.method, Method::Maml | Method::Reptile)
    }

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`SettingsError`] naming the first that does not.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let steps = 1..=Self::MOST_STEPS;
        let ends = format!("{} to {}", steps.start(), steps.end());
        let holds = steps.contains(&self.steps);
        must_be("learner.steps", self.steps, holds, ends)?;
        ensure(
            self.method != Method::Reptile || self.steps >= 2,
            "learner.steps must be at least 2 for reptile: the first moves the head alone",
        )?;
        for (name, rate) in [
            ("learner.body_rate", self.body_rate),
            ("learner.head_rate", self.head_rate),
        ] {
            must_be(name, rate, rate.is_finite() && rate > 0.0, "above 0")?;
        }
        Ok(())
    }
}
