//! The shapes that a layer's functions have in common.

use crate::explain::{Cluster, LayerCurves};
use crate::report::ReportError;
use crate::report::axis::{Axis, extent};
use crate::report::canvas::{Anchor, Canvas, Drawing, PADDING, Stroke, Svg, WIDTH};
use crate::report::lettering::{Font, small};
use crate::report::style::{ACCENT, INK, RULE, SOFT, decimal};

const LEFT: f64 = 34.0;
const GAP: f64 = 20.0;
/// Above a panel, for its name and a line.
const HEAD: f64 = 42.0;
const FOOT: f64 = 26.0;
/// Functions drawn with their shape.
const MEMBERS: usize = 24;
const BINS: usize = 40;

/// Draws each cluster's shape over some of its most important functions, all less their means and over their deviations, and
/// turned so that they rise as the shape does. Below them the density of the layer's inputs.
///
/// # Errors
/// [`ReportError::Nothing`] for a layer without clusters.
pub fn shapes_svg(layer: &LayerCurves) -> Result<Svg, ReportError> {
    if layer.clusters.is_empty() {
        return Err(ReportError::Nothing {
            picture: "picture of like curves",
            what: "none of the layer's functions varies",
        });
    }
    Svg::drawn(|width| Ok(draw(layer, width)))
}

fn draw(layer: &LayerCurves, canvas_width: f64) -> Drawing {
    let clusters = &layer.clusters;
    let most = if canvas_width < WIDTH { 2 } else { 4 };
    let columns = clusters.len().min(most);
    let room = canvas_width - LEFT - PADDING - (most - 1) as f64 * GAP;
    let width = room / most as f64;
    let height = 0.7 * width;
    let rows = clusters.len().div_ceil(columns);
    let row = HEAD + height + FOOT;
    let mut canvas = Canvas::new(canvas_width, PADDING + rows as f64 * row + PADDING + 8.0);
    let members: Vec<Vec<Vec<f64>>> = (0..clusters.len()).map(|k| members(layer, k)).collect();
    let shapes = clusters.iter().flat_map(|c| &c.shape).copied();
    let drawn = shapes.chain(members.iter().flatten().flatten().copied());
    let (low, high) = extent(drawn).unwrap_or((-1.0, 1.0));
    let range = (low.max(-4.0), high.min(4.0));
    let z_range =
        extent(clusters.iter().flat_map(|c| c.places.iter().copied())).unwrap_or((-1.0, 1.0));
    let density = layer.inputs.density().histogram(z_range, BINS);
    let highest = density.iter().copied().fold(0.0, f64::max);
    for (k, cluster) in clusters.iter().enumerate() {
        let x = LEFT + (k % columns) as f64 * (width + GAP);
        let y = PADDING + (k / columns) as f64 * row + HEAD;
        let (x_axis, y_axis) = (
            Axis::new(z_range, x, x + width),
            Axis::new(range, y + height, y),
        );
        head(&mut canvas, cluster, k, (x, y));
        for (bin, share) in density.iter().enumerate() {
            let from = x + bin as f64 * width / BINS as f64;
            let tall = 0.3 * height * share / highest.max(f64::MIN_POSITIVE);
            canvas.rect(
                from,
                y + height - tall,
                width / BINS as f64,
                tall,
                SOFT,
                0.25,
            );
        }
        canvas.line(
            (x, y_axis.at(0.0)),
            (x + width, y_axis.at(0.0)),
            Stroke::new(RULE, 1.0),
        );
        let places = |values: &[f64]| -> Vec<(f64, f64)> {
            let points = cluster.places.iter().zip(values);
            points
                .map(|(&z, &v)| (x_axis.at(z), y_axis.clamped(v)))
                .collect()
        };
        for member in &members[k] {
            canvas.path(&places(member), Stroke::new(SOFT, 0.9).opacity(0.35));
        }
        canvas.path(&places(&cluster.shape), Stroke::new(ACCENT, 2.6));
        canvas.line(
            (x, y + height),
            (x + width, y + height),
            Stroke::new(SOFT, 1.0),
        );
        for (value, text) in x_axis.ticks(5) {
            let at = x_axis.at(value);
            canvas.line(
                (at, y + height),
                (at, y + height + 4.0),
                Stroke::new(SOFT, 1.0),
            );
            canvas.text(at, y + height + 17.0, Anchor::Middle, small(), &text);
        }
    }
    let middle = LEFT + (columns as f64 * (width + GAP) - GAP) / 2.0;
    canvas.text(
        middle,
        canvas.height - PADDING + 6.0,
        Anchor::Middle,
        small(),
        "input z",
    );
    canvas.finish("Shapes of learned functions")
}

fn head(canvas: &mut Canvas, cluster: &Cluster, k: usize, (x, y): (f64, f64)) {
    let letter = char::from(b'A' + k as u8);
    let share = decimal(100.0 * cluster.share, 0);
    let name = format!("{letter}: {share} % of the variance");
    canvas.text(
        x,
        y - 25.0,
        Anchor::Start,
        Font::new(INK, 12.5).bold(),
        &name,
    );
    let explained = decimal(100.0 * cluster.explained, 0);
    let note = format!("{} edges, {explained} % alike", cluster.edges);
    canvas.text(x, y - 9.0, Anchor::Start, small(), &note);
}

/// The most important functions of a cluster, as its shape is drawn.
fn members(layer: &LayerCurves, k: usize) -> Vec<Vec<f64>> {
    let cluster = &layer.clusters[k];
    let own = layer.curves.iter().filter(|curve| curve.cluster == Some(k));
    let normalised = |values: Vec<f64>| -> Vec<f64> {
        // Places have equal shares of the inputs.
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let along: f64 = values
            .iter()
            .zip(&cluster.shape)
            .map(|(v, s)| (v - mean) * s)
            .sum();
        let scale = along.signum() / square.sqrt();
        values.iter().map(|v| (v - mean) * scale).collect()
    };
    own.take(MEMBERS)
        .map(|curve| {
            normalised(
                cluster
                    .places
                    .iter()
                    .map(|&z| curve.edge.value(z))
                    .collect(),
            )
        })
        .collect()
}
