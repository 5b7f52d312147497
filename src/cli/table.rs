//! Tables for a terminal of 80 columns. One that is wider goes on below, its rows named again; a cell that is wider
//! goes on in the next line. Nothing is cut.

use crate::report::decimal;
use crate::score::Interval;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::common::one_line;

/// Columns of a terminal.
pub(super) const TERMINAL: usize = 80;
/// Between two columns.
const GAP: usize = 2;
/// What names take at most where not all columns have room beside them.
const NAMES: usize = 30;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// A table whose first column names the rows.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Row>,
    /// Between two columns.
    gap: usize,
}

#[derive(Debug)]
enum Row {
    Cells(Vec<String>),
    /// A line of its own, above the rows that follow.
    Heading(String),
}

impl Table {
    /// A table of columns with these headings, all empty for one without a head.
    pub(super) fn new<S: Into<String>>(columns: impl IntoIterator<Item = (S, Align)>) -> Self {
        let columns = columns
            .into_iter()
            .map(|(text, align)| (text.into(), align));
        Self {
            columns: columns.collect(),
            rows: Vec::new(),
            gap: GAP,
        }
    }

    /// The same with its columns one space apart.
    pub(super) fn close(self) -> Self {
        Self { gap: 1, ..self }
    }

    /// A table whose first column is words without a heading, and all others figures.
    pub(super) fn named<const N: usize>(figures: [&str; N]) -> Self {
        let figures = figures.map(|name| (name, Align::Right));
        Self::new([("", Align::Left)].into_iter().chain(figures))
    }

    /// Adds a row; cells that are missing are empty.
    pub(super) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().map(|cell| one_line(&cell.into()));
        self.rows.push(Row::Cells(cells.collect()));
    }

    /// Adds a heading above the rows that follow, after an empty line.
    pub(super) fn heading(&mut self, text: &str) {
        self.rows.push(Row::Heading(one_line(text)));
    }

    /// How wide a column is.
    pub(super) fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| match row {
            Row::Cells(cells) => cells.get(column),
            Row::Heading(_) => None,
        });
        let all = cells.chain([&self.columns[column].0]);
        all.map(|cell| cell.width()).max().unwrap_or(0)
    }

    /// The table, line by line.
    pub(super) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| self.width(column))
            .collect();
        let Some((&names, others)) = widths.split_first() else {
            return String::new();
        };
        let whole = names + others.iter().map(|width| self.gap + width).sum::<usize>();
        let names = if whole <= TERMINAL {
            names
        } else {
            names.min(NAMES)
        };
        let room = TERMINAL - names.min(TERMINAL - self.gap - 1);
        let mut text = String::new();
        let mut from = 1;
        loop {
            // As many columns as have room, and at least one.
            let mut shown = vec![(0, names)];
            let mut used = 0;
            for (column, width) in widths.iter().enumerate().skip(from) {
                let width = (*width).min(room - self.gap);
                if column > from && used + self.gap + width > room {
                    break;
                }
                used += self.gap + width;
                shown.push((column, width));
            }
            self.block(&shown, &mut text);
            from += shown.len() - 1;
            if from >= widths.len() {
                return text;
            }
            text.push('\n');
        }
    }

    /// These columns, each of its width.
    fn block(&self, shown: &[(usize, usize)], text: &mut String) {
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let head = headings.iter().any(|name| !name.is_empty());
        let head = head.then_some(Row::Cells(headings));
        for row in head.iter().chain(&self.rows) {
            let row = match row {
                Row::Cells(cells) => cells,
                Row::Heading(line) => {
                    text.push_str(&format!("\n{line}\n"));
                    continue;
                }
            };
            let cells: Vec<Vec<String>> = shown
                .iter()
                .map(|&(column, width)| row.get(column).map_or(Vec::new(), |c| fold(c, width)))
                .collect();
            let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
            for line in 0..lines {
                let mut whole = String::new();
                for (&(column, width), cell) in shown.iter().zip(&cells) {
                    if column > 0 {
                        whole.push_str(&" ".repeat(self.gap));
                    }
                    let cell = cell.get(line).map_or("", String::as_str);
                    let pad = " ".repeat(width.saturating_sub(cell.width()));
                    match self.columns[column].1 {
                        Align::Left => whole.extend([cell, &pad]),
                        Align::Right => whole.extend([&pad, cell]),
                    }
                }
                text.push_str(whole.trim_end());
                text.push('\n');
            }
        }
    }
}

/// A fraction in percent without the sign: `0.7834` is `78.3`.
pub(super) fn percent(fraction: f64) -> String {
    decimal(100.0 * fraction, 1)
}

