//! `gamaka tune`: which kernels are quickest on an adapter, measured there and kept for later runs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use serde::Serialize;

use crate::bench::{INPUT, reference_networks, reference_step};
use crate::embedder::{batch, inference};
use crate::gpu::{AdapterSummary, Gpu};
use crate::measure::Spread;
use crate::model::Network;
use crate::model_file::Model;
use crate::ops;
use crate::train::{TrainingPlan, TrainingStep};
use crate::tuning::{Cache, Contest, TuningError, Verdict, contenders, contest};
use crate::words::count;

use super::common::{Common, INCLUDED, is_included, network_spec, print, print_json, say_over_bar};
use super::interrupt::{INTERRUPTED, Stopping};
use super::table::{Align, Table};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Measure the kernels of this network: one that comes with gamaka (`included` is its model), a TOML file, a model file, or
    /// those of `gamaka bench` (`reference`, `reference-x4`). May be repeated [default: included and ickan]
    #[arg(long, value_name = "NAME|SPEC.toml|MODEL")]
    network: Vec<String>,
}

#[derive(Serialize)]
struct Report {
    adapter: AdapterSummary,
    /// Where the choices are kept.
    cache: String,
    contests: Vec<Contest>,
    networks: Vec<Steps>,
}

/// A network's training step, as suits the class and by the choices, in turns.
#[derive(Serialize)]
struct Steps {
    network: String,
    usual_ms: f64,
    tuned_ms: f64,
    /// How many times as quick a step is: the median of the rounds, the least and the greatest.
    ratio: [f64; 3],
}

pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let cache = Cache::usual().ok_or(TuningError::NoFolder)?;
    let networks = networks(args)?;
    let mut gpu = Gpu::open(&common.device)?;
    let _claim = cache.claim(&gpu.adapter)?;
    let stopping = Stopping::new("stopping: nothing is kept of an unfinished tuning".into());
    let mut operations: Vec<String> = Vec::new();
    for network in &networks {
        let step = TrainingPlan::new(gpu.tuning(), &reference_step(network));
        let (embedding, _) = inference(gpu.tuning(), network, batch(gpu.class()));
        for operation in step
            .plan
            .choices
            .into_keys()
            .chain(embedding.choices.into_keys())
        {
            if !operations.contains(&operation) {
                operations.push(operation);
            }
        }
    }
    let bar = common.bar(operations.len(), "operations");
    let mut contests = Vec::new();
    for operation in &operations {
        let (pass, shape) = ops::parse_operation(operation)
            .ok_or_else(|| anyhow!("{operation}: is no operation"))?;
        let all = contenders(&gpu, pass, &shape);
        let mut fresh = Some(gpu.clone());
        let mut open = || match fresh.take() {
            Some(first) => Ok(first),
            None => {
                gpu = Gpu::open(&common.device)?;
                Ok(gpu.clone())
            }
        };
        let found = contest(operation, &all, &mut open, stopping.flag(), &mut |id| {
            bar.set_message(id.to_string());
        });
        match found {
            Ok(found) => {
                for outcome in &found.outcomes {
                    let what = match &outcome.verdict {
                        Verdict::Wrong(share) => format!(
                            "gives wrong results here (error {share:.1} times what is allowed)"
                        ),
                        Verdict::Failed(reason) => format!("does not run here ({reason})"),
                        _ => continue,
                    };
                    say_over_bar(&format!(
                        "{}: {operation}: {what}; it is not taken",
                        outcome.id
                    ));
                }
                contests.push(found);
            }
            Err(TuningError::Stopped) => {
                bar.finish_and_clear();
                say_over_bar(&format!("gamaka: {}", TuningError::Stopped));
                return Ok(ExitCode::from(INTERRUPTED));
            }
            Err(error) => return Err(error).with_context(|| operation.clone()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let choices: BTreeMap<String, String> = contests
        .iter()
        .map(|contest| (contest.operation.clone(), contest.chosen.clone()))
        .collect();
    let networks = common.while_waiting("whole steps", || {
        let steps = networks
            .iter()
            .map(|network| steps(&gpu, network, &choices));
        steps.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let path = cache.keep(&gpu.adapter, choices)?;
    let report = Report {
        adapter: gpu.adapter.clone(),
        cache: path.display().to_string(),
        contests,
        networks,
    };
    match common.json {
        true => print_json(&report)?,
        false => print(&words(&report)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn networks(args: &Args) -> anyhow::Result<Vec<Network>> {
    let default = [INCLUDED.to_string(), "ickan".to_string()];
    let names = match args.network.as_slice() {
        [] => &default[..],
        named => named,
    };
    let mut networks = Vec::new();
    for name in names {
        let path = Path::new(name);
        match name.as_str() {
            "reference" => networks.extend(reference_networks(1)),
            "reference-x4" => networks.extend(reference_networks(4)),
            _ if is_included(path) => networks.push(Model::included()?.network),
            _ if path.extension().is_some_and(|end| end == "safetensors") => {
                networks.push(Model::load(path)?.network);
            }
            _ => {
                let network = Network::new(network_spec(name, INPUT)?, INPUT);
                networks.push(network.with_context(|| name.clone())?);
            }
        }
    }
    Ok(networks)
}

/// Times training steps by both in turns.
fn steps(
    gpu: &Gpu,
    network: &Network,
    choices: &BTreeMap<String, String>,
) -> anyhow::Result<Steps> {
    const ROUNDS: usize = 9;
    let shape = reference_step(network);
    let usual = gpu.clone().tuned(BTreeMap::new());
    let mut usual = TrainingStep::new(&usual, &shape)?;
    let mut tuned = TrainingStep::new(&gpu.clone().tuned(choices.clone()), &shape)?;
    let mut ms = [Vec::new(), Vec::new()];
    usual.run()?;
    tuned.run()?;
    for _ in 0..ROUNDS {
        ms[0].push(usual.run()?.as_secs_f64() * 1e3);
        ms[1].push(tuned.run()?.as_secs_f64() * 1e3);
    }
    let ratios: Vec<f64> = ms[0].iter().zip(&ms[1]).map(|(a, b)| a / b).collect();
    let ratio = Spread::of(&ratios);
    let [usual_ms, tuned_ms] = ms.map(|ms| Spread::of(&ms).median);
    Ok(Steps {
        network: network.spec.name.clone(),
        usual_ms,
        tuned_ms,
        ratio: [ratio.median, ratio.min, ratio.max],
    })
}

fn words(report: &Report) -> anyhow::Result<String> {
    let mut text = format!("{}\n\n", report.adapter);
    let mut table = Table::new([
        ("operation", Align::Left),
        ("taken", Align::Left),
        ("ms", Align::Right),
        ("usual, ms", Align::Right),
        ("times as quick", Align::Right),
    ]);
    let changed = report
        .contests
        .iter()
        .filter(|contest| contest.outcomes.first().map(|usual| &usual.id) != Some(&contest.chosen));
    let mut rows = 0;
    for contest in changed {
        let [usual, chosen] = contest.ms().unwrap_or_default();
        table.row([
            contest.operation.clone(),
            contest.chosen.clone(),
            format!("{chosen:.3}"),
            format!("{usual:.3}"),
            format!("{:.2}", usual / chosen),
        ]);
        rows += 1;
    }
    if rows > 0 {
        text.push_str(&table.text());
    }
    writeln!(
        text,
        "\n{} of {} are cut otherwise than suits most adapters.",
        rows,
        count(report.contests.len(), "operation", "operations")
    )?;
    for steps in &report.networks {
        writeln!(
            text,
            "A training step of {}: {:.2} ms, before {:.2} ms: {:.2} times as quick ({:.2} to {:.2}).",
            steps.network,
            steps.tuned_ms,
            steps.usual_ms,
            steps.ratio[0],
            steps.ratio[1],
            steps.ratio[2]
        )?;
    }
    writeln!(text, "Kept in {}; delete it to go back.", report.cache)?;
    Ok(text)
}

/// What a tuning would be for: a GPU of which nothing is known, or not these operations.
pub(super) fn would_pay(gpu: &Gpu, wanted: &BTreeMap<String, String>) -> bool {
    let known = gpu.tuning().choices();
    !gpu.class().is_software()
        && wanted
            .keys()
            .any(|operation| !known.contains_key(operation))
}
