//! How far probabilities can be relied on, and the scale that makes them mean what they say: how steep the softmax over
//! distances has to be (Guo et al. 2017, On Calibration of Modern Neural Networks: temperature scaling, ECE).

use serde::Serialize;

use super::asked::in_episodes;
use super::system::{NETWORK, System};
use crate::data::{Pool, Task};
use crate::fewshot::{Calibration, EpisodeSampler, Head, Metric, ScoreError};

/// Episodes that a scale is chosen by.
const EPISODES: usize = 400;

/// Bins of [`Reliability`], with as many queries in each.
const BINS: usize = 15;

/// How far from the scale that a network was trained with another is looked for, either way.
const FARTHEST: f64 = 1e4;

impl Calibration {
    /// The scales by which `way`-way episodes of a pool's files have the least log loss. `embeddings` go by the pool's file
    /// indices. Where the files are too few for five shots or for three, the scale for fewer stands in; None where they are
    /// too few for one.
    ///
    /// # Errors
    /// [`ScoreError`]: embeddings that are missing or not finite.
    pub fn fit(
        pool: &Pool,
        embeddings: &[Vec<f32>],
        metric: Metric,
        way: usize,
        seed: u64,
    ) -> Result<Option<Self>, ScoreError> {
        let scale = |shots: &[usize]| -> Result<Option<f32>, ScoreError> {
            let shapes = shots.iter().flat_map(|&shot| [(shot, 5), (shot, 1)]);
            let mut samplers = shapes.filter_map(|(shot, query)| {
                EpisodeSampler::new(pool.clone(), Task::new(way, shot, query)).ok()
            });
            let Some(sampler) = samplers.next() else {
                return Ok(None);
            };
            let asked = ask(&sampler, embeddings, metric, EPISODES, seed)?;
            Ok(Some(best_scale(&asked, metric)))
        };
        let Some(one) = scale(&[1])? else {
            return Ok(None);
        };
        let few = scale(&[3, 2])?.unwrap_or(one);
        let many = scale(&[5])?.unwrap_or(few);
        Ok(Some(Self { one, few, many }))
    }
}

/// A query's distances to the prototypes of its episode.
struct Asked {
    distances: Vec<f32>,
    /// The place of its own class.
    truth: usize,
}

fn ask(
    sampler: &EpisodeSampler,
    embeddings: &[Vec<f32>],
    metric: Metric,
    episodes: usize,
    seed: u64,
) -> Result<Vec<Asked>, ScoreError> {
    let system = System::new(NETWORK, embeddings, Head::Prototype(metric));
    let asked = in_episodes(sampler, &[system], episodes, seed, |episode| {
        let fitted = system.fit(&episode.support);
        let queries = episode.query.iter().enumerate();
        let queries = queries.flat_map(|(truth, files)| files.iter().map(move |f| (truth, *f)));
        let asked = |(truth, file)| Asked {
            distances: (0..episode.classes.len())
                .map(|slot| fitted.distance(system.query(file), slot))
                .collect(),
            truth,
        };
        queries.map(asked).collect::<Vec<_>>()
    })?;
    Ok(asked.into_iter().flatten().collect())
}

/// The scale of the least mean log loss. Its derivative, the mean of the true class's distance less the distance expected under
/// the softmax, rises with the scale, so its zero is found by halving; where all answers are right it has none, and the scale is
/// the largest looked at.
#[expect(clippy::cast_possible_truncation, reason = "scales are f32")]
fn best_scale(asked: &[Asked], metric: Metric) -> f32 {
    let slope = |scale: f64| {
        let scaled = Metric {
            scale: scale as f32,
            ..metric
        };
        let slopes = asked.iter().map(|query| {
            let expected = scaled.probabilities(&query.distances);
            let expected = expected.iter().zip(&query.distances);
            let expected: f64 = expected.map(|(p, &d)| p * f64::from(d)).sum();
            f64::from(query.distances[query.truth]) - expected
        });
        slopes.sum::<f64>()
    };
    let middle = f64::from(metric.scale);
    let (mut low, mut high) = (middle / FARTHEST, middle * FARTHEST);
    for _ in 0..50 {
        let scale = (low * high).sqrt();
        match slope(scale) < 0.0 {
            true => low = scale,
            false => high = scale,
        }
    }
    high as f32
}

/// Queries whose nearest class was told with about the same probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Mean probability told of the nearest class.
    pub told: f64,
    /// Share of them whose class it was.
    pub right: f64,
    /// Queries.
    pub queries: usize,
}

/// How far probabilities can be relied on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// What distances were scaled by.
    pub scale: f32,
    /// Whether the scale was chosen on validation files, or is that of the training.
    pub calibrated: bool,
    /// Expected calibration error: the mean over queries of the gap between told and right of their bin.
    pub calibration_error: f64,
    /// Mean of minus the logarithm of the probability told of the true class.
    pub log_loss: f64,
    /// Up to 15 bins of as many queries, by the probability told.
    pub bins: Vec<ReliabilityBin>,
}

