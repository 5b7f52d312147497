//! Everything scored on one seed's test files, and summaries over the seeds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::summary::{DifferenceRow, ScoreOptions, Summary};
use super::{AblateError, CellResult, TEST_SEED, UNTRAINED, Workbench};
use crate::data::Part;
use crate::fewshot::{EpisodeSampler, Head, Metric, Standardiser, simple_shot};
use crate::model::Spec;
use crate::score::{
    Estimate, Evaluation, Interval, LEVEL, System, evaluate, mean_over_files, over_seeds,
};
use crate::settings::Method;

/// What a network is called under a learner: its name alone under the first.
pub(super) fn label(network: &str, method: Method, first: Method) -> String {
    if method == first {
        network.to_string()
    } else {
        format!("{network}, {method}")
    }
}

/// A system on one seed's test files.
pub(super) struct Candidate {
    name: String,
    embeddings: Vec<Vec<f32>>,
    head: Head,
}

/// One seed's candidates, scored.
pub(super) struct Scored {
    pub seed: u64,
    pub files: Vec<usize>,
    pub candidates: Vec<Candidate>,
    pub evaluation: Evaluation,
}

impl Scored {
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.candidates.iter().position(|c| c.name == name)
    }

    pub(super) fn systems<'a>(&'a self, names: &[String]) -> Vec<System<'a>> {
        let chosen = self.candidates.iter().filter(|c| names.contains(&c.name));
        chosen.map(system).collect()
    }
}

pub(super) fn system(candidate: &Candidate) -> System<'_> {
    System::new(&candidate.name, &candidate.embeddings, candidate.head)
}

/// The candidates of a seed on its test files, scored.
pub(super) fn score_seed(
    bench: &Workbench,
    results: &[CellResult],
    seed: u64,
    options: &ScoreOptions,
) -> Result<Scored, AblateError> {
    let grid = bench.grid();
    let dataset = bench.dataset();
    let first = grid.learners[0];
    let by_index = |by_path: &BTreeMap<PathBuf, Vec<f32>>| -> Vec<Vec<f32>> {
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
        let mut name = label(&cell.network, cell.method, first);
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
        candidates.extend(System::floors(&mfcc).map(|floor| Candidate {
            name: floor.name.into(),
            embeddings: mfcc.clone(),
            head: floor.head,
        }));
    }
    let files = bench.part(seed, Part::Test);
    let config = &grid.config;
    let pool = dataset.pool(&files);
    let sampler = EpisodeSampler::new(pool, config.task())?;
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
pub(super) struct Table<'a> {
    pub scored: &'a [Scored],
}

impl Table<'_> {
    pub(super) fn accuracy(&self, name: &str) -> Option<Summary> {
        let of_seeds: Vec<_> = self
            .scored
            .iter()
            .filter_map(|s| Some((s, s.evaluation.systems[s.place(name)?].accuracy)))
            .collect();
        let mut found = summary(&of_seeds)?;
        if let Some(interval) = &mut found.over_seeds {
            *interval = Interval {
                low: interval.low.max(0.0),
                high: interval.high.min(1.0),
            };
        }
        Some(found)
    }

    pub(super) fn difference(
        &self,
        of: &str,
        against: &str,
        level: f64,
    ) -> Result<DifferenceRow, AblateError> {
        let mut of_seeds = Vec::new();
        for s in self.scored {
            if let (Some(a), Some(b)) = (s.place(of), s.place(against)) {
                of_seeds.push((s, s.evaluation.difference(a, b, level)?.difference));
            }
        }
        let difference = summary(&of_seeds).ok_or_else(|| {
            AblateError::grid(format!("`{of}` and `{against}` have no seed in common"))
        })?;
        Ok(DifferenceRow {
            of: of.into(),
            against: against.into(),
            difference,
        })
    }
}

/// The mean over seeds with its intervals; none without a seed.
pub(super) fn summary(of_seeds: &[(&Scored, Estimate)]) -> Option<Summary> {
    let estimates: Vec<Estimate> = of_seeds.iter().map(|(_, estimate)| *estimate).collect();
    let shared = |i: usize, j: usize| {
        let [a, b] = [i, j].map(|k| &of_seeds[k].0.evaluation);
        a.shared_classes(b)
    };
    let (mean, over_files) = mean_over_files(&estimates, shared)?;
    let values: Vec<f64> = estimates.iter().map(|estimate| estimate.mean).collect();
    Some(Summary {
        mean,
        over_files,
        over_seeds: over_seeds(&values, LEVEL),
        seeds: of_seeds
            .iter()
            .map(|(s, estimate)| (s.seed, estimate.mean))
            .collect(),
    })
}
