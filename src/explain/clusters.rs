//! Shapes that many learned functions have.

use rayon::prelude::*;

use crate::model::{Density, LearnedEdge};
use crate::reference::edge_basis;

/// Places of equal shares of the inputs, at which curves are compared.
const PLACES: usize = 32;

/// Functions, spread over all by their importance, from which the shapes are found; all others take the nearest.
const FOUND_FROM: usize = 4096;

/// Most shapes.
const MOST: usize = 8;

/// No more shapes are looked for once they explain this part of the variance.
const ENOUGH: f64 = 0.95;

/// Rounds for a number of shapes.
const ROUNDS: usize = 12;

/// A shape and what has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Where the shape is known: places of equal shares of the layer's inputs.
    pub places: Vec<f64>,
    /// The shape there, of mean 0 and variance 1; a function is a multiple of it, above or below zero, and a constant.
    pub shape: Vec<f64>,
    /// Functions that have it.
    pub edges: usize,
    /// Their part of the sum of all variances.
    pub share: f64,
    /// Part of their variance that it explains.
    pub explained: f64,
}

/// Clusters of the functions of a layer whatever their height, sign and constant, for this distribution of inputs: k-means of
/// curves of mean 0 and variance 1 on the lines that they span, weighted by the functions' variances, the same every time.
/// The clusters that matter most come first. With the cluster of each edge; none of one that does not vary.
pub(super) fn clusters(
    edges: &[LearnedEdge],
    inputs: &Density,
) -> (Vec<Cluster>, Vec<Option<usize>>) {
    let inputs = inputs.coarse(PLACES);
    let slots: Vec<Vec<f64>> = match edges.first() {
        Some(LearnedEdge { basis, .. }) => {
            let slots = |&z: &f64| {
                (0..basis.slots())
                    .map(|m| edge_basis(basis, m, z))
                    .collect()
            };
            inputs.places.iter().map(slots).collect()
        }
        None => return (Vec::new(), Vec::new()),
    };
    let curves: Vec<Option<Vec<f64>>> = edges
        .par_iter()
        .map(|edge| normalised(&edge.weights, &slots, &inputs))
        .collect();
    let found: Vec<(&[f64], f64)> = edges
        .iter()
        .zip(&curves)
        .filter_map(|(edge, curve)| Some((curve.as_deref()?, edge.importance.powi(2))))
        .step_by(edges.len().div_ceil(FOUND_FROM).max(1))
        .collect();
    let mut centres = shapes(&found);
    let nearest = |centres: &[Vec<f64>]| -> Vec<Option<(usize, f64)>> {
        let own = curves
            .par_iter()
            .map(|curve| nearest(centres, curve.as_deref()?));
        own.collect()
    };
    let variance = |centre: usize, of_edges: &[Option<(usize, f64)>]| {
        let own = edges.iter().zip(of_edges);
        own.filter_map(|(edge, found)| found.filter(|f| f.0 == centre).map(|f| (edge, f.1)))
            .fold((0, 0.0, 0.0), |(count, all, explained), (edge, fit)| {
                let variance = edge.importance.powi(2);
                (count + 1, all + variance, explained + variance * fit)
            })
    };
    let of_edges = nearest(&centres);
    let mut order: Vec<usize> = (0..centres.len()).collect();
    order.sort_by(|&a, &b| {
        variance(b, &of_edges)
            .1
            .total_cmp(&variance(a, &of_edges).1)
    });
    centres = order.iter().map(|&k| centres[k].clone()).collect();
    let of_edges = nearest(&centres);
    let total: f64 = edges.iter().map(|edge| edge.importance.powi(2)).sum();
    let clusters = centres.into_iter().enumerate().map(|(k, shape)| {
        let (edges, all, explained) = variance(k, &of_edges);
        let scale = inputs.shares.iter().map(|share| share.sqrt());
        Cluster {
            places: inputs.places.clone(),
            shape: shape
                .iter()
                .zip(scale)
                .map(|(value, root)| value / root)
                .collect(),
            edges,
            share: if total > 0.0 { all / total } else { 0.0 },
            explained: if all > 0.0 { explained / all } else { 0.0 },
        }
    });
    (
        clusters.filter(|cluster| cluster.edges > 0).collect(),
        of_edges.into_iter().map(|found| Some(found?.0)).collect(),
    )
}

