//! Simple functions that a learned one may be close to.

use serde::Serialize;

use crate::model::Density;
use crate::ops::Basis;
use crate::reference::edge_basis;

/// Places of a distribution that forms are fitted at.
const PLACES: usize = 128;

/// A form that is less simple is named only if it explains so much more of the variance.
const SIMPLER: f64 = 0.01;

/// A function of one or two shape parameters, of which any multiple plus any constant is meant; the simpler ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// z.
    Linear,
    /// A parabola.
    Quadratic,
    /// |z - t|.
    Absolute,
    /// Flat on one side of a place, straight on the other.
    Threshold,
    /// tanh((z - t) / s), which bends within the inputs.
    Saturation,
    /// exp(-(z - t)^2 / 2 s^2).
    Bump,
    /// A sine of more than one period within the inputs.
    Periodic,
}

impl Form {
    /// All, the simpler ones first.
    pub const ALL: [Self; 7] = [
        Self::Linear,
        Self::Quadratic,
        Self::Absolute,
        Self::Threshold,
        Self::Saturation,
        Self::Bump,
        Self::Periodic,
    ];

    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Quadratic => "quadratic",
            Self::Absolute => "|x|",
            Self::Threshold => "threshold",
            Self::Saturation => "saturation",
            Self::Bump => "bump",
            Self::Periodic => "periodic",
        }
    }
}

/// A form fitted to a function.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fit {
    /// Which.
    pub form: Form,
    /// Share of the function's variance under its inputs that it explains; 1 for a function that does not vary.
    pub r2: f64,
    /// Where it bends or peaks; nothing for forms without such a place.
    pub at: Option<f64>,
    /// Its width, or its period; nothing for forms without one.
    pub width: Option<f64>,
    /// Its constant, and its factors.
    #[serde(skip)]
    factors: [f64; 3],
    #[serde(skip)]
    member: Member,
}

impl Fit {
    /// The fitted form at `z`.
    pub fn value(&self, z: f64) -> f64 {
        let [constant, a, b] = self.factors;
        let [first, second] = self.member.values(z);
        constant + a * first + b * second
    }
}

/// One function of a form.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Member {
    Linear,
    Quadratic,
    Absolute(f64),
    Above(f64),
    Below(f64),
    Saturation(f64, f64),
    Bump(f64, f64),
    Periodic(f64),
}

impl Member {
    fn form(self) -> Form {
        match self {
            Self::Linear => Form::Linear,
            Self::Quadratic => Form::Quadratic,
            Self::Absolute(_) => Form::Absolute,
            Self::Above(_) | Self::Below(_) => Form::Threshold,
            Self::Saturation(..) => Form::Saturation,
            Self::Bump(..) => Form::Bump,
            Self::Periodic(_) => Form::Periodic,
        }
    }

    /// What it is a sum of multiples of; the second is 0 where one is all.
    fn values(self, z: f64) -> [f64; 2] {
        match self {
            Self::Linear => [z, 0.0],
            Self::Quadratic => [z, z * z],
            Self::Absolute(t) => [(z - t).abs(), 0.0],
            Self::Above(t) => [(z - t).max(0.0), 0.0],
            Self::Below(t) => [(t - z).max(0.0), 0.0],
            Self::Saturation(t, s) => [((z - t) / s).tanh(), 0.0],
            Self::Bump(t, s) => [(-0.5 * ((z - t) / s).powi(2)).exp(), 0.0],
            Self::Periodic(period) => {
                let (sine, cosine) = (std::f64::consts::TAU * z / period).sin_cos();
                [sine, cosine]
            }
        }
    }

    fn shape(self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Linear | Self::Quadratic => (None, None),
            Self::Absolute(t) | Self::Above(t) | Self::Below(t) => (Some(t), None),
            Self::Saturation(t, s) | Self::Bump(t, s) => (Some(t), Some(s)),
            Self::Periodic(period) => (None, Some(period)),
        }
    }
}

/// A member and what a function's slots have in common with it under a distribution of inputs.
#[derive(Debug, Clone)]
struct Candidate {
    member: Member,
    /// Means of its two functions.
    mean: [f64; 2],
    /// Its functions are made orthonormal: the first divided by its deviation, the second less so much of the first, then
    /// divided by its own.
    scale: [f64; 2],
    mixed: f64,
    /// Covariances of each slot with the orthonormal functions.
    with: [Vec<f64>; 2],
}

/// The forms that the functions of an input channel are compared with.
#[derive(Debug, Clone)]
pub struct Forms {
    candidates: Vec<Candidate>,
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

impl Forms {
    /// The forms of functions with this basis under a distribution of inputs. Bends lie within the inputs, and what is wide
    /// for them is left out: it would be linear or quadratic there.
    pub fn new(basis: &Basis, inputs: &Density) -> Self {
        let inputs = inputs.coarse(PLACES);
        let mean = inputs.expectation(|z| z);
        let deviation = inputs.expectation(|z| (z - mean).powi(2)).max(0.0).sqrt();
        let slots: Vec<Vec<f64>> = inputs
            .places
            .iter()
            .map(|&z| {
                (0..basis.slots())
                    .map(|m| edge_basis(basis, m, z))
                    .collect()
            })
            .collect();
        let slot_means: Vec<f64> = (0..basis.slots())
            .map(|m| {
                slots
                    .iter()
                    .zip(&inputs.shares)
                    .map(|(v, share)| share * v[m])
                    .sum()
            })
            .collect();
        let centred: Vec<Vec<f64>> = slots
            .iter()
            .map(|values| {
                values
                    .iter()
                    .zip(&slot_means)
                    .map(|(v, mean)| v - mean)
                    .collect()
            })
            .collect();
        let covariance = (0..basis.slots())
            .map(|a| {
                let with = |b: usize| {
                    let points = centred.iter().zip(&inputs.shares);
                    points.map(|(v, share)| share * v[a] * v[b]).sum()
                };
                (0..basis.slots()).map(with).collect()
            })
            .collect();
        let candidates = members(&inputs, deviation)
            .into_iter()
            .filter_map(|member| candidate(member, &inputs, &centred))
            .collect();
        Self {
            candidates,
            mean: slot_means,
            covariance,
        }
    }

