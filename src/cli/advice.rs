//! What to do and to say where a collection is too small for what was asked of it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::anyhow;
use gamaka::data::{DataError, Dataset, Labels, Protocol};
use gamaka::evaluate::{EvaluateError, EvaluatePart};
use gamaka::fewshot::nearest_episode;
use gamaka::train::{Collections, Setting, TrainConfig, TrainError};

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
            |line: Self, setting: &Setting| line.with(setting.flag(), &setting.value(config));
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

/// Settings with which a training works on data that are too little for the defaults, told in a note. What the user chose is
/// not changed: where that were needed, this is the refusal, with the command that works.
pub(super) fn fitted(
    asked: Asked,
    problem: TrainError,
    common: &Common,
) -> anyhow::Result<Settings> {
    let collections = asked.collections(&problem);
    let given = asked.settings.given();
    let advice = collections.advise(asked.config, &given);
    let Some((best, others)) = advice.split_first() else {
        return Err(refusal(asked, problem));
    };
    let changed = Setting::changed(asked.config, best);
    if changed.is_empty() || changed.iter().any(|setting| given.contains(setting)) {
        return Err(refusal(asked, problem));
    }
    let mut note = format!(
        "too few for {}, which need {}: {}\ngoing on as with {}, for {}; all figures are for these, where guessing gives {:.0} %",
        episodes(asked.config, &collections),
        need(asked.config, &collections),
        sizes(&collections),
        flags(&changed, best),
        episodes(best, &collections),
        100.0 / best.way as f64
    );
    for other in others {
        let changed = Setting::changed(asked.config, other);
        let (flags, episodes) = (flags(&changed, other), episodes(other, &collections));
        note.push_str(&format!("\nalso possible: {flags}, for {episodes}"));
    }
    common.note(&note);
    Ok(asked.settings.clone().with(&changed, best))
}

/// Why a training cannot be as asked, and the command that works; or, where none does, what to add and what works without.
pub(super) fn refusal(asked: Asked, problem: TrainError) -> anyhow::Error {
    let collections = asked.collections(&problem);
    let advice = collections.advise(asked.config, &asked.settings.given());
    let Some((best, others)) = advice.split_first() else {
        return anyhow!("{problem}\n{}", nothing_helps(asked, &collections));
    };
    let changed = Setting::changed(asked.config, best);
    if changed.is_empty() {
        return problem.into();
    }
    let mut text = format!(
        "{problem}\nthere are {}; this works, for {}:\n  {}",
        sizes(&collections),
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

fn sizes(collections: &Collections) -> String {
    let sizes = collections.sizes();
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(" and ")
}

fn flags(settings: &[Setting], config: &TrainConfig) -> String {
    let flags = settings
        .iter()
        .map(|s| format!("{} {}", s.flag(), s.value(config)));
    flags.collect::<Vec<_>>().join(" ")
}

/// A configuration's episodes in words.
fn episodes(config: &TrainConfig, collections: &Collections) -> String {
    if let Some(seconds) = collections.shortest_track(config) {
        let [_, shot, query] = config.train_episode(config.train_way);
        return format!(
            "{}-way episodes of {} parts of a track, which take {seconds:.0} s of each with segments of {} s",
            config.way,
            shot + query,
            config.segment_seconds
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
    let queries = if *query == 1 { "query" } else { "queries" };
    format!("{way}-way {shot}-shot episodes with {query} {queries} a class, about {asks}")
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
fn nothing_helps(asked: Asked, collections: &Collections) -> String {
    let sizes = sizes(collections);
    if asked.datasets.iter().any(|dataset| dataset.tracks) {
        return format!(
            "no other settings help: there are {sizes}, and training without labels needs 6 or more, of three albums or groups at least, most of them of 6 s or more: add tracks"
        );
    }
    let mut text = format!(
        "no other settings help: there are {sizes}, and a training needs 6 classes of 2 files or more, or with --protocol seen-classes 2 classes of 6 files or more (files that belong together count as one): add classes or files"
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
        let classify = ["gamaka", "classify", "NEW.mp3", "--examples"].map(OsStr::new);
        let model = ["--model", "gamaka-demo/model.safetensors"].map(OsStr::new);
        let words = classify.into_iter().chain([data.as_os_str()]).chain(model);
        text.push_str(&format!(
            "\nwithout training, the model of the demo ranks these classes for a new file:\n  gamaka demo\n  {}",
            quoted(words)
        ));
    }
    match asked.datasets {
        [_] => text + &without_labels(asked.source, asked.config, &asked.settings.given()),
        _ => text,
    }
}

/// The command that trains without labels, where there are tracks enough.
fn without_labels(source: &Source, config: &TrainConfig, given: &[Setting]) -> String {
    let Ok(tracks) = Dataset::open_with(&source.data, &Labels::Track) else {
        return String::new();
    };
    let datasets = [&tracks];
    let collections = Collections {
        datasets: &datasets,
        seeds: &[config.seed],
        heard: None,
    };
    let mut line = CommandLine::typed().with("--labels", "track");
    if collections.check(config).is_err() {
        let advice = collections.advise(config, given);
        let Some(best) = advice.first() else {
            return String::new();
        };
        let changed = Setting::changed(config, best);
        // What was not given adapts itself, to the length of the tracks too.
        if changed.iter().any(|setting| given.contains(setting)) {
            line = line.with_all(&changed, best);
        }
    }
    format!(
        "\nwithout labels, every file a class of its own, this trains on it where the files last 6 s or more:\n  {line}"
    )
}

/// A data set that cannot be opened, with the command that works where there is one: the folder of class folders may lie one
/// deeper, and a folder of files without classes can be trained on without labels.
pub(super) fn other_data(
    error: anyhow::Error,
    source: &Source,
    config: &TrainConfig,
    settings: &Settings,
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
    anyhow!(
        "{error}{}",
        without_labels(source, config, &settings.given())
    )
}

/// An evaluation of fewer or smaller classes than asked for, with the command that works. `fits` says whether a part of the
/// files gives episodes of [way, shot, query].
pub(super) fn smaller(
    error: EvaluateError,
    part: EvaluatePart,
    asked: [usize; 3],
    fits: impl Fn(EvaluatePart, [usize; 3]) -> bool,
) -> anyhow::Error {
    let part = match &error {
        EvaluateError::Episode(_) => part,
        EvaluateError::NoTestFiles { .. } => EvaluatePart::All,
        _ => return error.into(),
    };
    let Some(found) = nearest_episode(asked, |episode| fits(part, episode)) else {
        return anyhow!(
            "{error}\nno smaller episodes are possible either: they need 2 classes of 2 files or more"
        );
    };
    let mut line = CommandLine::typed();
    if let EvaluateError::NoTestFiles { .. } = error {
        line = line.with("--split", "all");
    }
    for ((flag, found), asked) in ["--way", "--shot", "--query"]
        .into_iter()
        .zip(found)
        .zip(asked)
    {
        if found != asked {
            line = line.with(flag, &found.to_string());
        }
    }
    anyhow!("{error}\nwith these files this works:\n  {line}")
}
