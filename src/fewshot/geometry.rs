//! Which directions of an embedding count, and how much: a metric fitted on the training files.
//!
//! What tells the files of one class from one another, such as level, recording or tempo, says little about a new class either: the
//! inverse of the pooled covariance within classes gives those directions less weight, as linear discriminant analysis does
//! (Fisher 1936; its shrinkage as in Friedman 1989). But a class of the training, say a soundtrack, may hold several genres, which
//! whitening would hide. A teacher that knows genres says which directions those are: where a regression predicts its vectors from
//! embeddings, distances between predictions are the teacher's own, as far as the network knows it. A share of each is the metric.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::model::{ModelError, Network};

/// Strength of the regression's ridge, as a share of the embeddings' mean variance.
const RIDGE: f64 = 0.1;

/// What a metric is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Geometry {
    /// Shrinkage of the covariance within classes towards a multiple of the identity, above 0 and at most 1.
    pub shrinkage: f64,
    /// Share of the metric that is the teacher's, 0 or more and less than 1; the rest whitens. Without a teacher all of it does.
    pub teacher: f64,
}

impl Default for Geometry {
    fn default() -> Self {
        Self {
            shrinkage: 0.1,
            teacher: 0.5,
        }
    }
}

/// What a metric is fitted on: a training file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub class: usize,
    /// Its embedding, of d values.
    pub embedding: &'a [f32],
    /// The mean of its teacher's vectors, if it has any.
    pub target: Option<&'a [f32]>,
}

/// The affine map `matrix (x - centre)` after which the metric is the plain one.
#[derive(Debug, Clone)]
pub(crate) struct Reshape {
    centre: DVector<f64>,
    /// The transpose of the metric's lower Cholesky factor, d x d: any root gives the same distances and cosines.
    matrix: DMatrix<f64>,
}

impl Reshape {
    /// Fits the metric `M = teacher B B' + (1 - teacher) W`: B the coefficients of a ridge regression of targets on embeddings,
    /// W the inverse of the shrunk covariance within classes, both scaled to give the training files a total variance of d.
    /// None if no class has two embeddings that differ, or a value is not finite.
    pub(crate) fn fit(files: &[Known], geometry: Geometry) -> Option<Self> {
        let d = files.first()?.embedding.len();
        let (centre, rows) = centred(files.iter().map(|file| file.embedding), d);
        let total = rows.tr_mul(&rows) / files.len() as f64;
        let scaled = |metric: DMatrix<f64>| {
            let variance = (&metric * &total).trace() / d as f64;
            (variance > 0.0).then(|| metric / variance)
        };
        let within = within_classes(files, d)?;
        let whitening = scaled(shrunk(within, geometry.shrinkage).cholesky()?.inverse())?;
        let taught = teachers_metric(files, d).and_then(scaled);
        let metric = match taught {
            Some(taught) => taught * geometry.teacher + whitening * (1.0 - geometry.teacher),
            None => whitening,
        };
        let matrix = metric.cholesky()?.unpack().transpose();
        let finite = matrix.iter().all(|x| x.is_finite());
        finite.then_some(Self { centre, matrix })
    }

    /// The map at one point.
    pub(crate) fn apply(&self, x: &[f32]) -> Vec<f32> {
        narrow(&(&self.matrix * (widened(x) - &self.centre)))
    }

    /// Lets the last layer of a network, a linear one, do the map behind it, in the network's flat parameters.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if the parameters are not the network's.
    pub(crate) fn fold(&self, network: &Network, flat: &mut Vec<f32>) -> Result<(), ModelError> {
        let mut named = network.named_parameters(flat);
        let last = network.spec.layers.len().saturating_sub(1);
        for parameter in &mut named {
            if parameter.name == format!("{last}.linear.weight") {
                for row in parameter.values.chunks_exact_mut(self.centre.len()) {
                    row.copy_from_slice(&narrow(&(&self.matrix * widened(row))));
                }
            } else if parameter.name == format!("{last}.linear.bias") {
                parameter.values = self.apply(&parameter.values);
            }
        }
        *flat = network.flat_parameters(&named)?;
        Ok(())
    }
}

/// The mean of rows of `d` values, and the rows less their mean.
fn centred<'a>(rows: impl Iterator<Item = &'a [f32]>, d: usize) -> (DVector<f64>, DMatrix<f64>) {
    let values: Vec<f64> = rows.flatten().map(|&x| f64::from(x)).collect();
    let mut rows = DMatrix::from_row_slice(values.len() / d.max(1), d, &values);
    let mean = rows.row_mean().transpose();
    for mut row in rows.row_iter_mut() {
        row -= mean.transpose();
    }
    (mean, rows)
}

