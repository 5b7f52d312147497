//! Few-shot with several labels a file: LC-Protonets (Papaioannou, Benetos and Potamianos 2024, LC-Protonets:
//! Multi-Label Few-Shot Learning for World Music Audio Tagging).
//!
//! Each combination of labels that a support holds has a prototype, the mean of the supports that hold all of it. A
//! query gets the labels of the nearest one. Combinations whose supports are the same files have the same prototype:
//! of those the one with the most labels wins, for nothing in the supports tells them apart.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::asked::ask;
use super::estimate::{Estimate, LEVEL};
use super::{System, question::Question};
use crate::data::Task;
use crate::fewshot::{Episode, EpisodeSampler, MOST_TOGETHER, ScoreError};
use crate::random::Stream;

/// Draws of labels in each half of a halving.
const DRAWS: usize = 20;
/// How often a draw in a half, led into a dead end by files of several labels, is tried anew.
const TRIES: usize = 20;

/// A set of an episode's labels, one bit each.
type LabelSet = u128;

/// Macro F1 and mean average precision of a system.
#[derive(Debug, Clone, Serialize)]
pub struct MultiLabelScore {
    /// The system.
    pub name: String,
    /// F1 of each label of an episode, 0 to 1, averaged over its labels and over the episodes.
    pub macro_f1: Estimate,
    /// Average precision of each label of an episode, its queries ranked by the distance to the nearest prototype that
    /// holds the label, averaged in the same way.
    pub mean_average_precision: Estimate,
}

/// What [`evaluate_multi_label`] found.
#[derive(Debug, Clone, Serialize)]
pub struct MultiLabelEvaluation {
    /// What each episode asks: its labels, and the support and query files drawn for each of them; those of other labels
    /// may hold it too.
    #[serde(flatten)]
    pub task: Task,
    /// Episodes.
    pub episodes: usize,
    /// The seed they were drawn by.
    pub seed: u64,
    /// The labels that episodes are drawn from.
    pub labels: Vec<String>,
    /// Files that have any of them.
    pub files: usize,
    /// How many of them a file has on average.
    pub labels_per_file: f64,
    /// Macro F1 of giving every query every label of its episode.
    pub everything_macro_f1: f64,
    /// Mean average precision to be expected of a random order. With few queries it lies well above the share of
    /// queries that have a label.
    pub random_mean_average_precision: f64,
    /// The systems, in the order given.
    pub systems: Vec<MultiLabelScore>,
    /// The first system less each other one, paired; the name is that of the other one.
    pub differences: Vec<MultiLabelScore>,
    /// What is to be known about the intervals over files.
    pub note: Option<String>,
}

/// Scores systems on the same episodes. The classes of `sampler`'s pool are labels, and a file is in as many of them
/// as it has; an episode's supports are those of all its labels together, and so are its queries. The head of each
/// system is fitted on the combinations: [`super::Head::Prototype`] makes it LC-Protonets.
///
/// # Errors
/// [`ScoreError`]; [`ScoreError::Combinations`] where files have too many labels at once.
pub fn evaluate_multi_label(
    sampler: &EpisodeSampler,
    systems: &[System],
    episodes: usize,
    seed: u64,
) -> Result<MultiLabelEvaluation, ScoreError> {
    let pool = sampler.pool();
    let way = sampler.task().way;
    let mut labels_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (label, files) in pool.files.iter().enumerate() {
        for &file in files {
            labels_of.entry(file).or_default().push(label);
        }
    }
    let most = labels_of.values().map(Vec::len).max().unwrap_or(0);
    if most.min(way) > MOST_TOGETHER || way > LabelSet::BITS as usize {
        return Err(ScoreError::Combinations { labels: most, way });
    }
    let held: usize = labels_of.values().map(Vec::len).sum();
    let files = labels_of.len();
    let question = AllLabels { labels_of };
    let (_, figures) = ask(&question, sampler, systems, episodes, seed)?;
    // Of every system first F1, then average precision; the floor is the last system.
    let score = |name: &str, estimate: &dyn Fn(usize) -> Estimate| MultiLabelScore {
        name: name.into(),
        macro_f1: estimate(0),
        mean_average_precision: estimate(1),
    };
    let numbered = || systems.iter().enumerate();
    let single = |(k, system): (usize, &System)| score(system.name, &|f| figures.of(2 * k + f));
    let less =
        |(k, system): (usize, &System)| score(system.name, &|f| figures.less(f, 2 * k + f, LEVEL));
    let floor = score("floor", &|f| figures.of(2 * systems.len() + f));
    Ok(MultiLabelEvaluation {
        task: sampler.task(),
        episodes,
        seed,
        labels: pool.classes.clone(),
        files,
        labels_per_file: held as f64 / files as f64,
        everything_macro_f1: floor.macro_f1.mean,
        random_mean_average_precision: floor.mean_average_precision.mean,
        systems: numbered().map(single).collect(),
        differences: numbered().skip(1).map(less).collect(),
        note: figures.note.clone(),
    })
}

