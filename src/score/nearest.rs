//! The question of accuracy: which class of an episode is nearest to a query?
//!
//! A half fits the head on all classes at once and weighs the way-subsets afterwards. With prototypes that is exact,
//! since no prototype depends on the other classes; a linear probe or a gradient head would be fitted anew in each
//! episode on its ways only, so for them it is an approximation, and only of the variance.

use super::{System, question::Question};
use crate::fewshot::{Episode, EpisodeSampler, SUPPORT};
use crate::random::Stream;

/// Bounds on the work per half, so that it grows with the number of files only: draws, and query files of a class in
/// each. The noise this adds on a large data set leaves with the second term of the variance, all but its kept share.
const MAX_DRAWS: usize = 40;
const QUERIES_PER_SHOT: usize = 5;

/// What a query was taken for.
pub(super) struct Taken {
    pub file: usize,
    /// Its class.
    pub truth: usize,
    /// The class that was nearest, the first of the pool among equals.
    pub given: usize,
    /// Classes nearer than its own.
    nearer: usize,
}

impl Taken {
    pub(super) fn is_right(&self) -> bool {
        self.truth == self.given
    }
}

/// The question.
pub(super) struct NearestClass {
    /// The chance that a query is right in an episode, by the number of all classes that are nearer than its own.
    chances: Vec<f64>,
}

impl NearestClass {
    pub(super) fn new(sampler: &EpisodeSampler) -> Self {
        let (classes, way) = (sampler.pool().files.len(), sampler.task().way);
        Self {
            chances: (0..classes).map(|k| chance(classes, way, k)).collect(),
        }
    }
}

impl Question for NearestClass {
    type Answers = Vec<Taken>;

    fn ask(&self, systems: &[System], episode: &Episode) -> Vec<Vec<Taken>> {
        systems
            .iter()
            .map(|system| taken(system, episode))
            .collect()
    }

    /// The share of right answers.
    fn figures(&self, answers: &[&Vec<Taken>]) -> Vec<f64> {
        let all = || answers.iter().copied().flatten();
        let right = all().filter(|answer| answer.is_right()).count();
        vec![right as f64 / all().count() as f64]
    }

    /// Draws of all classes in which the files take turns as support.
    fn draw_half(
        &self,
        sampler: &EpisodeSampler,
        mut files: Vec<Vec<usize>>,
        shot: usize,
        stream: &mut Stream,
    ) -> Option<Vec<Episode>> {
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
        let draw = |_| {
            let mut sides = sampler.part(&classes, &files, shot, 1)?;
            let queries = QUERIES_PER_SHOT * shot;
            sides
                .iter_mut()
                .for_each(|side| side.choose(queries, stream));
            // Turning the order by the files used lets all of them be support equally often, each draw still random.
            for files in &mut files {
                let supports = supports(files);
                if supports > 0 {
                    files[..supports].rotate_left(shot % supports);
                }
            }
            Some(Episode::of(classes.clone(), sides))
        };
        (0..draws).map(draw).collect()
    }

    /// The mean over draws, classes and their queries of the chance to be right in an episode.
    fn figures_of_half(&self, answers: &[&Vec<Taken>]) -> Vec<f64> {
        let of_class = |queries: &[Taken]| {
            let chances = queries.iter().map(|query| self.chances[query.nearer]);
            chances.sum::<f64>() / queries.len() as f64
        };
        let of_draw = |answers: &Vec<Taken>| {
            let classes = answers.chunk_by(|a, b| a.truth == b.truth);
            let sum: f64 = classes.map(of_class).sum();
            sum / self.chances.len() as f64
        };
        let draws = answers.len() as f64;
        vec![answers.iter().map(|draw| of_draw(draw) / draws).sum()]
    }
}

/// The nearest class of every query of an episode.
fn taken(system: &System, episode: &Episode) -> Vec<Taken> {
    let fitted = system.fit(&episode.support);
    let classes = &episode.classes;
    let mut answers = Vec::new();
    for (slot, queries) in episode.query.iter().enumerate() {
        for &file in queries {
            let query = system.query(file);
            let near = |(slot, &class): (usize, &usize)| (fitted.distance(query, slot), class);
            let near: Vec<(f32, usize)> = classes.iter().enumerate().map(near).collect();
            let own = near[slot];
            let nearest = near
                .iter()
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            answers.extend(nearest.map(|&(_, given)| Taken {
                file,
                truth: own.1,
                given,
                nearer: near.iter().filter(|other| **other < own).count(),
            }));
        }
    }
    answers
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
    use crate::score::halves::score_half;

    const HEAD: Head = Head::Prototype(Metric::EUCLIDEAN);

    /// The accuracy of a system on files of two shots.
    fn half_accuracy(
        sampler: &EpisodeSampler,
        system: System,
        files: Vec<Vec<usize>>,
        stream: &mut Stream,
    ) -> f64 {
        let question = NearestClass::new(sampler);
        score_half(sampler, &[system], &question, files, 2, stream).unwrap()[0]
    }

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
        let system = System::new("line", &embeddings, HEAD);
        let exact = (0..2000).map(|n| {
            let mut stream = Stream::new(3, "t", n);
            half_accuracy(&sampler, system, files.clone(), &mut stream)
        });
        let exact = exact.sum::<f64>() / 2000.0;
        let sampled = crate::score::evaluate(&sampler, &[system], 20_000, 1)
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
        let system = System::new("dead", &dead, HEAD);
        let accuracy = half_accuracy(&sampler, system, files, &mut Stream::new(1, "test", 0));
        assert!((accuracy - 0.25).abs() < 1e-12);
    }
}
