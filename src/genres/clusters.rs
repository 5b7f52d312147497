//! k-means of vectors, the same every time.

#![allow(
    clippy::cast_possible_truncation,
    reason = "means are summed in f64, and vectors are f32"
)]

use std::collections::BTreeMap;

use crate::random::Stream;

/// Starts of which the best counts.
const STARTS: u64 = 4;

/// The same of 2-means.
const OUTERMOST: usize = 8;

/// The most rounds of a start.
const ROUNDS: usize = 50;

/// A vector of length 1; a zero stays zero.
pub(super) fn unit(vector: &[f32]) -> Vec<f32> {
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let scale = if square > 0.0 {
        square.sqrt().recip()
    } else {
        1.0
    };
    vector
        .iter()
        .map(|&x| (f64::from(x) * scale) as f32)
        .collect()
}

/// The squared distance of two vectors.
pub(super) fn square(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

/// The cluster of each point by k-means (Lloyd's rounds from k-means++ centres, the best of four starts), for any purpose the
/// same every time. Clusters are numbered from 0 without gaps by their first points; there are fewer than `k` where points
/// are equal.
pub(super) fn k_means(points: &[Vec<f32>], k: usize, purpose: &str) -> Vec<usize> {
    if points.is_empty() {
        return Vec::new();
    }
    let start = |number| {
        lloyd(
            points,
            seeds(points, k, &mut Stream::new(1, purpose, number)),
        )
    };
    best((0..STARTS).map(start))
}

/// The half of each point by 2-means: 0 or 1, by their first points; all 0 where points are equal. It is the best of eight
/// starts, each from one of the points farthest from the mean and the one farthest from that: nothing is drawn, so that a
/// page has the same halves.
pub(super) fn halves(points: &[Vec<f32>]) -> Vec<usize> {
    let whole = centres(points, &vec![0; points.len()]);
    let Some(mean) = whole.first() else {
        return Vec::new();
    };
    let mut outermost: Vec<&Vec<f32>> = points.iter().collect();
    outermost.sort_by(|a, b| square(b, mean).total_cmp(&square(a, mean)));
    let start = |one: &Vec<f32>| {
        let others = points.iter().rev();
        // The first among equals.
        let other = others.max_by(|a, b| square(a, one).total_cmp(&square(b, one)));
        lloyd(points, vec![one.clone(), other.unwrap_or(one).clone()])
    };
    best(outermost.into_iter().take(OUTERMOST).map(start))
}

/// The clusters of the start whose points lie nearest to their centres.
fn best(starts: impl Iterator<Item = (Vec<usize>, f64)>) -> Vec<usize> {
    let best = starts.min_by(|a, b| a.1.total_cmp(&b.1));
    numbered(best.map_or_else(Vec::new, |(clusters, _)| clusters))
}

/// Clusters by the order of their first points.
fn numbered(mut clusters: Vec<usize>) -> Vec<usize> {
    let mut names = BTreeMap::new();
    for cluster in &mut clusters {
        let next = names.len();
        *cluster = *names.entry(*cluster).or_insert(next);
    }
    clusters
}

/// The mean of each cluster.
pub(super) fn centres(points: &[Vec<f32>], clusters: &[usize]) -> Vec<Vec<f32>> {
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    let width = points.first().map_or(0, Vec::len);
    let mut sums = vec![(vec![0.0f64; width], 0usize); count];
    for (point, &cluster) in points.iter().zip(clusters) {
        let (sum, size) = &mut sums[cluster];
        sum.iter_mut()
            .zip(point)
            .for_each(|(sum, &x)| *sum += f64::from(x));
        *size += 1;
    }
    let mean = |(sum, size): (Vec<f64>, usize)| {
        let size = size.max(1) as f64;
        sum.iter().map(|x| (x / size) as f32).collect()
    };
    sums.into_iter().map(mean).collect()
}

/// The nearest centre and the squared distance to it, the first among equals.
pub(super) fn nearest(point: &[f32], centres: &[Vec<f32>]) -> (usize, f64) {
    let distances = centres
        .iter()
        .map(|centre| square(point, centre))
        .enumerate();
    distances
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, 0.0))
}

/// Centres by k-means++ (Arthur and Vassilvitskii 2007): each next one is drawn by its squared distance to those before it.
fn seeds(points: &[Vec<f32>], k: usize, stream: &mut Stream) -> Vec<Vec<f32>> {
    let mut centres = vec![points[stream.below(points.len())].clone()];
    while centres.len() < k {
        let weights: Vec<f64> = points.iter().map(|p| nearest(p, &centres).1).collect();
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut left = stream.unit() * total;
        let drawn = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a trace after the last one.
        let drawn = drawn.or_else(|| weights.iter().rposition(|w| *w > 0.0));
        centres.extend(drawn.map(|point| points[point].clone()));
    }
    centres
}

/// Lloyd's rounds until nothing moves: the clusters, and the sum of squared distances to their centres.
fn lloyd(points: &[Vec<f32>], mut middles: Vec<Vec<f32>>) -> (Vec<usize>, f64) {
    let mut clusters = vec![usize::MAX; points.len()];
    let mut total = f64::INFINITY;
    for _ in 0..ROUNDS {
        let near: Vec<(usize, f64)> = points.iter().map(|p| nearest(p, &middles)).collect();
        total = near.iter().map(|(_, square)| square).sum();
        let moved: Vec<usize> = near.iter().map(|(cluster, _)| *cluster).collect();
        if moved == clusters {
            break;
        }
        clusters = moved;
        let means = centres(points, &clusters);
        for (cluster, mean) in means.into_iter().enumerate() {
            // A centre that nothing is near to stays where it is.
            if clusters.contains(&cluster) {
                middles[cluster] = mean;
            }
        }
    }
    (clusters, total)
}
