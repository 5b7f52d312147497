//! What can be wrong with settings.

/// A training configuration that makes no sense: the sentence names the first field that does not, or the place in the TOML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the training configuration is not valid: {0}")]
pub struct SettingsError(pub String);
