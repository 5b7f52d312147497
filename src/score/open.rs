//! Open-set few-shot: how well the distance to the nearest class tells queries of unknown classes from those of known
//! ones.

use serde::Serialize;

use super::asked::ask;
use super::estimate::{Estimate, LEVEL};
use super::{System, question::Question};
use crate::data::{PoolError, Task};
use crate::fewshot::{Episode, EpisodeSampler, ScoreError};
use crate::random::Stream;

/// Parts that the episodes are cut into for the interval over episodes: an area needs many queries of both kinds.
const BATCHES: usize = 20;

/// Draws of known and unknown classes in each half of a halving.
const DRAWS: usize = 20;

/// Points of a curve, evenly spaced over the share of unknown queries accepted.
const POINTS: usize = 101;

/// A query's distance to the nearest known class, and whether its own is among them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Query {
    distance: f32,
    known: bool,
}

/// One system's figures.
#[derive(Debug, Clone, Serialize)]
pub struct OpenScore {
    /// The system.
    pub name: String,
    /// The chance that a query of an unknown class lies farther away than one of a known class, over all pairs of
    /// queries of all episodes: the area under the ROC curve. 0.5 is guessing.
    pub area: Estimate,
    /// The share of known queries rejected where it equals that of unknown ones accepted.
    pub equal_error_rate: f64,
    /// The distance at which it does.
    pub equal_error_distance: f32,
    /// The share of known queries accepted, by the share of unknown ones accepted at 0, 0.01 ... 1.
    pub curve: Vec<f64>,
    /// All queries, the nearest first.
    #[serde(skip)]
    queries: Vec<Query>,
}

impl OpenScore {
    /// The shares of known and of unknown queries no farther away than `distance`.
    pub fn accepted(&self, distance: f32) -> [f64; 2] {
        [true, false].map(|known| {
            let of_kind = || self.queries.iter().filter(|query| query.known == known);
            let near = of_kind().filter(|query| query.distance <= distance).count();
            near as f64 / of_kind().count().max(1) as f64
        })
    }
}

/// What [`evaluate_open`] found.
#[derive(Debug, Clone, Serialize)]
pub struct OpenEvaluation {
    /// Known classes an episode.
    pub known: usize,
    /// Unknown classes an episode.
    pub unknown: usize,
    /// Support files of each known class.
    pub shot: usize,
    /// Query files of each class, known or not.
    pub query: usize,
    /// Episodes.
    pub episodes: usize,
    /// The seed they were drawn by.
    pub seed: u64,
    /// Classes that both are drawn from.
    pub classes: usize,
    /// Files.
    pub files: usize,
    /// The systems, in the order given.
    pub systems: Vec<OpenScore>,
    /// The area of the first system less that of each other one, paired.
    pub differences: Vec<Estimate>,
    /// What is to be known about the intervals over files.
    pub note: Option<String>,
}

/// How well distances tell known queries from unknown ones: the area under the ROC curve, and the distance at which as many
/// known ones lie beyond as unknown ones within.
pub(crate) fn separation(known: &[f32], unknown: &[f32]) -> (f64, f32) {
    let of = |known| move |&distance: &f32| Query { distance, known };
    let queries = known
        .iter()
        .map(of(true))
        .chain(unknown.iter().map(of(false)));
    let queries = sorted([queries.collect()].iter());
    (area(&queries), equal_error(&queries).1)
}

/// Scores systems on the same episodes: the head of each is fitted on the supports of the first `known` classes of an
/// episode, and the queries of all its classes are ranked by the distance to the nearest of them. `sampler` draws
/// episodes of known and unknown classes together.
///
/// # Errors
/// [`ScoreError`]; [`PoolError::TooFewClasses`] inside for no class beyond the known ones.
pub fn evaluate_open(
    sampler: &EpisodeSampler,
    systems: &[System],
    known: usize,
    episodes: usize,
    seed: u64,
) -> Result<OpenEvaluation, ScoreError> {
    let Task { way, shot, query } = sampler.task();
    if known == 0 || known >= way {
        return Err(PoolError::TooFewClasses {
            way: known.saturating_add(1),
            classes: known,
        }
        .into());
    }
    let question = IsKnown { known };
    let (answers, figures) = ask(&question, sampler, systems, episodes, seed)?;
    let scores = systems.iter().enumerate().map(|(number, system)| {
        let queries = sorted(answers.iter().map(|by_system| &by_system[number]));
        let (equal_error_rate, equal_error_distance) = equal_error(&queries);
        OpenScore {
            name: system.name.into(),
            area: Estimate {
                // Pairs of queries of different batches count too.
                mean: area(&queries),
                ..figures.of(number)
            },
            equal_error_rate,
            equal_error_distance,
            curve: curve(&queries),
            queries,
        }
    });
    let scores: Vec<OpenScore> = scores.collect();
    let differences = (1..systems.len()).map(|other| Estimate {
        mean: scores[0].area.mean - scores[other].area.mean,
        ..figures.less(0, other, LEVEL)
    });
    let pool = sampler.pool();
    Ok(OpenEvaluation {
        known,
        unknown: way - known,
        shot,
        query,
        episodes,
        seed,
        classes: pool.files.len(),
        files: pool.files.iter().map(Vec::len).sum(),
        differences: differences.collect(),
        note: figures.note,
        systems: scores,
    })
}

