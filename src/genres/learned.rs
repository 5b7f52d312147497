//! What is learned from all genres' examples.

use super::comparison::Comparison;
use super::error::GenresError;
use super::genre::Genre;
use super::left_out::LeftOut;
use super::parted::parted;
use super::probe::Probe;
use super::prototypes::Prototypes;
use super::threshold::Threshold;
use crate::fewshot::Metric;

/// Genres with what was learned from their examples. The same examples give the same answers to the bit.
#[derive(Debug, Clone)]
pub struct Genres {
    pub(super) genres: Vec<Genre>,
    pub(super) comparison: Comparison,
    /// The distance that ranks, with the scale of its probabilities by the genre that has the fewest examples.
    pub(super) metric: Metric,
    pub(super) prototypes: Prototypes,
    /// The same prototypes, whitened, by which novelty goes.
    pub(super) whitened: Prototypes,
    pub(super) probe: Option<Probe>,
    pub(super) threshold: Threshold,
    pub(super) width: usize,
}

impl Genres {
    /// Learns from the examples of each genre: how many prototypes it has, how near is near enough, and, if `adapt`, whether
    /// a linear probe ranks genres better. Genres are put in the order of their names.
    ///
    /// # Errors
    /// [`GenresError::None`], [`GenresError::Empty`], and embeddings that cannot be compared.
    pub fn learn(
        mut genres: Vec<Genre>,
        comparison: Comparison,
        adapt: bool,
    ) -> Result<Self, GenresError> {
        genres.sort_by(|a, b| a.name.cmp(&b.name));
        let first = genres.first().ok_or(GenresError::None)?;
        if let Some(empty) = genres.iter().find(|genre| genre.examples.is_empty()) {
            return Err(GenresError::Empty(empty.name.clone()));
        }
        let width = first.examples[0].embedding.len();
        for example in genres.iter().flat_map(|genre| &genre.examples) {
            check(&example.embedding, width)?;
        }
        let sizes: Vec<usize> = genres.iter().map(|genre| genre.examples.len()).collect();
        let fewest = sizes.iter().copied().min().unwrap_or(1);
        let metric = comparison.metric.calibrated(comparison.calibration, fewest);
        let examples = vectors(&genres, <[f32]>::to_vec);
        let prototypes = parted(metric, &examples);
        let probe = adapt.then(|| {
            let right = LeftOut::new(&prototypes, &examples).right();
            Probe::where_it_helps(&examples, right)
        });
        let seen = vectors(&genres, |embedding| comparison.whitening.apply(embedding));
        let whitened = prototypes.of(Metric::COSINE, &seen);
        let threshold = Threshold::learned(sizes, &LeftOut::new(&whitened, &seen));
        Ok(Self {
            genres,
            comparison,
            metric,
            prototypes,
            whitened,
            probe: probe.flatten(),
            threshold,
            width,
        })
    }

    /// The genres, in the order of their names.
    pub fn genres(&self) -> &[Genre] {
        &self.genres
    }

    /// What ranks them: the distance, with the scale of its probabilities.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The prototypes of each genre, `[genre][prototype]`: two where its examples disagree.
    pub fn means(&self) -> &[Vec<Vec<f32>>] {
        self.prototypes.means()
    }

    /// Whether a linear probe ranks them, because it was asked for and helps.
    pub fn is_adapted(&self) -> bool {
        self.probe.is_some()
    }

    /// How many prototypes a genre has, by its place in [`Self::genres`]: two where its examples disagree.
    #[cfg(test)]
    pub(super) fn prototypes(&self, genre: usize) -> usize {
        self.prototypes.count(genre)
    }
}

/// What `of` makes of every example's embedding, by genre.
pub(super) fn vectors(genres: &[Genre], of: impl Fn(&[f32]) -> Vec<f32>) -> Vec<Vec<Vec<f32>>> {
    let of_genre = |genre: &Genre| genre.examples.iter().map(|e| of(&e.embedding)).collect();
    genres.iter().map(of_genre).collect()
}

/// Checks that an embedding can be compared with others of a width.
pub(super) fn check(embedding: &[f32], width: usize) -> Result<(), GenresError> {
    let squares: f32 = embedding.iter().map(|value| value * value).sum();
    match embedding.len() {
        _ if embedding.is_empty() => Err(GenresError::NotFinite),
        found if found != width => Err(GenresError::Lengths {
            found,
            expected: width,
        }),
        _ if !(4.0 * squares).is_finite() => Err(GenresError::NotFinite),
        _ => Ok(()),
    }
}
