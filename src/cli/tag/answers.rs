//! The library's answers for files.

use std::path::PathBuf;

use crate::audio;
use crate::ear::Ear;
use crate::files::hash_of;
use crate::genres::{Comparison, Example, Genre, GenreAnswer, Genres};
use crate::library::{KnownModel, Library};
use crate::mel::EngineChoice;
use anyhow::Context;

use super::Args;
use crate::cli::common::Common;

type Answers = (Library, Vec<(PathBuf, GenreAnswer)>, Vec<(PathBuf, String)>);

pub(super) fn of(args: &Args, common: &Common) -> anyhow::Result<Answers> {
    let (mut library, known, model) = args.store.open_heard()?;
    let genres = learned(&library, &known, Comparison::of(&model))?;
    let mut answers = Vec::new();
    let mut failed = Vec::new();
    if args.all {
        let all = library.embeddings()?;
        for (k, track) in all.tracks.iter().enumerate() {
            answers.push((track.path.clone(), genres.answer(all.embedding(k), &[])?));
        }
        return Ok((library, answers, failed));
    }
    let found = audio::find(&args.files);
    failed.extend(
        found
            .problems
            .into_iter()
            .map(|e| (e.path.clone(), e.to_string())),
    );
    let mut unheard = Vec::new();
    for path in found.files {
        let heard = hash_of(&path)
            .ok()
            .map(|hash| library.heard(&known, &hash))
            .transpose()?
            .flatten();
        match heard {
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
        let heard =
            common.while_waiting("listening", || library.hear(&ear, &known, &unheard, false))?;
        for (path, heard) in unheard.into_iter().zip(heard) {
            match heard {
                Ok(heard) => answers.push((path, genres.answer(&heard.embedding, &[])?)),
                Err(reason) => failed.push((path, reason)),
            }
        }
    }
    answers.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((library, answers, failed))
}

fn learned(
    library: &Library,
    known: &KnownModel,
    comparison: Comparison,
) -> anyhow::Result<Genres> {
    let rows: Vec<(String, String, String)> = library.ask(|c| {
        c.prepare("SELECT g.name, e.path, e.hash FROM example e JOIN genre g ON g.id = e.genre ORDER BY 1, 2")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect()
    })?;
    let mut genres: Vec<Genre> = Vec::new();
    for (name, path, hash) in rows {
        let heard = library.heard(known, &hash)?.context("unheard example")?;
        let example = Example {
            path: path.into(),
            hash,
            embedding: heard.embedding,
        };
        match genres.iter_mut().find(|g| g.name == name) {
            Some(genre) => genre.examples.push(example),
            None => genres.push(Genre {
                name,
                examples: vec![example],
            }),
        }
    }
    Ok(Genres::learn(genres, comparison, false)?)
}
