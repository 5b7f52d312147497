//! A folder that a command fills with files of names that it chooses itself. Only what gamaka has written there, and nobody has
//! changed since, gives way: a list in the folder tells.

use std::path::{Path, PathBuf};

use super::error::{Keep, WriteError, keep};
use super::hash::hash_of;
use super::outputs::Outputs;
use super::place::folder_of;
use super::write::{make_folder, write};

/// Name of the list: a line for each file that was written, its hash and its name.
const LIST: &str = ".gamaka-wrote";

/// In the place of a hash: a file of this name may change, and is gamaka's whatever it holds.
const ANY: &str = "*";

/// A folder for outputs, there or not.
#[derive(Debug)]
pub struct OutputFolder {
    folder: PathBuf,
}

impl OutputFolder {
    /// Looks at nothing yet.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }

    /// Adds files of these names, which may lie in folders below, and checks that each can be written and takes the place of
    /// nothing but its predecessor.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn check(&self, outputs: &mut Outputs, names: &[&str]) -> Result<(), WriteError> {
        outputs.add_in(&self.folder, names)?;
        names.iter().try_for_each(|name| self.owned(name))
    }

    fn owned(&self, name: &str) -> Result<(), WriteError> {
        let path = self.folder.join(name);
        if !path.exists() {
            return Ok(());
        }
        let hash = hash_of(&path).unwrap_or_default();
        let list = self.list();
        let own = |line: &str| line == entry(&hash, name) || line == entry(ANY, name);
        match list.lines().any(own) {
            true => Ok(()),
            false => Err(keep(&path, Keep::Foreign)),
        }
    }

    fn list(&self) -> String {
        std::fs::read_to_string(self.folder.join(LIST)).unwrap_or_default()
    }

    fn add(&self, entry: &str) -> Result<(), WriteError> {
        let list = self.list();
        if list.lines().any(|line| line == entry) {
            return Ok(());
        }
        write(
            &self.folder.join(LIST),
            format!("{list}{entry}\n").as_bytes(),
        )
    }

    /// Writes a file, and gives its path.
    ///
    /// # Errors
    /// [`WriteError`]; the old file, if any, is then untouched.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, WriteError> {
        let path = self.folder.join(name);
        self.owned(name)?;
        make_folder(folder_of(&path))?;
        // Before it is there, or a process that ends in between would not know its own file again.
        self.add(&entry(blake3::hash(bytes).to_hex().as_str(), name))?;
        write(&path, bytes)?;
        Ok(path)
    }

    /// Tells the list of a file that has just been written by other means.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn wrote(&self, name: &str) -> Result<(), WriteError> {
        match hash_of(&self.folder.join(name)) {
            Ok(hash) => self.add(&entry(&hash, name)),
            // Gone again.
            Err(_) => Ok(()),
        }
    }

    /// Tells the list of a file that is to be written by other means, again and again.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn begins(&self, name: &str) -> Result<(), WriteError> {
        self.add(&entry(ANY, name))
    }
}

fn entry(hash: &str, name: &str) -> String {
    format!("{hash} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_was_written_here_and_not_changed_since_gives_way() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let names = ["report.html", "pictures/a.svg", "m.checkpoint"];
        let folder = OutputFolder::new(home.path());
        let check = || folder.check(&mut Outputs::default(), &names);
        let foreign = |result: Result<(), WriteError>| {
            matches!(
                result,
                Err(WriteError::Kept {
                    reason: Keep::Foreign,
                    ..
                })
            )
        };
        check().unwrap();
        for text in ["one", "two"] {
            folder.write("report.html", text.as_bytes()).unwrap();
            folder.write("pictures/a.svg", text.as_bytes()).unwrap();
            check().unwrap();
        }
        for name in ["report.html", "pictures/a.svg"] {
            fs::write(at(name), "my own").unwrap();
            assert!(foreign(check()), "{name}");
            assert!(foreign(folder.write(name, b"three").map(drop)), "{name}");
            assert_eq!(fs::read(at(name)).unwrap(), b"my own");
            folder.wrote(name).unwrap();
            check().unwrap();
        }
        fs::write(at("m.checkpoint"), "my own").unwrap();
        assert!(foreign(check()));
        folder.begins("m.checkpoint").unwrap();
        check().unwrap();
        // A file where a folder is to be.
        fs::remove_dir_all(at("pictures")).unwrap();
        fs::write(at("pictures"), "my own").unwrap();
        let said = check().unwrap_err().to_string();
        assert!(
            said.contains("pictures: is not written, for it is a file"),
            "{said}"
        );
    }
}