/// The question: is a query of one of the first `known` classes of its episode, whose supports have been learned?
struct IsKnown {
    known: usize,
}

impl Question for IsKnown {
    type Answers = Vec<Query>;

    fn ask(&self, systems: &[System], episode: &Episode) -> Vec<Vec<Query>> {
        let of = |system: &System| {
            let fitted = system.fit(&episode.support[..self.known]);
            let queries = episode.query.iter().enumerate();
            let queries = queries.flat_map(|(slot, files)| files.iter().map(move |f| (slot, *f)));
            let query = |(slot, file)| {
                let distances = (0..self.known).map(|k| fitted.distance(system.query(file), k));
                Query {
                    distance: distances.fold(f32::INFINITY, f32::min),
                    known: slot < self.known,
                }
            };
            queries.map(query).collect()
        };
        systems.iter().map(of).collect()
    }

    /// The area under the curve.
    fn figures(&self, answers: &[&Vec<Query>]) -> Vec<f64> {
        vec![area(&sorted(answers.iter().copied()))]
    }

    fn together(&self, episodes: usize) -> usize {
        episodes.div_ceil(BATCHES)
    }

    fn draw_half(
        &self,
        sampler: &EpisodeSampler,
        mut files: Vec<Vec<usize>>,
        shot: usize,
        stream: &mut Stream,
    ) -> Option<Vec<Episode>> {
        let way = sampler.task().way;
        let mut classes: Vec<usize> = (0..files.len()).collect();
        let draw = |_| {
            stream.partial_shuffle(&mut classes, way);
            files.iter_mut().for_each(|files| stream.shuffle(files));
            let drawn = &classes[..way];
            let of_drawn: Vec<_> = drawn.iter().map(|&class| files[class].clone()).collect();
            let sides = sampler.part(drawn, &of_drawn, shot, 1)?;
            Some(Episode::of(drawn.to_vec(), sides))
        };
        (0..DRAWS).map(draw).collect()
    }
}

/// All queries of some episodes, the nearest first.
fn sorted<'a>(answers: impl Iterator<Item = &'a Vec<Query>>) -> Vec<Query> {
    let mut queries: Vec<Query> = answers.flatten().copied().collect();
    queries.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    queries
}

/// Shares of unknown and known queries accepted, from none to all, by rising distance; equal distances together.
fn steps(queries: &[Query]) -> Vec<([f64; 2], f32)> {
    let count = |known: bool| queries.iter().filter(|q| q.known == known).count().max(1) as f64;
    let totals = [count(false), count(true)];
    let mut accepted = [0usize; 2];
    let mut found = vec![([0.0, 0.0], f32::NEG_INFINITY)];
    for equal in queries.chunk_by(|a, b| a.distance == b.distance) {
        for query in equal {
            accepted[usize::from(query.known)] += 1;
        }
        let shares = [0, 1].map(|kind| accepted[kind] as f64 / totals[kind]);
        found.push((shares, equal[0].distance));
    }
    found
}

/// The area under the curve of sorted queries.
fn area(queries: &[Query]) -> f64 {
    let trapezium = |pair: &[([f64; 2], f32)]| {
        let [([x0, y0], _), ([x1, y1], _)] = [pair[0], pair[1]];
        (x1 - x0) * (y0 + y1) / 2.0
    };
    steps(queries).windows(2).map(trapezium).sum()
}

/// The rate at which as many known queries are rejected as unknown ones accepted, and the distance nearest to it.
fn equal_error(queries: &[Query]) -> (f64, f32) {
    let steps = steps(queries);
    let gap = |[unknown, known]: [f64; 2]| unknown - (1.0 - known);
    let after = steps.iter().position(|(shares, _)| gap(*shares) >= 0.0);
    let Some(after) = after.filter(|&after| after > 0) else {
        return (0.5, f32::INFINITY);
    };
    let ((before, _), (shares, distance)) = (steps[after - 1], steps[after]);
    let part = gap(before) / (gap(before) - gap(shares));
    (before[0] + part * (shares[0] - before[0]), distance)
}

