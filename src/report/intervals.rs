//! Accuracies and differences with their two intervals.

use super::ReportError;
use super::axis::{Axis, extent};
use super::canvas::{
    Anchor, Canvas, Font, LegendEntry, PADDING, Stroke, Svg, WIDTH, label, room, shorten, small,
    top,
};
use super::style::{ACCENT, CARD, Colour, INK, SOFT, WARM, chance_label, percent};

const PICTURE: &str = "interval plot";
const ROW: f64 = 34.0;
const VALUES: f64 = 150.0;

/// One system, or one pair of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IntervalRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// Accuracy or difference, as a fraction; drawn as a gap where it is not finite.
    pub value: f64,
    /// Lower and upper end of the interval over files, which is wide and which comparisons use.
    pub over_files: Option<(f64, f64)>,
    /// Lower and upper end of the interval over episodes, which is narrow.
    pub over_episodes: Option<(f64, f64)>,
    /// Set off from the others.
    pub highlight: bool,
}

/// Draws accuracies, one system a row, with a line at `chance`.
pub fn intervals_svg(
    rows: &[IntervalRow],
    chance: Option<f64>,
    title: Option<&str>,
) -> Result<Svg, ReportError> {
    let reference = chance.filter(|chance| chance.is_finite());
    let reference_name = reference.map(chance_label);
    forest(
        rows,
        reference.zip(reference_name),
        title,
        &Words {
            level: 0.95,
            axis: "accuracy (%)",
            default_title: "Accuracies with their intervals",
            value: |value| format!("{} %", percent(value)),
            end: percent,
            colour: |row| if row.highlight { ACCENT } else { SOFT },
            limits: (0.0, 1.0),
        },
    )
}

/// Draws paired differences with a line at zero. A row whose interval over files lies above zero has the colour of a
/// gain, below zero that of a loss, across zero neither; without that interval nothing is claimed. `level` is the
/// confidence of the intervals over files.
pub fn differences_svg(
    rows: &[IntervalRow],
    level: f64,
    title: Option<&str>,
) -> Result<Svg, ReportError> {
    forest(
        rows,
        Some((0.0, "no difference".to_owned())),
        title,
        &Words {
            level,
            axis: "difference (points)",
            default_title: "Paired differences with their intervals",
            value: signed,
            end: signed,
            colour: |row| match row.over_files {
                Some((low, _)) if low > 0.0 => ACCENT,
                Some((_, high)) if high < 0.0 => WARM,
                _ => SOFT,
            },
            limits: (-1.0, 1.0),
        },
    )
}

fn signed(value: f64) -> String {
    let text = percent(value);
    if value > 0.0 && text != "0.0" {
        format!("+{text}")
    } else {
        text
    }
}

/// What differs between accuracies and differences.
struct Words {
    /// Confidence of the intervals over files.
    level: f64,
    axis: &'static str,
    default_title: &'static str,
    value: fn(f64) -> String,
    end: fn(f64) -> String,
    colour: fn(&IntervalRow) -> Colour,
    /// Where the axis stops unless an interval goes beyond.
    limits: (f64, f64),
}

