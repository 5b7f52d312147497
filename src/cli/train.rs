//! `gamaka train`: a data set in, a model file out.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::bench::{Ceilings, KernelFigures, profile_training};
use crate::data::{Dataset, Labels, Part, Task};
use crate::files::{self, Outputs};
use crate::model::Network;
use crate::model_file::Model;
use crate::settings::{Method, TrainConfig, ValidateOn};
use crate::train::{
    Event, LogRow, StepShape, TeacherShape, TrainError, TrainOptions, TrainSummary, Trained,
    Validation, checkpoint_path, train_mixed,
};
use crate::vectors::Vectors;
use crate::words::count;
use anyhow::{Context, bail};
use bytesize::ByteSize;
use indicatif::ProgressBar;

use super::advice::{self, Asked};
use super::bench::kernel_table;
use super::common::{Common, load_model, model_hash, network_spec, print, print_error, print_json};
use super::interrupt::{INTERRUPTED, Stopping};
use super::numbers::{memory, number, rate, seed};
use super::settings::{Keeping, Settings, Source, files_of, shifts};

/// What the classes are, where tracks without labels are possible too.
const LABELS: &str = "What the classes are: the genre folders (the column `label` of a manifest), any other column of the \
     manifest, or, for a folder, the tag album or artist of its files; files without one are left out. `track` trains \
     without labels: every file is a class of its own, and its parts are the shots";

