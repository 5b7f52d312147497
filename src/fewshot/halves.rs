//! Scoring random halves of the files, from which [`super::interval`] finds the variance over files.
//!
//! A half fits the head on all classes at once and weighs the way-subsets afterwards. With prototypes that is exact,
//! since no prototype depends on the other classes; a linear probe or a gradient head would be fitted anew in each
//! episode on its ways only, so for them it is an approximation, and only of the variance.

use super::episode::{QUERY, SUPPORT, Sides};
use super::{EpisodeSampler, System};
use crate::random::Stream;
use rayon::prelude::*;

/// Halvings: their number adds 10 % of noise to a variance whose own noise is 20 to 40 %.
const HALVINGS: u64 = 200;
/// How often a halving that groups make impossible is tried anew.
const TRIES: u64 = 20;
/// Bounds on the work per half, so that it grows with the number of files only: draws, and query files of a class in
/// each. The noise this adds on a large data set leaves with the second term of the variance, all but its kept share.
const MAX_DRAWS: usize = 40;
const QUERIES_PER_SHOT: usize = 5;

/// The accuracies of both halves of each halving.
#[derive(Debug, Clone)]
pub(super) struct Halves {
    /// Shots used: fewer than asked where half of a class has not enough files.
    pub shot: usize,
    /// For each system, for each halving, both halves.
    pub accuracy: Vec<Vec<[f64; 2]>>,
}

impl Halves {
    /// Scores the systems' accuracies on the same random halves. None where files or groups do not allow it.
    pub(super) fn draw(sampler: &EpisodeSampler, systems: &[System], seed: u64) -> Option<Self> {
        Self::draw_by(sampler, seed, |files, shot, stream| {
            half_accuracy(sampler, systems, files, shot, stream)
        })
    }

    /// As [`Halves::draw`], with another figure than accuracy: `score` gives one for each system from the files of a
    /// half by class and the number of shots.
    pub(super) fn draw_by<S>(sampler: &EpisodeSampler, seed: u64, score: S) -> Option<Self>
    where
        S: Fn(Vec<Vec<usize>>, usize, &mut Stream) -> Option<Vec<f64>> + Sync,
    {
        let shot = sampler.task().shot;
        let half = |side| {
            let files = sampler.pool().files.iter().map(|files| {
                let may = files.iter().filter(|file| sampler.may_be(side, **file));
                may.count() / 2
            });
            files.min()
        };
        let most = match (half(SUPPORT)?, half(QUERY)?) {
            (supports, _) if !sampler.is_between() => supports.saturating_sub(1),
            (supports, queries) if supports.min(queries) >= 2 => supports,
            _ => 0,
        };
        (1..=shot.min(most)).rev().find_map(|shot| {
            let halvings: Option<Vec<_>> = (0..HALVINGS)
                .into_par_iter()
                .map(|number| halving(sampler, &score, shot, seed, number))
                .collect();
            let halvings = halvings?;
            let systems = halvings.first().map_or(0, Vec::len);
            let accuracy = (0..systems)
                .map(|system| halvings.iter().map(|both| both[system]).collect())
                .collect();
            Some(Self { shot, accuracy })
        })
    }

    /// The figures of one system less those of another, paired.
    pub(super) fn less(&self, of: usize, against: usize) -> Vec<[f64; 2]> {
        let both = self.accuracy[of].iter().zip(&self.accuracy[against]);
        both.map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect()
    }

    /// What people should know of the intervals over files of `shot` shots.
    pub(super) fn note(halves: Option<&Self>, shot: usize) -> Option<String> {
        match halves {
            None => Some(
                "no interval over files: it comes from comparing one half of the files with the other, which takes at least four files (or groups) of every class"
                    .into(),
            ),
            Some(halves) if halves.shot < shot => Some(format!(
                "the intervals over files are rougher than usual: they come from comparing one half of the files with the other, and half of a class's files are too few for {shot} shots; their width is that of {} {} instead",
                halves.shot,
                if halves.shot == 1 { "shot" } else { "shots" }
            )),
            Some(_) => None,
        }
    }
}

/// Both halves' figures for each system.
fn halving<S>(
    sampler: &EpisodeSampler,
    score: &S,
    shot: usize,
    seed: u64,
    number: u64,
) -> Option<Vec<[f64; 2]>>
where
    S: Fn(Vec<Vec<usize>>, usize, &mut Stream) -> Option<Vec<f64>>,
{
    (0..TRIES).find_map(|attempt| {
        let mut stream = Stream::new(seed, "halving", number * TRIES + attempt);
        let [one, other] = halve(sampler, &mut stream);
        let one = score(one, shot, &mut stream)?;
        let other = score(other, shot, &mut stream)?;
        Some(
            one.into_iter()
                .zip(other)
                .map(|(one, other)| [one, other])
                .collect(),
        )
    })
}

