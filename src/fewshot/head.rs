//! Heads: what turns the support embeddings of an episode into an answer for a query.

#![allow(
    clippy::cast_possible_truncation,
    reason = "heads are fitted in f64, and their distances are f32 as all others"
)]

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::{Metric, prototype};
use crate::ops::NORM_EPSILON;

/// How the embeddings of an episode are classified.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// The class with the nearest prototype, the mean of its supports (Snell et al. 2017, Prototypical Networks).
    Prototype(Metric),
    /// A linear probe: ridge regression with a bias from the supports to one-hot targets, one output a class; the
    /// largest output wins. Fitted in closed form, so it has no learning rate, no stopping rule and no random start.
    LinearProbe {
        /// What is added to the diagonal of the supports' Gram matrix (centred by their mean), in units of the mean
        /// of that diagonal, so that the scale of the embeddings changes nothing. Above 0.
        strength: f64,
    },
    /// A linear softmax classifier that starts at zero and takes some steps of gradient descent: how a learner of the
    /// MAML family classifies when only its last layer adapts (Raghu et al. 2020, ANIL).
    Gradient {
        /// Steps, each on all supports at once.
        steps: usize,
        /// Learning rate. Each embedding is brought to mean 0 and deviation 1, and all of them are centred and scaled
        /// by the supports, so that their scale changes nothing.
        rate: f32,
    },
}

impl Head {
    /// The linear probe with the ridge as strong as an average support. It was not tuned on any data.
    pub const LINEAR_PROBE: Self = Self::LinearProbe { strength: 1.0 };
    /// Five steps of 0.7, a plain choice for networks that were not trained with a gradient head.
    pub const GRADIENT: Self = Self::Gradient {
        steps: 5,
        rate: 0.7,
    };

    /// Fits the head on `supports[class][support]`, embeddings of one length.
    pub fn fit(&self, supports: &[Vec<&[f32]>]) -> Fitted {
        Fitted(match *self {
            Self::Prototype(metric) => Kind::Prototypes {
                metric,
                prototypes: supports
                    .iter()
                    .map(|class| prototype(class.iter().copied()))
                    .collect(),
            },
            Self::LinearProbe { strength } => Kind::Linear(ridge(supports, strength)),
            Self::Gradient { steps, rate } => {
                let normal: Vec<Vec<Vec<f32>>> = supports
                    .iter()
                    .map(|class| class.iter().map(|support| normalise(support)).collect())
                    .collect();
                let normal: Vec<Vec<&[f32]>> = normal
                    .iter()
                    .map(|class| class.iter().map(Vec::as_slice).collect())
                    .collect();
                Kind::OfNormal(descend(&normal, steps, rate))
            }
        })
    }
}

/// A head fitted on the supports of some classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Prototypes {
        metric: Metric,
        prototypes: Vec<Vec<f32>>,
    },
    Linear(Linear),
    /// A linear head on normalised embeddings.
    OfNormal(Linear),
}

/// One output a class: `weights[:, class] . query + bias[class]`.
#[derive(Debug, Clone, PartialEq)]
struct Linear {
    /// Dimensions x classes.
    weights: DMatrix<f64>,
    /// One a class.
    bias: Vec<f64>,
}

impl Fitted {
    /// How far a query is from a class, an index into the supports fitted on: the smallest wins. For prototypes it is
    /// the metric's distance; for a linear head, the negated output, which may be negative.
    pub fn distance(&self, query: &[f32], class: usize) -> f32 {
        match &self.0 {
            Kind::Prototypes { metric, prototypes } => metric.distance(query, &prototypes[class]),
            Kind::Linear(linear) => -linear.output(query, class) as f32,
            Kind::OfNormal(linear) => -linear.output(&normalise(query), class) as f32,
        }
    }
}

impl Linear {
    fn output(&self, query: &[f32], class: usize) -> f64 {
        let weights = self.weights.column(class);
        let products = weights.iter().zip(query).map(|(w, &x)| w * f64::from(x));
        products.sum::<f64>() + self.bias[class]
    }
}

/// An embedding brought to mean 0 and deviation 1 over its values, as the kernels' normalisation does.
fn normalise(embedding: &[f32]) -> Vec<f32> {
    let count = embedding.len().max(1) as f64;
    let mean = embedding.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let square = |&x: &f32| (f64::from(x) - mean).powi(2);
    let variance = embedding.iter().map(square).sum::<f64>() / count;
    let scale = (variance + NORM_EPSILON).sqrt().recip();
    let normal = embedding.iter().map(|&x| (f64::from(x) - mean) * scale);
    normal.map(|x| x as f32).collect()
}

/// The supports as rows (supports x dimensions), and their one-hot targets (supports x classes).
fn rows_and_targets(supports: &[Vec<&[f32]>]) -> (DMatrix<f64>, DMatrix<f64>) {
    let flat: Vec<(usize, &[f32])> = supports
        .iter()
        .enumerate()
        .flat_map(|(class, supports)| supports.iter().map(move |&support| (class, support)))
        .collect();
    let dimensions = flat.first().map_or(0, |(_, support)| support.len());
    (
        DMatrix::from_fn(flat.len(), dimensions, |i, j| f64::from(flat[i].1[j])),
        DMatrix::from_fn(flat.len(), supports.len(), |i, class| {
            f64::from(u8::from(flat[i].0 == class))
        }),
    )
}

