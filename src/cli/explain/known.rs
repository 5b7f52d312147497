//! The classes that a file is asked about: of example files, or the library's genres.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::cli::common::{Common, model_hash};
use crate::cli::genre::learned;
use crate::cli::hints;
use crate::cli::library::Store;
use crate::data::{Dataset, hash_file};
use crate::embed::{Embedder, FileEmbedding, embed_files};
use crate::explain::{Classes, Span};
use crate::features::{FrontEnd, SegmentShape};
use crate::fewshot::prototype;
use crate::mel::EngineChoice;
use crate::model_file::Model;
use crate::random::Stream;
use crate::words::count;

/// An example of a class.
pub(super) struct Example {
    pub path: PathBuf,
    /// Its place among the classes.
    pub class: usize,
    pub embedding: Vec<f32>,
    /// Its segments, if they were heard.
    pub segments: Option<Segments>,
}

/// Parts of a file with their embeddings.
pub(super) type Segments = Vec<(Span, Vec<f32>)>;

/// Classes with the examples that they are known by.
pub(super) struct Known {
    pub classes: Classes,
    pub examples: Vec<Example>,
    /// What they are of, in words.
    pub source: String,
}

/// What hears examples.
#[derive(Clone, Copy)]
pub(super) struct Ears<'a> {
    pub model: &'a Model,
    pub front_end: &'a FrontEnd,
    pub embedder: &'a Embedder,
}

/// The parts of a heard file.
pub(super) fn segments(file: &FileEmbedding) -> Segments {
    let part = |s: &crate::embed::SegmentEmbedding| {
        let span = Span {
            start_s: s.start_s,
            end_s: s.end_s,
        };
        (span, s.embedding.clone())
    };
    file.segments.iter().map(part).collect()
}

/// Classes of a folder or a manifest, by at most so many examples of each, and never by `file` itself.
pub(super) fn of_examples(
    data: &Path,
    most: usize,
    file: &Path,
    ears: Ears,
    common: &Common,
) -> anyhow::Result<Known> {
    let dataset = common.while_waiting("looking through the examples", || Dataset::open(data))?;
    dataset.warnings.iter().for_each(|w| common.note(w));
    let own = hash_file(file).unwrap_or_default();
    let mut items: Vec<usize> = (0..dataset.items.len()).collect();
    Stream::new(0, "examples to explain by", 0).shuffle(&mut items);
    let mut left = vec![most; dataset.classes.len()];
    items.retain(|&item| {
        let item = &dataset.items[item];
        let room = &mut left[item.class];
        let taken = *room > 0 && item.hash != own;
        *room -= usize::from(taken);
        taken
    });
    items.sort_unstable();
    let paths: Vec<PathBuf> = items
        .iter()
        .map(|&item| dataset.file(&dataset.items[item]))
        .collect();
    let bar = common.bar(paths.len(), "examples");
    let mut examples = Vec::new();
    let shape = ears.model.info.segment;
    embed_files(
        ears.front_end,
        ears.embedder,
        shape,
        &paths,
        |index, heard| {
            bar.inc(1);
            let path = paths[index].clone();
            let heard = heard.map_err(|error| hints::told(&error));
            let heard = heard.and_then(|heard| match heard.info.silence() {
                Some(silence) => Err(format!("{}: {silence}", path.display())),
                None => Ok(heard),
            });
            match heard {
                Ok(heard) => examples.push(Example {
                    path,
                    class: dataset.items[items[index]].class,
                    embedding: heard.mean(),
                    segments: Some(segments(&heard)),
                }),
                Err(reason) => bar.suspend(|| common.note(&format!("example left out: {reason}"))),
            }
        },
    )?;
    bar.finish_and_clear();
    for (class, name) in dataset.classes.iter().enumerate() {
        if !examples.iter().any(|example| example.class == class) {
            common.note(&format!("left out: no example of `{name}` can be heard"));
        }
    }
    known(&dataset.classes, examples, ears.model, data)
}

/// Those of examples, without classes that have none.
fn known(
    names: &[String],
    mut examples: Vec<Example>,
    model: &Model,
    data: &Path,
) -> anyhow::Result<Known> {
    let has = |class: usize| examples.iter().any(|example| example.class == class);
    let kept: Vec<usize> = (0..names.len()).filter(|&class| has(class)).collect();
    if kept.is_empty() {
        bail!("{}: no example can be heard", data.display());
    }
    for example in &mut examples {
        let place = kept.iter().position(|&class| class == example.class);
        example.class = place.unwrap_or_default();
    }
    let of = |class: usize| {
        let own = examples
            .iter()
            .filter(move |example| example.class == class);
        own.map(|example| example.embedding.as_slice())
    };
    let fewest = (0..kept.len()).map(|class| of(class).count()).min();
    let prototypes = (0..kept.len()).map(|class| vec![prototype(of(class))]);
    Ok(Known {
        classes: Classes {
            metric: model.metric(fewest.unwrap_or(1)),
            prototypes: prototypes.collect(),
            names: kept.iter().map(|&class| names[class].clone()).collect(),
        },
        source: format!(
            "{} of {} in {}",
            count(examples.len(), "example", "examples"),
            count(kept.len(), "class", "classes"),
            data.display()
        ),
        examples,
    })
}

/// The library's genres, if it was heard by this model; else why not, in a sentence.
pub(super) fn of_library(
    store: &Store,
    model_name: &Path,
    engine: EngineChoice,
    common: &Common,
) -> anyhow::Result<Result<Known, String>> {
    let opened = match store.open_heard() {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if opened.1.hash != model_hash(model_name)? {
        return Ok(Err(format!(
            "{}: was heard by another model",
            opened.0.path().display()
        )));
    }
    let path = opened.0.path().display().to_string();
    let taught = match learned(opened, engine, common) {
        Ok(taught) => taught,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if taught.genres.is_adapted() {
        common.note(
            "the library's genres are ranked by a linear probe; what is explained is their nearest prototypes",
        );
    }
    let genres = taught.genres.genres();
    let examples = genres.iter().enumerate().flat_map(|(class, genre)| {
        genre.examples.iter().map(move |example| Example {
            path: example.path.clone(),
            class,
            embedding: example.embedding.clone(),
            segments: None,
        })
    });
    let examples: Vec<Example> = examples.collect();
    Ok(Ok(Known {
        classes: Classes {
            names: genres.iter().map(|genre| genre.name.clone()).collect(),
            metric: taught.genres.metric(),
            prototypes: taught.genres.means().to_vec(),
        },
        source: format!(
            "{} of {} in the library {path}",
            count(examples.len(), "example", "examples"),
            count(genres.len(), "genre", "genres"),
        ),
        examples,
    }))
}

/// Hears the segments of an example that only its mean is known of; none where its file cannot be heard.
pub(super) fn hear_segments(
    path: &Path,
    shape: SegmentShape,
    ears: Ears,
) -> anyhow::Result<Segments> {
    let mut found = Vec::new();
    embed_files(
        ears.front_end,
        ears.embedder,
        shape,
        &[path.to_path_buf()],
        |_, heard| {
            if let Ok(heard) = heard {
                found = segments(&heard);
            }
        },
    )?;
    Ok(found)
}
