//! Genres and their examples.

use std::path::PathBuf;

/// An example of a genre.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The file, or what it was called where it came from.
    pub path: PathBuf,
    /// The hash of its content.
    pub hash: String,
    /// Its embedding: the mean over the file.
    pub embedding: Vec<f32>,
}

/// A genre with its examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Genre {
    /// Its name, see [`super::checked_name`].
    pub name: String,
    /// Its examples.
    pub examples: Vec<Example>,
}
