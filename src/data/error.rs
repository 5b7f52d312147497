//! What can be wrong with a data set, in a sentence that names the file and the mend.

use super::{part::Part, protocol::Protocol, task::PoolError};
use std::path::PathBuf;

/// Why a data set cannot be used as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Nothing is at the path.
    #[error("{} does not exist: give a folder with one folder per class, or a CSV manifest", .0.display())]
    NotFound(PathBuf),
    /// There is no list of files.
    #[error("{} does not exist: give a CSV file with a column path, or a list with a path in each line", .0.display())]
    NoList(PathBuf),
    /// The path is a file, but no manifest.
    #[error(
        "{} is neither a folder nor a .csv or .tsv manifest: give a folder with one folder per class, or a manifest with the columns path,label",
        .0.display()
    )]
    NotADataset(PathBuf),
    /// A file or folder cannot be read.
    #[error("{} cannot be read ({reason}): check its permissions, or remove it", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A path that cannot be written into models and reports.
    #[error("{} is not UTF-8: rename it", .0.display())]
    Name(PathBuf),
    /// A folder of folders without audio.
    #[error(
        "none of the class folders of {} holds an audio file: put some into each ({})",
        .0.display(),
        crate::audio::EXTENSIONS.join(", ")
    )]
    EmptyClasses(PathBuf),
    /// A folder without class folders.
    #[error(
        "{} holds no class folders: put the audio files of each class into a folder of its own, named after the class{}",
        path.display(),
        if *loose > 0 { format!(" ({} directly in it)", crate::words::count(*loose, "audio file lies", "audio files lie")) } else { String::new() }
    )]
    NoClasses {
        /// The data set's folder.
        path: PathBuf,
        /// Audio files found beside the class folders.
        loose: usize,
    },
    /// A manifest without rows.
    #[error("{} has a header but no rows: add one line per file", .0.display())]
    NoRows(PathBuf),
    /// Only one class.
    #[error("{} has one class only, `{class}`: at least two are needed{hint}", path.display())]
    OneClass {
        /// The data set.
        path: PathBuf,
        /// The class.
        class: String,
        /// Another path that may have been meant, or nothing.
        hint: String,
    },
    /// Two labels that people would read as one.
    #[error(
        "the labels `{a}` and `{b}` differ only by case or blanks: give them the same spelling, or clearly different ones"
    )]
    LabelsAlike {
        /// One label.
        a: String,
        /// The other.
        b: String,
    },
    /// The manifest is no readable CSV.
    #[error("{}, line {line}: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong, and the mend.
        reason: String,
    },
    /// The header lacks a column.
    #[error(
        "{} has no column named `{missing}` (found: {}): the first line must name the columns, at least path,label",
        path.display(),
        found.join(", ")
    )]
    MissingColumn {
        /// The manifest.
        path: PathBuf,
        /// The column.
        missing: &'static str,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// The header lacks the column that labels were to come from.
    #[error(
        "{} has no column named `{column}` to take labels from (found: {}): choose one of these, or the column label",
        path.display(),
        found.join(", ")
    )]
    NoLabelColumn {
        /// The manifest.
        path: PathBuf,
        /// The column.
        column: String,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// Labels from a folder's files that are no tags of audio files.
    #[error(
        "{} is a folder, whose files can be labelled by folder, album or artist, not by `{column}`: give a manifest with a column of that name",
        path.display()
    )]
    NoSuchTag {
        /// The folder.
        path: PathBuf,
        /// What was to be the label.
        column: String,
    },
    /// A folder without audio files.
    #[error(
        "{} holds no audio file at any depth: give a folder of music ({})",
        .0.display(),
        crate::audio::EXTENSIONS.join(", ")
    )]
    NoAudio(PathBuf),
    /// Tracks that leave too few for one of the parts.
    #[error(
        "{tracks} tracks{together} cannot be parted into training, validation and test with {way} or more in each: add tracks, or use fewer ways"
    )]
    TooFewTracks {
        /// Tracks in the data set, copies counted once.
        tracks: usize,
        /// Ways asked for.
        way: usize,
        /// Said where albums tie tracks together, else empty.
        together: String,
    },
    /// Tracks as classes where classes need several files.
    #[error("where tracks are the classes every file is a class of its own, {reason}")]
    TracksHaveNoFiles {
        /// What cannot be done with them, and the mend.
        reason: &'static str,
    },
    /// No file has a label.
    #[error(
        "none of the {files} audio files of {} has {} `{column}`: choose other labels",
        path.display(),
        if *path_is_folder { "the tag" } else { "a value in the column" }
    )]
    NoLabels {
        /// The data set.
        path: PathBuf,
        /// The column or tag.
        column: String,
        /// How many files there are.
        files: usize,
        /// Whether it is a folder, and the label a tag.
        path_is_folder: bool,
    },
    /// A path that is laid out like no known data set.
    #[error(
        "{} is laid out like no data set that is known here (gtzan, fma, jamendo, nsynth, esc50, ballroom, saraga, a folder with one folder per class, or a .csv manifest): give the folder that the data set was unpacked to, or say which of these it is",
        .0.display()
    )]
    UnknownLayout(PathBuf),
    /// A data set's audio or folder without what names its classes.
    #[error("{} does not look like {layout}: there is no {missing}", path.display())]
    NoMetadata {
        /// The data set's name.
        layout: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What is looked for, and where to get it.
        missing: &'static str,
    },
    /// Metadata of which no audio file is there.
    #[error(
        "{} has the metadata of {layout} but none of its audio, such as {}: unpack the audio there",
        path.display(),
        example.display()
    )]
    NoListedAudio {
        /// The data set's name.
        layout: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// A file that should be there.
        example: PathBuf,
    },
    /// Metadata that cannot be understood.
    #[error("{}: {reason}; fetch it again", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// GTZAN's original files.
    #[error(
        "{} holds {files} .au files, which cannot be decoded here: convert each with `ffmpeg -i FILE.au FILE.wav`, beside the old one",
        path.display()
    )]
    AuFiles {
        /// The folder of genres.
        path: PathBuf,
        /// How many.
        files: usize,
    },
    /// A manifest that was not written.
    #[error("no manifest is written, because of the {} above", if *.0 == 1 { "problem".into() } else { format!("{} problems", .0) })]
    Problems(usize),
    /// A manifest that cannot be written.
    #[error(transparent)]
    Unwritable(#[from] crate::files::WriteError),
    /// Listed files that do not exist.
    #[error(
        "{count} of the {rows} files listed in {} do not exist, first {}: {}",
        path.display(),
        first.join(", "),
        if *absolute {
            "the paths are absolute and may come from another machine; make them relative to the manifest's folder"
        } else {
            "paths are relative to the manifest's folder; restore the files or remove the lines"
        }
    )]
    MissingFiles {
        /// The manifest.
        path: PathBuf,
        /// How many are missing.
        count: usize,
        /// Of how many rows.
        rows: usize,
        /// The first few, with their lines.
        first: Vec<String>,
        /// Whether the first missing path is absolute.
        absolute: bool,
    },
    /// The same audio under two labels.
    #[error("a file has one class, but the same content is in two: {}; remove one of each pair", pairs.join("; "))]
    SameFileInTwoClasses {
        /// The pairs, with their classes; of many the first, and how many more.
        pairs: Vec<String>,
    },
    /// A group on both sides of a split that the manifest gives.
    #[error(
        "{} ({part_a}) and {} ({part_b}) belong together (group `{group}`, or the same content), but the manifest puts them into different splits: give both the same split",
        a.display(),
        b.display()
    )]
    GroupInTwoParts {
        /// The group, or the first file's path where files are the same by content.
        group: String,
        /// One file.
        a: PathBuf,
        /// Its part.
        part_a: Part,
        /// The other file.
        b: PathBuf,
        /// Its part.
        part_b: Part,
    },
    /// The manifest's split does not fit the protocol.
    #[error("the split given in the manifest does not fit the protocol {protocol}: {reason}")]
    SplitAgainstProtocol {
        /// The protocol asked for.
        protocol: Protocol,
        /// What does not fit, and the mend.
        reason: String,
    },
    /// Too few classes for novel-classes.
    #[error(
        "novel-classes puts different classes into training, validation and test, {way} or more in each: that asks for {} classes, and there are {classes}{linked}: add classes, or ask for fewer ways or seen-classes",
        3 * way
    )]
    TooFewClasses {
        /// Classes in the data set.
        classes: usize,
        /// Ways asked for.
        way: usize,
        /// Said where groups tie classes together, else empty.
        linked: String,
    },
    /// Too few files for seen-classes.
    #[error(
        "seen-classes puts files of every class into training, validation and test, {need} or more in each (shot {shot} + query {query}): class `{class}` has {files} files in {groups} groups and needs {}: add files, or ask for fewer shots or queries or novel-classes",
        3 * need
    )]
    TooFewFilesToSplit {
        /// The class.
        class: String,
        /// Its files.
        files: usize,
        /// Its groups; a file without a group is one by itself.
        groups: usize,
        /// Shots.
        shot: usize,
        /// Queries.
        query: usize,
        /// shot + query.
        need: usize,
    },
    /// No data set can give the episodes asked for.
    #[error(transparent)]
    Episode(#[from] PoolError),
    /// A part cannot give the episodes asked for.
    #[error("{part}: {problem}")]
    Part {
        /// The part.
        part: Part,
        /// What is wrong with it.
        problem: PoolError,
    },
}

impl DataError {
    /// Whether the data set is too small, or parted otherwise, for what was asked of it: other settings may help.
    pub fn is_too_little(&self) -> bool {
        matches!(
            self,
            Self::TooFewTracks { .. }
                | Self::TracksHaveNoFiles { .. }
                | Self::SplitAgainstProtocol { .. }
                | Self::TooFewClasses { .. }
                | Self::TooFewFilesToSplit { .. }
                | Self::Part { .. }
        )
    }

    /// That a file of metadata cannot be understood.
    pub(super) fn metadata(path: &std::path::Path, reason: impl std::fmt::Display) -> Self {
        Self::Metadata {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}
