//! Figures of single files with intervals over files, of which those of a group (an artist, an album) are no evidence apart.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::estimate::LEVEL;
use super::interval::{Files, Interval};

/// A mean over files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OverFiles {
    /// The mean.
    pub mean: f64,
    /// Where the mean over new files of new groups would lie, at 95 %; none of fewer than two groups.
    pub interval: Option<Interval>,
    /// How many files.
    pub files: usize,
    /// Of how many groups.
    pub groups: usize,
}

impl OverFiles {
    /// Of any figure: its mean, and t times its deviation over groups. None without files.
    pub fn of(values: &[(usize, f64)]) -> Option<Self> {
        Self::by(values, |mean, variance, groups| {
            let freedom = groups as f64 - 1.0;
            let t = StudentsT::new(0.0, 1.0, freedom)
                .map_or(f64::INFINITY, |t| t.inverse_cdf(0.5 + LEVEL / 2.0));
            let half = t * variance.sqrt();
            Interval {
                low: mean - half,
                high: mean + half,
            }
        })
    }

    /// Of answers that are right (1) or not (0), within 0 and 1.
    pub fn of_shares(values: &[(usize, f64)]) -> Option<Self> {
        Self::by(values, |mean, variance, groups| {
            Interval::of_accuracy(mean, variance, &Files::of_groups(groups), LEVEL)
        })
    }

    /// Of differences of such answers, file by file.
    pub fn of_differences(values: &[(usize, f64)]) -> Option<Self> {
        Self::by(values, |mean, variance, groups| {
            Interval::of_difference(mean, variance, &Files::of_groups(groups), LEVEL)
        })
    }

    /// The variance of the mean is that of the sums of what groups differ by from it.
    fn by(values: &[(usize, f64)], interval: impl Fn(f64, f64, usize) -> Interval) -> Option<Self> {
        let files = values.len();
        if files == 0 {
            return None;
        }
        let mean = values.iter().map(|(_, value)| value).sum::<f64>() / files as f64;
        let mut sums = std::collections::BTreeMap::<usize, f64>::new();
        for (group, value) in values {
            *sums.entry(*group).or_default() += value - mean;
        }
        let groups = sums.len();
        let squares: f64 = sums.values().map(|sum| sum * sum).sum();
        let count = groups as f64;
        let variance = squares * count / (count - 1.0) / (files * files) as f64;
        Some(Self {
            mean,
            interval: (groups > 1).then(|| interval(mean, variance, groups)),
            files,
            groups,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_groups_have_the_textbooks_interval_and_copies_add_no_certainty() {
        let values = [0.1, 0.9, 0.4, 0.4, 0.8];
        let alone: Vec<(usize, f64)> = values.into_iter().enumerate().collect();
        let found = OverFiles::of(&alone).unwrap();
        // t of 4 degrees of freedom at 97.5 % is 2.776445; the deviation 0.327109.
        let half = 2.776_445 * 0.327_109 / 5f64.sqrt();
        assert!((found.mean - 0.52).abs() < 1e-12);
        assert!((found.interval.unwrap().half_width() - half).abs() < 1e-5);
        let twice = [alone.clone(), alone.clone()].concat();
        let copied = OverFiles::of(&twice).unwrap();
        assert!((copied.interval.unwrap().half_width() - half).abs() < 1e-5);
        assert_eq!((copied.files, copied.groups), (10, 5));
    }

    #[test]
    fn one_group_has_no_interval_and_shares_stay_within_their_range() {
        assert!(OverFiles::of(&[]).is_none());
        let one = OverFiles::of(&[(3, 0.5), (3, 0.7)]).unwrap();
        assert!(one.interval.is_none() && (one.mean - 0.6).abs() < 1e-12);
        let right: Vec<(usize, f64)> = (0..20).map(|group| (group, 1.0)).collect();
        let found = OverFiles::of_shares(&right).unwrap().interval.unwrap();
        assert!(
            (1.0 - found.high).abs() < 1e-9 && (0.7..0.99).contains(&found.low),
            "{found:?}"
        );
        let none = OverFiles::of_differences(&[(0, 0.0), (1, 0.0)]).unwrap();
        assert!(none.interval.unwrap().half_width() > 0.0);
    }
}
