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
    let found = audio::find(&[root.into()]);
    warnings.extend(found.problems.iter().map(|p| format!("left out: {p}")));
    let tags: Vec<_> = found.files.par_iter().map(|path| read(path)).collect();
    let mut listed = Vec::new();
    for (path, columns) in found.files.iter().zip(tags) {
        let Some(label) = columns.get(column).cloned() else {
            continue;
        };
        listed.push(Listed {
            path: path.strip_prefix(root).unwrap_or(path).into(),
            label,
            group: None,
            part: None,
            columns,
        });
    }
    let unlabelled = found.files.len() - listed.len();
    labels::check_unlabelled(root, column, unlabelled, listed.len(), warnings)?;
    if listed.is_empty() {
        return Err(DataError::NoClasses {
            path: root.into(),
            loose: 0,
        });
    }
    Ok(listed)
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
