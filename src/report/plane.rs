//! What charts of measurements over a quantity share: both axes, their ticks and the line of chance.

use super::ReportError;
use super::axis::{Axis, extent};
use super::canvas::{Anchor, Canvas, Stroke};
use super::lettering::{room, shorten, small};
use super::style::{INK, SOFT, chance_label, decimal, percent};

/// Most ticks of the horizontal axis.
const TICKS: usize = 8;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinePoint {
    /// The quantity that was varied.
    pub x: f64,
    /// What was measured.
    pub y: f64,
    /// Lower and upper end of its interval, if known.
    pub interval: Option<(f64, f64)>,
}

impl LinePoint {
    /// Whether it can be drawn.
    pub(super) fn is_finite(&self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }

    /// Its interval, if that can be drawn.
    pub(super) fn ends(&self) -> Option<(f64, f64)> {
        self.interval
            .filter(|(low, high)| self.is_finite() && low.is_finite() && high.is_finite())
    }
}

/// The axes of [`lines_svg`](super::lines_svg) and [`trade_svg`](super::trade_svg).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineAxes<'a> {
    /// Name of the horizontal axis with its unit, such as "training time (s)".
    pub x: &'a str,
    /// Name of the vertical axis, such as "accuracy".
    pub y: &'a str,
    /// Whether vertical values are fractions, to be shown in percent.
    pub percent: bool,
    /// Whether the horizontal axis is logarithmic; all of its values must be above zero then.
    pub log_x: bool,
    /// The vertical value that guessing would have. The axis reaches down to it.
    pub chance: Option<f64>,
}

impl LineAxes<'_> {
    fn finite_chance(&self) -> Option<f64> {
        self.chance.filter(|chance| chance.is_finite())
    }

    /// The label of chance, if it is known.
    pub(super) fn chance_name(&self) -> Option<String> {
        let chance = self.finite_chance()?;
        Some(match self.percent {
            true => chance_label(chance),
            false => format!("chance {}", decimal(chance, 2)),
        })
    }
}

/// The pixels that the axes enclose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// The axes, laid onto a frame.
pub(super) struct Plane<'a> {
    pub frame: Frame,
    axes: &'a LineAxes<'a>,
    /// Of the decimal logarithms where the axis is logarithmic.
    x: Axis,
    y: Axis,
}

impl<'a> Plane<'a> {
    /// Room for all points that are finite, at least `margin` pixels from the left and the right of the frame.
    pub(super) fn new(
        picture: &'static str,
        points: &[LinePoint],
        axes: &'a LineAxes,
        frame: Frame,
        margin: f64,
    ) -> Result<Self, ReportError> {
        let off = |point: &&LinePoint| axes.log_x && point.x.is_finite() && point.x <= 0.0;
        if let Some(LinePoint { x, .. }) = points.iter().find(off) {
            let what =
                format!("a logarithmic axis holds only values above zero, and {x} is among them");
            return Err(ReportError::Invalid { picture, what });
        }
        let drawn = points.iter().filter(|point| point.is_finite());
        let xs = drawn.clone().map(|point| along(axes, point.x));
        let ys = drawn.flat_map(|point| {
            let ends = point.ends().map(|(low, high)| [low, high]);
            std::iter::once(point.y).chain(ends.into_iter().flatten())
        });
        let (Some(x_range), Some(_)) = (extent(xs), extent(ys.clone())) else {
            return Err(ReportError::Nothing {
                picture,
                what: "no point is finite",
            });
        };
        let (low, high) = extent(ys.chain(axes.chance)).unwrap_or((0.0, 1.0));
        let spare = 0.05 * (high - low);
        let (floor, ceiling) = match axes.percent {
            true => (0.0, 1.0),
            false => (f64::MIN, f64::MAX),
        };
        let y_range = (
            (low - spare).max(floor.min(low)),
            (high + spare).min(ceiling.max(high)),
        );

        // An empty range is widened first, so that the margin comes to what there is.
        let x = Axis::new(x_range, 0.0, 1.0);
        let spare = (x.high - x.low) * margin / (frame.right - frame.left - 2.0 * margin);
        Ok(Self {
            frame,
            axes,
            x: Axis::new((x.low - spare, x.high + spare), frame.left, frame.right),
            y: Axis::new(y_range, frame.bottom, frame.top),
        })
    }

    /// The pixel of a value of the horizontal axis.
    pub(super) fn x(&self, value: f64) -> f64 {
        self.x.at(along(self.axes, value))
    }

