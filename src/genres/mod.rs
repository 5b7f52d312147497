//! A person's own genres: pure functions of embeddings.
//!
//! A [`Genre`] has a name, which may nest (`Jazz/Swing`), and a few examples. [`Genres`] is what is learned from all of
//! them: one prototype a genre, or two where its examples disagree; a linear probe where it was asked for and
//! leave-one-out says that it helps; and how near is near enough, above which a file's genre is unknown. It answers for
//! embeddings ([`Genres::answer`]) and checks itself ([`Genres::check`]). [`suggest`] groups what no genre covers;
//! [`SharedGenres`] is the file that genres are passed on in.

mod answer;
mod check;
mod clusters;
mod comparison;
mod error;
mod genre;
mod learned;
mod left_out;
mod name;
mod parted;
mod probe;
mod prototypes;
mod shared;
mod suggest;
mod threshold;

pub use answer::{Decided, GenreAnswer, ParentGenre, Part};
pub use check::{Check, Confused, Disagreement, Misplaced, Rejection, Shared};
pub use comparison::Comparison;
pub use error::GenresError;
pub use genre::{Example, Genre};
pub use learned::Genres;
pub use name::{checked_name, parents};
pub use shared::{SharedExample, SharedGenre, SharedGenres, SharedModel};
pub use suggest::{Suggestion, suggest};

#[cfg(test)]
mod tests;
