//! What the rows of a spectrogram are, and the colours that show their values.

use super::axis::extent;
use super::colormap::{Colormap, LEVELS};
use super::raster::{Index, grey};

/// A smaller share of the largest value is what arithmetic leaves of zero.
const ROUNDING: f64 = 1e-6;

/// What the rows are.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Mel bands whose values go onto the colours as they are; the centres of the bands in Hz, ascending, and the unit
    /// written at the colour bar, such as "dB".
    Bands(&'a [f64], &'a str),
    /// Mel bands of power: colours go by its logarithm, down to 1e-8 of the maximum.
    Power(&'a [f64]),
    /// This many cepstral coefficients. Colours are symmetric about zero; the range holds 95 % of those from coefficient
    /// 1 on, for coefficient 0 is the level and would outshine them.
    Coefficients(usize),
}

impl Rows<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bands(centres, _) | Self::Power(centres) => centres.len(),
            Self::Coefficients(n) => *n,
        }
    }
}

/// The values that the ends of the colours stand for.
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
    /// Whether values lie below `low`, above `high`.
    pub beyond: (bool, bool),
}

impl Range {
    /// The colour of a value; a grey for none.
    pub(super) fn index(&self, value: f64) -> Index {
        if !value.is_finite() {
            return grey(0.14);
        }
        let part = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        (part * (LEVELS - 1) as f64).round() as Index
    }
}

/// Chooses colours and their range; power becomes its logarithm.
pub(super) fn colour_range(cells: &mut [f64], rows: Rows, n_rows: usize) -> (Colormap, Range) {
    let within = (false, false);
    match rows {
        Rows::Bands(..) => {
            let (low, high) = extent(cells.iter().copied()).unwrap_or((0.0, 1.0));
            // Means of the same value differ by rounding.
            let flat = high - low <= ROUNDING * low.abs().max(high.abs());
            let high = if flat { low + 1.0 } else { high };
            (
                Colormap::Magma,
                Range {
                    low,
                    high,
                    beyond: within,
                },
            )
        }
        Rows::Power(_) => {
            let peak = extent(cells.iter().copied()).map_or(0.0, |(_, high)| high);
            // Silence has no maximum to go by: the smallest power that dB know stands in.
            let high = peak.max(1e-10).log10();
            let audible = cells
                .iter()
                .filter(|power| **power > 0.0)
                .map(|power| power.log10());
            let least = extent(audible).map_or(high, |(least, _)| least);
            let low = least.clamp(high - 8.0, high - 1.0);
            for cell in cells.iter_mut() {
                // NaN stays.
                *cell = if *cell <= 0.0 { low } else { cell.log10() };
            }
            (
                Colormap::Magma,
                Range {
                    low,
                    high,
                    beyond: within,
                },
            )
        }
        Rows::Coefficients(_) => {
            let shown = |index: &usize| n_rows == 1 || !index.is_multiple_of(n_rows);
            let mut sizes: Vec<f64> = (0..cells.len())
                .filter(shown)
                .map(|index| cells[index].abs())
                .filter(|size| size.is_finite())
                .collect();
            sizes.sort_by(f64::total_cmp);
            let limit = sizes.get(sizes.len().saturating_sub(1) * 95 / 100).copied();
            let largest = extent(cells.iter().map(|v| v.abs())).map_or(0.0, |(_, high)| high);
            let limit = limit
                .filter(|limit| *limit > ROUNDING * largest)
                .unwrap_or(1.0);
            let beyond = (
                cells.iter().any(|v| *v < -limit),
                cells.iter().any(|v| *v > limit),
            );
            (
                Colormap::Diverging,
                Range {
                    low: -limit,
                    high: limit,
                    beyond,
                },
            )
        }
    }
}