/// The question: which of an episode's labels does a query have? Its answers are the episode's macro F1 and mean average
/// precision, those of what hears nothing after those of all systems.
struct AllLabels {
    /// The labels of each file.
    labels_of: BTreeMap<usize, Vec<usize>>,
}

impl Question for AllLabels {
    type Answers = [f64; 2];

    fn ask(&self, systems: &[System], episode: &Episode) -> Vec<[f64; 2]> {
        let place = |label: &usize| episode.classes.iter().position(|drawn| drawn == label);
        let set_of = |file: usize| {
            let labels = self.labels_of.get(&file).into_iter().flatten();
            let places = labels.filter_map(place);
            places.fold(0, |set: LabelSet, place| set | 1 << place)
        };
        let labelled = Labelled::new(set_of, &episode.support, &episode.query);
        let scores = systems.iter().map(|system| labelled.score(system));
        scores.chain([labelled.floor()]).collect()
    }

    fn figures(&self, answers: &[&[f64; 2]]) -> Vec<f64> {
        let count = answers.len() as f64;
        let mean = |figure: usize| answers.iter().map(|both| both[figure] / count).sum();
        [0, 1].map(mean).into()
    }

    fn draw_half(
        &self,
        sampler: &EpisodeSampler,
        files: Vec<Vec<usize>>,
        shot: usize,
        stream: &mut Stream,
    ) -> Option<Vec<Episode>> {
        let Task { way, query, .. } = sampler.task();
        let mut labels: Vec<usize> = (0..files.len()).collect();
        let draw = |_| {
            stream.partial_shuffle(&mut labels, way);
            let drawn = &labels[..way];
            let mut of_drawn: Vec<_> = drawn.iter().map(|&k| files[k].clone()).collect();
            let mut sides = (0..TRIES).find_map(|_| {
                of_drawn.iter_mut().for_each(|files| stream.shuffle(files));
                sampler.part(drawn, &of_drawn, shot, 1)
            })?;
            // As many as in an episode where there are: both figures depend on how many queries have a label.
            sides
                .iter_mut()
                .for_each(|side| side.candidates.truncate(query));
            Some(Episode::of(drawn.to_vec(), sides))
        };
        (0..DRAWS).map(draw).collect()
    }
}

/// An episode as systems are asked about it.
struct Labelled {
    way: usize,
    /// Combinations of labels with the supports that hold all of it, those of most labels first.
    combinations: Vec<(LabelSet, Vec<usize>)>,
    /// The query files, none twice, with their labels.
    queries: Vec<(usize, LabelSet)>,
}

impl Labelled {
    /// An episode whose files have the labels of `set_of`; `support` and `query` are the files drawn for each label.
    fn new(
        set_of: impl Fn(usize) -> LabelSet,
        support: &[Vec<usize>],
        query: &[Vec<usize>],
    ) -> Self {
        let once = |files: &[Vec<usize>]| {
            let files: BTreeSet<usize> = files.iter().flatten().copied().collect();
            files
        };
        let mut combinations: BTreeMap<LabelSet, Vec<usize>> = BTreeMap::new();
        for file in once(support) {
            let all = set_of(file);
            let mut part = all;
            while part > 0 {
                combinations.entry(part).or_default().push(file);
                part = (part - 1) & all;
            }
        }
        let mut combinations: Vec<_> = combinations.into_iter().collect();
        combinations.sort_by_key(|(combination, _)| Reverse(combination.count_ones()));
        Self {
            way: support.len(),
            combinations,
            queries: once(query)
                .into_iter()
                .map(|file| (file, set_of(file)))
                .collect(),
        }
    }

