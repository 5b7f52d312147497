//! What leave-one-out says of genres and their examples.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::learned::{Genres, vectors};
use super::left_out::{LeftOut, LeftOutExample};
use super::threshold::Novelties;
use crate::fewshot::Metric;
use crate::score::separation;

/// How much likelier another genre must be for an example to look misplaced.
const LIKELIER: f32 = 2.0;

/// The share of two genres' examples that are nearer to the other one, from which on the two are hardly different, and the
/// fewest examples that can tell.
const ALIKE: f64 = 1.0 / 3.0;
const FEWEST_ALIKE: usize = 4;

/// What leave-one-out says: each example is asked about as if it were none, by the distance to prototypes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Examples whose genre has others, so that they can be left out.
    pub left_out: usize,
    /// Of these, how many are nearest to their own genre.
    pub right: usize,
    /// How many a linear probe gets right, where it ranks the genres.
    pub right_adapted: Option<usize>,
    /// Which genres are taken for which, the most often first.
    pub confused: Vec<Confused>,
    /// Examples that are at least twice as likely of another genre, the most striking first.
    pub misplaced: Vec<Misplaced>,
    /// Genres with two prototypes, for their examples disagree.
    pub disagreeing: Vec<Disagreement>,
    /// Genres with one example.
    pub alone: Vec<String>,
    /// Examples that two genres or more have.
    pub shared: Vec<Shared>,
    /// Pairs of genres whose examples are hardly told apart.
    pub alike: Vec<[String; 2]>,
    /// How well unknown files are told, with each genre in turn as the unknown; none for fewer than three genres, or where
    /// no genre has two examples.
    pub rejection: Option<Rejection>,
}

/// A genre taken for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confused {
    /// The genre.
    pub genre: String,
    /// What it was taken for.
    pub taken_for: String,
    /// How many of its examples.
    pub count: usize,
    /// How many it has.
    pub of: usize,
}

/// An example that looks misplaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Misplaced {
    /// The example.
    pub path: PathBuf,
    /// Its genre.
    pub genre: String,
    /// Distance to that genre without it.
    pub distance: f32,
    /// The genre that it is nearer to.
    pub nearer_to: String,
    /// Distance to that one.
    pub nearer_distance: f32,
}

/// A genre of two prototypes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disagreement {
    /// The genre.
    pub genre: String,
    /// The examples of each prototype.
    pub groups: Vec<Vec<PathBuf>>,
}

/// An example of several genres.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shared {
    /// The hash of its content.
    pub hash: String,
    /// The genres, and the file's name in each.
    pub genres: Vec<(String, PathBuf)>,
}

/// How well unknown files are told from known ones, judged by examples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rejection {
    /// The chance that an example whose genre is left out is farther away than one that alone is left out: the area under
    /// the ROC curve. 0.5 is guessing.
    pub area: f64,
    /// The share of examples left out that would be unknown.
    pub known_rejected: f64,
    /// The share of examples of genres left out that would not.
    pub unknown_accepted: f64,
}

impl Genres {
    /// What leave-one-out says.
    pub fn check(&self) -> Check {
        let left_out = LeftOut::new(&self.prototypes, &vectors(&self.genres, <[f32]>::to_vec));
        let has_company = |e: &&LeftOutExample| e.has_company();
        let asked: Vec<&LeftOutExample> = left_out.examples.iter().filter(has_company).collect();
        let names = |of: &dyn Fn(usize) -> bool| -> Vec<String> {
            let genres = self.genres.iter().enumerate().filter(|(k, _)| of(*k));
            genres.map(|(_, genre)| genre.name.clone()).collect()
        };
        Check {
            left_out: asked.len(),
            right: left_out.right(),
            right_adapted: self.probe.as_ref().map(|probe| probe.right),
            confused: self.confused(&asked),
            misplaced: self.misplaced(&asked),
            disagreeing: self.disagreeing(),
            alone: names(&|k| self.genres[k].examples.len() == 1),
            shared: self.shared(),
            alike: self.alike(&asked),
            rejection: self.rejection(),
        }
    }

    fn name(&self, genre: usize) -> String {
        self.genres[genre].name.clone()
    }

