//! What speaks for one side and what for the other.

use crate::report::ReportError;
use crate::report::axis::extent;
use crate::report::canvas::{Anchor, Canvas, Drawing, Names, PADDING, Stroke, Svg, WIDTH, top};
use crate::report::lettering::{Font, label, small};
use crate::report::style::{ACCENT, INK, RULE, SOFT, WARM, decimal};

const PICTURE: &str = "bars to both sides";
const ROW: f64 = 28.0;
/// What a row has besides a name above it.
const SPARE: f64 = 12.0;
/// Width of the column of figures.
const VALUES: f64 = 62.0;

/// Draws a bar for each row, to the right for the second of `sides` and to the left for the first, with its figure in
/// `decimals` decimals.
///
/// # Errors
/// [`ReportError::Nothing`] where no figure is finite.
pub fn signed_svg(
    rows: &[(&str, f64)],
    sides: [&str; 2],
    decimals: usize,
) -> Result<Svg, ReportError> {
    let Some((low, high)) = extent(rows.iter().map(|(_, value)| *value)) else {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "no figure is finite",
        });
    };
    let reach = low.abs().max(high.abs());
    let reach = if reach > 0.0 { reach } else { 1.0 };
    Svg::drawn(|width| Ok(draw(rows, sides, decimals, reach, width)))
}

fn draw(
    rows: &[(&str, f64)],
    sides: [&str; 2],
    decimals: usize,
    reach: f64,
    width: f64,
) -> Drawing {
    // On a phone names stand above their bars.
    let above = width < WIDTH;
    let most = if above {
        width - 2.0 * PADDING - VALUES
    } else {
        200.0
    };
    let names = Names::new(rows.iter().map(|(name, _)| *name), 40.0, most);
    let heights: Vec<f64> = (0..rows.len())
        .map(|row| match above {
            true => names.height(row) + ROW,
            false => ROW.max(names.height(row) + SPARE),
        })
        .collect();
    let first = top(None, width) + 26.0;
    let mut canvas = Canvas::new(width, first + heights.iter().sum::<f64>() + PADDING);
    let (start, full) = match above {
        true => (PADDING, width - 2.0 * PADDING),
        false => {
            let start = PADDING + names.width + 12.0;
            (start, width - PADDING - VALUES - start)
        }
    };
    let zero = start + full / 2.0;
    let heading = first - 16.0;
    let [left, right] = sides;
    let font = |colour| Font::new(colour, small().size).bold();
    canvas.text(
        zero - 8.0,
        heading,
        Anchor::End,
        font(WARM),
        &format!("← {left}"),
    );
    canvas.text(
        zero + 8.0,
        heading,
        Anchor::Start,
        font(ACCENT),
        &format!("{right} →"),
    );
    let bottom = first + heights.iter().sum::<f64>();
    let mut from = first;
    for (row, (name, value)) in rows.iter().enumerate() {
        let middle = from + heights[row] / 2.0;
        let (name_y, bar_y) = match above {
            true => (
                from + names.height(row) / 2.0,
                from + names.height(row) + 10.0,
            ),
            false => (middle, middle),
        };
        from += heights[row];
        let (x, anchor) = match above {
            true => (PADDING, Anchor::Start),
            false => (start - 12.0, Anchor::End),
        };
        canvas.lines_centred(x, name_y, anchor, label(), &names.lines[row]);
        canvas.rect(start, bar_y - 8.0, full, 16.0, RULE, 0.35);
        let text = match value.is_finite() {
            false => "–".to_owned(),
            true => {
                let length = full / 2.0 * (value.abs() / reach);
                let (from, colour) = match *value < 0.0 {
                    true => (zero - length, WARM),
                    false => (zero, ACCENT),
                };
                let tip = format!("{name}: {}", signed(*value, decimals));
                canvas.tipped(&tip, |canvas| {
                    canvas.rect(from, bar_y - 8.0, length, 16.0, colour, 0.9);
                });
                signed(*value, decimals)
            }
        };
        let font = Font::new(INK, label().size);
        canvas.text_centred(width - PADDING, name_y, Anchor::End, font, &text);
    }
    canvas.line((zero, first - 4.0), (zero, bottom), Stroke::new(SOFT, 1.0));
    canvas.finish("Bars to both sides")
}

/// A figure with its sign.
fn signed(value: f64, decimals: usize) -> String {
    let text = decimal(value, decimals);
    let nothing = text.chars().all(|c| !c.is_ascii_digit() || c == '0');
    match value > 0.0 && !nothing {
        true => format!("+{text}"),
        false => text,
    }
}
