//! Distributions of what reaches an edge, and what the functions on edges make of them.

use serde::{Deserialize, Serialize};

use crate::ops::Basis;
use crate::reference::edge_basis;

/// A distribution of inputs, as points with shares that sum to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Density {
    /// Ascending.
    pub places: Vec<f64>,
    /// Share of the inputs at each place.
    pub shares: Vec<f64>,
}

/// Mean and second moments of an edge's basis functions under a distribution of inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// E[B_a(z)], for each slot.
    pub mean: Vec<f64>,
    /// E[B_a(z) B_b(z)], slots by slots.
    pub second: Vec<Vec<f64>>,
}

impl Density {
    /// The standard normal distribution, by the trapezoidal rule.
    pub fn normal() -> Self {
        const POINTS: usize = 1201;
        const REACH: f64 = 6.0;
        let place = |k: usize| REACH * (2.0 * k as f64 / (POINTS - 1) as f64 - 1.0);
        let points = (0..POINTS).map(place).map(|z| (z, (-0.5 * z * z).exp()));
        Self::of(points)
    }

    /// Of places, ascending, with weights that need not sum to one.
    pub fn of(points: impl Iterator<Item = (f64, f64)>) -> Self {
        let (places, mut shares): (Vec<f64>, Vec<f64>) = points.unzip();
        let total: f64 = shares.iter().sum();
        if total > 0.0 {
            shares.iter_mut().for_each(|share| *share /= total);
        }
        Self { places, shares }
    }

    /// Places and their shares.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.places.iter().copied().zip(self.shares.iter().copied())
    }

    /// The place that this share of the inputs does not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut below = 0.0;
        let reached = self.points().find(|(_, own)| {
            below += own;
            below >= share
        });
        reached.map_or_else(|| self.places.last().copied().unwrap_or(0.0), |(z, _)| z)
    }

    /// The same with neighbours put together at their mean, so that about `most` places of equal shares are left.
    pub fn coarse(&self, most: usize) -> Self {
        let mut places: Vec<(f64, f64)> = Vec::new();
        let (mut before, mut group) = (0.0, None);
        for (z, share) in self.points() {
            // By the middle of its share, so that no place is left over at the end.
            let own = ((before + 0.5 * share) * most as f64).floor();
            match places.last_mut() {
                Some((sum, all)) if group == Some(own) => {
                    *sum += share * z;
                    *all += share;
                }
                _ => places.push((share * z, share)),
            }
            group = Some(own);
            before += share;
        }
        Self::of(places.into_iter().map(|(sum, share)| (sum / share, share)))
    }

    /// Shares within equal bins from `low` to `high`; those beyond are left out.
    pub fn histogram(&self, (low, high): (f64, f64), bins: usize) -> Vec<f64> {
        let mut shares = vec![0.0; bins];
        for (z, share) in self.points() {
            let bin = ((z - low) / (high - low) * bins as f64).floor();
            if bin >= 0.0 && bin < bins as f64 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is one of the bins"
                )]
                let bin = bin as usize;
                shares[bin] += share;
            }
        }
        shares
    }

    /// E[f(z)].
    pub fn expectation(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.points().map(|(z, share)| share * f(z)).sum()
    }

    /// What the functions of an edge make of it.
    pub fn moments(&self, basis: &Basis) -> Moments {
        let slots = basis.slots();
        let mut mean = vec![0.0; slots];
        let mut second = vec![vec![0.0; slots]; slots];
        for (z, share) in self.points() {
            let values: Vec<f64> = (0..slots).map(|m| edge_basis(basis, m, z)).collect();
            for a in 0..slots {
                mean[a] += share * values[a];
                for b in 0..slots {
                    second[a][b] += share * values[a] * values[b];
                }
            }
        }
        Moments { mean, second }
    }
}

impl Moments {
    /// Covariance of slots `a` and `b`.
    pub fn covariance(&self, a: usize, b: usize) -> f64 {
        self.second[a][b] - self.mean[a] * self.mean[b]
    }

    /// Standard deviation of what the first of the slots with these weights make together: how much they matter, whatever
    /// constant they add.
    pub fn deviation(&self, weights: &[f32]) -> f64 {
        let mut variance = 0.0;
        for (a, &wa) in weights.iter().enumerate() {
            for (b, &wb) in weights.iter().enumerate() {
                variance += f64::from(wa) * self.covariance(a, b) * f64::from(wb);
            }
        }
        variance.max(0.0).sqrt()
    }

    /// Share of the variance of what the slots with these weights make together that a multiple of slot `a` explains; 1 where
    /// they do not vary.
    pub fn explained(&self, weights: &[f32], a: usize) -> f64 {
        let pairs = weights.iter().enumerate();
        let with: f64 = pairs
            .map(|(b, &w)| f64::from(w) * self.covariance(a, b))
            .sum();
        let variances = self.deviation(weights).powi(2) * self.covariance(a, a);
        match variances > 0.0 {
            true => (with * with / variances).min(1.0),
            false => 1.0,
        }
    }
}

/// E[sum of B_m(z)^2] for standard normal z: what the splines of an edge add to the variance of its output
/// when their coefficients have variance 1.
pub(super) fn spline_power(basis: &Basis) -> f64 {
    let second = Density::normal().moments(basis).second;
    (0..basis.slots().saturating_sub(1))
        .map(|m| second[m][m])
        .sum()
}
