//! The nearest whole numbers: scales of the least error, and roundings that make up for one another.

use half::f16;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::calibration::Rows;
use crate::model::Integers;

/// Scales that are tried, from that of the largest weight downwards.
const TRIED: usize = 40;

/// The least that scales shrink to: weights beyond what the largest number reaches are cut.
const LEAST: f32 = 0.35;

/// Share of the mean variance that is added to each: what is never heard still counts a little.
const DAMPING: f64 = 0.01;

/// The largest number of so many bits.
#[expect(clippy::cast_precision_loss, reason = "127 at most")]
pub(super) fn largest(bits: usize) -> f32 {
    ((1u32 << (bits - 1)) - 1) as f32
}

/// The number that is nearest to a weight, by its scale; 0 if that is 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is cut to what so many bits hold"
)]
pub(super) fn nearest(weight: f32, scale: f16, most: f32) -> i8 {
    if scale == f16::ZERO {
        return 0;
    }
    (weight / scale.to_f32())
        .round_ties_even()
        .clamp(-most, most) as i8
}

/// Whole numbers for `values`, [rows, columns], with a scale for `block` rows of a column. `rows` are what the rows are multiplied
/// by, block by block: squares of errors count by its variances, and the rounding of a weight makes up for those of weights behind
/// it, whose inputs vary with its own.
pub(super) fn rounded(
    values: &[f32],
    columns: usize,
    [bits, block]: [usize; 2],
    rows: &[Rows],
) -> Integers {
    let most = largest(bits);
    let variances = Vec::from_iter(rows.iter().flat_map(|rows| {
        let n = rows.mean.len();
        let mean = rows.covariance.trace() / n as f64;
        // All are equal where nothing was heard.
        let least = f64::MIN_POSITIVE.sqrt();
        (0..n).map(move |k| (rows.covariance[(k, k)] + DAMPING * mean).max(least))
    }));
    let blocks = values.par_chunks(block * columns).enumerate();
    let scales = blocks.flat_map_iter(|(number, values)| {
        let variances = &variances[number * block..];
        (0..columns).map(move |column| {
            let weights = values.iter().skip(column).step_by(columns).copied();
            best_scale(weights.zip(variances.iter().copied()), most)
        })
    });
    let scales: Vec<f16> = scales.collect();
    let mut numbers = Vec::with_capacity(values.len());
    let mut first = 0;
    for rows in rows {
        let n = rows.mean.len();
        let weights = &values[first * columns..][..n * columns];
        let scale = |row: usize, column: usize| scales[(first + row) / block * columns + column];
        numbers.extend(made_up(weights, columns, &rows.covariance, most, scale));
        first += n;
    }
    Integers {
        bits,
        columns,
        block,
        values: numbers,
        scales,
    }
}

/// The scale of the least error of weights with their importances.
#[expect(clippy::cast_precision_loss, reason = "a few are tried")]
pub(super) fn best_scale(weights: impl Iterator<Item = (f32, f64)> + Clone, most: f32) -> f16 {
    let reach = weights
        .clone()
        .fold(0.0f32, |reach, (w, _)| reach.max(w.abs()));
    if reach == 0.0 {
        return f16::ZERO;
    }
    let tried = (0..TRIED).map(|k| 1.0 - (1.0 - LEAST) * k as f32 / TRIED as f32);
    let mut best = (f64::INFINITY, f16::MIN_POSITIVE_SUBNORMAL);
    for share in tried {
        let scale = f16::from_f32(share * reach / most);
        let scale = scale.clamp(f16::MIN_POSITIVE_SUBNORMAL, f16::MAX);
        let error = |(weight, importance): (f32, f64)| {
            let wrong =
                f64::from(weight - f32::from(nearest(weight, scale, most)) * scale.to_f32());
            importance * wrong * wrong
        };
        let error: f64 = weights.clone().map(error).sum();
        if error < best.0 {
            best = (error, scale);
        }
    }
    best.1
}

/// Numbers for some rows, whose roundings make up for one another: from the last row to the first, each weight is moved by what
/// the errors behind it make its inputs want. What is zero stays so.
fn made_up(
    weights: &[f32],
    columns: usize,
    covariance: &DMatrix<f64>,
    most: f32,
    scale: impl Fn(usize, usize) -> f16 + Sync,
) -> Vec<i8> {
    let n = covariance.nrows();
    let mut damped = covariance.clone();
    // All of them equal where nothing was heard: then each is rounded by itself.
    let damping = (DAMPING * covariance.trace() / n as f64).max(f64::MIN_POSITIVE.sqrt());
    (0..n).for_each(|k| damped[(k, k)] += damping);
    let lower = damped.cholesky().map(|cholesky| cholesky.unpack());
    let of_column = |column: usize| {
        let mut numbers = vec![0; n];
        let mut errors = vec![0.0; n];
        for row in (0..n).rev() {
            let weight = f64::from(weights[row * columns + column]);
            if weight == 0.0 {
                continue;
            }
            let mut wanted = weight;
            if let Some(lower) = &lower {
                let behind = (row + 1..n).map(|k| lower[(k, row)] * errors[k]);
                wanted += behind.sum::<f64>() / lower[(row, row)];
            }
            let scale = scale(row, column);
            #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
            let number = nearest(wanted as f32, scale, most);
            numbers[row] = number;
            errors[row] = weight - f64::from(number) * f64::from(scale.to_f32());
        }
        numbers
    };
    let by_column: Vec<Vec<i8>> = (0..columns).into_par_iter().map(of_column).collect();
    let row = |row: usize| by_column.iter().map(move |numbers| numbers[row]);
    (0..n).flat_map(row).collect()
}
