//! What the functions on edges make of a standard normal input.

use crate::ops::Basis;
use crate::reference::edge_basis;

/// Means and second moments of an edge's basis functions under a standard normal input, by the
/// trapezoidal rule.
pub(super) fn moments(basis: &Basis) -> (Vec<f64>, Vec<Vec<f64>>) {
    const POINTS: usize = 1201;
    const REACH: f64 = 6.0;
    let slots = basis.slots();
    let mut mean = vec![0.0; slots];
    let mut second = vec![vec![0.0; slots]; slots];
    let density = |z: f64| (-0.5 * z * z).exp();
    let places = (0..POINTS).map(|k| REACH * (2.0 * k as f64 / (POINTS - 1) as f64 - 1.0));
    let mass: f64 = places.clone().map(density).sum();
    for z in places {
        let weight = density(z) / mass;
        let values: Vec<f64> = (0..slots).map(|m| edge_basis(basis, m, z)).collect();
        for a in 0..slots {
            mean[a] += weight * values[a];
            for b in 0..slots {
                second[a][b] += weight * values[a] * values[b];
            }
        }
    }
    (mean, second)
}

/// E[sum of B_m(z)^2] for standard normal z: what the splines of an edge add to the variance of its output
/// when their coefficients have variance 1.
pub(super) fn spline_power(basis: &Basis) -> f64 {
    let (_, second) = moments(basis);
    (0..basis.slots().saturating_sub(1))
        .map(|m| second[m][m])
        .sum()
}
