//! What is said when a training is done.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use super::args::Args;
use super::display::{Display, validated};
use crate::bench::{Ceilings, KernelFigures, profile_training};
use crate::cli::advice;
use crate::cli::bench::kernel_table;
use crate::cli::common::{Common, print, print_json};
use crate::data::{Labels, Part};
use crate::files;
use crate::model::Network;
use crate::settings::TrainConfig;
use crate::train::{Shaping, Student, Trained, Validation};
use crate::words::count;

/// Writes the figures of every episode as CSV.
pub(super) fn write_log(path: &Path, trained: &Trained) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in &trained.log {
        writer.serialize(row)?;
    }
    let bytes = writer.into_inner()?;
    Ok(files::write(path, &bytes)?)
}

/// Times the kernels of a step of the training that is done, on made-up clips.
pub(super) fn kernels(common: &Common, trained: &Trained) -> anyhow::Result<Vec<KernelFigures>> {
    let gpu = common.gpu()?;
    let classes = trained.model.info.split.classes(Part::Train).len();
    let stored = &trained.model.info.config;
    // Without the read-out that the model may have kept.
    let mut spec = trained.model.network.spec.clone();
    spec.layers.truncate(stored.network.layers.len());
    let network = Network::new(spec, trained.model.network.input)?;
    let student = Student {
        network: &network,
        whole: &stored.with_read_out(&network)?,
        config: stored,
        shaping: Shaping::default(),
    };
    let rows = [stored.teacher.as_ref().map_or(0, |teacher| teacher.batch)];
    let shape = student.step(classes, &[], &rows);
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

/// Says what came of a training, and how to measure it.
pub(super) fn conclude(
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
