//! What is taken for what.

use super::ReportError;
use super::canvas::{Anchor, Canvas, Font, PADDING, Svg, room, shorten, small, top};
use super::style::{ACCENT, INK, ON_ACCENT, RULE, SOFT};

const PICTURE: &str = "confusion matrix";

/// Draws a confusion matrix. `counts[true][predicted]`; each row is shown in percent of its sum, a row without counts
/// as gaps. Pointing at a cell gives its count.
pub fn confusion_svg(
    classes: &[&str],
    counts: &[Vec<u64>],
    title: Option<&str>,
) -> Result<Svg, ReportError> {
    let n = classes.len();
    if n == 0 {
        return Err(ReportError::Nothing {
            picture: PICTURE,
            what: "there are no classes",
        });
    }
    let shape = |what: String, found: usize| ReportError::Shape {
        picture: PICTURE,
        what,
        found,
        expected: n,
    };
    if counts.len() != n {
        return Err(shape("the matrix".to_owned(), counts.len()));
    }
    if let Some((row, short)) = counts.iter().enumerate().find(|(_, row)| row.len() != n) {
        return Err(shape(format!("row {row} of the matrix"), short.len()));
    }

    // Cells shrink as classes grow in number, down to where two digits still fit.
    let cell = (560.0 / n as f64).clamp(27.0, 88.0);
    let name_font = Font::new(INK, (cell * 0.42).clamp(11.0, 13.0));
    let widest = |limit: f64| {
        let widths = classes.iter().map(|class| room(class, name_font.size));
        widths.fold(0.0, f64::max).min(limit)
    };
    let left_names = widest(180.0);
    let upright = widest(f64::MAX) <= cell - 8.0;
    let below_names = if upright { 16.0 } else { widest(130.0) + 4.0 };
    let x0 = PADDING + 24.0 + left_names + 10.0;
    let side = n as f64 * cell;
    let y0 = top(title);
    let mut canvas = Canvas::new(
        (x0 + side + PADDING).max(360.0),
        y0 + side + 12.0 + below_names + 26.0 + PADDING,
    );
    canvas.title(title);

    let size = (cell * 0.34).clamp(10.5, 14.0);
    for (row, (class, row_counts)) in classes.iter().zip(counts).enumerate() {
        let y = y0 + row as f64 * cell;
        let name = shorten(class, name_font.size, left_names);
        canvas.text_centred(x0 - 10.0, y + cell / 2.0, Anchor::End, name_font, &name);
        let sum: u64 = row_counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count));
        for (column, (predicted, count)) in classes.iter().zip(row_counts).enumerate() {
            let x = x0 + column as f64 * cell;
            let middle = (x + cell / 2.0, y + cell / 2.0);
            let fill = |canvas: &mut Canvas, colour, opacity| {
                canvas.rect(x + 1.0, y + 1.0, cell - 2.0, cell - 2.0, colour, opacity);
            };
            fill(&mut canvas, RULE, 0.4);
            if sum == 0 {
                let dash = Font::new(SOFT, size);
                canvas.text_centred(middle.0, middle.1, Anchor::Middle, dash, "–");
            }
            if *count == 0 {
                continue;
            }
            let part = *count as f64 / sum as f64;
            let colour = if part > 0.7 { ON_ACCENT } else { INK };
            let font = Font::new(colour, size);
            let font = if row == column { font.bold() } else { font };
            let text = match 100.0 * part {
                small if small < 0.5 => "<1".to_owned(),
                percent => format!("{percent:.0}"),
            };
            let tip = format!("{class} taken for {predicted}: {count} of {sum}");
            canvas.tipped(&tip, |canvas| {
                fill(canvas, ACCENT, part);
                canvas.text_centred(middle.0, middle.1, Anchor::Middle, font, &text);
            });
        }
    }
    for (column, class) in classes.iter().enumerate() {
        let x = x0 + (column as f64 + 0.5) * cell;
        if upright {
            canvas.text(x, y0 + side + 20.0, Anchor::Middle, name_font, class);
        } else {
            let name = shorten(class, name_font.size, below_names);
            canvas.text_upwards(x, y0 + side + 8.0, Anchor::End, name_font, &name);
        }
    }
    let under = y0 + side + 12.0 + below_names + 20.0;
    let wide = side >= 240.0;
    let across = if wide {
        "predicted (percent of each row)"
    } else {
        "predicted (% of row)"
    };
    canvas.text(x0 + side / 2.0, under, Anchor::Middle, small(), across);
    canvas.text_upwards(
        PADDING + 4.0,
        y0 + side / 2.0,
        Anchor::Middle,
        small(),
        "true class",
    );
    Ok(canvas.finish(title.unwrap_or("Confusion matrix")))
}
