//! Files of a data set that are the same recording: reported, joined into groups, or left out.

use super::{
    fingerprint::{Fingerprint, near_duplicates},
    linked::linked,
    part::Part,
    row::Row,
};
use serde::Serialize;
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

/// Two files that are the same recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Duplicate {
    /// The files, relative to the data set's root.
    pub paths: [PathBuf; 2],
    /// Their labels.
    pub labels: [String; 2],
    /// Their parts of the split.
    pub parts: [Option<Part>; 2],
    /// How much of them sounds the same, in seconds; none if they are the same byte for byte.
    pub seconds: Option<f64>,
    /// Mean number of differing bits of 32 in their fingerprints there.
    pub bit_errors: f64,
}

impl Duplicate {
    /// Whether one would be trained on and the other tested.
    pub fn leaks(&self) -> bool {
        matches!(self.parts, [Some(a), Some(b)] if a != b)
    }
}

/// As [`Duplicate`], by indices.
pub(super) struct Pair {
    a: usize,
    b: usize,
    /// (seconds, bit errors) of a near duplicate.
    near: Option<(f64, f64)>,
}

impl Pair {
    pub(super) fn describe(&self, rows: &[Row]) -> Duplicate {
        let [a, b] = [&rows[self.a], &rows[self.b]];
        Duplicate {
            paths: [a.path.clone(), b.path.clone()],
            labels: [a.label.clone(), b.label.clone()],
            parts: [a.part, b.part],
            seconds: self.near.map(|(seconds, _)| seconds),
            bit_errors: self.near.map_or(0.0, |(_, errors)| errors),
        }
    }
}

/// The pairs of files that are the same recording. A file with the same bytes as an earlier one is paired with it
/// alone.
pub(super) fn find(hashes: &[&str], fingerprints: &[&Fingerprint]) -> Vec<Pair> {
    let mut first_with: HashMap<&str, usize> = HashMap::new();
    let mut pairs = Vec::new();
    let mut distinct = Vec::new();
    for (file, hash) in hashes.iter().enumerate() {
        let first = *first_with.entry(hash).or_insert(file);
        if first == file {
            distinct.push(file);
        } else {
            pairs.push(Pair {
                a: first,
                b: file,
                near: None,
            });
        }
    }
    let compared: Vec<&Fingerprint> = distinct.iter().map(|&file| fingerprints[file]).collect();
    pairs.extend(near_duplicates(&compared).into_iter().map(|near| Pair {
        a: distinct[near.a],
        b: distinct[near.b],
        near: Some((near.seconds, near.bit_errors)),
    }));
    pairs
}

/// Which files to leave out so that of each recording one is left: that of the test part, else of validation, else the
/// first.
pub(super) fn superfluous(rows: &[Row], pairs: &[Pair]) -> BTreeSet<usize> {
    let recordings = linked(rows.len(), pairs.iter().map(|pair| (pair.a, pair.b)));
    let others = recordings.into_iter().flat_map(|mut files| {
        // Stable, so that the first of a part stays first.
        files.sort_by_key(|&file| Reverse(rows[file].part));
        files.into_iter().skip(1)
    });
    others.collect()
}

/// Gives files that are the same recording one `piece` and one group, with all files of their groups, where they are in the
/// same part.
pub(super) fn join(rows: &mut [Row], pairs: &[Pair]) {
    let alike: Vec<(usize, usize)> = pairs
        .iter()
        .filter(|pair| rows[pair.a].part == rows[pair.b].part)
        .map(|pair| (pair.a, pair.b))
        .collect();
    for files in linked(rows.len(), alike.iter().copied()) {
        let mut pieces = files
            .iter()
            .filter_map(|&file| rows[file].columns.get("piece"));
        let piece = pieces.next().cloned();
        let piece = piece.unwrap_or_else(|| rows[files[0]].path.display().to_string());
        for &file in files.iter().filter(|_| files.len() > 1) {
            rows[file].columns.insert("piece".into(), piece.clone());
        }
    }
    let mut first_of = HashMap::new();
    let mut of_groups = Vec::new();
    for (file, row) in rows.iter().enumerate() {
        if let Some(group) = &row.group {
            of_groups.push((*first_of.entry(group).or_insert(file), file));
        }
    }
    for files in linked(rows.len(), alike.into_iter().chain(of_groups)) {
        let group = files.iter().find_map(|&file| rows[file].group.clone());
        let group = group.unwrap_or_else(|| rows[files[0]].path.display().to_string());
        for &file in files.iter().filter(|_| files.len() > 1) {
            rows[file].group = Some(group.clone());
        }
    }
}
