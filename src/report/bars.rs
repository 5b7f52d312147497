//! Ranked answers for one recording.

use super::ReportError;
use super::axis::extent;
use super::canvas::{Anchor, Canvas, Font, PADDING, Svg, WIDTH, label, room, shorten, top};
use super::style::{ACCENT, INK, RULE, SOFT, percent};

const PICTURE: &str = "ranking";
const ROW: f64 = 28.0;

/// Draws genres and their probabilities (0 to 1) in the order given; the first is the answer.
pub fn bars_svg(ranked: &[(&str, f64)], title: Option<&str>) -> Result<Svg, ReportError> {
    if extent(ranked.iter().map(|(_, probability)| *probability)).is_none() {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "no probability is finite",
        });
    }
    let top = top(title);
    let mut canvas = Canvas::new(WIDTH, top + ranked.len() as f64 * ROW + PADDING);
    canvas.title(title);
    let widths = ranked.iter().map(|(name, _)| room(name, label().size));
    let names = widths.fold(40.0, f64::max).min(220.0);
    let start = PADDING + names + 12.0;
    let full = WIDTH - PADDING - 62.0 - start;
    for (rank, (name, probability)) in ranked.iter().enumerate() {
        let y = top + (rank as f64 + 0.5) * ROW;
        let font = if rank == 0 { label().bold() } else { label() };
        let name = shorten(name, font.size, names);
        canvas.text_centred(start - 12.0, y, Anchor::End, font, &name);
        canvas.rect(start, y - 8.0, full, 16.0, RULE, 0.45);
        if !probability.is_finite() {
            let dash = Font::new(SOFT, label().size);
            canvas.text_centred(start + full + 10.0, y, Anchor::Start, dash, "–");
            continue;
        }
        let opacity = if rank == 0 { 1.0 } else { 0.5 };
        canvas.rect(
            start,
            y - 8.0,
            full * probability.clamp(0.0, 1.0),
            16.0,
            ACCENT,
            opacity,
        );
        let font = Font::new(if rank == 0 { INK } else { SOFT }, label().size);
        let font = if rank == 0 { font.bold() } else { font };
        let text = format!("{} %", percent(*probability));
        canvas.text_centred(WIDTH - PADDING, y, Anchor::End, font, &text);
    }
    Ok(canvas.finish(title.unwrap_or("Genres and their probabilities")))
}
