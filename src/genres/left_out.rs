//! Every example as a query to genres that it is no part of.

use super::prototypes::Prototypes;

/// How far each example is from every genre, from its own as that is without it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LeftOut {
    pub(super) examples: Vec<LeftOutExample>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LeftOutExample {
    /// Its genre.
    pub(super) genre: usize,
    /// Its number in its genre.
    pub(super) number: usize,
    /// The distance to each genre; infinite to its own if it is the only one there.
    pub(super) distances: Vec<f32>,
}

impl LeftOut {
    /// Of `examples[genre][example]`, which the prototypes were made of.
    pub(super) fn new(prototypes: &Prototypes, examples: &[Vec<Vec<f32>>]) -> Self {
        let of_genre = |(genre, of_genre): (usize, &Vec<Vec<f32>>)| {
            let of_example = |(number, vector): (usize, &Vec<f32>)| {
                let to = |other| match other == genre {
                    true => prototypes.without(genre, number, vector),
                    false => prototypes.distance(vector, other),
                };
                LeftOutExample {
                    genre,
                    number,
                    distances: (0..examples.len()).map(to).collect(),
                }
            };
            let all: Vec<_> = of_genre.iter().enumerate().map(of_example).collect();
            all
        };
        Self {
            examples: examples.iter().enumerate().flat_map(of_genre).collect(),
        }
    }

    /// Examples that are nearest to their own genre. One that is alone in its genre never is.
    pub(super) fn right(&self) -> usize {
        let right = |example: &&LeftOutExample| example.nearest().0 == example.genre;
        self.examples.iter().filter(right).count()
    }
}

impl LeftOutExample {
    /// The distance to its own genre.
    pub(super) fn own(&self) -> f32 {
        self.distances[self.genre]
    }

    /// Whether its genre has other examples.
    pub(super) fn has_company(&self) -> bool {
        self.own().is_finite()
    }

    /// The nearest genre, the first among equals, and how far it is.
    pub(super) fn nearest(&self) -> (usize, f32) {
        self.least(|_| true)
    }

    /// The nearest of the other genres.
    pub(super) fn nearest_other(&self) -> (usize, f32) {
        self.least(|genre| genre != self.genre)
    }

    fn least(&self, of: impl Fn(usize) -> bool) -> (usize, f32) {
        let distances = self.distances.iter().copied().enumerate();
        let least = distances.filter(|(genre, _)| of(*genre));
        let least = least.min_by(|a, b| a.1.total_cmp(&b.1));
        least.unwrap_or((usize::MAX, f32::INFINITY))
    }
}