fn curve(queries: &[Query]) -> Vec<f64> {
    let steps = steps(queries);
    let at = |point: usize| {
        let x = point as f64 / (POINTS - 1) as f64;
        let after = steps.partition_point(|([unknown, _], _)| *unknown <= x);
        let [x0, y0] = steps[after.saturating_sub(1)].0;
        match steps.get(after) {
            Some(([x1, y1], _)) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
            None => y0,
        }
    };
    (0..POINTS).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Pool;
    use crate::fewshot::{Head, Metric};
    use rayon::prelude::*;

    fn of(known: &[f32], unknown: &[f32]) -> Vec<Query> {
        let kinds = [(known, true), (unknown, false)];
        let all = kinds.into_iter().flat_map(|(distances, known)| {
            distances
                .iter()
                .map(move |&distance| Query { distance, known })
        });
        sorted(std::iter::once(&all.collect()))
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_the_right_order() {
        // Of 3 x 4 pairs 8 are right and two are equal.
        let (known, unknown) = ([1.0, 2.0, 5.0], [2.0, 3.0, 4.0, 5.0]);
        let pairs = known
            .iter()
            .flat_map(|k| unknown.iter().map(move |u| (k, u)));
        let counted: f64 = pairs
            .map(|(k, u)| {
                if k < u {
                    1.0
                } else if k == u {
                    0.5
                } else {
                    0.0
                }
            })
            .sum();
        assert!((area(&of(&known, &unknown)) - counted / 12.0).abs() < 1e-12);
        assert_eq!(area(&of(&[1.0], &[2.0])), 1.0);
        assert_eq!(area(&of(&[7.0, 7.0], &[7.0])), 0.5);
    }

    #[test]
    fn errors_are_equal_where_the_curve_crosses_the_falling_diagonal() {
        let (rate, distance) = equal_error(&of(&[1.0, 2.0, 3.0, 6.0], &[4.0, 5.0, 7.0, 8.0]));
        // At distance 4 one of four unknown ones is accepted and one of four known ones rejected.
        assert_eq!((rate, distance), (0.25, 4.0));
        assert_eq!(equal_error(&of(&[1.0], &[2.0])).0, 0.0);
        assert_eq!(equal_error(&of(&[3.0, 3.0], &[3.0])).0, 0.5);
        let found = curve(&of(&[1.0, 3.0], &[2.0, 4.0]));
        assert_eq!(
            (found[0], found[49], found[50], found[100]),
            (0.5, 0.5, 1.0, 1.0)
        );
    }

    /// Classes at corners of a cube with normal noise of deviation 1.
    fn simulated(seed: u64, files: usize, apart: f64) -> (EpisodeSampler, Vec<Vec<f32>>) {
        let mut stream = Stream::new(seed, "test", 0);
        let classes = 6;
        let embeddings = (0..classes * files).map(|file| {
            let corner = |j: usize| if j == file / files { apart } else { 0.0 };
            (0..6)
                .map(|j| (stream.normal() + corner(j)) as f32)
                .collect()
        });
        let embeddings = embeddings.collect();
        let of_class = (0..classes).map(|c| (c * files..(c + 1) * files).collect());
        let names = (0..classes).map(|c| c.to_string()).collect();
        let pool = Pool::new(names, of_class.collect(), (0..classes * files).collect());
        (
            EpisodeSampler::new(pool, Task::new(6, 2, 2)).unwrap(),
            embeddings,
        )
    }

    fn system(embeddings: &[Vec<f32>]) -> System<'_> {
        System::new("corners", embeddings, Head::Prototype(Metric::EUCLIDEAN))
    }

    #[test]
    fn far_classes_are_told_apart_and_equal_ones_are_not() {
        for (apart, low, high) in [(30.0, 1.0, 1.0), (0.0, 0.4, 0.6), (3.0, 0.75, 0.999)] {
            let (sampler, embeddings) = simulated(1, 8, apart);
            let found = evaluate_open(&sampler, &[system(&embeddings)], 3, 200, 1).unwrap();
            let area = found.systems[0].area.mean;
            assert!((low..=high).contains(&area), "{apart}: {area}");
        }
        let (sampler, embeddings) = simulated(1, 8, 30.0);
        let found = evaluate_open(&sampler, &[system(&embeddings)], 3, 40, 1).unwrap();
        let score = &found.systems[0];
        assert_eq!(score.equal_error_rate, 0.0);
        assert_eq!(score.accepted(f32::NEG_INFINITY), [0.0, 0.0]);
        assert_eq!(score.accepted(f32::INFINITY), [1.0, 1.0]);
        assert_eq!(score.accepted(200.0), [1.0, 0.0]);
    }

    #[test]
    fn the_interval_over_files_holds_the_area_of_many_other_files() {
        let (sampler, embeddings) = simulated(99, 400, 2.0);
        let truth = evaluate_open(&sampler, &[system(&embeddings)], 3, 2000, 1).unwrap();
        let truth = truth.systems[0].area.mean;
        let holds = |seed: &u64| {
            let (sampler, embeddings) = simulated(*seed, 12, 2.0);
            let found = evaluate_open(&sampler, &[system(&embeddings)], 3, 100, 1).unwrap();
            let interval = found.systems[0].area.over_files.unwrap();
            (interval.low..=interval.high).contains(&truth)
        };
        let held = (1000..1060u64).into_par_iter().filter(holds).count();
        // 57 of 60 are expected.
        assert!(held >= 52, "{held} of 60");
    }

    #[test]
    fn known_classes_only_are_refused() {
        let (sampler, embeddings) = simulated(1, 8, 2.0);
        assert!(evaluate_open(&sampler, &[system(&embeddings)], 6, 20, 1).is_err());
    }
}
