//! What a genre may be called.

use super::error::GenresError;

/// Bytes of the longest name.
const LONGEST: usize = 200;

/// What stands for no genre in answers.
const TAKEN: [&str; 1] = ["unknown"];

/// A genre's name without blanks around its parts, which `/` separates.
///
/// # Errors
/// [`GenresError::Name`]: empty or with an empty part, too long, with characters that a terminal obeys, or a word that
/// answers have for something else.
pub fn checked_name(name: &str) -> Result<String, GenresError> {
    let refuse = |reason| {
        Err(GenresError::Name {
            name: name.chars().take(LONGEST).collect(),
            reason,
        })
    };
    let parts: Vec<&str> = name.split('/').map(str::trim).collect();
    let whole = parts.join("/");
    let directs = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    match () {
        () if whole.is_empty() => refuse("it is empty"),
        () if parts.iter().any(|part| part.is_empty()) => {
            refuse("a part of it is empty; `/` stands between a genre and one within it")
        }
        () if whole.chars().any(|c| c.is_control() || directs(c)) => {
            refuse("it holds characters that cannot be shown")
        }
        () if whole.len() > LONGEST => refuse("it is longer than 200 bytes"),
        () if TAKEN.contains(&whole.to_lowercase().as_str()) => {
            refuse("answers have that word for files that are like no genre")
        }
        () => Ok(whole),
    }
}

/// The genres that a genre lies within, the outermost first: `a` and `a/b` for `a/b/c`.
pub fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(end, _)| &name[..end])
}
