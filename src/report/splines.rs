//! The functions that a network has learned.

use super::ReportError;
use super::axis::{Axis, extent};
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{Font, lines_height, lines_of, small};
use super::style::{ACCENT, INK, RULE, SOFT, WARM};

const PICTURE: &str = "spline grid";
const LEFT: f64 = 52.0;
const GAP: f64 = 26.0;
const CAPTION: f64 = 26.0;

/// One edge of a Kolmogorov-Arnold layer, phi(z) = base + spline, sampled where it is to be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge<'a> {
    /// Written above.
    pub caption: &'a str,
    /// Written below that, set back, in as many lines; may be empty.
    pub note: &'a str,
    /// Where the functions are sampled, ascending.
    pub z: &'a [f32],
    /// phi at each z.
    pub total: &'a [f32],
    /// Its silu part.
    pub base: &'a [f32],
    /// Its spline part.
    pub spline: &'a [f32],
    /// The ends of the spline's grid; beyond them it goes on straight.
    pub grid: (f32, f32),
    /// How many inputs reached the edge, in equal bins from the first z to the last; empty if unknown.
    pub inputs: &'a [f32],
}

/// Draws the edges as small multiples with common axes, so that they compare at a glance: strong edges are tall.
///
/// # Errors
/// [`ReportError::Shape`] where curves differ in length, [`ReportError::Nothing`] where no value is finite.
pub fn splines_svg(edges: &[Edge], title: Option<&str>) -> Result<Svg, ReportError> {
    for edge in edges {
        for (what, values) in [
            ("phi", edge.total),
            ("base", edge.base),
            ("spline", edge.spline),
        ] {
            if values.len() != edge.z.len() {
                return Err(ReportError::Shape {
                    picture: PICTURE,
                    what: format!("{what} of edge \"{}\"", edge.caption),
                    found: values.len(),
                    expected: edge.z.len(),
                });
            }
        }
    }
    let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
    let z_range = extent(edges.iter().flat_map(|edge| wide(edge.z)));
    let values = edges
        .iter()
        .flat_map(|edge| [edge.total, edge.base, edge.spline]);
    let (Some(z_range), Some((low, high))) = (z_range, extent(values.flat_map(wide))) else {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "no edge has finite values",
        });
    };
    let margin = 0.06 * (high - low);
    let range = (low.min(0.0) - margin, high.max(0.0) + margin);

    Svg::drawn(|width| Ok(draw(edges, z_range, range, title, width)))
}

