//! Small panels side by side on one vertical scale: what each of many changes does to the same systems.

use super::ReportError;
use super::axis::{Axis, extent};
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{LEADING, label, lines_height, lines_of, room, small};
use super::plane::chance_sign;
use super::style::{CARD, Colour, INK, SOFT, chance_label, class_style, percent};

const PICTURE: &str = "panels";
const COLUMNS: usize = 3;
const LEFT: f64 = 50.0;
const HEIGHT: f64 = 130.0;
/// Between panels: sideways, and below for ticks, axis name and the next title.
const GAP: (f64, f64) = (18.0, 82.0);

/// One system's values in a panel, a place for each tick: the value with its interval, as fractions.
pub type PanelLine = Vec<(f64, Option<(f64, f64)>)>;

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// What varies, with the unit.
    pub axis: String,
    /// The steps, evenly spaced.
    pub ticks: Vec<String>,
    /// For each system, in the same order in all panels, a value at each tick.
    pub lines: Vec<PanelLine>,
    /// The tick of the unchanged state, at which all panels have the same values.
    pub unchanged: usize,
}

/// Draws fractions in panels of one scale: a line with its interval as a band for each of the `systems`, the unchanged
/// value as a thin line, and `chance` dashed.
///
/// # Errors
/// [`ReportError::Shape`] where lines, ticks and systems differ in number, [`ReportError::Nothing`] where no value is
/// finite.
pub fn panels_svg(
    panels: &[Panel],
    systems: &[&str],
    quantity: &str,
    chance: f64,
    title: Option<&str>,
) -> Result<Svg, ReportError> {
    for panel in panels {
        let lengths = panel.lines.iter().map(Vec::len);
        for (what, found, expected) in lengths
            .map(|length| ("a line", length, panel.ticks.len()))
            .chain([("the systems", panel.lines.len(), systems.len())])
        {
            if found != expected {
                return Err(ReportError::Shape {
                    picture: PICTURE,
                    what: format!("{what} of {}", panel.title),
                    found,
                    expected,
                });
            }
        }
    }
    let points = panels.iter().flat_map(|panel| panel.lines.iter().flatten());
    let range = share_range(PICTURE, points, chance, 0.06)?;

    Svg::drawn(|width| {
        Ok(lay_out(
            panels, systems, quantity, chance, range, title, width,
        ))
    })
}

fn lay_out(
    panels: &[Panel],
    systems: &[&str],
    quantity: &str,
    chance: f64,
    range: (f64, f64),
    title: Option<&str>,
    whole: f64,
) -> Drawing {
    let most = if whole < WIDTH { 1 } else { COLUMNS };
    let columns = most.min(panels.len());
    let width = (whole - LEFT - PADDING - (columns as f64 - 1.0) * GAP.0) / columns as f64;
    let titles: Vec<Vec<String>> = panels
        .iter()
        .map(|panel| lines_of(&panel.title, label().size, width))
        .collect();
    let signs: Vec<_> = (0..systems.len())
        .map(|index| {
            move |canvas: &mut Canvas, x: f64, y: f64| {
                let colour = look(index).0;
                canvas.rect(x - 11.0, y - 6.0, 22.0, 12.0, colour, 0.16);
                canvas.line((x - 11.0, y), (x + 11.0, y), Stroke::new(colour, 2.0));
                sign(canvas, index, (x, y));
            }
        })
        .collect();
    let chance_name = chance_label(chance);
    let mut entries: Vec<LegendEntry> = systems
        .iter()
        .zip(&signs)
        .map(|(name, sign)| (*name, sign as _))
        .collect();
    entries.push(("unchanged", &|c, x, y| {
        c.line(
            (x - 11.0, y),
            (x + 11.0, y),
            Stroke::new(SOFT, 1.0).dotted(),
        );
    }));
    entries.push((&chance_name, &chance_sign));
    let legend = Legend::new(&entries, whole - 2.0 * PADDING);
    let top = top(title, whole);
    // Titles of more lines than one push their row down.
    let heads: Vec<f64> = titles
        .chunks(columns)
        .map(|row| row.iter().map(Vec::len).max().unwrap_or(1) as f64)
        .map(|lines| (lines - 1.0) * LEADING * label().size)
        .collect();
    let first = top + legend.height + 80.0;
    let bottom = first + heads.iter().map(|head| head + HEIGHT + GAP.1).sum::<f64>() - GAP.1;
    let mut canvas = Canvas::new(whole, bottom + 48.0 + PADDING);
    canvas.title(title);
    canvas.legend(PADDING, top + 8.0, &legend);
    let name = format!("{quantity} (%), bands: 95 % over files");
    let y = top + legend.height + 40.0;
    canvas.text(PADDING, y, Anchor::Start, small(), &name);

    let mut y0 = first;
    let rows = panels.chunks(columns).zip(titles.chunks(columns));
    for ((panels, titles), head) in rows.zip(heads) {
        for (column, (panel, title)) in panels.iter().zip(titles).enumerate() {
            let left = LEFT + column as f64 * (width + GAP.0);
            let y = y0 + head;
            canvas.lines_above(left, y - 10.0, label().bold(), title);
            let frame = (left, left + width, y, y + HEIGHT);
            draw(
                &mut canvas,
                panel,
                systems,
                frame,
                range,
                chance,
                column == 0,
            );
        }
        y0 += head + HEIGHT + GAP.1;
    }
    canvas.finish(title.unwrap_or("Panels of one scale"))
}

