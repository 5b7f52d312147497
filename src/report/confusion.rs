//! What is taken for what.

use super::ReportError;
use super::canvas::{Anchor, Canvas, Drawing, PADDING, Svg, WIDTH, top};
use super::lettering::{Font, LEADING, lines_of, lines_within, room, small};
use super::style::{ACCENT, INK, ON_ACCENT, RULE, SOFT};

const PICTURE: &str = "confusion matrix";

/// Draws a confusion matrix. `counts[true][predicted]`; each row is shown in percent of its sum, a row without counts
/// as gaps. Pointing at a cell gives its count.
///
/// # Errors
/// [`ReportError::Nothing`] without classes, [`ReportError::Shape`] where the matrix is not as large as their number.
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

    Svg::drawn(|width| Ok(draw(classes, counts, title, width)))
}

/// Cells shrink as classes grow in number, down to where two digits still fit; from there on the picture grows.
fn draw(classes: &[&str], counts: &[Vec<u64>], title: Option<&str>, width: f64) -> Drawing {
    let n = classes.len();
    let cell_of = |side: f64| (side / n as f64).clamp(27.0, 88.0);
    let font_of = |cell: f64| Font::new(INK, (cell * 0.42).clamp(11.0, 13.0));
    // The names' column is as narrow as their lines, within the height of a cell, allow.
    let beside = PADDING + 24.0 + 10.0 + PADDING;
    let names_of = |cell: f64| column(classes, font_of(cell).size, cell);
    let mut cell = cell_of(560.0);
    let mut left_names = names_of(cell);
    if width < WIDTH {
        // Cells shrink until there is room for the names of their own height and size.
        let room_of = |names: f64| cell_of(width - beside - names);
        while room_of(left_names) < cell {
            cell = room_of(left_names);
            left_names = names_of(cell);
        }
    }
    let name_font = font_of(cell);
    let widths = classes.iter().map(|class| room(class, name_font.size));
    let widest = widths.fold(0.0, f64::max);
    let upright = widest <= cell - 8.0;
    let upwards = column(classes, name_font.size, cell);
    let most = lines_in(cell, name_font.size);
    let below_names = if upright { 16.0 } else { upwards + 4.0 };
    let x0 = PADDING + 24.0 + left_names + 10.0;
    let side = n as f64 * cell;
    let y0 = top(title, width);
    let mut canvas = Canvas::new(
        (x0 + side + PADDING).max(360.0),
        y0 + side + 12.0 + below_names + 26.0 + PADDING,
    );
    canvas.title(title);

    let size = (cell * 0.34).clamp(10.5, 14.0);
    for (row, (class, row_counts)) in classes.iter().zip(counts).enumerate() {
        let y = y0 + row as f64 * cell;
        let name = lines_within(class, name_font.size, left_names, most);
        canvas.lines_centred(x0 - 10.0, y + cell / 2.0, Anchor::End, name_font, &name);
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
            let name = lines_within(class, name_font.size, upwards, most);
            canvas.lines_upwards(x, y0 + side + 8.0, Anchor::End, name_font, &name);
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
    canvas.finish(title.unwrap_or("Confusion matrix"))
}

/// How many lines of a size have room in a cell.
fn lines_in(cell: f64, size: f64) -> usize {
    1 + ((cell - size) / (LEADING * size)).max(0.0) as usize
}

/// Width of a column in which each name is whole over the lines that a cell has room for, or the most.
fn column(names: &[&str], size: f64, cell: f64) -> f64 {
    const WIDTHS: [f64; 8] = [60.0, 80.0, 100.0, 130.0, 160.0, 200.0, 240.0, 300.0];
    let most = lines_in(cell, size);
    let whole = |width: f64, unbroken: bool| {
        names.iter().all(|name| {
            let lines = lines_of(name, size, width);
            lines.len() <= most && (!unbroken || lines.join(" ") == *name)
        })
    };
    // Rather a wider column than a word in two parts.
    let fitting = |unbroken| WIDTHS.into_iter().find(|width| whole(*width, unbroken));
    let width = fitting(true).or(fitting(false)).unwrap_or(300.0);
    let lines = names
        .iter()
        .flat_map(|name| lines_within(name, size, width, most));
    lines.map(|line| room(&line, size)).fold(0.0, f64::max)
}