fn draw(
    edges: &[Edge],
    z_range: (f64, f64),
    range: (f64, f64),
    title: Option<&str>,
    canvas_width: f64,
) -> Drawing {
    let columns = edges.len().min(if canvas_width < WIDTH { 2 } else { 4 });
    let room = canvas_width - LEFT - PADDING - (columns - 1) as f64 * GAP;
    let width = (room / columns as f64).min(420.0);
    let height = (width * 0.78).min(260.0);
    let caption_font = Font::new(INK, 12.5);
    let captions: Vec<Vec<String>> = edges
        .iter()
        .map(|edge| lines_of(edge.caption, caption_font.size, width))
        .collect();
    let notes: Vec<Vec<String>> = edges
        .iter()
        .map(|edge| edge.note.lines())
        .map(|lines| {
            lines
                .flat_map(|line| lines_of(line, small().size, width))
                .collect()
        })
        .collect();
    let note_height = |index: usize| lines_height(&notes[index], small().size);
    // Captions of more lines than one, and notes, push their row down.
    let head =
        |index: usize| lines_height(&captions[index][1..], caption_font.size) + note_height(index);
    let heads: Vec<f64> = (0..edges.len().div_ceil(columns))
        .map(|row| {
            (row * columns..edges.len().min((row + 1) * columns))
                .map(head)
                .fold(0.0, f64::max)
        })
        .collect();
    let mut entries: Vec<LegendEntry> = vec![
        ("φ(z)", &|c, x, y| {
            c.line((x - 11.0, y), (x + 11.0, y), total())
        }),
        ("spline", &|c, x, y| {
            c.line((x - 11.0, y), (x + 11.0, y), spline())
        }),
        ("silu base", &|c, x, y| {
            c.line((x - 11.0, y), (x + 11.0, y), base())
        }),
        ("grid of the spline", &|c, x, y| {
            c.rect(x - 11.0, y - 6.0, 22.0, 12.0, RULE, 0.55)
        }),
    ];
    if edges.iter().any(|edge| !edge.inputs.is_empty()) {
        entries.push(("inputs", &|c, x, y| {
            for (i, height) in [3.0, 9.0, 12.0, 6.0].into_iter().enumerate() {
                c.rect(
                    x - 10.0 + 5.0 * i as f64,
                    y + 6.0 - height,
                    5.0,
                    height,
                    SOFT,
                    0.3,
                );
            }
        }));
    }
    let whole = LEFT + columns as f64 * (width + GAP) - GAP + PADDING;
    let whole = whole.max(canvas_width.min(560.0));
    let legend = Legend::new(&entries, whole - 2.0 * PADDING);
    let top = top(title, whole);
    let y0 = top + legend.height + 26.0;
    let rows = heads.iter().map(|head| CAPTION + head + height + 10.0);
    let mut canvas = Canvas::new(whole, y0 + rows.sum::<f64>() + 38.0 + PADDING - 10.0);
    canvas.title(title);
    canvas.legend(PADDING, top + 4.0, &legend);

    for (index, edge) in edges.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let x = LEFT + column as f64 * (width + GAP);
        let above: f64 = heads[..=row].iter().sum();
        let y = y0 + row as f64 * (CAPTION + height + 10.0) + CAPTION + above;
        let x_axis = Axis::new(z_range, x, x + width);
        let y_axis = Axis::new(range, y + height, y);
        canvas.lines_above(x, y - 8.0, small(), &notes[index]);
        let y_caption = y - 8.0 - note_height(index);
        canvas.lines_above(x, y_caption, caption_font.bold(), &captions[index]);

        let (from, to) = (
            x_axis.clamped(edge.grid.0.into()),
            x_axis.clamped(edge.grid.1.into()),
        );
        if from < to {
            canvas.rect(from, y, to - from, height, RULE, 0.55);
        }
        histogram(&mut canvas, edge, &x_axis, y + height, 0.3 * height);
        let zero = y_axis.at(0.0);
        canvas.line((x, zero), (x + width, zero), Stroke::new(SOFT, 0.8));
        for (value, text) in y_axis.ticks(if height < 160.0 { 5 } else { 6 }) {
            let at = y_axis.at(value);
            canvas.line((x - 4.0, at), (x, at), Stroke::new(SOFT, 1.0));
            if column == 0 {
                canvas.text_centred(x - 8.0, at, Anchor::End, small(), &text);
            }
        }
        let last_in_column = index + columns >= edges.len();
        for (value, text) in x_axis.ticks(if width < 260.0 { 4 } else { 7 }) {
            let at = x_axis.at(value);
            canvas.line(
                (at, y + height),
                (at, y + height + 4.0),
                Stroke::new(SOFT, 1.0),
            );
            if last_in_column {
                canvas.text(at, y + height + 18.0, Anchor::Middle, small(), &text);
            }
        }
        canvas.line((x, y), (x, y + height), Stroke::new(SOFT, 1.0));
        canvas.line(
            (x, y + height),
            (x + width, y + height),
            Stroke::new(SOFT, 1.0),
        );
        for (values, stroke) in [
            (edge.base, base()),
            (edge.spline, spline()),
            (edge.total, total()),
        ] {
            let place =
                |(z, value): (&f32, &f32)| (x_axis.at((*z).into()), y_axis.at((*value).into()));
            canvas.path(
                &edge.z.iter().zip(values).map(place).collect::<Vec<_>>(),
                stroke,
            );
        }
    }
    let middle = LEFT + (columns as f64 * (width + GAP) - GAP) / 2.0;
    canvas.text(
        middle,
        canvas.height - PADDING,
        Anchor::Middle,
        small(),
        "input z",
    );
    canvas.finish(title.unwrap_or("Learned functions of single edges"))
}

fn total() -> Stroke {
    Stroke::new(ACCENT, 2.4)
}

fn spline() -> Stroke {
    Stroke::new(WARM, 1.4)
}

fn base() -> Stroke {
    Stroke::new(SOFT, 1.4).dashed()
}

fn histogram(canvas: &mut Canvas, edge: &Edge, axis: &Axis, bottom: f64, height: f64) {
    let (Some((low, high)), Some((_, most))) = (
        extent(edge.z.iter().map(|z| f64::from(*z))),
        extent(edge.inputs.iter().map(|count| f64::from(*count))),
    ) else {
        return;
    };
    if most <= 0.0 {
        return;
    }
    let bin = (high - low) / edge.inputs.len() as f64;
    let mut outline = vec![(axis.at(low), bottom)];
    for (i, count) in edge.inputs.iter().enumerate() {
        let share = f64::from(*count) / most;
        let y = bottom
            - height
                * if share.is_finite() {
                    share.max(0.0)
                } else {
                    0.0
                };
        outline.push((axis.at(low + i as f64 * bin), y));
        outline.push((axis.at(low + (i + 1) as f64 * bin), y));
    }
    outline.push((axis.at(high), bottom));
    canvas.polygon(&outline, SOFT, 0.3);
}
