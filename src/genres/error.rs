//! Why genres cannot be named, learned or passed on.

use std::path::PathBuf;

/// Why genres cannot be named, learned or passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenresError {
    /// A name that no genre may have.
    #[error("`{name}` is no name for a genre: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing to answer from.
    #[error("there are no genres: add one with a few examples first")]
    None,
    /// A genre that nothing was learned for.
    #[error("the genre `{0}` has no example: add one, or remove the genre")]
    Empty(String),
    /// Embeddings of two models.
    #[error(
        "an embedding has {found} values where {expected} are expected: use embeddings of one model only"
    )]
    Lengths {
        /// Found.
        found: usize,
        /// Expected.
        expected: usize,
    },
    /// An embedding with NaN, infinite or overflowing values.
    #[error(
        "an embedding to be compared is not finite: the model may have diverged, or the file is broken"
    )]
    NotFinite,
    /// A file of genres that cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}
