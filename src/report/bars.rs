//! Ranked answers for one recording.

use super::ReportError;
use super::axis::extent;
use super::canvas::{Anchor, Canvas, Drawing, Names, PADDING, Svg, WIDTH, top};
use super::lettering::{Font, label};
use super::style::{ACCENT, INK, RULE, SOFT, percent};

const PICTURE: &str = "ranking";
/// Height of a bar's row, and of what a row has besides its name.
const ROW: f64 = 28.0;
const SPARE: f64 = 12.0;
/// Width of the column of figures.
const VALUES: f64 = 62.0;

/// Draws genres and their probabilities (0 to 1) in the order given; the first is the answer.
///
/// # Errors
/// [`ReportError::Nothing`] where no probability is finite.
pub fn bars_svg(ranked: &[(&str, f64)], title: Option<&str>) -> Result<Svg, ReportError> {
    if extent(ranked.iter().map(|(_, probability)| *probability)).is_none() {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "no probability is finite",
        });
    }
    Svg::drawn(|width| Ok(draw(ranked, title, width)))
}

fn draw(ranked: &[(&str, f64)], title: Option<&str>, width: f64) -> Drawing {
    // On a phone names stand above their bars.
    let above = width < WIDTH;
    let most = if above {
        width - 2.0 * PADDING - VALUES
    } else {
        220.0
    };
    let names = Names::new(ranked.iter().map(|(name, _)| *name), 40.0, most);
    let heights: Vec<f64> = (0..ranked.len())
        .map(|row| match above {
            true => names.height(row) + ROW,
            false => ROW.max(names.height(row) + SPARE),
        })
        .collect();
    let top = top(title, width);
    let mut canvas = Canvas::new(width, top + heights.iter().sum::<f64>() + PADDING);
    canvas.title(title);
    let (start, full) = match above {
        true => (PADDING, width - 2.0 * PADDING),
        false => {
            let start = PADDING + names.width + 12.0;
            (start, width - PADDING - VALUES - start)
        }
    };
    let mut from = top;
    for (rank, (_, probability)) in ranked.iter().enumerate() {
        let middle = from + heights[rank] / 2.0;
        let (name_y, bar_y) = match above {
            true => (
                from + names.height(rank) / 2.0,
                from + names.height(rank) + 10.0,
            ),
            false => (middle, middle),
        };
        from += heights[rank];
        let font = if rank == 0 { label().bold() } else { label() };
        let (x, anchor) = match above {
            true => (PADDING, Anchor::Start),
            false => (start - 12.0, Anchor::End),
        };
        canvas.lines_centred(x, name_y, anchor, font, &names.lines[rank]);
        canvas.rect(start, bar_y - 8.0, full, 16.0, RULE, 0.45);
        let value = if rank == 0 {
            Font::new(INK, label().size).bold()
        } else {
            Font::new(SOFT, label().size)
        };
        let text = if probability.is_finite() {
            let opacity = if rank == 0 { 1.0 } else { 0.5 };
            let part = full * probability.clamp(0.0, 1.0);
            canvas.rect(start, bar_y - 8.0, part, 16.0, ACCENT, opacity);
            format!("{} %", percent(*probability))
        } else {
            "–".to_owned()
        };
        canvas.text_centred(width - PADDING, name_y, Anchor::End, value, &text);
    }
    canvas.finish(title.unwrap_or("Genres and their probabilities"))
}
