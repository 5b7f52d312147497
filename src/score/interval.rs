//! How sure an accuracy is when the files might have been others.
//!
//! Episodes drawn from the same few files share their luck, so the usual interval over episodes only tells how many
//! episodes were drawn. What counts is how far the accuracy would move with NEW files of the same classes. The
//! variance over files is estimated from random halvings: the files of every class are parted into two halves (groups
//! undivided), each half is scored by itself, with all classes at once and every way-subset of them weighed exactly.
//! The halves share no file, so they are independent data sets, and with A and B the accuracies of a halving
//!
//! ```text
//! V = mean((A - B)^2) / 4 - variance((A + B) / 2)
//! ```
//!
//! is an unbiased estimate of the variance of the accuracy over all files, at every order of the interplay between
//! support and query files (Wang and Lindsay 2014, Variance estimation of a general U-statistic with application to
//! cross-validation). A delete-one jackknife counts that interplay twice or more: it covers 97 to 99 % where it says 95. The
//! bootstrap needs copies of files, which a few-shot task must not have on both sides. The second term is subtracted
//! at 85 % only ([`KEPT`]), which makes up for the noise of V itself. Coverage: `examples/interval_coverage.rs`.
//!
//! Where half of a class's files are too few for the shots, fewer shots are used for the variance, and half of the
//! second term is subtracted. Below four files (or groups) a class there is no interval. The variance is never taken
//! to be smaller than if a single file (group) might turn from always right to always wrong, so that 100 % correct
//! answers on few files do not look like certainty.
//!
//! Found there: 94 to 98 % with 12 to 30 files a class, with and without groups, single and paired; 96 to 99 % with
//! fewer shots, and 98 % and more where nearly all answers are right, where intervals are wider than they need be. 94
//! to 98 % for linear probes too, for which the halves are an approximation (see `nearest.rs`). The classes are
//! taken as given: how other CLASSES would fare is not in the interval.

use crate::fewshot::{EpisodeSampler, QUERY, SUPPORT};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The share of the second term that stays in, with all shots and with fewer.
const KEPT: f64 = 0.15;
const KEPT_WITH_FEWER_SHOTS: f64 = 0.5;

/// A confidence interval, as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Half its width.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// mean +- z s / sqrt n over episodes. It is not cut off at 0 and 1, as published ones are not.
    pub(crate) fn over_episodes(values: &[f64], level: f64) -> Self {
        let (mean, deviation) = mean_and_deviation(values);
        let half = Normal::standard().inverse_cdf(0.5 + level / 2.0) * deviation
            / (values.len() as f64).sqrt();
        Self {
            low: mean - half,
            high: mean + half,
        }
    }

    /// The interval over files of an accuracy: Wilson's for a share, with the sample size at which a share has the
    /// variance found (as Korn and Graubard 1998 do for surveys). It stays within 0..=1.
    pub(super) fn of_accuracy(mean: f64, variance: f64, files: &Files, level: f64) -> Self {
        let (variance, quantile) = files.bounds(variance, level);
        let inner = mean.clamp(1.0 / files.effective, 1.0 - 1.0 / files.effective);
        let spread = quantile * quantile * variance / (inner * (1.0 - inner));
        let centre = (mean + spread / 2.0) / (1.0 + spread);
        let half = (mean * (1.0 - mean) * spread + spread * spread / 4.0)
            .max(0.0)
            .sqrt()
            / (1.0 + spread);
        Self {
            low: (centre - half).clamp(0.0, 1.0),
            high: (centre + half).clamp(0.0, 1.0),
        }
    }

    /// The interval over files of a difference between two accuracies: mean +- t s, within -1..=1.
    pub(super) fn of_difference(mean: f64, variance: f64, files: &Files, level: f64) -> Self {
        let (variance, quantile) = files.bounds(variance, level);
        let half = quantile * variance.sqrt();
        Self {
            low: (mean - half).max(-1.0),
            high: (mean + half).min(1.0),
        }
    }
}

