//! Fonts of pictures, and texts over as many lines as they need.

use super::style::{Colour, INK, SOFT, fit, text_width, wrap};

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    pub colour: Colour,
    pub size: f64,
    pub bold: bool,
}

impl Font {
    pub(super) fn new(colour: Colour, size: f64) -> Self {
        Self {
            colour,
            size,
            bold: false,
        }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

/// Tick labels and legends.
pub(super) fn small() -> Font {
    Font::new(SOFT, 12.0)
}

/// Names of rows, classes and panels.
pub(super) fn label() -> Font {
    Font::new(INK, 13.0)
}

/// Titles.
pub(super) fn heading() -> Font {
    Font::new(INK, 15.0).bold()
}

const SLACK: f64 = 1.12;

/// From baseline to baseline, in font sizes.
pub(super) const LEADING: f64 = 1.25;

/// A name of more lines than this is cut.
const MOST_LINES: usize = 8;

/// Width to keep free for a text. Semi-bold letters, and those of the font that stands in where a picture is looked at
/// alone, are wider than the ones measured.
pub(super) fn room(text: &str, size: f64) -> f64 {
    SLACK * text_width(text, size)
}

/// `text`, or as much of it as surely fits into `width` pixels and an ellipsis.
pub(super) fn shorten(text: &str, size: f64, width: f64) -> String {
    fit(text, SLACK * size, width)
}

/// `text` over as many lines as it needs where each surely fits into `width` pixels.
pub(super) fn lines_of(text: &str, size: f64, width: f64) -> Vec<String> {
    lines_within(text, size, width, MOST_LINES)
}

/// The same in at most `most` lines.
pub(super) fn lines_within(text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
    wrap(text, SLACK * size, width, most)
}

/// Height of that many lines.
pub(super) fn lines_height(lines: &[String], size: f64) -> f64 {
    lines.len() as f64 * LEADING * size
}
