//! What stands around a spectrogram: its frame, axes and colour bar.

use super::axis::Axis;
use super::canvas::Anchor;
use super::raster::{Raster, grey};
use super::spectrogram_range::{Range, Rows};
use super::style::{decimal, fit};

/// Pixels right of the values.
pub(super) const RIGHT: i64 = 176;

/// Font size of all labels.
pub(super) const LABEL: f64 = 25.0;

/// Where the values stand.
pub(super) struct Plot {
    pub x: i64,
    pub y: i64,
    pub width: i64,
    pub height: i64,
}

impl Plot {
    pub(super) fn frame(&self, raster: &mut Raster) {
        let line = grey(0.55);
        raster.rect(self.x - 2, self.y - 2, self.width + 4, 2, line);
        raster.rect(self.x - 2, self.y + self.height, self.width + 4, 2, line);
        raster.rect(self.x - 2, self.y - 2, 2, self.height + 4, line);
        raster.rect(self.x + self.width, self.y - 2, 2, self.height + 4, line);
    }

    pub(super) fn time_axis(&self, raster: &mut Raster, seconds: f64) {
        let (unit, name) = if seconds > 600.0 {
            (60.0, "Time (min)")
        } else {
            (1.0, "Time (s)")
        };
        let (start, end) = (self.x as f64, (self.x + self.width) as f64);
        let bottom = self.y + self.height;
        for (value, label) in
            Axis::new((0.0, seconds / unit), start, end).ticks(self.width as usize / 120)
        {
            let x = Axis::new((0.0, seconds / unit), start, end).at(value);
            raster.rect(x as i64 - 1, bottom + 2, 2, 9, grey(0.55));
            raster.text(
                (x, bottom as f64 + 39.0),
                Anchor::Middle,
                LABEL,
                false,
                &label,
            );
        }
        let middle = (start + end) / 2.0;
        raster.text(
            (middle, bottom as f64 + 78.0),
            Anchor::Middle,
            LABEL,
            false,
            name,
        );
    }

    pub(super) fn row_axis(&self, raster: &mut Raster, rows: &Rows) {
        let (ticks, name) = match rows {
            Rows::Bands(centres, _) | Rows::Power(centres) => {
                (self.frequency_ticks(centres), "Frequency (Hz)")
            }
            Rows::Coefficients(n) => (self.coefficient_ticks(*n), "Coefficient"),
        };
        for (y, label) in ticks {
            raster.rect(self.x - 11, y.round() as i64 - 1, 9, 2, grey(0.55));
            let at = (self.x as f64 - 18.0, y + 0.36 * LABEL);
            raster.text(at, Anchor::End, LABEL, false, &label);
        }
        let middle = self.y as f64 + self.height as f64 / 2.0;
        raster.text((40.0, middle), Anchor::Middle, LABEL, true, name);
    }

    /// Round frequencies where they belong between the centres of the bands, the roundest first as far as there is
    /// room; the outermost bands' centres where no two round ones fit.
    fn frequency_ticks(&self, centres: &[f64]) -> Vec<(f64, String)> {
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for factor in [1.0, 5.0, 2.0] {
            for power in [1000.0, 100.0, 10_000.0, 10.0, 100_000.0] {
                let Some(y) = self.frequency(centres, factor * power) else {
                    continue;
                };
                if ticks
                    .iter()
                    .all(|(other, _)| (other - y).abs() >= 1.35 * LABEL)
                {
                    ticks.push((y, frequency_label(factor * power)));
                }
            }
        }
        if ticks.len() < 2 {
            ticks.clear();
            let mut ends: Vec<f64> = centres
                .first()
                .into_iter()
                .chain(centres.last())
                .copied()
                .collect();
            ends.dedup();
            for centre in ends {
                if let Some(y) = self.frequency(centres, centre) {
                    ticks.push((y, frequency_label(centre)));
                }
            }
        }
        ticks
    }

