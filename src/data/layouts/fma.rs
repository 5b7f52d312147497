//! FMA (Defferrard et al. 2017): `fma_metadata/tracks.csv`, whose header has three rows, and `000/000002.mp3`.

use super::listing::{Listing, first_existing, has_extension, name};
use super::table;
use crate::data::{error::DataError, part::Part, row::Row};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// The subsets, each within the next.
const SUBSETS: [&str; 3] = ["small", "medium", "large"];

/// Tracks whose length in the metadata was wrong, so that their clip was cut at the wrong place or beyond the end: they
/// are shorter than 30 s or empty (issue 8 of the data set's repository).
const CUT_WRONG: [u32; 21] = [
    1486, 5574, 65753, 80391, 98558, 98559, 98560, 98565, 98566, 98567, 98568, 98569, 98571, 99134,
    105247, 108924, 108925, 126981, 127336, 133297, 143992,
];

/// The table of tracks in a folder or, for a folder of audio, beside it.
fn tracks(path: &Path) -> Option<PathBuf> {
    first_existing(
        path,
        &[
            "fma_metadata/tracks.csv",
            "tracks.csv",
            "../fma_metadata/tracks.csv",
        ],
    )
}

/// The track of a file such as `000/000002.mp3`.
fn track_id(file: &Path) -> Option<u32> {
    let stem = file.file_stem()?.to_str()?;
    let folder = name(file.parent()?);
    let digits = stem.len() == 6 && stem.bytes().all(|byte| byte.is_ascii_digit());
    let here =
        digits && has_extension(file, "mp3") && stem.starts_with(folder) && folder.len() == 3;
    stem.parse().ok().filter(|_| here)
}

/// Every track's file below a folder, relative to it.
fn audio(path: &Path) -> Result<BTreeMap<u32, PathBuf>, DataError> {
    let mut found: BTreeMap<u32, PathBuf> = BTreeMap::new();
    let entries = WalkDir::new(path)
        .max_depth(3)
        .sort_by_file_name()
        .into_iter();
    for file in entries.flatten().map(walkdir::DirEntry::into_path) {
        let Some(id) = track_id(&file) else { continue };
        let file = file.strip_prefix(path).unwrap_or(&file).to_path_buf();
        if let Some(first) = found.insert(id, file.clone()) {
            return Err(DataError::metadata(
                path,
                format!(
                    "{} and {} are the same track: check one of their folders by itself",
                    first.display(),
                    file.display()
                ),
            ));
        }
    }
    Ok(found)
}

pub(super) fn fits(path: &Path) -> bool {
    if path.is_file() {
        return false;
    }
    let inside = first_existing(path, &["fma_metadata/tracks.csv", "tracks.csv"]).is_some();
    let entries = || {
        WalkDir::new(path)
            .min_depth(2)
            .max_depth(3)
            .sort_by_file_name()
    };
    inside
        || entries()
            .into_iter()
            .flatten()
            .take(1000)
            .any(|entry| track_id(entry.path()).is_some())
}

/// The columns of tracks.csv that are used, by their two names.
struct Columns {
    split: usize,
    subset: usize,
    genre: usize,
    genres: Option<usize>,
    title: Option<usize>,
    artist: Option<usize>,
    artist_name: Option<usize>,
    album: Option<usize>,
}

impl Columns {
    fn find(path: &Path, rows: &[csv::StringRecord]) -> Result<Self, DataError> {
        let place = |upper: &str, lower: &str| {
            let [first, second, ..] = rows else {
                return None;
            };
            first
                .iter()
                .zip(second)
                .position(|found| found == (upper, lower))
        };
        let needed = |upper: &str, lower: &str| {
            place(upper, lower).ok_or_else(|| {
                let reason = format!(
                    "its first two rows name no column {upper}/{lower}: is it FMA's tracks.csv?"
                );
                DataError::metadata(path, reason)
            })
        };
        Ok(Self {
            split: needed("set", "split")?,
            subset: needed("set", "subset")?,
            genre: needed("track", "genre_top")?,
            genres: place("track", "genres_all"),
            title: place("track", "title"),
            artist: place("artist", "id"),
            artist_name: place("artist", "name"),
            album: place("album", "title"),
        })
    }
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let Some(tracks) = tracks(path) else {
        return Err(DataError::NoMetadata {
            layout: "FMA",
            path: path.into(),
            missing: "fma_metadata/tracks.csv (unpack fma_metadata.zip there; the audio alone has no genres)",
        });
    };
    let records = table::records(&tracks, b',')?;
    let columns = Columns::find(&tracks, &records)?;
    let names = genre_names(&tracks.with_file_name("genres.csv"))?;
    let files = audio(path)?;
    if files.is_empty() {
        return Err(DataError::NoListedAudio {
            layout: "FMA",
            path: path.into(),
            example: "fma_small/000/000002.mp3".into(),
        });
    }

