//! What all pictures share: colours for light and dark, the class palette, the font and its measures.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// A colour by its part in the picture, with its values in light and in dark mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    /// Its CSS class.
    pub name: &'static str,
    /// `#rrggbb` on a light ground.
    pub light: &'static str,
    /// `#rrggbb` on a dark ground.
    pub dark: &'static str,
}

const fn colour(name: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { name, light, dark }
}

/// The ground of a picture.
pub(super) const CARD: Colour = colour("card", "#ffffff", "#16191d");
/// Text and axes that count.
pub(super) const INK: Colour = colour("ink", "#1c2024", "#e8eaed");
/// Tick labels, captions, what stands back.
pub(super) const SOFT: Colour = colour("soft", "#5b6570", "#9da7b3");
/// Grid lines.
pub(super) const RULE: Colour = colour("rule", "#e2e6ea", "#2d333b");
/// What the picture is about.
pub(super) const ACCENT: Colour = colour("accent", "#0b66b0", "#58a6e8");
/// Its counterpart.
pub(super) const WARM: Colour = colour("warm", "#d1590a", "#f0883e");
/// Text on a full [`ACCENT`] ground.
pub(super) const ON_ACCENT: Colour = colour("on-accent", "#ffffff", "#0b1118");

/// Colours of classes: those of Okabe and Ito (2008), safe for the colour-blind, moved where they were too pale or too
/// dark for a ground; their order keeps neighbours far apart.
const CLASSES: [Colour; 8] = [
    colour("c0", "#0072b2", "#4ea3dc"),
    colour("c1", "#e08600", "#f0a23a"),
    colour("c2", "#009e73", "#2fc49a"),
    colour("c3", "#b8478f", "#dd8fbf"),
    colour("c4", "#4fb0e5", "#9bd6f7"),
    colour("c5", "#c8400a", "#f2764a"),
    colour("c6", "#a39a00", "#d9cc3d"),
    colour("c7", "#6b7280", "#a9b1bb"),
];

/// Classes from this on have a colour that an earlier one has.
pub(super) const COLOURS: usize = CLASSES.len();

/// The shapes that tell apart classes of one colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Nabla,
}

/// Colour and shape of a class: 40 different pairs, neighbours differ in both.
pub(super) fn class_style(class: usize) -> (Colour, Marker) {
    const MARKERS: [Marker; 5] = [
        Marker::Circle,
        Marker::Square,
        Marker::Triangle,
        Marker::Diamond,
        Marker::Nabla,
    ];
    (CLASSES[class % 8], MARKERS[(class + class / 8) % 5])
}

/// Fonts of a picture in the order of preference; files carry the first with them.
pub(super) const FONT_FAMILY: &str =
    "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

/// CSS that brings that font along: 50 kB.
pub(super) fn font_faces() -> String {
    let files: [(u16, &[u8]); 2] = [
        (
            400,
            include_bytes!("../../assets/fonts/Inter-Regular.woff2"),
        ),
        (
            600,
            include_bytes!("../../assets/fonts/Inter-SemiBold.woff2"),
        ),
    ];
    // Without its range the font would draw its empty sign for letters that the reader's machine lacks too, where the
    // machine's own box shows that there is something.
    let range = unicode_range();
    let face = |(weight, file): (u16, &[u8])| {
        let data = STANDARD.encode(file);
        format!(
            "@font-face{{font-family:Inter;font-weight:{weight};unicode-range:{range};\
             src:url(data:font/woff2;base64,{data}) format('woff2')}}\n"
        )
    };
    files.map(face).concat()
}

/// The characters of the embedded font, as CSS writes them; its files hold the same ones.
fn unicode_range() -> String {
    let mut characters: Vec<u32> = FONT.codepoint_ids().map(|(_, c)| u32::from(c)).collect();
    characters.sort_unstable();
    let ranges = characters.chunk_by(|a, b| b - a <= 1).map(|run| {
        let [first, last] = [run[0], run[run.len() - 1]];
        format!("U+{first:X}-{last:X}")
    });
    ranges.collect::<Vec<_>>().join(",")
}

/// The file of the embedded font.
pub(super) const EMBEDDED: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");

/// The embedded font (a subset of Inter, see `assets/fonts`).
#[expect(
    clippy::expect_used,
    reason = "the font is part of the program, and a test reads it"
)]
pub(super) static FONT: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(EMBEDDED).expect("the embedded font is whole"));

