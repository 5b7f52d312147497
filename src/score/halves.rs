//! Scoring random halves of the files, from which [`super::interval`] finds the variance over files.

use super::{System, question::Question};
use crate::fewshot::{EpisodeSampler, QUERY, SUPPORT};
use crate::random::Stream;
use rayon::prelude::*;

/// Halvings: their number adds 10 % of noise to a variance whose own noise is 20 to 40 %.
const HALVINGS: u64 = 200;
/// How often a halving that groups make impossible is tried anew.
const TRIES: u64 = 20;

/// The figures of both halves of each halving.
#[derive(Debug, Clone)]
pub(super) struct Halves {
    /// Shots used: fewer than asked where half of a class has not enough files.
    pub shot: usize,
    /// For each halving, all figures of both halves.
    pub figures: Vec<[Vec<f64>; 2]>,
}

impl Halves {
    /// Scores systems on the same random halves. None where files or groups do not allow it.
    pub(super) fn draw(
        sampler: &EpisodeSampler,
        systems: &[System],
        question: &impl Question,
        seed: u64,
    ) -> Option<Self> {
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
            let figures: Option<Vec<_>> = (0..HALVINGS)
                .into_par_iter()
                .map(|number| halving(sampler, systems, question, shot, seed, number))
                .collect();
            Some(Self {
                shot,
                figures: figures?,
            })
        })
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

/// Both halves' figures of all systems.
fn halving(
    sampler: &EpisodeSampler,
    systems: &[System],
    question: &impl Question,
    shot: usize,
    seed: u64,
    number: u64,
) -> Option<[Vec<f64>; 2]> {
    (0..TRIES).find_map(|attempt| {
        let mut stream = Stream::new(seed, "halving", number * TRIES + attempt);
        let [one, other] = halve(sampler, &mut stream);
        let mut score = |files| score_half(sampler, systems, question, files, shot, &mut stream);
        Some([score(one)?, score(other)?])
    })
}

/// The figures of all systems on the files of one half.
pub(super) fn score_half(
    sampler: &EpisodeSampler,
    systems: &[System],
    question: &impl Question,
    files: Vec<Vec<usize>>,
    shot: usize,
    stream: &mut Stream,
) -> Option<Vec<f64>> {
    let episodes = question.draw_half(sampler, files, shot, stream)?;
    let answers: Vec<_> = episodes
        .iter()
        .map(|episode| question.ask(systems, episode))
        .collect();
    Some(of_systems(&answers, |answers| {
        question.figures_of_half(answers)
    }))
}

/// All figures of all systems, from answers by episode and system.
pub(super) fn of_systems<A>(answers: &[Vec<A>], figures: impl Fn(&[&A]) -> Vec<f64>) -> Vec<f64> {
    let of_system = |system: usize| {
        let of_system: Vec<&A> = answers.iter().map(|answers| &answers[system]).collect();
        figures(&of_system)
    };
    let systems = answers.first().map_or(0, Vec::len);
    (0..systems).flat_map(of_system).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Pool, Task};

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
}