    /// The y of a frequency, none outside the bands. Bands are evenly spaced in mel, and within one band the scale is
    /// close to straight.
    fn frequency(&self, centres: &[f64], hertz: f64) -> Option<f64> {
        let above = centres.partition_point(|centre| *centre < hertz);
        let upper = above.clamp(1, centres.len().max(2) - 1);
        let place = match (centres.get(upper - 1), centres.get(upper)) {
            (Some(a), Some(b)) => (upper - 1) as f64 + (hertz - a) / (b - a),
            (Some(only), None) if *only == hertz => 0.0,
            _ => return None,
        };
        let n = centres.len() as f64;
        let inside = (-0.5..=n - 0.5).contains(&place);
        inside.then(|| self.y as f64 + self.height as f64 * (1.0 - (place + 0.5) / n))
    }

    fn coefficient_ticks(&self, n: usize) -> Vec<(f64, String)> {
        let step = super::axis::step(n as f64, 8).ceil().max(1.0) as usize;
        let band = self.height as f64 / n as f64;
        let bottom = (self.y + self.height) as f64;
        (0..n)
            .step_by(step)
            .map(|i| (bottom - (i as f64 + 0.5) * band, i.to_string()))
            .collect()
    }

    pub(super) fn colour_bar(&self, raster: &mut Raster, range: &Range, rows: &Rows) {
        const BAR: i64 = 26;
        const POINT: i64 = 20;
        let x = self.x + self.width + 34;
        let (below, above) = (range.beyond.0, range.beyond.1);
        let top = self.y + if above { POINT } else { 0 };
        let bottom = self.y + self.height - if below { POINT } else { 0 };
        for y in self.y..self.y + self.height {
            let part = (bottom - 1 - y) as f64 / (bottom - 1 - top).max(1) as f64;
            // Points at the ends say that there are values beyond.
            let outside = (top - y).max(y - (bottom - 1)).max(0);
            let inset = outside * BAR / 2 / POINT;
            let index = range.index(range.low + part * (range.high - range.low));
            raster.rect(x + inset, y, BAR - 2 * inset, 1, index);
        }
        let axis = Axis::new((range.low, range.high), bottom as f64, top as f64);
        let ticks = match rows {
            Rows::Power(_) => decade_ticks(range),
            _ => axis.ticks(7),
        };
        for (value, label) in ticks {
            let y = axis.at(value);
            raster.rect(x + BAR, y.round() as i64 - 1, 8, 2, grey(0.55));
            let at = ((x + BAR + 14) as f64, y + 0.36 * LABEL);
            raster.text(at, Anchor::Start, LABEL, false, &label);
        }
        let name = match rows {
            Rows::Bands(_, unit) => *unit,
            Rows::Power(_) => "Power",
            Rows::Coefficients(_) => "MFCC",
        };
        let name = fit(name, LABEL, self.height as f64);
        let middle = self.y as f64 + self.height as f64 / 2.0;
        raster.text(
            ((self.x + self.width + RIGHT) as f64 - 18.0, middle),
            Anchor::Middle,
            LABEL,
            true,
            &name,
        );
    }
}

fn decade_ticks(range: &Range) -> Vec<(f64, String)> {
    let superscript = |exponent: i64| -> String {
        let digit = |c| {
            "⁰¹²³⁴⁵⁶⁷⁸⁹"
                .chars()
                .nth(c as usize - '0' as usize)
                .unwrap_or(c)
        };
        exponent
            .to_string()
            .chars()
            .map(|c| if c == '-' { '⁻' } else { digit(c) })
            .collect()
    };
    (range.low.ceil() as i64..=range.high.floor() as i64)
        .map(|exponent| (exponent as f64, format!("10{}", superscript(exponent))))
        .collect()
}

fn frequency_label(hertz: f64) -> String {
    if hertz >= 1000.0 {
        format!("{}k", (hertz / 100.0).round() / 10.0)
    } else {
        decimal(hertz, 0)
    }
}
