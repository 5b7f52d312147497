//! Several measured lines over one quantity.

use super::ReportError;
use super::canvas::{
    Anchor, Canvas, Font, PADDING, Stroke, Svg, WIDTH, label, room, shorten, small, top,
};
use super::plane::{Frame, LineAxes, LinePoint, Plane};
use super::style::{CARD, COLOURS, Colour, INK, Marker, SOFT, class_style};

const PICTURE: &str = "line chart";
const LEFT: f64 = 58.0;
const HEIGHT: f64 = 330.0;
/// Between the frame and the outermost points, so that the bars of all lines have room side by side.
const MARGIN: f64 = 26.0;
/// How far the bars of all lines at one place reach together.
const ABREAST: f64 = 34.0;
/// Height of a name at the end of a line.
const ROW: f64 = 18.0;
/// From the frame to the names: leaders and signs.
const LEADERS: f64 = 52.0;
/// Widest name that is written out.
const NAMES: f64 = 170.0;
/// A line of more points has signs only here and there.
const ALL_SIGNED: usize = 24;

/// What was measured of one system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// Its name.
    pub name: &'a str,
    /// By x. A point that is not finite makes a gap.
    pub points: &'a [LinePoint],
    /// Set off from the others.
    pub highlight: bool,
}

/// Draws lines with their names at the right. Colour and sign go by the place in `lines`, as in
/// [`trade_svg`](super::trade_svg). Up to 12 lines can be told apart well. Where there are intervals, the points of
/// different lines stand a few pixels beside their x, so that all bars can be seen.
pub fn lines_svg(lines: &[Line], axes: &LineAxes, title: Option<&str>) -> Result<Svg, ReportError> {
    let points: Vec<LinePoint> = lines.iter().flat_map(|line| line.points).copied().collect();
    let names = lines.iter().map(|line| room(line.name, label().size));
    let names = names.fold(90.0, f64::max).min(NAMES);
    let top = top(title) + 30.0;
    let frame = Frame {
        left: LEFT,
        right: WIDTH - PADDING - names - LEADERS,
        top,
        // All names and chance have room one below the other.
        bottom: top + HEIGHT.max((lines.len() + 1) as f64 * ROW),
    };
    let plane = Plane::new(PICTURE, &points, axes, frame, MARGIN)?;
    let mut canvas = Canvas::new(WIDTH, frame.bottom + 44.0 + PADDING);
    canvas.title(title);
    let drawn = points.iter().filter(|point| point.is_finite());
    let values: Vec<f64> = drawn.map(|point| point.x).collect();
    plane.draw(&mut canvas, &values);

    let beside = match points.iter().any(|point| point.ends().is_some()) {
        true => distance_abreast(&plane, &values, lines.len()),
        false => 0.0,
    };
    let place = |index: usize, point: &LinePoint| {
        let offset = (index as f64 - (lines.len() as f64 - 1.0) / 2.0) * beside;
        (plane.x(point.x) + offset, plane.y(point.y))
    };
    label_ends(&mut canvas, &plane, lines, names, &place);
    // Those set off come last, on top of the others.
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|index| lines[*index].highlight);
    for index in order.iter().copied() {
        let bar = look(lines, index).bar;
        for point in lines[index].points {
            if let Some((low, high)) = point.ends() {
                let (x, _) = place(index, point);
                canvas.line((x, plane.y(high)), (x, plane.y(low)), bar);
            }
        }
    }
    for index in order {
        let (line, look) = (&lines[index], look(lines, index));
        let path: Vec<_> = line.points.iter().map(|p| place(index, p)).collect();
        canvas.path(&path, look.stroke);
        let mut last = f64::NEG_INFINITY;
        for (point, at) in line.points.iter().zip(path) {
            let crowded = line.points.len() > ALL_SIGNED && at.0 - last < 28.0;
            if !point.is_finite() || crowded {
                continue;
            }
            last = at.0;
            canvas.tipped(&plane.tip(line.name, point), |canvas| {
                canvas.marker(look.marker, at, look.radius + 1.2, CARD, 1.0);
                canvas.marker(look.marker, at, look.radius, look.colour, 1.0);
            });
        }
    }
    Ok(canvas.finish(title.unwrap_or("Measurements as lines")))
}

/// How a line is drawn.
struct Look {
    colour: Colour,
    marker: Marker,
    radius: f64,
    stroke: Stroke,
    bar: Stroke,
}

