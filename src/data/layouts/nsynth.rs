//! NSynth (Engel et al. 2017): notes of instruments; `examples.json` and `audio/` for each part.

use super::listing::{Listing, name};
use crate::data::{error::DataError, part::Part, row::Row};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The folders of the parts, as the archives unpack.
const PARTS: [(&str, Part); 3] = [
    ("nsynth-train", Part::Train),
    ("nsynth-valid", Part::Validation),
    ("nsynth-test", Part::Test),
];

/// What examples.json says of a note.
#[derive(Deserialize)]
struct Note {
    instrument_str: String,
    instrument_family_str: String,
    instrument_source_str: String,
    pitch: u32,
    velocity: u32,
    #[serde(default)]
    qualities_str: Vec<String>,
}

/// The folders that hold examples.json or audio, with their part; a single such folder may be given itself.
fn parts(path: &Path) -> Vec<(PathBuf, Option<Part>)> {
    let holds = |folder: &Path| {
        folder.join("examples.json").is_file() || name(folder).starts_with("nsynth-")
    };
    if path.join("examples.json").is_file() {
        let part = PARTS.iter().find(|(folder, _)| path.ends_with(folder));
        return vec![(PathBuf::new(), part.map(|(_, part)| *part))];
    }
    let places = PARTS
        .iter()
        .filter(|(folder, _)| holds(&path.join(folder)) && path.join(folder).is_dir());
    places
        .map(|(folder, part)| (PathBuf::from(folder), Some(*part)))
        .collect()
}

pub(super) fn fits(path: &Path) -> bool {
    path.is_dir() && !parts(path).is_empty()
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let found = parts(path);
    let missing = found
        .iter()
        .any(|(folder, _)| !path.join(folder).join("examples.json").is_file());
    if found.is_empty() || missing {
        return Err(DataError::NoMetadata {
            layout: "NSynth",
            path: path.into(),
            missing: "examples.json beside audio/, in each of nsynth-train, nsynth-valid and nsynth-test (unpack the json/wav archives)",
        });
    }
    let mut listing = Listing {
        root: path.into(),
        groups: Some("instrument"),
        source: "examples.json".into(),
        ..Listing::default()
    };
    // A part by itself is split by seed.
    let whole = found.len() > 1;
    listing.split = whole.then_some("NSynth's own");
    if !whole {
        listing
            .notes
            .push("only one of NSynth's parts is here, so the published split is not used".into());
    } else if found.len() < PARTS.len() {
        listing.notes.push(format!(
            "only {} of NSynth's three parts are here",
            found.len()
        ));
    }
    for (folder, part) in found {
        let file = path.join(&folder).join("examples.json");
        let text = std::fs::read(&file).map_err(|error| DataError::metadata(&file, error))?;
        let notes: BTreeMap<String, Note> =
            serde_json::from_slice(&text).map_err(|error| DataError::metadata(&file, error))?;
        for (name, note) in notes {
            let mut row = Row {
                path: folder.join("audio").join(format!("{name}.wav")),
                label: note.instrument_family_str,
                part: part.filter(|_| whole),
                seconds: Some(4.0),
                ..Row::default()
            };
            row.set("instrument", &note.instrument_str);
            row.set("source", &note.instrument_source_str);
            row.set("pitch", &note.pitch.to_string());
            row.set("velocity", &note.velocity.to_string());
            row.set("qualities", &note.qualities_str.join(";"));
            row.group = Some(note.instrument_str);
            listing.rows.push(row);
        }
    }
    Ok(listing)
}
