//! From the cells' results to tables.

use std::collections::BTreeSet;

use serde::Serialize;

use super::curves::{
    Curve, Reach, Trajectory, reach, reach_level, shot_curves, size_curves, step_seconds,
    trajectories,
};
use super::neighbours::{ConfusedPair, Nearest, confused, confusion, nearest, untested};
use super::scored::{Scored, Table, label, score_seed};
use super::summary::{BASELINES, DifferenceRow, ScoreOptions, Summary};
use super::{AblateError, CellResult, Workbench};
use crate::data::{Part, Protocol, Task};
use crate::score::{LEVEL, MFCC, MFCC_PROBE, corrected_level};
use crate::settings::Method;

/// A network or floor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkRow {
    /// Its name.
    pub name: String,
    /// Its learner; none for a floor.
    pub learner: Option<Method>,
    /// Whether any of its layers has splines.
    pub splines: bool,
    /// Trained values.
    pub parameters: Option<usize>,
    /// Floating-point operations of a forward pass over a clip.
    pub flops: Option<u64>,
    /// Milliseconds of a training step, of the fastest of its cells: others may have shared the machine.
    pub step_ms: Option<f64>,
    /// The learning rate that the search found.
    pub rate: Option<f64>,
    /// Best accuracy on the validation classes, mean over the seeds: what designs may be chosen by.
    pub validation: Option<f64>,
    /// Accuracy on the test classes.
    pub accuracy: Summary,
    /// Accuracy less that of the same network before training.
    pub less_untrained: Option<Summary>,
    /// Accuracy on a few test episodes when its body adapts as well, mean over the seeds; MAML and Reptile only.
    pub adapted: Option<f64>,
}

/// One figure of one seed, for tables that others make.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedRow {
    /// The system: network, learner, head, share of the training classes.
    pub system: String,
    /// The seed.
    pub seed: u64,
    /// Accuracy on the test classes.
    pub accuracy: f64,
    /// Lower end of its 95 % interval over files.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Everything that a comparison found.
#[derive(Debug, Clone, Serialize)]
pub struct Findings {
    /// What a test episode asks.
    #[serde(rename = "episode", serialize_with = "Task::serialize_as_list")]
    pub task: Task,
    /// Test episodes a seed.
    pub episodes: usize,
    /// Training episodes a cell.
    pub training_episodes: usize,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Training, validation and test classes of the first seed.
    pub classes: [usize; 3],
    /// Number of the differences told, which their level is corrected for.
    pub comparisons: usize,
    /// The level of each difference's interval over files.
    pub level: f64,
    /// The networks under the first learner, then the floors.
    pub networks: Vec<NetworkRow>,
    /// Each network less each baseline.
    pub differences: Vec<DifferenceRow>,
    /// The focus networks under every learner.
    pub learners: Vec<NetworkRow>,
    /// The networks with other heads: name, and accuracy by head.
    pub heads: Vec<(String, Vec<(String, Summary)>)>,
    /// Accuracy over shots.
    pub shots: Vec<Curve>,
    /// Accuracy over the number of training classes.
    pub sizes: Vec<Curve>,
    /// Validation accuracy over seconds of training.
    pub trajectories: Vec<Trajectory>,
    /// The accuracy that [`Findings::reach`] is about.
    pub reach_level: f64,
    /// What it takes to get to an accuracy.
    pub reach: Vec<Reach>,
    /// Near neighbours.
    pub near: Nearest,
    /// What each network mixes up most.
    pub confused: Vec<ConfusedPair>,
    /// Each seed's figures.
    pub rows: Vec<SeedRow>,
    /// The first focus network's confusions on the first seed's test classes.
    pub confusion: (Vec<String>, Vec<Vec<u64>>),
    /// Whether the test classes were trained on, with other files.
    pub seen_classes: bool,
    /// What is to be known about the figures.
    pub notes: Vec<String>,
    /// Pairs asked for that no seed tests together.
    #[serde(skip)]
    pub untested: Vec<[String; 2]>,
}

