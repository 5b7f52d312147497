//! Curves that edges share: k-means of directions, whose errors count as the inputs tell.

use half::f16;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::calibration::Rows;
use super::integers::{best_scale, largest, nearest};
use crate::model::{Codebook, Integers};
use crate::random::Stream;

/// Rounds of k-means, if the edges are few enough.
const ROUNDS: usize = 20;

/// Products that all rounds together may take, about.
const MOST_PRODUCTS: usize = 30_000_000_000;

/// Share of the mean variance that is added to each.
const DAMPING: f64 = 0.01;

/// Bits of a gain.
const GAIN_BITS: usize = 8;

/// A table of at most `curves` curves for the coefficients of edges, [rows of edges, slots, columns], with a gain for each edge and a
/// scale of gains for `block` rows of a column's edges. `rows` are what the coefficients are multiplied by.
pub(super) fn shared(
    values: &[f32],
    [slots, columns]: [usize; 2],
    curves: usize,
    block: usize,
    rows: &[Rows],
) -> Codebook {
    let edges = values.len() / slots;
    let at = |edge: usize, slot: usize| (edge / columns * slots + slot) * columns + edge % columns;
    let root = root(slots, rows);
    // Coefficients, and the same in units in which the mean square of an edge's output is their length's.
    let own: Vec<f32> = (0..edges)
        .flat_map(|edge| (0..slots).map(move |slot| values[at(edge, slot)]))
        .collect();
    let seen: Vec<f32> = own.chunks(slots).flat_map(|w| times(&root, w)).collect();
    let mut order: Vec<usize> = (0..edges)
        .filter(|edge| own[edge * slots..][..slots].iter().any(|w| *w != 0.0))
        .collect();
    Stream::new(1, "curves", 0).shuffle(&mut order);
    let curves = curves.min(order.len()).max(1);
    let mut table = vec![0.0; curves * slots];
    for (curve, edge) in table.chunks_mut(slots).zip(&order) {
        curve.copy_from_slice(&own[edge * slots..][..slots]);
    }
    let products = (edges * curves * slots).max(1);
    for _ in 0..(MOST_PRODUCTS / products).clamp(2, ROUNDS) {
        let directions = directions(&table, slots, &root);
        let found = assign(&seen, &directions, slots);
        let mut sums = vec![0.0; table.len()];
        for (edge, (curve, gain)) in found.iter().enumerate() {
            let to = &mut sums[curve * slots..][..slots];
            let from = &own[edge * slots..][..slots];
            to.iter_mut().zip(from).for_each(|(to, w)| *to += gain * w);
        }
        // A curve that no edge has stays.
        for (curve, sum) in table.chunks_mut(slots).zip(sums.chunks(slots)) {
            if sum.iter().any(|value| *value != 0.0) {
                curve.copy_from_slice(sum);
            }
        }
    }
    // Halves reach furthest around one.
    for curve in table.chunks_mut(slots) {
        let reach = curve.iter().fold(0.0f32, |reach, w| reach.max(w.abs()));
        for value in curve {
            *value = f16::from_f32(*value / reach.max(f32::MIN_POSITIVE)).to_f32();
        }
    }
    let directions = directions(&table, slots, &root);
    let found = assign(&seen, &directions, slots);
    // A gain is by the direction; a curve may be longer.
    let lengths: Vec<f32> = table
        .chunks(slots)
        .map(|c| length(&times(&root, c)))
        .collect();
    let gains: Vec<f32> = found
        .iter()
        .map(|(curve, gain)| gain / lengths[*curve].max(f32::MIN_POSITIVE))
        .collect();
    let weights = |edge: usize| (gains[edge], f64::from(lengths[found[edge].0]).powi(2));
    let most = largest(GAIN_BITS);
    let scales: Vec<f16> = (0..edges / columns)
        .step_by(block)
        .flat_map(|first| (0..columns).map(move |column| (first, column)))
        .map(|(first, column)| {
            let last = (first + block).min(edges / columns);
            best_scale(
                (first..last).map(|row| weights(row * columns + column)),
                most,
            )
        })
        .collect();
    let number = |(edge, gain): (usize, &f32)| {
        let scale = scales[edge / columns / block * columns + edge % columns];
        nearest(*gain, scale, most)
    };
    let numbers = gains.iter().enumerate().map(number).collect();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a table has 65536 curves at most"
    )]
    let indices = found.iter().map(|(curve, _)| *curve as u16).collect();
    Codebook {
        slots,
        curves: table.into_iter().map(f16::from_f32).collect(),
        indices,
        gains: Integers {
            bits: GAIN_BITS,
            columns,
            block,
            values: numbers,
            scales,
        },
    }
}

/// A root R of the mean covariance of an edge's functions, so that the variance of an edge's output is the square of |R w|.
fn root(slots: usize, rows: &[Rows]) -> DMatrix<f64> {
    let mut mean = DMatrix::zeros(slots, slots);
    for rows in rows {
        for first in (0..rows.mean.len()).step_by(slots) {
            mean += rows.covariance.view((first, first), (slots, slots));
        }
    }
    let damping = (DAMPING * mean.trace() / slots as f64).max(f64::MIN_POSITIVE.sqrt());
    (0..slots).for_each(|k| mean[(k, k)] += damping);
    match mean.cholesky() {
        Some(cholesky) => cholesky.l().transpose(),
        None => DMatrix::identity(slots, slots),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn times(root: &DMatrix<f64>, weights: &[f32]) -> Vec<f32> {
    let row = |row: usize| {
        let products = weights.iter().enumerate();
        products
            .map(|(k, w)| root[(row, k)] * f64::from(*w))
            .sum::<f64>() as f32
    };
    (0..weights.len()).map(row).collect()
}

fn length(values: &[f32]) -> f32 {
    values.iter().map(|v| v * v).sum::<f32>().sqrt()
}

/// Curves as unit vectors.
fn directions(table: &[f32], slots: usize, root: &DMatrix<f64>) -> Vec<f32> {
    let direction = |curve: &[f32]| {
        let mut seen = times(root, curve);
        let length = length(&seen).max(f32::MIN_POSITIVE);
        seen.iter_mut().for_each(|value| *value /= length);
        seen
    };
    table.chunks(slots).flat_map(direction).collect()
}

/// The curve of each edge that leaves the least of it, and its gain.
fn assign(seen: &[f32], directions: &[f32], slots: usize) -> Vec<(usize, f32)> {
    let best = |edge: &[f32]| {
        let gains = directions.chunks_exact(slots).map(|direction| {
            let products = direction.iter().zip(edge).map(|(a, b)| a * b);
            products.sum::<f32>()
        });
        let best = |best: (usize, f32), (curve, gain): (usize, f32)| match gain.abs() > best.1.abs()
        {
            true => (curve, gain),
            false => best,
        };
        gains.enumerate().fold((0, 0.0), best)
    };
    seen.par_chunks(slots).map(best).collect()
}
