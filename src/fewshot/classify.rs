//! The answer for one file, with its reasons.

use super::{Metric, ScoreError, prototype};
use serde::{Deserialize, Serialize};

/// A class and how near it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The class, an index into the examples.
    pub class: usize,
    /// Distance to its prototype.
    pub distance: f32,
    /// Softmax probability among the classes given: it says nothing about classes that were not.
    pub probability: f64,
}

/// An example and how near it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its class, an index into the examples.
    pub class: usize,
    /// Its place within the class.
    pub example: usize,
    /// Distance to it.
    pub distance: f32,
}

/// The classes from near to far, and the examples that are nearest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// All classes, nearest first.
    pub ranked: Vec<Ranked>,
    /// The nearest examples of any class, nearest first.
    pub nearest: Vec<Neighbour>,
}

/// Ranks the classes for one embedding by the distance to the mean of each class's examples, and names the `nearest`
/// examples. `examples[class][example]` are embeddings of the query's length, one per file.
///
/// # Errors
/// [`ScoreError::NoExamples`], [`ScoreError::Lengths`], [`ScoreError::QueryNotFinite`].
pub fn classify(
    query: &[f32],
    examples: &[Vec<Vec<f32>>],
    metric: Metric,
    nearest: usize,
) -> Result<Classification, ScoreError> {
    let all = || examples.iter().flatten();
    if examples.is_empty() || examples.iter().any(Vec::is_empty) {
        return Err(ScoreError::NoExamples);
    }
    for embedding in std::iter::once(query).chain(all().map(Vec::as_slice)) {
        if embedding.is_empty() || embedding.len() != query.len() {
            return Err(ScoreError::Lengths {
                found: embedding.len(),
                expected: query.len(),
            });
        }
        if embedding.iter().any(|value| !value.is_finite()) {
            return Err(ScoreError::QueryNotFinite);
        }
    }
    let distances: Vec<f32> = examples
        .iter()
        .map(|class| metric.distance(query, &prototype(class.iter().map(Vec::as_slice))))
        .collect();
    let mut ranked: Vec<Ranked> = metric
        .probabilities(&distances)
        .into_iter()
        .zip(&distances)
        .enumerate()
        .map(|(class, (probability, &distance))| Ranked {
            class,
            distance,
            probability,
        })
        .collect();
    ranked.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let mut neighbours: Vec<Neighbour> = examples
        .iter()
        .enumerate()
        .flat_map(|(class, embeddings)| {
            embeddings
                .iter()
                .enumerate()
                .map(move |(example, e)| (class, example, e))
        })
        .map(|(class, example, e)| Neighbour {
            class,
            example,
            distance: metric.distance(query, e),
        })
        .collect();
    neighbours.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    neighbours.truncate(nearest);
    Ok(Classification {
        ranked,
        nearest: neighbours,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Vec<Vec<f32>>> {
        vec![
            vec![vec![0.0, 0.0], vec![0.0, 2.0]],
            vec![vec![4.0, 1.0]],
            vec![vec![-9.0, 1.0], vec![1.0, 1.5]],
        ]
    }

    #[test]
    fn classes_are_ranked_by_prototype_and_examples_by_their_own_distance() {
        let found = classify(&[1.0, 1.0], &examples(), Metric::EUCLIDEAN, 2).unwrap();
        let order: Vec<(usize, f32)> = found.ranked.iter().map(|r| (r.class, r.distance)).collect();
        assert_eq!(order, [(0, 1.0), (1, 9.0), (2, 25.0625)]);
        assert!((found.ranked.iter().map(|r| r.probability).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((found.ranked[0].probability / found.ranked[1].probability).ln() - 8.0 < 1e-6);
        // The nearest single example belongs to the farthest class.
        assert_eq!(
            (
                found.nearest[0].class,
                found.nearest[0].example,
                found.nearest[0].distance
            ),
            (2, 1, 0.25)
        );
        assert_eq!(found.nearest.len(), 2);
    }

    #[test]
    fn examples_that_cannot_be_compared_are_refused() {
        let lengths = classify(&[1.0], &examples(), Metric::COSINE, 1);
        assert!(matches!(
            lengths,
            Err(ScoreError::Lengths {
                found: 2,
                expected: 1
            })
        ));
        assert!(matches!(
            classify(&[1.0], &[], Metric::COSINE, 1),
            Err(ScoreError::NoExamples)
        ));
        assert!(matches!(
            classify(&[1.0], &[vec![]], Metric::COSINE, 1),
            Err(ScoreError::NoExamples)
        ));
        let nan = classify(&[1.0, f32::NAN], &examples(), Metric::COSINE, 1);
        assert!(matches!(nan, Err(ScoreError::QueryNotFinite)));
    }
}
