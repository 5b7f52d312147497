//! MTG-Jamendo (Bogdanov et al. 2019): `autotagging*.tsv`, a `splits` folder beside it, and `14/214.mp3`.

use super::listing::{Listing, first_existing, has_extension, name};
use super::table;
use crate::data::{error::DataError, part::Part, row::Row};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// The tables of tags in a folder, the one of all tags first.
const TABLES: [&str; 5] = [
    "autotagging.tsv",
    "autotagging_genre.tsv",
    "autotagging_moodtheme.tsv",
    "autotagging_instrument.tsv",
    "autotagging_top50tags.tsv",
];

/// The first of the published splits, which papers report most.
const SPLIT: &str = "splits/split-0";

fn table_of(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        let fits = name(path).starts_with("autotagging") && has_extension(path, "tsv");
        return fits.then(|| path.to_path_buf());
    }
    let places = [path.join("data"), path.to_path_buf()];
    places
        .iter()
        .find_map(|place| first_existing(place, &TABLES))
}

pub(super) fn fits(path: &Path) -> bool {
    table_of(path).is_some()
}

/// Every audio file by the name that the tables give it (`14/214.mp3`), relative to a folder. Files of the low-quality
/// copy are called `14/214.low.mp3`.
fn audio(root: &Path) -> HashMap<String, PathBuf> {
    let files = WalkDir::new(root)
        .max_depth(5)
        .follow_links(true)
        .sort_by_file_name();
    let files = files
        .into_iter()
        .flatten()
        .map(walkdir::DirEntry::into_path);
    let named = files
        .filter(|file| has_extension(file, "mp3"))
        .filter_map(|file| {
            let inner = file.strip_prefix(root).ok()?.to_path_buf();
            let folder = name(file.parent()?).to_owned();
            let stem = name(&file)
                .trim_end_matches(".mp3")
                .trim_end_matches(".low")
                .to_owned();
            Some((format!("{folder}/{stem}.mp3"), inner))
        });
    named.collect()
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let Some(tsv) = table_of(path) else {
        return Err(DataError::NoMetadata {
            layout: "MTG-Jamendo",
            path: path.into(),
            missing: "autotagging.tsv (copy it from the folder data of the data set's repository, with the folder splits)",
        });
    };
    let root = match path.is_dir() {
        true => path.to_path_buf(),
        // The audio lies beside the tables, or beside their folder.
        false => {
            let folder = crate::data::manifest::folder_of(path);
            match folder.file_name() {
                Some(last) if last == "data" => folder.join(".."),
                _ => folder,
            }
        }
    };
    let files = audio(&root);
    if files.is_empty() {
        return Err(DataError::NoListedAudio {
            layout: "MTG-Jamendo",
            path: root,
            example: "audio/14/214.mp3".into(),
        });
    }
    let parts = split(&tsv)?;
    let table = table::Table::read(&tsv, b'\t')?;
    let [track, artist, album, file, duration, tags] = [
        "TRACK_ID",
        "ARTIST_ID",
        "ALBUM_ID",
        "PATH",
        "DURATION",
        "TAGS",
    ]
    .map(|name| table.column(name));
    let (track, artist, album, file, duration, tags) =
        (track?, artist?, album?, file?, duration?, tags?);

    let has_genres = table.rows.iter().any(|record| {
        record
            .iter()
            .skip(tags)
            .any(|tag| tag.starts_with("genre---"))
    });
    let mut listing = Listing {
        split: (!parts.is_empty()).then_some("split-0 of MTG-Jamendo"),
        groups: Some("artist"),
        source: tsv.display().to_string(),
        ..Listing::default()
    };
    let (mut unsplit, mut without_genre) = (0, 0);
    for record in &table.rows {
        let text = |column: usize| record.get(column).unwrap_or_default().trim();
        let tags: Vec<(&str, &str)> = record
            .iter()
            .skip(tags)
            .filter_map(|tag| tag.trim().split_once("---"))
            .collect();
        let of = |category: &str| -> Vec<&str> {
            tags.iter()
                .filter(|(found, _)| *found == category)
                .map(|(_, tag)| *tag)
                .collect()
        };
        let found = files.get(text(file));
        let path = found.cloned().unwrap_or_else(|| text(file).into());
        let part = parts.get(text(track)).copied();
        let mut row = Row {
            path: path.clone(),
            group: Some(text(artist).into()),
            part,
            seconds: text(duration).parse().ok(),
            ..Row::default()
        };
        row.set_labels(tags.iter().map(|(_, tag)| *tag));
        if has_genres {
            row.label = of("genre").first().copied().unwrap_or_default().into();
        }
        row.set("artist", text(artist));
        row.set("album", text(album));
        row.set("genre", &of("genre").join(";"));
        row.set("instrument", &of("instrument").join(";"));
        row.set("mood", &of("mood/theme").join(";"));
        let no_part = !parts.is_empty() && part.is_none();
        if no_part || row.label.is_empty() {
            *(if no_part {
                &mut unsplit
            } else {
                &mut without_genre
            }) += 1;
            listing.left_out.push(path);
        } else {
            listing.rows.push(row);
        }
    }
    listing.root = root;
    if unsplit > 0 {
        listing.notes.push(format!(
            "{unsplit} tracks are in no part of split-0, as published, and are left out"
        ));
    }
    if without_genre > 0 {
        listing.notes.push(format!(
            "{without_genre} tracks have no genre and are left out; check autotagging_moodtheme.tsv or autotagging_instrument.tsv by itself for moods or instruments"
        ));
    }
    listing
        .notes
        .push("a track has several tags: `label` is the first, `labels` has them all".into());
    Ok(listing)
}

/// The part of each track, from the three tables of the published split; empty where none of them is there.
fn split(tsv: &Path) -> Result<HashMap<String, Part>, DataError> {
    let stem = tsv
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let folder = tsv.with_file_name(SPLIT);
    let tables = Part::ALL.map(|part| (part, folder.join(format!("{stem}-{part}.tsv"))));
    let mut parts = HashMap::new();
    if !tables.iter().any(|(_, path)| path.exists()) {
        return Ok(parts);
    }
    for (part, path) in tables {
        let table = table::Table::read(&path, b'\t')?;
        let id = table.column("TRACK_ID")?;
        for track in table.rows.iter().filter_map(|record| record.get(id)) {
            let other = parts.insert(track.to_owned(), part);
            if let Some(other) = other.filter(|other| *other != part) {
                let reason = format!("{track} is in {other} too");
                return Err(DataError::metadata(&path, reason));
            }
        }
    }
    Ok(parts)
}