    /// Macro F1 and mean average precision of a system.
    fn score(&self, system: &System) -> [f64; 2] {
        let supports: Vec<Vec<usize>> = self
            .combinations
            .iter()
            .map(|(_, files)| files.clone())
            .collect();
        let fitted = system.fit(&supports);
        let mut answers = Vec::with_capacity(self.queries.len());
        let mut distances = vec![Vec::with_capacity(self.queries.len()); self.way];
        for &(file, _) in &self.queries {
            let query = system.query(file);
            let near: Vec<(f32, LabelSet)> = self
                .combinations
                .iter()
                .enumerate()
                .map(|(k, &(combination, _))| (fitted.distance(query, k), combination))
                .collect();
            let nearest = near.iter().min_by(|a, b| a.0.total_cmp(&b.0));
            answers.push(nearest.map_or(0, |&(_, combination)| combination));
            for (label, distances) in distances.iter_mut().enumerate() {
                let holding = near.iter().filter(|(_, set)| set >> label & 1 == 1);
                distances.push(holding.map(|&(d, _)| d).fold(f32::INFINITY, f32::min));
            }
        }
        self.figures(&answers, &distances)
    }

    /// Macro F1 of giving every query all labels, and the mean average precision to be expected of a random order.
    fn floor(&self) -> [f64; 2] {
        let queries = self.queries.len();
        let of_label = |label: usize| {
            let with = self.queries.iter().filter(|(_, set)| set >> label & 1 == 1);
            let with = with.count();
            let f1 = 2.0 * with as f64 / (with + queries).max(1) as f64;
            [f1, random_precision(queries, with)]
        };
        let floors: Vec<[f64; 2]> = (0..self.way).map(of_label).collect();
        [0, 1].map(|figure| floors.iter().map(|f| f[figure]).sum::<f64>() / self.way as f64)
    }

    /// Macro F1 of `answers[query]`, and mean average precision of `distances[label][query]`.
    fn figures(&self, answers: &[LabelSet], distances: &[Vec<f32>]) -> [f64; 2] {
        let (mut f1, mut precision) = (0.0, 0.0);
        for (label, distances) in distances.iter().enumerate() {
            let has = |set: LabelSet| set >> label & 1 == 1;
            let truths: Vec<bool> = self.queries.iter().map(|&(_, set)| has(set)).collect();
            let answers: Vec<bool> = answers.iter().map(|&set| has(set)).collect();
            f1 += f1_score(&truths, &answers);
            precision += average_precision(&truths, distances);
        }
        [f1, precision].map(|sum| sum / self.way as f64)
    }
}

/// 2 right / (given + true), 0 where there are neither.
fn f1_score(truths: &[bool], answers: &[bool]) -> f64 {
    let right = truths.iter().zip(answers).filter(|(t, a)| **t && **a);
    let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count();
    2.0 * right.count() as f64 / (count(truths) + count(answers)).max(1) as f64
}

/// The sum of precision times the gain in recall, from the nearest query to the farthest; equal distances together.
fn average_precision(truths: &[bool], distances: &[f32]) -> f64 {
    let mut ranked: Vec<(f32, bool)> = distances
        .iter()
        .copied()
        .zip(truths.iter().copied())
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for equal in ranked.chunk_by(|a, b| a.0 == b.0) {
        let gained = equal.iter().filter(|(_, truth)| *truth).count();
        seen += equal.len();
        found += gained;
        sum += gained as f64 * found as f64 / seen as f64;
    }
    sum / found.max(1) as f64
}

