//! The library's file: opened, brought to this version's tables, claimed for writing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

use super::error::LibraryError;
use super::schema::{APPLICATION, STEPS};
use crate::files::{self, Claim, Identity, Outputs};

/// How long another program's short write is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Name of the setting that holds the hash of the model in use.
const MODEL: &str = "model";

/// A library, open.
#[derive(Debug)]
pub struct Library {
    path: PathBuf,
    file: Identity,
    connection: Connection,
}

/// As long as it lives no other process scans, teaches or tags with the same library.
#[derive(Debug)]
pub struct Writing {
    _claim: Claim,
}

/// The model that a library hears with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    /// Its number in the library.
    pub id: i64,
    /// BLAKE3 of its file.
    pub hash: String,
    /// The name of its network.
    pub name: String,
    /// Its file; none for the model that comes with gamaka.
    pub path: Option<PathBuf>,
    /// Length of an embedding.
    pub width: usize,
}

/// Where a user's library lies if nothing else is said: in the platform's folder for a program's data.
///
/// # Errors
/// [`LibraryError::NoDataFolder`].
pub fn default_path() -> Result<PathBuf, LibraryError> {
    let folders = directories::ProjectDirs::from("", "", "gamaka");
    let folders = folders.ok_or(LibraryError::NoDataFolder)?;
    Ok(folders.data_dir().join("library.sqlite"))
}

impl Library {
    /// Opens a library that is there.
    ///
    /// # Errors
    /// [`LibraryError`]: it is not there, something else, damaged, newer, locked.
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        if !path.exists() {
            return Err(LibraryError::Missing(path.into()));
        }
        let library = Self::connect(path, false)?;
        match library.is_empty()? {
            true => Err(LibraryError::Missing(path.into())),
            false => library.migrated(),
        }
    }

    /// Opens a library, and makes it if nothing is there.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn open_or_make(path: &Path) -> Result<Self, LibraryError> {
        if !path.exists() {
            if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
                files::make_folder(folder)?;
            }
            Outputs::default().add(path)?;
        }
        Self::connect(path, true)?.migrated()
    }

    fn connect(path: &Path, make: bool) -> Result<Self, LibraryError> {
        let at = |error: rusqlite::Error| LibraryError::of(path, &error);
        if path.is_dir() {
            return Err(LibraryError::Foreign(path.into()));
        }
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, make);
        let connection = Connection::open_with_flags(path, flags).map_err(at)?;
        connection.busy_timeout(PATIENCE).map_err(at)?;
        // Nothing is changed before it is known to be a library.
        let library = Self {
            path: path.into(),
            file: Identity::of(path),
            connection,
        };
        let application = library.pragma("application_id")?;
        if application != APPLICATION && !library.is_empty()? {
            return Err(LibraryError::Foreign(path.into()));
        }
        let found = library.pragma("user_version")?;
        let known = STEPS.len() as i64;
        if found > known {
            let path = path.into();
            return Err(LibraryError::Newer { path, found, known });
        }
        Ok(library)
    }

    /// Whether it has no tables at all: a new file, or one whose making was cut short.
    fn is_empty(&self) -> Result<bool, LibraryError> {
        let tables = "SELECT count(*) FROM sqlite_master";
        let count: i64 = self.ask(|c| c.query_row(tables, [], |row| row.get(0)))?;
        Ok(count == 0)
    }

    fn pragma(&self, name: &str) -> Result<i64, LibraryError> {
        self.ask(|c| c.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)))
    }

    /// Brings the tables to this version, all of them or none.
    fn migrated(mut self) -> Result<Self, LibraryError> {
        let version =
            |c: &Connection| c.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0));
        let known = STEPS.len() as i64;
        if self.ask(|c| version(c))? < known {
            // Readers never wait for a writer, nor it for them. Where a file system cannot do that, they do.
            self.ask(|c| {
                c.query_row("PRAGMA journal_mode = WAL", [], |row| {
                    row.get::<_, String>(0)
                })
            })?;
            self.change(|transaction| {
                let done = usize::try_from(version(transaction)?).unwrap_or(0);
                for step in STEPS.iter().skip(done) {
                    transaction.execute_batch(step)?;
                }
                transaction.execute_batch(&format!(
                    "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {known};"
                ))
            })?;
        }
        self.ask(|c| c.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"))?;
        Ok(self)
    }

    /// A number that is another once another process has changed the library.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn changes_of_others(&self) -> Result<i64, LibraryError> {
        self.pragma("data_version")
    }

    /// Whether its file is still the one of its name. What is changed in one that was removed or replaced is lost, and SQLite
    /// does not tell.
    pub fn is_there(&self) -> bool {
        Identity::of(&self.path) == self.file
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the tables something.
    ///
    /// # Errors
    /// What SQLite says, as [`LibraryError`].
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LibraryError> {
        question(&self.connection).map_err(|error| LibraryError::of(&self.path, &error))
    }

    /// Changes the tables: all that `change` does, or nothing, whatever happens meanwhile.
    ///
    /// # Errors
    /// What SQLite says, as [`LibraryError`].
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&Transaction) -> rusqlite::Result<T>,
    ) -> Result<T, LibraryError> {
        let all = || {
            let behaviour = TransactionBehavior::Immediate;
            let transaction = self.connection.transaction_with_behavior(behaviour)?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        all().map_err(|error| LibraryError::of(&self.path, &error))
    }

    /// Claims it for a scan, for teaching or for tagging: one process at a time. Readers are not held up.
    ///
    /// # Errors
    /// [`LibraryError::Write`] if another process has claimed it.
    pub fn claim(&self) -> Result<Writing, LibraryError> {
        let _claim = Claim::new(&self.path)?;
        Ok(Writing { _claim })
    }

    /// The model that it hears with; none before the first scan.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn model(&self) -> Result<Option<KnownModel>, LibraryError> {
        let question = "SELECT m.id, m.hash, m.name, m.path, m.width FROM model m
            JOIN setting s ON s.value = m.hash WHERE s.name = ?1";
        self.ask(|c| {
            let model = c.query_row(question, [MODEL], |row| {
                Ok(KnownModel {
                    id: row.get(0)?,
                    hash: row.get(1)?,
                    name: row.get(2)?,
                    path: row.get::<_, Option<String>>(3)?.map(PathBuf::from),
                    width: row.get(4)?,
                })
            });
            model.optional()
        })
    }

    /// Makes a model the one that it hears with. What other models have heard stays apart.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn set_model(&mut self, model: &KnownModel) -> Result<KnownModel, LibraryError> {
        let path = model
            .path
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned());
        let add = "INSERT INTO model(hash, name, path, width) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT(hash) DO UPDATE SET path = excluded.path RETURNING id";
        let id = self.change(|t| {
            let values = params![model.hash, model.name, path, model.width];
            let id = t.query_row(add, values, |row| row.get(0))?;
            set(t, MODEL, &model.hash)?;
            Ok(id)
        })?;
        Ok(KnownModel {
            id,
            ..model.clone()
        })
    }

    /// A setting of the library, by name.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn setting(&self, name: &str) -> Result<Option<String>, LibraryError> {
        self.ask(|c| setting(c, name))
    }
}

/// Reads a setting.
pub(super) fn setting(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let question = "SELECT value FROM setting WHERE name = ?1";
    let found = connection.query_row(question, [name], |row| row.get(0));
    found.optional()
}

/// Writes a setting.
pub(super) fn set(transaction: &Transaction, name: &str, value: &str) -> rusqlite::Result<()> {
    let write = "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
    transaction.execute(write, [name, value]).map(drop)
}
