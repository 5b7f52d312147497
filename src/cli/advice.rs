//! What to do and to say where a collection is too small for what was asked of it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::data::{DataError, Dataset, Labels, Protocol, Task};
use crate::evaluate::{EvaluateError, EvaluatePart};
use crate::fewshot::nearest_task;
use crate::settings::TrainConfig;
use crate::train::{Collections, Heard, Setting, Size, TrainError, measure};
use crate::words::count;
use anyhow::anyhow;

use super::common::Common;
use super::settings::{Settings, Source};

/// Words of a command, quoted for a shell.
pub(super) fn quoted<'a>(words: impl Iterator<Item = &'a OsStr>) -> String {
    let words: Vec<String> = words.map(|w| w.to_string_lossy().into_owned()).collect();
    // Only a NUL cannot be quoted, and no argument has one.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// The command line that was typed, with other values.
struct CommandLine(Vec<OsString>);

impl CommandLine {
    fn typed() -> Self {
        Self(std::env::args_os().collect())
    }

    /// With another value of a flag, whether it was given or not.
    fn with(mut self, flag: &str, value: &str) -> Self {
        let joined = format!("{flag}=");
        let own = self.0.iter().take_while(|word| *word != "--").count();
        let mut kept = Vec::new();
        let mut words = self.0.drain(..own);
        while let Some(word) = words.next() {
            if word == flag {
                words.next();
            } else if !word.to_string_lossy().starts_with(&joined) {
                kept.push(word);
            }
        }
        drop(words);
        kept.extend([flag.into(), value.into()]);
        kept.append(&mut self.0);
        Self(kept)
    }

    fn with_all(self, settings: &[Setting], config: &TrainConfig) -> Self {
        let with =
            |line: Self, setting: &Setting| line.with(flag(*setting), &setting.value(config));
        settings.iter().fold(self, with)
    }

    /// With another path in the place of `path`.
    fn with_path(mut self, path: &Path, other: &Path) -> Self {
        if let Some(word) = self.0.iter_mut().skip(1).find(|word| **word == *path) {
            *word = other.into();
        }
        self
    }
}

impl std::fmt::Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&quoted(self.0.iter().map(OsString::as_os_str)))
    }
}

/// What was asked of which data.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The user's own settings.
    pub settings: &'a Settings,
    /// The configuration of these settings.
    pub config: &'a TrainConfig,
    /// The data, and what is mixed in.
    pub datasets: &'a [&'a Dataset],
    /// The seeds that are to split it.
    pub seeds: &'a [u64],
    /// Where the data came from.
    pub source: &'a Source,
    /// Whether the command takes tracks without labels too.
    pub takes_tracks: bool,
}

impl Asked<'_> {
    fn collections<'a>(&'a self, problem: &'a TrainError) -> Collections<'a> {
        Collections {
            datasets: self.datasets,
            seeds: self.seeds,
            heard: match problem {
                TrainError::TooLittle { heard, .. } => Some(heard),
                _ => None,
            },
        }
    }
}

/// Settings with which a training works on data that are too little for the defaults, and a note that tells them. What the
/// user chose is not changed: where that were needed, this is the refusal, with the command that works.
pub(super) fn fitted(
    asked: Asked,
    problem: TrainError,
    common: &Common,
) -> anyhow::Result<(Settings, String)> {
    let collections = asked.collections(&problem);
    let given = asked.settings.given();
    let advice = collections.advise(asked.config, &given);
    let Some((best, others)) = advice.split_first() else {
        return Err(refusal(asked, problem, common));
    };
    let changed = Setting::changed(asked.config, best);
    if changed.is_empty() || changed.iter().any(|setting| given.contains(setting)) {
        return Err(refusal(asked, problem, common));
    }
    let mut note = format!(
        "too few for {}, which need {}: there are {}\ngoing on as with {}, for {}; all figures are for these, where guessing gives {:.0} %",
        episodes(asked.config, &collections),
        need(asked.config, &collections),
        sizes(asked.config, &collections),
        flags(&changed, best),
        episodes(best, &collections),
        100.0 / best.way as f64
    );
    for other in others {
        let changed = Setting::changed(asked.config, other);
        let (flags, episodes) = (flags(&changed, other), episodes(other, &collections));
        note.push_str(&format!("\nalso possible: {flags}, for {episodes}"));
    }
    Ok((asked.settings.clone().with(&changed, best), note))
}

