//! Training, episode by episode.

use super::ReportError;
use super::axis::{Axis, extent};
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{label, room, shorten, small};
use super::style::{ACCENT, CARD, INK, SOFT, WARM, chance_label, decimal};

const PICTURE: &str = "training curve";
const PANEL: f64 = 190.0;
const GAP: f64 = 44.0;
const LEFT: f64 = 58.0;
/// Most points of a drawn line: more than that are not seen.
const COLUMNS: usize = 400;

/// A measurement on held-out classes or files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// After how many training episodes.
    pub episode: f64,
    /// What was measured.
    pub value: f64,
    /// Lower and upper end of its interval, if known.
    pub interval: Option<(f64, f64)>,
}

/// One quantity over the training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve<'a> {
    /// Its name, such as "Loss".
    pub name: &'a str,
    /// Whether values are fractions, to be shown in percent.
    pub percent: bool,
    /// Episode number and value, by episode; values that are not finite become gaps.
    pub training: &'a [(f64, f64)],
    /// Measurements in between.
    pub validation: &'a [Validation],
    /// The value that guessing would have.
    pub chance: Option<f64>,
}

/// Draws the quantities one below the other over the same episodes: single episodes faintly, their running mean over
/// 5 % of the training boldly, validation as points with intervals. A few outliers may be cut at the panel's edge.
///
/// # Errors
/// [`ReportError::Nothing`] where a quantity has no finite value.
pub fn curve_svg(curves: &[Curve], title: Option<&str>) -> Result<Svg, ReportError> {
    let episodes = curves.iter().flat_map(|curve| {
        let training = curve.training.iter().map(|point| point.0);
        training.chain(curve.validation.iter().map(|point| point.episode))
    });
    let nothing = ReportError::Nothing {
        picture: PICTURE,
        what: "it has no finite values",
    };
    let Some((first, last)) = extent(episodes) else {
        return Err(nothing);
    };
    // Training begins at none, whatever the first entry is.
    let first = first.min(0.0);
    let smooth: Vec<Vec<f64>> = curves
        .iter()
        .map(|curve| running_mean(curve.training))
        .collect();
    let mut ranges = Vec::new();
    for (curve, smooth) in curves.iter().zip(&smooth) {
        match value_range(curve, smooth) {
            Some(range) => ranges.push(range),
            None => return Err(nothing),
        }
    }

    Svg::drawn(|width| Ok(draw(curves, &smooth, &ranges, (first, last), title, width)))
}

fn draw(
    curves: &[Curve],
    smooth: &[Vec<f64>],
    ranges: &[(f64, f64)],
    episodes: (f64, f64),
    title: Option<&str>,
    width: f64,
) -> Drawing {
    let any = |has: fn(&Curve) -> bool| curves.iter().any(has);
    let mut entries: Vec<LegendEntry> = Vec::new();
    if any(|curve| !curve.training.is_empty()) {
        entries.push(("single episodes", &|c, x, y| {
            let zigzag = [
                (-11.0, 3.0),
                (-6.0, -4.0),
                (-1.0, 4.0),
                (4.0, -3.0),
                (10.0, 2.0),
            ];
            c.path(&zigzag.map(|(dx, dy)| (x + dx, y + dy)), faint(0.6));
        }));
        entries.push(("running mean", &|c, x, y| {
            c.line((x - 11.0, y), (x + 11.0, y), bold())
        }));
    }
    if any(|curve| !curve.validation.is_empty()) {
        entries.push(("validation, 95 % interval", &|c, x, y| {
            mark(c, (x, y), Some((y - 8.0, y + 8.0)));
        }));
    }
    let legend = Legend::new(&entries, width - 2.0 * PADDING);
    let top = top(title, width);
    let y0 = top + legend.height + 58.0;
    let bottom = y0 + curves.len() as f64 * (PANEL + GAP) - GAP;
    let mut canvas = Canvas::new(width, bottom + 44.0 + PADDING);
    canvas.title(title);
    canvas.legend(PADDING, top + 6.0, &legend);

    // On a phone chance is named above its panel, not beside it.
    let above = width < WIDTH;
    let beside = any(|c| c.chance.is_some()) && !above;
    let right = width - PADDING - if beside { 92.0 } else { 8.0 };
    let x_axis = Axis::new(episodes, LEFT, right);
    for (index, ((curve, smooth), &range)) in curves.iter().zip(smooth).zip(ranges).enumerate() {
        let y = y0 + index as f64 * (PANEL + GAP);
        let scale = if curve.percent { 100.0 } else { 1.0 };
        let y_axis = Axis::new(range, y + PANEL, y);
        let name = if curve.percent {
            format!("{} (%)", curve.name)
        } else {
            curve.name.to_owned()
        };
        let beside = if above && curve.chance.is_some() {
            130.0
        } else {
            0.0
        };
        let name = shorten(&name, label().size, right - PADDING - beside);
        canvas.text(PADDING, y - 12.0, Anchor::Start, label().bold(), &name);
        for (value, text) in Axis::new((range.0 * scale, range.1 * scale), 0.0, 1.0).ticks(5) {
            let at = y_axis.at(value / scale);
            canvas.rule((LEFT, at), (right, at));
            canvas.text_centred(LEFT - 8.0, at, Anchor::End, small(), &text);
        }
        for (value, text) in x_axis.ticks(if above { 5 } else { 8 }) {
            let x = x_axis.at(value);
            canvas.line((x, y + PANEL), (x, y + PANEL + 4.0), Stroke::new(SOFT, 1.0));
            if index + 1 == curves.len() {
                canvas.text(x, y + PANEL + 19.0, Anchor::Middle, small(), &text);
            }
        }
        canvas.line(
            (LEFT, y + PANEL),
            (right, y + PANEL),
            Stroke::new(SOFT, 1.0),
        );
        if let Some(chance) = curve.chance.filter(|v| v.is_finite()) {
            let at = y_axis.clamped(chance);
            canvas.line((LEFT, at), (right, at), Stroke::new(INK, 1.0).dashed());
            let name = match curve.percent {
                true => chance_label(chance),
                false => format!("chance {}", decimal(chance, 2)),
            };
            if above {
                let from = right - room(&name, small().size) - 30.0;
                let line = [(from, y - 16.0), (from + 22.0, y - 16.0)];
                canvas.line(line[0], line[1], Stroke::new(INK, 1.0).dashed());
                canvas.text(right, y - 12.0, Anchor::End, small(), &name);
            } else {
                canvas.text_centred(right + 8.0, at, Anchor::Start, small(), &name);
            }
        }

        let place = |(episode, value): (f64, f64)| (x_axis.at(episode), y_axis.clamped(value));
        let raw: Vec<_> = envelope(curve.training).into_iter().map(place).collect();
        canvas.path(&raw, faint(0.26));
        let stride = curve.training.len().div_ceil(COLUMNS).max(1);
        let last = curve.training.len().saturating_sub(1);
        let smooth: Vec<_> = (0..smooth.len())
            .filter(|i| i % stride == 0 || *i == last)
            .map(|i| place((curve.training[i].0, smooth[i])))
            .collect();
        canvas.path(&smooth, bold());
        for point in curve.validation {
            let (x, at) = place((point.episode, point.value));
            if !(x.is_finite() && at.is_finite()) {
                continue;
            }
            let ends = point
                .interval
                .map(|(low, high)| (y_axis.clamped(high), y_axis.clamped(low)));
            mark(&mut canvas, (x, at), ends);
        }
    }
    canvas.text(
        (LEFT + right) / 2.0,
        bottom + 42.0,
        Anchor::Middle,
        small(),
        "training episodes",
    );
    canvas.finish(title.unwrap_or("Training curves"))
}

