//! Files of a library that are the same recording.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;

use super::error::LibraryError;
use super::store::Library;
use super::track::{Embeddings, Track};
use crate::data::{Fingerprint, linked};
use crate::gpu::Gpu;
use crate::ops::Distance;
use crate::similar::Search;

/// The cosine distance of embeddings up to which files may be the same recording, and their fingerprints are compared. The
/// model that comes with gamaka hears encodings of one recording, from 48 kbit/s in mono on and cut elsewhere, at most 0.06
/// apart, and other pieces rarely nearer than 0.3 (35 pieces in four encodings each).
const NEAR: f32 = 0.15;

/// Queries at a time of the search for near embeddings.
const AT_ONCE: usize = 64;

/// Files that are one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Duplicates {
    /// In which way.
    pub same: Same,
    /// The files, the largest first, then by path.
    pub files: Vec<Track>,
}

/// In which way files are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Same {
    /// Byte for byte.
    Bytes,
    /// They sound the same: by their audio fingerprints, at least half of the shorter one's first two minutes.
    Recording,
}

impl Duplicates {
    /// Bytes of all but the largest.
    pub fn spare_bytes(&self) -> u64 {
        self.files.iter().skip(1).map(|track| track.size).sum()
    }
}

impl Library {
    /// Files that are one recording: those with the same bytes, and those that have near embeddings and the same
    /// fingerprint. Sets are ordered by the paths of their first files. A file that cannot be decoded now, or is shorter than
    /// five seconds, is compared by its bytes alone. `on_progress` is told how many fingerprints are made, of how many.
    ///
    /// # Errors
    /// [`LibraryError`]: the device or the library failed.
    pub fn duplicates(
        &self,
        gpu: &Gpu,
        on_progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<Duplicates>, LibraryError> {
        let heard = self.embeddings()?;
        let mut first_with: HashMap<&str, usize> = HashMap::new();
        let mut links = Vec::new();
        let mut distinct = Vec::new();
        for (file, track) in heard.tracks.iter().enumerate() {
            let first = *first_with.entry(&track.hash).or_insert(file);
            match first == file {
                true => distinct.push(file),
                false => links.push((first, file)),
            }
        }
        let near = near(gpu, &heard, &distinct)?;
        let alike: BTreeSet<usize> = near.iter().flat_map(|&(a, b)| [a, b]).collect();
        let files = alike.len();
        let done = std::sync::atomic::AtomicUsize::new(0);
        let fingerprint = |file: usize| {
            let made = Fingerprint::of_beginning(&heard.tracks[file].path);
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            on_progress(done + 1, files);
            Some((file, made.ok()?))
        };
        let fingerprints: HashMap<usize, Fingerprint> =
            alike.into_par_iter().filter_map(fingerprint).collect();
        let same = |(a, b): &(usize, usize)| {
            let both = fingerprints.get(a).zip(fingerprints.get(b));
            both.is_some_and(|(a, b)| a.compare(b).is_some())
        };
        links.extend(near.into_par_iter().filter(same).collect::<Vec<_>>());
        let sets = linked(heard.tracks.len(), links).into_iter();
        let sets = sets.filter(|files| files.len() > 1);
        let set = |files: Vec<usize>| {
            let mut files: Vec<Track> = files.iter().map(|&k| heard.tracks[k].clone()).collect();
            let bytes = files.iter().all(|track| track.hash == files[0].hash);
            // Stable, and the tracks are ordered by path.
            files.sort_by_key(|track| std::cmp::Reverse(track.size));
            Duplicates {
                same: if bytes { Same::Bytes } else { Same::Recording },
                files,
            }
        };
        Ok(sets.map(set).collect())
    }
}

/// Pairs of these tracks whose embeddings are near, by index.
fn near(
    gpu: &Gpu,
    heard: &Embeddings,
    tracks: &[usize],
) -> Result<Vec<(usize, usize)>, LibraryError> {
    if tracks.len() < 2 {
        return Ok(Vec::new());
    }
    let values = |tracks: &[usize]| -> Vec<f32> {
        let rows = tracks.iter().map(|&track| heard.embedding(track));
        rows.flatten().copied().collect()
    };
    // Models of either distance hear copies in nearly the same direction.
    let all = values(tracks);
    let search = Search::new(gpu, Distance::Cosine, heard.width, &all, AT_ONCE)?;
    let mut pairs = Vec::new();
    for (k, some) in tracks.chunks(AT_ONCE).enumerate() {
        for (row, distances) in search.distances(&values(some))?.iter().enumerate() {
            let row = k * AT_ONCE + row;
            let later = distances.iter().enumerate().skip(row + 1);
            let near = later.filter(|(_, distance)| **distance <= NEAR);
            pairs.extend(near.map(|(other, _)| (tracks[row], tracks[other])));
        }
    }
    Ok(pairs)
}