/// The covariance within classes, pooled over them, d x d; none without two files of a class.
fn within_classes(files: &[Known], d: usize) -> Option<DMatrix<f64>> {
    let classes = 1 + files.iter().map(|file| file.class).max()?;
    let mut of_class = vec![Vec::new(); classes];
    for file in files {
        of_class[file.class].push(file.embedding);
    }
    let (mut sum, mut freedom) = (DMatrix::zeros(d, d), 0);
    for class in of_class.iter().filter(|class| class.len() > 1) {
        let (_, rows) = centred(class.iter().copied(), d);
        sum += rows.tr_mul(&rows);
        freedom += class.len() - 1;
    }
    (freedom > 0).then(|| sum / freedom as f64)
}

/// `B B'` of a ridge regression of the targets that there are on their files' embeddings.
fn teachers_metric(files: &[Known], d: usize) -> Option<DMatrix<f64>> {
    let pairs: Vec<_> = files
        .iter()
        .filter_map(|file| Some((file.embedding, file.target?)))
        .collect();
    let width = pairs.first()?.1.len();
    let (_, rows) = centred(pairs.iter().map(|pair| pair.0), d);
    let (_, targets) = centred(pairs.iter().map(|pair| pair.1), width);
    let mut gram = rows.tr_mul(&rows);
    let ridge = RIDGE * gram.trace() / d as f64;
    for i in 0..d {
        gram[(i, i)] += ridge;
    }
    let coefficients = gram.cholesky()?.solve(&rows.tr_mul(&targets));
    Some(&coefficients * coefficients.transpose())
}

fn shrunk(covariance: DMatrix<f64>, shrinkage: f64) -> DMatrix<f64> {
    let d = covariance.nrows();
    let mean = covariance.trace() / d as f64;
    covariance * (1.0 - shrinkage) + DMatrix::identity(d, d) * (shrinkage * mean)
}

fn widened(values: &[f32]) -> DVector<f64> {
    DVector::from_iterator(values.len(), values.iter().map(|&x| f64::from(x)))
}

