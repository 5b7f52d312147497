//! How few functions hold most of what a layer does, and how straight they are.

use crate::explain::LayerCurves;
use crate::report::axis::Axis;
use crate::report::canvas::{Anchor, Canvas, Drawing, PADDING, Stroke, Svg, WIDTH};
use crate::report::lettering::{label, small};
use crate::report::style::{ACCENT, CARD, SOFT, WARM, percent};
use crate::report::{ReportError, decimal};

const LEFT: f64 = 46.0;
const HEIGHT: f64 = 200.0;
/// Above a panel, for its name.
const HEAD: f64 = 30.0;
/// Below it, for ticks and the name of its axis.
const FOOT: f64 = 46.0;
const GAP: f64 = 26.0;
const BINS: usize = 20;
/// Points of the line.
const POINTS: usize = 160;

/// Draws how much of a layer's variance its most important functions hold, and how it is spread by how straight they are.
///
/// # Errors
/// [`ReportError::Nothing`] for a layer whose functions do not vary.
pub fn shares_svg(layer: &LayerCurves) -> Result<Svg, ReportError> {
    if layer.held_by(usize::MAX) <= 0.0 {
        return Err(ReportError::Nothing {
            picture: "picture of a layer's importance",
            what: "none of its functions varies",
        });
    }
    Svg::drawn(|width| Ok(draw(layer, width)))
}

fn draw(layer: &LayerCurves, width: f64) -> Drawing {
    let beside = width >= WIDTH;
    let rows = if beside { 1.0 } else { 2.0 };
    let panel = match beside {
        true => (width - 2.0 * PADDING - 2.0 * LEFT - GAP) / 2.0,
        false => width - 2.0 * PADDING - LEFT,
    };
    let mut canvas = Canvas::new(width, 2.0 * PADDING + rows * (HEAD + HEIGHT + FOOT) - 8.0);
    held(&mut canvas, layer, (PADDING + LEFT, PADDING + HEAD), panel);
    let second = match beside {
        true => (width - PADDING - panel, PADDING + HEAD),
        false => (PADDING + LEFT, PADDING + 2.0 * HEAD + HEIGHT + FOOT),
    };
    straight(&mut canvas, layer, second, panel);
    canvas.finish("How a layer's variance is spread over its functions")
}

/// Name of a panel, its axes in percent, and their names.
fn frame(
    canvas: &mut Canvas,
    (x, y): (f64, f64),
    width: f64,
    most: f64,
    names: [&str; 2],
) -> (Axis, Axis) {
    let (x_axis, y_axis) = (
        Axis::new((0.0, 1.0), x, x + width),
        Axis::new((0.0, most), y + HEIGHT, y),
    );
    canvas.text(x - LEFT, y - 14.0, Anchor::Start, label().bold(), names[0]);
    for (value, text) in Axis::new((0.0, 100.0 * most), 0.0, 1.0).ticks(5) {
        let at = y_axis.at(value / 100.0);
        canvas.rule((x, at), (x + width, at));
        canvas.text_centred(x - 8.0, at, Anchor::End, small(), &text);
    }
    for (value, text) in Axis::new((0.0, 100.0), 0.0, 1.0).ticks(5) {
        let at = x_axis.at(value / 100.0);
        canvas.line(
            (at, y + HEIGHT),
            (at, y + HEIGHT + 4.0),
            Stroke::new(SOFT, 1.0),
        );
        canvas.text(at, y + HEIGHT + 18.0, Anchor::Middle, small(), &text);
    }
    canvas.line(
        (x, y + HEIGHT),
        (x + width, y + HEIGHT),
        Stroke::new(SOFT, 1.0),
    );
    canvas.text(
        x + width / 2.0,
        y + HEIGHT + 38.0,
        Anchor::Middle,
        small(),
        names[1],
    );
    (x_axis, y_axis)
}

fn held(canvas: &mut Canvas, layer: &LayerCurves, at: (f64, f64), width: f64) {
    let names = ["Variance held (%)", "edges, the most important first (%)"];
    let (x_axis, y_axis) = frame(canvas, at, width, 1.0, names);
    let edges = layer.curves.len();
    let mut sum = 0.0;
    let mut points = vec![(x_axis.at(0.0), y_axis.at(0.0))];
    let stride = edges.div_ceil(POINTS).max(1);
    for (k, curve) in layer.curves.iter().enumerate() {
        sum += curve.share;
        if (k + 1) % stride == 0 || k + 1 == edges {
            points.push((x_axis.at((k + 1) as f64 / edges as f64), y_axis.at(sum)));
        }
    }
    let mut area = points.clone();
    area.push((x_axis.at(1.0), y_axis.at(0.0)));
    canvas.polygon(&area, ACCENT, 0.12);
    canvas.path(&points, Stroke::new(ACCENT, 2.2));
    for part in [0.5, 0.9] {
        let share = layer.holding(part) as f64 / edges.max(1) as f64;
        let (x, y) = (x_axis.at(share), y_axis.at(part));
        canvas.circle((x, y), 5.4, CARD, 1.0);
        canvas.circle((x, y), 3.8, ACCENT, 1.0);
        let text = format!("{} % in {} %", decimal(100.0 * part, 0), percent(share));
        // Below the line, where there is nothing else.
        let (x, anchor) = match share > 0.6 {
            true => (x, Anchor::End),
            false => (x + 10.0, Anchor::Start),
        };
        canvas.text(x, y + 19.0, anchor, small(), &text);
    }
}

fn straight(canvas: &mut Canvas, layer: &LayerCurves, at: (f64, f64), width: f64) {
    let shares = layer.by_linear(BINS);
    let most = shares.iter().copied().fold(0.0, f64::max);
    let names = [
        "Variance by straightness (%)",
        "explained by the best straight line (%)",
    ];
    let (x_axis, y_axis) = frame(canvas, at, width, 1.12 * most, names);
    for (bin, share) in shares.iter().enumerate() {
        let from = x_axis.at(bin as f64 / BINS as f64) + 0.7;
        let to = x_axis.at((bin + 1) as f64 / BINS as f64) - 0.7;
        let top = y_axis.at(*share);
        canvas.rect(from, top, to - from, y_axis.at(0.0) - top, ACCENT, 0.75);
    }
    let x = x_axis.at(layer.linear);
    canvas.line((x, y_axis.at(0.0)), (x, at.1), Stroke::new(WARM, 1.6));
    let text = format!("{} % linear", decimal(100.0 * layer.linear, 0));
    let (x, anchor) = match layer.linear > 0.5 {
        true => (x - 7.0, Anchor::End),
        false => (x + 7.0, Anchor::Start),
    };
    canvas.text(x, at.1 + 10.0, anchor, label().bold(), &text);
}
