//! The answer for one file, with its reasons.

use serde::Serialize;

use super::error::GenresError;
use super::learned::{Genres, check};
use super::name::parents;
use crate::fewshot::{NearestExample, RankedGenre};

/// Nearest examples told for each file.
const NEAREST: usize = 3;

/// What a file is taken for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenreAnswer {
    /// All genres with examples, the likeliest first. Probabilities are among these genres only; the distance is that to the
    /// nearest prototype of the genre.
    pub ranked: Vec<RankedGenre>,
    /// The genres that others lie within, the likeliest first, each with the sum of the probabilities of those, and of its
    /// own if it has examples itself.
    pub parents: Vec<ParentGenre>,
    /// Whether nothing is near, so that the file is probably of none of the genres.
    pub unknown: bool,
    /// How far the nearest genre is, in units of how far is too far: `unknown` above 1.
    pub novelty: f32,
    /// The nearest examples, nearest first.
    pub nearest: Vec<NearestExample>,
    /// The part of the file that is most like the first genre; none where no parts were given.
    pub decided: Option<Decided>,
}

/// A genre that others lie within.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParentGenre {
    /// Its name.
    pub genre: String,
    /// The sum over the genres within it, and itself.
    pub probability: f64,
}

/// The seconds of a file that decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Decided {
    /// Where they begin.
    pub start_s: f64,
    /// Where they end.
    pub end_s: f64,
    /// How far they are from the prototype.
    pub distance: f32,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part<'a> {
    /// Where it begins, in seconds.
    pub start_s: f64,
    /// Where it ends, in seconds.
    pub end_s: f64,
    /// Its mean embedding, [width].
    pub embedding: &'a [f32],
}

impl Genres {
    /// Ranks the genres for a file's embedding ([width], the mean over the file), says whether it is near to any of them,
    /// and why: the nearest examples, and which of the file's parts, if any are given, is nearest to the first genre.
    ///
    /// # Errors
    /// [`GenresError::Lengths`], [`GenresError::NotFinite`].
    pub fn answer(&self, embedding: &[f32], parts: &[Part]) -> Result<GenreAnswer, GenresError> {
        let all = [embedding]
            .into_iter()
            .chain(parts.iter().map(|part| part.embedding));
        all.into_iter()
            .try_for_each(|vector| check(vector, self.width))?;
        let count = self.genres.len();
        let distances: Vec<f32> = (0..count)
            .map(|k| self.prototypes.distance(embedding, k))
            .collect();
        let probabilities = match &self.probe {
            Some(probe) => probe.probabilities(embedding, count),
            None => self.metric.probabilities(&distances),
        };
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| {
            let likelier = probabilities[b].total_cmp(&probabilities[a]);
            // Probabilities round to 0 and to 1 where distances still differ.
            likelier.then(distances[a].total_cmp(&distances[b]))
        });
        let ranked = order.iter().map(|&k| RankedGenre {
            genre: self.genres[k].name.clone(),
            probability: probabilities[k],
            distance: distances[k],
        });
        let first = order[0];
        let prototype = self.prototypes.nearest(embedding, first);
        let decided = parts.iter().map(|part| Decided {
            start_s: part.start_s,
            end_s: part.end_s,
            distance: self.metric.distance(part.embedding, prototype),
        });
        let novelty = self.novelty(embedding);
        Ok(GenreAnswer {
            ranked: ranked.collect(),
            parents: self.parents(&probabilities),
            unknown: novelty > 1.0,
            novelty,
            nearest: self.nearest(embedding),
            decided: decided.min_by(|a, b| a.distance.total_cmp(&b.distance)),
        })
    }

    fn novelty(&self, embedding: &[f32]) -> f32 {
        let seen = self.comparison.whitening.apply(embedding);
        let distances = (0..self.genres.len()).map(|k| self.whitened.distance(&seen, k));
        self.threshold.novelty(&distances.collect::<Vec<f32>>())
    }

    fn parents(&self, probabilities: &[f64]) -> Vec<ParentGenre> {
        let mut found: Vec<ParentGenre> = Vec::new();
        for name in self.genres.iter().flat_map(|genre| parents(&genre.name)) {
            if found.iter().any(|parent| parent.genre == name) {
                continue;
            }
            let within = |other: &str| {
                let rest = other.strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let genres = self.genres.iter().zip(probabilities);
            let genres = genres.filter(|(genre, _)| within(&genre.name));
            found.push(ParentGenre {
                genre: name.to_owned(),
                probability: genres.map(|(_, probability)| probability).sum(),
            });
        }
        found.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        found
    }

    fn nearest(&self, embedding: &[f32]) -> Vec<NearestExample> {
        let examples = self
            .genres
            .iter()
            .flat_map(|genre| genre.examples.iter().map(move |e| (genre, e)));
        let mut near: Vec<_> = examples
            .map(|(genre, e)| (self.metric.distance(embedding, &e.embedding), genre, e))
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let near = near.into_iter().take(NEAREST);
        near.map(|(distance, genre, example)| NearestExample {
            path: example.path.clone(),
            genre: genre.name.clone(),
            distance,
        })
        .collect()
    }
}