#[derive(clap::Args)]
#[command(mut_arg("labels", |labels| labels
    .value_name("folder|track|album|artist|COLUMN")
    .help(LABELS)))]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Where the model goes
    #[arg(short, long, value_name = "MODEL.safetensors")]
    output: PathBuf,
    /// A second collection, with genres as labels, of which a share of the episodes is drawn
    #[arg(long, value_name = "DATA")]
    mix: Option<PathBuf>,
    /// That share [default: 0.3]
    #[arg(long, value_name = "0..1", requires = "mix", allow_negative_numbers = true, value_parser = number(0.0..=1.0))]
    mix_share: Option<f64>,
    /// Which of the two collections validates [default: mix]
    #[arg(long, value_name = "data|mix", requires = "mix")]
    validate_on: Option<ValidateOn>,
    #[command(flatten)]
    settings: Settings,
    /// Seed of everything: split, initial parameters, episodes, augmentation [default: 1]
    #[arg(long, allow_negative_numbers = true, value_parser = seed)]
    seed: Option<u64>,
    /// Highest learning rate
    #[arg(long, allow_negative_numbers = true, value_parser = rate)]
    lr: Option<f64>,
    /// The network: one that comes with gamaka, or a TOML file
    #[arg(long, value_name = "NAME|SPEC.toml", conflicts_with = "from")]
    network: Option<String>,
    /// Start from this model instead of from random parameters: a file that `gamaka train` wrote, or `included` for the one
    /// that comes with gamaka. The network and its mel bands are the model's
    #[arg(long, value_name = "MODEL")]
    from: Option<PathBuf>,
    /// Train with altered copies of the training files too, as well as with the files themselves: live, amateur, reverb,
    /// crowd, pa, phone, clipping, hum, codec, tempo, pitch, level or all. Copies a file and the share of the clips that are
    /// cut from them are in a configuration's [shifts] [default: none; 2 and 0.5]
    #[arg(long, value_name = "SHIFT,...", value_delimiter = ',')]
    shift: Vec<String>,
    /// How the network learns from an episode: prototypes, or a few steps of gradient descent on the
    /// supports [default: prototype]
    #[arg(long, value_name = "prototype|maml|anil|reptile")]
    learner: Option<Method>,
    /// Learn to predict these vectors of the files' segments, as `gamaka embed` writes them: a program's or another model's.
    /// How, and whether beside episodes, is in a configuration's [teacher] [default: the teacher alone]
    #[arg(long, value_name = "VECTORS.npz")]
    teacher: Option<PathBuf>,
    /// Go on where an earlier run with the same options stopped
    #[arg(long)]
    resume: bool,
    /// Limit of device memory, for example 512MiB
    #[arg(long, value_name = "LIMIT", allow_negative_numbers = true, value_parser = memory)]
    memory: Option<ByteSize>,
    /// Write the loss of every episode
    #[arg(long, value_name = "FILE.csv")]
    log: Option<PathBuf>,
    /// Write the model in half precision: half as large, its parameters rounded to 11 bits at the end of the training
    #[arg(long)]
    half: bool,
    #[command(flatten)]
    keeping: Keeping,
    /// Stop at the first file that is damaged, instead of using what can be decoded
    #[arg(long)]
    strict: bool,
    /// When the training is done, time a training step kernel by kernel and print the table
    #[arg(long)]
    profile: bool,
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let from = match &args.from {
        Some(path) => Some((load_model(path, common)?, model_hash(path)?)),
        None => None,
    };
    let asked = configuration(args, &args.settings, from.as_ref())?;
    let outputs = outputs(args)?;
    let kept = args.keeping.open(common)?;
    let teacher = match &args.teacher {
        Some(path) => {
            let read = || Vectors::read(path);
            Some(common.while_waiting("reading the teacher's vectors", read)?)
        }
        None => None,
    };
    // Before the data is looked at, which takes long.
    let taught = asked.taught_by(teacher.as_ref())?;
    taught.with_read_out(&taught.network()?)?;
    let opened = args.source.open(kept.as_deref(), common);
    let mut dataset = opened
        .map_err(|error| advice::other_data(error, &args.source, &asked, &args.settings, common))?;
    dataset.leave_out_lone_classes();
    dataset.warnings.iter().for_each(|w| common.note(w));
    let mix = match &args.mix {
        None => None,
        Some(path) => {
            let known = kept.as_ref().map(|kept| kept.known()).unwrap_or_default();
            let open = || Dataset::open_known(path, &Labels::Folder, &known);
            let mut mix = common.while_waiting("looking through the files mixed in", open)?;
            if kept.is_some() {
                no_common_names(&dataset, &mix)?;
            }
            mix.leave_out_lone_classes();
            Some(mix)
        }
    };
    let warnings = mix.iter().flat_map(|mix| &mix.warnings);
    warnings.for_each(|w| common.note(w));
    outputs.spare(files_of(&dataset))?;
    outputs.spare(mix.iter().flat_map(files_of))?;
    let state = checkpoint_path(&args.output);
    let stopping = Stopping::new(format!(
        "stopping after what is at hand; from the first episode on {} keeps the state for --resume",
        state.display()
    ));
    let options = TrainOptions {
        device: common.device.clone(),
        model: &args.output,
        resume: args.resume,
        memory: args.memory.map(|m| m.as_u64()),
        strict: args.strict,
        half: args.half,
        features: kept,
        stop: stopping.flag(),
        teacher: teacher.as_ref(),
        from: from.as_ref().map(|(model, _)| model),
    };
    let mut config = asked.clone();
    let mut display = Display::new(common, config.episodes);
    let result = loop {
        let result = train_mixed(&dataset, mix.as_ref(), &config, &options, &mut |event| {
            display.show(&event)
        });
        display.bar.finish_and_clear();
        match result {
            Err(error) if error.is_too_little() => {
                let datasets: Vec<&Dataset> = std::iter::once(&dataset).chain(&mix).collect();
                let asked = Asked {
                    settings: &args.settings,
                    config: &asked,
                    datasets: &datasets,
                    seeds: &[asked.seed],
                    source: &args.source,
                    takes_tracks: true,
                };
                let (settings, note) = advice::fitted(asked, error, common)?;
                display.fitted = Some(note);
                config = configuration(args, &settings, from.as_ref())?;
            }
            other => break other,
        }
    };
    drop(stopping);
    let trained = match result {
        Err(error @ (TrainError::Interrupted { .. } | TrainError::Unstarted)) => {
            print_error(&error.into());
            return Ok(ExitCode::from(INTERRUPTED));
        }
        other => other?,
    };
    if let Some(path) = &args.log {
        write_log(path, &trained)?;
    }
    let kernels = match args.profile {
        true => Some(kernels(&config, common, &trained)?),
        false => None,
    };
    conclude(
        args,
        common,
        &config,
        &trained,
        &display,
        kernels.as_deref(),
    )
}

