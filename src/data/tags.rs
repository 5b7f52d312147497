//! A folder of tagged files, in any order: the artist and album that a file's tags name.

use super::{DataError, dataset::Listed, labels};
use crate::audio;
use lofty::{config::ParseOptions, file::TaggedFileExt, prelude::Accessor, probe::Probe};
use rayon::prelude::*;
use std::{collections::BTreeMap, panic::catch_unwind, path::Path};

/// What files can be labelled by.
const TAGS: [&str; 2] = ["album", "artist"];

/// Lists the audio files below a folder that have the tag `column`, at any depth.
pub(super) fn list(
    root: &Path,
    column: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<Listed>, DataError> {
    if !TAGS.contains(&column) {
        return Err(DataError::NoSuchTag {
            path: root.into(),
            column: column.into(),
        });
    }
    let mut listed = list_all(root, warnings)?;
    let files = listed.len();
    listed.retain_mut(|file| match file.columns.get(column) {
        Some(label) => {
            file.label.clone_from(label);
            true
        }
        None => false,
    });
    let unlabelled = files - listed.len();
    labels::check_unlabelled(root, column, unlabelled, listed.len(), warnings)?;
    Ok(listed)
}

/// Lists all audio files below a folder, at any depth, with their tags and without labels.
pub(super) fn list_all(root: &Path, warnings: &mut Vec<String>) -> Result<Vec<Listed>, DataError> {
    let found = audio::find(&[root.into()]);
    warnings.extend(found.problems.iter().map(|p| format!("left out: {p}")));
    if found.files.is_empty() {
        return Err(DataError::NoAudio(root.into()));
    }
    let listed = found.files.par_iter().map(|path| Listed {
        path: path.strip_prefix(root).unwrap_or(path).into(),
        label: String::new(),
        group: None,
        part: None,
        columns: read(path),
    });
    Ok(listed.collect())
}

/// The filled ones of a file's tags album, artist and title. A file whose tags cannot be read has none: whether it is
/// damaged is for the decoder to say.
pub(super) fn read(path: &Path) -> BTreeMap<String, String> {
    // What a damaged file makes of a parser must not end the run.
    catch_unwind(|| parse(path))
        .ok()
        .flatten()
        .unwrap_or_default()
}

fn parse(path: &Path) -> Option<BTreeMap<String, String>> {
    let options = ParseOptions::new()
        .read_properties(false)
        .read_cover_art(false);
    let file = Probe::open(path).ok()?.guess_file_type().ok()?;
    let file = file.options(options).read().ok()?;
    let tag = file.primary_tag().or_else(|| file.first_tag())?;
    let fields = [
        ("album", tag.album()),
        ("artist", tag.artist()),
        ("title", tag.title()),
    ];
    let filled = fields.into_iter().filter_map(|(name, text)| {
        let text = text?.trim().to_owned();
        (!text.is_empty()).then(|| (name.to_owned(), text))
    });
    Some(filled.collect())
}
