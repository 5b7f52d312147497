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
mod tests;
