//! From the cells' results to tables: everything is scored here, on the same files and episodes for all.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{AblateError, CellResult, TEST_SEED, UNTRAINED, Workbench};
use crate::data::Part;
use crate::fewshot::{
    EpisodeSampler, Evaluation, Head, Interval, Metric, Standardiser, System, corrected_level,
    evaluate, over_seeds, pooled, simple_shot,
};
use crate::model::Spec;

/// Confidence of all intervals, before it is corrected for the number of comparisons.
const LEVEL: f64 = 0.95;

/// The floors' names.
const MFCC: &str = "MFCC, nearest centroid";
const MFCC_PROBE: &str = "MFCC, linear probe";

/// What every network is compared with, where it is part of the grid.
const BASELINES: [&str; 4] = ["cnn-params", "mlp-params", "cnn", MFCC];

/// Shots of the shot curve, as far as the files allow them.
const SHOTS: [usize; 8] = [1, 2, 3, 5, 8, 10, 15, 20];

/// Queries a class of the shot curve: few, so that the files allow many shots.
const CURVE_QUERY: usize = 2;

/// Pairs of test classes a seed that count as near neighbours where none are named.
const NEAREST: usize = 3;

/// Confused pairs of classes that are told for each network.
const CONFUSED: usize = 5;

/// How results are scored.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreOptions {
    /// Test episodes a seed.
    pub episodes: usize,
    /// Pairs of classes that count as near neighbours; if empty, those that the MFCC floor mixes up most.
    pub near: Vec<[String; 2]>,
}

/// A mean over the seeds with two intervals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Mean over the seeds.
    pub mean: f64,
    /// How far other files of the same classes would move it. It leaves out how far other class splits and other
    /// initial parameters would.
    pub over_files: Option<Interval>,
    /// How far other seeds would move it: class split, initial parameters, episodes (t over the seeds, 95 %). Test
    /// classes that seeds have in common make it somewhat too narrow.
    pub over_seeds: Option<Interval>,
    /// Each seed's value.
    pub seeds: Vec<(u64, f64)>,
}

/// A network or floor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkRow {
    /// Its name.
    pub name: String,
    /// Its learner; none for a floor.
    pub learner: Option<String>,
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

/// A network against another, paired by files and episodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DifferenceRow {
    /// The network whose accuracy ...
    pub of: String,
    /// ... is compared with this one's.
    pub against: String,
    /// The difference; its interval over files is corrected for the number of comparisons.
    pub difference: Summary,
}

/// One point of a curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Shots, or training classes.
    pub x: f64,
    /// Accuracy there.
    pub accuracy: Summary,
}

/// A network's accuracy over something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// The network.
    pub name: String,
    /// From small to large.
    pub points: Vec<CurvePoint>,
}

/// A network's validation accuracy over its training, mean over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trajectory {
    /// The network.
    pub name: String,
    /// Seconds of training, accuracy on the validation classes.
    pub points: Vec<(f64, f64)>,
}

/// What it takes a network to get to an accuracy on the validation classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reach {
    /// The network.
    pub name: String,
    /// Seeds that got there.
    pub reached: usize,
    /// Seeds.
    pub of: usize,
    /// Seconds of training: the median episodes of those that got there, at the network's step time.
    pub seconds: Option<f64>,
    /// Floating-point operations of these episodes, forward and backward, in units of 1e9.
    pub gflop: Option<f64>,
}

/// Two classes that a network takes for each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfusedPair {
    /// The network.
    pub network: String,
    /// The classes.
    pub classes: [String; 2],
    /// Share of their queries that went to the other one, over the seeds that tested both.
    pub share: f64,
}

/// Two near neighbours, told apart by themselves (2-way) on one seed's test files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearPair {
    /// The seed.
    pub seed: u64,
    /// The classes.
    pub classes: [String; 2],
    /// Two-way accuracy of each network.
    pub accuracy: BTreeMap<String, f64>,
}

