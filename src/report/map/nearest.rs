//! The nearest rows of every row, exact.

use bhtsne::Neighbor;
use ndarray::{ArrayView2, s};
use rayon::prelude::*;

/// Rows whose products with all others are made at a time, and how many others.
const ROWS: usize = 256;
const OTHERS: usize = 2048;

/// The `count` nearest others of each row by Euclidean distance, nearest first and the earlier first of equals: the same
/// on any number of threads. `rows` ([tracks, width]) are finite and more than `count`; products are taken of them, so they
/// had better be centred.
pub(super) fn nearest(rows: ArrayView2<f32>, count: usize) -> Vec<Vec<Neighbor<f32>>> {
    let tracks = rows.nrows();
    let squares: Vec<f32> = rows.rows().into_iter().map(|row| row.dot(&row)).collect();
    let starts: Vec<usize> = (0..tracks).step_by(ROWS).collect();
    let of_block = |start: &usize| {
        let own = *start..(start + ROWS).min(tracks);
        let mut lists: Vec<Candidates> = own.clone().map(|_| Candidates::new(count)).collect();
        for first in (0..tracks).step_by(OTHERS) {
            let others = first..(first + OTHERS).min(tracks);
            let products = rows
                .slice(s![own.clone(), ..])
                .dot(&rows.slice(s![others.clone(), ..]).t());
            for ((row, list), products) in own.clone().zip(&mut lists).zip(products.outer_iter()) {
                for (other, product) in others.clone().zip(products) {
                    // The square of the distance, but for the row's own square.
                    let distance = squares[other] - 2.0 * product;
                    if distance <= list.farthest && other != row {
                        list.add(distance, other);
                    }
                }
            }
        }
        own.zip(lists)
            .map(|(row, list)| list.exact(rows, row))
            .collect::<Vec<_>>()
    };
    starts.par_iter().flat_map_iter(of_block).collect()
}

/// The nearest so far, with some farther ones that are dropped now and then.
struct Candidates {
    found: Vec<(f32, usize)>,
    count: usize,
    /// None farther is among the nearest.
    farthest: f32,
}

impl Candidates {
    fn new(count: usize) -> Self {
        Self {
            found: Vec::with_capacity(4 * count),
            count,
            farthest: f32::INFINITY,
        }
    }

    fn add(&mut self, distance: f32, other: usize) {
        self.found.push((distance, other));
        if self.found.len() >= 4 * self.count {
            self.trim();
        }
    }

    fn trim(&mut self) {
        if self.found.len() > self.count {
            let (_, last, _) = (self.found).select_nth_unstable_by(self.count - 1, |a, b| {
                a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
            });
            self.farthest = last.0;
            self.found.truncate(self.count);
        }
    }

    /// The nearest with their distances by differences, which products round off where rows are almost the same.
    fn exact(mut self, rows: ArrayView2<f32>, row: usize) -> Vec<Neighbor<f32>> {
        self.trim();
        let own = rows.row(row);
        let distance = |other: usize| {
            let pairs = own.iter().zip(rows.row(other));
            pairs.map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
        };
        let mut nearest: Vec<Neighbor<f32>> = (self.found)
            .into_iter()
            .map(|(_, index)| Neighbor {
                index,
                distance: distance(index),
            })
            .collect();
        nearest.sort_unstable_by(|a, b| {
            let nearer = a.distance.total_cmp(&b.distance);
            nearer.then(a.index.cmp(&b.index))
        });
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn the_nearest_are_those_of_all_pairs() {
        // More tracks than a block has, so that what is kept is trimmed between blocks.
        let tracks = 2300;
        let mut stream = Stream::new(2, "nearest", 0);
        // Few values, so that there are many at the same distance.
        let embeddings: Vec<f32> = (0..2 * tracks).map(|_| stream.below(40) as f32).collect();
        let rows = ndarray::ArrayView2::from_shape((tracks, 2), &embeddings).unwrap();
        let found = nearest(rows, 7);
        for track in (0..tracks).step_by(97) {
            let square = |other: usize| -> f32 {
                (0..2)
                    .map(|at| (embeddings[2 * track + at] - embeddings[2 * other + at]).powi(2))
                    .sum()
            };
            let mut others: Vec<usize> = (0..tracks).filter(|&other| other != track).collect();
            others.sort_by(|&a, &b| square(a).total_cmp(&square(b)).then(a.cmp(&b)));
            let nearest: Vec<usize> = found[track].iter().map(|neighbor| neighbor.index).collect();
            assert_eq!(nearest, others[..7], "track {track}");
            assert!((found[track][6].distance - square(others[6]).sqrt()).abs() < 1e-3);
        }
    }
}