/// The same with a sign; zero has none.
pub(super) fn signed(fraction: f64) -> String {
    let text = percent(fraction);
    match fraction > 0.0 && text != "0.0" {
        true => format!("+{text}"),
        false => text,
    }
}

/// `low to high`, each as `digits` writes it.
pub(super) fn ends(interval: Option<Interval>, digits: fn(f64) -> String) -> Option<String> {
    interval.map(|i| format!("{} to {}", digits(i.low), digits(i.high)))
}

/// `mean (low to high)`, or the mean alone.
pub(super) fn measured(mean: f64, interval: Option<Interval>, digits: fn(f64) -> String) -> String {
    let mean = digits(mean);
    match ends(interval, digits) {
        Some(ends) => format!("{mean:>5} ({ends})"),
        None => format!("{mean:>5}"),
    }
}

/// `± half` of an interval in percent.
pub(super) fn plus_minus(interval: Interval) -> String {
    format!("± {}", percent(interval.half_width()))
}

/// `text` in lines of at most `width` columns, parted between words where it can be. Spaces that it begins with stay.
pub(super) fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (index, word) in text.split(' ').enumerate() {
        let space = usize::from(used > 0 || (lines.len() == 1 && index > 0));
        // A word that is too long for any line begins in this one.
        if used > 0 && used + space + word.width() > width && word.width() <= width {
            lines.push(String::new());
            used = 0;
        } else if space > 0 {
            lines
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|line| line.push(' '));
            used += space;
        }
        for c in word.chars() {
            let own = c.width().unwrap_or(0);
            if used > 0 && used + own > width {
                lines.push(String::new());
                used = 0;
            }
            lines
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|line| line.push(c));
            used += own;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(text: &str) -> usize {
        text.lines().map(|line| line.width()).max().unwrap_or(0)
    }

    #[test]
    fn a_table_of_thirty_columns_loses_none_at_eighty_columns() {
        let columns = (0..30).map(|k| (format!("c{k}"), Align::Right));
        let mut table = Table::new(
            [("name".to_owned(), Align::Left)]
                .into_iter()
                .chain(columns),
        );
        let name = "a name of sixty letters that goes on and on and on to the end";
        for row in 0..30 {
            let cells = (0..30).map(|k| format!("{}", 100 * row + k));
            table.row([format!("{name}{row}")].into_iter().chain(cells));
        }
        let text = table.text();
        assert!(longest(&text) <= TERMINAL, "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        for k in 0..30 {
            assert!(words.contains(&format!("c{k}").as_str()), "{k}: {text}");
            for row in 0..30 {
                let cell = format!("{}", 100 * row + k);
                assert!(words.contains(&cell.as_str()), "{cell}: {text}");
            }
            assert!(words.contains(&format!("end{k}").as_str()), "{text}");
        }
    }

    #[test]
    fn wide_letters_and_long_words_stay_inside_and_in_their_columns() {
        let mut table = Table::new([("", Align::Left), ("", Align::Left), ("", Align::Right)]);
        table.row(["民謡", "a", "1"]);
        table.row(["folk", "b", "2"]);
        assert_eq!(table.text(), "民謡  a  1\nfolk  b  2\n");
        table.row(["e\u{301}".repeat(200), "曲".repeat(100), "3".into()]);
        let text = table.text();
        assert!(longest(&text) <= TERMINAL, "{text}");
        assert_eq!(text.matches('曲').count(), 100);
        // Once in each of the two parts.
        assert_eq!(text.matches('e').count(), 2 * 200);
    }

    #[test]
    fn a_name_that_begins_with_spaces_stays_in_its_place() {
        let mut table = Table::new([("", Align::Left), ("share", Align::Right)]);
        table.row(["crowd 20 dB", "1"]);
        table.row(["      10 dB", "2"]);
        assert_eq!(
            table.text(),
            "             share\ncrowd 20 dB      1\n      10 dB      2\n"
        );
        assert_eq!(fold("  a b", 4), ["  a", "b"]);
        assert_eq!(fold("1 abcdef", 4), ["1 ab", "cdef"]);
    }

    #[test]
    fn figures_have_one_kind_of_minus_and_zero_has_none() {
        let figures = [0.1234, 0.0, -0.0001, 0.0001, -0.05].map(signed);
        assert_eq!(figures, ["+12.3", "0.0", "0.0", "0.0", "−5.0"]);
        assert_eq!([-0.0001, -0.05].map(percent), ["0.0", "−5.0"]);
    }

    #[test]
    fn a_table_without_columns_or_rows_has_no_lines_too_many() {
        assert_eq!(Table::default().text(), "");
        assert_eq!(Table::new([("only", Align::Left)]).text(), "only\n");
    }
}
