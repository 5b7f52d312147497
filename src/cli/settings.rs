//! Flags that several subcommands share: where the data comes from, and what a training's configuration comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::data::{Dataset, Labels, Protocol, SHOTS, WAYS};
use crate::features::KeptFeatures;
use crate::settings::TrainConfig;
use crate::shift::Shift;
use crate::train::Setting;
use anyhow::Context;

use super::common::{Common, read_toml, usage};
use super::numbers::{seconds, whole};

/// A data set, and what its classes are.
#[derive(clap::Args)]
pub(super) struct Source {
    /// A folder of genre folders, or a CSV manifest (path,label[,split][,group], as `gamaka data check` writes it)
    pub data: PathBuf,
    #[command(flatten)]
    pub classes: Classes,
}

/// What the classes of a data set are.
#[derive(clap::Args)]
pub(super) struct Classes {
    /// What the classes are: the genre folders (the column `label` of a manifest), any other column of the manifest,
    /// or, for a folder, the tag album or artist of its files; files without one are left out
    #[arg(
        long,
        default_value = "folder",
        value_name = "folder|album|artist|COLUMN"
    )]
    pub labels: Labels,
}

impl Classes {
    /// Reads the list of files and hashes them, but for those whose features are kept.
    pub(super) fn open(
        &self,
        data: &Path,
        kept: Option<&KeptFeatures>,
        common: &Common,
    ) -> anyhow::Result<Dataset> {
        let known = kept.map(KeptFeatures::known).unwrap_or_default();
        let open = || Dataset::open_known(data, &self.labels, &known);
        Ok(common.while_waiting("looking through the files", open)?)
    }
}

impl Source {
    /// Reads the list of files and hashes them, but for those whose features are kept.
    pub(super) fn open(
        &self,
        kept: Option<&KeptFeatures>,
        common: &Common,
    ) -> anyhow::Result<Dataset> {
        self.classes.open(&self.data, kept, common)
    }
}

/// Features that are kept from run to run.
#[derive(clap::Args)]
pub(super) struct Keeping {
    /// Keep what is heard of each file here, and start from what is there: later runs do not decode, nor read, the files of
    /// the collection, which are known by their names and sizes. Values are rounded to a byte. One file for one collection
    #[arg(long, value_name = "FILE")]
    pub features: Option<PathBuf>,
}

impl Keeping {
    /// The features of earlier runs.
    pub(super) fn open(&self, common: &Common) -> anyhow::Result<Option<Arc<KeptFeatures>>> {
        let open = |path: &PathBuf| {
            let open = || KeptFeatures::open(path).map(Arc::new);
            common.while_waiting("reading the features", open)
        };
        Ok(self.features.as_ref().map(open).transpose()?)
    }
}

/// What a training's configuration comes from.
#[derive(Clone, clap::Args)]
pub(super) struct Settings {
    /// What the parts of the split have in common [default: novel-classes]
    #[arg(long, value_name = "novel-classes|seen-classes", value_parser = protocol)]
    protocol: Option<Protocol>,
    /// Classes of the task [default: 5]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(WAYS))]
    way: Option<usize>,
    /// Supports a class of the task [default: 5]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    shot: Option<usize>,
    /// Queries a class of the task [default: 5]
    #[arg(long, allow_negative_numbers = true, value_parser = whole(SHOTS))]
    query: Option<usize>,
    /// Training episodes
    #[arg(long, allow_negative_numbers = true, value_parser = whole(TrainConfig::EPISODES))]
    episodes: Option<usize>,
    /// Length of a segment in seconds [default: 3]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    segment: Option<f64>,
    /// Seconds from one segment of a file to the next, where whole files are embedded [default: 1]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    hop: Option<f64>,
    /// A training configuration; the options here come before what it says
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
}

/// The files of a data set.
pub(super) fn files_of(dataset: &Dataset) -> impl Iterator<Item = PathBuf> {
    dataset.items.iter().map(|item| dataset.file(item))
}

/// The words of --shift as a list of shifts, in the order of tables.
pub(super) fn shifts(words: &[String]) -> Vec<Shift> {
    let mut found = Vec::new();
    for word in words {
        match word.as_str() {
            "all" => found.extend(Shift::ALL),
            word => match crate::shift::parse(word) {
                Ok(shifts) => found.extend(shifts),
                Err(problem) => usage(&format!("--shift: {problem}")),
            },
        }
    }
    Shift::ALL
        .into_iter()
        .filter(|shift| found.contains(shift))
        .collect()
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text {
        "novel-classes" => Ok(Protocol::NovelClasses),
        "seen-classes" => Ok(Protocol::SeenClasses),
        _ => Err("choose novel-classes or seen-classes".into()),
    }
}

impl Settings {
    /// The files that it reads.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.config.as_deref().into_iter()
    }

    /// Those that the user chose, of settings that a collection may be too small for. A configuration file may hold any.
    pub(super) fn given(&self) -> Vec<Setting> {
        let given = |setting: &Setting| match setting {
            _ if self.config.is_some() => true,
            Setting::Protocol => self.protocol.is_some(),
            Setting::Way => self.way.is_some(),
            Setting::Shot => self.shot.is_some(),
            Setting::Query => self.query.is_some(),
            Setting::Segment => self.segment.is_some(),
        };
        Setting::ALL.into_iter().filter(given).collect()
    }

    /// As if the user had given other values of `changed`, those of a configuration.
    pub(super) fn with(mut self, changed: &[Setting], config: &TrainConfig) -> Self {
        for setting in changed {
            match setting {
                Setting::Protocol => self.protocol = Some(config.protocol),
                Setting::Way => self.way = Some(config.way),
                Setting::Shot => self.shot = Some(config.shot),
                Setting::Query => self.query = Some(config.query),
                Setting::Segment => self.segment = Some(config.segment_seconds),
            }
        }
        self
    }

    /// Defaults, then the file, then the flags. Not checked yet.
    pub(super) fn configuration(&self) -> anyhow::Result<TrainConfig> {
        let mut config = match &self.config {
            None => TrainConfig::default(),
            Some(path) => {
                let text = read_toml(path)?;
                TrainConfig::from_toml(&text).with_context(|| path.display().to_string())?
            }
        };
        config.protocol = self.protocol.unwrap_or(config.protocol);
        config.way = self.way.unwrap_or(config.way);
        config.shot = self.shot.unwrap_or(config.shot);
        config.query = self.query.unwrap_or(config.query);
        config.episodes = self.episodes.unwrap_or(config.episodes);
        if let Some(seconds) = self.segment {
            config = config.with_segment(seconds);
        }
        config.hop_seconds = self.hop.unwrap_or(config.hop_seconds);
        Ok(config)
    }
}
