//! What is scored: systems, of which the floors are some.

use crate::data::Pool;
use crate::fewshot::{Fitted, Head, Metric, ScoreError};

/// Names in results: the network first, then its floors.
pub(crate) const NETWORK: &str = "network";
pub(crate) const UNTRAINED: &str = "untrained network";
pub(crate) const MFCC: &str = "MFCC, nearest centroid";
pub(crate) const MFCC_PROBE: &str = "MFCC, linear probe";

/// Something that has turned each file into one embedding: a network, an untrained one, MFCC statistics.
#[derive(Debug, Clone, Copy)]
pub struct System<'a> {
    /// Its name in the results.
    pub name: &'a str,
    /// One embedding per file, by the pool's file indices. Those of files outside the pool are not looked at.
    pub embeddings: &'a [Vec<f32>],
    /// What stands for a file where it is a query, if not its embedding above: that of an altered recording.
    pub queries: Option<&'a [Vec<f32>]>,
    /// What classifies them.
    pub head: Head,
}

impl<'a> System<'a> {
    /// A system whose queries are files as they are.
    pub fn new(name: &'a str, embeddings: &'a [Vec<f32>], head: Head) -> Self {
        Self {
            name,
            embeddings,
            queries: None,
            head,
        }
    }

    /// The floors that need no network, of standardised MFCC by file: [`MFCC`] and [`MFCC_PROBE`].
    pub fn floors(mfcc: &'a [Vec<f32>]) -> [Self; 2] {
        let centroid = Head::Prototype(Metric::EUCLIDEAN);
        [(MFCC, centroid), (MFCC_PROBE, Head::LINEAR_PROBE)]
            .map(|(name, head)| Self::new(name, mfcc, head))
    }

    /// The same system asked by other recordings of the queries.
    pub fn asked_by(self, queries: &'a [Vec<f32>]) -> Self {
        let queries = Some(queries);
        Self { queries, ..self }
    }

    /// The embedding of a query file.
    pub(super) fn query(&self, file: usize) -> &'a [f32] {
        &self.queries.unwrap_or(self.embeddings)[file]
    }

    /// The head, fitted on some files of each class.
    pub(super) fn fit(&self, support: &[Vec<usize>]) -> Fitted {
        let embedding = |&file: &usize| self.embeddings[file].as_slice();
        let of_class = |files: &Vec<usize>| files.iter().map(embedding).collect();
        let supports: Vec<Vec<&[f32]>> = support.iter().map(of_class).collect();
        self.head.fit(&supports)
    }

    /// Every file of the pool needs an embedding, of one length, whose distances cannot overflow.
    pub(super) fn check(&self, pool: &Pool) -> Result<(), ScoreError> {
        let mut expected = None;
        let files = || pool.files.iter().flatten().copied();
        let supports = files().map(|file| (file, self.embeddings.get(file)));
        let queries = self.queries.into_iter();
        let queries = queries.flat_map(|queries| files().map(|file| (file, queries.get(file))));
        for (file, embedding) in supports.chain(queries) {
            let name = || self.name.to_owned();
            let embedding = embedding.filter(|embedding| !embedding.is_empty());
            let embedding = embedding.ok_or_else(|| ScoreError::Missing {
                system: name(),
                file,
            })?;
            let expected = *expected.get_or_insert(embedding.len());
            if embedding.len() != expected {
                return Err(ScoreError::Lengths {
                    found: embedding.len(),
                    expected,
                });
            }
            let squares: f32 = embedding.iter().map(|value| value * value).sum();
            if !(4.0 * squares).is_finite() {
                return Err(ScoreError::NotFinite {
                    system: name(),
                    file,
                });
            }
        }
        Ok(())
    }
}
