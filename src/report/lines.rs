//! Several measured lines over one quantity.

use super::ReportError;
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{Font, LEADING, label, lines_of, room, small};
use super::plane::{Frame, LineAxes, LinePoint, Plane, chance_sign};
use super::style::{CARD, COLOURS, Colour, INK, Marker, SOFT, class_style};

const PICTURE: &str = "line chart";
const LEFT: f64 = 58.0;
const HEIGHT: f64 = 330.0;
/// Between the frame and the outermost points, so that the bars of all lines have room side by side.
const MARGIN: f64 = 26.0;
/// How far the bars of all lines at one place reach together.
const ABREAST: f64 = 34.0;
const NARROW_HEIGHT: f64 = 240.0;
const NARROW_MARGIN: f64 = 14.0;
/// Height of a name of one line at the end of a line.
const ROW: f64 = 18.0;
/// From the frame to the names: leaders and signs.
const LEADERS: f64 = 52.0;
/// Widest line of a name.
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
///
/// # Errors
/// [`ReportError::Nothing`] where no point is finite, [`ReportError::Invalid`] for one that a logarithmic axis lacks.
pub fn lines_svg(lines: &[Line], axes: &LineAxes, title: Option<&str>) -> Result<Svg, ReportError> {
    Svg::drawn(|width| draw(lines, axes, title, width))
}

fn draw(
    lines: &[Line],
    axes: &LineAxes,
    title: Option<&str>,
    width: f64,
) -> Result<Drawing, ReportError> {
    let points: Vec<LinePoint> = lines.iter().flat_map(|line| line.points).copied().collect();
    // On a phone a legend above the lines names them.
    let above = width < WIDTH;
    let signs: Vec<_> = (0..lines.len())
        .map(|index| move |canvas: &mut Canvas, x: f64, y: f64| sign(canvas, lines, index, (x, y)))
        .collect();
    let chance = axes.chance_name();
    let mut entries: Vec<LegendEntry> = lines
        .iter()
        .zip(&signs)
        .map(|(line, sign)| (line.name, sign as _))
        .collect();
    entries.extend(chance.iter().map(|name| (name.as_str(), &chance_sign as _)));
    let legend = Legend::new(&entries, width - 2.0 * PADDING);

    let names = lines.iter().map(|line| room(line.name, label().size));
    let names = names.fold(90.0, f64::max).min(NAMES);
    let parted: Vec<Vec<String>> = lines
        .iter()
        .map(|line| lines_of(line.name, label().size, names))
        .collect();
    let top_edge = top(title, width);
    let top = top_edge + 30.0 + if above { legend.height + 26.0 } else { 0.0 };
    let frame = Frame {
        left: LEFT,
        right: width - PADDING - if above { 8.0 } else { names + LEADERS },
        top,
        bottom: top
            + match above {
                true => NARROW_HEIGHT,
                // All names and chance have room one below the other.
                false => HEIGHT.max(parted.iter().map(|name| name_height(name)).sum::<f64>() + ROW),
            },
    };
    let margin = if above { NARROW_MARGIN } else { MARGIN };
    let plane = Plane::new(PICTURE, &points, axes, frame, margin)?;
    let mut canvas = Canvas::new(width, frame.bottom + 44.0 + PADDING);
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
    match above {
        true => canvas.legend(PADDING, top_edge + 6.0, &legend),
        false => label_ends(&mut canvas, &plane, lines, &parted, &place),
    }
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

/// A line's sign in a legend, none where it has no points.
fn sign(canvas: &mut Canvas, lines: &[Line], index: usize, (x, y): (f64, f64)) {
    let look = look(lines, index);
    if !lines[index].points.iter().any(LinePoint::is_finite) {
        let font = Font::new(SOFT, label().size);
        return canvas.text_centred(x, y, Anchor::Middle, font, "–");
    }
    canvas.line((x - 11.0, y), (x + 11.0, y), look.stroke);
    canvas.marker(look.marker, (x, y), look.radius + 1.2, CARD, 1.0);
    canvas.marker(look.marker, (x, y), look.radius, look.colour, 1.0);
}

/// Height of a name at the end of a line.
fn name_height(lines: &[String]) -> f64 {
    ROW + (lines.len() as f64 - 1.0) * LEADING * label().size
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
    names: &[Vec<String>],
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
    let mut heights: Vec<f64> = names.iter().map(|name| name_height(name)).collect();
    heights.extend(chance.iter().map(|_| ROW));
    let found = spread(&wanted, &heights, (top, bottom));

    // Dotted, so that none is taken for a measurement.
    let leader = |canvas: &mut Canvas, from: (f64, f64), y: f64, colour| {
        let path = [from, (right, from.1), (right + 20.0, y)];
        canvas.path(&path, Stroke::new(colour, 1.3).dotted());
    };
    let (sign_x, text) = (right + 34.0, right + LEADERS);
    for (index, (line, end)) in lines.iter().zip(&ends).enumerate() {
        let y = found[index];
        let font = match (line.highlight, end) {
            (_, None) => Font::new(SOFT, label().size),
            (true, _) => label().bold(),
            (false, _) => label(),
        };
        if let Some(end) = end {
            leader(canvas, *end, y, look(lines, index).colour);
        }
        sign(canvas, lines, index, (sign_x, y));
        canvas.lines_centred(text, y, Anchor::Start, font, &names[index]);
    }
    if let Some((from, name)) = chance {
        let y = found[lines.len()];
        leader(canvas, (right, from), y, INK);
        canvas.text_centred(text, y, Anchor::Start, small(), &name);
    }
}

/// Middles of rows of these heights that do not overlap, between the limits, in the order of the wanted ones and with the
/// least sum of squared distances from them.
fn spread(wanted: &[f64], heights: &[f64], (low, high): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    // How far each row's middle is below the first one's where they stand close.
    let mut down = vec![0.0; wanted.len()];
    for pair in order.windows(2) {
        down[pair[1]] = down[pair[0]] + (heights[pair[0]] + heights[pair[1]]) / 2.0;
    }
    // Neighbours that would come too close share one block, which stands at the mean of what its members want.
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    for index in &order {
        let (mut sum, mut count) = (wanted[*index] - down[*index], 1.0);
        while let Some((before, members)) = blocks.pop_if(|(s, n)| *s / *n >= sum / count) {
            sum += before;
            count += members;
        }
        blocks.push((sum, count));
    }
    let highest = high - order.last().map_or(0.0, |last| down[*last]);
    let starts = blocks
        .iter()
        .flat_map(|(sum, count)| vec![(sum / count).min(highest).max(low); *count as usize]);
    let mut places = vec![0.0; wanted.len()];
    for (index, start) in order.iter().zip(starts) {
        places[*index] = start + down[*index];
    }
    places
}