fn forest(
    rows: &[IntervalRow],
    reference: Option<(f64, String)>,
    title: Option<&str>,
    words: &Words,
) -> Result<Svg, ReportError> {
    let ends = |row: &IntervalRow| {
        let (files, episodes) = (row.over_files, row.over_episodes);
        let both = files.into_iter().chain(episodes);
        std::iter::once(row.value).chain(both.flat_map(|(low, high)| [low, high]))
    };
    let all = rows.iter().flat_map(ends);
    let Some((low, high)) = extent(all.clone()) else {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "no value is finite",
        });
    };
    let (low, high) = extent(all.chain(reference.iter().map(|(at, _)| *at))).unwrap_or((low, high));
    let margin = (0.06 * (high - low)).max(0.01);
    let low = (low - margin).max(words.limits.0.min(low));
    let high = (high + margin).min(words.limits.1.max(high));

    let widths = rows.iter().map(|row| room(row.name, label().size));
    let names = widths.fold(60.0, f64::max).min(250.0);
    let top = top(title);
    let y0 = top + 48.0;
    let y1 = y0 + rows.len() as f64 * ROW;
    let mut canvas = Canvas::new(WIDTH, y1 + 44.0 + PADDING);
    canvas.title(title);
    let (x0, x1) = (PADDING + names + 16.0, WIDTH - PADDING - VALUES - 16.0);
    let axis = Axis::new((100.0 * low, 100.0 * high), x0, x1);

    let over_files = format!("{} % over files", (1e4 * words.level).round() / 100.0);
    let mut entries: Vec<LegendEntry> = vec![(&over_files, &|c, x, y| {
        wide(c, (x - 11.0, x + 11.0), y, SOFT)
    })];
    if rows.iter().any(|row| row.over_episodes.is_some()) {
        entries.push(("95 % over episodes", &|c, x, y| {
            narrow(c, (x - 7.0, x + 7.0), x, y, SOFT)
        }));
    }
    canvas.legend(x0 - 2.0, top + 6.0, &entries);
    for (value, text) in axis.ticks(7) {
        let x = axis.at(value);
        canvas.rule((x, y0), (x, y1));
        canvas.text(x, y1 + 18.0, Anchor::Middle, small(), &text);
    }
    canvas.text(
        (x0 + x1) / 2.0,
        y1 + 40.0,
        Anchor::Middle,
        small(),
        words.axis,
    );
    if let Some((at, name)) = &reference {
        let x = axis.at(100.0 * at);
        canvas.line((x, y0 - 4.0), (x, y1), Stroke::new(INK, 1.2).dashed());
        // Kept inside where the line stands near an end.
        let half = room(name, small().size) / 2.0;
        let middle = x.max(PADDING + half).min(WIDTH - PADDING - half);
        canvas.text(middle, y0 - 10.0, Anchor::Middle, small(), name);
    }

    for (index, row) in rows.iter().enumerate() {
        let y = y0 + (index as f64 + 0.5) * ROW;
        let font = if row.highlight {
            label().bold()
        } else {
            label()
        };
        let name = shorten(row.name, font.size, names);
        canvas.text_centred(x0 - 16.0, y, Anchor::End, font, &name);
        let soft = Font::new(SOFT, 11.5);
        if !row.value.is_finite() {
            canvas.text_centred(x1 + 16.0, y, Anchor::Start, soft, "not measured");
            continue;
        }
        let colour = (words.colour)(row);
        let pixels = |(low, high): (f64, f64)| (axis.at(100.0 * low), axis.at(100.0 * high));
        let finite = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite();
        let files = row.over_files.filter(finite);
        let episodes = row.over_episodes.filter(finite);
        if let Some(files) = files {
            wide(&mut canvas, pixels(files), y, colour);
        }
        let at = axis.at(100.0 * row.value);
        match episodes {
            Some(episodes) => narrow(&mut canvas, pixels(episodes), at, y, colour),
            None => canvas.circle((at, y), 5.0, colour, 1.0),
        }
        let value = Font::new(INK, label().size);
        let value = if row.highlight { value.bold() } else { value };
        canvas.text_centred(
            x1 + 16.0 + 54.0,
            y,
            Anchor::End,
            value,
            &(words.value)(row.value),
        );
        if let Some((low, high)) = files.or(episodes) {
            let text = format!("{} to {}", (words.end)(low), (words.end)(high));
            canvas.text_centred(WIDTH - PADDING, y, Anchor::End, soft, &text);
        }
    }
    Ok(canvas.finish(title.unwrap_or(words.default_title)))
}

/// The interval over files: a line with caps.
fn wide(canvas: &mut Canvas, (from, to): (f64, f64), y: f64, colour: Colour) {
    let stroke = Stroke::new(colour, 1.5);
    canvas.line((from, y), (to, y), stroke);
    canvas.line((from, y - 4.0), (from, y + 4.0), stroke);
    canvas.line((to, y - 4.0), (to, y + 4.0), stroke);
}

/// The interval over episodes: a box around the value, wide enough to be seen.
fn narrow(canvas: &mut Canvas, (from, to): (f64, f64), at: f64, y: f64, colour: Colour) {
    let (from, to) = (from.min(at - 2.0), to.max(at + 2.0));
    canvas.rect(from - 1.0, y - 8.0, to - from + 2.0, 16.0, CARD, 1.0);
    canvas.rect(from, y - 7.0, to - from, 14.0, colour, 1.0);
}