    fn confused(&self, asked: &[&LeftOutExample]) -> Vec<Confused> {
        let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for example in asked {
            let (nearest, _) = example.nearest();
            if nearest != example.genre {
                *counts.entry((example.genre, nearest)).or_default() += 1;
            }
        }
        let confused = counts
            .into_iter()
            .map(|((genre, taken_for), count)| Confused {
                genre: self.name(genre),
                taken_for: self.name(taken_for),
                count,
                of: self.genres[genre].examples.len(),
            });
        let mut confused: Vec<Confused> = confused.collect();
        confused.sort_by_key(|confused| std::cmp::Reverse(confused.count));
        confused
    }

    fn misplaced(&self, asked: &[&LeftOutExample]) -> Vec<Misplaced> {
        let margin = LIKELIER.ln() / self.metric.scale;
        let misplaced = asked.iter().filter_map(|example| {
            let (nearer, nearer_distance) = example.nearest_other();
            (nearer_distance + margin < example.own()).then(|| Misplaced {
                path: self.genres[example.genre].examples[example.number]
                    .path
                    .clone(),
                genre: self.name(example.genre),
                distance: example.own(),
                nearer_to: self.name(nearer),
                nearer_distance,
            })
        });
        let mut misplaced: Vec<Misplaced> = misplaced.collect();
        let gap = |m: &Misplaced| m.nearer_distance - m.distance;
        misplaced.sort_by(|a, b| gap(a).total_cmp(&gap(b)));
        misplaced
    }

    fn disagreeing(&self) -> Vec<Disagreement> {
        let genres = self.genres.iter().enumerate();
        let genres = genres.filter(|(k, _)| self.prototypes.count(*k) > 1);
        genres
            .map(|(k, genre)| {
                let mut groups = vec![Vec::new(); self.prototypes.count(k)];
                for (number, example) in genre.examples.iter().enumerate() {
                    groups[self.prototypes.part(k, number)].push(example.path.clone());
                }
                Disagreement {
                    genre: genre.name.clone(),
                    groups,
                }
            })
            .collect()
    }

    fn shared(&self) -> Vec<Shared> {
        let mut by_hash: BTreeMap<&str, Vec<(String, PathBuf)>> = BTreeMap::new();
        for genre in &self.genres {
            for example in &genre.examples {
                let place = (genre.name.clone(), example.path.clone());
                by_hash.entry(&example.hash).or_default().push(place);
            }
        }
        let shared = by_hash
            .into_iter()
            .filter(|(_, places)| places.iter().any(|(genre, _)| *genre != places[0].0));
        shared
            .map(|(hash, genres)| Shared {
                hash: hash.to_owned(),
                genres,
            })
            .collect()
    }

    /// Pairs of which, asked of the two alone, at least every third example is nearer to the other genre.
    fn alike(&self, asked: &[&LeftOutExample]) -> Vec<[String; 2]> {
        let count = self.genres.len();
        let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
        let alike = pairs.filter(|&(a, b)| {
            let of_both = || asked.iter().filter(|e| [a, b].contains(&e.genre));
            let other = |e: &&&&LeftOutExample| {
                let other = if e.genre == a { b } else { a };
                e.distances[other] <= e.own()
            };
            let all = of_both().count();
            let swapped = of_both().filter(|e| other(&e)).count();
            all >= FEWEST_ALIKE && swapped as f64 >= ALIKE * all as f64
        });
        alike.map(|(a, b)| [self.name(a), self.name(b)]).collect()
    }

    fn rejection(&self) -> Option<Rejection> {
        let seen = vectors(&self.genres, |e| self.comparison.whitening.apply(e));
        let whitened = self.prototypes.of(Metric::COSINE, &seen);
        let left_out = LeftOut::new(&whitened, &seen);
        let Novelties { known, unknown } = self.threshold.novelties(&left_out);
        if known.is_empty() || unknown.is_empty() {
            return None;
        }
        let share = |of: &[f32], rejected: bool| {
            of.iter().filter(|n| (**n > 1.0) == rejected).count() as f64 / of.len() as f64
        };
        Some(Rejection {
            area: separation(&known, &unknown).0,
            known_rejected: share(&known, true),
            unknown_accepted: share(&unknown, false),
        })
    }
}
