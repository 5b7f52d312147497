//! Which classes networks mix up, and how well they tell near neighbours apart.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scored::Scored;
use super::summary::{BASELINES, DifferenceRow, ScoreOptions, Summary};
use super::{AblateError, TEST_SEED, Workbench};
use crate::data::Task;
use crate::fewshot::EpisodeSampler;
use crate::score::{Evaluation, LEVEL, MFCC, corrected_level, evaluate, mean_over_files};

/// Pairs of test classes a seed that count as near neighbours where none are named.
const NEAREST: usize = 3;

/// Confused pairs of classes that are told for each network.
const CONFUSED: usize = 5;

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
    /// The level of each difference's interval over files, corrected for their number.
    pub level: f64,
    /// The first focus network less each baseline, mean over the pairs. Where the MFCC floor chose the pairs, it is no
    /// baseline.
    pub differences: Vec<DifferenceRow>,
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
pub(super) fn confused(scored: &[Scored], names: &[String]) -> Vec<ConfusedPair> {
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

pub(super) fn confusion(scored: &[Scored], name: Option<&String>) -> (Vec<String>, Vec<Vec<u64>>) {
    let found = scored.first().zip(name).and_then(|(s, name)| {
        let system = &s.evaluation.systems[s.place(name)?];
        Some((s.evaluation.classes.clone(), system.confusion.clone()))
    });
    found.unwrap_or_default()
}

/// Tells near neighbours apart, each pair by itself.
pub(super) fn nearest(
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
            let sampler = EpisodeSampler::new(
                pool,
                Task {
                    way: 2,
                    ..config.task()
                },
            )?;
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
    let baselines: Vec<&str> = BASELINES
        .into_iter()
        // Pairs that the floor itself has chosen are the ones it fails on.
        .filter(|&against| against != MFCC || !options.near.is_empty())
        .filter(|&against| names.iter().any(|name| name == against))
        .filter(|&against| of.is_some_and(|of| of != against))
        .collect();
    let level = corrected_level(LEVEL, baselines.len());
    for &against in &baselines {
        let Some(of) = of else { continue };
        let place = |e: &Evaluation, name: &str| e.systems.iter().position(|s| s.name == name);
        let mut estimates = Vec::new();
        for evaluation in &evaluations {
            if let (Some(a), Some(b)) = (place(evaluation, of), place(evaluation, against)) {
                estimates.push(evaluation.difference(a, b, level)?.difference);
            }
        }
        let shared = |i: usize, j: usize| {
            let common = pairs[i]
                .classes
                .iter()
                .filter(|c| pairs[j].classes.contains(c));
            common.count() as f64 / 2.0
        };
        if let Some((mean, over_files)) = mean_over_files(&estimates, shared) {
            differences.push(DifferenceRow {
                of: of.clone(),
                against: against.into(),
                difference: Summary {
                    mean,
                    over_files,
                    over_seeds: None,
                    seeds: Vec::new(),
                },
            });
        }
    }
    Ok(Nearest {
        pairs,
        level,
        differences,
    })
}

/// The named pairs that no seed tests together.
pub(super) fn untested(near: &Nearest, options: &ScoreOptions) -> Vec<[String; 2]> {
    let is_untested = |[a, b]: &&[String; 2]| {
        let tested = |pair: &NearPair| pair.classes.contains(a) && pair.classes.contains(b);
        !near.pairs.iter().any(tested)
    };
    options.near.iter().filter(is_untested).cloned().collect()
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