/// How many files (groups, where they are grouped) an accuracy rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files {
    /// The number of them at which one has the weight that it has on average here.
    effective: f64,
    /// Degrees of freedom.
    freedom: f64,
}

impl Files {
    pub(super) fn of(sampler: &EpisodeSampler) -> Self {
        let classes = sampler.pool().files.len() as f64;
        let [supports, queries] = [SUPPORT, QUERY].map(|side| sampler.groups_of_classes(side));
        let inverse: f64 = queries.iter().map(|&groups| 1.0 / groups as f64).sum();
        // Of two collections the smaller one says how sure the variance is.
        let fewest = supports.iter().sum::<usize>().min(queries.iter().sum());
        Self {
            effective: classes * classes / inverse,
            freedom: (fewest as f64 - classes).max(1.0),
        }
    }

    /// A share of the queries of some groups.
    pub(super) fn of_groups(groups: usize) -> Self {
        Self {
            effective: groups as f64,
            freedom: (groups as f64 - 1.0).max(1.0),
        }
    }

    /// The variance, not below that of one file, and the t quantile.
    fn bounds(&self, variance: f64, level: f64) -> (f64, f64) {
        let quantile = StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(f64::INFINITY, |t| t.inverse_cdf(0.5 + level / 2.0));
        (variance.max(self.effective.powi(-2)), quantile)
    }
}

/// The variance over files, from both halves' values (accuracies, or differences of them).
pub(super) fn variance_over_files(halves: &[[f64; 2]], fewer_shots: bool) -> f64 {
    let count = halves.len() as f64;
    let between = halves
        .iter()
        .map(|[a, b]| (a - b).powi(2) / 4.0)
        .sum::<f64>()
        / count;
    let means: Vec<f64> = halves.iter().map(|[a, b]| (a + b) / 2.0).collect();
    let (_, deviation) = mean_and_deviation(&means);
    let kept = if fewer_shots {
        KEPT_WITH_FEWER_SHOTS
    } else {
        KEPT
    };
    between - (1.0 - kept) * deviation * deviation
}

/// Mean and sample deviation; the deviation of fewer than two values is 0.
pub(super) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variance_of_a_plain_mean_is_the_textbooks() {
        // All 20 halvings of six values; their halves' means average to the same number each time.
        let values = [0.1, 0.9, 0.4, 0.4, 0.8, 0.3];
        let halves: Vec<[f64; 2]> = (0u32..64)
            .filter(|choice| choice.count_ones() == 3)
            .map(|choice| {
                let mean = |side: bool| {
                    let chosen = (0..6).filter(|i| (choice >> i & 1 == 1) == side);
                    chosen.map(|i| values[i]).sum::<f64>() / 3.0
                };
                [mean(true), mean(false)]
            })
            .collect();
        let (_, deviation) = mean_and_deviation(&values);
        assert!((variance_over_files(&halves, false) - deviation * deviation / 6.0).abs() < 1e-12);
    }

    #[test]
    fn the_variance_of_a_pure_interplay_is_its_own_and_not_twice_that() {
        // The mean of x_i x_j over all pairs of six signs: no sign tells anything by itself. Its variance is 1/15, but
        // the halves' difference alone says 1/6, and a jackknife would say 1/6 as well.
        let of = |signs: u32, chosen: u32| {
            let signs: Vec<f64> = (0..6)
                .filter(|i| chosen >> i & 1 == 1)
                .map(|i| f64::from(signs >> i & 1) * 2.0 - 1.0)
                .collect();
            (signs[0] * signs[1] + signs[0] * signs[2] + signs[1] * signs[2]) / 3.0
        };
        let mean = (0..64u32)
            .map(|signs| {
                let halves: Vec<[f64; 2]> = (0..64u32)
                    .filter(|choice| choice.count_ones() == 3)
                    .map(|choice| [of(signs, choice), of(signs, 63 - choice)])
                    .collect();
                variance_over_files(&halves, false)
            })
            .sum::<f64>()
            / 64.0;
        // The kept share of the second term, 0.1, is 0.015.
        assert!((mean - (1.0 / 15.0 + 0.015)).abs() < 0.006, "{mean}");
    }
}
