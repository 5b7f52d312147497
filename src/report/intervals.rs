//! Accuracies and differences with their two intervals.

use super::ReportError;
use super::axis::{Axis, extent};
use super::canvas::{
    Anchor, Canvas, Drawing, Legend, LegendEntry, Names, PADDING, Stroke, Svg, WIDTH, top,
};
use super::lettering::{Font, label, room, small};
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
///
/// # Errors
/// [`ReportError::Nothing`] where no value is finite.
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
            meanings: &[],
            limits: (0.0, 1.0),
        },
    )
}

/// Draws paired differences with a line at zero. A row whose interval over files lies above zero has the colour of a
/// gain, below zero that of a loss, across zero neither; without that interval nothing is claimed. `level` is the
/// confidence of the intervals over files.
///
/// # Errors
/// [`ReportError::Nothing`] where no value is finite.
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
            meanings: &[
                (ACCENT, "better"),
                (WARM, "worse"),
                (SOFT, "not told apart"),
            ],
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
    /// What the colours say, if anything.
    meanings: &'static [(Colour, &'static str)],
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

    let range = (100.0 * low, 100.0 * high);
    Svg::drawn(|width| Ok(draw(rows, reference.as_ref(), range, title, words, width)))
}

fn draw(
    rows: &[IntervalRow],
    reference: Option<&(f64, String)>,
    range: (f64, f64),
    title: Option<&str>,
    words: &Words,
    width: f64,
) -> Drawing {
    // On a phone names and figures stand above the intervals.
    let above = width < WIDTH;
    let most = if above {
        width - 2.0 * PADDING - VALUES
    } else {
        250.0
    };
    let names = Names::new(rows.iter().map(|row| row.name), 60.0, most);
    let (x0, x1) = match above {
        true => (PADDING + 6.0, width - PADDING - 6.0),
        false => (
            PADDING + names.width + 16.0,
            width - PADDING - VALUES - 16.0,
        ),
    };
    let axis = Axis::new(range, x0, x1);
    let heights: Vec<f64> = (0..rows.len())
        .map(|row| match above {
            true => names.height(row) + 32.0,
            false => ROW.max(names.height(row) + 14.0),
        })
        .collect();

    let over_files = format!("{} % over files", (1e4 * words.level).round() / 100.0);
    let mut entries: Vec<LegendEntry> = vec![(&over_files, &|c, x, y| {
        wide(c, (x - 11.0, x + 11.0), y, SOFT)
    })];
    if rows.iter().any(|row| row.over_episodes.is_some()) {
        entries.push(("95 % over episodes", &|c, x, y| {
            narrow(c, (x - 7.0, x + 7.0), x, y, SOFT)
        }));
    }
    let signs: Vec<_> = words
        .meanings
        .iter()
        .filter(|(colour, _)| rows.iter().any(|row| (words.colour)(row) == *colour))
        .map(|&(colour, name)| {
            let sign = move |c: &mut Canvas, x: f64, y: f64| c.circle((x, y), 5.0, colour, 1.0);
            (name, sign)
        })
        .collect();
    entries.extend(signs.iter().map(|(name, sign)| (*name, sign as _)));
    let legend = Legend::new(&entries, width - 2.0 * PADDING);
    let top = top(title, width);
    let y0 = top + legend.height + 48.0;
    let y1 = y0 + heights.iter().sum::<f64>();
    let mut canvas = Canvas::new(width, y1 + 44.0 + PADDING);
    canvas.title(title);
    canvas.legend(PADDING, top + 6.0, &legend);
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
    if let Some((at, name)) = reference {
        let x = axis.at(100.0 * at);
        canvas.line((x, y0 - 4.0), (x, y1), Stroke::new(INK, 1.2).dashed());
        // Kept inside where the line stands near an end.
        let half = room(name, small().size) / 2.0;
        let middle = x.max(PADDING + half).min(width - PADDING - half);
        canvas.text(middle, y0 - 10.0, Anchor::Middle, small(), name);
    }

    let mut from = y0;
    for (index, row) in rows.iter().enumerate() {
        let name_height = names.height(index);
        let (name_y, y) = match above {
            true => {
                let line = (from + 0.5).floor();
                // Grid and reference do not run through the words.
                canvas.rect(0.0, line, width, name_height + 6.0, CARD, 1.0);
                if index > 0 {
                    canvas.rule((PADDING, line), (width - PADDING, line));
                }
                (from + 5.0 + name_height / 2.0, from + name_height + 17.0)
            }
            false => {
                let middle = from + heights[index] / 2.0;
                (middle, middle)
            }
        };
        from += heights[index];
        let font = if row.highlight {
            label().bold()
        } else {
            label()
        };
        let (x, anchor) = match above {
            true => (PADDING, Anchor::Start),
            false => (x0 - 16.0, Anchor::End),
        };
        canvas.lines_centred(x, name_y, anchor, font, &names.lines[index]);
        let soft = Font::new(SOFT, 11.5);
        if !row.value.is_finite() {
            let x = width - PADDING - VALUES;
            canvas.text_centred(x, name_y, Anchor::Start, soft, "not measured");
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
            width - PADDING - VALUES + 54.0,
            name_y,
            Anchor::End,
            value,
            &(words.value)(row.value),
        );
        if let Some((low, high)) = files.or(episodes) {
            let text = format!("{} to {}", (words.end)(low), (words.end)(high));
            canvas.text_centred(width - PADDING, name_y, Anchor::End, soft, &text);
        }
    }
    canvas.finish(title.unwrap_or(words.default_title))
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