/// Parts the pool at random into halves of about equally many files of each class, groups undivided.
fn halve(sampler: &EpisodeSampler, stream: &mut Stream) -> [Vec<Vec<usize>>; 2] {
    let files = &sampler.pool().files;
    let mut order: Vec<usize> = (0..sampler.spans().len()).collect();
    stream.shuffle(&mut order);
    let mut lead = vec![[0isize; 2]; files.len()];
    let mut second = vec![false; order.len()];
    for group in order {
        let span = &sampler.spans()[group];
        let coin = stream.below(2) == 1;
        let weight: isize = span
            .iter()
            .map(|span| {
                let of_side = |side: usize| lead[span.class][side] * span.files[side] as isize;
                of_side(SUPPORT) + of_side(QUERY)
            })
            .sum();
        second[group] = weight > 0 || (weight == 0 && coin);
        let sign = if second[group] { -1 } else { 1 };
        for span in span {
            for side in [SUPPORT, QUERY] {
                lead[span.class][side] += sign * span.files[side] as isize;
            }
        }
    }
    [false, true].map(|side| {
        let belongs = |file: &&usize| second[sampler.pool().group_of[**file]] == side;
        files
            .iter()
            .map(|files| files.iter().filter(belongs).copied().collect())
            .collect()
    })
}

/// Each system's accuracy on one half: the mean over draws in which the files take turns as support.
fn half_accuracy(
    sampler: &EpisodeSampler,
    systems: &[System],
    mut files: Vec<Vec<usize>>,
    shot: usize,
    stream: &mut Stream,
) -> Option<Vec<f64>> {
    let classes: Vec<usize> = (0..files.len()).collect();
    files.iter_mut().for_each(|files| stream.shuffle(files));
    // Those that may be supports come first.
    files
        .iter_mut()
        .for_each(|files| files.sort_by_key(|&file| !sampler.may_be(SUPPORT, file)));
    let supports = |files: &Vec<usize>| {
        let may = files.iter().filter(|file| sampler.may_be(SUPPORT, **file));
        may.count()
    };
    let rounds = |files: &Vec<usize>| {
        let supports = supports(files);
        let rest = supports.saturating_sub(shot).max(1);
        supports.div_ceil(shot).max(supports.div_ceil(rest))
    };
    let draws = files.iter().map(rounds).max()?.min(MAX_DRAWS);
    let way = sampler.task().way;
    let chances: Vec<f64> = classes
        .iter()
        .map(|&nearer| chance(classes.len(), way, nearer))
        .collect();
    let mut accuracy = vec![0.0; systems.len()];
    for _ in 0..draws {
        let mut sides = sampler.part(&classes, &files, shot, 1)?;
        for side in &mut sides {
            stream.partial_shuffle(&mut side.candidates, QUERIES_PER_SHOT * shot);
            side.candidates.truncate(QUERIES_PER_SHOT * shot);
        }
        for (accuracy, system) in accuracy.iter_mut().zip(systems) {
            *accuracy += draw_accuracy(system, &sides, &chances) / draws as f64;
        }
        // Turning the order by the files used lets all of them be support equally often, each draw still random.
        for files in &mut files {
            let supports = supports(files);
            if supports > 0 {
                files[..supports].rotate_left(shot % supports);
            }
        }
    }
    Some(accuracy)
}

/// The mean over classes and their queries of the chance to be classified correctly.
fn draw_accuracy(system: &System, sides: &[Sides], chances: &[f64]) -> f64 {
    let embedding = |file: usize| system.embeddings[file].as_slice();
    let supports: Vec<Vec<&[f32]>> = sides
        .iter()
        .map(|side| side.support.iter().map(|&file| embedding(file)).collect())
        .collect();
    let fitted = system.head.fit(&supports);
    let of_class = sides.iter().enumerate().map(|(class, side)| {
        let right = side.candidates.iter().map(|&query| {
            let distance = |other: usize| fitted.distance(system.query(query), other);
            let own = (distance(class), class);
            chances[(0..sides.len())
                .filter(|&other| other != class && (distance(other), other) < own)
                .count()]
        });
        right.sum::<f64>() / side.candidates.len() as f64
    });
    of_class.sum::<f64>() / sides.len() as f64
}

