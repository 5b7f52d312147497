//! What an explanation is of: how much sooner a file is taken for one class than for another.

use serde::Serialize;

use crate::fewshot::Metric;
use crate::ops::Distance;

/// Classes as a network knows them by examples: prototypes, of which the nearest counts.
#[derive(Debug, Clone)]
pub struct Classes {
    /// Their names.
    pub names: Vec<String>,
    /// What embeddings are compared by; its scale makes log-odds of distances.
    pub metric: Metric,
    /// `[class][prototype]`, all of one length. A class without any is infinitely far away.
    pub prototypes: Vec<Vec<Vec<f32>>>,
}

/// Which classes a decision is between, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The class that is argued for.
    pub winner: usize,
    /// The one that is argued against; none where there is a single class, and then the question is how near that is.
    pub runner_up: Option<usize>,
}

impl Classes {
    /// The log-odds of each class: minus the scaled distance to its nearest prototype.
    pub fn logits(&self, embedding: &[f64]) -> Vec<f64> {
        let count = self.prototypes.len();
        let logit = |class| -f64::from(self.metric.scale) * self.nearest(class, embedding).1;
        (0..count).map(logit).collect()
    }

    /// The nearest class and the next; none without classes.
    pub fn decide(&self, embedding: &[f64]) -> Option<Decision> {
        let logits = self.logits(embedding);
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        Some(Decision {
            winner: *order.first()?,
            runner_up: order.get(1).copied(),
        })
    }

    /// The score of a decision: the log-odds, in nats, of the winner over the runner-up; of a single class its own logit.
    /// Above 0 the winner is nearer.
    pub fn score(&self, decision: Decision, embedding: &[f64]) -> f64 {
        let logit = |class| -f64::from(self.metric.scale) * self.nearest(class, embedding).1;
        logit(decision.winner) - decision.runner_up.map_or(0.0, logit)
    }

    /// The gradient of [`Self::score`] by the embedding.
    pub fn score_gradient(&self, decision: Decision, embedding: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; embedding.len()];
        let winner = (Some(decision.winner), -1.0);
        for (class, sign) in [winner, (decision.runner_up, 1.0)] {
            let Some(class) = class else { continue };
            let prototype = self.nearest(class, embedding).0;
            let factor = sign * f64::from(self.metric.scale);
            let slope = distance_gradient(self.metric.distance, embedding, prototype);
            for (sum, slope) in gradient.iter_mut().zip(slope) {
                *sum += factor * slope;
            }
        }
        gradient
    }

    /// The prototype of a class that is nearest to an embedding, and its distance.
    fn nearest(&self, class: usize, embedding: &[f64]) -> (&[f32], f64) {
        let of = |prototype: &'_ Vec<f32>| distance(self.metric.distance, embedding, prototype);
        let each = self.prototypes[class].iter().map(|p| (p.as_slice(), of(p)));
        let nearest = each.min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.unwrap_or((&[], f64::INFINITY))
    }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

/// As [`Metric::distance`], in f64.
fn distance(kind: Distance, a: &[f64], b: &[f32]) -> f64 {
    match kind {
        Distance::Euclidean => {
            let differences = a.iter().zip(b).map(|(a, &b)| a - f64::from(b));
            differences.map(|d| d * d).sum()
        }
        Distance::Cosine => {
            let norms = norm(a.iter().copied()) * norm(b.iter().map(|&b| f64::from(b)));
            match norms > 0.0 {
                true => 1.0 - dot(a, b) / norms,
                false => 1.0,
            }
        }
    }
}

/// The gradient of a distance by its first vector.
fn distance_gradient(kind: Distance, a: &[f64], b: &[f32]) -> Vec<f64> {
    let pairs = a.iter().zip(b).map(|(&a, &b)| (a, f64::from(b)));
    match kind {
        Distance::Euclidean => pairs.map(|(a, b)| 2.0 * (a - b)).collect(),
        Distance::Cosine => {
            let (of_a, of_b) = (
                norm(a.iter().copied()),
                norm(b.iter().map(|&b| f64::from(b))),
            );
            if of_a * of_b == 0.0 {
                return vec![0.0; a.len()];
            }
            let alike = dot(a, b) / (of_a * of_b);
            pairs
                .map(|(a, b)| (alike * a / of_a - b / of_b) / of_a)
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(metric: Metric) -> Classes {
        Classes {
            names: ["a", "b", "c"].map(String::from).to_vec(),
            metric,
            prototypes: vec![
                vec![vec![1.0, 0.2, -0.3], vec![-1.0, 2.0, 0.1]],
                vec![vec![0.5, 0.4, 0.3]],
                vec![vec![-0.2, -0.7, 1.5]],
            ],
        }
    }

    #[test]
    fn the_gradient_of_a_score_is_that_of_its_differences() {
        let at = [0.7, 0.3, 0.2];
        for metric in [Metric::EUCLIDEAN, Metric::COSINE] {
            let classes = classes(metric);
            let pairs = [(0, Some(1)), (1, Some(0)), (2, Some(0)), (1, None)];
            for (winner, runner_up) in pairs {
                let decision = Decision { winner, runner_up };
                let gradient = classes.score_gradient(decision, &at);
                for k in 0..3 {
                    let along = |h: f64| {
                        let mut moved = at;
                        moved[k] += h;
                        classes.score(decision, &moved)
                    };
                    let numeric = (along(1e-6) - along(-1e-6)) / 2e-6;
                    assert!((gradient[k] - numeric).abs() < 1e-6, "{decision:?} {k}");
                }
            }
        }
    }

    #[test]
    fn the_nearest_prototype_decides_and_log_odds_are_those_of_the_metric() {
        let classes = classes(Metric::COSINE);
        let at = [-0.9, 1.8, 0.0];
        let decision = classes.decide(&at).unwrap();
        assert_eq!((decision.winner, decision.runner_up), (0, Some(1)));
        let single = at.map(|value| value as f32);
        let to = |p: &[f32]| -10.0 * f64::from(Metric::COSINE.distance(&single, p));
        let odds = to(&classes.prototypes[0][1]) - to(&classes.prototypes[1][0]);
        assert!((classes.score(decision, &at) - odds).abs() < 1e-4);
        assert!(classes.score(decision, &at) > 0.0);
    }

    #[test]
    fn one_class_is_asked_how_near_it_is_and_none_decides_nothing() {
        let mut classes = classes(Metric::COSINE);
        classes.prototypes.truncate(1);
        let decision = classes.decide(&[1.0, 0.0, 0.0]).unwrap();
        assert_eq!((decision.winner, decision.runner_up), (0, None));
        assert!(classes.score(decision, &[1.0, 0.2, -0.3]).abs() < 1e-6);
        // What has no length is like nothing, and has no way to be more so.
        assert_eq!(classes.score_gradient(decision, &[0.0; 3]), [0.0; 3]);
        classes.prototypes.clear();
        assert!(classes.decide(&[1.0, 0.0, 0.0]).is_none());
    }
}
