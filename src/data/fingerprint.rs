//! Audio fingerprints, by which the same recording is known again after another encoding, at another level or offset.

use rayon::prelude::*;
use rusty_chromaprint::{Configuration, Fingerprinter, match_fingerprints};
use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
    path::Path,
};

use crate::audio::{self, AudioError, AudioInfo};

/// Sample rate that Chromaprint works at, in Hz.
const SAMPLE_RATE: u32 = 11_025;

/// How much of a file is fingerprinted, in seconds, as AcoustID does.
const LISTENED_S: usize = 120;

/// Fingerprints of fewer items (of 0.124 s) say too little: files of less than about five seconds.
const MIN_ITEMS: usize = 16;

/// Bits of an item that are left out of the index, so that it still finds an item of which one of these has changed.
const BLURRED_BITS: u32 = 4;

/// Distinct items that two files must share to be compared: copies share dozens, silence a single one.
const MIN_SHARED: usize = 3;

/// Items that this many files have (held chords, silence) tell nothing and would make every pair a candidate.
const MAX_FILES_OF_ITEM: usize = 32;

/// Mean number of differing bits of 32 up to which a stretch counts as the same recording (unrelated music: 16).
const MAX_BIT_ERRORS: f64 = 5.0;

/// The share of the shorter fingerprint that must be the same.
const MIN_SHARE: f64 = 0.5;

/// A Chromaprint fingerprint of a file's first two minutes: an item of 32 bits for every 0.124 s.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fingerprint(Vec<u32>);

/// Two files of which at least half of the shorter one is the same recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NearDuplicate {
    /// The index of one fingerprint.
    pub a: usize,
    /// The index of the other, which is greater.
    pub b: usize,
    /// How much is the same, in seconds.
    pub seconds: f64,
    /// Mean number of differing bits of 32 there: 0 for the same sound, 16 for unrelated music.
    pub bit_errors: f64,
}

impl Fingerprint {
    /// Decodes a whole file and fingerprints its beginning.
    ///
    /// # Errors
    /// What [`audio::stream`] says.
    pub(super) fn of_file(path: &Path) -> Result<(Self, AudioInfo), AudioError> {
        Self::listen(path, ControlFlow::Continue(()))
    }

    /// Decodes and fingerprints the beginning of a file.
    ///
    /// # Errors
    /// What [`audio::stream`] says.
    #[cfg(feature = "library")]
    pub(crate) fn of_beginning(path: &Path) -> Result<Self, AudioError> {
        Ok(Self::listen(path, ControlFlow::Break(()))?.0)
    }

    /// Fingerprints the beginning of a file, and then does what is told.
    fn listen(path: &Path, then: ControlFlow<()>) -> Result<(Self, AudioInfo), AudioError> {
        let mut samples: Vec<i16> = Vec::new();
        let room = LISTENED_S * SAMPLE_RATE as usize;
        let info = audio::stream(path, SAMPLE_RATE, &mut |piece| {
            let taken = piece.len().min(room - samples.len());
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the fingerprint takes samples of 16 bits"
            )]
            let scaled = piece[..taken]
                .iter()
                .map(|s| (s * f32::from(i16::MAX)) as i16);
            samples.extend(scaled);
            match samples.len() < room {
                true => ControlFlow::Continue(()),
                false => then,
            }
        })?;
        Ok((Self::of_samples(&samples), info))
    }

    /// The fingerprint of mono samples at 11025 Hz.
    fn of_samples(samples: &[i16]) -> Self {
        let mut fingerprinter = Fingerprinter::new(&Configuration::default());
        // It refuses only rates below 1000 Hz and no channels.
        if fingerprinter.start(SAMPLE_RATE, 1).is_err() {
            return Self::default();
        }
        fingerprinter.consume(samples);
        fingerprinter.finish();
        Self(fingerprinter.fingerprint().to_vec())
    }

    /// Whether there is enough to be compared by.
    pub(super) fn suffices(&self) -> bool {
        self.0.len() >= MIN_ITEMS
    }

    /// What is the same in two fingerprints, as (seconds, mean bit errors); none if it is less than [`MIN_SHARE`].
    pub(crate) fn compare(&self, other: &Self) -> Option<(f64, f64)> {
        let configuration = Configuration::default();
        let segments = match_fingerprints(&self.0, &other.0, &configuration).ok()?;
        let alike = segments
            .iter()
            .filter(|segment| segment.score <= MAX_BIT_ERRORS);
        let (items, errors) = alike.fold((0, 0.0), |(items, errors), segment| {
            (
                items + segment.items_count,
                errors + segment.score * segment.items_count as f64,
            )
        });
        let shorter = self.0.len().min(other.0.len());
        let enough = items >= MIN_ITEMS && items as f64 >= MIN_SHARE * shorter as f64;
        let seconds = items as f64 * f64::from(configuration.item_duration_in_seconds());
        enough.then(|| (seconds, errors / items as f64))
    }
}

/// All pairs of near duplicates, ordered by their indices. An index of items chooses the pairs that are compared, so
/// that the time grows with the number of files and not with its square.
pub(super) fn near_duplicates(fingerprints: &[&Fingerprint]) -> Vec<NearDuplicate> {
    let mut files_of: HashMap<u32, BTreeSet<usize>> = HashMap::new();
    for (file, fingerprint) in fingerprints
        .iter()
        .enumerate()
        .filter(|(_, f)| f.suffices())
    {
        for item in &fingerprint.0 {
            files_of
                .entry(item >> BLURRED_BITS)
                .or_default()
                .insert(file);
        }
    }
    let mut shared: HashMap<(usize, usize), usize> = HashMap::new();
    for files in files_of
        .values()
        .filter(|files| files.len() <= MAX_FILES_OF_ITEM)
    {
        for &a in files {
            for &b in files.range(a + 1..) {
                *shared.entry((a, b)).or_insert(0) += 1;
            }
        }
    }
    let mut candidates: Vec<(usize, usize)> = shared
        .into_iter()
        .filter(|&(_, items)| items >= MIN_SHARED)
        .map(|(pair, _)| pair)
        .collect();
    candidates.sort_unstable();
    let found = candidates.into_par_iter().filter_map(|(a, b)| {
        let (seconds, bit_errors) = fingerprints[a].compare(fingerprints[b])?;
        Some(NearDuplicate {
            a,
            b,
            seconds,
            bit_errors,
        })
    });
    found.collect()
}