    /// How close each form comes to the function with these weights, and the simplest of the closest ones; the fits are in
    /// the order of [`Form::ALL`].
    pub fn fit(&self, weights: &[f32]) -> Fits {
        let weights: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
        let dot = |a: &[f64]| -> f64 { a.iter().zip(&weights).map(|(a, w)| a * w).sum() };
        let variance = dot(&self
            .covariance
            .iter()
            .map(|row| dot(row))
            .collect::<Vec<_>>());
        let size: f64 = weights.iter().map(|w| w * w).sum();
        // What rounding leaves of a constant is not a function.
        let varies = variance > 1e-12 * size;
        let mut best: [Option<(f64, &Candidate)>; Form::ALL.len()] = [None; Form::ALL.len()];
        for candidate in &self.candidates {
            let [first, second] = [&candidate.with[0], &candidate.with[1]].map(|with| dot(with));
            let r2 = match varies {
                true => ((first * first + second * second) / variance).min(1.0),
                false => 1.0,
            };
            let place = &mut best[candidate.member.form() as usize];
            if place.is_none_or(|(known, _)| r2 > known) {
                *place = Some((r2, candidate));
            }
        }
        let r2 = best.map(|found| found.map_or(0.0, |(r2, _)| r2));
        let closest = r2.iter().copied().fold(0.0, f64::max);
        let simplest = best
            .iter()
            .flatten()
            .find(|(r2, _)| *r2 >= closest - SIMPLER);
        let closest = simplest.map(|(r2, candidate)| {
            let [first, second] = [&candidate.with[0], &candidate.with[1]].map(|with| dot(with));
            let b = second * candidate.scale[1];
            let a = (first - b * candidate.mixed) * candidate.scale[0];
            let [mean_a, mean_b] = candidate.mean;
            let (at, width) = candidate.member.shape();
            Fit {
                form: candidate.member.form(),
                r2: *r2,
                at,
                width,
                factors: [dot(&self.mean) - a * mean_a - b * mean_b, a, b],
                member: candidate.member,
            }
        });
        Fits { r2, closest }
    }
}

/// How close the forms come to a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Fits {
    /// Share of the variance that each explains, in the order of [`Form::ALL`].
    pub r2: [f64; Form::ALL.len()],
    /// The simplest of those that come within a hundredth of the closest; none where all inputs are the same.
    pub closest: Option<Fit>,
}

impl Fits {
    /// Share of the variance that the best straight line explains.
    pub fn linear(&self) -> f64 {
        self.r2[Form::Linear as usize]
    }
}

/// The members that are tried, for inputs of this deviation.
fn members(inputs: &Density, deviation: f64) -> Vec<Member> {
    let mut members = vec![Member::Linear, Member::Quadratic];
    let places = |count: usize, from: f64| {
        let step = (1.0 - 2.0 * from) / (count - 1) as f64;
        (0..count).map(move |k| inputs.quantile(from + step * k as f64))
    };
    for t in places(33, 0.02) {
        members.extend([Member::Absolute(t), Member::Above(t), Member::Below(t)]);
    }
    for t in places(17, 0.05) {
        for s in [0.1, 0.2, 0.35, 0.5, 0.7] {
            members.push(Member::Saturation(t, s * deviation));
        }
        for s in [0.2, 0.35, 0.5, 0.75, 1.0] {
            members.push(Member::Bump(t, s * deviation));
        }
    }
    let wide = inputs.quantile(0.99) - inputs.quantile(0.01);
    for periods in [1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0] {
        members.push(Member::Periodic(wide / periods));
    }
    members
}

/// None if it does not vary over the inputs.
fn candidate(member: Member, inputs: &Density, centred: &[Vec<f64>]) -> Option<Candidate> {
    let values: Vec<[f64; 2]> = inputs.places.iter().map(|&z| member.values(z)).collect();
    let over = |f: &dyn Fn(usize) -> f64| -> f64 {
        let points = inputs.shares.iter().enumerate();
        points.map(|(k, share)| share * f(k)).sum()
    };
    let mean = [0, 1].map(|part| over(&|k| values[k][part]));
    let value = |k: usize, part: usize| values[k][part] - mean[part];
    let first = over(&|k| value(k, 0).powi(2)).sqrt();
    if first.is_nan() || first <= 1e-9 {
        return None;
    }
    let mixed = over(&|k| value(k, 0) * value(k, 1)) / first;
    let rest = |k: usize| value(k, 1) - mixed * value(k, 0) / first;
    let second = over(&|k| rest(k).powi(2)).sqrt();
    let scale = [
        first.recip(),
        if second > 1e-9 { second.recip() } else { 0.0 },
    ];
    let slots = centred.first().map_or(0, Vec::len);
    let with = |of: &dyn Fn(usize) -> f64| {
        (0..slots)
            .map(|m| over(&|k| of(k) * centred[k][m]))
            .collect()
    };
    Some(Candidate {
        member,
        mean,
        scale,
        mixed,
        with: [
            with(&|k| value(k, 0) * scale[0]),
            with(&|k| rest(k) * scale[1]),
        ],
    })
}
