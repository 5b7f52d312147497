//! Embeddings as points.

use super::ReportError;
use super::axis::extent;
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, Names, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{label, small};
use super::style::{CARD, Colour, INK, Marker, RULE, SOFT, class_style};

const PICTURE: &str = "scatter plot";
const NAME: &str = "Embeddings in two dimensions";
/// Between the frame and the outermost points.
const MARGIN: f64 = 18.0;
const ROW: f64 = 20.0;
/// Width of the legend, which stands beside the points but for on a phone.
const LEGEND: f64 = 164.0;

/// What a point is in its episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An example that the classes are made of.
    Support,
    /// What is to be classified, or any other point.
    Query,
}

/// One file or segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScatterPoint {
    /// Its place; a point that is not finite is left out.
    pub at: [f32; 2],
    /// Its class, an index.
    pub class: usize,
    /// What it is.
    pub role: Role,
}

/// Draws points by class, colour and shape together; examples are large and ringed. Both axes have one scale. `explained`
/// is what [`super::Projection`] says about the axes.
///
/// # Errors
/// [`ReportError::Invalid`] for a class without a name, [`ReportError::Nothing`] where no point is finite.
pub fn scatter_svg(
    points: &[ScatterPoint],
    classes: &[&str],
    explained: Option<[f64; 2]>,
    title: Option<&str>,
) -> Result<Svg, ReportError> {
    if let Some(point) = points.iter().find(|point| point.class >= classes.len()) {
        return Err(ReportError::Invalid {
            picture: PICTURE,
            what: format!(
                "a point is of class {} where {} are named",
                point.class,
                classes.len()
            ),
        });
    }
    let drawn: Vec<&ScatterPoint> = points
        .iter()
        .filter(|point| point.at.iter().all(|v| v.is_finite()))
        .collect();
    let range = |axis: usize| extent(drawn.iter().map(|point| f64::from(point.at[axis])));
    let (Some((left, right)), Some((bottom, top))) = (range(0), range(1)) else {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "no point is finite",
        });
    };

    let bounds = [left, right, bottom, top];
    Svg::drawn(|width| Ok(draw(&drawn, bounds, classes, explained, title, width)))
}

fn draw(
    drawn: &[&ScatterPoint],
    [left, right, bottom, upper]: [f64; 4],
    classes: &[&str],
    explained: Option<[f64; 2]>,
    title: Option<&str>,
    width: f64,
) -> Drawing {
    let below = width < WIDTH;
    let side = match below {
        true => width - 2.0 * PADDING - 20.0,
        false => width - LEGEND - 2.0 * PADDING - 44.0,
    };
    let both = drawn.iter().any(|point| point.role != drawn[0].role);
    let roles = [
        (Role::Support, "example"),
        (Role::Query, "to be classified"),
    ];
    let roles = &roles[..if both { 2 } else { 0 }];
    let names = Names::new(classes.iter().copied(), 0.0, LEGEND - 20.0);
    let signs: Vec<_> = (0..classes.len())
        .map(|class| {
            move |canvas: &mut Canvas, x: f64, y: f64| {
                let (colour, marker) = class_style(class);
                canvas.marker(marker, (x, y), 5.0, colour, 1.0);
            }
        })
        .collect();
    let role_signs: Vec<_> = roles
        .iter()
        .map(|&(role, _)| {
            move |canvas: &mut Canvas, x: f64, y: f64| {
                mark(canvas, (x, y), (SOFT, Marker::Circle), role);
            }
        })
        .collect();
    let class_entries = classes.iter().zip(&signs);
    let role_entries = roles.iter().zip(&role_signs);
    let entries: Vec<LegendEntry> = class_entries
        .map(|(name, sign)| (*name, sign as _))
        .chain(role_entries.map(|((_, name), sign)| (*name, sign as _)))
        .collect();
    let legend = Legend::new(&entries, width - 2.0 * PADDING);

    let (x_span, y_span) = (right - left, upper - bottom);
    let span = x_span.max(y_span);
    let (scale, tall) = match span > 0.0 {
        true => ((side - 2.0 * MARGIN) / span, (y_span / span).max(0.6)),
        false => (1.0, 0.6),
    };
    let rows: Vec<f64> = (0..classes.len())
        .map(|class| names.height(class) + ROW - 16.25)
        .collect();
    let mut plot = 2.0 * MARGIN + (side - 2.0 * MARGIN) * tall;
    let y0 = top(title, width);
    let height = match below {
        true => y0 + plot + 22.0 + 26.0 + legend.height + PADDING,
        false => {
            plot = plot.max(rows.iter().sum::<f64>() + 3.0 * ROW);
            y0 + plot + 22.0 + PADDING
        }
    };
    let mut canvas = Canvas::new(width, height);
    canvas.title(title);
    let (x0, x1, y1) = (PADDING + 20.0, PADDING + 20.0 + side, y0 + plot);
    let frame = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
    canvas.path(&frame, Stroke::new(RULE, 1.0));
    if let Some([first, second]) = explained {
        let name = |which: usize, share: f64| {
            let words = if below { "%" } else { "% of the variance" };
            format!("component {which} ({:.0} {words})", 100.0 * share)
        };
        let middle = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
        let across = name(1, first);
        canvas.text(middle.0, y1 + 20.0, Anchor::Middle, small(), &across);
        let up = name(2, second);
        canvas.text_upwards(x0 - 14.0, middle.1, Anchor::Middle, small(), &up);
    }

    let place = |at: [f32; 2]| {
        let (x, y) = (f64::from(at[0]), f64::from(at[1]));
        (
            (x0 + x1) / 2.0 + (x - (left + right) / 2.0) * scale,
            (y0 + y1) / 2.0 - (y - (bottom + upper) / 2.0) * scale,
        )
    };
    // Examples last, so that no query hides one.
    for role in [Role::Query, Role::Support] {
        for point in drawn.iter().filter(|point| point.role == role) {
            mark(&mut canvas, place(point.at), class_style(point.class), role);
        }
    }

    if below {
        canvas.legend(PADDING, y1 + 46.0, &legend);
        return canvas.finish(title.unwrap_or(NAME));
    }
    let x = x1 + 24.0;
    let mut y = y0 + 6.0;
    for (class, lines) in names.lines.iter().enumerate() {
        signs[class](&mut canvas, x + 6.0, y);
        let middle = y + (rows[class] - ROW) / 2.0;
        canvas.lines_centred(x + 20.0, middle, Anchor::Start, label(), lines);
        y += rows[class];
    }
    if both {
        canvas.rule((x - 2.0, y), (x + LEGEND, y));
        y += ROW;
        for (sign, (_, name)) in role_signs.iter().zip(roles) {
            sign(&mut canvas, x + 6.0, y);
            canvas.text_centred(x + 20.0, y, Anchor::Start, small(), name);
            y += 1.2 * ROW;
        }
    }
    canvas.finish(title.unwrap_or(NAME))
}

fn mark(canvas: &mut Canvas, at: (f64, f64), (colour, marker): (Colour, Marker), role: Role) {
    match role {
        Role::Query => canvas.marker(marker, at, 4.0, colour, 0.72),
        Role::Support => {
            canvas.marker(marker, at, 9.0, INK, 1.0);
            canvas.marker(marker, at, 7.4, CARD, 1.0);
            canvas.marker(marker, at, 6.0, colour, 1.0);
        }
    }
}