/// Width of `text` in pixels at a font size (pixels an em). Characters that the font lacks count one em, the widest
/// that another font is likely to set, and none if they stand on the one before.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let units = FONT.units_per_em().unwrap_or(1000.0);
    let advance = |c: char| match FONT.glyph_id(c) {
        ab_glyph::GlyphId(0) if c.width() == Some(0) => 0.0,
        ab_glyph::GlyphId(0) => units,
        glyph => FONT.h_advance_unscaled(glyph),
    };
    size * f64::from(text.chars().map(advance).sum::<f32>() / units)
}

/// Whether `text` fits. A width measured from this very text may differ in its last bit.
fn fits(text: &str, size: f64, width: f64) -> bool {
    text_width(text, size) <= width + 0.01
}

/// As many of the characters of `text` as fit into `width` pixels; at least `least` of them.
fn beginning(text: &str, size: f64, width: f64, least: usize) -> &str {
    let ends = text.grapheme_indices(true).map(|(at, c)| at + c.len());
    let fitting = ends
        .enumerate()
        .take_while(|(index, end)| *index < least || fits(&text[..*end], size, width));
    fitting.last().map_or("", |(_, end)| &text[..end])
}

/// `text`, or as much of it as fits into `width` pixels and an ellipsis.
pub(super) fn fit(text: &str, size: f64, width: f64) -> String {
    if fits(text, size, width) {
        return text.to_owned();
    }
    let kept = beginning(text, size, width - text_width("…", size), 0);
    format!("{}…", kept.trim_end())
}

/// `text` over as many lines as it needs where each fits into `width` pixels: parted at spaces, where there is none
/// between other words, or else within one that is too long for a line. What does not fit into `most` lines ends in an ellipsis.
pub(super) fn wrap(text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while lines.len() + 1 < most && !fits(rest, size, width) {
        let end = end_of_line(rest, beginning(rest, size, width, 1).len());
        lines.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(fit(rest, size, width));
    }
    lines
}

/// Where a line of `text` ends that has room for its first `longest` bytes.
fn end_of_line(text: &str, longest: usize) -> usize {
    let bounds: Vec<usize> = text
        .split_word_bound_indices()
        .map(|(at, _)| at)
        .filter(|&at| at > 0 && text[..at].trim_end().len() <= longest)
        .collect();
    // No line begins with a mark that stands alone, or that belongs to the word before.
    let word = |at: &usize| {
        let word = text[*at..].split_whitespace().next().unwrap_or("");
        text[..*at].ends_with(char::is_whitespace) && word.contains(char::is_alphanumeric)
    };
    let within = |at: &usize| {
        let opened = text[..*at].ends_with(['(', '[', '{', '<', '"', '\'', '«', '“', '‘']);
        !opened && text[*at..].starts_with(|c: char| c.is_alphanumeric() || c == '(')
    };
    let last = |fits: &dyn Fn(&usize) -> bool| bounds.iter().copied().rfind(|at| fits(at));
    last(&word).or(last(&within)).unwrap_or_else(|| {
        // No letter is left alone.
        let alone = text[longest..].graphemes(true).nth(1).is_none();
        let before = text[..longest].grapheme_indices(true).next_back();
        match before.filter(|(at, _)| alone && *at > 0) {
            Some((at, _)) => at,
            None => longest,
        }
    })
}

/// `text` as XML or HTML may hold it. Characters that XML forbids, and those that would turn the words around them
/// about, become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                || matches!(c, '\u{fffe}' | '\u{ffff}') =>
            {
                escaped.push('\u{fffd}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A number with `decimals` places and a real minus sign; zero has none.
pub fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(positive) if positive.chars().all(|c| matches!(c, '0' | '.')) => positive.to_owned(),
        Some(positive) => format!("−{positive}"),
        None => text,
    }
}

/// A fraction in percent without the sign: `0.7834` is `78.3`.
pub(super) fn percent(fraction: f64) -> String {
    decimal(100.0 * fraction, 1)
}

/// What guessing would reach: `0.2` is `chance 20 %`.
pub(super) fn chance_label(fraction: f64) -> String {
    let figure = percent(fraction);
    format!("chance {} %", figure.strip_suffix(".0").unwrap_or(&figure))
}
