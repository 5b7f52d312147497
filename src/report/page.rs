//! One HTML file that holds a whole report.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::canvas::Drawing;
use super::explain::HeardPicture;
use super::spectrogram::Looks;
use super::style::{escape, font_faces};
use super::{ReportError, Spectrogram, Svg};

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    heading: &'a str,
    number: bool,
}

impl<'a> Column<'a> {
    /// Words, set from the left.
    pub const fn text(heading: &'a str) -> Self {
        Self {
            heading,
            number: false,
        }
    }

    /// Figures, set to the right.
    pub const fn number(heading: &'a str) -> Self {
        Self {
            heading,
            number: true,
        }
    }
}

/// A figure that the report is about, set large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headline<'a> {
    /// The figure with its unit.
    pub value: &'a str,
    /// What it is.
    pub name: &'a str,
    /// Its interval, or what it compares with.
    pub note: &'a str,
}

/// Where the sound of a player comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound<'a> {
    /// Carried in the page: the file's bytes and its media type, such as "audio/ogg".
    Embedded(&'a [u8], &'a str),
    /// A file beside the page, by its relative path with `/` between folders.
    Linked(&'a str),
}

/// A report in the making. Everything goes below what is there; all text is escaped.
///
/// The page needs no script, no network and no other file (but for linked sound); it follows light and dark mode, fits
/// a phone and prints.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// A page with a title and a paragraph that says what was found.
    pub fn new(title: &str, lead: &str) -> Self {
        let body = format!(
            "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
            escape(title),
            escape(lead)
        );
        Self {
            title: title.to_owned(),
            body,
        }
    }

    /// Begins a section.
    pub fn section(&mut self, heading: &str) -> &mut Self {
        self.push(&format!("<h2>{}</h2>\n", escape(heading)))
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.push(&format!("<p>{}</p>\n", escape(text)))
    }

    /// A remark that a reader must not miss, such as a limit of a figure; written as a sentence.
    pub fn note(&mut self, text: &str) -> &mut Self {
        let mut letters = text.chars();
        let first = letters.next().map(char::to_uppercase);
        let sentence: String = first.into_iter().flatten().chain(letters).collect();
        let end = match text.ends_with(char::is_alphanumeric) {
            true => ".",
            false => "",
        };
        let sentence = escape(&sentence);
        self.push(&format!("<p class=\"note\">{sentence}{end}</p>\n"))
    }

    /// Commands or settings, as typed.
    pub fn code(&mut self, text: &str) -> &mut Self {
        self.push(&format!("<pre>{}</pre>\n", escape(text)))
    }

    /// The figures that the report is about, side by side.
    pub fn headlines(&mut self, headlines: &[Headline]) -> &mut Self {
        self.push("<div class=\"headlines\">\n");
        for Headline { value, name, note } in headlines {
            let [value, name, note] = [value, name, note].map(|text| escape(text));
            self.push(&format!(
                "<div><b>{value}</b><span>{name}</span><small>{note}</small></div>\n"
            ));
        }
        self.push("</div>\n")
    }

    /// A table. Rows may be shorter than the columns; further cells are words.
    pub fn table<S: AsRef<str>>(
        &mut self,
        columns: &[Column],
        rows: &[Vec<S>],
        caption: &str,
    ) -> &mut Self {
        let class = |column: usize| match columns.get(column) {
            Some(Column { number: true, .. }) => " class=\"number\"",
            _ => "",
        };
        let mut html = String::from("<figure><div class=\"table\"><table>\n<thead><tr>");
        for (index, column) in columns.iter().enumerate() {
            let _ = write!(
                html,
                "<th scope=\"col\"{}>{}</th>",
                class(index),
                escape(column.heading)
            );
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            html.push_str("<tr>");
            for index in 0..columns.len().max(row.len()) {
                let cell = row.get(index).map_or("", AsRef::as_ref);
                let _ = write!(html, "<td{}>{}</td>", class(index), escape(cell));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>");
        self.push(&html).caption(caption)
    }

    /// A drawn picture. The page shows the layout that suits its width.
    pub fn figure(&mut self, svg: &Svg, caption: &str) -> &mut Self {
        // Wider than the text beside it is read in.
        let broad = if svg.wide.width > 760 { " broad" } else { "" };
        self.push(&format!("<figure><div class=\"picture{broad}\">"));
        for (class, Drawing { text, width }) in [("wide", &svg.wide), ("narrow", &svg.narrow)] {
            let style = format!("<svg style=\"--width:{width}px\" class=\"{class} gk\"");
            self.push(&text.replacen("<svg class=\"gk\"", &style, 1));
        }
        self.push("</div>").caption(caption)
    }

    /// A spectrogram with a description for those who cannot see it. The page shows what suits its width and mode.
    ///
    /// # Errors
    /// [`ReportError`], as [`spectrogram_png`](super::spectrogram_png).
    pub fn spectrogram(
        &mut self,
        spectrogram: &Spectrogram,
        description: &str,
        caption: &str,
    ) -> Result<&mut Self, ReportError> {
        let looks = Looks::new(spectrogram)?;
        Ok(self.looks(&looks, description, caption))
    }

    /// What a network heard, with a description for those who cannot see it.
    ///
    /// # Errors
    /// [`ReportError`] where there is nothing to draw, or its parts do not fit together.
    pub fn heard(
        &mut self,
        heard: &HeardPicture,
        description: &str,
        caption: &str,
    ) -> Result<&mut Self, ReportError> {
        let looks = heard.looks()?;
        Ok(self.looks(&looks, description, caption))
    }

    fn looks(&mut self, looks: &Looks, description: &str, caption: &str) -> &mut Self {
        const DARK: &str = "screen and (prefers-color-scheme:dark)";
        // As wide as in page.css.
        const PHONE: &str = "screen and (max-width:39.9rem)";
        let Looks { wide, narrow } = looks;
        let data = |png: &[u8]| format!("data:image/png;base64,{}", STANDARD.encode(png));
        self.push("<figure><div class=\"picture\"><picture>");
        for (media, png) in [
            (
                format!("{PHONE} and (prefers-color-scheme:dark)"),
                &narrow[1],
            ),
            (PHONE.to_owned(), &narrow[0]),
            (DARK.to_owned(), &wide[1]),
        ] {
            let data = data(png);
            self.push(&format!("<source media=\"{media}\" srcset=\"{data}\"/>"));
        }
        let (data, description) = (data(&wide[0]), escape(description));
        self.push(&format!(
            "<img alt=\"{description}\" src=\"{data}\"/></picture></div>"
        ));
        self.caption(caption)
    }

    /// A player.
    pub fn sound(&mut self, sound: &Sound, caption: &str) -> &mut Self {
        let source = match sound {
            Sound::Embedded(bytes, media_type) => {
                format!(
                    "data:{};base64,{}",
                    escape(media_type),
                    STANDARD.encode(bytes)
                )
            }
            Sound::Linked(path) => url_path(path),
        };
        self.push(&format!(
            "<figure><audio controls=\"controls\" preload=\"metadata\" src=\"{source}\"></audio>"
        ))
        .caption(caption)
    }

    /// The whole document.
    pub fn html(&self) -> String {
        let fonts = font_faces();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <title>{}</title>\n<style>\n{fonts}{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
            escape(&self.title),
            include_str!("page.css"),
            self.body
        )
    }

    /// HTML as it stands.
    pub(super) fn push(&mut self, html: &str) -> &mut Self {
        self.body.push_str(html);
        self
    }

    fn caption(&mut self, caption: &str) -> &mut Self {
        if !caption.is_empty() {
            self.push(&format!("<figcaption>{}</figcaption>", escape(caption)));
        }
        self.push("</figure>\n")
    }
}

/// A relative path as a URL: what is not plainly a letter, digit or one of `-._~/` is percent-encoded; `./` keeps a colon
/// in the first folder from looking like a scheme.
fn url_path(path: &str) -> String {
    path.bytes().fold(String::from("./"), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            url.push(byte.into());
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}
