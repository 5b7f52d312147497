//! The library's genres as its examples are now.

use std::cell::OnceCell;

use crate::cli::common::{Common, one_line};
use crate::cli::library::Store;
use crate::ear::Ear;
use crate::genres::Genres;
use crate::gpu::Gpu;
use crate::library::{KnownExample, KnownModel, Library, LibraryError};
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::words::count;

/// What hears files, made when it is first needed.
pub(in crate::cli) struct LazyEar<'a> {
    common: &'a Common,
    model: &'a Model,
    engine: EngineChoice,
    strict: bool,
    files: usize,
    ear: OnceCell<Ear>,
}

impl<'a> LazyEar<'a> {
    /// For so many files: of a few the first is heard sooner.
    pub(in crate::cli) fn new(
        common: &'a Common,
        model: &'a Model,
        engine: EngineChoice,
        strict: bool,
        files: usize,
    ) -> Self {
        Self {
            common,
            model,
            engine,
            strict,
            files,
            ear: OnceCell::new(),
        }
    }

    pub(in crate::cli) fn get(&self) -> Result<&Ear, LibraryError> {
        if let Some(ear) = self.ear.get() {
            return Ok(ear);
        }
        let gpu = Gpu::open(&self.common.device)?;
        let ear = Ear::on(
            &gpu,
            self.model.clone(),
            self.engine,
            self.strict,
            self.files,
        )?;
        Ok(self.ear.get_or_init(|| ear))
    }
}

/// A library with what was learned from its genres' examples.
pub(in crate::cli) struct Taught {
    pub library: Library,
    pub known: KnownModel,
    pub model: Model,
    pub genres: Genres,
}

/// Opens a library, hears the examples again whose files have changed, and learns from all that was heard.
pub(in crate::cli) fn taught(
    store: &Store,
    engine: EngineChoice,
    common: &Common,
) -> anyhow::Result<Taught> {
    let (mut library, known, model) = store.open_heard()?;
    let ear = LazyEar::new(common, &model, engine, false, usize::MAX);
    refresh(&mut library, &known, &ear, common)?;
    drop(ear);
    let genres = library.genres(&known, &model)?;
    Ok(Taught {
        library,
        known,
        model,
        genres,
    })
}

/// Hears the examples again whose files have changed, and says what became of them.
pub(super) fn refresh(
    library: &mut Library,
    known: &KnownModel,
    ear: &LazyEar,
    common: &Common,
) -> anyhow::Result<()> {
    let examples = |library: &Library| -> anyhow::Result<Vec<KnownExample>> {
        let genres = library.known_genres()?.into_iter();
        Ok(genres.flat_map(|genre| genre.examples).collect())
    };
    if examples(library)?.iter().any(KnownExample::is_stale) {
        match library.claim() {
            Err(_) => common.note(
                "some examples have changed, and another run of gamaka is writing the library: they count as they were",
            ),
            Ok(_writing) => {
                let (heard, failed) = common.while_waiting("hearing examples", || {
                    library.refresh_examples(&|| ear.get(), known)
                })?;
                if heard > 0 {
                    common.note(&format!(
                        "{} heard again: changed, or not heard by this model yet",
                        count(heard, "example was", "examples were")
                    ));
                }
                for (path, reason) in failed {
                    common.note(&one_line(&format!(
                        "the example {} counts as it was: {reason}",
                        path.display()
                    )));
                }
            }
        }
    }
    let unheard = examples(library)?
        .iter()
        .filter(|example| !example.heard)
        .count();
    if unheard > 0 {
        common.note(&format!(
            "left out: {} that the library's model has not heard, and whose {} not there; `gamaka genre show NAME` lists them",
            count(unheard, "example", "examples"),
            if unheard == 1 { "file is" } else { "files are" },
        ));
    }
    Ok(())
}
