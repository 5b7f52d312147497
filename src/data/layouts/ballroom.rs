//! Ballroom (Gouyon et al. 2006): 698 excerpts of 30 s of eight dances; `BallroomData/<dance>/*.wav` and the list
//! `allBallroomFiles`.

use super::listing::{Listing, folders, name};
use crate::data::{error::DataError, row::Row};
use std::path::{Path, PathBuf};

const LIST: &str = "allBallroomFiles";

const DANCES: [&str; 8] = [
    "ChaChaCha",
    "Jive",
    "Quickstep",
    "Rumba",
    "Samba",
    "Tango",
    "VienneseWaltz",
    "Waltz",
];

/// The folder of dances: the one with the list, or one that holds most dances.
fn home(path: &Path) -> Option<PathBuf> {
    let places = [path.join("BallroomData"), path.to_path_buf()];
    places.into_iter().find(|place| {
        let dances = folders(place)
            .iter()
            .filter(|folder| DANCES.contains(&name(folder)))
            .count();
        place.join(LIST).is_file() || dances >= 5
    })
}

pub(super) fn fits(path: &Path) -> bool {
    home(path).is_some()
}

/// The album in names such as `Albums-AnaBelen_Veneo-01.wav`; files called `Media-105901.wav` tell none.
fn album(file: &Path) -> Option<&str> {
    let stem = file.file_stem()?.to_str()?.strip_prefix("Albums-")?;
    stem.rsplit_once('-').map(|(album, _)| album)
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let Some(home) = home(path) else {
        return Err(DataError::NoMetadata {
            layout: "Ballroom",
            path: path.into(),
            missing: "BallroomData with a folder for each dance (ChaChaCha, Jive, ...) and the list allBallroomFiles",
        });
    };
    let mut notes = Vec::new();
    let list = home.join(LIST);
    let files: Vec<PathBuf> = if list.is_file() {
        let text =
            std::fs::read_to_string(&list).map_err(|error| DataError::metadata(&list, error))?;
        let lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches("./"));
        lines
            .filter(|line| !line.is_empty())
            .map(PathBuf::from)
            .collect()
    } else {
        notes.push(format!(
            "{LIST} is not there: the folders are taken as they are"
        ));
        let dances = folders(&home)
            .into_iter()
            .filter(|folder| DANCES.contains(&name(folder)));
        let found = crate::audio::find(&dances.collect::<Vec<_>>()).files;
        found
            .iter()
            .filter_map(|file| file.strip_prefix(&home).ok())
            .map(Path::to_path_buf)
            .collect()
    };
    let row = |file: &PathBuf| {
        let mut row = Row {
            path: file.clone(),
            label: file.parent().map(name).unwrap_or_default().into(),
            group: album(file).map(str::to_owned),
            seconds: Some(30.0),
            ..Row::default()
        };
        row.set("album", album(file).unwrap_or_default());
        row
    };
    if let Some(file) = files
        .iter()
        .find(|file| file.parent().is_none_or(|dance| name(dance).is_empty()))
    {
        return Err(DataError::metadata(
            &list,
            format!("{} is in no dance's folder", file.display()),
        ));
    }
    Ok(Listing {
        rows: files.iter().map(row).collect(),
        notes,
        groups: Some("album"),
        source: LIST.into(),
        root: home,
        ..Listing::default()
    })
}
