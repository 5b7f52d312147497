//! The one way to write. A file is written whole or not at all, through links, and never over what must be kept: audio,
//! what the command reads, what is read-only. Only a file's tags are changed in place of the file, by a proved copy.

mod alive;
mod ending;
mod error;
mod fill;
mod folder;
mod hash;
mod outputs;
mod place;
mod write;

pub use alive::{Claim, TemporaryFolder};
pub use ending::{Ending, end, wait_to_end};
pub use error::{Keep, WriteError};
pub use fill::fill_folder;
pub use folder::OutputFolder;
pub(crate) use hash::{hash_bytes, hash_of};
#[cfg(feature = "library")]
pub(crate) use outputs::Identity;
pub use outputs::Outputs;
pub use place::{is_ordinary, is_stdout};
pub use write::{append, clear, exchange, make_folder, provide, remove, write, write_with};

#[cfg(test)]
mod tests;