/// Checks that the names of files tell two collections apart, as kept features need.
fn no_common_names(dataset: &Dataset, mix: &Dataset) -> anyhow::Result<()> {
    let names: HashSet<&Path> = dataset
        .items
        .iter()
        .map(|item| item.path.as_path())
        .collect();
    let common = mix
        .items
        .iter()
        .find(|item| names.contains(item.path.as_path()));
    match common {
        None => Ok(()),
        Some(item) => bail!(
            "--features knows files by their names, and both collections have a {}: leave out --features, or give one of them as a manifest in a folder above it",
            item.path.display()
        ),
    }
}

/// Checks before hours of work that all files can go where they shall.
fn outputs(args: &Args) -> anyhow::Result<Outputs> {
    let mut outputs = Outputs::default();
    outputs.add_model(&args.output)?;
    if let Err(error) = outputs.add_model(&checkpoint_path(&args.output)) {
        if !files::is_ordinary(&args.output) {
            bail!(
                "{}: is a pipe or a device with no room for the state beside it: give the name of a file",
                args.output.display()
            );
        }
        return Err(error.into());
    }
    args.log.iter().try_for_each(|path| outputs.add(path))?;
    let features = args.keeping.features.iter();
    features
        .map(PathBuf::as_path)
        .try_for_each(|path| outputs.add_model(path))?;
    outputs.spare([&args.source.data])?;
    outputs.spare(&args.mix)?;
    outputs.spare(&args.teacher)?;
    outputs.spare(&args.from)?;
    outputs.spare(args.settings.inputs())?;
    outputs.spare(&args.network)?;
    Ok(outputs)
}

/// Defaults, then the file, then the flags.
fn configuration(
    args: &Args,
    settings: &Settings,
    from: Option<&(Model, String)>,
) -> anyhow::Result<TrainConfig> {
    let mut config = settings.configuration()?;
    config.seed = args.seed.unwrap_or(config.seed);
    config.learning_rate = args.lr.unwrap_or(config.learning_rate);
    config.mix_share = args.mix_share.unwrap_or(config.mix_share);
    config.validate_on = args.validate_on.unwrap_or(config.validate_on);
    config.learner.method = args.learner.unwrap_or(config.learner.method);
    if !args.shift.is_empty() {
        config.shifts.get_or_insert_default().kinds = shifts(&args.shift);
    }
    if args.teacher.is_some() {
        config.teacher.get_or_insert_default();
    }
    if let Some((model, hash)) = from {
        config = config.starting_from(model, hash.clone());
    }
    config.validate()?;
    if let Some(name) = &args.network {
        // Last, because how wide a network is may depend on the clips.
        let input = [config.preset.n_mels, config.segment().frames()];
        config.network = network_spec(name, input)?;
    }
    // Before the data is looked at, which takes long.
    let network = config.network();
    match &args.network {
        Some(name) => network.with_context(|| name.clone())?,
        None => network?,
    };
    Ok(config)
}

/// Turns what a training tells into words and bars. Shared with the demo.
pub(super) struct Display<'a> {
    common: &'a Common,
    /// The bar of what is going on.
    pub bar: ProgressBar,
    episodes: usize,
    /// What is validated on.
    validated_on: &'static str,
    /// With which settings it goes on where there is too little for those asked for. Told once it is sure: when the files
    /// have been read, still less may be left.
    fitted: Option<String>,
    /// Episodes that an earlier run did.
    resumed_at: usize,
    /// Notes told already. Files that are read again are not told of again.
    told: HashSet<String>,
}

