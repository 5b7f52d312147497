//! One function at a time, chosen by the reader.

use serde_json::{Value, json};

use super::gallery::{name, samples, seen};
use crate::explain::{Curve, Form, LayerCurves};
use crate::report::Page;

const SAMPLES: usize = 73;
const BINS: usize = 36;
/// Steps of a curve's height.
const STEPS: f64 = 999.0;

/// Adds a picture of a single function to the page, the most important one first, with its closest form and how well that
/// fits; a reader whose browser runs scripts chooses among the `most` most important ones of the layer.
pub fn add_chooser(page: &mut Page, layer: &LayerCurves, most: usize) {
    let range = seen(layer);
    let basis = layer.inputs.basis;
    let edges: Vec<Value> = layer
        .curves
        .iter()
        .take(most)
        .map(|curve| edge(layer, curve, range))
        .collect();
    let forms = Form::ALL.map(Form::name);
    let data = json!({
        "z": [rounded(range.0), rounded(range.1)],
        "grid": [basis.centre - basis.range, basis.centre + basis.range],
        "of": layer.curves.len(),
        "forms": forms,
        "edges": edges,
    });
    // No name ends the block.
    let data = data.to_string().replace('<', "\\u003c");
    let id = layer.layer();
    page.push(&format!(
        "<figure class=\"chooser\" hidden=\"hidden\"><script type=\"application/json\">{data}</script>\n\
         <div class=\"choose\"><label>Closest form <select aria-label=\"Closest form\"></select></label>\
         <label class=\"rank\">by importance <input type=\"range\" min=\"0\" value=\"0\" id=\"rank-{id}\"/></label>\
         <button type=\"button\" aria-label=\"the one before\">‹</button><button type=\"button\" aria-label=\"the next one\">›</button></div>\n\
         <div class=\"picture\"></div><p class=\"told\" aria-live=\"polite\"></p></figure>\n\
         <script>{}</script>\n",
        include_str!("chooser.js")
    ));
}

fn edge(layer: &LayerCurves, curve: &Curve, range: (f64, f64)) -> Value {
    let edge = &curve.edge;
    let channel = &layer.inputs.channels[edge.input];
    let mean = |f: &dyn Fn(f64) -> f64| channel.density.expectation(f);
    let of = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
        let mean = mean(f);
        samples(range, SAMPLES).map(|z| f(z) - mean).collect()
    };
    let total = of(&|z| edge.value(z));
    let base = of(&|z| edge.base(z));
    let fit = curve.form.map(|fit| of(&|z| fit.value(z)));
    // A form may leave the picture where no inputs are.
    let all = total.iter().chain(&base);
    let highest = all.map(|v| v.abs()).fold(0.0, f64::max);
    let step = if highest > 0.0 { highest / STEPS } else { 1.0 };
    let steps =
        |values: &[f64]| -> Vec<i64> { values.iter().map(|v| (v / step).round() as i64).collect() };
    let shares = channel.density.histogram(range, BINS);
    let most = shares.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let heights: Vec<u8> = shares
        .iter()
        .map(|share| (99.0 * share / most) as u8)
        .collect();
    json!({
        "name": name(curve),
        "importance": rounded(edge.importance),
        "share": curve.share,
        "linear": rounded(curve.linear),
        "form": curve.form.map(|fit| fit.form as usize),
        "r2": curve.form.map(|fit| rounded(fit.r2)),
        "at": curve.form.and_then(|fit| fit.at).map(rounded),
        "width": curve.form.and_then(|fit| fit.width).map(rounded),
        "outside": channel.outside.map(rounded),
        "step": step,
        "total": steps(&total),
        "base": steps(&base),
        "fit": fit.as_deref().map(steps),
        "inputs": heights,
    })
}

/// To four decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
