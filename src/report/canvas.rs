//! An SVG that is being drawn.

use std::fmt::Write;

use super::style::{
    CARD, Colour, FONT_FAMILY, INK, Marker, RULE, SOFT, escape, fit, font_faces, text_width,
};

/// A finished picture. It follows light and dark mode, and stands alone or goes into a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg {
    pub(super) text: String,
    /// Its natural width in pixels.
    pub(super) width: u32,
}

impl Svg {
    /// The `<svg>` element, for a page that brings the font Inter or does without.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The picture as a file that looks the same everywhere: it carries its font, 50 kB.
    pub fn standalone(&self) -> String {
        self.text
            .replacen("<style>", &format!("<style>{}", font_faces()), 1)
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
    pub fn new(colour: Colour, width: f64) -> Self {
        Self {
            colour,
            width,
            opacity: 1.0,
            dashes: "",
        }
    }

    pub fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    pub fn dashed(self) -> Self {
        Self {
            dashes: "4 3",
            ..self
        }
    }

    pub fn dotted(self) -> Self {
        Self {
            dashes: "0 3",
            ..self
        }
    }
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    colour: Colour,
    pub size: f64,
    bold: bool,
}

impl Font {
    pub fn new(colour: Colour, size: f64) -> Self {
        Self {
            colour,
            size,
            bold: false,
        }
    }

    pub fn bold(self) -> Self {
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
/// Space around every picture.
pub(super) const PADDING: f64 = 16.0;
/// Width of most pictures.
pub(super) const WIDTH: f64 = 720.0;

/// Where a picture begins below its title.
pub(super) fn top(title: Option<&str>) -> f64 {
    PADDING + if title.is_some() { 34.0 } else { 0.0 }
}

/// Width to keep free for a text. Semi-bold letters, and those of the font that stands in where a picture is looked at
/// alone, are wider than the ones measured.
pub(super) fn room(text: &str, size: f64) -> f64 {
    SLACK * text_width(text, size)
}

/// `text`, or as much of it as surely fits into `width` pixels and an ellipsis.
pub(super) fn shorten(text: &str, size: f64, width: f64) -> String {
    fit(text, SLACK * size, width)
}

/// A name in a legend, and what draws its sign around a point.
pub(super) type LegendEntry<'a> = (&'a str, &'a dyn Fn(&mut Canvas, f64, f64));

/// The picture in the making. Coordinates are pixels from the upper left corner.
pub(super) struct Canvas {
    pub width: f64,
    pub height: f64,
    body: String,
    colours: Vec<Colour>,
}

impl Canvas {
    pub fn new(width: f64, height: f64) -> Self {
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
    pub fn title(&mut self, title: Option<&str>) {
        if let Some(title) = title {
            let title = shorten(title, heading().size, self.width - 2.0 * PADDING);
            self.text(PADDING, PADDING + 14.0, Anchor::Start, heading(), &title);
        }
    }

    /// Everything that `draw` draws answers a pointer with `tip`.
    pub fn tipped(&mut self, tip: &str, draw: impl FnOnce(&mut Self)) {
        self.write(format_args!("<g><title>{}</title>", escape(tip)));
        draw(self);
        self.write(format_args!("</g>\n"));
    }

    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: Colour, opacity: f64) {
        self.note(fill);
        let (name, opacity) = (fill.name, opaque(opacity));
        let (x, y, width, height) = (n(x), n(y), n(width.max(0.0)), n(height.max(0.0)));
        self.write(format_args!(
            "<rect class=\"f-{name}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{opacity}/>\n"
        ));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.path(&[from, to], stroke);
    }

    /// A line through the points, broken where one is not finite; a point alone becomes a dot.
    pub fn path(&mut self, points: &[(f64, f64)], stroke: Stroke) {
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
    pub fn polygon(&mut self, points: &[(f64, f64)], fill: Colour, opacity: f64) {
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

    pub fn circle(&mut self, (x, y): (f64, f64), radius: f64, fill: Colour, opacity: f64) {
        self.note(fill);
        let (name, x, y, r) = (fill.name, n(x), n(y), n(radius));
        let opacity = opaque(opacity);
        self.write(format_args!(
            "<circle class=\"f-{name}\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"{opacity}/>\n"
        ));
    }

    /// A mark of about the area of a circle of that radius.
    pub fn marker(
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
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
        self.text_at(x, y, anchor, font, text, "");
    }

    /// A text whose capitals are centred on `y`.
    pub fn text_centred(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
        self.text(x, y + 0.36 * font.size, anchor, font, text);
    }

    /// A text that reads upwards, centred on `x`.
    pub fn text_upwards(&mut self, x: f64, y: f64, anchor: Anchor, font: Font, text: &str) {
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

    /// A legend in one row, left-aligned at `x` and centred on `y`.
    pub fn legend(&mut self, mut x: f64, y: f64, entries: &[LegendEntry]) {
        for (name, draw) in entries {
            draw(self, x + 11.0, y);
            self.text_centred(x + 28.0, y, Anchor::Start, small(), name);
            x += 28.0 + room(name, small().size) + 20.0;
        }
    }

    /// A horizontal grid line.
    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line(from, to, Stroke::new(RULE, 1.0));
    }

    /// Closes the picture. `name` is read out to those who cannot see it.
    pub fn finish(self, name: &str) -> Svg {
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
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"gk\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" font-family=\"{FONT_FAMILY}\" role=\"img\" aria-label=\"{}\">\n\
             <style>{style}</style>\n{}</svg>\n",
            escape(name),
            self.body
        );
        Svg {
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
