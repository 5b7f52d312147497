//! An SVG that is being drawn.

use std::fmt::Write;

use super::ReportError;
use super::lettering::{Font, LEADING, heading, label, lines_height, lines_of, room, small};
use super::style::{CARD, Colour, FONT_FAMILY, Marker, RULE, escape, font_faces};

/// A finished picture. It follows light and dark mode, and stands alone or goes into a page. It is laid out twice: for
/// a wide page, and for a phone, whose words would be too small to read were the wide layout shrunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg {
    pub(super) wide: Drawing,
    pub(super) narrow: Drawing,
}

/// One layout of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawing {
    pub text: String,
    /// Its natural width in pixels.
    pub width: u32,
}

impl Svg {
    /// Lays a picture out by a function of the width to keep to.
    pub(super) fn drawn(
        draw: impl Fn(f64) -> Result<Drawing, ReportError>,
    ) -> Result<Self, ReportError> {
        Ok(Self {
            wide: draw(WIDTH)?,
            narrow: draw(NARROW)?,
        })
    }

    /// The `<svg>` element of the wide layout, for a page that brings the font Inter or does without.
    pub fn as_str(&self) -> &str {
        &self.wide.text
    }

    /// The wide layout as a file that looks the same everywhere: it carries its font, 50 kB.
    pub fn standalone(&self) -> String {
        let style = format!("<style>{}", font_faces());
        self.wide.text.replacen("<style>", &style, 1)
    }
}

/// Where a text stands relative to its x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    colour: Colour,
    width: f64,
    opacity: f64,
    /// Lengths of dashes and gaps; empty for an unbroken line.
    dashes: &'static str,
}

impl Stroke {
    pub(super) fn new(colour: Colour, width: f64) -> Self {
        Self {
            colour,
            width,
            opacity: 1.0,
            dashes: "",
        }
    }

    pub(super) fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    pub(super) fn dashed(self) -> Self {
        Self {
            dashes: "4 3",
            ..self
        }
    }

    pub(super) fn dotted(self) -> Self {
        Self {
            dashes: "0 3",
            ..self
        }
    }
}

/// Space around every picture.
pub(super) const PADDING: f64 = 16.0;
/// Width of most pictures.
pub(super) const WIDTH: f64 = 720.0;
/// Width of most pictures on a phone.
pub(super) const NARROW: f64 = 360.0;
/// Between rows of a legend.
const LEGEND_ROW: f64 = 20.0;

/// Where a picture begins below its title.
pub(super) fn top(title: Option<&str>, width: f64) -> f64 {
    let lines = title_lines(title, width).len() as f64;
    PADDING
        + if lines > 0.0 {
            14.0 + 20.0 * lines
        } else {
            0.0
        }
}

fn title_lines(title: Option<&str>, width: f64) -> Vec<String> {
    title.map_or(Vec::new(), |title| {
        lines_of(title, heading().size, width - 2.0 * PADDING)
    })
}

/// A column of names, each over as many lines as it needs.
pub(super) struct Names {
    pub width: f64,
    pub lines: Vec<Vec<String>>,
}

impl Names {
    /// As wide as the widest name, but within `least` and `most` pixels.
    pub(super) fn new<'a>(
        names: impl Iterator<Item = &'a str> + Clone,
        least: f64,
        most: f64,
    ) -> Self {
        let size = label().size;
        let widest = names.clone().map(|name| room(name, size));
        let width = widest.fold(least, f64::max).min(most);
        let lines = names.map(|name| lines_of(name, size, width)).collect();
        Self { width, lines }
    }

    /// Height of a name.
    pub(super) fn height(&self, index: usize) -> f64 {
        lines_height(&self.lines[index], label().size)
    }
}

/// What draws a sign around a point.
pub(super) type Sign<'a> = &'a dyn Fn(&mut Canvas, f64, f64);

/// A name in a legend, and its sign.
pub(super) type LegendEntry<'a> = (&'a str, Sign<'a>);

/// The entries of a legend, beside each other as far as there is room, then below.
pub(super) struct Legend<'a> {
    entries: Vec<(f64, f64, Vec<String>, Sign<'a>)>,
    /// From the middle of the first row to that of the last.
    pub height: f64,
}

