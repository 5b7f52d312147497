//! `gamaka quantize`: a model in fewer bits, or the table of what that costs.

mod args;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytesize::ByteSize;

use crate::data::{Dataset, Part};
use crate::files::{self, Outputs};
use crate::model_file::Model;
use crate::quantize::{
    Choice, Quantiser, QuantizeError, Scales, ShrinkError, can_be_tuned, check, choices,
    parameter_bytes,
};
use crate::report::decimal;
use crate::settings::TrainConfig;
use crate::train::{Event, FineTuneOptions, FineTuner, Lesson, TrainError, checkpoint_path};

use super::common::{Common, load_model, print, print_error, print_json};
use super::interrupt::{INTERRUPTED, Stopping};
use super::settings::files_of;
use super::train::Display;
pub(super) use args::Args;

/// Training files that are read where nothing is fine-tuned: enough to know what reaches the weights.
const FILES: usize = 64;

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut outputs = Outputs::default();
    if let Some(output) = &args.output {
        outputs.add_model(output)?;
        outputs.add_model(&checkpoint_path(output))?;
    }
    let features = args.keeping.features.iter();
    features
        .map(PathBuf::as_path)
        .try_for_each(|path| outputs.add_model(path))?;
    outputs.spare([&args.source.data, &args.model])?;
    let model = load_model(&args.model, common)?;
    let at_model =
        |error: QuantizeError| anyhow::Error::new(error).context(args.model.display().to_string());
    let wanted = match &args.table {
        None => vec![args.choice()],
        Some(folder) => {
            // Why not one of them can be had.
            let simplest = Choice::integers(8, Scales::Channel);
            check(&model, &simplest).map_err(at_model)?;
            let wanted = choices(&model);
            table::check(folder, &wanted, &mut outputs)?;
            wanted
        }
    };
    for choice in &wanted {
        check(&model, choice).map_err(at_model)?;
        if args.table.is_none() && args.steps > 0 && !can_be_tuned(choice) {
            return Err(at_model(QuantizeError::CurvesStay));
        }
    }
    let kept = args.keeping.open(common)?;
    let dataset = args.source.open(kept.as_deref(), common)?;
    dataset.warnings.iter().for_each(|w| common.note(w));
    outputs.spare(files_of(&dataset))?;
    let mut config = TrainConfig::tuning(&model, Lesson::Model);
    config.episodes = args.steps.max(1);
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
        most_files: args.most_files.or((args.steps == 0).then_some(FILES)),
        stop: stopping.flag(),
    };
    let mut display = Display::new(common, args.steps);
    let done = go(
        args,
        common,
        &model,
        &dataset,
        config,
        &wanted,
        &options,
        &mut display,
    );
    display.bar.finish_and_clear();
    drop(stopping);
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<ShrinkError>() {
            Some(ShrinkError::Train(TrainError::Interrupted { .. } | TrainError::Unstarted)) => {
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
    wanted: &[Choice],
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
    let tuner = tuner.map_err(ShrinkError::from)?;
    let quantiser = common.while_waiting("looking at what reaches the weights", || {
        Quantiser::new(model, &tuner)
    })?;
    if let Some(folder) = &args.table {
        return table::make(args, common, folder, &quantiser, wanted, &mut tell);
    }
    let (Some(output), Some(choice)) = (&args.output, wanted.first()) else {
        return Ok(());
    };
    let smaller = quantiser.quantised(choice, args.steps > 0, output, &mut tell)?;
    display.bar.finish_and_clear();
    smaller.save(output)?;
    files::remove(&checkpoint_path(output));
    conclude(args, common, [model, &smaller], output)
}

/// Bytes of a model's parameters as floats.
fn float_bytes(model: &Model) -> usize {
    let named = model.network.named_parameters(&model.parameters);
    named
        .iter()
        .map(|parameter| 4 * parameter.values.len())
        .sum()
}

/// Tells what has become smaller.
fn conclude(
    args: &Args,
    common: &Common,
    [model, smaller]: [&Model; 2],
    output: &Path,
) -> anyhow::Result<()> {
    let file = std::fs::metadata(output).map_or(0, |found| found.len());
    let [floats, own] = [float_bytes(model), parameter_bytes(smaller)];
    let times = floats as f64 / own as f64;
    if common.json {
        return print_json(&serde_json::json!({
            "model": args.model.display().to_string(),
            "output": output.display().to_string(),
            "choice": args.choice(),
            "steps": args.steps,
            "bytes": {"floats": floats, "parameters": own, "file": file},
            "than_floats": times,
            "than_halves": times / 2.0,
        }));
    }
    print(&format!(
        "{}: {own} bytes of parameters, {} times smaller than floats, {} times smaller than halves\n",
        args.choice().words(),
        decimal(times, 2),
        decimal(times / 2.0, 2)
    ))?;
    common.note(&format!("wrote {} ({})", output.display(), ByteSize(file)));
    Ok(())
}