impl<'a> Display<'a> {
    pub(super) fn new(common: &'a Common, episodes: usize) -> Self {
        Self {
            common,
            bar: ProgressBar::hidden(),
            episodes,
            validated_on: "",
            fitted: None,
            resumed_at: 0,
            told: HashSet::new(),
        }
    }

    pub(super) fn show(&mut self, event: &Event) {
        match event {
            Event::Reading { done, files } => {
                if *done == 0 {
                    self.bar = self.common.bar(*files, "reading");
                }
                self.bar.set_position(*done as u64);
                if done == files {
                    self.bar.finish_and_clear();
                }
            }
            Event::Note(text) => {
                if self.told.insert(text.clone()) {
                    self.bar.suspend(|| self.common.note(text));
                }
            }
            Event::Start(summary, _) => {
                if let Some(note) = self.fitted.take() {
                    self.common.note(&note);
                }
                self.common.note(&describe(summary));
                self.validated_on = summary.validated_on;
                self.resumed_at = summary.resumed_at;
                self.bar = self.common.bar(self.episodes, "training");
                self.bar.set_position(summary.resumed_at as u64);
                self.bar.reset_eta();
            }
            Event::Episodes(rows) => {
                let count = rows.len().max(1) as f32;
                let loss = rows.iter().map(|r| r.loss).sum::<f32>() / count;
                let mean = |figure: fn(&LogRow) -> Option<f32>| {
                    let figures: Option<f32> = rows.iter().map(figure).sum();
                    figures.map(|sum| sum / count)
                };
                let mut message = format!("loss {loss:.3}");
                if let Some(accuracy) = mean(|row| row.accuracy) {
                    message.push_str(&format!(", accuracy {:.0} %", accuracy * 100.0));
                }
                if let Some(cosine) = mean(|row| row.cosine) {
                    message.push_str(&format!(", cosine {cosine:.3}"));
                }
                if let Some(last) = rows.last() {
                    self.bar.set_position(last.episode as u64);
                    self.bar.set_message(message);
                }
            }
            Event::Validated(v) => {
                let text = format!(
                    "after {:>5} episodes: {}",
                    v.episode,
                    validated(v, self.validated_on)
                );
                self.bar.suspend(|| self.common.note(&text));
            }
        }
    }
}

/// A validation's accuracy with both its intervals.
fn validated(v: &Validation, on: &str) -> String {
    let files = v.over_files.map_or(String::new(), |i| {
        format!("{:.0} to {:.0} over files, ", i.low * 100.0, i.high * 100.0)
    });
    let taught = v.teacher.map_or(String::new(), |found| {
        format!(
            "; the teacher's loss {:.3} and cosine {:.3} on {}",
            found.loss,
            found.cosine,
            count(found.rows, "row", "rows")
        )
    });
    format!(
        "{:.1} % on {on} ({files}± {:.1} over episodes){taught}",
        v.accuracy * 100.0,
        v.over_episodes.half_width() * 100.0
    )
}

