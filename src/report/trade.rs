//! What accuracy costs.

use super::ReportError;
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{LEADING, label, lines_of, room, small};
use super::plane::{Frame, LineAxes, LinePoint, Plane, chance_sign};
use super::style::{CARD, class_style};

const PICTURE: &str = "trade-off";
const LEFT: f64 = 58.0;
const HEIGHT: f64 = 380.0;
const NARROW_HEIGHT: f64 = 260.0;
/// Between the frame and the outermost points.
const MARGIN: f64 = 36.0;
const NARROW_MARGIN: f64 = 14.0;
/// Widest line of a name.
const NAMES: f64 = 170.0;
/// How far names may stand from their points, nearest first.
const DISTANCES: [f64; 10] = [9.0, 13.0, 20.0, 30.0, 42.0, 58.0, 78.0, 102.0, 130.0, 165.0];
/// A name farther away than this has a line to its point.
const NEAR: f64 = 11.0;

/// What was measured of one system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TradePoint<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it costs.
    pub x: f64,
    /// What it reaches.
    pub y: f64,
    /// Lower and upper end of the interval of `y`, if known.
    pub interval: Option<(f64, f64)>,
    /// Set off from the others.
    pub highlight: bool,
}

/// Draws one named point a system. Names keep off points, bars and each other where there is room. Colour and sign go by
/// the place in `points`, as in [`lines_svg`](super::lines_svg). A point that is not finite is left out.
///
/// # Errors
/// [`ReportError::Nothing`] where no point is finite, [`ReportError::Invalid`] for one that a logarithmic axis lacks.
pub fn trade_svg(
    points: &[TradePoint],
    axes: &LineAxes,
    title: Option<&str>,
) -> Result<Svg, ReportError> {
    Svg::drawn(|width| {
        // On a phone, and where names have no room by their points, a legend above names them.
        let (drawing, clear) = draw(points, axes, title, width, width < WIDTH)?;
        if clear {
            return Ok(drawing);
        }
        Ok(draw(points, axes, title, width, true)?.0)
    })
}