fn faint(opacity: f64) -> Stroke {
    Stroke::new(ACCENT, 1.0).opacity(opacity)
}

fn bold() -> Stroke {
    Stroke::new(ACCENT, 2.2)
}

/// A measurement, set off from the lines behind it, with the pixels of its interval's ends.
fn mark(canvas: &mut Canvas, (x, y): (f64, f64), interval: Option<(f64, f64)>) {
    canvas.circle((x, y), 5.4, CARD, 1.0);
    if let Some((from, to)) = interval {
        canvas.line((x, from), (x, to), Stroke::new(WARM, 1.6));
    }
    canvas.circle((x, y), 3.8, WARM, 1.0);
}

/// Means of the finite values over 5 % of the points around each.
fn running_mean(points: &[(f64, f64)]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0)];
    for (_, value) in points {
        let (sum, count) = sums[sums.len() - 1];
        sums.push(if value.is_finite() {
            (sum + value, count + 1.0)
        } else {
            (sum, count)
        });
    }
    let half = points.len() / 40;
    (0..points.len())
        .map(|i| {
            let (before, after) = (
                sums[i.saturating_sub(half)],
                sums[(i + half).min(points.len() - 1) + 1],
            );
            if points[i].1.is_finite() {
                (after.0 - before.0) / (after.1 - before.1)
            } else {
                f64::NAN
            }
        })
        .collect()
}

/// The points, or where they are many the smallest and largest of each stretch, which draw the same band.
fn envelope(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * COLUMNS {
        return points.to_vec();
    }
    let stretches = points.chunks(points.len().div_ceil(COLUMNS));
    let ends = |stretch: &[(f64, f64)]| {
        let (low, high) = extent(stretch.iter().map(|p| p.1)).unwrap_or((f64::NAN, f64::NAN));
        [(stretch[0].0, low), (stretch[0].0, high)]
    };
    stretches.flat_map(ends).collect()
}

/// From the smallest to the largest of the means, the validation, chance, and all single episodes but 1 % on each side.
fn value_range(curve: &Curve, smooth: &[f64]) -> Option<(f64, f64)> {
    let mut raw: Vec<f64> = curve
        .training
        .iter()
        .map(|point| point.1)
        .filter(|v| v.is_finite())
        .collect();
    raw.sort_by(f64::total_cmp);
    let end = raw.len().saturating_sub(1);
    let bulk = [end / 100, end - end / 100].map(|i| raw.get(i).copied().unwrap_or(f64::NAN));
    let validation = curve.validation.iter().flat_map(|point| {
        let (low, high) = point.interval.unwrap_or((f64::NAN, f64::NAN));
        [point.value, low, high]
    });
    let measured = smooth.iter().copied().chain(bulk).chain(validation);
    let (low, high) = extent(measured)?;
    let (low, high) = extent([low, high].into_iter().chain(curve.chance))?;
    let margin = 0.04 * (high - low);
    let (floor, ceiling) = if curve.percent {
        (0.0, 1.0)
    } else {
        (f64::MIN, f64::MAX)
    };
    Some((
        (low - margin).max(floor.min(low)),
        (high + margin).min(ceiling.max(high)),
    ))
}
