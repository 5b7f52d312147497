//! Specs by their names.

use super::spec::{DERIVED, NAMED};
use super::{ModelError, Network, Spec, equal_parameters};

impl Spec {
    /// A spec that comes with the crate. How wide one is whose parameters are those of another network
    /// depends on the clips, `input` = [bands, frames].
    ///
    /// # Errors
    /// [`ModelError::UnknownSpec`] with the names there are; for networks made from others also what
    /// [`equal_parameters`] finds wrong.
    pub fn named(name: &str, input: [usize; 2]) -> Result<Self, ModelError> {
        if let Some((_, text)) = NAMED.iter().find(|(known, _)| *known == name) {
            return Self::from_toml(text);
        }
        if let Some((_, widened, other)) = DERIVED.iter().find(|(known, ..)| *known == name) {
            let other = Network::new(Self::named(other, input)?, input)?;
            let widened = Self::named(widened, input)?;
            let spec = equal_parameters(&widened, other.parameter_count(), input)?;
            return Ok(Self {
                name: name.to_string(),
                ..spec
            });
        }
        Err(ModelError::UnknownSpec {
            name: name.to_string(),
            known: Self::names().join(", "),
        })
    }
}
