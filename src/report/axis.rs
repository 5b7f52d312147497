//! Linear axes: where a value stands, and round numbers for its ticks.

use super::style::decimal;

/// A range of values laid onto a range of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// `low` stands at the pixel `start`, `high` at `end`. An empty range is widened.
    pub(super) fn new((low, high): (f64, f64), start: f64, end: f64) -> Self {
        let half = if high > low {
            0.0
        } else {
            0.5f64.max(0.1 * low.abs())
        };
        let (low, high) = (low - half, high.max(low) + half);
        Self {
            low,
            high,
            start,
            end,
        }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// The pixel of a value, or of the nearest end of the axis; not finite for one that is not.
    pub(super) fn clamped(&self, value: f64) -> f64 {
        self.at(value.max(self.low).min(self.high) + 0.0 * value)
    }

    /// Round values (1, 2 or 5 times a power of ten apart), at most `most` of them, and their labels.
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let step = step(self.high - self.low, most);
        let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
        let (first, last) = (
            (self.low / step - 1e-6).ceil(),
            (self.high / step + 1e-6).floor(),
        );
        let count = (last - first).clamp(-1.0, 100.0) as i64;
        (0..=count)
            .map(|i| (first + i as f64) * step)
            .map(|value| (value, tick_label(value, step, decimals)))
            .collect()
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that cuts `range` into fewer than `most` parts.
pub(super) fn step(range: f64, most: usize) -> f64 {
    let rough = range / most.max(2) as f64;
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|s| *s >= rough)
        .unwrap_or(10.0 * power)
}

fn tick_label(value: f64, step: f64, decimals: usize) -> String {
    if !(1e-4..1e6).contains(&step) {
        return format!("{value:.1e}").replace('-', "−");
    }
    decimal(value, decimals)
}

/// Smallest and largest finite value, if there is one.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(None, |range, v| {
            Some(range.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v))))
        })
}
