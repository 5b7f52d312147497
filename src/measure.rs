//! Measuring times: repeats, their spread, and made-up values to measure with.

use std::time::{Duration, Instant};

use crate::gpu::{GpuError, Program};

/// The middle and the ends of repeated measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these values; all zero if there are none.
    pub fn of(values: &[f64]) -> Self {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let at = |k: usize| values.get(k).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self {
            median: (at(last / 2) + at(values.len() / 2)) / 2.0,
            min: at(0),
            max: at(last),
        }
    }
}

/// Whether so many repeats, which took so long together, are enough: three at least; nine, or as many
/// as a twentieth of `budget` allows if those are more, unless the budget is spent before.
pub(crate) fn enough(repeats: usize, spent: Duration, budget: Duration) -> bool {
    repeats >= 3 && (spent >= budget || (repeats >= 9 && spent >= budget / 20))
}

/// Made-up values between 0 and 1, the same every time.
pub(crate) fn made_up(count: usize) -> Vec<f32> {
    (0..count)
        .map(|k| (k * 7919 % 65_521) as f32 / 65_521.0)
        .collect()
}

/// Time of a run from its submission to its end.
pub(crate) fn timed(program: &Program) -> Result<Duration, GpuError> {
    let start = Instant::now();
    program.run()?;
    program.gpu().wait()?;
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        let odd = Spread::of(&[3.0, 1.0, 8.0]);
        assert_eq!([odd.median, odd.min, odd.max], [3.0, 1.0, 8.0]);
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 9.0]).median, 3.0);
        assert_eq!(Spread::of(&[5.0]).median, 5.0);
    }

    #[test]
    fn slow_work_is_repeated_three_times_and_quick_work_more_often() {
        let budget = Duration::from_secs(20);
        let enough = |repeats, spent| enough(repeats, Duration::from_secs_f64(spent), budget);
        assert!(!enough(2, 100.0) && enough(3, 100.0));
        assert!(!enough(8, 8.0) && enough(9, 9.0));
        assert!(!enough(100, 0.5) && enough(200, 1.0));
    }
}
