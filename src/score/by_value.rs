//! Accuracy by what else is known of the queries.

use std::collections::BTreeMap;

use serde::Serialize;

use super::estimate::LEVEL;
use super::interval::{Files, Interval};
use super::{Evaluation, EvaluationQueries};
use crate::data::Pool;

/// Fewer groups of queries have no interval, as elsewhere.
const FEWEST_GROUPS: usize = 4;

/// The accuracy of one system on the queries of one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ValueAccuracy {
    /// Right answers by queries, 0 to 1.
    pub accuracy: f64,
    /// How far other QUERY files of this value would move it, 95 %, files of a group counting as one. The luck of the
    /// supports, which all values share, is not in it. None below four files or groups.
    pub over_queries: Option<Interval>,
}

/// The queries of one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueScore {
    /// The value; none for files without one.
    pub value: Option<String>,
    /// Files that were queries.
    pub files: usize,
    /// Queries, a file counting once for each episode that asked for it.
    pub queries: u64,
    /// The evaluation's systems, in its order.
    pub systems: Vec<ValueAccuracy>,
}

/// Parts the queries of an evaluation by `value_of` each file, sorted by value. `pool` is that of the evaluation.
pub fn by_value<'a>(
    evaluation: &Evaluation,
    pool: &Pool,
    value_of: impl Fn(usize) -> Option<&'a str>,
) -> Vec<ValueScore> {
    let mut files: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for &file in evaluation.queries.keys() {
        files.entry(value_of(file)).or_default().push(file);
    }
    let score = |(value, files): (Option<&str>, Vec<usize>)| ValueScore {
        value: value.map(str::to_owned),
        files: files.len(),
        queries: files.iter().map(|f| evaluation.queries[f].asked).sum(),
        systems: (0..evaluation.systems.len())
            .map(|system| {
                let mut groups: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
                for file in &files {
                    let EvaluationQueries { asked, right } = &evaluation.queries[file];
                    let [sum_right, sum_asked] = groups.entry(pool.group_of[*file]).or_default();
                    *sum_right += right[system] as f64;
                    *sum_asked += *asked as f64;
                }
                of_groups(&Vec::from_iter(groups.into_values()))
            })
            .collect(),
    };
    files.into_iter().map(score).collect()
}

/// From right answers and queries of each group: their ratio, and its variance by groups (Cochran 1977, Sampling
/// Techniques, 6.4).
fn of_groups(groups: &[[f64; 2]]) -> ValueAccuracy {
    let sum = |k: usize| groups.iter().map(|group| group[k]).sum::<f64>();
    let (right, asked) = (sum(0), sum(1));
    let accuracy = right / asked;
    let count = groups.len() as f64;
    let squares = groups
        .iter()
        .map(|[right, asked]| (right - accuracy * asked).powi(2))
        .sum::<f64>();
    let variance = count / (count - 1.0).max(1.0) * squares / (asked * asked);
    ValueAccuracy {
        accuracy,
        over_queries: (groups.len() >= FEWEST_GROUPS).then(|| {
            Interval::of_accuracy(accuracy, variance, &Files::of_groups(groups.len()), LEVEL)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Task;
    use crate::fewshot::{EpisodeSampler, Head, Metric};
    use crate::score::{System, evaluate};

    #[test]
    fn the_interval_of_equal_groups_is_that_of_a_mean() {
        let groups = [[1.0, 2.0], [2.0, 2.0], [0.0, 2.0], [1.0, 2.0], [2.0, 2.0]];
        let found = of_groups(&groups);
        assert!((found.accuracy - 0.6).abs() < 1e-12);
        // Shares 0.5, 1, 0, 0.5, 1: variance of the mean 0.175 / 5.
        let interval = Interval::of_accuracy(0.6, 0.035, &Files::of_groups(5), LEVEL);
        let found = found.over_queries.unwrap();
        assert!((found.low - interval.low).abs() < 1e-12);
        assert!((found.high - interval.high).abs() < 1e-12);
        assert_eq!(of_groups(&groups[..3]).over_queries, None);
        // Right answers only are no certainty.
        assert!(of_groups(&[[2.0, 2.0]; 5]).over_queries.unwrap().low < 0.9);
    }

    #[test]
    fn values_part_the_queries_and_their_accuracies_average_to_the_whole() {
        // Two classes of eight files; those of the value `far` lie with the other class.
        let far = |file: usize| file % 8 >= 6;
        let embeddings: Vec<Vec<f32>> = (0..16)
            .map(|file| vec![((file < 8) != far(file)) as u8 as f32 + file as f32 * 1e-3])
            .collect();
        let names = vec!["a".into(), "b".into()];
        let files = vec![(0..8).collect(), (8..16).collect()];
        let pool = Pool::new(names, files, (0..16).collect());
        let sampler = EpisodeSampler::new(pool.clone(), Task::new(2, 3, 2)).unwrap();
        let system = System::new("made up", &embeddings, Head::Prototype(Metric::EUCLIDEAN));
        let found = evaluate(&sampler, &[system], 300, 1).unwrap();
        let value = |file: usize| (file != 0).then_some(if far(file) { "far" } else { "near" });
        let values = by_value(&found, &pool, value);
        let names: Vec<_> = values.iter().map(|v| v.value.as_deref()).collect();
        assert_eq!(names, [None, Some("far"), Some("near")]);
        let files: Vec<_> = values.iter().map(|v| v.files).collect();
        assert_eq!(files, [1, 4, 11]);
        let queries: u64 = values.iter().map(|v| v.queries).sum();
        assert_eq!(queries, 300 * 4);
        let right = values
            .iter()
            .map(|v| v.systems[0].accuracy * v.queries as f64);
        let mean = right.sum::<f64>() / queries as f64;
        assert!((mean - found.systems[0].accuracy.mean).abs() < 1e-9);
        assert!(values[1].systems[0].accuracy < 0.3 && values[2].systems[0].accuracy > 0.7);
    }
}