impl Findings {
    /// Scores the results of a grid.
    ///
    /// # Errors
    /// [`AblateError`] if test files make no episodes.
    pub fn of(
        bench: &Workbench,
        results: &[CellResult],
        options: &ScoreOptions,
    ) -> Result<Self, AblateError> {
        let grid = bench.grid();
        let config = &grid.config;
        let scored = grid
            .seeds
            .iter()
            .map(|&seed| score_seed(bench, results, seed, options))
            .collect::<Result<Vec<_>, _>>()?;
        let table = Table { scored: &scored };
        let first = grid.learners[0];
        let of_first: Vec<String> = grid.networks.iter().map(|spec| spec.name.clone()).collect();
        let mut networks: Vec<NetworkRow> = of_first
            .iter()
            .filter_map(|name| network_row(&table, results, name, name, first))
            .collect();
        let floors = [MFCC, MFCC_PROBE];
        networks.extend(floors.iter().filter_map(|&name| {
            Some(NetworkRow {
                name: name.into(),
                learner: None,
                splines: false,
                parameters: None,
                flops: None,
                step_ms: None,
                rate: None,
                validation: None,
                accuracy: table.accuracy(name)?,
                less_untrained: None,
                adapted: None,
            })
        }));

        let pairs: Vec<(&str, &str)> = networks
            .iter()
            .filter(|row| row.learner.is_some())
            .flat_map(|row| BASELINES.map(|against| (row.name.as_str(), against)))
            .filter(|(of, against)| of != against && networks.iter().any(|r| r.name == *against))
            // Each pair once.
            .filter(|(of, against)| {
                let rank = |name| BASELINES.iter().position(|b| *b == name);
                rank(*of).is_none_or(|of| Some(of) < rank(*against))
            })
            .collect();
        let level = corrected_level(LEVEL, pairs.len());
        let differences = pairs
            .iter()
            .map(|(of, against)| table.difference(of, against, level))
            .collect::<Result<Vec<_>, _>>()?;

        // Learners are compared on the seeds that all of them have: others are other class splits.
        let common = grid.learners.iter().map(|&m| grid.seeds_of(m).len());
        let common = common.min().unwrap_or(0);
        let few = Table {
            scored: &scored[..common],
        };
        let mut learners = Vec::new();
        for name in &grid.focus {
            for &method in &grid.learners {
                let label = label(name, method, first);
                learners.extend(network_row(&few, results, &label, name, method));
            }
        }
        let heads = of_first
            .iter()
            .filter_map(|name| {
                let by_head = ["simpleshot", "linear-probe"]
                    .iter()
                    .filter_map(|head| {
                        Some((
                            head.to_string(),
                            table.accuracy(&format!("{name}, {head}"))?,
                        ))
                    })
                    .collect::<Vec<_>>();
                (!by_head.is_empty()).then(|| (name.clone(), by_head))
            })
            .collect();

        let mut plain = of_first.clone();
        plain.push(MFCC.into());
        let reach_level = reach_level(results, first);
        let train_classes = |seed| dataset_classes(bench, seed, Part::Train);
        let near = nearest(bench, &scored, &plain, options)?;
        let untested = untested(&near, options);
        let mut notes: BTreeSet<String> = scored
            .iter()
            .filter_map(|s| s.evaluation.note.clone())
            .collect();
        notes.extend(bench.split_note());
        let confusion = confusion(&scored, grid.focus.first().or(of_first.first()));
        Ok(Self {
            task: config.task(),
            episodes: options.episodes,
            training_episodes: config.episodes,
            seeds: grid.seeds.clone(),
            classes: Part::ALL.map(|part| dataset_classes(bench, grid.seeds[0], part)),
            comparisons: pairs.len(),
            level,
            differences,
            learners,
            heads,
            shots: shot_curves(bench, &scored, &plain, options)?,
            sizes: size_curves(&table, bench, train_classes(grid.seeds[0])),
            trajectories: trajectories(results, &of_first, first),
            reach_level,
            reach: reach(results, &of_first, first, reach_level),
            near,
            confused: confused(&scored, &of_first),
            rows: seed_rows(&scored),
            confusion,
            notes: notes.into_iter().collect(),
            untested,
            seen_classes: config.protocol == Protocol::SeenClasses,
            networks,
        })
    }
}

/// A network under a learner, over the seeds of the table.
fn network_row(
    table: &Table,
    results: &[CellResult],
    label: &str,
    network: &str,
    learner: Method,
) -> Option<NetworkRow> {
    let cells: Vec<&CellResult> = results
        .iter()
        .filter(|r| r.cell.network == network && r.cell.method == learner && r.cell.share == 1.0)
        .filter(|r| table.scored.iter().any(|s| s.seed == r.cell.seed))
        .collect();
    let one = cells.first()?;
    let trained = one.episodes > 0;
    Some(NetworkRow {
        name: label.to_string(),
        learner: Some(learner),
        splines: one
            .config()
            .network
            .layers
            .iter()
            .any(|l| l.basis().is_some()),
        parameters: Some(one.parameters),
        flops: Some(one.flops),
        step_ms: trained.then(|| 1e3 * step_seconds(&cells)),
        rate: trained.then_some(one.cell.rate),
        validation: trained
            .then(|| cells.iter().map(|r| r.validated()).sum::<f64>() / cells.len() as f64),
        accuracy: table.accuracy(label)?,
        less_untrained: table
            .difference(label, &format!("{label}, untrained"), LEVEL)
            .ok()
            .map(|row| row.difference),
        adapted: cells
            .iter()
            .map(|r| Some(r.adapted?.accuracy))
            .sum::<Option<f64>>()
            .map(|sum| sum / cells.len() as f64),
    })
}

fn dataset_classes(bench: &Workbench, seed: u64, part: Part) -> usize {
    bench.dataset().pool(&bench.part(seed, part)).classes.len()
}

fn seed_rows(scored: &[Scored]) -> Vec<SeedRow> {
    let of = |s: &Scored| {
        let rows = s.evaluation.systems.iter().map(|system| {
            let interval = system.accuracy.over_files;
            SeedRow {
                system: system.name.clone(),
                seed: s.seed,
                accuracy: system.accuracy.mean,
                low: interval.map(|i| i.low),
                high: interval.map(|i| i.high),
            }
        });
        rows.collect::<Vec<_>>()
    };
    scored.iter().flat_map(of).collect()
}