#[expect(clippy::cast_possible_truncation, reason = "embeddings are f32")]
fn narrow(values: &DVector<f64>) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spec;
    use crate::random::Stream;

    /// Whitening alone, hardly shrunk.
    const WHITENING: Geometry = Geometry {
        shrinkage: 1e-9,
        teacher: 0.0,
    };

    /// Four classes of 40 points in three dimensions, the first two correlated, the last so wide.
    fn points(wide: f32) -> Vec<(usize, Vec<f32>)> {
        let mut random = Stream::new(1, "geometry", 0);
        let mut next = || (0..12).map(|_| random.unit()).sum::<f64>() as f32 - 6.0;
        let point = |i: u16| {
            let (a, b, c) = (next(), next(), next());
            let class = f32::from(i % 4);
            (
                usize::from(i % 4),
                vec![class + a, a + 0.3 * b, 50.0 + wide * c],
            )
        };
        (0..160).map(point).collect()
    }

    fn known(points: &[(usize, Vec<f32>)]) -> Vec<Known<'_>> {
        points
            .iter()
            .map(|(class, embedding)| Known {
                class: *class,
                embedding,
                target: None,
            })
            .collect()
    }

    /// Variances and covariances within classes, by the definition, up to a factor.
    fn scatter(points: &[(usize, Vec<f32>)]) -> [[f64; 3]; 3] {
        let mut sums = [[0.0; 3]; 3];
        for class in 0..4 {
            let of_class: Vec<_> = points.iter().filter(|(c, _)| *c == class).collect();
            let mean = |j: usize| {
                of_class.iter().map(|(_, x)| f64::from(x[j])).sum::<f64>() / of_class.len() as f64
            };
            let means = [mean(0), mean(1), mean(2)];
            for (_, x) in &of_class {
                for i in 0..3 {
                    for j in 0..3 {
                        sums[i][j] += (f64::from(x[i]) - means[i]) * (f64::from(x[j]) - means[j]);
                    }
                }
            }
        }
        sums
    }

    fn reshaped(reshape: &Reshape, points: &[(usize, Vec<f32>)]) -> Vec<(usize, Vec<f32>)> {
        let point = |(class, x): &(usize, Vec<f32>)| (*class, reshape.apply(x));
        points.iter().map(point).collect()
    }

    #[test]
    fn whitened_classes_scatter_alike_in_every_direction_around_a_mean_of_zero_with_a_variance_of_one()
     {
        let before = points(20.0);
        let after = reshaped(&Reshape::fit(&known(&before), WHITENING).unwrap(), &before);
        let sums = scatter(&after);
        for (i, row) in sums.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let share = value / sums[0][0];
                assert!(
                    (share - f64::from(u8::from(i == j))).abs() < 1e-3,
                    "{i} {j} {share}"
                );
            }
        }
        let values = |j: usize| after.iter().map(move |(_, x)| f64::from(x[j]));
        let mut variance = 0.0;
        for j in 0..3 {
            let mean = values(j).sum::<f64>() / 160.0;
            assert!(mean.abs() < 1e-4, "{mean}");
            variance += values(j).map(|x| x * x).sum::<f64>() / 160.0;
        }
        assert!((variance - 3.0).abs() < 1e-3, "{variance}");
    }

    #[test]
    fn with_all_of_the_shrinkage_distances_keep_their_proportions() {
        let points = points(20.0);
        let all = Geometry {
            shrinkage: 1.0,
            ..WHITENING
        };
        let matrix = Reshape::fit(&known(&points), all).unwrap().matrix;
        let of = matrix[(0, 0)];
        for i in 0..3 {
            for j in 0..3 {
                let expected = if i == j { of } else { 0.0 };
                assert!((matrix[(i, j)] - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn distances_approach_those_of_the_teachers_vectors_as_its_share_grows() {
        // The teacher hears the second dimension alone.
        let points = points(2.0);
        let targets: Vec<Vec<f32>> = points.iter().map(|(_, x)| vec![x[1], 0.0]).collect();
        let mut files = known(&points);
        for (file, target) in files.iter_mut().zip(&targets) {
            file.target = Some(target);
        }
        let agreement = |teacher: f64| {
            let geometry = Geometry {
                teacher,
                ..WHITENING
            };
            let after = reshaped(&Reshape::fit(&files, geometry).unwrap(), &points);
            let pairs = (0..159).map(|i| {
                let distance = |rows: &dyn Fn(usize) -> Vec<f32>| {
                    let (a, b) = (rows(i), rows(i + 1));
                    let squares = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2));
                    squares.sum::<f64>()
                };
                [
                    distance(&|k| after[k].1.clone()),
                    distance(&|k| targets[k].clone()),
                ]
            });
            let pairs: Vec<[f64; 2]> = pairs.collect();
            let mean = |k: usize| pairs.iter().map(|p| p[k]).sum::<f64>() / pairs.len() as f64;
            let means = [mean(0), mean(1)];
            let product = |i: usize, j: usize| {
                let products = pairs.iter().map(|p| (p[i] - means[i]) * (p[j] - means[j]));
                products.sum::<f64>()
            };
            product(0, 1) / (product(0, 0) * product(1, 1)).sqrt()
        };
        let [none, half, most] = [0.0, 0.5, 0.999].map(agreement);
        assert!(
            none + 0.05 < half && half + 0.05 < most,
            "{none} {half} {most}"
        );
        assert!(most > 0.9, "{most}");
    }

    #[test]
    fn a_network_that_reshapes_gives_what_reshaping_its_embeddings_gives() {
        let spec = Spec::from_toml(
            "name = \"n\"\nlayers = [{ type = \"statistics_pool\" }, { type = \"linear\", channels = 3 }]",
        )
        .unwrap();
        let network = Network::new(spec, [5, 7]).unwrap();
        let reshape = Reshape::fit(&known(&points(20.0)), Geometry::default()).unwrap();
        let parameters = network.initial_parameters(1);
        let mut folded = parameters.clone();
        reshape.fold(&network, &mut folded).unwrap();
        let clip: Vec<f64> = (0..35).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let embed = |flat: &[f32]| {
            let flat: Vec<f64> = flat.iter().map(|&x| f64::from(x)).collect();
            narrow(&DVector::from_vec(network.reference(1, &clip, &flat, None)))
        };
        let expected = reshape.apply(&embed(&parameters));
        for (found, expected) in embed(&folded).iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn there_is_nothing_to_fit_without_two_embeddings_of_a_class_that_differ() {
        let fits = |rows: &[(usize, Vec<f32>)]| Reshape::fit(&known(rows), WHITENING).is_some();
        assert!(!fits(&[]));
        assert!(!fits(&[(0, vec![1.0, 2.0]), (1, vec![3.0, 4.0])]));
        assert!(!fits(&[(0, vec![1.0, 2.0]), (0, vec![1.0, 2.0])]));
        assert!(!fits(&[(0, vec![1.0, f32::NAN]), (0, vec![1.0, 2.0])]));
        assert!(fits(&[(0, vec![1.0, 2.0]), (0, vec![1.5, 2.0])]));
    }
}