/// Why a training cannot be as asked, and the command that works; or, where none does, what to add and what works without.
pub(super) fn refusal(asked: Asked, problem: TrainError, common: &Common) -> anyhow::Error {
    let collections = asked.collections(&problem);
    let advice = collections.advise(asked.config, &asked.settings.given());
    let Some((best, others)) = advice.split_first() else {
        // What the problem says of a manifest's split is news; its advice to ask for less would be wrong.
        let said = match &problem {
            TrainError::Data(
                error @ (DataError::SplitAgainstProtocol { .. }
                | DataError::TracksHaveNoFiles { .. }),
            ) => format!("{error}\n"),
            _ => String::new(),
        };
        return anyhow!("{said}{}", nothing_helps(asked, &collections, common));
    };
    let changed = Setting::changed(asked.config, best);
    if changed.is_empty() {
        return problem.into();
    }
    let mut text = format!(
        "{problem}\nthere are {}; this works, for {}:\n  {}",
        sizes(asked.config, &collections),
        episodes(best, &collections),
        CommandLine::typed().with_all(&changed, best)
    );
    for other in others {
        let changed = Setting::changed(asked.config, other);
        text.push_str(&format!(
            "\nor this, for {}:\n  {}",
            episodes(other, &collections),
            CommandLine::typed().with_all(&changed, other)
        ));
    }
    anyhow!(text)
}

fn flag(setting: Setting) -> &'static str {
    match setting {
        Setting::Protocol => "--protocol",
        Setting::Way => "--way",
        Setting::Shot => "--shot",
        Setting::Query => "--query",
        Setting::Segment => "--segment",
    }
}

/// How many files there are, and of tracks how many are long enough for a configuration's parts.
fn sizes(config: &TrainConfig, collections: &Collections) -> String {
    let [tracks, long] = collections.long_tracks(config);
    let of_size = |size: &Size| match (size.tracks && tracks > 0, long) {
        (true, 0) => format!("{size}, none of them as long"),
        (true, _) => format!("{size}, and of {tracks} that were heard {long} as long"),
        (false, _) => size.to_string(),
    };
    let sizes: Vec<String> = collections.sizes().iter().map(of_size).collect();
    sizes.join(" and ")
}

fn flags(settings: &[Setting], config: &TrainConfig) -> String {
    let flags = settings
        .iter()
        .map(|&s| format!("{} {}", flag(s), s.value(config)));
    flags.collect::<Vec<_>>().join(" ")
}

/// A configuration's episodes in words.
fn episodes(config: &TrainConfig, collections: &Collections) -> String {
    if let Some(seconds) = collections.shortest_track(config) {
        let parts = config.train_task(config.train_way).files();
        return format!(
            "{}-way episodes of {} parts of a track, which take {seconds:.0} s of each with segments of {} s",
            config.way, parts, config.segment_seconds
        );
    }
    let TrainConfig {
        protocol,
        way,
        shot,
        query,
        ..
    } = config;
    let asks = match protocol {
        Protocol::NovelClasses => "classes that it did not train on",
        Protocol::SeenClasses => "other files of the classes that it trained on",
    };
    let queries = count(*query, "query", "queries");
    format!("{way}-way {shot}-shot episodes with {queries} a class, about {asks}")
}

