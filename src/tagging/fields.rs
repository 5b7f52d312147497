//! What is read and written of a file's tags.

use lofty::id3::v2::Id3v2Tag;
use lofty::tag::Accessor;
use serde::{Deserialize, Serialize};

/// Name of gamaka's own field: several genres with their probabilities.
pub const OWN: &str = "GAMAKA_GENRE";

/// Whose it is, in MP4. Its name is the same there, for some programs look at nothing else and would take a `GENRE` for the genre.
pub(super) const OWN_MP4: &str = "com.gamaka";

/// The fields that gamaka writes, as they stand in a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// The values of the genre fields, as they stand there: ID3 may have numbers in the place of names.
    pub genre: Vec<String>,
    /// gamaka's own field, such as `ska 0.90; samba 0.09`.
    pub own: Option<String>,
    /// Whether the tag is there at all that holds them.
    pub tag: bool,
}

impl Fields {
    /// The genres by name, numbers of ID3 turned into words.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for value in &self.genre {
            let mut tag = Id3v2Tag::new();
            tag.set_genre(value.clone());
            let found = tag.genres().into_iter().flatten();
            names.extend(found.map(|name| name.trim().to_owned()));
        }
        names.retain(|name| !name.is_empty());
        names
    }

    /// Whether these fields say the same, whatever tag they stand in.
    pub(super) fn says(&self, other: &Self) -> bool {
        self.genre == other.genre && self.own == other.own
    }
}
