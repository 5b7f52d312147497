//! Groups of tracks that no genre covers.

use std::cmp::Reverse;

use super::clusters::{centres, k_means, square, unit};
use crate::fewshot::Whitening;
use crate::random::Stream;

/// Tracks that the number of groups is chosen by.
const SAMPLE: usize = 1000;

/// The fewest tracks of a group.
const FEWEST: usize = 3;

/// A group of tracks that may be a genre.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// Its tracks, the most typical first: places in what was given.
    pub tracks: Vec<usize>,
}

/// Groups tracks, of which `embeddings` has one each, by k-means of whitened embeddings brought to length 1; the largest
/// group first, those of fewer than three tracks left out. There are two groups or more, at most `most`: as many as give the
/// best mean silhouette (Rousseeuw 1987), over a sample of a thousand where there are more tracks. Fewer than six tracks are
/// one group. The same tracks in the same order give the same groups.
pub fn suggest(embeddings: &[&[f32]], whitening: &Whitening, most: usize) -> Vec<Suggestion> {
    let points: Vec<Vec<f32>> = embeddings
        .iter()
        .map(|e| unit(&whitening.apply(e)))
        .collect();
    let clusters = match points.len() < 2 * FEWEST {
        true => vec![0; points.len()],
        false => k_means(&points, groups(&points, most), "suggest"),
    };
    let middles = centres(&points, &clusters);
    let group = |(cluster, middle): (usize, &Vec<f32>)| {
        let tracks = (0..points.len()).filter(|&track| clusters[track] == cluster);
        let mut tracks: Vec<usize> = tracks.collect();
        let far = |track: usize| square(&points[track], middle);
        tracks.sort_by(|&a, &b| far(a).total_cmp(&far(b)));
        Suggestion { tracks }
    };
    let mut found: Vec<Suggestion> = middles.iter().enumerate().map(group).collect();
    found.retain(|group| group.tracks.len() >= FEWEST);
    found.sort_by_key(|group| Reverse(group.tracks.len()));
    found
}

/// The number of groups with the best silhouette, the smallest among equals.
fn groups(points: &[Vec<f32>], most: usize) -> usize {
    let mut sample: Vec<usize> = (0..points.len()).collect();
    if sample.len() > SAMPLE {
        Stream::new(1, "silhouette", 0).partial_shuffle(&mut sample, SAMPLE);
        sample.truncate(SAMPLE);
        sample.sort_unstable();
    }
    let sample: Vec<Vec<f32>> = sample.into_iter().map(|k| points[k].clone()).collect();
    let between =
        |a: &Vec<f32>| -> Vec<f64> { sample.iter().map(|b| square(a, b).sqrt()).collect() };
    let distances: Vec<Vec<f64>> = sample.iter().map(between).collect();
    let mut best = (2, f64::NEG_INFINITY);
    for count in 2..=most.min(sample.len() / FEWEST) {
        let found = silhouette(&distances, &k_means(&sample, count, "suggest"));
        if found > best.1 {
            best = (count, found);
        }
    }
    best.0
}

/// The mean over the points of how much nearer their own cluster is than the nearest other one: from -1 to 1.
fn silhouette(distances: &[Vec<f64>], clusters: &[usize]) -> f64 {
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    let mut sizes = vec![0.0f64; count];
    clusters.iter().for_each(|&cluster| sizes[cluster] += 1.0);
    let of_point = |(point, distances): (usize, &Vec<f64>)| {
        let mut sums = vec![0.0f64; count];
        for (distance, &cluster) in distances.iter().zip(clusters) {
            sums[cluster] += distance;
        }
        let own = clusters[point];
        if sizes[own] < 2.0 || count < 2 {
            return 0.0;
        }
        let inner = sums[own] / (sizes[own] - 1.0);
        let others = (0..count).filter(|&cluster| cluster != own);
        let outer = others
            .map(|c| sums[c] / sizes[c])
            .fold(f64::INFINITY, f64::min);
        let larger = inner.max(outer);
        if larger > 0.0 {
            (outer - inner) / larger
        } else {
            0.0
        }
    };
    let sum: f64 = distances.iter().enumerate().map(of_point).sum();
    sum / distances.len().max(1) as f64
}
