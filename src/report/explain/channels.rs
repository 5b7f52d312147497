//! How strong a network's edges are, layer by layer and channel by channel.

use crate::explain::LayerNorms;
use crate::report::ReportError;
use crate::report::canvas::{Anchor, Canvas, Drawing, PADDING, Svg, WIDTH};
use crate::report::lettering::{label, shorten, small};
use crate::report::style::{ACCENT, Colour, SOFT};

const ROW: f64 = 74.0;
const BAR: f64 = 34.0;
const HEAD: f64 = 26.0;
const GAP: f64 = 24.0;

/// Draws, for each layer, the norms of its input and its output channels, the strongest first, against the strongest.
///
/// # Errors
/// [`ReportError::Nothing`] for a network without such layers.
pub fn channels_svg(layers: &[LayerNorms]) -> Result<Svg, ReportError> {
    if layers.is_empty() {
        return Err(ReportError::Nothing {
            picture: "picture of channels",
            what: "no layer has edges",
        });
    }
    Svg::drawn(|width| Ok(draw(layers, width)))
}

fn draw(layers: &[LayerNorms], width: f64) -> Drawing {
    // On a phone the name of a layer stands above its row.
    let above = width < WIDTH;
    let names = if above { 0.0 } else { 150.0 };
    let row = if above { ROW + 18.0 } else { ROW };
    let panel = (width - 2.0 * PADDING - names - GAP) / 2.0;
    let mut canvas = Canvas::new(width, PADDING + HEAD + layers.len() as f64 * row + PADDING);
    let starts = [PADDING + names, PADDING + names + panel + GAP];
    for (x, name) in starts
        .into_iter()
        .zip(["by input channel", "by output channel"])
    {
        canvas.text(x, PADDING + 12.0, Anchor::Start, small(), name);
    }
    for (k, layer) in layers.iter().enumerate() {
        let y = PADDING + HEAD + k as f64 * row;
        let (name, kind) = (format!("{}: {}", layer.layer, layer.kind), what(layer));
        if above {
            canvas.text(
                PADDING,
                y + 14.0,
                Anchor::Start,
                label().bold(),
                &format!("{name}, {kind}"),
            );
        } else {
            canvas.text(PADDING, y + 22.0, Anchor::Start, label().bold(), &name);
            canvas.text(PADDING, y + 39.0, Anchor::Start, small(), kind);
        }
        let colour = if layer.splines { ACCENT } else { SOFT };
        let top = y + row - ROW + 6.0;
        for (x, norms) in starts.into_iter().zip([&layer.inputs, &layer.outputs]) {
            bars(&mut canvas, norms, (x, top), panel, colour);
        }
    }
    canvas.finish("Strength of each layer's edges by channel")
}

fn what(layer: &LayerNorms) -> &'static str {
    match layer.splines {
        true => "curves",
        false => "weights",
    }
}

/// The norms as bars, and how many there are.
fn bars(canvas: &mut Canvas, norms: &[f64], (x, y): (f64, f64), width: f64, colour: Colour) {
    let mut norms = norms.to_vec();
    norms.sort_by(|a, b| b.total_cmp(a));
    let most = norms.first().copied().unwrap_or(0.0).max(f64::MIN_POSITIVE);
    let mut outline = vec![(x, y + BAR)];
    let wide = width / norms.len().max(1) as f64;
    for (k, norm) in norms.iter().enumerate() {
        let top = y + BAR * (1.0 - norm / most);
        outline.extend([(x + k as f64 * wide, top), (x + (k + 1) as f64 * wide, top)]);
    }
    outline.push((x + width, y + BAR));
    canvas.polygon(&outline, colour, 0.75);
    let channels = norms.len();
    let weakest = norms.last().map_or(0.0, |norm| 100.0 * norm / most);
    let text = match channels {
        1 => "1 channel".to_owned(),
        _ if width < 200.0 => format!("{channels}, weakest {weakest:.0} %"),
        _ => format!("{channels} channels, the weakest {weakest:.0} %"),
    };
    let text = shorten(&text, small().size, width);
    canvas.text(x, y + BAR + 15.0, Anchor::Start, small(), &text);
}
