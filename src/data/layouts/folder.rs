//! Any folder of class folders; artist and album come from the files' tags.

use super::listing::{Listing, folders};
use crate::{
    audio,
    data::{error::DataError, folder, row::Row, tags},
};
use rayon::prelude::*;
use std::path::Path;
use walkdir::WalkDir;

pub(super) fn fits(path: &Path) -> bool {
    let holds_audio = |folder: &Path| {
        WalkDir::new(folder)
            .into_iter()
            .flatten()
            .any(|entry| audio::is_audio(entry.path()))
    };
    path.is_dir() && folders(path).iter().any(|folder| holds_audio(folder))
}

pub(super) fn list(path: &Path) -> Result<Listing, DataError> {
    let mut notes = Vec::new();
    let listed = folder::list(path, &mut notes)?;
    let rows: Vec<Row> = listed
        .into_par_iter()
        .map(|file| {
            let columns = tags::read(&path.join(&file.path));
            Row {
                path: file.path,
                label: file.label,
                group: columns.get("artist").cloned(),
                columns,
                ..Row::default()
            }
        })
        .collect();
    let tagged = rows.iter().filter(|row| row.group.is_some()).count();
    if tagged < rows.len() {
        notes.push(format!(
            "{} of the {} files have no artist in their tags: each counts as a group by itself",
            rows.len() - tagged,
            rows.len()
        ));
    }
    Ok(Listing {
        root: path.into(),
        rows,
        notes,
        groups: (tagged > 0).then_some("artist, from tags"),
        source: "the folder".into(),
        ..Listing::default()
    })
}