/// Where a line is set off, the others stand back. Lines whose colour an earlier one has are dashed.
fn look(lines: &[Line], index: usize) -> Look {
    let (colour, marker) = class_style(index);
    let (width, bar, radius) = match lines[index].highlight {
        true => (2.8, 1.6, 4.8),
        false => (1.4, 1.0, 3.4),
    };
    let stands_back = !lines[index].highlight && lines.iter().any(|line| line.highlight);
    let stroke = Stroke::new(colour, width).opacity(if stands_back { 0.6 } else { 1.0 });
    Look {
        colour,
        marker,
        radius,
        stroke: if index < COLOURS {
            stroke
        } else {
            stroke.dashed()
        },
        bar: Stroke::new(colour, bar).opacity(if stands_back { 0.45 } else { 0.7 }),
    }
}

/// How far bars of neighbouring lines stand apart: less where their places are close to each other.
fn distance_abreast(plane: &Plane, values: &[f64], lines: usize) -> f64 {
    let mut places: Vec<f64> = values.iter().map(|value| plane.x(*value)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
    let free = gaps.fold(f64::INFINITY, f64::min);
    let between = lines.saturating_sub(1).max(1) as f64;
    (ABREAST.min(0.5 * free) / between).min(3.0)
}

/// Writes the names and chance into the column at the right, each as near to the end of its line as the others allow.
fn label_ends(
    canvas: &mut Canvas,
    plane: &Plane,
    lines: &[Line],
    names: f64,
    place: &dyn Fn(usize, &LinePoint) -> (f64, f64),
) {
    let Frame {
        right, top, bottom, ..
    } = plane.frame;
    let ends: Vec<Option<(f64, f64)>> = lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let last = line.points.iter().rfind(|point| point.is_finite());
            last.map(|point| place(index, point))
        })
        .collect();
    let chance = plane.chance();
    // A line without points has its name at the bottom.
    let mut wanted: Vec<f64> = ends
        .iter()
        .map(|end| end.map_or(bottom, |end| end.1))
        .collect();
    wanted.extend(chance.iter().map(|(y, _)| *y));
    let found = spread(&wanted, ROW, (top, bottom));

    // Dotted, so that none is taken for a measurement.
    let leader = |canvas: &mut Canvas, from: (f64, f64), y: f64, colour| {
        let path = [from, (right, from.1), (right + 20.0, y)];
        canvas.path(&path, Stroke::new(colour, 1.3).dotted());
    };
    let (sign, text) = (right + 34.0, right + LEADERS);
    for (index, (line, end)) in lines.iter().zip(&ends).enumerate() {
        let y = found[index];
        let look = look(lines, index);
        let font = match (line.highlight, end) {
            (_, None) => Font::new(SOFT, label().size),
            (true, _) => label().bold(),
            (false, _) => label(),
        };
        match end {
            Some(end) => {
                leader(canvas, *end, y, look.colour);
                canvas.line((sign - 11.0, y), (sign + 11.0, y), look.stroke);
                canvas.marker(look.marker, (sign, y), look.radius + 1.2, CARD, 1.0);
                canvas.marker(look.marker, (sign, y), look.radius, look.colour, 1.0);
            }
            None => canvas.text_centred(sign, y, Anchor::Middle, font, "–"),
        }
        let name = shorten(line.name, font.size, names);
        canvas.text_centred(text, y, Anchor::Start, font, &name);
    }
    if let Some((from, name)) = chance {
        let y = found[lines.len()];
        leader(canvas, (right, from), y, INK);
        canvas.text_centred(text, y, Anchor::Start, small(), &name);
    }
}

/// Places at least `gap` apart and between the limits, in the order of the wanted ones and with the least sum of
/// squared distances from them.
fn spread(wanted: &[f64], gap: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    // Neighbours that would come too close share one block, which stands at the mean of what its members want.
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    for (rank, index) in order.iter().enumerate() {
        let (mut sum, mut count) = (wanted[*index] - rank as f64 * gap, 1.0);
        while let Some((before, members)) = blocks.pop_if(|(s, n)| *s / *n >= sum / count) {
            sum += before;
            count += members;
        }
        blocks.push((sum, count));
    }
    let highest = high - gap * wanted.len().saturating_sub(1) as f64;
    let starts = blocks
        .iter()
        .flat_map(|(sum, count)| vec![(sum / count).min(highest).max(low); *count as usize]);
    let mut places = vec![0.0; wanted.len()];
    for (rank, (index, start)) in order.iter().zip(starts).enumerate() {
        places[*index] = start + rank as f64 * gap;
    }
    places
}