fn describe(s: &TrainSummary) -> String {
    let of_size = |(classes, files): (usize, usize), parts: usize| match parts {
        1 => format!(
            "{}, {}",
            count(classes, "class", "classes"),
            count(files, "file", "files")
        ),
        _ => format!(
            "{} in {parts} parts each",
            count(classes, "track", "tracks")
        ),
    };
    let Task {
        way: task_way,
        shot: task_shot,
        query: task_query,
    } = s.validation_task;
    let mut mixed = s.mix.map_or(String::new(), |mix| {
        format!(" and {}", of_size(mix, s.parts[1]))
    });
    if s.altered > 0 {
        mixed.push_str(&format!(
            " with {}",
            count(s.altered, "altered copy", "altered copies")
        ));
    }
    let mut exercises = s.task.map_or(String::new(), |Task { way, shot, query }| {
        format!(
            "exercises of the training: {way}-way {shot}-shot with {} a class; ",
            count(query, "query", "queries")
        )
    });
    if let Some(teacher) = s.teacher {
        let of = |[files, rows]: [usize; 2]| {
            format!(
                "{} of {}",
                count(rows, "row", "rows"),
                count(files, "file", "files")
            )
        };
        exercises = format!(
            "a teacher of {} values: {} to train, {} a step; {} to validate\n{exercises}",
            teacher.width,
            of(teacher.train),
            teacher.batch,
            of(teacher.validation)
        );
    }
    let mut text = format!(
        "{} parameters on {}\n{}{mixed} to train; {} to validate\n{exercises}what is asked in the end: {task_way}-way {task_shot}-shot with {} a class (which of {task_way} classes is it, after {} of each)\n{} of device memory",
        s.parameters,
        s.adapter,
        of_size(s.train, s.parts[0]),
        of_size(s.validation, s.parts[2]),
        count(task_query, "query", "queries"),
        count(task_shot, "example", "examples"),
        ByteSize(s.memory)
    );
    if s.in_turns {
        text.push_str("; the clips do not fit at once and are streamed in turns");
    }
    if s.resumed_at > 0 {
        text.push_str(&format!("\ngoing on after episode {}", s.resumed_at));
    }
    text
}

fn write_log(path: &Path, trained: &Trained) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in &trained.log {
        writer.serialize(row)?;
    }
    let bytes = writer.into_inner()?;
    Ok(files::write(path, &bytes)?)
}

/// Times the kernels of a step of the training that is done, on made-up clips.
fn kernels(
    config: &TrainConfig,
    common: &Common,
    trained: &Trained,
) -> anyhow::Result<Vec<KernelFigures>> {
    let gpu = common.gpu()?;
    let classes = trained.model.info.split.classes(Part::Train).len();
    let Task { way, shot, query } = config.train_task(classes);
    let stored = &trained.model.info.config;
    // Without the read-out that the model may have kept.
    let mut spec = trained.model.network.spec.clone();
    spec.layers.truncate(stored.network.layers.len());
    let network = Network::new(spec, trained.model.network.input)?;
    let whole = stored.with_read_out(&network)?;
    let teacher = stored.teacher.as_ref();
    let rows = [teacher.map_or(0, |teacher| teacher.batch)];
    let shape = StepShape {
        network: &network,
        way,
        shot,
        query,
        augment: config.augment,
        optimizer: config.optimizer,
        learner: config.learner,
        banks: &[],
        teacher: teacher.map(|teacher| TeacherShape {
            whole: &whole,
            batch: teacher.batch,
            weight: teacher.weight,
            episode_weight: teacher.episode_weight,
            cosine: teacher.cosine,
            targets: &rows,
        }),
    };
    common.while_waiting("timing kernels", || {
        let ceilings = Ceilings::measure(&gpu)?;
        Ok(profile_training(&gpu, &shape, &ceilings)?)
    })
}

/// What a training starts from, in words.
fn start_of(config: &TrainConfig) -> &'static str {
    match config.from {
        None => "untrained network",
        Some(_) => "model that it started from",
    }
}

/// Says where the validation gives no reason to prefer the trained network to what it started from.
fn judge(common: &Common, config: &TrainConfig, best: &Validation, first: &Validation) {
    let start = start_of(config);
    let interval = best.over_files.unwrap_or(best.over_episodes);
    if first.accuracy >= 1.0 {
        common.note(&format!("the {start} makes no mistake on the validation files: they are too few to choose by, so the model is the {start}; add music"));
    } else if best.episode == 0 {
        common.note(&format!("no episode of this training made it better on the validation files, so the model is the {start}: add music, or train it longer"));
    } else if interval.low <= first.accuracy {
        common.note(&format!(
            "the best is {:.1} %, and the {start} {:.1} %: no gain beyond the interval, so the validation files do not show that the training helped; add music, or train it longer",
            best.accuracy * 100.0,
            first.accuracy * 100.0
        ));
    }
}

