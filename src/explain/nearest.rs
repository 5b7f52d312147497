//! Which examples a file is most like, and which seconds of both.

use std::path::PathBuf;

use serde::Serialize;

use crate::fewshot::Metric;

/// Most pairs of seconds told of an example.
const PAIRS: usize = 2;

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    /// Where it begins, in seconds.
    pub start_s: f64,
    /// Where it ends, in seconds.
    pub end_s: f64,
}

/// Parts of a file and of an example that are most alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pair {
    /// The part of the file.
    pub file: Span,
    /// The part of the example.
    pub example: Span,
    /// The distance of their embeddings.
    pub distance: f32,
}

/// An example that a file is like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Like {
    /// The example.
    pub path: PathBuf,
    /// Its class.
    pub class: String,
    /// The distance of the two files' embeddings.
    pub distance: f32,
    /// The parts that are most alike, the nearest first; no part of either file is told twice.
    pub pairs: Vec<Pair>,
}

/// The parts of a file and of an example that are most alike: of all pairs of segments the nearest ones that do not overlap those
/// before in either file.
pub fn pairs(metric: Metric, file: &[(Span, &[f32])], example: &[(Span, &[f32])]) -> Vec<Pair> {
    let of = |&(file, by): &(Span, &[f32])| {
        let pair = move |&(example, other): &(Span, &[f32])| Pair {
            file,
            example,
            distance: metric.distance(by, other),
        };
        example.iter().map(pair).collect::<Vec<_>>()
    };
    let mut all: Vec<Pair> = file.iter().flat_map(of).collect();
    all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let overlap = |a: Span, b: Span| a.start_s < b.end_s && b.start_s < a.end_s;
    let mut chosen: Vec<Pair> = Vec::new();
    for pair in all {
        let told = |c: &Pair| overlap(c.file, pair.file) || overlap(c.example, pair.example);
        if !chosen.iter().any(told) {
            chosen.push(pair);
        }
        if chosen.len() == PAIRS {
            break;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_pairs_are_told_and_no_second_twice() {
        let span = |start_s: f64| Span {
            start_s,
            end_s: start_s + 3.0,
        };
        let file: [(Span, &[f32]); 3] = [
            (span(0.0), &[0.0]),
            (span(1.5), &[1.0]),
            (span(9.0), &[7.0]),
        ];
        let example: [(Span, &[f32]); 3] = [
            (span(4.0), &[1.1]),
            (span(5.5), &[0.2]),
            (span(20.0), &[5.0]),
        ];
        let found = pairs(Metric::EUCLIDEAN, &file, &example);
        let starts: Vec<[f64; 2]> = found
            .iter()
            .map(|p| [p.file.start_s, p.example.start_s])
            .collect();
        // The second nearest pair overlaps the first in both files.
        assert_eq!(starts, [[1.5, 4.0], [9.0, 20.0]]);
        assert!((found[0].distance - 0.01).abs() < 1e-5);
        assert!(pairs(Metric::EUCLIDEAN, &file, &[]).is_empty());
    }
}
