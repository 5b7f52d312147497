//! Curves side by side, with what reaches them.

use crate::explain::{Curve, LayerCurves};
use crate::model::Density;
use crate::report::splines::{Edge, splines_svg};
use crate::report::style::{decimal, percent};
use crate::report::{ReportError, Svg};

const SAMPLES: usize = 73;
const BINS: usize = 36;

/// Draws functions of a layer as small multiples on common axes, each with the density of the inputs that reach it, its closest
/// form and how much leaves the grid. Functions and their parts are drawn less their means, which do not matter.
///
/// # Errors
/// As [`splines_svg`](crate::report::splines_svg).
pub fn gallery_svg(layer: &LayerCurves, curves: &[&Curve]) -> Result<Svg, ReportError> {
    let (low, high) = seen(layer);
    let z: Vec<f32> = samples((low, high), SAMPLES).map(|z| z as f32).collect();
    let drawn: Vec<Drawn> = curves
        .iter()
        .map(|curve| Drawn::new(layer, curve, &z, (low, high)))
        .collect();
    let basis = layer.inputs.basis;
    let edges: Vec<Edge> = drawn
        .iter()
        .map(|drawn| Edge {
            caption: &drawn.caption,
            note: &drawn.note,
            z: &z,
            total: &drawn.total,
            base: &drawn.base,
            spline: &drawn.spline,
            grid: (basis.centre - basis.range, basis.centre + basis.range),
            inputs: &drawn.inputs,
        })
        .collect();
    splines_svg(&edges, None)
}

struct Drawn {
    caption: String,
    note: String,
    total: Vec<f32>,
    base: Vec<f32>,
    spline: Vec<f32>,
    inputs: Vec<f32>,
}

impl Drawn {
    fn new(layer: &LayerCurves, curve: &Curve, z: &[f32], range: (f64, f64)) -> Self {
        let edge = &curve.edge;
        let channel = &layer.inputs.channels[edge.input];
        let less_mean = |f: &dyn Fn(f64) -> f64| -> Vec<f32> {
            let mean = channel.density.expectation(f);
            z.iter().map(|&z| (f(z.into()) - mean) as f32).collect()
        };
        let outside: f64 = channel.outside.iter().sum();
        let form = match curve.form {
            Some(fit) => format!("{}, R² {}", fit.form.name(), decimal(fit.r2, 2)),
            None => "its input never varies".to_owned(),
        };
        let shares = channel.density.histogram(range, BINS);
        Self {
            caption: name(curve),
            note: format!("{form}\n{} % off the grid", percent(outside)),
            total: less_mean(&|z| edge.value(z)),
            base: less_mean(&|z| edge.base(z)),
            spline: less_mean(&|z| edge.spline(z)),
            inputs: shares.iter().map(|&share| share as f32).collect(),
        }
    }
}

/// Input and output channel of a function, and its place in the kernel.
pub(super) fn name(curve: &Curve) -> String {
    let edge = &curve.edge;
    format!(
        "{} → {} @ {},{}",
        edge.input, edge.output, edge.tap[0], edge.tap[1]
    )
}

/// What is drawn of a layer's inputs: the grid, and all but a thousandth of the inputs on either side, within reason.
pub(super) fn seen(layer: &LayerCurves) -> (f64, f64) {
    const REASON: f64 = 2.5;
    let basis = layer.inputs.basis;
    let (centre, range) = (f64::from(basis.centre), f64::from(basis.range));
    let density: Density = layer.inputs.density();
    let low = density
        .quantile(0.001)
        .clamp(centre - REASON * range, centre - 1.06 * range);
    let high = density
        .quantile(0.999)
        .clamp(centre + 1.06 * range, centre + REASON * range);
    (low, high)
}

/// So many places at equal distances, both ends among them.
pub(super) fn samples((low, high): (f64, f64), count: usize) -> impl Iterator<Item = f64> {
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count).map(move |k| low + (high - low) * k as f64 / last)
}