impl<'a> Legend<'a> {
    pub(super) fn new(entries: &[LegendEntry<'a>], width: f64) -> Self {
        const SIGN: f64 = 28.0;
        let size = small().size;
        let (mut x, mut y, mut below) = (0.0, 0.0, 0.0);
        let mut placed = Vec::new();
        for &(name, sign) in entries {
            let lines = lines_of(name, size, width - SIGN);
            let widths = lines.iter().map(|line| room(line, size));
            let own = SIGN + widths.fold(0.0, f64::max);
            if x > 0.0 && x + own > width {
                (x, y) = (0.0, y + below + LEGEND_ROW);
                below = 0.0;
            }
            below = f64::max(below, lines_height(&lines[1..], size));
            placed.push((x, y, lines, sign));
            x += own + 20.0;
        }
        Self {
            entries: placed,
            height: y + below,
        }
    }
}

/// The picture in the making. Coordinates are pixels from the upper left corner.
pub(super) struct Canvas {
    pub width: f64,
    pub height: f64,
    body: String,
    colours: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut canvas = Self {
            width,
            height,
            body: String::new(),
            colours: Vec::new(),
        };
        canvas.rect(0.0, 0.0, width, height, CARD, 1.0);
        canvas
    }

    /// Writes the title, if there is one, above [`top`].
    pub(super) fn title(&mut self, title: Option<&str>) {
        let lines = title_lines(title, self.width);
        for (index, line) in lines.iter().enumerate() {
            let y = PADDING + 14.0 + 20.0 * index as f64;
            self.text(PADDING, y, Anchor::Start, heading(), line);
        }
    }

    /// Everything that `draw` draws answers a pointer with `tip`.
    pub(super) fn tipped(&mut self, tip: &str, draw: impl FnOnce(&mut Self)) {
        self.write(format_args!("<g><title>{}</title>", escape(tip)));
        draw(self);
        self.write(format_args!("</g>\n"));
    }