/// The function of these weights less its mean, as a vector of length 1 whose products are correlations under the inputs;
/// `slots` are the values of the basis at each place.
fn normalised(weights: &[f32], slots: &[Vec<f64>], inputs: &Density) -> Option<Vec<f64>> {
    let value = |slots: &Vec<f64>| -> f64 {
        let terms = slots.iter().zip(weights);
        terms.map(|(slot, &w)| slot * f64::from(w)).sum()
    };
    let values: Vec<f64> = slots.iter().map(value).collect();
    let mean: f64 = values
        .iter()
        .zip(&inputs.shares)
        .map(|(v, share)| v * share)
        .sum();
    let centred = values
        .iter()
        .zip(&inputs.shares)
        .map(|(v, share)| (v - mean) * share.sqrt());
    let centred: Vec<f64> = centred.collect();
    let size: f64 = centred.iter().map(|v| v * v).sum::<f64>().sqrt();
    // What rounding leaves of a constant has no shape.
    let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    (size > 1e-6 * largest).then(|| centred.iter().map(|v| v / size).collect())
}

/// The nearest centre, and the square of the correlation with it.
fn nearest(centres: &[Vec<f64>], curve: &[f64]) -> Option<(usize, f64)> {
    let squares = centres.iter().map(|centre| dot(centre, curve).powi(2));
    squares
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Centres for weighted curves: one after the other begins where most is left unexplained.
fn shapes(curves: &[(&[f64], f64)]) -> Vec<Vec<f64>> {
    let total: f64 = curves.iter().map(|(_, weight)| weight).sum();
    let mut centres: Vec<Vec<f64>> = Vec::new();
    while centres.len() < MOST {
        let left = |(curve, weight): &(&[f64], f64)| {
            let explained = nearest(&centres, curve).map_or(0.0, |(_, fit)| fit);
            weight * (1.0 - explained)
        };
        let unexplained: f64 = curves.iter().map(left).sum();
        if unexplained <= (1.0 - ENOUGH) * total {
            break;
        }
        let farthest = curves.iter().max_by(|a, b| left(a).total_cmp(&left(b)));
        let Some((curve, _)) = farthest else {
            break;
        };
        centres.push(curve.to_vec());
        for _ in 0..ROUNDS {
            let of_curves: Vec<Option<usize>> = curves
                .par_iter()
                .map(|(curve, _)| Some(nearest(&centres, curve)?.0))
                .collect();
            for (k, centre) in centres.iter_mut().enumerate() {
                let own = curves
                    .iter()
                    .zip(&of_curves)
                    .filter(|(_, found)| **found == Some(k));
                *centre = direction(centre, own.map(|(curve, _)| *curve));
            }
        }
    }
    centres
}

/// The line that these curves lie nearest to, by rounds of the power method from one that was near; it points so that it
/// rises on the whole.
fn direction<'a>(from: &[f64], curves: impl Iterator<Item = (&'a [f64], f64)> + Clone) -> Vec<f64> {
    const POWERS: usize = 4;
    let mut line = from.to_vec();
    for _ in 0..POWERS {
        let mut sum = vec![0.0; line.len()];
        for (curve, weight) in curves.clone() {
            let along = weight * dot(curve, &line);
            sum.iter_mut()
                .zip(curve)
                .for_each(|(sum, v)| *sum += along * v);
        }
        let size = dot(&sum, &sum).sqrt();
        if size <= 0.0 {
            return line;
        }
        line = sum.iter().map(|v| v / size).collect();
    }
    let half = line.len() / 2;
    let rises = line[half..].iter().sum::<f64>() >= line[..half].iter().sum::<f64>();
    let sign = if rises { 1.0 } else { -1.0 };
    line.iter().map(|v| sign * v).collect()
}