/// Takes the mean over the rows from each row, and returns it.
fn centre_rows(rows: &mut DMatrix<f64>) -> Vec<f64> {
    let count = rows.nrows().max(1) as f64;
    rows.column_iter_mut()
        .map(|mut column| {
            let mean = column.sum() / count;
            column.add_scalar_mut(-mean);
            mean
        })
        .collect()
}

/// Ridge regression whose bias is free. With rows and targets centred the bias leaves the problem, and the dual
/// `(X X' + ridge I) A = Y`, `W = X' A` is as large as the supports are many, not as the embedding is wide.
fn ridge(supports: &[Vec<&[f32]>], strength: f64) -> Linear {
    let (mut rows, mut targets) = rows_and_targets(supports);
    let mean = centre_rows(&mut rows);
    let shares = centre_rows(&mut targets);
    let mut gram = &rows * rows.transpose();
    let ridge = strength * gram.trace() / rows.nrows().max(1) as f64;
    for i in 0..rows.nrows() {
        gram[(i, i)] += ridge;
    }
    let weights = match gram.cholesky() {
        Some(cholesky) => rows.tr_mul(&cholesky.solve(&targets)),
        // All supports are equal: nothing to tell the classes by.
        None => DMatrix::zeros(rows.ncols(), targets.ncols()),
    };
    let bias = weights
        .column_iter()
        .zip(&shares)
        .map(|(weights, share)| {
            let offset = weights.iter().zip(&mean).map(|(w, m)| w * m).sum::<f64>();
            share - offset
        })
        .collect();
    Linear { weights, bias }
}

/// Gradient descent on the mean cross-entropy from zero. The weights are always a weighted sum of the supports, so the
/// steps are taken on the supports' weights, which costs less: after `k` steps `W = rate / n X' (k Y - P)`, and the
/// bias is that of a dimension of ones, where Y holds the targets and P the sum of the probabilities so far. Kept
/// apart, both are the same to the bit for classes with the same supports, so that these tie.
fn descend(supports: &[Vec<&[f32]>], steps: usize, rate: f32) -> Linear {
    let (mut rows, targets) = rows_and_targets(supports);
    let mean = centre_rows(&mut rows);
    let variance = rows.norm_squared() / rows.len().max(1) as f64;
    let scale = if variance > 0.0 {
        variance.sqrt().recip()
    } else {
        1.0
    };
    rows *= scale;
    let gram = (&rows * rows.transpose()).add_scalar(1.0);
    let step = f64::from(rate) / rows.nrows().max(1) as f64;
    let pull = &gram * &targets;
    let mut expected = DMatrix::zeros(targets.nrows(), targets.ncols());
    for done in 0..steps {
        let mut probabilities = (&pull * done as f64 - &gram * &expected) * step;
        for mut row in probabilities.row_iter_mut() {
            let largest = row.max();
            row.apply(|logit| *logit = (*logit - largest).exp());
            let total = row.sum();
            row /= total;
        }
        expected += probabilities;
    }
    let steps = steps as f64;
    let columns = targets.column_iter().zip(expected.column_iter());
    let bias = columns.map(|(target, expected)| (target.sum() * steps - expected.sum()) * step);
    // Queries come as they are: the mean goes into the bias, the scale into the weights.
    let weights = (rows.tr_mul(&targets) * steps - rows.tr_mul(&expected)) * (step * scale);
    let offset = |weights: &[f64]| weights.iter().zip(&mean).map(|(w, m)| w * m).sum::<f64>();
    Linear {
        bias: bias
            .zip(weights.column_iter())
            .map(|(bias, weights)| bias - offset(weights.as_slice()))
            .collect(),
        weights,
    }
}

/// The features of SimpleShot (Wang et al. 2019, CL2N), to be classified by `Head::Prototype(Metric::EUCLIDEAN)`: each
/// embedding less `centre` (the mean embedding of the training files, of the same length), then divided by its norm.
/// An empty embedding stays empty, and one that equals the centre becomes zero.
pub fn simple_shot(embeddings: &[Vec<f32>], centre: &[f32]) -> Vec<Vec<f32>> {
    let transform = |embedding: &Vec<f32>| {
        let centred: Vec<f64> = embedding
            .iter()
            .zip(centre)
            .map(|(&value, &centre)| f64::from(value) - f64::from(centre))
            .collect();
        let norm = centred
            .iter()
            .map(|value| value * value)
            .sum::<f64>()
            .sqrt();
        let divisor = if norm > 0.0 { norm } else { 1.0 };
        centred
            .into_iter()
            .map(|value| (value / divisor) as f32)
            .collect()
    };
    embeddings.iter().map(transform).collect()
}

/// Embeddings to be classified by `Head::Prototype(Metric::COSINE)`: each less `centre`, the mean embedding of the training files,
/// and divided by `spread`, their deviations, in each dimension; so that no dimension outweighs the others by its scale alone.
/// An empty embedding stays empty.
pub fn standardised(embeddings: &[Vec<f32>], centre: &[f32], spread: &[f32]) -> Vec<Vec<f32>> {
    let by = || centre.iter().zip(spread);
    let transform = |embedding: &Vec<f32>| {
        let values = embedding.iter().zip(by());
        values
            .map(|(x, (mean, deviation))| (x - mean) / deviation)
            .collect()
    };
    embeddings.iter().map(transform).collect()
}

#[cfg(test)]
mod tests;
