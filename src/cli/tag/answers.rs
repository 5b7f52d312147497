//! The library's answers for files.

use std::path::PathBuf;

use crate::audio;
use crate::ear::Ear;
use crate::files::hash_of;
use crate::genres::GenreAnswer;
use crate::library::Library;
use crate::mel::EngineChoice;

use super::Args;
use crate::cli::common::Common;

/// The library, its answer for each file that can be heard, and why the others have none.
type Answers = (Library, Vec<(PathBuf, GenreAnswer)>, Vec<(PathBuf, String)>);

pub(super) fn of(args: &Args, common: &Common) -> anyhow::Result<Answers> {
    let (mut library, known, model) = args.store.open_heard()?;
    let genres = library.genres(&known, &model)?;
    let mut answers = Vec::new();
    if args.all {
        let all = library.embeddings()?;
        for (k, track) in all.tracks.iter().enumerate() {
            answers.push((track.path.clone(), genres.answer(all.embedding(k), &[])?));
        }
        return Ok((library, answers, Vec::new()));
    }
    let found = audio::find(&args.files);
    let problems = found.problems.into_iter();
    let mut failed = Vec::from_iter(problems.map(|e| (e.path.clone(), e.to_string())));
    let mut unheard = Vec::new();
    for path in found.files {
        let hash = hash_of(&path).unwrap_or_default();
        match library.heard(&known, &hash)? {
            Some(heard) => answers.push((path, genres.answer(&heard.embedding, &[])?)),
            None => unheard.push(path),
        }
    }
    if !unheard.is_empty() {
        let ear = Ear::on(
            &common.gpu()?,
            model,
            EngineChoice::Auto,
            false,
            unheard.len(),
        )?;
        let listen = || library.hear(&ear, &known, &unheard, false);
        let heard = common.while_waiting("listening", listen)?;
        for (path, heard) in unheard.into_iter().zip(heard) {
            match heard {
                Ok(heard) => answers.push((path, genres.answer(&heard.embedding, &[])?)),
                Err(reason) => failed.push((path, reason)),
            }
        }
        answers.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok((library, answers, failed))
}
