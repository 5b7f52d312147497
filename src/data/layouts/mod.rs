//! Published data sets, recognised by how their files lie. One file a layout; each gives the rows that the set's own
//! metadata promises, whether or not the audio is there: that is for [`check`](super::check()) to see.

mod ballroom;
mod esc50;
mod fma;
mod folder;
mod gtzan;
mod jamendo;
mod nsynth;
mod saraga;
mod table;

use super::{DataError, Labels, Part, manifest};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

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

    /// The word for `--as`.
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
    pub(crate) fn count(self, path: &Path) -> Result<usize, DataError> {
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

/// A file that a data set promises.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Relative to [`Listing::root`].
    pub path: PathBuf,
    pub label: String,
    pub group: Option<String>,
    pub part: Option<Part>,
    /// Artist, album and whatever else is known; `labels` has all labels with `;` between them where the set is
    /// multi-label.
    pub columns: BTreeMap<String, String>,
    /// How long it should be, in seconds.
    pub seconds: Option<f64>,
}

impl Row {
    /// Sets a column, unless the text is empty.
    fn set(&mut self, column: &str, text: &str) {
        if !text.trim().is_empty() {
            self.columns.insert(column.into(), text.trim().into());
        }
    }

    /// Sets the label to the first of several, and the column `labels` to all of them.
    fn set_labels<'a>(&mut self, labels: impl IntoIterator<Item = &'a str>) {
        let labels: Vec<&str> = labels.into_iter().collect();
        self.label = labels.first().copied().unwrap_or_default().into();
        self.set("labels", &labels.join(";"));
    }
}

/// What a data set's metadata promises.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The folder that rows' paths are relative to.
    pub root: PathBuf,
    pub rows: Vec<Row>,
    /// Audio files that are left out for a reason that `notes` give.
    pub left_out: Vec<PathBuf>,
    /// What people should know, one sentence each.
    pub notes: Vec<String>,
    /// The name of the published split that the rows' parts come from.
    pub split: Option<&'static str>,
    /// What files of one group have in common.
    pub groups: Option<&'static str>,
    /// Where the rows come from, for messages.
    pub source: String,
}

fn list_manifest(path: &Path) -> Result<Listing, DataError> {
    let mut notes = Vec::new();
    let listed = manifest::list(path, &Labels::Folder, &mut notes)?;
    let rows: Vec<Row> = listed
        .into_iter()
        .map(|file| Row {
            path: file.path,
            label: file.label,
            group: file.group,
            part: file.part,
            columns: file.columns,
            seconds: None,
        })
        .collect();
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

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Folders directly in a folder, sorted, hidden ones left out.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !name(path).starts_with('.'))
        .collect();
    found.sort();
    found
}

/// The last part of a path, as text; empty if it has none or it is not UTF-8.
fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// The first of some places that exists.
fn first_existing(root: &Path, places: &[&str]) -> Option<PathBuf> {
    places
        .iter()
        .map(|place| root.join(place))
        .find(|path| path.exists())
}
