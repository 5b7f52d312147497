//! The library's answers for files.

use std::path::PathBuf;

use crate::audio;
use crate::genres::GenreAnswer;
use crate::library::Library;
use crate::mel::EngineChoice;

use crate::cli::common::Common;
use crate::cli::genre::{LazyEar, Taught, taught};
use crate::cli::library::Store;

/// Files heard at a time.
const FILES_AT_ONCE: usize = 64;

/// The library, and its answer for each file that can be heard.
type Answers = (Library, Vec<(PathBuf, GenreAnswer)>);

/// Answers for every track of the library.
pub(super) fn of_all(store: &Store, common: &Common) -> anyhow::Result<Answers> {
    let Taught {
        library, genres, ..
    } = taught(store, EngineChoice::Auto, common)?;
    let all = library.embeddings()?;
    let mut answers = Vec::with_capacity(all.tracks.len());
    for (k, track) in all.tracks.iter().enumerate() {
        answers.push((track.path.clone(), genres.answer(all.embedding(k), &[])?));
    }
    Ok((library, answers))
}

/// Answers for files and for those in folders, which are heard if the library has not heard them.
pub(super) fn of_files(
    store: &Store,
    paths: &[PathBuf],
    failed: &mut Vec<(PathBuf, String)>,
    common: &Common,
) -> anyhow::Result<Answers> {
    let mut taught = taught(store, EngineChoice::Auto, common)?;
    let found = audio::find(paths);
    failed.extend(
        found
            .problems
            .iter()
            .map(|e| (e.path.clone(), e.to_string())),
    );
    let bar = common.bar(found.files.len(), "listening");
    let files = found.files.len();
    let ear = LazyEar::new(common, &taught.model, EngineChoice::Auto, false, files);
    let mut answers = Vec::new();
    for files in found.files.chunks(FILES_AT_ONCE) {
        let heard = taught
            .library
            .hear_new(&|| ear.get(), &taught.known, files)?;
        for (path, heard) in files.iter().zip(heard) {
            bar.inc(1);
            match heard {
                Ok(heard) => {
                    let answer = taught.genres.answer(&heard.embedding, &[])?;
                    answers.push((path.clone(), answer));
                }
                Err(reason) => failed.push((path.clone(), reason)),
            }
        }
    }
    bar.finish_and_clear();
    drop(ear);
    Ok((taught.library, answers))
}