/// What a configuration's episodes need, with music to spare in no part.
fn need(config: &TrainConfig, collections: &Collections) -> String {
    let (way, files) = (config.way, config.shot + config.query);
    match (collections.shortest_track(config), config.protocol) {
        (Some(seconds), _) => format!("{} tracks of {seconds:.0} s or more", 3 * way),
        (None, Protocol::NovelClasses) => format!("{} classes of {files} files", 3 * way),
        (None, Protocol::SeenClasses) => format!("{way} classes of {} files", 3 * files),
    }
}

/// What to add to a collection that no settings suit, and what can be done with it as it is.
fn nothing_helps(asked: Asked, collections: &Collections, common: &Common) -> String {
    let sizes: Vec<String> = collections.sizes().iter().map(Size::to_string).collect();
    let sizes = sizes.join(" and ");
    if asked.datasets.iter().any(|dataset| dataset.tracks) {
        return format!(
            "too little to train on: there are {sizes}, and {}",
            tracks_needed(asked.config, collections)
        );
    }
    let mut text = format!(
        "too little to train on, whatever the settings: there are {sizes}, and a training needs 6 classes of 2 files or more, or with --protocol seen-classes 2 classes of 6 files or more (files that belong together count as one): add classes or files"
    );
    if asked
        .datasets
        .iter()
        .any(|d| d.items.iter().any(|item| item.part.is_some()))
    {
        text.push_str(", or take the manifest's column `split` out");
    }
    let Source { data, classes } = asked.source;
    if let (Labels::Folder, true) = (&classes.labels, data.is_dir()) {
        text.push_str(
            "\nwithout training, the model that comes with gamaka ranks these classes for a new file:",
        );
        text.push_str(&without_training(data));
    }
    if let ([_], true) = (asked.datasets, asked.takes_tracks) {
        let given = asked.settings.given();
        if let Ok(way) = without_labels(asked.source, asked.config, &given, common) {
            text.push_str(&way);
        }
    }
    text
}

/// What a training on tracks needs at the least, with the mend.
fn tracks_needed(config: &TrainConfig, collections: &Collections) -> String {
    let least = collections.least_track(config).unwrap_or_default();
    let shortest = TrainConfig {
        shot: 1,
        query: 1,
        ..config.clone()
    };
    let shortest = shortest.with_segment(config.segment_seconds.min(1.0));
    let short = match collections.long_tracks(&shortest) {
        [0, _] => String::new(),
        [tracks, long] => format!(" ({long} of {tracks} that were heard are as long)"),
    };
    format!(
        "training without labels needs 6 or more, of three albums or groups at least, most of them of {least:.1} s or more{short}: add tracks"
    )
}

/// The command that classifies by examples without a training.
fn without_training(examples: &Path) -> String {
    let classify = ["gamaka", "classify", "NEW.mp3", "--examples"].map(OsStr::new);
    let words = classify.into_iter().chain([examples.as_os_str()]);
    format!("\n  {}", quoted(words))
}

/// Whether a training can do with other settings what was asked of a data set, and which of the user's own must change.
fn changes(
    dataset: &Dataset,
    heard: Option<&Heard>,
    config: &TrainConfig,
    given: &[Setting],
) -> Option<(Vec<Setting>, TrainConfig)> {
    let datasets = [dataset];
    let collections = Collections {
        datasets: &datasets,
        seeds: &[config.seed],
        heard,
    };
    if collections.check(config).is_ok() {
        return Some((Vec::new(), config.clone()));
    }
    let best = collections.advise(config, given).into_iter().next()?;
    let mut changed = Setting::changed(config, &best);
    // What was not given adapts itself.
    if !changed.iter().any(|setting| given.contains(setting)) {
        changed.clear();
    }
    Some((changed, best))
}