    /// The pixel of a value of the vertical axis.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.y.at(value)
    }

    /// The pixel and the label of chance, if it is known.
    pub(super) fn chance(&self) -> Option<(f64, String)> {
        let chance = self.axes.finite_chance()?;
        Some((self.y(chance), self.axes.chance_name()?))
    }

    /// Draws grid, ticks, names and the line of chance. Ticks stand at `values` where these are few enough, else at
    /// round numbers.
    pub(super) fn draw(&self, canvas: &mut Canvas, values: &[f64]) {
        let Frame {
            left,
            right,
            top,
            bottom,
        } = self.frame;
        let width = right - left;
        let scale = if self.axes.percent { 100.0 } else { 1.0 };
        let unit = if self.axes.percent { " (%)" } else { "" };
        let name = shorten(&format!("{}{unit}", self.axes.y), small().size, width);
        canvas.text(left - 42.0, top - 14.0, Anchor::Start, small(), &name);
        let shown = Axis::new((self.y.low * scale, self.y.high * scale), 0.0, 1.0);
        for (value, text) in shown.ticks(if width < 320.0 { 5 } else { 7 }) {
            let y = self.y(value / scale);
            canvas.rule((left, y), (right, y));
            canvas.text_centred(left - 8.0, y, Anchor::End, small(), &text);
        }

        let stroke = Stroke::new(SOFT, 1.0);
        let tick = |canvas: &mut Canvas, x: f64, length: f64| {
            canvas.line((x, bottom), (x, bottom + length), stroke);
        };
        if self.axes.log_x && self.x.high - self.x.low < 6.0 {
            for power in powers_of_ten(&self.x, 1, &[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]) {
                tick(canvas, self.x(power), 2.5);
            }
        }
        for (x, text) in self.x_ticks(values) {
            tick(canvas, x, 5.0);
            canvas.text(x, bottom + 20.0, Anchor::Middle, small(), &text);
        }
        canvas.line((left, bottom), (right, bottom), stroke);
        let kind = if self.axes.log_x { ", logarithmic" } else { "" };
        let name = shorten(
            &format!("{}{kind}", self.axes.x),
            small().size,
            width + 40.0,
        );
        let middle = (left + right) / 2.0;
        canvas.text(middle, bottom + 42.0, Anchor::Middle, small(), &name);

        if let Some((y, _)) = self.chance() {
            canvas.line((left, y), (right, y), chance_stroke());
        }
    }

    /// What a pointer at a measurement is told.
    pub(super) fn tip(&self, name: &str, point: &LinePoint) -> String {
        let (figure, unit) = match self.axes.percent {
            true => (percent as fn(f64) -> String, " %"),
            false => ((|value| quantity(value, false)) as fn(f64) -> String, ""),
        };
        let (x, y) = (quantity(point.x, false), figure(point.y));
        let interval = point.ends().map(|(low, high)| {
            let (low, high) = (figure(low), figure(high));
            format!(" ({low} to {high})")
        });
        format!("{name} at {x}: {y}{unit}{}", interval.unwrap_or_default())
    }

    /// Pixels and labels.
    fn x_ticks(&self, values: &[f64]) -> Vec<(f64, String)> {
        let mut own: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        own.sort_by(f64::total_cmp);
        own.dedup();
        if (1..=TICKS).contains(&own.len()) {
            let ticks = self.labelled(&own);
            let half = |tick: &(f64, String)| room(&tick.1, small().size) / 2.0;
            let apart = |pair: &[(f64, String)]| {
                pair[1].0 - pair[0].0 >= half(&pair[0]) + half(&pair[1]) + 4.0
            };
            // Values of many digits are not worth reading out.
            if ticks.windows(2).all(apart) && ticks.iter().all(|(_, text)| text.len() <= 5) {
                return ticks;
            }
        }
        let round: Vec<f64> = match self.axes.log_x {
            true => logarithmic_ticks(&self.x),
            false => self.x.ticks(TICKS).into_iter().map(|tick| tick.0).collect(),
        };
        self.labelled(&round)
    }

    fn labelled(&self, values: &[f64]) -> Vec<(f64, String)> {
        let short = values.iter().any(|value| value.abs() >= 1e4);
        let label = |value: &f64| (self.x(*value), quantity(*value, short));
        values.iter().map(label).collect()
    }
}

fn chance_stroke() -> Stroke {
    Stroke::new(INK, 1.0).dashed()
}

/// The sign of chance in a legend.
pub(super) fn chance_sign(canvas: &mut Canvas, x: f64, y: f64) {
    canvas.line((x - 11.0, y), (x + 11.0, y), chance_stroke());
}

fn along(axes: &LineAxes, x: f64) -> f64 {
    if axes.log_x { x.log10() } else { x }
}

/// Round values of a logarithmic axis: 1, 2 and 5 times powers of ten, or fewer where that were too many.
fn logarithmic_ticks(logarithms: &Axis) -> Vec<f64> {
    let sets: [(i32, &[f64]); 3] = [(1, &[1.0, 2.0, 5.0]), (1, &[1.0, 3.0]), (1, &[1.0])];
    let coarser = [2, 5, 10, 20, 50, 100].map(|every| (every, &[1.0][..]));
    let ticks = sets
        .into_iter()
        .chain(coarser)
        .map(|(every, factors)| powers_of_ten(logarithms, every, factors))
        .find(|ticks| ticks.len() <= TICKS)
        .unwrap_or_default();
    if ticks.len() >= 3 {
        return ticks;
    }
    let range = (10f64.powf(logarithms.low), 10f64.powf(logarithms.high));
    let linear = Axis::new(range, 0.0, 1.0).ticks(6);
    linear.into_iter().map(|tick| tick.0).collect()
}

/// `factors` times every so many powers of ten, as far as they are on the axis.
fn powers_of_ten(logarithms: &Axis, every: i32, factors: &[f64]) -> Vec<f64> {
    let first = logarithms.low.floor() as i32;
    let last = logarithms.high.floor() as i32;
    let on_axis = |value: &f64| (logarithms.low..=logarithms.high).contains(&value.log10());
    (first..=last)
        .filter(|power| power % every == 0)
        .flat_map(|power| factors.iter().map(move |f| f * 10f64.powi(power)))
        .filter(on_axis)
        .collect()
}

/// A number of up to six digits; `short` writes thousands as k, millions as M and so on.
fn quantity(value: f64, short: bool) -> String {
    let size = value.abs();
    if value != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.1e}").replace('-', "−");
    }
    let (unit, letter) = match size {
        _ if !short || size < 1e3 => (1.0, ""),
        _ if size < 1e6 => (1e3, "k"),
        _ if size < 1e9 => (1e6, "M"),
        _ if size < 1e12 => (1e9, "G"),
        _ => (1e12, "T"),
    };
    let value = value / unit;
    let whole_digits = value.abs().max(1e-6).log10().floor() + 1.0;
    let text = decimal(value, (6.0 - whole_digits).max(0.0) as usize);
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{letter}")
}
