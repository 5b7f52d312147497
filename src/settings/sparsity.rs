//! How a training makes edges zero.

use serde::{Deserialize, Serialize};

use super::error::{SettingsError, ensure, must_be};

/// A group lasso: after every step the weights of an edge, all its slots together, are drawn to zero, and edges that the training
/// does not need become exactly zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sparsity {
    /// By how much a step shortens a weight of an edge, as a share of the learning rate, which is about what the optimiser moves
    /// a weight by.
    pub strength: f64,
    /// Share of the episodes before it begins.
    pub from: f64,
    /// Share of the episodes from which on it has its full strength, to which it rises evenly.
    pub until: f64,
    /// Whether plain weights are edges too; else only those with splines.
    pub plain: bool,
}

impl Default for Sparsity {
    fn default() -> Self {
        Self {
            strength: 0.1,
            from: 0.1,
            until: 0.5,
            plain: false,
        }
    }
}

impl Sparsity {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`SettingsError`] naming the first that does not.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let holds = (0.0..=1e3).contains(&self.strength);
        must_be("sparsity.strength", self.strength, holds, "from 0 to 1000")?;
        for (name, share) in [("sparsity.from", self.from), ("sparsity.until", self.until)] {
            let holds = (0.0..=1.0).contains(&share);
            must_be(name, share, holds, "between 0 and 1")?;
        }
        ensure(
            self.from <= self.until,
            "sparsity.from must not be more than sparsity.until",
        )
    }

    /// Its strength after a share of the episodes.
    pub fn strength_at(&self, share: f64) -> f64 {
        let rise = self.until - self.from;
        let risen = match rise > 0.0 {
            true => ((share - self.from) / rise).clamp(0.0, 1.0),
            false => f64::from(u8::from(share >= self.from)),
        };
        self.strength * risen
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::TrainConfig;

    #[test]
    fn strength_rises_between_its_ends_and_senseless_settings_are_refused_by_name() {
        let read = |text: &str| TrainConfig::from_toml(&format!("[sparsity]\n{text}")).unwrap();
        let found = read("strength = 0.2\nfrom = 0.25\nuntil = 0.75");
        assert_eq!(TrainConfig::from_toml(&found.to_toml()).unwrap(), found);
        let sparsity = found.sparsity.unwrap();
        for (share, want) in [(0.0, 0.0), (0.25, 0.0), (0.5, 0.1), (0.75, 0.2), (1.0, 0.2)] {
            assert!((sparsity.strength_at(share) - want).abs() < 1e-12);
        }
        let at_once = read("strength = 0.2\nfrom = 0.5\nuntil = 0.5")
            .sparsity
            .unwrap();
        assert_eq!(
            [0.49, 0.5].map(|share| at_once.strength_at(share)),
            [0.0, 0.2]
        );
        read("").validate().unwrap();
        for (text, word) in [
            ("strength = -1.0", "sparsity.strength"),
            ("from = 2.0", "sparsity.from"),
            ("until = nan", "sparsity.until"),
            ("from = 0.6\nuntil = 0.5", "sparsity.from"),
        ] {
            let said = read(text).validate().unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