/// The command that trains without labels, where there are tracks enough of the length; else, what is lacking.
fn without_labels(
    source: &Source,
    config: &TrainConfig,
    given: &[Setting],
    common: &Common,
) -> Result<String, String> {
    let tracks = Dataset::open_with(&source.data, &Labels::Track).map_err(|e| e.to_string())?;
    let heard = common.while_waiting("measuring the files", || measure(&tracks, config));
    let heard = heard.map_err(|error| error.to_string())?;
    let Some((changed, best)) = changes(&tracks, Some(&heard), config, given) else {
        let datasets = [&tracks];
        let collections = Collections {
            datasets: &datasets,
            seeds: &[config.seed],
            heard: Some(&heard),
        };
        return Err(tracks_needed(config, &collections));
    };
    let line = CommandLine::typed().with("--labels", "track");
    Ok(format!(
        "\nwithout labels, every file a class of its own, this trains on it:\n  {}",
        line.with_all(&changed, &best)
    ))
}

/// The command that trains on the files' own tags, where they have such and there are enough of each.
fn by_tags(source: &Source, config: &TrainConfig, given: &[Setting]) -> Option<String> {
    ["artist", "album"].into_iter().find_map(|tag| {
        let labels = Labels::Column(tag.into());
        let mut dataset = Dataset::open_with(&source.data, &labels).ok()?;
        dataset.leave_out_lone_classes();
        let (changed, best) = changes(&dataset, None, config, given)?;
        let line = CommandLine::typed().with("--labels", tag);
        Some(format!(
            "\nthe files' tags name the {tag}; with these for classes this works:\n  {}",
            line.with_all(&changed, &best)
        ))
    })
}

/// A data set that cannot be opened, with the command that works where there is one: the folder of class folders may lie one
/// deeper, and a folder of files without classes can be trained on by tags or without labels.
pub(super) fn other_data(
    error: anyhow::Error,
    source: &Source,
    config: &TrainConfig,
    settings: &Settings,
    common: &Common,
) -> anyhow::Error {
    let deeper = match error.downcast_ref() {
        Some(DataError::OneClass { path, class, .. }) => path.join(class),
        Some(DataError::NoClasses { loose: 1.., .. }) => source.data.clone(),
        _ => return error,
    };
    if source.classes.labels != Labels::Folder {
        return error;
    }
    if deeper != source.data && Dataset::open(&deeper).is_ok() {
        let line = CommandLine::typed().with_path(&source.data, &deeper);
        return anyhow!("{error}\nthis takes the folders in it for classes:\n  {line}");
    }
    let given = settings.given();
    let tags = by_tags(source, config, &given);
    match (tags, without_labels(source, config, &given, common)) {
        (None, Err(lacking)) => anyhow!(
            "{error}\nit is too little to train on as it is: {lacking}\nwith a folder of examples for each of two genres or more in it, the model that comes with gamaka ranks these genres for a new file, without training:{}",
            without_training(&source.data)
        ),
        (tags, tracks) => anyhow!(
            "{error}{}{}",
            tags.unwrap_or_default(),
            tracks.unwrap_or_default()
        ),
    }
}

/// An evaluation of fewer or smaller classes than asked for, with the command that works. `fits` says whether a part of the
/// files gives episodes of a task.
pub(super) fn smaller(
    error: EvaluateError,
    part: EvaluatePart,
    asked: Task,
    fits: impl Fn(EvaluatePart, Task) -> bool,
) -> anyhow::Error {
    let part = match &error {
        EvaluateError::Episode(_) => part,
        EvaluateError::NoTestFiles { .. } => EvaluatePart::All,
        _ => return error.into(),
    };
    let Some(found) = nearest_task(asked, |task| fits(part, task)) else {
        return anyhow!(
            "{error}\nno smaller episodes are possible either: they need 2 classes of 2 files or more"
        );
    };
    let mut line = CommandLine::typed();
    if let EvaluateError::NoTestFiles { .. } = error {
        line = line.with("--split", "all");
    }
    for (flag, found, asked) in [
        ("--way", found.way, asked.way),
        ("--shot", found.shot, asked.shot),
        ("--query", found.query, asked.query),
    ] {
        if found != asked {
            line = line.with(flag, &found.to_string());
        }
    }
    anyhow!("{error}\nwith these files this works:\n  {line}")
}
