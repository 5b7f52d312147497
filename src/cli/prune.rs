//! `gamaka prune`: a smaller model of a model, or the table of what that costs.

mod args;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::data::{Dataset, Part};
use crate::files::{self, Outputs};
use crate::model::{EdgeTensor, Network};
use crate::model_file::Model;
use crate::prune::{Level, PruneError, Pruner, lasso_state};
use crate::settings::TrainConfig;
use crate::train::{Event, FineTuneOptions, FineTuner, TrainError, checkpoint_path};
use bytesize::ByteSize;

use super::common::{Common, load_model, print, print_error, print_json};
use super::interrupt::{INTERRUPTED, Stopping};
use super::settings::files_of;
use super::train::Display;

pub(super) use args::Args;
use args::save;

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut outputs = Outputs::default();
    if let Some(output) = &args.output {
        outputs.add_model(output)?;
        outputs.add_model(&checkpoint_path(output))?;
        outputs.add_model(&checkpoint_path(&lasso_state(output)))?;
    }
    let features = args.keeping.features.iter();
    features
        .map(PathBuf::as_path)
        .try_for_each(|path| outputs.add_model(path))?;
    outputs.spare([&args.source.data, &args.model])?;
    let model = load_model(&args.model, common)?;
    let levels = match &args.table {
        Some(_) => table::levels(args, &model),
        None => vec![args.level()?],
    };
    if let Some(folder) = &args.table {
        table::check(folder, &levels, &mut outputs)?;
        outputs.spare([&args.source.data, &args.model])?;
    }
    for level in &levels {
        Pruner::check(&model, &args.manner(), level)?;
    }
    let kept = args.keeping.open(common)?;
    let dataset = args.source.open(kept.as_deref(), common)?;
    dataset.warnings.iter().for_each(|w| common.note(w));
    outputs.spare(files_of(&dataset))?;
    let mut config = TrainConfig::tuning(&model, args.by);
    config.episodes = args.steps;
    config.seed = args.seed;
    config.learning_rate = args.lr.unwrap_or(config.learning_rate);
    let stopping = Stopping::new(
        "stopping after what is at hand; the same command goes on from there".to_owned(),
    );
    let options = FineTuneOptions {
        device: common.device.clone(),
        memory: args.memory.map(|m| m.as_u64()),
        strict: args.strict,
        features: kept,
        most_files: args.most_files,
        stop: stopping.flag(),
    };
    let mut display = Display::new(common, args.steps);
    let done = go(
        args,
        common,
        &model,
        &dataset,
        config,
        &levels,
        &options,
        &mut display,
    );
    display.bar.finish_and_clear();
    drop(stopping);
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<PruneError>() {
            Some(PruneError::Train(TrainError::Interrupted { .. } | TrainError::Unstarted)) => {
                print_error(&error);
                Ok(ExitCode::from(INTERRUPTED))
            }
            _ => Err(error),
        },
    }
}

#[expect(clippy::too_many_arguments, reason = "what a run has prepared")]
fn go(
    args: &Args,
    common: &Common,
    model: &Model,
    dataset: &Dataset,
    config: TrainConfig,
    levels: &[Level],
    options: &FineTuneOptions,
    display: &mut Display,
) -> anyhow::Result<()> {
    let more: &[Part] = match args.table {
        Some(_) => &[Part::Test],
        None => &[],
    };
    let mut tell = |event: Event| match event {
        Event::Start(summary, _) => display.tuning(summary),
        event => display.show(&event),
    };
    let tuner = FineTuner::new(model, dataset, config, more, options, &mut tell);
    let tuner = tuner.map_err(PruneError::from)?;
    let mut pruner = Pruner::new(model, tuner, args.manner())?;
    if let Some(folder) = &args.table {
        return table::make(args, common, folder, &mut pruner, levels, &mut tell);
    }
    let (Some(output), Some(level)) = (&args.output, levels.first()) else {
        return Ok(());
    };
    let smaller = pruner.prune(level, output, &mut tell)?;
    display.bar.finish_and_clear();
    save(&smaller, model, output)?;
    files::remove(&checkpoint_path(output));
    conclude(args, common, [model, &smaller], output)
}

/// Edges, those with splines alone unless all are asked for or there are no others, and how many of them are zero.
fn edges(model: &Model, plain: bool) -> [usize; 2] {
    let tensors = model.network.edge_tensors();
    let splines = !plain && tensors.iter().any(EdgeTensor::has_splines);
    let tensors = tensors.into_iter().filter(|t| !splines || t.has_splines());
    let counted = tensors.map(|t| [t.edges(), t.removed(&model.parameters)]);
    counted.fold([0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
}

/// Tells what has become smaller.
fn conclude(
    args: &Args,
    common: &Common,
    models: [&Model; 2],
    output: &Path,
) -> anyhow::Result<()> {
    let bytes = std::fs::metadata(output).map_or(0, |found| found.len());
    let networks = models.map(|model| &model.network);
    if common.json {
        let told = |model: &Model| {
            let [edges, removed] = edges(model, args.plain);
            serde_json::json!({
                "parameters": model.network.parameter_count(),
                "flops": model.network.flops(),
                "edges": edges,
                "removed_edges": removed,
            })
        };
        return print_json(&serde_json::json!({
            "model": args.model.display().to_string(),
            "output": output.display().to_string(),
            "bytes": bytes,
            "before": told(models[0]),
            "after": told(models[1]),
        }));
    }
    let [before, after] = networks.map(Network::parameter_count);
    let [flops, fewer] = networks.map(|network| network.flops() as f64 / 1e6);
    let [all, removed] = edges(models[1], args.plain);
    print(&format!(
        "parameters {before} -> {after}, millions of FLOPs a clip {flops:.1} -> {fewer:.1}; {removed} of {all} edges are removed\n"
    ))?;
    common.note(&format!("wrote {} ({})", output.display(), ByteSize(bytes)));
    Ok(())
}