/// Says where a teacher that trains alone leaves no reason to prefer the trained network.
fn judge_taught(common: &Common, config: &TrainConfig, best: &Validation) {
    match best.teacher {
        None => common.note("the teacher has no vectors of validation files, so the last parameters are kept: embed the validation files too to choose by them"),
        Some(_) if best.episode == 0 => common.note(&format!("no step made the predictions of the validation files' vectors better, so the model is the {}: train it longer, with a lower learning rate, or with more vectors", start_of(config))),
        Some(_) => {}
    }
}

fn conclude(
    args: &Args,
    common: &Common,
    config: &TrainConfig,
    trained: &Trained,
    display: &Display,
    kernels: Option<&[KernelFigures]>,
) -> anyhow::Result<ExitCode> {
    let network: &Network = &trained.model.network;
    let episodes = trained.log.len();
    let best = Validation::best(&trained.validations, &trained.model.info.config);
    if common.json {
        let mut report = serde_json::json!({
            "model": args.output.display().to_string(),
            "network": network.spec.name,
            "parameters": network.parameter_count(),
            "protocol": config.protocol,
            "way": config.way,
            "shot": config.shot,
            "query": config.query,
            "episodes": episodes,
            "best": best,
            "validations": trained.validations,
            "seconds": trained.seconds,
        });
        if let Some(kernels) = kernels {
            report["kernels"] = serde_json::json!(kernels);
        }
        print_json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let found = match best {
        Some(v) => format!(
            "best after {} episodes: {}",
            v.episode,
            validated(&v, display.validated_on)
        ),
        None => "no validation files: the last parameters are kept".to_string(),
    };
    if let (Some(best), Some(untrained)) = (best, trained.validations.first()) {
        let teacher = trained.model.info.config.teacher.as_ref();
        match teacher.is_some_and(|teacher| teacher.episode_weight == 0.0) {
            true => judge_taught(common, config, &best),
            false => judge(common, config, &best, untrained),
        }
    }
    let eval = |data: &Path, more: &[&str]| {
        let words = [
            "eval".as_ref(),
            data.as_os_str(),
            "--model".as_ref(),
            args.output.as_os_str(),
        ];
        let more = more.iter().map(OsStr::new);
        advice::quoted(
            std::iter::once(OsStr::new("gamaka"))
                .chain(words)
                .chain(more),
        )
    };
    let data = args.source.data.as_path();
    let measure = match &args.source.classes.labels {
        Labels::Folder => eval(data, &[]),
        // Whether its files have labels too is not known here.
        Labels::Track => match &args.mix {
            Some(mix) => eval(mix, &[]),
            None => format!(
                "{}\nwhere MUSIC is music with labels that several files share, such as genre folders",
                eval(Path::new("MUSIC"), &["--split", "all"])
            ),
        },
        Labels::Column(column) => eval(data, &["--labels", column]),
    };
    let earlier = match display.resumed_at {
        0 => String::new(),
        done => format!(", the last {} of them", episodes.saturating_sub(done)),
    };
    let second = args.mix.as_ref();
    let second = second.filter(|_| args.source.classes.labels != Labels::Track);
    let mix = second.map_or(String::new(), |mix| {
        format!("and with: {}\n", eval(mix, &[]))
    });
    print(&format!(
        "{}: {} with {} parameters, {}{earlier} in {:.0} s, {found}\nmeasure it with: {measure}\n{mix}",
        args.output.display(),
        network.spec.name,
        network.parameter_count(),
        count(episodes, "episode", "episodes"),
        trained.seconds,
    ))?;
    if let Some(kernels) = kernels {
        print(&format!(
            "\na training step, kernel by kernel\n{}",
            kernel_table(kernels)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
