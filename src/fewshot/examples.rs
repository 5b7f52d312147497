//! Genres by name, with their example files, and the answer for one file, with its reasons.

use std::path::PathBuf;

use serde::Serialize;

use super::{Metric, ScoreError, prototype};

/// Nearest examples told for each file.
const NEAREST: usize = 3;

/// A classified file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The file.
    pub path: PathBuf,
    /// All genres, nearest first.
    pub ranked: Vec<RankedGenre>,
    /// The nearest examples, nearest first.
    pub nearest: Vec<NearestExample>,
}

/// A genre and how near it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedGenre {
    /// Its name.
    pub genre: String,
    /// Softmax over minus the scaled distances: among these genres only. The scale is that of the model's calibration.
    pub probability: f64,
    /// Distance to its prototype.
    pub distance: f32,
}

/// An example and how near it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearestExample {
    /// The example file.
    pub path: PathBuf,
    /// Its genre.
    pub genre: String,
    /// Distance to it.
    pub distance: f32,
}

/// Example files of each genre with their embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// The genres.
    pub genres: Vec<String>,
    /// Example files of each genre.
    pub paths: Vec<Vec<PathBuf>>,
    /// Their embeddings.
    pub embeddings: Vec<Vec<Vec<f32>>>,
}

impl Examples {
    /// Genres without examples.
    pub fn new(genres: Vec<String>) -> Self {
        Self {
            paths: vec![Vec::new(); genres.len()],
            embeddings: vec![Vec::new(); genres.len()],
            genres,
        }
    }

    /// Adds a file to a genre, an index into [`Self::genres`].
    pub fn add(&mut self, genre: usize, path: PathBuf, embedding: Vec<f32>) {
        self.paths[genre].push(path);
        self.embeddings[genre].push(embedding);
    }

    /// Takes out the genres without examples, and gives their names.
    pub fn leave_out_empty(&mut self) -> Vec<String> {
        let empty = (0..self.genres.len())
            .rev()
            .filter(|&k| self.paths[k].is_empty());
        let empty: Vec<usize> = empty.collect();
        let take = |k| {
            self.paths.remove(k);
            self.embeddings.remove(k);
            self.genres.remove(k)
        };
        empty.into_iter().map(take).collect()
    }

    /// Examples of the genre that has the fewest: prototypes of unequal numbers have one scale, the one that claims least.
    pub fn fewest(&self) -> usize {
        self.paths.iter().map(Vec::len).min().unwrap_or(1)
    }

    /// Ranks the genres for one file's embedding by the distance to the mean of each genre's examples, and names the nearest
    /// of all examples.
    ///
    /// # Errors
    /// [`ScoreError`]: a genre has no example, or embeddings cannot be compared.
    pub fn answer(
        &self,
        path: PathBuf,
        embedding: &[f32],
        metric: Metric,
    ) -> Result<Answer, ScoreError> {
        self.check(embedding)?;
        let distances: Vec<f32> = self
            .embeddings
            .iter()
            .map(|genre| metric.distance(embedding, &prototype(genre.iter().map(Vec::as_slice))))
            .collect();
        let probabilities = metric.probabilities(&distances);
        let of_genre = |k: usize| RankedGenre {
            genre: self.genres[k].clone(),
            probability: probabilities[k],
            distance: distances[k],
        };
        let mut ranked: Vec<RankedGenre> = (0..distances.len()).map(of_genre).collect();
        ranked.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        let of_genre = |k: usize| {
            let files = self.paths[k].iter().zip(&self.embeddings[k]);
            files.map(move |(path, example)| (metric.distance(embedding, example), k, path))
        };
        let mut nearest: Vec<_> = (0..distances.len()).flat_map(of_genre).collect();
        nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
        let nearest = nearest.into_iter().take(NEAREST);
        let nearest = nearest.map(|(distance, genre, path)| NearestExample {
            path: path.clone(),
            genre: self.genres[genre].clone(),
            distance,
        });
        Ok(Answer {
            path,
            ranked,
            nearest: nearest.collect(),
        })
    }

    /// Checks that an embedding and all examples can be compared.
    fn check(&self, query: &[f32]) -> Result<(), ScoreError> {
        if self.embeddings.is_empty() || self.embeddings.iter().any(Vec::is_empty) {
            return Err(ScoreError::NoExamples);
        }
        let examples = self.embeddings.iter().flatten().map(Vec::as_slice);
        for embedding in std::iter::once(query).chain(examples) {
            if embedding.is_empty() || embedding.len() != query.len() {
                return Err(ScoreError::Lengths {
                    found: embedding.len(),
                    expected: query.len(),
                });
            }
            if embedding.iter().any(|value| !value.is_finite()) {
                return Err(ScoreError::QueryNotFinite);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Genres a, b, c with these examples, named by their places.
    fn examples(embeddings: &[&[&[f32]]]) -> Examples {
        let genres = ["a", "b", "c"][..embeddings.len()].iter();
        let mut examples = Examples::new(genres.map(|name| name.to_string()).collect());
        for (genre, files) in embeddings.iter().enumerate() {
            for (place, file) in files.iter().enumerate() {
                examples.add(genre, place.to_string().into(), file.to_vec());
            }
        }
        examples
    }

    fn three() -> Examples {
        examples(&[
            &[&[0.0, 0.0], &[0.0, 2.0]],
            &[&[4.0, 1.0]],
            &[&[-9.0, 1.0], &[1.0, 1.5]],
        ])
    }

    #[test]
    fn genres_are_ranked_by_prototype_and_examples_by_their_own_distance() {
        let answer = three().answer("new".into(), &[1.0, 1.0], Metric::EUCLIDEAN);
        let found = answer.unwrap();
        let ranked = found.ranked.iter().map(|r| (r.genre.as_str(), r.distance));
        let order: Vec<(&str, f32)> = ranked.collect();
        assert_eq!(order, [("a", 1.0), ("b", 9.0), ("c", 25.0625)]);
        assert!((found.ranked.iter().map(|r| r.probability).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((found.ranked[0].probability / found.ranked[1].probability).ln() - 8.0 < 1e-6);
        // The nearest single example belongs to the farthest genre.
        let nearest = &found.nearest[0];
        assert_eq!((nearest.genre.as_str(), nearest.distance), ("c", 0.25));
        assert_eq!(nearest.path, PathBuf::from("1"));
        assert_eq!(found.nearest.len(), NEAREST);
    }

    #[test]
    fn examples_that_cannot_be_compared_are_refused() {
        let answer = |examples: Examples, query: &[f32]| {
            let answer = examples.answer("new".into(), query, Metric::COSINE);
            answer.unwrap_err()
        };
        let (found, expected) = (2, 1);
        assert_eq!(
            answer(three(), &[1.0]),
            ScoreError::Lengths { found, expected }
        );
        assert_eq!(answer(examples(&[]), &[1.0]), ScoreError::NoExamples);
        assert_eq!(answer(examples(&[&[]]), &[1.0]), ScoreError::NoExamples);
        let nan = answer(three(), &[1.0, f32::NAN]);
        assert_eq!(nan, ScoreError::QueryNotFinite);
    }
}
