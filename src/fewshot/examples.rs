//! Genres by name, with their example files: the answer for one file in words that need no table beside them.

use std::path::PathBuf;

use serde::Serialize;

use super::{Classification, Metric, ScoreError, classify};

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

    /// Classifies one file's embedding.
    ///
    /// # Errors
    /// [`ScoreError`]: a genre has no example, or embeddings cannot be compared.
    pub fn answer(
        &self,
        path: PathBuf,
        embedding: &[f32],
        metric: Metric,
    ) -> Result<Answer, ScoreError> {
        let Classification { ranked, nearest } =
            classify(embedding, &self.embeddings, metric, NEAREST)?;
        let ranked = ranked.into_iter().map(|r| RankedGenre {
            genre: self.genres[r.class].clone(),
            probability: r.probability,
            distance: r.distance,
        });
        let nearest = nearest.into_iter().map(|n| NearestExample {
            path: self.paths[n.class][n.example].clone(),
            genre: self.genres[n.class].clone(),
            distance: n.distance,
        });
        Ok(Answer {
            path,
            ranked: ranked.collect(),
            nearest: nearest.collect(),
        })
    }
}