/// From where to where an axis reaches for values with their intervals, shares from 0 to 1, and for `chance`, with a part
/// `spare` of that left at both ends.
pub(super) fn share_range<'a>(
    picture: &'static str,
    points: impl Iterator<Item = &'a (f64, Option<(f64, f64)>)>,
    chance: f64,
    spare: f64,
) -> Result<(f64, f64), ReportError> {
    let values = points.flat_map(|&(value, ends)| {
        let (low, high) = ends.unwrap_or((value, value));
        [value, low, high]
    });
    let Some((low, high)) = extent(values) else {
        return Err(ReportError::Nothing {
            picture,
            what: "no value is finite",
        });
    };
    let (low, high) = (low.min(chance), high.max(chance));
    let spare = spare * (high - low);
    Ok(((low - spare).max(0.0), (high + spare).min(1.0)))
}

fn look(index: usize) -> (Colour, super::style::Marker) {
    class_style(index)
}

/// The mark of a system.
pub(super) fn sign(canvas: &mut Canvas, index: usize, at: (f64, f64)) {
    let (colour, marker) = look(index);
    canvas.marker(marker, at, 4.4, CARD, 1.0);
    canvas.marker(marker, at, 3.4, colour, 1.0);
}

fn draw(
    canvas: &mut Canvas,
    panel: &Panel,
    systems: &[&str],
    (left, right, y0, y1): (f64, f64, f64, f64),
    range: (f64, f64),
    chance: f64,
    labelled: bool,
) {
    let y = Axis::new(range, y1, y0);
    for (value, text) in Axis::new((100.0 * range.0, 100.0 * range.1), 0.0, 1.0).ticks(5) {
        let at = y.at(value / 100.0);
        canvas.rule((left, at), (right, at));
        if labelled {
            canvas.text_centred(left - 8.0, at, Anchor::End, small(), &text);
        }
    }
    let step = (right - left) / panel.ticks.len().max(1) as f64;
    let x = |tick: usize| left + (tick as f64 + 0.5) * step;
    for (tick, text) in panel.ticks.iter().enumerate() {
        let stroke = Stroke::new(SOFT, 1.0);
        canvas.line((x(tick), y1), (x(tick), y1 + 4.0), stroke);
        let clear = room(text, small().size) <= step;
        if clear || tick % 2 == 0 {
            canvas.text(x(tick), y1 + 18.0, Anchor::Middle, small(), text);
        }
    }
    canvas.line((left, y1), (right, y1), Stroke::new(SOFT, 1.0));
    let middle = (left + right) / 2.0;
    let axis = lines_of(&panel.axis, small().size, right - left);
    let below = y1 + 24.0 + lines_height(&axis, small().size) / 2.0;
    canvas.lines_centred(middle, below, Anchor::Middle, small(), &axis);
    let at = y.at(chance);
    canvas.line((left, at), (right, at), Stroke::new(INK, 1.0).dashed());

    for (index, line) in panel.lines.iter().enumerate() {
        let colour = look(index).0;
        let unchanged = line.get(panel.unchanged).map_or(f64::NAN, |point| point.0);
        if unchanged.is_finite() {
            let at = y.at(unchanged);
            let stroke = Stroke::new(colour, 1.0).dotted();
            canvas.line((left, at), (right, at), stroke);
        }
        let bounded = |end: fn((f64, f64)) -> f64| {
            let points = line.iter().enumerate();
            points.filter_map(move |(tick, &(value, ends))| {
                let end = end(ends?);
                (value.is_finite() && end.is_finite()).then_some((tick, end))
            })
        };
        let upper = bounded(|ends| ends.1).map(|(tick, end)| (x(tick), y.at(end)));
        let lower = bounded(|ends| ends.0).map(|(tick, end)| (x(tick), y.at(end)));
        let outline: Vec<_> = upper
            .chain(lower.collect::<Vec<_>>().into_iter().rev())
            .collect();
        if outline.len() > 2 {
            canvas.polygon(&outline, colour, 0.14);
        }
    }
    for (index, line) in panel.lines.iter().enumerate() {
        let places: Vec<_> = line
            .iter()
            .enumerate()
            .map(|(tick, point)| (x(tick), y.at(point.0)))
            .collect();
        canvas.path(&places, Stroke::new(look(index).0, 2.0));
        for ((tick, &(value, ends)), at) in line.iter().enumerate().zip(places) {
            if !value.is_finite() {
                continue;
            }
            let ends = ends.map_or(String::new(), |(low, high)| {
                format!(" ({} to {})", percent(low), percent(high))
            });
            let tip = format!(
                "{}, {} {}: {} %{ends}",
                systems[index],
                panel.title,
                panel.ticks[tick],
                percent(value)
            );
            canvas.tipped(&tip, |canvas| sign(canvas, index, at));
        }
    }
}
