//! Published data sets, recognised by how their files lie. One file a layout; each gives the rows that the set's own
//! metadata promises, whether or not the audio is there: that is for [`check`](super::check()) to see.

mod ballroom;
mod esc50;
mod fma;
mod folder;
mod gtzan;
mod jamendo;
mod listing;
mod nsynth;
mod saraga;
mod table;

use super::{error::DataError, labels::Labels, manifest};
pub(super) use listing::Listing;
use listing::has_extension;
use serde::Serialize;
use std::{fmt, path::Path, str::FromStr};

/// How the files of a data set lie, and where their labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// GTZAN: `genres/<genre>/<genre>.000NN.wav`, or `genres_original`.
    Gtzan,
    /// FMA: `fma_metadata/tracks.csv` and `000/000002.mp3`.
    Fma,
    /// MTG-Jamendo: `autotagging*.tsv` and `14/214.mp3`.
    Jamendo,
    /// NSynth: `examples.json` and `audio/`.
    Nsynth,
    /// ESC-50: `meta/esc50.csv` and `audio/`.
    Esc50,
    /// Ballroom: `BallroomData/<dance>/*.wav`.
    Ballroom,
    /// Saraga: a JSON file beside each recording.
    Saraga,
    /// Any folder of class folders.
    Folder,
    /// A CSV manifest.
    Csv,
}

impl Layout {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 9] = [
        Self::Fma,
        Self::Jamendo,
        Self::Nsynth,
        Self::Esc50,
        Self::Ballroom,
        Self::Gtzan,
        Self::Saraga,
        Self::Csv,
        Self::Folder,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gtzan => "gtzan",
            Self::Fma => "fma",
            Self::Jamendo => "jamendo",
            Self::Nsynth => "nsynth",
            Self::Esc50 => "esc50",
            Self::Ballroom => "ballroom",
            Self::Saraga => "saraga",
            Self::Folder => "folder",
            Self::Csv => "csv",
        }
    }

    fn fits(self, path: &Path) -> bool {
        match self {
            Self::Gtzan => gtzan::fits(path),
            Self::Fma => fma::fits(path),
            Self::Jamendo => jamendo::fits(path),
            Self::Nsynth => nsynth::fits(path),
            Self::Esc50 => esc50::fits(path),
            Self::Ballroom => ballroom::fits(path),
            Self::Saraga => saraga::fits(path),
            Self::Folder => folder::fits(path),
            Self::Csv => path.is_file() && ["csv", "tsv"].iter().any(|e| has_extension(path, e)),
        }
    }

    /// The layout that a path has.
    ///
    /// # Errors
    /// [`DataError::NotFound`], [`DataError::UnknownLayout`].
    pub fn recognise(path: &Path) -> Result<Self, DataError> {
        if !path.exists() {
            return Err(DataError::NotFound(path.into()));
        }
        let found = Self::ALL.into_iter().find(|layout| layout.fits(path));
        found.ok_or_else(|| DataError::UnknownLayout(path.into()))
    }

    /// How many files the data set's own metadata lists.
    ///
    /// # Errors
    /// [`DataError`]: it cannot be read.
    #[cfg(feature = "internals")]
    pub fn count(self, path: &Path) -> Result<usize, DataError> {
        Ok(self.list(path)?.rows.len())
    }

    /// Reads the data set's own metadata.
    pub(super) fn list(self, path: &Path) -> Result<Listing, DataError> {
        if !path.exists() {
            return Err(DataError::NotFound(path.into()));
        }
        if path.to_str().is_none() {
            return Err(DataError::Name(path.into()));
        }
        match self {
            Self::Gtzan => gtzan::list(path),
            Self::Fma => fma::list(path),
            Self::Jamendo => jamendo::list(path),
            Self::Nsynth => nsynth::list(path),
            Self::Esc50 => esc50::list(path),
            Self::Ballroom => ballroom::list(path),
            Self::Saraga => saraga::list(path),
            Self::Folder => folder::list(path),
            Self::Csv => list_manifest(path),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|layout| layout.name() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|layout| layout.name()).collect();
            format!("choose one of {}", names.join(", "))
        })
    }
}

fn list_manifest(path: &Path) -> Result<Listing, DataError> {
    let mut notes = Vec::new();
    let rows = manifest::list(path, &Labels::Folder, &mut notes)?;
    Ok(Listing {
        root: manifest::folder_of(path),
        notes,
        split: rows
            .iter()
            .any(|row| row.part.is_some())
            .then_some("the manifest's own"),
        groups: rows
            .iter()
            .any(|row| row.group.is_some())
            .then_some("the manifest's own"),
        source: path.display().to_string(),
        rows,
        ..Listing::default()
    })
}
