//! Genres whose examples disagree.

use super::clusters::{halves, unit};
use super::left_out::LeftOut;
use super::prototypes::Prototypes;
use crate::fewshot::Metric;

/// The fewest examples that may disagree.
const FEWEST: usize = 4;

/// The most examples of a genre that is parted anew without each of them, where a split is judged: of more, one changes the
/// parting little.
const PARTED_ANEW: usize = 64;

/// One mean for each genre, and two for those that have at least four examples which 2-means parts so that leave-one-out
/// over all genres gets more right, by a quarter of the genre's examples or more: less may be chance. Genres are tried in
/// their order, each beside those decided before it.
pub(super) fn parted(metric: Metric, examples: &[Vec<Vec<f32>>]) -> Prototypes {
    let mut parts: Vec<Vec<usize>> = examples.iter().map(|e| vec![0; e.len()]).collect();
    let mut best = Prototypes::new(metric, examples, &parts);
    if examples.len() < 2 {
        return best;
    }
    let mut right = LeftOut::new(&best, examples).right();
    for (genre, of_genre) in examples.iter().enumerate() {
        if of_genre.len() < FEWEST {
            continue;
        }
        let units: Vec<Vec<f32>> = of_genre.iter().map(|e| unit(e)).collect();
        let found = halves(&units);
        if found.iter().all(|half| *half == found[0]) {
            continue;
        }
        let whole = std::mem::replace(&mut parts[genre], found);
        let split = Prototypes::new(metric, examples, &parts);
        let mut left_out = LeftOut::new(&split, examples);
        if of_genre.len() <= PARTED_ANEW {
            for example in left_out.examples.iter_mut().filter(|e| e.genre == genre) {
                example.distances[genre] = parted_without(metric, of_genre, example.number);
            }
        }
        let gets = left_out.right();
        if gets > right && 4 * (gets - right) >= of_genre.len() {
            (best, right) = (split, gets);
        } else {
            parts[genre] = whole;
        }
    }
    best
}

/// The distance of an example to the nearer mean of two that the others of its genre are parted into.
fn parted_without(metric: Metric, examples: &[Vec<f32>], number: usize) -> f32 {
    let mut others = examples.to_vec();
    let example = others.remove(number);
    let units: Vec<Vec<f32>> = others.iter().map(|e| unit(e)).collect();
    let found = halves(&units);
    Prototypes::new(metric, &[others], &[found]).distance(&example, 0)
}
