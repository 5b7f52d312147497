//! The prototypes of genres: one each, or two where examples disagree.

#![allow(
    clippy::cast_possible_truncation,
    reason = "means are summed in f64, and vectors are f32"
)]

use crate::fewshot::Metric;

/// Means of the examples of each genre: `[genre][prototype]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prototypes {
    metric: Metric,
    /// For each genre and example the prototype that it is a part of.
    parts: Vec<Vec<usize>>,
    /// Sum and number of the examples of each prototype.
    sums: Vec<Vec<(Vec<f64>, usize)>>,
    means: Vec<Vec<Vec<f32>>>,
}

impl Prototypes {
    /// The means of `examples[genre][example]`, where `parts` says which prototype each goes to.
    pub(super) fn new(metric: Metric, examples: &[Vec<Vec<f32>>], parts: &[Vec<usize>]) -> Self {
        let width = examples.iter().flatten().next().map_or(0, Vec::len);
        let of_genre = |(examples, parts): (&Vec<Vec<f32>>, &Vec<usize>)| {
            let count = parts.iter().max().map_or(0, |last| last + 1);
            let mut sums = vec![(vec![0.0; width], 0); count];
            for (example, &part) in examples.iter().zip(parts) {
                add(&mut sums[part].0, example, 1.0);
                sums[part].1 += 1;
            }
            sums
        };
        let sums: Vec<Vec<_>> = examples.iter().zip(parts).map(of_genre).collect();
        let means = sums
            .iter()
            .map(|sums| sums.iter().filter_map(mean).collect());
        Self {
            metric,
            parts: parts.to_vec(),
            means: means.collect(),
            sums,
        }
    }

    /// The same prototypes of other vectors of the examples, compared by another metric.
    pub(super) fn of(&self, metric: Metric, examples: &[Vec<Vec<f32>>]) -> Self {
        Self::new(metric, examples, &self.parts)
    }

    pub(super) fn means(&self) -> &[Vec<Vec<f32>>] {
        &self.means
    }

    pub(super) fn count(&self, genre: usize) -> usize {
        self.means[genre].len()
    }

    pub(super) fn part(&self, genre: usize, example: usize) -> usize {
        self.parts[genre][example]
    }

    /// The distance of a vector to each prototype of a genre.
    fn to_each(&self, vector: &[f32], genre: usize) -> impl Iterator<Item = f32> {
        self.means[genre]
            .iter()
            .map(|mean| self.metric.distance(vector, mean))
    }

    /// The distance of a vector to the nearest prototype of a genre.
    pub(super) fn distance(&self, vector: &[f32], genre: usize) -> f32 {
        self.to_each(vector, genre).fold(f32::INFINITY, f32::min)
    }

    /// The prototype of a genre that is nearest to a vector.
    pub(super) fn nearest(&self, vector: &[f32], genre: usize) -> &[f32] {
        let distances = self.to_each(vector, genre).enumerate();
        let nearest = distances
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(0, |(k, _)| k);
        &self.means[genre][nearest]
    }

    /// The distance of an example to its own genre as it would be without it; infinite where nothing would be left.
    pub(super) fn without(&self, genre: usize, example: usize, vector: &[f32]) -> f32 {
        let own = self.parts[genre][example];
        let to = |(part, sum): (usize, &(Vec<f64>, usize))| {
            if part != own {
                return self.metric.distance(vector, &self.means[genre][part]);
            }
            let mut less = sum.clone();
            add(&mut less.0, vector, -1.0);
            less.1 -= 1;
            mean(&less).map_or(f32::INFINITY, |mean| self.metric.distance(vector, &mean))
        };
        let distances = self.sums[genre].iter().enumerate().map(to);
        distances.fold(f32::INFINITY, f32::min)
    }
}

fn add(sum: &mut [f64], vector: &[f32], times: f64) {
    for (sum, &value) in sum.iter_mut().zip(vector) {
        *sum += times * f64::from(value);
    }
}

fn mean((sum, count): &(Vec<f64>, usize)) -> Option<Vec<f32>> {
    (*count > 0).then(|| sum.iter().map(|sum| (sum / *count as f64) as f32).collect())
}