/// The picture, and whether its names keep off each other.
fn draw(
    points: &[TradePoint],
    axes: &LineAxes,
    title: Option<&str>,
    width: f64,
    above: bool,
) -> Result<(Drawing, bool), ReportError> {
    let measured = |point: &TradePoint| LinePoint {
        x: point.x,
        y: point.y,
        interval: point.interval,
    };
    let all: Vec<LinePoint> = points.iter().map(measured).collect();
    let signs: Vec<_> = (0..points.len())
        .map(|index| {
            move |canvas: &mut Canvas, x: f64, y: f64| {
                let (colour, marker) = class_style(index);
                canvas.marker(marker, (x, y), 4.8, colour, 1.0);
            }
        })
        .collect();
    let chance = axes.chance_name();
    let mut entries: Vec<LegendEntry> = points
        .iter()
        .zip(&signs)
        .filter(|(point, _)| measured(point).is_finite())
        .map(|(point, sign)| (point.name, sign as _))
        .collect();
    entries.extend(chance.iter().map(|name| (name.as_str(), &chance_sign as _)));
    let legend = Legend::new(&entries, width - 2.0 * PADDING);
    let top_edge = top(title, width);
    let top = top_edge + 30.0 + if above { legend.height + 26.0 } else { 0.0 };
    let beside = if chance.is_some() && !above {
        92.0
    } else {
        8.0
    };
    let frame = Frame {
        left: LEFT,
        right: width - PADDING - beside,
        top,
        bottom: top + if above { NARROW_HEIGHT } else { HEIGHT },
    };
    let margin = if above { NARROW_MARGIN } else { MARGIN };
    let plane = Plane::new(PICTURE, &all, axes, frame, margin)?;
    let mut canvas = Canvas::new(width, frame.bottom + 44.0 + PADDING);
    canvas.title(title);
    plane.draw(&mut canvas, &[]);
    if above {
        canvas.legend(PADDING, top_edge + 6.0, &legend);
    } else if let Some((y, name)) = plane.chance() {
        canvas.text_centred(frame.right + 8.0, y, Anchor::Start, small(), &name);
    }

    let drawn: Vec<(usize, &LinePoint)> = all
        .iter()
        .enumerate()
        .filter(|(_, point)| point.is_finite())
        .collect();
    let at = |point: &LinePoint| (plane.x(point.x), plane.y(point.y));
    let mut marks: Vec<Mark> = drawn
        .iter()
        .map(|(_, point)| {
            let (x, y) = at(point);
            let (low, high) = point.ends().unwrap_or((point.y, point.y));
            let (low, high) = (plane.y(low), plane.y(high));
            Mark {
                at: (x, y),
                sign: Rect::around((x, y), 14.0, 14.0),
                bar: Rect::around((x, (low + high) / 2.0), 5.0, (low - high).abs()),
            }
        })
        .collect();
    let names: Vec<Vec<String>> = drawn
        .iter()
        .filter(|_| !above)
        .map(|(index, _)| lines_of(points[*index].name, label().size, NAMES))
        .collect();
    let sizes: Vec<(f64, f64)> = names.iter().map(|lines| size(lines)).collect();
    if let Some((y, _)) = plane.chance() {
        let middle = ((frame.left + frame.right) / 2.0, y);
        let line = Rect::around(middle, frame.right - frame.left, 2.0);
        marks.push(Mark {
            at: middle,
            sign: line,
            bar: line,
        });
    }
    let places = place_names(&sizes, &marks, &frame);

    for (((index, _), mark), place) in drawn.iter().zip(&marks).zip(&places) {
        let (from, to) = mark.leader(place);
        if distance(from, to) > NEAR {
            let (colour, _) = class_style(*index);
            canvas.line(from, to, Stroke::new(colour, 1.3).dotted());
        }
    }
    for highlight in [false, true] {
        for (index, point) in &drawn {
            let TradePoint {
                name,
                highlight: set_off,
                ..
            } = points[*index];
            if set_off != highlight {
                continue;
            }
            let (colour, marker) = class_style(*index);
            let (x, y) = at(point);
            let (width, radius) = if highlight { (2.0, 6.2) } else { (1.2, 4.8) };
            canvas.tipped(&plane.tip(name, point), |canvas| {
                if let Some((low, high)) = point.ends() {
                    let bar = Stroke::new(colour, width);
                    canvas.line((x, plane.y(high)), (x, plane.y(low)), bar);
                }
                canvas.marker(marker, (x, y), radius + 1.4, CARD, 1.0);
                canvas.marker(marker, (x, y), radius, colour, 1.0);
            });
        }
    }
    for (((index, _), name), place) in drawn.iter().zip(&names).zip(&places) {
        let font = if points[*index].highlight {
            label().bold()
        } else {
            label()
        };
        let (x, y) = place.middle();
        canvas.lines_centred(x, y, Anchor::Middle, font, name);
    }
    let clear = places.iter().enumerate().all(|(index, place)| {
        let mut others = places[..index].iter();
        others.all(|other| place.overlap(other) == 0.0)
    });
    Ok((canvas.finish(title.unwrap_or("Accuracy and cost")), clear))
}

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rect {
    fn around((x, y): (f64, f64), width: f64, height: f64) -> Self {
        Self {
            left: x - width / 2.0,
            top: y - height / 2.0,
            right: x + width / 2.0,
            bottom: y + height / 2.0,
        }
    }

    fn middle(&self) -> (f64, f64) {
        (
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
        )
    }

    /// The point of it that is nearest to another.
    fn nearest(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (
            x.clamp(self.left, self.right),
            y.clamp(self.top, self.bottom),
        )
    }

    /// The area that both cover.
    fn overlap(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// A point as drawn.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: (f64, f64),
    sign: Rect,
    bar: Rect,
}

impl Mark {
    /// The ends of the shortest line from its bar to a name.
    fn leader(&self, name: &Rect) -> ((f64, f64), (f64, f64)) {
        let (x, top) = (self.at.0, self.bar.top.min(self.at.1));
        let bottom = self.bar.bottom.max(self.at.1);
        // A name beside the bar is met at its middle's height, one above or below at the bar's end.
        let from = (x, name.middle().1.clamp(top, bottom));
        (from, name.nearest(from))
    }
}

/// Width and height of a name.
fn size(lines: &[String]) -> (f64, f64) {
    let widths = lines.iter().map(|line| room(line, label().size));
    let more = lines.len().saturating_sub(1) as f64;
    (
        widths.fold(0.0, f64::max),
        label().size * (1.0 + LEADING * more) + 3.0,
    )
}

/// Places for names of these widths and heights, each by the mark of the same index; there may be more marks. Every name in turn
/// takes the best of the places around its mark in view of all others, until none finds a better one.
fn place_names(sizes: &[(f64, f64)], marks: &[Mark], frame: &Frame) -> Vec<Rect> {
    let candidates: Vec<Vec<Rect>> = sizes
        .iter()
        .zip(marks)
        .map(|(size, mark)| around(mark, *size, frame))
        .collect();
    let mut places: Vec<Option<Rect>> = vec![None; sizes.len()];
    for _ in 0..20 {
        let before = places.clone();
        for (index, candidates) in candidates.iter().enumerate() {
            let cost = |place: &Rect| cost(place, index, marks, &places);
            // Of equals the first, which is the one to the right.
            let best = candidates
                .iter()
                .map(|place| (cost(place), *place))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            places[index] = best.map(|(_, place)| place);
        }
        if places == before {
            break;
        }
    }
    places.into_iter().flatten().collect()
}

/// What is bad about a place for the name of a mark: distance, what is hidden, and crossed leaders.
fn cost(place: &Rect, index: usize, marks: &[Mark], names: &[Option<Rect>]) -> f64 {
    const HIDDEN: f64 = 3.0;
    const COVERED: f64 = 10.0;
    const CROSSED: f64 = 20.0;
    const MISTAKEN: f64 = 40.0;

    let own = &marks[index];
    let leader = own.leader(place);
    let away = distance(leader.0, leader.1);
    let mut cost = away + 0.3 * distance(own.at, place.nearest(own.at));
    for (which, mark) in marks.iter().enumerate() {
        cost += HIDDEN * (place.overlap(&mark.sign) + place.overlap(&mark.bar));
        if which == index {
            continue;
        }
        cost += CROSSED * (within(&mark.sign, leader) + within(&mark.bar, leader));
        // Nearer to another mark, it would be taken for that one's name.
        let (from, to) = mark.leader(place);
        cost += if distance(from, to) < away {
            MISTAKEN
        } else {
            0.0
        };
        if let Some(name) = names.get(which).copied().flatten() {
            cost += COVERED * place.overlap(&name);
            cost += CROSSED * (within(&name, leader) + within(place, mark.leader(&name)));
        }
    }
    cost
}

/// How many pixels of a line lie in a rectangle, about.
fn within(rect: &Rect, (from, to): ((f64, f64), (f64, f64))) -> f64 {
    const STEP: f64 = 2.0;
    let steps = (distance(from, to) / STEP).ceil() as usize;
    let at = |step: usize| {
        let part = step as f64 / steps as f64;
        (
            from.0 + part * (to.0 - from.0),
            from.1 + part * (to.1 - from.1),
        )
    };
    let inside = (1..steps).filter(|step| rect.nearest(at(*step)) == at(*step));
    STEP * inside.count() as f64
}

/// Places inside the frame around a mark's sign and the ends of its bar, on each square the right one first.
fn around(mark: &Mark, (width, height): (f64, f64), frame: &Frame) -> Vec<Rect> {
    const SIDES: [(f64, f64); 16] = [
        (1.0, 0.0),
        (-1.0, 0.0),
        (0.0, -1.0),
        (0.0, 1.0),
        (1.0, -0.5),
        (1.0, 0.5),
        (-1.0, -0.5),
        (-1.0, 0.5),
        (1.0, -1.0),
        (1.0, 1.0),
        (-1.0, -1.0),
        (-1.0, 1.0),
        (0.5, -1.0),
        (0.5, 1.0),
        (-0.5, -1.0),
        (-0.5, 1.0),
    ];
    // Between a name and the axes.
    const EDGE: f64 = 6.0;
    let (half, x) = (width / 2.0, mark.at.0);
    let mut places = Vec::new();
    for y in [mark.at.1, mark.bar.top, mark.bar.bottom] {
        for away in DISTANCES {
            for (right, down) in SIDES {
                let x = (x + right * (half + away))
                    .max(frame.left + EDGE + half)
                    .min(frame.right - half);
                let y = (y + down * (height / 2.0 + away))
                    .max(frame.top + height / 2.0)
                    .min(frame.bottom - EDGE - height / 2.0);
                places.push(Rect::around((x, y), width, height));
            }
        }
    }
    places
}
