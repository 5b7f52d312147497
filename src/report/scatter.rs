//! Embeddings as points.

use super::axis::extent;
use super::canvas::{Anchor, Canvas, PADDING, Stroke, Svg, WIDTH, label, shorten, small};
use super::style::{CARD, Colour, INK, Marker, RULE, SOFT, class_style};
use super::{ReportError, canvas};

const PICTURE: &str = "scatter plot";
const SIDE: f64 = 480.0;
/// Between the frame and the outermost points.
const MARGIN: f64 = 18.0;
const ROW: f64 = 20.0;
const LEGEND: f64 = WIDTH - SIDE - 2.0 * PADDING - 44.0;

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

    let (x_span, y_span) = (right - left, top - bottom);
    let span = x_span.max(y_span);
    let (scale, tall) = match span > 0.0 {
        true => ((SIDE - 2.0 * MARGIN) / span, (y_span / span).max(0.6)),
        false => (1.0, 0.6),
    };
    let legend = (classes.len() as f64 + 3.0) * ROW;
    let plot = (2.0 * MARGIN + (SIDE - 2.0 * MARGIN) * tall).max(legend);
    let y0 = canvas::top(title);
    let mut canvas = Canvas::new(WIDTH, y0 + plot + 22.0 + PADDING);
    canvas.title(title);
    let (x0, x1, y1) = (PADDING + 20.0, PADDING + 20.0 + SIDE, y0 + plot);
    let frame = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
    canvas.path(&frame, Stroke::new(RULE, 1.0));
    if let Some([first, second]) = explained {
        let name = |which: usize, share: f64| {
            format!("component {which} ({:.0} % of the variance)", 100.0 * share)
        };
        let middle = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
        canvas.text(
            middle.0,
            y1 + 20.0,
            Anchor::Middle,
            small(),
            &name(1, first),
        );
        canvas.text_upwards(
            x0 - 14.0,
            middle.1,
            Anchor::Middle,
            small(),
            &name(2, second),
        );
    }

    let place = |at: [f32; 2]| {
        let (x, y) = (f64::from(at[0]), f64::from(at[1]));
        (
            (x0 + x1) / 2.0 + (x - (left + right) / 2.0) * scale,
            (y0 + y1) / 2.0 - (y - (bottom + top) / 2.0) * scale,
        )
    };
    // Examples last, so that no query hides one.
    for role in [Role::Query, Role::Support] {
        for point in drawn.iter().filter(|point| point.role == role) {
            mark(&mut canvas, place(point.at), class_style(point.class), role);
        }
    }

    let x = x1 + 24.0;
    let mut y = y0 + 6.0;
    for (class, name) in classes.iter().enumerate() {
        let (colour, marker) = class_style(class);
        canvas.marker(marker, (x + 6.0, y), 5.0, colour, 1.0);
        let name = shorten(name, label().size, LEGEND - 20.0);
        canvas.text_centred(x + 20.0, y, Anchor::Start, label(), &name);
        y += ROW;
    }
    if drawn.iter().any(|point| point.role != drawn[0].role) {
        canvas.rule((x - 2.0, y), (x + LEGEND, y));
        y += ROW;
        for (role, name) in [
            (Role::Support, "example"),
            (Role::Query, "to be classified"),
        ] {
            mark(&mut canvas, (x + 6.0, y), (SOFT, Marker::Circle), role);
            canvas.text_centred(x + 20.0, y, Anchor::Start, small(), name);
            y += 1.2 * ROW;
        }
    }
    Ok(canvas.finish(title.unwrap_or("Embeddings in two dimensions")))
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
