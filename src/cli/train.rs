//! `gamaka train`: a data set in, a model file out.

mod args;
mod display;
mod ending;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::advice::{self, Asked};
use super::common::{Common, load_model, model_hash, network_spec, print_error};
use super::interrupt::{INTERRUPTED, Stopping};
use super::settings::{Settings, files_of, shifts};
use crate::data::{Dataset, Labels};
use crate::files::{self, Outputs};
use crate::model_file::Model;
use crate::settings::TrainConfig;
use crate::train::{TrainError, TrainOptions, checkpoint_path, train};
use crate::vectors::Vectors;

pub(super) use args::Args;
pub(super) use display::Display;
use ending::{conclude, kernels, write_log};

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let from = match &args.from {
        Some(path) => Some((load_model(path, common)?, model_hash(path)?)),
        None => None,
    };
    if from
        .as_ref()
        .is_some_and(|(model, _)| !model.packing.is_empty())
    {
        common.note("the model to start from is quantised: floats are trained from its values, and the result is not quantised");
    }
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
        let result = train(&dataset, mix.as_ref(), &config, &options, &mut |event| {
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
        true => Some(kernels(common, &trained)?),
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