    // The third row says track_id.
    let body = || records.iter().skip(3);
    let subset = |record: &csv::StringRecord| {
        let subset = record.get(columns.subset).unwrap_or_default();
        SUBSETS
            .iter()
            .position(|found| *found == subset)
            .unwrap_or(SUBSETS.len())
    };
    let id = |record: &csv::StringRecord| record.get(0).and_then(|id| id.parse::<u32>().ok());
    // The smallest subset that has all the files that are there.
    let here = body().filter(|record| id(record).is_some_and(|id| files.contains_key(&id)));
    let level = here.map(subset).max().unwrap_or(SUBSETS.len());
    let example = files.values().next().cloned().unwrap_or_default();
    let prefix = example
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new(""))
        .to_path_buf();
    let full = prefix.ends_with("fma_full") || path.ends_with("fma_full");

    let mut listing = Listing {
        root: path.into(),
        split: Some("FMA's own"),
        groups: Some("artist"),
        source: tracks.display().to_string(),
        ..Listing::default()
    };
    let mut without_genre = 0;
    let mut cut_wrong = Vec::new();
    for record in body().filter(|record| subset(record) <= level) {
        let Some(id) = id(record) else { continue };
        let text = |column: Option<usize>| {
            column
                .and_then(|i| record.get(i))
                .unwrap_or_default()
                .trim()
        };
        let file = files.get(&id).cloned();
        let file = file.unwrap_or_else(|| prefix.join(format!("{:03}/{id:06}.mp3", id / 1000)));
        let label = text(Some(columns.genre));
        if label.is_empty() {
            without_genre += 1;
            listing.left_out.push(file);
            continue;
        }
        let part = text(Some(columns.split));
        let part = Part::parse(part)
            .map_err(|reason| DataError::metadata(&tracks, format!("track {id}: {reason}")))?;
        let mut row = Row {
            path: file,
            label: label.into(),
            part: Some(part),
            seconds: (!full).then_some(30.0),
            ..Row::default()
        };
        let artist = text(columns.artist);
        row.group = (!artist.is_empty()).then(|| format!("artist {artist}"));
        row.set("artist", text(columns.artist_name));
        row.set("album", text(columns.album));
        row.set("title", text(columns.title));
        let genres = text(columns.genres).trim_matches(['[', ']']).split(',');
        let genres: Vec<&str> = genres
            .filter_map(|id| names.get(id.trim()).map(String::as_str))
            .collect();
        row.set("labels", &genres.join(";"));
        if CUT_WRONG.contains(&id) && !full {
            cut_wrong.push(id.to_string());
        }
        listing.rows.push(row);
    }
    if !cut_wrong.is_empty() {
        listing.notes.push(format!(
            "FMA's clips of the tracks {} are known to be cut at the wrong place, and so short or empty",
            cut_wrong.join(", ")
        ));
    }
    if without_genre > 0 {
        listing.notes.push(format!(
            "{without_genre} of the {} tracks of this subset have no top-level genre and are left out",
            without_genre + listing.rows.len()
        ));
    }
    Ok(listing)
}

/// Genre names by their ids; none where the table is not there.
fn genre_names(path: &Path) -> Result<HashMap<String, String>, DataError> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let table = table::Table::read(path, b',')?;
    let (id, title) = (table.column("genre_id")?, table.column("title")?);
    let row = |record: &csv::StringRecord| {
        Some((record.get(id)?.to_owned(), record.get(title)?.to_owned()))
    };
    Ok(table.rows.iter().filter_map(row).collect())
}
