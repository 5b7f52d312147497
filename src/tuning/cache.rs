//! What was found quickest on an adapter, kept in the platform's folder for caches: a file an adapter.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TuningError;
use crate::files::{self, Claim, Keep, WriteError, hash_bytes};
use crate::gpu::{AdapterSummary, KERNELS};
use crate::ops;

/// Version of the file.
const FORMAT: u32 = 1;

/// More than any tuning has.
const MOST_BYTES: u64 = 4 << 20;

/// The folder of all tunings.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// What was found on an adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    format: u32,
    /// The version of gamaka that measured.
    pub gamaka: String,
    /// The hash of all its kernels.
    kernels: String,
    backend: String,
    adapter: String,
    driver: String,
    /// The id of a variant for each operation ([`ops::operation`]), also where it is what suits the class.
    pub choices: BTreeMap<String, String>,
}

impl Tuned {
    fn new(adapter: &AdapterSummary, choices: BTreeMap<String, String>) -> Self {
        let texts: Vec<String> = KERNELS.iter().map(|kernel| kernel.wgsl()).collect();
        Self {
            format: FORMAT,
            gamaka: env!("CARGO_PKG_VERSION").into(),
            kernels: hash_bytes(texts.join("\n").as_bytes()),
            backend: adapter.backend.clone(),
            adapter: adapter.name.clone(),
            driver: adapter.driver.clone(),
            choices,
        }
    }
}

impl Cache {
    /// The folder that `GAMAKA_CACHE` names, else the platform's; none for a user without a home.
    pub fn usual() -> Option<Self> {
        let named = std::env::var_os("GAMAKA_CACHE").filter(|name| !name.is_empty());
        let folder = match named {
            Some(named) => named.into(),
            None => directories::ProjectDirs::from("", "", "gamaka")?
                .cache_dir()
                .to_path_buf(),
        };
        Some(Self { folder })
    }

    /// A folder, there or not.
    #[cfg(feature = "internals")]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The file of an adapter.
    pub fn path(&self, adapter: &AdapterSummary) -> PathBuf {
        // One of another driver takes its place.
        let name = hash_bytes(format!("{}\n{}", adapter.backend, adapter.name).as_bytes());
        self.folder.join(format!("tuned-{:.16}.json", name))
    }

    /// What was found on an adapter by these kernels, if anything was.
    ///
    /// # Errors
    /// [`TuningError::Cache`]: the file is damaged, or of another version or driver, or names what there is not.
    pub fn read(&self, adapter: &AdapterSummary) -> Result<Option<Tuned>, TuningError> {
        let path = self.path(adapter);
        let bad = |reason: String| TuningError::Cache {
            path: path.clone(),
            reason,
        };
        let mut text = String::new();
        let read =
            File::open(&path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(bad("is damaged".into()));
            }
            Err(error) => return Err(bad(format!("cannot be read ({error})"))),
            Ok(_) => {}
        }
        let damaged = |_| bad("is damaged".into());
        let known: serde_json::Value = serde_json::from_str(&text).map_err(damaged)?;
        let is = Tuned::new(adapter, BTreeMap::new());
        if known["format"] != FORMAT || known["gamaka"] != is.gamaka.as_str() {
            let version = known["gamaka"].as_str().unwrap_or("another version");
            return Err(bad(format!("was made by gamaka {version}")));
        }
        let tuned: Tuned = serde_json::from_value(known).map_err(damaged)?;
        if tuned.kernels != is.kernels {
            return Err(bad("was made with other kernels".into()));
        }
        if [&tuned.backend, &tuned.adapter, &tuned.driver] != [&is.backend, &is.adapter, &is.driver]
        {
            return Err(bad(format!("was made with the driver {}", tuned.driver)));
        }
        for (operation, id) in &tuned.choices {
            let there = ops::parse_operation(operation)
                .and_then(|(pass, shape)| ops::variant(pass, &shape, id));
            if there.is_none() {
                return Err(bad(format!(
                    "names the kernel `{id}` for {operation}, which there is not"
                )));
            }
        }
        Ok(Some(tuned))
    }

    /// Keeps other processes from tuning an adapter as long as it lives.
    ///
    /// # Errors
    /// [`TuningError::Busy`] if one does, and a folder that cannot be written.
    pub fn claim(&self, adapter: &AdapterSummary) -> Result<Claim, TuningError> {
        files::make_folder(&self.folder)?;
        Claim::new(&self.path(adapter)).map_err(|error| match error {
            WriteError::Kept {
                reason: Keep::Busy, ..
            } => TuningError::Busy,
            other => other.into(),
        })
    }

    /// Keeps what was found, beside what was found for other operations on the same adapter and by the same kernels.
    ///
    /// # Errors
    /// [`TuningError::Write`].
    pub fn keep(
        &self,
        adapter: &AdapterSummary,
        choices: BTreeMap<String, String>,
    ) -> Result<PathBuf, TuningError> {
        let mut all = match self.read(adapter) {
            Ok(Some(known)) => known.choices,
            _ => BTreeMap::new(),
        };
        all.extend(choices);
        let text = serde_json::to_string_pretty(&Tuned::new(adapter, all)).unwrap_or_default();
        let path = self.path(adapter);
        files::make_folder(&self.folder)?;
        files::write(&path, text.as_bytes())?;
        Ok(path)
    }
}
