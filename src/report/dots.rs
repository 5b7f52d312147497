//! Accuracies of the same systems on all of something and on its parts.

use super::ReportError;
use super::axis::Axis;
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, Names, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{Font, label, lines_height, lines_of, room, small};
use super::panels::{PanelLine, share_range, sign};
use super::style::{CARD, INK, SOFT, chance_label, class_style, percent};

const PICTURE: &str = "dot plot";
/// Height of a system's place in a row, and what keeps rows apart.
const LANE: f64 = 10.0;
const GAP: f64 = 12.0;
/// Width of the column of figures.
const VALUES: f64 = 150.0;

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
///
/// # Errors
/// [`ReportError::Shape`] where a row has not one value a system, [`ReportError::Nothing`] where no value is finite.
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
    Svg::drawn(|width| Ok(draw(rows, systems, chance, range, intervals, title, width)))
}

fn draw(
    rows: &[DotRow],
    systems: &[&str],
    chance: f64,
    range: (f64, f64),
    intervals: &str,
    title: Option<&str>,
    width: f64,
) -> Drawing {
    // On a phone names and figures stand above the dots.
    let above = width < WIDTH;
    let most = if above {
        width - 2.0 * PADDING - VALUES
    } else {
        200.0
    };
    let names = Names::new(rows.iter().map(|row| row.name), 60.0, most);
    let (x0, x1) = match above {
        true => (PADDING + 6.0, width - PADDING - 6.0),
        false => (
            PADDING + names.width + 16.0,
            width - PADDING - VALUES - 16.0,
        ),
    };
    let signs: Vec<_> = (0..systems.len())
        .map(|index| {
            move |canvas: &mut Canvas, x: f64, y: f64| {
                dot(canvas, index, Some((x - 11.0, x + 11.0)), (x, y));
            }
        })
        .collect();
    let entries: Vec<LegendEntry> = systems
        .iter()
        .zip(&signs)
        .map(|(name, sign)| (*name, sign as _))
        .collect();
    let legend = Legend::new(&entries, width - 2.0 * PADDING);
    let first = systems.first().copied().unwrap_or_default();
    let first = lines_of(first, small().size, VALUES);
    let legend_y = top(title, width) + 6.0;
    let y0 = legend_y + legend.height + 36.0 + lines_height(&first, small().size);
    let dots = systems.len() as f64 * LANE + GAP;
    let heights: Vec<f64> = (0..rows.len())
        .map(|row| match above {
            true => names.height(row) + 4.0 + dots,
            false => dots.max(names.height(row) + 6.0),
        })
        .collect();
    let y1 = y0 + heights.iter().sum::<f64>();
    let caption = format!("accuracy (%); lines: 95 % {intervals}");
    let caption = lines_of(&caption, small().size, width - 2.0 * PADDING);
    let caption_height = lines_height(&caption, small().size);
    let mut canvas = Canvas::new(width, y1 + 30.0 + caption_height + PADDING);
    canvas.title(title);
    canvas.legend(PADDING, legend_y, &legend);

    let axis = Axis::new((100.0 * range.0, 100.0 * range.1), x0, x1);
    for (value, text) in axis.ticks(7) {
        let x = axis.at(value);
        canvas.rule((x, y0), (x, y1));
        canvas.text(x, y1 + 18.0, Anchor::Middle, small(), &text);
    }
    let middle = y1 + 30.0 + caption_height / 2.0;
    canvas.lines_centred(width / 2.0, middle, Anchor::Middle, small(), &caption);
    let x = axis.at(100.0 * chance);
    canvas.line((x, y0 - 4.0), (x, y1), Stroke::new(INK, 1.2).dashed());
    let name = chance_label(chance);
    // Kept off the figures where the line stands near their end.
    let half = room(&name, small().size) / 2.0;
    let (least, most) = match above {
        true => (PADDING + half, width - PADDING - VALUES - half),
        false => (0.0, x1 + 12.0 - half),
    };
    canvas.text(
        x.min(most).max(least),
        y0 - 10.0,
        Anchor::Middle,
        small(),
        &name,
    );
    let middle = y0 - 6.0 - lines_height(&first, small().size) / 2.0;
    canvas.lines_centred(width - PADDING, middle, Anchor::End, small(), &first);

    let mut from = y0;
    for (index, row) in rows.iter().enumerate() {
        let name_height = names.height(index);
        if above {
            // Grid and chance do not run through the words.
            canvas.rect(0.0, from, width, name_height + 6.0, CARD, 1.0);
        }
        canvas.rule((PADDING, from), (width - PADDING, from));
        let (name_y, dots_y) = match above {
            true => (from + 4.0 + name_height / 2.0, from + 4.0 + name_height),
            false => {
                let middle = from + heights[index] / 2.0;
                (middle, middle - dots / 2.0)
            }
        };
        from += heights[index];
        let bold = |font: Font| if row.highlight { font.bold() } else { font };
        let (x, anchor) = match above {
            true => (PADDING, Anchor::Start),
            false => (x0 - 16.0, Anchor::End),
        };
        canvas.lines_centred(x, name_y, anchor, bold(label()), &names.lines[index]);
        for (system, &(value, ends)) in row.systems.iter().enumerate() {
            if !value.is_finite() {
                continue;
            }
            let y = dots_y + GAP / 2.0 + (system as f64 + 0.5) * LANE;
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
        let x = width - PADDING - VALUES + 54.0;
        canvas.text_centred(x, name_y, Anchor::End, bold(label()), &figure);
        let beside = match ends {
            Some((low, high)) => format!("{} to {}", percent(low), percent(high)),
            None => format!("{} files", row.files),
        };
        canvas.text_centred(width - PADDING, name_y, Anchor::End, soft, &beside);
    }
    canvas.finish(title.unwrap_or("Accuracies on all files and on parts of them"))
}

/// A system's sign at `at`, over its interval.
fn dot(canvas: &mut Canvas, system: usize, ends: Option<(f64, f64)>, at: (f64, f64)) {
    if let Some((from, to)) = ends {
        let stroke = Stroke::new(class_style(system).0, 1.5);
        canvas.line((from, at.1), (to, at.1), stroke);
    }
    sign(canvas, system, at);
}