/// The chance that none of the `nearer` classes is among the `way - 1` drawn beside the true one out of `classes`.
fn chance(classes: usize, way: usize, nearer: usize) -> f64 {
    let others = classes.saturating_sub(1);
    let free = others.saturating_sub(nearer);
    (0..way.saturating_sub(1))
        .map(|drawn| free.saturating_sub(drawn) as f64 / (others - drawn.min(others - 1)) as f64)
        .product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Pool, Task};
    use crate::fewshot::{Head, Metric};

    #[test]
    fn the_chance_over_random_ways_is_that_of_counting_them() {
        // 6 classes, 4 ways: 10 choices of the other three; with 2 nearer classes C(3, 3) of them are right.
        assert!((chance(6, 4, 2) - 0.1).abs() < 1e-12);
        assert_eq!(
            (chance(6, 4, 0), chance(6, 4, 3), chance(6, 4, 5)),
            (1.0, 0.0, 0.0)
        );
        assert_eq!((chance(2, 2, 0), chance(2, 2, 1)), (1.0, 0.0));
    }

    #[test]
    fn halves_share_no_file_and_no_group_and_are_equal() {
        let group_of: Vec<usize> = (0..40)
            .map(|file| if file < 20 { file / 2 } else { file })
            .collect();
        let pool = Pool::new(
            vec!["a".into(), "b".into()],
            vec![(0..20).collect(), (20..40).collect()],
            group_of,
        );
        let sampler = EpisodeSampler::new(pool.clone(), Task::new(2, 2, 2)).unwrap();
        for number in 0..50 {
            let halves = halve(&sampler, &mut Stream::new(1, "test", number));
            let groups = |half: &Vec<Vec<usize>>| -> std::collections::BTreeSet<usize> {
                half.iter()
                    .flatten()
                    .map(|&file| pool.group_of[file])
                    .collect()
            };
            assert!(groups(&halves[0]).is_disjoint(&groups(&halves[1])));
            assert!(halves.iter().flatten().all(|files| files.len() == 10));
        }
    }

    #[test]
    fn a_half_is_scored_as_its_episodes_are_on_average() {
        // Five classes on a line, three ways: counted over all episodes of the same files.
        let mut stream = Stream::new(2, "test", 0);
        let embeddings: Vec<Vec<f32>> = (0..30)
            .map(|file| vec![(file / 6) as f32 * 0.8 + stream.normal() as f32])
            .collect();
        let names = (0..5).map(|class| class.to_string()).collect();
        let files: Vec<Vec<usize>> = (0..5)
            .map(|class| (class * 6..class * 6 + 6).collect())
            .collect();
        let sampler = EpisodeSampler::new(
            Pool::new(names, files.clone(), (0..30).collect()),
            Task::new(3, 2, 4),
        )
        .unwrap();
        let system = System {
            name: "line",
            embeddings: &embeddings,
            queries: None,
            head: Head::Prototype(Metric::EUCLIDEAN),
        };
        let exact = (0..2000).map(|n| {
            half_accuracy(
                &sampler,
                &[system],
                files.clone(),
                2,
                &mut Stream::new(3, "t", n),
            )
        });
        let exact = exact.map(|accuracy| accuracy.unwrap()[0]).sum::<f64>() / 2000.0;
        let sampled = crate::fewshot::evaluate(&sampler, &[system], 20_000, 1)
            .unwrap()
            .systems[0]
            .accuracy;
        // The deviation of the sampled mean is a fourth of its interval's width.
        assert!(
            (exact - sampled.mean).abs() < 2.0 * sampled.over_episodes.half_width(),
            "{exact} {sampled:?}"
        );
    }

    #[test]
    fn ties_go_to_the_first_class_so_that_a_dead_network_is_at_chance() {
        let names = (0..6).map(|class| class.to_string()).collect();
        let files: Vec<Vec<usize>> = (0..6)
            .map(|class| (class * 6..class * 6 + 6).collect())
            .collect();
        let pool = Pool::new(names, files.clone(), (0..36).collect());
        let sampler = EpisodeSampler::new(pool, Task::new(4, 2, 4)).unwrap();
        let dead = vec![vec![0.5; 3]; 36];
        let system = System {
            name: "dead",
            embeddings: &dead,
            queries: None,
            head: Head::Prototype(Metric::EUCLIDEAN),
        };
        let accuracy = half_accuracy(
            &sampler,
            &[system],
            files,
            2,
            &mut Stream::new(1, "test", 0),
        );
        assert!((accuracy.unwrap()[0] - 0.25).abs() < 1e-12);
    }
}
