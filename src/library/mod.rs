//! A personal library: what was heard of a user's music, in one SQLite file, and the genres that the user taught.
//!
//! What is heard belongs to a file's content, not to its path: copies and moved files are heard once, and what two models have
//! heard never meets. One process writes at a time; readers never wait.

mod correct;
mod duplicates;
mod error;
mod forget;
mod genres;
mod hear;
mod journal;
mod scan;
mod schema;
mod shared;
mod status;
mod store;
mod track;
mod vector;

pub use correct::Correction;
pub use duplicates::{Duplicates, Same};
pub use error::LibraryError;
pub use genres::{ExampleState, KnownExample, KnownGenre, Taught, genres_of};
pub use hear::{GetEar, Heard};
pub use journal::Changed;
pub use scan::{Scan, ScanEvent, Scanned};
pub use status::{Failed, Status};
pub use store::{KnownModel, Library, Writing, default_path};
pub use track::{Embeddings, Track};
