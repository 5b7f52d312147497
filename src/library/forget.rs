//! What a library is to forget. No file of music is touched.

use std::path::{Path, PathBuf};

use super::error::LibraryError;
use super::scan::absolute;
use super::store::Library;

impl Library {
    /// Forgets files, and whole folders with all in them; examples of genres stay. Gives for each path how many files it was.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn forget(&mut self, paths: &[PathBuf]) -> Result<Vec<usize>, LibraryError> {
        let model = self.model()?;
        let counts = self.change(|t| {
            let forget = |path: &PathBuf| {
                // A link within a folder is known by its own name.
                let named = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                let mut files = 0;
                for whole in [named, absolute(path)] {
                    let name = whole.to_string_lossy();
                    // All names between these two begin with the folder's.
                    let (from, to) = within(&whole);
                    let below = "path = ?1 OR (path > ?2 AND path < ?3)";
                    let below = |table| format!("DELETE FROM {table} WHERE {below}");
                    t.execute(&below("folder"), [&name, from.as_str(), to.as_str()])?;
                    files += t.execute(&below("file"), [&name, from.as_str(), to.as_str()])?;
                }
                Ok(files)
            };
            paths.iter().map(forget).collect()
        })?;
        model.iter().try_for_each(|model| self.sweep(model))?;
        Ok(counts)
    }

    /// Forgets the files that have gone. Gives how many they were.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn forget_missing(&mut self) -> Result<usize, LibraryError> {
        let model = self.model()?;
        let count = self.change(|t| t.execute("DELETE FROM file WHERE missing = 1", []))?;
        model.iter().try_for_each(|model| self.sweep(model))?;
        Ok(count)
    }
}

/// What the names of all in a folder lie between.
fn within(folder: &Path) -> (String, String) {
    let name = folder.to_string_lossy();
    let name = name.trim_end_matches(std::path::MAIN_SEPARATOR);
    let after = char::from_u32(u32::from(std::path::MAIN_SEPARATOR) + 1).unwrap_or('\u{7f}');
    (
        format!("{name}{}", std::path::MAIN_SEPARATOR),
        format!("{name}{after}"),
    )
}