/// Tells how far the probabilities of the nearest prototype can be relied on in episodes, of which the same seed draws the same as
/// for [`super::evaluate`]. `metric` has the scale to judge.
///
/// # Errors
/// [`ScoreError`]: embeddings that are missing or not finite.
pub fn reliability(
    sampler: &EpisodeSampler,
    embeddings: &[Vec<f32>],
    metric: Metric,
    calibrated: bool,
    episodes: usize,
    seed: u64,
) -> Result<Reliability, ScoreError> {
    let asked = ask(sampler, embeddings, metric, episodes, seed)?;
    let mut log_loss = 0.0;
    let mut told: Vec<(f64, bool)> = Vec::with_capacity(asked.len());
    for query in &asked {
        let probabilities = metric.probabilities(&query.distances);
        log_loss -= probabilities[query.truth].max(f64::MIN_POSITIVE).ln();
        let first = probabilities.iter().enumerate();
        let first = first.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        told.extend(first.map(|(place, &p)| (p, place == query.truth)));
    }
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = told.len().max(1);
    let bins: Vec<ReliabilityBin> = (0..BINS)
        .map(|bin| &told[bin * told.len() / BINS..(bin + 1) * told.len() / BINS])
        .filter(|queries| !queries.is_empty())
        .map(|queries| {
            let share = |sum: f64| sum / queries.len() as f64;
            ReliabilityBin {
                told: share(queries.iter().map(|(p, _)| p).sum()),
                right: share(
                    queries
                        .iter()
                        .map(|(_, right)| f64::from(u8::from(*right)))
                        .sum(),
                ),
                queries: queries.len(),
            }
        })
        .collect();
    let gaps = bins
        .iter()
        .map(|bin| (bin.told - bin.right).abs() * bin.queries as f64);
    Ok(Reliability {
        scale: metric.scale,
        calibrated,
        calibration_error: gaps.sum::<f64>() / count as f64,
        log_loss: log_loss / count as f64,
        bins,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// Files of a Gaussian around each class's centre. The log odds of two classes are then linear in the squared distances to
    /// the centres, with slope 1 / (2 sigma^2): the scale to be found.
    fn gaussians(sigma: f64, files: usize) -> (Pool, Vec<Vec<f32>>) {
        const CLASSES: usize = 6;
        let mut stream = Stream::new(3, "calibration", 0);
        let mut embeddings = Vec::new();
        let mut of_class = Vec::new();
        for class in 0..CLASSES {
            of_class.push((class * files..(class + 1) * files).collect());
            for _ in 0..files {
                let value = |k: usize| {
                    let centre = if k == class { 1.0 } else { 0.0 };
                    (centre + sigma * stream.normal()) as f32
                };
                embeddings.push((0..CLASSES).map(value).collect());
            }
        }
        let names = (0..CLASSES).map(|class| format!("class {class}")).collect();
        let groups = (0..CLASSES * files).collect();
        (Pool::new(names, of_class, groups), embeddings)
    }

    #[test]
    fn the_scale_is_that_of_the_files_noise_and_its_probabilities_are_true() {
        let sigma = 0.5;
        let (pool, embeddings) = gaussians(sigma, 300);
        // With many shots a prototype is the centre.
        let sampler = EpisodeSampler::new(pool.clone(), Task::new(5, 100, 5)).unwrap();
        let asked = ask(&sampler, &embeddings, Metric::EUCLIDEAN, 400, 1).unwrap();
        let scale = best_scale(&asked, Metric::EUCLIDEAN);
        let want = 1.0 / (2.0 * sigma * sigma);
        assert!(
            (f64::from(scale) / want - 1.0).abs() < 0.1,
            "{scale} {want}"
        );
        let judged = |scale| {
            let metric = Metric {
                scale,
                ..Metric::EUCLIDEAN
            };
            reliability(&sampler, &embeddings, metric, true, 400, 2).unwrap()
        };
        let best = judged(scale);
        assert_eq!(best.bins.len(), 15);
        assert_eq!(best.bins.iter().map(|b| b.queries).sum::<usize>(), 400 * 25);
        assert!(best.calibration_error < 0.03, "{best:?}");
        for other in [scale / 3.0, scale * 3.0] {
            let other = judged(other);
            assert!(other.log_loss > best.log_loss);
            assert!(other.calibration_error > 2.0 * best.calibration_error);
        }
        // Fewer examples lie farther off, and tell less.
        let fitted = Calibration::fit(&pool, &embeddings, Metric::EUCLIDEAN, 5, 1);
        let fitted = fitted.unwrap().unwrap();
        assert!(
            fitted.one < fitted.few && fitted.few < fitted.many,
            "{fitted:?}"
        );
        assert!(f64::from(fitted.many) < want);
        assert_eq!(fitted.scale(1), fitted.one);
        assert_eq!([2, 4].map(|shots| fitted.scale(shots)), [fitted.few; 2]);
        assert_eq!([5, 50].map(|shots| fitted.scale(shots)), [fitted.many; 2]);
    }

    #[test]
    fn too_few_files_for_many_shots_take_the_scale_of_fewer() {
        let fit = |files| {
            let (pool, embeddings) = gaussians(0.5, files);
            Calibration::fit(&pool, &embeddings, Metric::EUCLIDEAN, 5, 1).unwrap()
        };
        assert_eq!(fit(1), None);
        let two = fit(2).unwrap();
        assert!(two.one == two.few && two.few == two.many);
        let three = fit(3).unwrap();
        assert!(three.one != three.few && three.few == three.many);
    }

    #[test]
    fn a_hundred_percent_right_is_finite() {
        let (pool, embeddings) = gaussians(1e-3, 10);
        let fitted = Calibration::fit(&pool, &embeddings, Metric::EUCLIDEAN, 5, 1);
        assert!(fitted.unwrap().unwrap().check().is_ok());
    }
}
