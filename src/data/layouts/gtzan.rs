//! GTZAN (Tzanetakis and Cook 2002): ten genres of a hundred excerpts of 30 s, of which the fault-filtered split uses
//! 930.

use super::listing::{Listing, first_existing, folders, name};
use crate::data::{error::DataError, part::Part, row::Row};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Lines `part genre.000NN`.
const SPLIT: &str = include_str!("../../../assets/splits/gtzan-fault-filtered.txt");

/// Where the genre folders are: the author's archive, and the copy on Kaggle.
const PLACES: [&str; 4] = ["genres", "genres_original", "Data/genres_original", "."];

/// The excerpts of the split: part, genre, and name such as `blues.00029`.
fn split() -> impl Iterator<Item = (Part, &'static str, &'static str)> {
    let lines = SPLIT.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (part, excerpt) = line.split_once(' ')?;
        Some((Part::parse(part).ok()?, excerpt.split('.').next()?, excerpt))
    })
}

fn genres() -> BTreeSet<&'static str> {
    split().map(|(_, genre, _)| genre).collect()
}

/// The folder of genre folders: one that has files named as GTZAN's are.
fn home(path: &Path) -> Option<PathBuf> {
    let places = PLACES.iter().map(|place| path.join(place));
    places.into_iter().find(|place| {
        let genres = genres();
        folders(place).iter().any(|folder| {
            let genre = name(folder);
            genres.contains(genre) && excerpts(folder).iter().any(|file| belongs(file, genre))
        })
    })
}

fn excerpts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Whether a file is named `genre.000NN.something`.
fn belongs(file: &Path, genre: &str) -> bool {
    let rest = name(file)
        .strip_prefix(genre)
        .and_then(|rest| rest.strip_prefix('.'));
    rest.is_some_and(|rest| rest.len() > 6 && rest.starts_with("000") && rest.as_bytes()[5] == b'.')
}

pub(super) fn fits(path: &Path) -> bool {
    home(path).is_some()
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let Some(home) = home(path) else {
        return Err(DataError::NoMetadata {
            layout: "GTZAN",
            path: path.into(),
            missing: "genre folders such as genres/blues/blues.00000.wav or genres_original/blues/blues.00000.wav",
        });
    };
    let inner = home.strip_prefix(path).unwrap_or(Path::new(""));
    let inner = if inner == Path::new(".") {
        Path::new("")
    } else {
        inner
    };
    let file = |genre: &str, excerpt: &str, extension: &str| {
        inner.join(genre).join(format!("{excerpt}.{extension}"))
    };
    let mut au = 0;
    let mut rows = Vec::new();
    for (part, genre, excerpt) in split() {
        let wav = file(genre, excerpt, "wav");
        if !path.join(&wav).exists() && path.join(file(genre, excerpt, "au")).exists() {
            au += 1;
        }
        rows.push(Row {
            path: wav,
            label: genre.into(),
            part: Some(part),
            ..Row::default()
        });
    }
    if au > 0 {
        return Err(DataError::AuFiles {
            path: home,
            files: au,
        });
    }
    let listed: BTreeSet<&PathBuf> = rows.iter().map(|row| &row.path).collect();
    let left_out: Vec<PathBuf> = genres()
        .into_iter()
        .flat_map(|genre| (0..100).map(move |k| file(genre, &format!("{genre}.{k:05}"), "wav")))
        .filter(|file| !listed.contains(file) && path.join(file).exists())
        .collect();
    let mut notes = vec![format!(
        "{} excerpts are left out by the fault filter (repeated, distorted or doubtfully labelled ones); to use them all, check {} as a folder",
        left_out.len(),
        home.display()
    )];
    if let Some(pictures) = first_existing(path, &["images_original", "Data/images_original"]) {
        notes.push(format!(
            "{} holds pictures, which are not used",
            pictures.display()
        ));
    }
    Ok(Listing {
        root: path.into(),
        rows,
        left_out,
        notes,
        split: Some("fault-filtered (Kereliuk, Sturm and Larsen 2015)"),
        groups: None,
        source: "the fault-filtered split".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_has_the_published_numbers_and_no_excerpt_twice() {
        let count = |part| split().filter(|found| found.0 == part).count();
        assert_eq!(Part::ALL.map(count), [443, 197, 290]);
        let excerpts: BTreeSet<&str> = split().map(|(_, _, excerpt)| excerpt).collect();
        assert_eq!(excerpts.len(), 930);
        assert_eq!(genres().len(), 10);
        assert!(split().any(|found| found == (Part::Train, "jazz", "jazz.00054")));
    }

    #[test]
    fn excerpts_are_told_by_their_names() {
        for (file, genre, expected) in [
            ("blues.00012.wav", "blues", true),
            ("blues.00012.au", "blues", true),
            ("blues.wav", "blues", false),
            ("blues.0001.wav", "blues", false),
            ("blues.00012", "blues", false),
            ("jazz.00012.wav", "blues", false),
        ] {
            assert_eq!(belongs(Path::new(file), genre), expected, "{file}");
        }
    }
}