/// How well networks tell near neighbours apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nearest {
    /// The pairs.
    pub pairs: Vec<NearPair>,
    /// The first focus network less each baseline, mean over the pairs; intervals over files at 95 %.
    pub differences: Vec<DifferenceRow>,
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
    /// Ways, shots and queries of a test episode.
    pub episode: [usize; 3],
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
    /// What is to be known about the intervals.
    pub notes: Vec<String>,
}

/// A system on one seed's test files.
struct Candidate {
    name: String,
    embeddings: Vec<Vec<f32>>,
    head: Head,
}

/// One seed's candidates, scored.
struct Scored {
    seed: u64,
    files: Vec<usize>,
    candidates: Vec<Candidate>,
    evaluation: Evaluation,
}

impl Scored {
    fn place(&self, name: &str) -> Option<usize> {
        self.candidates.iter().position(|c| c.name == name)
    }

    fn systems<'a>(&'a self, names: &[String]) -> Vec<System<'a>> {
        let chosen = self.candidates.iter().filter(|c| names.contains(&c.name));
        chosen.map(system).collect()
    }
}

fn system(candidate: &Candidate) -> System<'_> {
    System {
        name: &candidate.name,
        embeddings: &candidate.embeddings,
        head: candidate.head,
    }
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
            .filter_map(|name| network_row(&table, results, name, name, first.to_string()))
            .collect();
        let floors = [MFCC, MFCC_PROBE];
        networks.extend(floors.iter().filter_map(|&name| {
            Some(NetworkRow {
                name: name.into(),
                learner: None,
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

        let mut learners = Vec::new();
        for name in &grid.focus {
            for &method in &grid.learners {
                let label = label(name, &method.to_string(), &first.to_string());
                learners.extend(network_row(
                    &table,
                    results,
                    &label,
                    name,
                    method.to_string(),
                ));
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
        let reach_level = reach_level(results, &first.to_string());
        let train_classes = |seed| dataset_classes(bench, seed, Part::Train);
        let confusion = confusion(&scored, grid.focus.first().or(of_first.first()));
        Ok(Self {
            episode: [config.way, config.shot, config.query],
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
            trajectories: trajectories(results, &of_first, &first.to_string()),
            reach_level,
            reach: reach(results, &of_first, &first.to_string(), reach_level),
            near: nearest(bench, &scored, &plain, options)?,
            confused: confused(&scored, &of_first),
            rows: seed_rows(&scored),
            confusion,
            notes: scored
                .iter()
                .filter_map(|s| s.evaluation.note.clone())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            networks,
        })
    }
}

/// What a network is called under a learner: its name alone under the first.
fn label(network: &str, method: &str, first: &str) -> String {
    if method == first {
        network.to_string()
    } else {
        format!("{network}, {method}")
    }
}

/// The candidates of a seed on its test files, scored.
fn score_seed(
    bench: &Workbench,
    results: &[CellResult],
    seed: u64,
    options: &ScoreOptions,
) -> Result<Scored, AblateError> {
    let grid = bench.grid();
    let dataset = bench.dataset();
    let first = grid.learners[0].to_string();
    let by_index = |by_path: &BTreeMap<std::path::PathBuf, Vec<f32>>| -> Vec<Vec<f32>> {
        let of = |item: &crate::data::Item| by_path.get(&item.path).cloned().unwrap_or_default();
        dataset.items.iter().map(of).collect()
    };
    let mut candidates = Vec::new();
    for result in results.iter().filter(|r| r.cell.seed == seed) {
        let config = result.config();
        let Spec {
            distance, scale, ..
        } = config.network;
        let head = config.learner.head(Metric { distance, scale });
        let cell = &result.cell;
        let mut name = label(&cell.network, &cell.method.to_string(), &first);
        if cell.share < 1.0 {
            name = format!("{name}, {} % of the classes", (100.0 * cell.share).round());
        }
        let trained = by_index(&result.trained);
        let plain = cell.share == 1.0 && name == cell.network;
        let mut add = |name: String, embeddings, head| {
            candidates.push(Candidate {
                name,
                embeddings,
                head,
            });
        };
        if plain && !result.centre.is_empty() {
            let shifted = simple_shot(&trained, &result.centre);
            let head = Head::Prototype(Metric::EUCLIDEAN);
            add(format!("{name}, simpleshot"), shifted, head);
        }
        if plain {
            add(
                format!("{name}, linear-probe"),
                trained.clone(),
                Head::LINEAR_PROBE,
            );
        }
        if cell.network != UNTRAINED && cell.share == 1.0 {
            add(
                format!("{name}, untrained"),
                by_index(&result.untrained),
                head,
            );
        }
        add(name, trained, head);
    }
    let train = bench.part(seed, Part::Train);
    let rows: Vec<&[f32]> = train
        .iter()
        .map(|&index| bench.mfcc()[index].as_slice())
        .collect();
    if let Some(standardiser) = Standardiser::fit(&rows) {
        let mfcc: Vec<Vec<f32>> = bench
            .mfcc()
            .iter()
            .map(|row| standardiser.apply(row))
            .collect();
        let head = Head::Prototype(Metric::EUCLIDEAN);
        for (name, head) in [(MFCC, head), (MFCC_PROBE, Head::LINEAR_PROBE)] {
            candidates.push(Candidate {
                name: name.into(),
                embeddings: mfcc.clone(),
                head,
            });
        }
    }
    let files = bench.part(seed, Part::Test);
    let config = &grid.config;
    let pool = dataset.pool(&files);
    let sampler = EpisodeSampler::new(pool, config.way, config.shot, config.query)?;
    let systems: Vec<System> = candidates.iter().map(system).collect();
    let evaluation = evaluate(&sampler, &systems, options.episodes, TEST_SEED)?;
    Ok(Scored {
        seed,
        files,
        candidates,
        evaluation,
    })
}

/// Looks figures up across the seeds.
struct Table<'a> {
    scored: &'a [Scored],
}

impl Table<'_> {
    fn accuracy(&self, name: &str) -> Option<Summary> {
        let of_seeds: Vec<_> = self
            .scored
            .iter()
            .filter_map(|s| {
                let accuracy = s.evaluation.systems[s.place(name)?].accuracy;
                Some((s, accuracy.mean, accuracy.over_files))
            })
            .collect();
        summary(&of_seeds)
    }

    fn difference(
        &self,
        of: &str,
        against: &str,
        level: f64,
    ) -> Result<DifferenceRow, AblateError> {
        let mut of_seeds = Vec::new();
        for s in self.scored {
            if let (Some(a), Some(b)) = (s.place(of), s.place(against)) {
                let estimate = s.evaluation.difference(a, b, level)?.difference;
                of_seeds.push((s, estimate.mean, estimate.over_files));
            }
        }
        let difference = summary(&of_seeds).ok_or_else(|| {
            AblateError::Grid(format!("`{of}` and `{against}` have no seed in common"))
        })?;
        Ok(DifferenceRow {
            of: of.into(),
            against: against.into(),
            difference,
        })
    }
}

/// The mean over seeds with its intervals; none without a seed.
fn summary(of_seeds: &[(&Scored, f64, Option<Interval>)]) -> Option<Summary> {
    let values: Vec<f64> = of_seeds.iter().map(|(_, mean, _)| *mean).collect();
    let estimates: Option<Vec<(f64, Interval)>> = of_seeds
        .iter()
        .map(|(_, mean, interval)| Some((*mean, (*interval)?)))
        .collect();
    let shared = |i: usize, j: usize| {
        let [a, b] = [i, j].map(|k| &of_seeds[k].0.evaluation.classes);
        let common = a.iter().filter(|class| b.contains(class)).count();
        common as f64 / a.len().max(b.len()) as f64
    };
    (!values.is_empty()).then(|| Summary {
        mean: values.iter().sum::<f64>() / values.len() as f64,
        over_files: estimates
            .and_then(|e| pooled(&e, shared))
            .map(|(_, interval)| interval),
        over_seeds: over_seeds(&values, LEVEL),
        seeds: of_seeds
            .iter()
            .map(|(s, mean, _)| (s.seed, *mean))
            .collect(),
    })
}

fn network_row(
    table: &Table,
    results: &[CellResult],
    label: &str,
    network: &str,
    learner: String,
) -> Option<NetworkRow> {
    let cells: Vec<&CellResult> = results
        .iter()
        .filter(|r| {
            r.cell.network == network && r.cell.method.to_string() == learner && r.cell.share == 1.0
        })
        .collect();
    let one = cells.first()?;
    let trained = one.episodes > 0;
    Some(NetworkRow {
        name: label.to_string(),
        learner: Some(learner),
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

/// Seconds of a training step, of the fastest cell.
fn step_seconds(cells: &[&CellResult]) -> f64 {
    let steps = cells.iter().map(|r| r.seconds / r.episodes.max(1) as f64);
    steps.fold(f64::INFINITY, f64::min)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

fn dataset_classes(bench: &Workbench, seed: u64, part: Part) -> usize {
    bench.dataset().pool(&bench.part(seed, part)).classes.len()
}

/// Accuracy over shots, for as many as the test files of every seed allow.
fn shot_curves(
    bench: &Workbench,
    scored: &[Scored],
    names: &[String],
    options: &ScoreOptions,
) -> Result<Vec<Curve>, AblateError> {
    let way = bench.grid().config.way;
    let mut curves: Vec<Curve> = names
        .iter()
        .map(|name| Curve {
            name: name.clone(),
            points: Vec::new(),
        })
        .collect();
    for shots in SHOTS {
        let sampler = |s: &Scored| {
            let pool = bench.dataset().pool(&s.files);
            EpisodeSampler::new(pool, way, shots, CURVE_QUERY).ok()
        };
        let Some(samplers) = scored.iter().map(sampler).collect::<Option<Vec<_>>>() else {
            break;
        };
        let mut of_seeds: Vec<Vec<(&Scored, f64, Option<Interval>)>> =
            vec![Vec::new(); names.len()];
        for (s, sampler) in scored.iter().zip(&samplers) {
            let found = evaluate(sampler, &s.systems(names), options.episodes, TEST_SEED)?;
            for system in &found.systems {
                if let Some(place) = names.iter().position(|name| *name == system.name) {
                    let accuracy = system.accuracy;
                    of_seeds[place].push((s, accuracy.mean, accuracy.over_files));
                }
            }
        }
        for (curve, of_seeds) in curves.iter_mut().zip(&of_seeds) {
            curve
                .points
                .extend(summary(of_seeds).map(|accuracy| CurvePoint {
                    x: shots as f64,
                    accuracy,
                }));
        }
    }
    Ok(curves)
}

/// Accuracy over the number of training classes, of the networks that were trained on fewer.
fn size_curves(table: &Table, bench: &Workbench, classes: usize) -> Vec<Curve> {
    let grid = bench.grid();
    let mut shares = grid.shares.clone();
    shares.sort_by(f64::total_cmp);
    let of = |name: &String| {
        let fewer = shares.iter().filter_map(|share| {
            let label = format!("{name}, {} % of the classes", (100.0 * share).round());
            Some(CurvePoint {
                x: (share * classes as f64).round().max(2.0),
                accuracy: table.accuracy(&label)?,
            })
        });
        let all = table.accuracy(name).map(|accuracy| CurvePoint {
            x: classes as f64,
            accuracy,
        });
        Curve {
            name: name.clone(),
            points: fewer.chain(all).collect(),
        }
    };
    let curves = grid.focus.iter().map(of);
    curves.filter(|curve| curve.points.len() > 1).collect()
}

/// The results of a network's cells at full size.
fn cells_of<'a>(
    results: &'a [CellResult],
    network: &'a str,
    learner: &'a str,
) -> impl Iterator<Item = &'a CellResult> {
    results.iter().filter(move |r| {
        r.cell.network == network
            && r.cell.method.to_string() == learner
            && r.cell.share == 1.0
            && r.episodes > 0
    })
}

fn trajectories(results: &[CellResult], names: &[String], learner: &str) -> Vec<Trajectory> {
    let of = |name: &String| {
        let cells: Vec<_> = cells_of(results, name, learner).collect();
        let count = cells.iter().map(|r| r.validations.len()).min().unwrap_or(0);
        let mean = |value: &dyn Fn(&CellResult) -> f64| {
            cells.iter().map(|r| value(r)).sum::<f64>() / cells.len() as f64
        };
        let step = step_seconds(&cells);
        Trajectory {
            name: name.clone(),
            points: (0..count)
                .map(|k| {
                    let episodes = mean(&|r| r.validations[k].episode as f64);
                    (step * episodes, mean(&|r| r.validations[k].accuracy))
                })
                .collect(),
        }
    };
    let all = names.iter().map(of);
    all.filter(|t| !t.points.is_empty()).collect()
}

/// The highest multiple of 5 % that at least half of the trainings get to on their validation classes.
fn reach_level(results: &[CellResult], learner: &str) -> f64 {
    let mut best: Vec<f64> = results
        .iter()
        .filter(|r| r.cell.method.to_string() == learner && r.cell.share == 1.0 && r.episodes > 0)
        .map(CellResult::validated)
        .collect();
    best.sort_by(f64::total_cmp);
    let half = best.get(best.len() / 2).copied().unwrap_or(0.0);
    (half * 20.0).floor() / 20.0
}

fn reach(results: &[CellResult], names: &[String], learner: &str, level: f64) -> Vec<Reach> {
    let of = |name: &String| {
        let cells: Vec<_> = cells_of(results, name, learner).collect();
        let arrivals: Vec<f64> = cells
            .iter()
            .filter_map(|r| r.validations.iter().find(|v| v.accuracy >= level))
            .map(|validation| validation.episode as f64)
            .collect();
        let episodes = (!arrivals.is_empty()).then(|| median(&arrivals));
        // A backward pass costs about two forward ones.
        let gflop = |r: &CellResult| 3e-9 * r.flops as f64 * r.clips as f64;
        Reach {
            name: name.clone(),
            reached: arrivals.len(),
            of: cells.len(),
            seconds: episodes.map(|count| count * step_seconds(&cells)),
            gflop: episodes
                .zip(cells.first())
                .map(|(count, r)| count * gflop(r)),
        }
    };
    let all = names.iter().map(of);
    all.filter(|r| r.of > 0).collect()
}

/// How often two classes were taken for each other, and their queries, in one seed.
fn mutual(evaluation: &Evaluation, system: usize, a: usize, b: usize) -> (u64, u64) {
    let confusion = &evaluation.systems[system].confusion;
    let queries = |class: usize| confusion[class].iter().sum::<u64>();
    (confusion[a][b] + confusion[b][a], queries(a) + queries(b))
}

fn class_pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (a + 1..count).map(move |b| (a, b)))
}

/// The pairs of classes that each network takes for each other most.
fn confused(scored: &[Scored], names: &[String]) -> Vec<ConfusedPair> {
    let mut all = Vec::new();
    for name in names {
        let mut counts: BTreeMap<[&str; 2], (u64, u64)> = BTreeMap::new();
        for s in scored {
            let Some(system) = s.place(name) else {
                continue;
            };
            let classes = &s.evaluation.classes;
            for (a, b) in class_pairs(classes.len()) {
                let (taken, queries) = mutual(&s.evaluation, system, a, b);
                let entry = counts.entry([&classes[a], &classes[b]]).or_default();
                entry.0 += taken;
                entry.1 += queries;
            }
        }
        let mut pairs: Vec<ConfusedPair> = counts
            .into_iter()
            .map(|(classes, (taken, queries))| ConfusedPair {
                network: name.clone(),
                classes: classes.map(str::to_owned),
                share: taken as f64 / queries.max(1) as f64,
            })
            .collect();
        pairs.sort_by(|a, b| b.share.total_cmp(&a.share));
        pairs.truncate(CONFUSED);
        all.extend(pairs);
    }
    all
}

fn confusion(scored: &[Scored], name: Option<&String>) -> (Vec<String>, Vec<Vec<u64>>) {
    let found = scored.first().zip(name).and_then(|(s, name)| {
        let system = &s.evaluation.systems[s.place(name)?];
        Some((s.evaluation.classes.clone(), system.confusion.clone()))
    });
    found.unwrap_or_default()
}

/// Tells near neighbours apart, each pair by itself.
fn nearest(
    bench: &Workbench,
    scored: &[Scored],
    names: &[String],
    options: &ScoreOptions,
) -> Result<Nearest, AblateError> {
    let config = &bench.grid().config;
    let mut pairs = Vec::new();
    let mut evaluations = Vec::new();
    for s in scored {
        for [a, b] in near_pairs(s, options) {
            let classes = [&s.evaluation.classes[a], &s.evaluation.classes[b]];
            let of_pair: Vec<usize> = s
                .files
                .iter()
                .copied()
                .filter(|&index| {
                    let dataset = bench.dataset();
                    classes.contains(&&dataset.classes[dataset.items[index].class])
                })
                .collect();
            let pool = bench.dataset().pool(&of_pair);
            let sampler = EpisodeSampler::new(pool, 2, config.shot, config.query)?;
            let systems = s.systems(names);
            let found = evaluate(&sampler, &systems, options.episodes, TEST_SEED)?;
            pairs.push(NearPair {
                seed: s.seed,
                classes: classes.map(String::clone),
                accuracy: found
                    .systems
                    .iter()
                    .map(|system| (system.name.clone(), system.accuracy.mean))
                    .collect(),
            });
            evaluations.push(found);
        }
    }
    let mut differences = Vec::new();
    let of = bench.grid().focus.first().or(names.first());
    for against in BASELINES {
        let Some(of) = of.filter(|of| *of != against) else {
            continue;
        };
        let place = |e: &Evaluation, name: &str| e.systems.iter().position(|s| s.name == name);
        let mut estimates = Vec::new();
        for evaluation in &evaluations {
            if let (Some(a), Some(b)) = (place(evaluation, of), place(evaluation, against)) {
                let estimate = evaluation.difference(a, b, LEVEL)?.difference;
                estimates.push((estimate.mean, estimate.over_files));
            }
        }
        let whole: Option<Vec<(f64, Interval)>> = estimates
            .iter()
            .map(|(mean, i)| Some((*mean, (*i)?)))
            .collect();
        let shared = |i: usize, j: usize| {
            let common = pairs[i]
                .classes
                .iter()
                .filter(|c| pairs[j].classes.contains(c));
            common.count() as f64 / 2.0
        };
        if estimates.is_empty() {
            continue;
        }
        differences.push(DifferenceRow {
            of: of.clone(),
            against: against.into(),
            difference: Summary {
                mean: estimates.iter().map(|e| e.0).sum::<f64>() / estimates.len() as f64,
                over_files: whole.and_then(|e| pooled(&e, shared)).map(|(_, i)| i),
                over_seeds: None,
                seeds: Vec::new(),
            },
        });
    }
    Ok(Nearest { pairs, differences })
}

/// Places of the near neighbours among a seed's test classes.
fn near_pairs(s: &Scored, options: &ScoreOptions) -> Vec<[usize; 2]> {
    let classes = &s.evaluation.classes;
    if !options.near.is_empty() {
        let place = |name: &String| classes.iter().position(|class| class == name);
        let both = |[a, b]: &[String; 2]| Some([place(a)?, place(b)?]);
        return options.near.iter().filter_map(both).collect();
    }
    let Some(floor) = s.place(MFCC) else {
        return Vec::new();
    };
    let mut pairs: Vec<[usize; 2]> = class_pairs(classes.len()).map(|(a, b)| [a, b]).collect();
    let share = |&[a, b]: &[usize; 2]| {
        let (taken, queries) = mutual(&s.evaluation, floor, a, b);
        taken as f64 / queries.max(1) as f64
    };
    pairs.sort_by(|one, other| share(other).total_cmp(&share(one)));
    pairs.truncate(NEAREST);
    pairs
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
