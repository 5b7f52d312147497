//! Joining the results of several seeds or class splits, and levels for several comparisons.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::estimate::Estimate;
use super::interval::{Interval, mean_and_deviation};

/// The mean of K estimates (of accuracies or differences, one a seed or class split) with its interval at their
/// level; None without any.
///
/// Each estimate is a mean with its interval, all at one level. `shared(i, j)`, from 0 to 1, is the share of test
/// classes that estimates i and j have in common: two trainings that are tested on the same files share the luck of
/// these files. It stands for the correlation of their errors, which is cautious, since different networks on the
/// same files err alike only in part. It is asked for `i < j` only.
///
/// The limits are recovered from those of the estimates (MOVER, Zou and Donner 2008, Construction of confidence limits
/// about effect measures), so that the intervals may be lopsided: with `d_i = mean_i - low_i`,
///
/// ```text
/// low = mean - sqrt(sum over i, j of shared(i, j) d_i d_j) / K
/// ```
///
/// and the same above.
pub fn pooled(
    estimates: &[(f64, Interval)],
    shared: impl Fn(usize, usize) -> f64,
) -> Option<(f64, Interval)> {
    if estimates.is_empty() {
        return None;
    }
    let count = estimates.len() as f64;
    let mean = estimates.iter().map(|(mean, _)| mean).sum::<f64>() / count;
    let reach = |distance: &dyn Fn(&(f64, Interval)) -> f64| {
        let distances: Vec<f64> = estimates.iter().map(distance).collect();
        let mut sum: f64 = distances.iter().map(|d| d * d).sum();
        for (j, second) in distances.iter().enumerate() {
            for (i, first) in distances[..j].iter().enumerate() {
                sum += 2.0 * shared(i, j) * first * second;
            }
        }
        sum.sqrt() / count
    };
    let interval = Interval {
        low: mean - reach(&|(mean, interval)| mean - interval.low),
        high: mean + reach(&|(mean, interval)| interval.high - mean),
    };
    Some((mean, interval))
}

/// The mean of estimates, and its interval over files if all of them have one, see [`pooled`]; None without any.
pub fn mean_over_files(
    estimates: &[Estimate],
    shared: impl Fn(usize, usize) -> f64,
) -> Option<(f64, Option<Interval>)> {
    let known: Option<Vec<(f64, Interval)>> = estimates
        .iter()
        .map(|e| Some((e.mean, e.over_files?)))
        .collect();
    let mean = estimates.iter().map(|e| e.mean).sum::<f64>() / estimates.len() as f64;
    let interval = known.and_then(|known| pooled(&known, shared));
    (!estimates.is_empty()).then_some((mean, interval.map(|(_, interval)| interval)))
}

/// The interval over seeds of a mean: mean +- t s / sqrt K, with K - 1 degrees of freedom. It says how far other
/// seeds would move the mean. None for fewer than two values, or a level that is not between 0 and 1.
pub fn over_seeds(values: &[f64], level: f64) -> Option<Interval> {
    if values.len() < 2 || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let count = values.len() as f64;
    let (mean, deviation) = mean_and_deviation(values);
    let t = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    let half = t.inverse_cdf(0.5 + level / 2.0) * deviation / count.sqrt();
    Some(Interval {
        low: mean - half,
        high: mean + half,
    })
}

/// The level of each of several intervals at which all of them hold together with probability `level` or more
/// (Bonferroni): `1 - (1 - level) / comparisons`.
pub fn corrected_level(level: f64, comparisons: usize) -> f64 {
    1.0 - (1.0 - level) / comparisons.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn around(mean: f64, below: f64, above: f64) -> (f64, Interval) {
        let (low, high) = (mean - below, mean + above);
        (mean, Interval { low, high })
    }

    fn close(found: Option<(f64, Interval)>, (mean, interval): (f64, Interval)) {
        let (found_mean, found) = found.unwrap();
        for (found, wanted) in [
            (found_mean, mean),
            (found.low, interval.low),
            (found.high, interval.high),
        ] {
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        }
    }

    #[test]
    fn estimates_on_the_same_classes_average_and_those_on_others_add_in_squares() {
        let three = [
            around(0.5, 0.1, 0.2),
            around(0.6, 0.2, 0.1),
            around(0.7, 0.2, 0.1),
        ];
        // The same classes: the mean of the distances. None in common: the root of the sum of squares, over 3.
        close(
            pooled(&three, |_, _| 1.0),
            around(0.6, 0.5 / 3.0, 0.4 / 3.0),
        );
        close(
            pooled(&three, |_, _| 0.0),
            around(0.6, 0.3 / 3.0, 0.06f64.sqrt() / 3.0),
        );
        // Only the last two have half of their classes in common.
        let half = |i, j| if (i, j) == (1, 2) { 0.5 } else { 0.0 };
        close(
            pooled(&three, half),
            around(0.6, 0.13f64.sqrt() / 3.0, 0.07f64.sqrt() / 3.0),
        );
    }

    #[test]
    fn one_estimate_keeps_its_interval_and_none_has_none() {
        let one = around(0.4, 0.3, 0.1);
        close(pooled(&[one], |_, _| 1.0), one);
        assert!(pooled(&[], |_, _| 1.0).is_none());
    }

    #[test]
    fn the_variance_of_a_mean_of_correlated_errors_is_found() {
        // Four errors of correlation 0.3: a shared part of variance 0.3 and an own one of 0.7.
        let mut stream = Stream::new(1, "test", 0);
        let draws: Vec<f64> = (0..100_000)
            .map(|_| {
                let shared = 0.3f64.sqrt() * stream.normal();
                let own = (0..4).map(|_| 0.7f64.sqrt() * stream.normal());
                own.map(|own| shared + own).sum::<f64>() / 4.0
            })
            .collect();
        let (_, deviation) = mean_and_deviation(&draws);
        // Intervals of one deviation.
        let (_, found) = pooled(&[around(0.0, 1.0, 1.0); 4], |_, _| 0.3).unwrap();
        assert!((found.half_width() / deviation - 1.0).abs() < 0.02);
    }

    #[test]
    fn the_interval_over_seeds_is_the_textbooks() {
        // t of 2 degrees of freedom at 97.5 % is 4.302653, s = 0.02.
        let found = over_seeds(&[0.60, 0.62, 0.64], 0.95).unwrap();
        assert!((found.low + found.high - 2.0 * 0.62).abs() < 1e-12);
        assert!((found.half_width() - 4.302653 * 0.02 / 3f64.sqrt()).abs() < 1e-7);
        assert_eq!(over_seeds(&[0.5; 4], 0.95).unwrap().half_width(), 0.0);
        assert!(over_seeds(&[0.6], 0.95).is_none() && over_seeds(&[], 0.95).is_none());
        for level in [0.0, 1.0, 95.0, f64::NAN] {
            assert!(over_seeds(&[0.6, 0.7], level).is_none());
        }
    }

    #[test]
    fn levels_are_corrected_by_bonferroni() {
        assert!((corrected_level(0.95, 5) - 0.99).abs() < 1e-12);
        assert_eq!(corrected_level(0.95, 1), 0.95);
        assert_eq!(corrected_level(0.95, 0), 0.95);
    }
}
