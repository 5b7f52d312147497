//! Saraga (Srinivasamurthy et al. 2020): Carnatic and Hindustani concerts, a JSON file beside each recording:
//! `<concert>/<recording>/<recording>.json` and `<recording>.mp3.mp3` (or `.mp3`).

use super::listing::{Listing, has_extension, name};
use crate::data::{error::DataError, row::Row};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// What the JSON says of a recording. Carnatic music has a raaga, Hindustani has raags.
#[derive(Deserialize)]
struct Recording {
    mbid: String,
    title: String,
    /// Milliseconds.
    length: Option<f64>,
    #[serde(default)]
    raaga: Vec<Named>,
    #[serde(default)]
    raags: Vec<Named>,
    #[serde(default)]
    taala: Vec<Named>,
    #[serde(default)]
    taals: Vec<Named>,
    #[serde(default)]
    form: Vec<Named>,
    #[serde(default)]
    forms: Vec<Named>,
    #[serde(default)]
    concert: Vec<Titled>,
    #[serde(default)]
    release: Vec<Titled>,
    #[serde(default)]
    album_artists: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    common_name: Option<String>,
}

#[derive(Deserialize)]
struct Titled {
    title: String,
}

impl Named {
    /// In lower case, as the two collections do not agree on it.
    fn plain(&self) -> String {
        self.common_name
            .as_ref()
            .unwrap_or(&self.name)
            .trim()
            .to_lowercase()
    }
}

/// The JSON files of recordings, relative to a folder.
fn jsons(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = WalkDir::new(path)
        .max_depth(4)
        .sort_by_file_name()
        .into_iter();
    let files = entries.flatten().map(walkdir::DirEntry::into_path);
    files.filter(|file| has_extension(file, "json") && !name(file).starts_with('.'))
}

pub(super) fn fits(path: &Path) -> bool {
    path.is_dir() && jsons(path).take(3).any(|file| read(&file).is_ok())
}

fn read(file: &Path) -> Result<Recording, DataError> {
    let bytes = std::fs::read(file).map_err(|error| DataError::metadata(file, error))?;
    serde_json::from_slice(&bytes).map_err(|error| DataError::metadata(file, error))
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let mut listing = Listing {
        root: path.into(),
        groups: Some("album artist"),
        source: "the JSON files".into(),
        ..Listing::default()
    };
    let (mut without_raga, mut found) = (0, 0);
    for json in jsons(path) {
        let recording = read(&json)?;
        found += 1;
        let audio = ["mp3.mp3", "mp3", "wav"].map(|extension| json.with_extension(extension));
        let audio = audio.iter().find(|file| file.exists()).unwrap_or(&audio[0]);
        let inner = audio.strip_prefix(path).unwrap_or(audio).to_path_buf();
        // Single instruments of the recording, which are not used.
        let folder = json.parent().unwrap_or(path);
        let tracks = crate::audio::find(&[folder.into()]).files.into_iter();
        let tracks = tracks.filter(|file| name(file).contains(".multitrack-"));
        listing
            .left_out
            .extend(tracks.filter_map(|file| Some(file.strip_prefix(path).ok()?.to_path_buf())));

        let hindustani = !recording.raags.is_empty() || !recording.release.is_empty();
        let ragas: Vec<String> = recording
            .raaga
            .iter()
            .chain(&recording.raags)
            .map(Named::plain)
            .collect();
        if ragas.is_empty() {
            without_raga += 1;
            listing.left_out.push(inner);
            continue;
        }
        let joined = |a: &[Named], b: &[Named]| {
            a.iter()
                .chain(b)
                .map(Named::plain)
                .collect::<Vec<_>>()
                .join(";")
        };
        let artist = recording
            .album_artists
            .iter()
            .map(|artist| artist.name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let mut row = Row {
            path: inner,
            group: Some(if artist.is_empty() {
                recording.mbid
            } else {
                artist.clone()
            }),
            seconds: recording.length.map(|ms| ms / 1e3),
            ..Row::default()
        };
        row.set_labels(ragas.iter().map(String::as_str));
        row.set(
            "tradition",
            if hindustani { "hindustani" } else { "carnatic" },
        );
        row.set("tala", &joined(&recording.taala, &recording.taals));
        row.set("form", &joined(&recording.form, &recording.forms));
        row.set("artist", &artist);
        row.set("title", &recording.title);
        let album = recording.concert.iter().chain(&recording.release).next();
        row.set("album", album.map_or("", |album| &album.title));
        listing.rows.push(row);
    }
    if found == 0 {
        return Err(DataError::NoMetadata {
            layout: "Saraga",
            path: path.into(),
            missing: "a JSON file beside each recording, such as <concert>/<recording>/<recording>.json",
        });
    }
    if without_raga > 0 {
        listing.notes.push(format!(
            "{without_raga} of the {found} recordings have no raga and are left out"
        ));
    }
    tell_traditions_apart(&mut listing.rows);
    Ok(listing)
}

/// The two traditions have ragas of the same name that are different ragas.
fn tell_traditions_apart(rows: &mut [Row]) {
    let both = rows
        .iter()
        .any(|row| row.columns["tradition"] != rows[0].columns["tradition"]);
    if both {
        for row in rows {
            row.label = format!("{} ({})", row.label, row.columns["tradition"]);
        }
    }
}
