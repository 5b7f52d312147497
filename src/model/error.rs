//! What can be wrong with a spec or a model file.

use std::path::PathBuf;

/// A failure of a spec or a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The spec cannot be read.
    #[error("the network spec is not valid: {reason}")]
    Spec {
        /// What is wrong and where.
        reason: String,
    },
    /// There is no spec of this name.
    #[error("no network is named `{name}`; there are: {known}; or give a TOML file")]
    UnknownSpec {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// No width gives a network the parameters it shall have.
    #[error(
        "the network `{name}` cannot be made with {target} parameters: the nearest count is {nearest}"
    )]
    Size {
        /// Name of the network.
        name: String,
        /// Parameters that it shall have.
        target: usize,
        /// The nearest number that it can have.
        nearest: usize,
    },
    /// A layer does not fit its input.
    #[error("layer {index} ({kind}) of the network does not fit: {reason}")]
    Layer {
        /// Place of the layer, from 0.
        index: usize,
        /// Its type.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A network too large for any device.
    #[error("layer {index} ({kind}) of the network is too large: {reason}")]
    TooLarge {
        /// Place of the layer, from 0.
        index: usize,
        /// Its type.
        kind: &'static str,
        /// What there is too much of, and how much there may be.
        reason: String,
    },
    /// A parameter is missing or has another shape.
    #[error("there is no parameter `{name}` of shape {dims:?}, which its network has")]
    Parameter {
        /// Name of the parameter.
        name: String,
        /// Shape that the spec asks for.
        dims: Vec<usize>,
    },
    /// A model file cannot be written.
    #[error(transparent)]
    Write(#[from] crate::files::WriteError),
    /// A model file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened, and what to do.
        reason: String,
    },
}
