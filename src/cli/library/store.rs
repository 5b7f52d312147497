//! Which library, and the model that it hears with.

use std::path::{Path, PathBuf};

use crate::files::hash_bytes;
use crate::library::{KnownModel, Library, default_path};
use crate::model_file::Model;
use anyhow::bail;

use crate::cli::common::{INCLUDED, model_hash};

/// The option that names a library.
#[derive(clap::Args)]
pub(in crate::cli) struct Store {
    /// The library's file [default: library.sqlite in your folder for programs' data]
    #[arg(long, env = "GAMAKA_LIBRARY", value_name = "FILE")]
    library: Option<PathBuf>,
}

impl Store {
    /// Where the library lies, or is to lie.
    pub(in crate::cli) fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.library {
            Some(path) => Ok(path.clone()),
            None => Ok(default_path()?),
        }
    }

    /// Whether a library was named.
    pub(in crate::cli) fn is_named(&self) -> bool {
        self.library.is_some()
    }

    /// Opens the library, which must be there.
    pub(in crate::cli) fn open(&self) -> anyhow::Result<Library> {
        Ok(Library::open(&self.path()?)?)
    }

    /// Opens the library with the model that heard it, which must be the same still.
    pub(in crate::cli) fn open_heard(&self) -> anyhow::Result<(Library, KnownModel, Model)> {
        let library = self.open()?;
        let Some(known) = library.model()? else {
            bail!(
                "{}: nothing was heard yet; `gamaka library scan FOLDER` does",
                library.path().display()
            );
        };
        let model = the_same(&library, &known)?;
        Ok((library, known, model))
    }

    /// As [`Self::open_heard`], for teaching: a library that is not there is made, and hears by the model that comes with
    /// gamaka.
    pub(in crate::cli) fn open_to_teach(&self) -> anyhow::Result<(Library, KnownModel, Model)> {
        let mut library = Library::open_or_make(&self.path()?)?;
        if let Some(known) = library.model()? {
            let model = the_same(&library, &known)?;
            return Ok((library, known, model));
        }
        let (known, model) = chosen(&library, None)?;
        let known = library.set_model(&known)?;
        Ok((library, known, model))
    }

    /// The option as it was given, for a command to paste.
    pub(in crate::cli) fn words(&self) -> String {
        let quoted = |path: &PathBuf| shell_word(&path.to_string_lossy());
        let path = self.library.as_ref().map(quoted);
        path.map_or_else(String::new, |path| format!("--library {path} "))
    }
}

/// A word as a shell takes it.
pub(in crate::cli) fn shell_word(word: &str) -> String {
    // Only a NUL cannot be quoted, which no path holds.
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

/// The model that a library was heard by, unless it has changed since.
fn the_same(library: &Library, known: &KnownModel) -> anyhow::Result<Model> {
    let rescan = "what two models hear cannot be compared: run `gamaka library scan` to hear the library anew";
    match &known.path {
        None if hash_bytes(Model::INCLUDED) == known.hash => Ok(Model::included()?),
        None => bail!(
            "{}: was heard by the model of another version of gamaka, and {rescan}",
            library.path().display()
        ),
        Some(path) => {
            let model = Model::load(path)?;
            match model_hash(path)? == known.hash {
                true => Ok(model),
                false => bail!(
                    "{}: has changed since the library was scanned, and {rescan}",
                    path.display()
                ),
            }
        }
    }
}

/// A model by the name that a user gave it, or the library's own, as the library is to know it.
pub(super) fn chosen(
    library: &Library,
    named: Option<&Path>,
) -> anyhow::Result<(KnownModel, Model)> {
    let before = library.model()?.and_then(|known| known.path);
    let path = match named {
        Some(path) if path == Path::new(INCLUDED) => None,
        Some(path) => Some(std::path::absolute(path)?),
        None => before,
    };
    let (hash, model) = match &path {
        None => (hash_bytes(Model::INCLUDED), Model::included()?),
        Some(path) => (model_hash(path)?, Model::load(path)?),
    };
    let known = KnownModel {
        id: 0,
        hash,
        name: model.network.spec.name.clone(),
        path,
        width: model.network.width(),
    };
    Ok((known, model))
}
