//! The library's genres as its examples are now.

use std::cell::OnceCell;
use std::path::PathBuf;

use crate::audio;
use crate::cli::common::{Common, one_line};
use crate::cli::library::Store;
use crate::ear::Ear;
use crate::genres::{GenreAnswer, Genres, GenresError};
use crate::library::{Heard, KnownExample, KnownModel, Library, LibraryError};
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::words::count;

/// Files heard at a time.
const FILES_AT_ONCE: usize = 64;

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
        let gpu = self.common.gpu()?;
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

/// A file with the answer of the library's genres.
pub(in crate::cli) struct Answered {
    pub path: PathBuf,
    /// BLAKE3 of its content.
    pub hash: String,
    pub answer: GenreAnswer,
}

impl Taught {
    /// Answers for every track of the library, from what was heard.
    pub(in crate::cli) fn of_library(&self, common: &Common) -> anyhow::Result<Vec<Answered>> {
        let tracks = self.library.tracks()?;
        if tracks.is_empty() {
            common.note("the library holds no tracks: `gamaka library scan FOLDER` hears some");
        }
        let mut answers = Vec::with_capacity(tracks.len());
        for track in tracks {
            if let Some(heard) = self.library.heard(&self.known, &track.hash)? {
                answers.push(answered(&self.genres, track.path, heard)?);
            }
        }
        Ok(answers)
    }

    /// Answers for files and for those in folders, which are heard if the library has not heard them. Those that cannot be heard
    /// go to `failed`.
    pub(in crate::cli) fn of_files(
        &mut self,
        paths: &[PathBuf],
        engine: EngineChoice,
        strict: bool,
        failed: &mut Vec<(PathBuf, String)>,
        common: &Common,
    ) -> anyhow::Result<Vec<Answered>> {
        let found = audio::find(paths);
        let problems = found.problems.iter();
        failed.extend(problems.map(|e| (e.path.clone(), e.to_string())));
        let bar = common.bar(found.files.len(), "listening");
        let ear = LazyEar::new(common, &self.model, engine, strict, found.files.len());
        let hearing = self.model.hearing(strict);
        let mut cut = 0;
        let mut answers = Vec::new();
        for files in found.files.chunks(FILES_AT_ONCE) {
            let heard = self.library.hear(&|| ear.get(), &self.known, files)?;
            for (path, heard) in files.iter().zip(heard) {
                bar.inc(1);
                match heard {
                    Ok(heard) => {
                        cut += usize::from(heard.seconds >= hearing.max_seconds);
                        answers.push(answered(&self.genres, path.clone(), heard)?);
                    }
                    Err(reason) => failed.push((path.clone(), reason)),
                }
            }
        }
        bar.finish_and_clear();
        if let Some(note) = hearing.cut_note(cut) {
            common.note(&note);
        }
        Ok(answers)
    }
}

fn answered(genres: &Genres, path: PathBuf, heard: Heard) -> Result<Answered, GenresError> {
    Ok(Answered {
        path,
        answer: heard.answer(genres)?,
        hash: heard.hash,
    })
}

/// Opens a library, hears the examples again whose files have changed, and learns from all that was heard.
pub(in crate::cli) fn taught(
    store: &Store,
    engine: EngineChoice,
    common: &Common,
) -> anyhow::Result<Taught> {
    learned(store.open_heard()?, engine, common)
}

/// As [`taught`], of a library that is open.
pub(in crate::cli) fn learned(
    (mut library, known, model): (Library, KnownModel, Model),
    engine: EngineChoice,
    common: &Common,
) -> anyhow::Result<Taught> {
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
pub(in crate::cli) fn refresh(
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
