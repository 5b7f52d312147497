//! Accuracies of the same systems on all of something and on its parts.

use super::ReportError;
use super::axis::Axis;
use super::canvas::{
    Anchor, Canvas, Font, PADDING, Stroke, Svg, WIDTH, label, room, shorten, small, top,
};
use super::panels::{PanelLine, share_range, sign};
use super::style::{INK, SOFT, chance_label, class_style, percent};

const PICTURE: &str = "dot plot";
/// Height of a system's place in a row, and what keeps rows apart.
const LANE: f64 = 10.0;
const GAP: f64 = 12.0;
/// Width of the column of figures.
const VALUES: f64 = 150.0;
/// Legend entries beside each other.
const COLUMNS: usize = 2;

/// The systems' accuracies on all files or on a part of them.
#[derive(Debug, Clone, PartialEq)]
pub struct DotRow<'a> {
    /// The part.
    pub name: &'a str,
    /// How many files were asked about.
    pub files: usize,
    /// For each system its accuracy and its interval, as fractions.
    pub systems: PanelLine,
    /// Set off from the others.
    pub highlight: bool,
}

/// Draws a row for each part with a dot and an interval for each of the `systems`, the first one's in figures too, and
/// a line at `chance`. `intervals` says what the intervals are.
pub fn dots_svg(
    rows: &[DotRow],
    systems: &[&str],
    chance: f64,
    intervals: &str,
    title: Option<&str>,
) -> Result<Svg, ReportError> {
    for row in rows {
        if row.systems.len() != systems.len() {
            return Err(ReportError::Shape {
                picture: PICTURE,
                what: format!("the row {}", row.name),
                found: row.systems.len(),
                expected: systems.len(),
            });
        }
    }
    let points = rows.iter().flat_map(|row| &row.systems);
    let range = share_range(PICTURE, points, chance, 0.04)?;

    let names = rows.iter().map(|row| room(row.name, label().size));
    let names = names.fold(60.0, f64::max).min(200.0);
    let (x0, x1) = (PADDING + names + 16.0, WIDTH - PADDING - VALUES - 16.0);
    let legend = top(title) + 6.0;
    let y0 = legend + systems.len().div_ceil(COLUMNS) as f64 * 20.0 + 32.0;
    let height = systems.len() as f64 * LANE + GAP;
    let y1 = y0 + rows.len() as f64 * height;
    let mut canvas = Canvas::new(WIDTH, y1 + 44.0 + PADDING);
    canvas.title(title);
    let column = (WIDTH - 2.0 * PADDING) / COLUMNS as f64;
    for (index, name) in systems.iter().enumerate() {
        let x = PADDING + (index % COLUMNS) as f64 * column;
        let y = legend + (index / COLUMNS) as f64 * 20.0;
        let name = shorten(name, small().size, column - 40.0);
        let draw = |canvas: &mut Canvas, x: f64, y: f64| {
            dot(canvas, index, Some((x - 11.0, x + 11.0)), (x, y));
        };
        canvas.legend(x, y, &[(&name, &draw)]);
    }

    let axis = Axis::new((100.0 * range.0, 100.0 * range.1), x0, x1);
    for (value, text) in axis.ticks(7) {
        let x = axis.at(value);
        canvas.rule((x, y0), (x, y1));
        canvas.text(x, y1 + 18.0, Anchor::Middle, small(), &text);
    }
    let caption = format!("accuracy (%); lines: 95 % {intervals}");
    let caption = shorten(&caption, small().size, WIDTH - 2.0 * PADDING);
    canvas.text(WIDTH / 2.0, y1 + 40.0, Anchor::Middle, small(), &caption);
    let x = axis.at(100.0 * chance);
    canvas.line((x, y0 - 4.0), (x, y1), Stroke::new(INK, 1.2).dashed());
    let name = chance_label(chance);
    // Kept off the figures where the line stands near their end.
    let x = x.min(x1 + 12.0 - room(&name, small().size) / 2.0);
    canvas.text(x, y0 - 10.0, Anchor::Middle, small(), &name);
    let first = systems.first().copied().unwrap_or_default();
    let first = shorten(first, small().size, VALUES);
    canvas.text(WIDTH - PADDING, y0 - 10.0, Anchor::End, small(), &first);

    for (index, row) in rows.iter().enumerate() {
        let from = y0 + index as f64 * height;
        canvas.rule((PADDING, from), (WIDTH - PADDING, from));
        let y = from + height / 2.0;
        let bold = |font: Font| if row.highlight { font.bold() } else { font };
        let name = shorten(row.name, label().size, names);
        canvas.text_centred(x0 - 16.0, y, Anchor::End, bold(label()), &name);
        for (system, &(value, ends)) in row.systems.iter().enumerate() {
            if !value.is_finite() {
                continue;
            }
            let y = from + GAP / 2.0 + (system as f64 + 0.5) * LANE;
            let tip = format!("{}, {}: {} %", systems[system], row.name, percent(value));
            let ends = ends.map(|(low, high)| (axis.at(100.0 * low), axis.at(100.0 * high)));
            let at = (axis.at(100.0 * value), y);
            canvas.tipped(&tip, |canvas| dot(canvas, system, ends, at));
        }
        let soft = Font::new(SOFT, 11.5);
        let Some(&(value, ends)) = row.systems.first().filter(|(value, _)| value.is_finite())
        else {
            continue;
        };
        let figure = format!("{} %", percent(value));
        canvas.text_centred(x1 + 70.0, y, Anchor::End, bold(label()), &figure);
        let beside = match ends {
            Some((low, high)) => format!("{} to {}", percent(low), percent(high)),
            None => format!("{} files", row.files),
        };
        canvas.text_centred(WIDTH - PADDING, y, Anchor::End, soft, &beside);
    }
    Ok(canvas.finish(title.unwrap_or("Accuracies on all files and on parts of them")))
}

/// A system's sign at `at`, over its interval.
fn dot(canvas: &mut Canvas, system: usize, ends: Option<(f64, f64)>, at: (f64, f64)) {
    if let Some((from, to)) = ends {
        let stroke = Stroke::new(class_style(system).0, 1.5);
        canvas.line((from, at.1), (to, at.1), stroke);
    }
    sign(canvas, system, at);
}