/// The mean of [`average_precision`] over all orders of `queries` of which `with` are right: at rank k stands a right
/// one as often as anywhere, with (k - 1) (with - 1) / (queries - 1) others before it.
fn random_precision(queries: usize, with: usize) -> f64 {
    if with == 0 {
        return 0.0;
    }
    let before = (with - 1) as f64 / (queries - 1).max(1) as f64;
    let at = |rank: usize| (1.0 + (rank - 1) as f64 * before) / rank as f64;
    (1..=queries).map(at).sum::<f64>() / queries as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Pool;
    use crate::fewshot::{Head, Metric};

    const HEAD: Head = Head::Prototype(Metric::EUCLIDEAN);

    fn system(embeddings: &[Vec<f32>]) -> System<'_> {
        System::new("made up", embeddings, HEAD)
    }

    #[test]
    fn average_precision_is_the_textbooks_and_ties_are_no_order() {
        // Right at ranks 1 and 3: (1/1 + 2/3) / 2.
        let found = average_precision(&[true, false, true, false], &[0.1, 0.2, 0.3, 0.4]);
        assert!((found - 5.0 / 6.0).abs() < 1e-12);
        let tied = average_precision(&[true, false, false, false], &[1.0; 4]);
        assert!((tied - 0.25).abs() < 1e-12);
        let infinite = average_precision(&[true, false], &[f32::INFINITY; 2]);
        assert!((infinite - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_random_order_has_the_mean_precision_of_all_orders() {
        // Two of four: ranks 12, 13, 14, 23, 24, 34.
        let orders = [1.0, 5.0 / 6.0, 0.75, 7.0 / 12.0, 0.5, 5.0 / 12.0];
        let mean = orders.iter().sum::<f64>() / 6.0;
        assert!((random_precision(4, 2) - mean).abs() < 1e-12);
        assert_eq!((random_precision(3, 3), random_precision(3, 0)), (1.0, 0.0));
        assert_eq!(random_precision(1, 1), 1.0);
    }

    #[test]
    fn f1_weighs_what_was_given_and_what_was_missed() {
        let truths = [true, true, false, false];
        assert_eq!(f1_score(&truths, &truths), 1.0);
        // One right, one missed, one too many.
        assert_eq!(f1_score(&truths, &[true, false, true, false]), 0.5);
        assert_eq!(f1_score(&truths, &[false; 4]), 0.0);
    }

    /// The labels of a file, of which `members` are the files that have each.
    fn sets(members: &[&[usize]]) -> impl Fn(usize) -> LabelSet {
        |file| {
            let having = (0..members.len()).filter(|&label| members[label].contains(&file));
            having.fold(0, |set, label| set | 1 << label)
        }
    }

    #[test]
    fn every_combination_of_a_supports_labels_has_the_supports_that_hold_it() {
        // File 0 has labels 0 and 1, file 1 has 0, file 2 has 1 and 2.
        let task = Labelled::new(
            sets(&[&[0, 1, 3], &[0, 2], &[2]]),
            &[vec![0, 1], vec![0], vec![2]],
            &[vec![3], vec![], vec![]],
        );
        let mut found = task.combinations.clone();
        found.sort();
        let expected: [(LabelSet, Vec<usize>); 5] = [
            (0b001, vec![0, 1]),
            (0b010, vec![0, 2]),
            (0b011, vec![0]),
            (0b100, vec![2]),
            (0b110, vec![2]),
        ];
        assert_eq!(found, expected);
        assert_eq!(task.queries, [(3, 0b001)]);
    }

    #[test]
    fn a_query_gets_all_labels_of_the_nearest_combination() {
        // Supports: label 0 at (0, 0), label 1 at (4, 4), both at (4, 0). Prototypes: {0} at (2, 0), {1} at (4, 2),
        // {0, 1} at (4, 0).
        let embeddings: Vec<Vec<f32>> = [
            [0.0, 0.0],
            [4.0, 4.0],
            [4.0, 0.0],
            // Queries with labels {0, 1}, {0} and {1}; the last one lies at the wrong prototype.
            [4.0, -1.0],
            [1.0, 0.0],
            [2.5, -1.0],
        ]
        .map(Vec::from)
        .into();
        let task = Labelled::new(
            sets(&[&[0, 2, 3, 4], &[1, 2, 3, 5]]),
            &[vec![0, 2], vec![1, 2]],
            &[vec![3, 4], vec![3, 5]],
        );
        let [f1, precision] = task.score(&system(&embeddings));
        // Label 0: given to all three, right for two: 4/5. Label 1: given to one of two: 2/3.
        assert!((f1 - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-12, "{f1}");
        // Label 0: its nearest prototypes are 1, 1 and 1.25 away, the first two right: 1. Label 1: 1 for query 3, 9 for
        // query 4, 3.25 for query 5: right at ranks 1 and 2.
        assert!((precision - 1.0).abs() < 1e-12, "{precision}");
    }

    #[test]
    fn combinations_that_the_supports_do_not_tell_apart_go_together() {
        let embeddings = vec![vec![0.0], vec![9.0], vec![1.0], vec![8.0]];
        // One support has both labels: {0}, {1} and {0, 1} have the same prototype.
        let task = Labelled::new(
            sets(&[&[0, 2], &[0, 2], &[1, 3]]),
            &[vec![0], vec![0], vec![1]],
            &[vec![2], vec![2], vec![3]],
        );
        assert_eq!(task.score(&system(&embeddings)), [1.0, 1.0]);
        // Every query has every label: each of two labels is right for one of two queries.
        let [f1, precision] = task.floor();
        assert!((f1 - 2.0 / 3.0).abs() < 1e-12);
        // The right one of two comes first or second.
        assert!((precision - 0.75).abs() < 1e-12);
    }

    /// 40 files of four labels, the label k there where bit k of the kind is set; a file alone in its group.
    fn pool() -> (Pool, Vec<usize>) {
        let kinds: Vec<usize> = (0..40)
            .map(|file| {
                [
                    0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b1100, 0b0110, 0b1001,
                ][file % 8]
            })
            .collect();
        let kinds_of = &kinds;
        let of = |label: usize| (0..40).filter(move |&file| kinds_of[file] >> label & 1 == 1);
        let files = (0..4).map(|label| of(label).collect()).collect();
        let names = ["a", "b", "c", "d"].map(String::from).into();
        (Pool::new(names, files, (0..40).collect()), kinds)
    }

    #[test]
    fn episodes_cover_each_label_and_no_group_stands_on_both_sides() {
        let (mut pool, _) = pool();
        // Pairs of files of one kind are a group.
        pool.group_of = (0..40).map(|file| file / 16 * 8 + file % 8).collect();
        let sampler = EpisodeSampler::new(pool.clone(), Task::new(3, 2, 3)).unwrap();
        for index in 0..200 {
            let episode = sampler.sample(5, index).unwrap();
            let groups = |side: &[Vec<usize>]| -> BTreeSet<usize> {
                let files = side.iter().flatten();
                files.map(|&file| pool.group_of[file]).collect()
            };
            assert!(groups(&episode.support).is_disjoint(&groups(&episode.query)));
            for (k, &label) in episode.classes.iter().enumerate() {
                let holds = |file: &usize| pool.files[label].contains(file);
                assert!(episode.support[k].len() == 2 && episode.support[k].iter().all(holds));
                assert!(episode.query[k].len() == 3 && episode.query[k].iter().all(holds));
            }
        }
    }

    #[test]
    fn a_perfect_system_scores_one_and_one_that_hears_nothing_no_more_than_chance() {
        let (pool, kinds) = pool();
        let perfect: Vec<Vec<f32>> = kinds
            .iter()
            .map(|kind| (0..4).map(|k| (kind >> k & 1) as f32).collect())
            .collect();
        let mut stream = Stream::new(1, "test", 0);
        let deaf: Vec<Vec<f32>> = kinds.iter().map(|_| vec![stream.normal() as f32]).collect();
        let systems = [system(&perfect), system(&deaf)];
        // All four labels, five shots: every kind is nearly always among the supports.
        let sampler = EpisodeSampler::new(pool, Task::new(4, 5, 4)).unwrap();
        let found = evaluate_multi_label(&sampler, &systems, 200, 1).unwrap();
        assert_eq!((found.files, found.labels_per_file), (40, 1.5));
        let [good, bad] = [&found.systems[0], &found.systems[1]];
        assert!(good.mean_average_precision.mean > 0.95, "{good:?}");
        let chance = found.random_mean_average_precision;
        let lift = bad.mean_average_precision.mean - chance;
        assert!(lift.abs() < 0.08, "{bad:?} {chance}");
        assert!(good.macro_f1.mean > bad.macro_f1.mean + 0.3, "{found:?}");
        let less = &found.differences[0];
        let gap = good.macro_f1.mean - bad.macro_f1.mean;
        assert!((less.macro_f1.mean - gap).abs() < 1e-9);
        assert!(less.macro_f1.over_files.unwrap().low > 0.0);
        assert!(good.macro_f1.over_files.is_some());
    }

    #[test]
    fn files_of_too_many_labels_are_refused() {
        let files = vec![(0..8).collect::<Vec<usize>>(); 14];
        let names = (0..14).map(|k| k.to_string()).collect();
        let pool = Pool::new(names, files, (0..8).collect());
        let sampler = EpisodeSampler::new(pool, Task::new(13, 1, 1)).unwrap();
        let embeddings = vec![vec![0.0]; 8];
        let said = evaluate_multi_label(&sampler, &[system(&embeddings)], 2, 1).unwrap_err();
        assert!(said.to_string().contains("12 ways or fewer"), "{said}");
    }
}
