//! What can be wrong with settings.

use std::fmt::Display;

/// A training configuration that makes no sense: the sentence names the first field that does not, or the place in the TOML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the training configuration is not valid: {0}")]
pub struct SettingsError(pub String);

/// Refuses with this sentence unless `holds`.
pub(super) fn ensure(holds: bool, sentence: impl Display) -> Result<(), SettingsError> {
    match holds {
        true => Ok(()),
        false => Err(SettingsError(sentence.to_string())),
    }
}

/// Refuses a field's value, and says what it must be, unless `holds`.
pub(super) fn must_be(
    name: &str,
    value: impl Display,
    holds: bool,
    what: impl Display,
) -> Result<(), SettingsError> {
    ensure(holds, format_args!("{name} is {value}, but must be {what}"))
}
