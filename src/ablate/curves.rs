//! Accuracy over shots, over training classes, and over the training itself.

use serde::Serialize;

use super::scored::{Scored, Table, summary};
use super::summary::{ScoreOptions, Summary};
use super::{AblateError, CellResult, TEST_SEED, Workbench};
use crate::data::Task;
use crate::fewshot::EpisodeSampler;
use crate::measure::Spread;
use crate::score::{Estimate, evaluate};
use crate::settings::Method;

/// Shots of the shot curve, as far as the files allow them.
const SHOTS: [usize; 8] = [1, 2, 3, 5, 8, 10, 15, 20];

/// Queries a class of the shot curve: few, so that the files allow many shots.
const CURVE_QUERY: usize = 2;

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

/// Seconds of a training step, of the fastest cell.
pub(super) fn step_seconds(cells: &[&CellResult]) -> f64 {
    let steps = cells.iter().map(|r| r.seconds / r.episodes.max(1) as f64);
    steps.fold(f64::INFINITY, f64::min)
}

/// Accuracy over shots, for as many as the test files of every seed allow.
pub(super) fn shot_curves(
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
            EpisodeSampler::new(pool, Task::new(way, shots, CURVE_QUERY)).ok()
        };
        let Some(samplers) = scored.iter().map(sampler).collect::<Option<Vec<_>>>() else {
            break;
        };
        let mut of_seeds: Vec<Vec<(&Scored, Estimate)>> = vec![Vec::new(); names.len()];
        for (s, sampler) in scored.iter().zip(&samplers) {
            let found = evaluate(sampler, &s.systems(names), options.episodes, TEST_SEED)?;
            for system in &found.systems {
                if let Some(place) = names.iter().position(|name| *name == system.name) {
                    of_seeds[place].push((s, system.accuracy));
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
    curves.retain(|curve| !curve.points.is_empty());
    Ok(curves)
}

/// Accuracy over the number of training classes, of the networks that were trained on fewer.
pub(super) fn size_curves(table: &Table, bench: &Workbench, classes: usize) -> Vec<Curve> {
    let grid = bench.grid();
    let mut shares = grid.shares.clone();
    shares.sort_by(f64::total_cmp);
    let of = |name: &String| {
        let fewer = shares.iter().filter_map(|share| {
            let label = format!("{name}, {} % of the classes", (100.0 * share).round());
            let x = (share * classes as f64).round().max(2.0);
            let accuracy = table.accuracy(&label)?;
            // Of a few classes some shares are all.
            (x < classes as f64).then_some(CurvePoint { x, accuracy })
        });
        let all = table.accuracy(name).map(|accuracy| CurvePoint {
            x: classes as f64,
            accuracy,
        });
        let mut points: Vec<CurvePoint> = fewer.chain(all).collect();
        points.dedup_by_key(|point| point.x);
        Curve {
            name: name.clone(),
            points,
        }
    };
    let curves = grid.focus.iter().map(of);
    curves.filter(|curve| curve.points.len() > 1).collect()
}

/// The results of a network's cells at full size.
fn cells_of<'a>(
    results: &'a [CellResult],
    network: &'a str,
    learner: Method,
) -> impl Iterator<Item = &'a CellResult> {
    results.iter().filter(move |r| {
        r.cell.network == network
            && r.cell.method == learner
            && r.cell.share == 1.0
            && r.episodes > 0
    })
}

pub(super) fn trajectories(
    results: &[CellResult],
    names: &[String],
    learner: Method,
) -> Vec<Trajectory> {
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
pub(super) fn reach_level(results: &[CellResult], learner: Method) -> f64 {
    let mut best: Vec<f64> = results
        .iter()
        .filter(|r| r.cell.method == learner && r.cell.share == 1.0 && r.episodes > 0)
        .map(CellResult::validated)
        .collect();
    best.sort_by(f64::total_cmp);
    let half = best.get(best.len() / 2).copied().unwrap_or(0.0);
    (half * 20.0).floor() / 20.0
}

pub(super) fn reach(
    results: &[CellResult],
    names: &[String],
    learner: Method,
    level: f64,
) -> Vec<Reach> {
    let of = |name: &String| {
        let cells: Vec<_> = cells_of(results, name, learner).collect();
        let arrivals: Vec<f64> = cells
            .iter()
            .filter_map(|r| r.validations.iter().find(|v| v.accuracy >= level))
            .map(|validation| validation.episode as f64)
            .collect();
        let episodes = (!arrivals.is_empty()).then(|| Spread::of(&arrivals).median);
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