    pub(super) fn rect(
        &mut self,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        fill: Colour,
        opacity: f64,
    ) {
        self.note(fill);
        let (name, opacity) = (fill.name, opaque(opacity));
        let (x, y, width, height) = (n(x), n(y), n(width.max(0.0)), n(height.max(0.0)));
        self.write(format_args!(
            "<rect class=\"f-{name}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{opacity}/>\n"
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.path(&[from, to], stroke);
    }

    /// A line through the points, broken where one is not finite; a point alone becomes a dot.
    pub(super) fn path(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let mut d = String::new();
        for run in points
            .split(|point| !finite(point))
            .filter(|run| !run.is_empty())
        {
            let mut step = 'M';
            for (x, y) in run {
                d.push(step);
                d.push_str(&format!("{} {}", n(*x), n(*y)));
                step = 'L';
            }
            if run.len() == 1 {
                d.push_str("h0");
            }
        }
        if d.is_empty() {
            return;
        }
        self.note(stroke.colour);
        let (name, width, opacity) = (stroke.colour.name, n(stroke.width), opaque(stroke.opacity));
        let dash = match stroke.dashes {
            "" => String::new(),
            dashes => format!(" stroke-dasharray=\"{dashes}\""),
        };
        self.write(format_args!(
            "<path class=\"s-{name}\" d=\"{d}\" stroke-width=\"{width}\"{dash}{opacity}/>\n"
        ));
    }

    /// A filled outline.
    pub(super) fn polygon(&mut self, points: &[(f64, f64)], fill: Colour, opacity: f64) {
        self.note(fill);
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", n(*x), n(*y)))
            .collect();
        let (name, points, opacity) = (fill.name, points.join(" "), opaque(opacity));
        self.write(format_args!(
            "<polygon class=\"f-{name}\" points=\"{points}\"{opacity}/>\n"
        ));
    }

    pub(super) fn circle(&mut self, (x, y): (f64, f64), radius: f64, fill: Colour, opacity: f64) {
        self.note(fill);
        let (name, x, y, r) = (fill.name, n(x), n(y), n(radius));
        let opacity = opaque(opacity);
        self.write(format_args!(
            "<circle class=\"f-{name}\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"{opacity}/>\n"
        ));
    }

    /// A mark of about the area of a circle of that radius.
    pub(super) fn marker(
        &mut self,
        marker: Marker,
        (x, y): (f64, f64),
        radius: f64,
        fill: Colour,
        opacity: f64,
    ) {
        let corners: &[(f64, f64)] = match marker {
            Marker::Circle => return self.circle((x, y), radius, fill, opacity),
            Marker::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Marker::Triangle => &[(0.0, -1.25), (1.2, 0.9), (-1.2, 0.9)],
            Marker::Nabla => &[(0.0, 1.25), (1.2, -0.9), (-1.2, -0.9)],
            Marker::Diamond => &[(0.0, -1.3), (1.2, 0.0), (0.0, 1.3), (-1.2, 0.0)],
        };
        let corners: Vec<_> = corners
            .iter()
            .map(|(dx, dy)| (x + dx * radius, y + dy * radius))
            .collect();
        self.polygon(&corners, fill, opacity);
    }

    /// A text on the baseline `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
        self.text_at(x, y, anchor, font, text, "");
    }

    /// A text whose capitals are centred on `y`.
    pub(super) fn text_centred(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
        self.text(x, y + 0.36 * font.size, anchor, font, text);
    }

    /// A text of several lines that together are centred on `y`.
    pub(super) fn lines_centred(
        &mut self,
        x: f64,
        y: f64,
        anchor: Anchor,
        font: Font,
        lines: &[String],
    ) {
        let first = y - (lines.len() as f64 - 1.0) / 2.0 * LEADING * font.size;
        for (index, line) in lines.iter().enumerate() {
            let y = first + index as f64 * LEADING * font.size;
            self.text_centred(x, y, anchor, font, line);
        }
    }

    /// A text of several lines, the last of them on the baseline `y`.
    pub(super) fn lines_above(&mut self, x: f64, y: f64, font: Font, lines: &[String]) {
        for (index, line) in lines.iter().rev().enumerate() {
            let y = y - index as f64 * LEADING * font.size;
            self.text(x, y, Anchor::Start, font, line);
        }
    }

    /// A text that reads upwards, centred on `x`.
    pub(super) fn text_upwards(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
        let (x, y) = (x + 0.36 * font.size, y);
        let turn = format!(" transform=\"rotate(-90 {} {})\"", n(x), n(y));
        self.text_at(x, y, anchor, font, text, &turn);
    }

    fn text_at(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str, more: &str) {
        self.note(font.colour);
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let bold = if font.bold {
            " font-weight=\"600\""
        } else {
            ""
        };
        let (name, x, y, size, text) = (font.colour.name, n(x), n(y), n(font.size), escape(text));
        self.write(format_args!(
            "<text class=\"f-{name}\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{bold}{more}>{text}</text>\n"
        ));
    }

    /// A text of several lines that reads upwards, together centred on `x`.
    pub(super) fn lines_upwards(
        &mut self,
        x: f64,
        y: f64,
        anchor: Anchor,
        font: Font,
        lines: &[String],
    ) {
        let first = x - (lines.len() as f64 - 1.0) / 2.0 * LEADING * font.size;
        for (index, line) in lines.iter().enumerate() {
            let x = first + index as f64 * LEADING * font.size;
            self.text_upwards(x, y, anchor, font, line);
        }
    }

    /// A legend, left-aligned at `x`, its first row centred on `y`.
    pub(super) fn legend(&mut self, x: f64, y: f64, legend: &Legend) {
        for (right, down, lines, sign) in &legend.entries {
            let (x, y) = (x + right, y + down);
            sign(self, x + 11.0, y);
            for (index, line) in lines.iter().enumerate() {
                let y = y + index as f64 * LEADING * small().size;
                self.text_centred(x + 28.0, y, Anchor::Start, small(), line);
            }
        }
    }

    /// A horizontal grid line.
    pub(super) fn rule(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line(from, to, Stroke::new(RULE, 1.0));
    }

    /// Closes the picture. `name` is read out to those who cannot see it.
    pub(super) fn finish(self, name: &str) -> Drawing {
        let mut style = String::new();
        let rules = |hex: fn(&Colour) -> &'static str| {
            self.colours
                .iter()
                .fold(String::new(), |mut rules, colour| {
                    let (name, hex) = (colour.name, hex(colour));
                    let _ = write!(
                        rules,
                        ".gk .f-{name}{{fill:{hex}}}.gk .s-{name}{{stroke:{hex}}}"
                    );
                    rules
                })
        };
        let (light, dark) = (rules(|c| c.light), rules(|c| c.dark));
        let _ = write!(
            style,
            ".gk path{{fill:none;stroke-linejoin:round;stroke-linecap:round}}{light}\
             @media screen and (prefers-color-scheme:dark){{{dark}}}"
        );
        let (w, h) = (n(self.width), n(self.height));
        let text = format!(
            "<svg class=\"gk\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" font-family=\"{FONT_FAMILY}\" role=\"img\" aria-label=\"{}\">\n\
             <style>{style}</style>\n{}</svg>\n",
            escape(name),
            self.body
        );
        Drawing {
            text,
            width: self.width.ceil() as u32,
        }
    }

    fn note(&mut self, colour: Colour) {
        if !self.colours.contains(&colour) {
            self.colours.push(colour);
        }
    }

    fn write(&mut self, what: std::fmt::Arguments) {
        // A String takes all that is written.
        let _ = self.body.write_fmt(what);
    }
}

/// A coordinate, to a tenth of a pixel.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0").unwrap_or(&text) {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

/// An opacity, left out at 1.
fn opaque(opacity: f64) -> String {
    if opacity == 1.0 {
        String::new()
    } else {
        format!(" opacity=\"{opacity:.2}\"")
    }
}
