//! Words of any script as outlines: in the embedded font, and in the machine's fonts where that one lacks letters.

use std::cell::LazyCell;

use ab_glyph::{Font, FontRef, Glyph, GlyphId, OutlinedGlyph, point};
use fontdb::{Database, Style};
use rustybuzz::{Direction, Face, UnicodeBuffer};
use unicode_bidi::BidiInfo;
use unicode_segmentation::UnicodeSegmentation;

use super::style::EMBEDDED;

/// No more characters of a title are looked at.
const MOST: usize = 300;

/// Words that can be drawn.
pub(super) struct Words {
    fonts: Vec<Loaded>,
    /// Each of one font and direction, from left to right.
    runs: Vec<Run>,
    /// Font size, pixels an em.
    size: f64,
}

/// A font file and which of its faces.
struct Loaded {
    data: Vec<u8>,
    face: u32,
}

struct Run {
    font: usize,
    /// Each with its place on the baseline, in pixels.
    glyphs: Vec<(GlyphId, f64, f64)>,
    width: f64,
}

impl Words {
    /// `text`, or its beginning and an ellipsis where it is wider than `width` pixels. None if there is no font for one
    /// of its letters; other signs, such as emoji, are left out then. `database` lists the machine's fonts if need be.
    pub(super) fn new(
        text: &str,
        size: f64,
        width: f64,
        database: impl FnOnce() -> Database,
    ) -> Option<Self> {
        let database = LazyCell::new(database);
        let text = text.replace(char::is_control, " ");
        let mut fonts = vec![Loaded {
            data: EMBEDDED.to_vec(),
            face: 0,
        }];
        let mut characters: Vec<(&str, usize)> = Vec::new();
        for character in text.graphemes(true).take(MOST) {
            match font_of(character, &mut fonts, &database) {
                Some(font) => characters.push((character, font)),
                None if character.chars().any(char::is_alphanumeric) => return None,
                None => {}
            }
        }
        let mut words = Self {
            runs: shape(&characters, &fonts, size)?,
            fonts,
            size,
        };
        while words.width() > width && !characters.is_empty() {
            characters.retain(|(character, _)| *character != "…");
            characters.pop();
            characters.push(("…", 0));
            words.runs = shape(&characters, &words.fonts, size)?;
            if characters.len() == 1 {
                break;
            }
        }
        Some(words)
    }

    fn width(&self) -> f64 {
        self.runs.iter().map(|run| run.width).sum()
    }

    /// Their outlines on a baseline that begins at (x, y).
    pub(super) fn outlines(&self, (x, y): (f64, f64)) -> Vec<OutlinedGlyph> {
        let mut outlines = Vec::new();
        let mut start = x;
        for run in &self.runs {
            let Some(font) = self.fonts[run.font].outlines() else {
                continue;
            };
            let units = font.units_per_em().unwrap_or(1000.0);
            let scale = self.size as f32 * font.height_unscaled() / units;
            for &(id, right, up) in &run.glyphs {
                let at = point((start + right) as f32, (y - up) as f32);
                let glyph: Glyph = id.with_scale_and_position(scale, at);
                outlines.extend(font.outline_glyph(glyph));
            }
            start += run.width;
        }
        outlines
    }
}

impl Loaded {
    fn outlines(&self) -> Option<FontRef<'_>> {
        FontRef::try_from_slice_and_index(&self.data, self.face).ok()
    }

    /// Whether the font draws all of a character: its signs that show, but those that only join or vary others.
    fn draws(&self, character: &str) -> bool {
        self.outlines().is_some_and(|font| draws(&font, character))
    }
}

fn draws(font: &FontRef, character: &str) -> bool {
    character.chars().enumerate().all(|(index, c)| {
        let joins = matches!(c, '\u{200c}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}');
        let id = font.glyph_id(c);
        let shown = index > 0 || c.is_whitespace() || font.outline(id).is_some();
        joins || (id != GlyphId(0) && shown)
    })
}

/// The font for a character, among those loaded or, loaded then, among the machine's: upright and of regular weight
/// if there is such.
fn font_of(
    character: &str,
    fonts: &mut Vec<Loaded>,
    database: &LazyCell<Database, impl FnOnce() -> Database>,
) -> Option<usize> {
    if let Some(loaded) = fonts.iter().position(|font| font.draws(character)) {
        return Some(loaded);
    }
    let mut faces: Vec<_> = database.faces().collect();
    faces.sort_by_key(|face| {
        let sans = face.post_script_name.contains("Sans");
        let weight = face.weight.0.abs_diff(fontdb::Weight::NORMAL.0);
        (face.style != Style::Normal, weight, face.monospaced, !sans)
    });
    let found = faces.into_iter().find_map(|face| {
        database
            .with_face_data(face.id, |data, index| {
                let font = FontRef::try_from_slice_and_index(data, index).ok()?;
                draws(&font, character).then(|| Loaded {
                    data: data.to_vec(),
                    face: index,
                })
            })
            .flatten()
    });
    fonts.push(found?);
    Some(fonts.len() - 1)
}

/// The fonts of this machine.
pub(super) fn machine_fonts() -> Database {
    let mut database = Database::new();
    database.load_system_fonts();
    database
}

/// Characters with their fonts, in the order of reading, as runs from left to right.
fn shape(characters: &[(&str, usize)], fonts: &[Loaded], size: f64) -> Option<Vec<Run>> {
    let text: String = characters.iter().map(|(character, _)| *character).collect();
    let bidi = BidiInfo::new(&text, None);
    let Some(paragraph) = bidi.paragraphs.first() else {
        return Some(Vec::new());
    };
    let (levels, directions) = bidi.visual_runs(paragraph, paragraph.range.clone());
    let mut runs = Vec::new();
    for range in directions {
        let backwards = levels[range.start].is_rtl();
        // Parts of one font within a run of one direction.
        let mut parts: Vec<(usize, String)> = Vec::new();
        let mut at = 0;
        for &(character, font) in characters {
            if range.contains(&at) {
                match parts.last_mut().filter(|(last, _)| *last == font) {
                    Some((_, part)) => part.push_str(character),
                    None => parts.push((font, character.to_owned())),
                }
            }
            at += character.len();
        }
        if backwards {
            parts.reverse();
        }
        for (font, part) in parts {
            runs.push(shape_run(font, &part, backwards, &fonts[font], size)?);
        }
    }
    Some(runs)
}

fn shape_run(font: usize, text: &str, backwards: bool, loaded: &Loaded, size: f64) -> Option<Run> {
    let face = Face::from_slice(&loaded.data, loaded.face)?;
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.set_direction(match backwards {
        true => Direction::RightToLeft,
        false => Direction::LeftToRight,
    });
    buffer.guess_segment_properties();
    let shaped = rustybuzz::shape(&face, &[], buffer);
    let pixels = |units: i32| f64::from(units) * size / f64::from(face.units_per_em());
    let mut pen = 0;
    let glyphs = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
    let glyphs = glyphs
        .map(|(info, place)| {
            let (right, up) = (pixels(pen + place.x_offset), pixels(place.y_offset));
            pen += place.x_advance;
            // A font has at most 65,536 glyphs.
            let id = u16::try_from(info.glyph_id).unwrap_or(0);
            (GlyphId(id), right, up)
        })
        .collect();
    Some(Run {
        font,
        glyphs,
        width: pixels(pen),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: f64 = 30.0;

    fn without(text: &str) -> Option<Words> {
        Words::new(text, SIZE, 1000.0, Database::new)
    }

    /// Hebrew and Arabic letters.
    fn with(text: &str, width: f64) -> Option<Words> {
        Words::new(text, SIZE, width, || {
            let mut database = Database::new();
            let font = include_bytes!("../../tests/fixtures/fonts/dejavu-subset.ttf");
            database.load_font_data(font.to_vec());
            database
        })
    }

    fn glyphs(words: &Words) -> usize {
        words.runs.iter().map(|run| run.glyphs.len()).sum()
    }

    #[test]
    fn letters_without_a_font_are_not_drawn_as_boxes() {
        assert!(without("曲.wav").is_none());
        assert!(without("हिन्दुस्तानी").is_none());
        assert!(with("曲 שלום", 1000.0).is_none());
        let jazz = without(" jazz").unwrap();
        let without_emoji = without("🎷 jazz🎺").unwrap();
        assert_eq!(glyphs(&without_emoji), glyphs(&jazz));
        assert_eq!(jazz.outlines((0.0, 0.0)).len(), 4);
        let all = ["jazz.wav", "سلام.wav", "🎷", "a\u{301}\u{302}"];
        for words in all.iter().filter_map(|text| with(text, 1000.0)) {
            let none = |run: &Run| run.glyphs.iter().all(|(id, ..)| *id != GlyphId(0));
            assert!(words.runs.iter().all(none));
        }
    }

    #[test]
    fn other_scripts_take_another_font_in_their_own_direction_and_form() {
        let words = with("a שלום b", 1000.0).unwrap();
        let fonts: Vec<usize> = words.runs.iter().map(|run| run.font).collect();
        assert_eq!(
            fonts.iter().filter(|font| **font == 1).count(),
            1,
            "{fonts:?}"
        );
        // Read from the right: the first letter, shin, is the rightmost and the widest.
        let run = words.runs.iter().find(|run| run.font == 1).unwrap();
        let font = words.fonts[1].outlines().unwrap();
        assert_eq!(run.glyphs.last().unwrap().0, font.glyph_id('ש'));
        // Lam and alef become one sign, and letters that join are not those that stand alone.
        let joined = with("سلام", 1000.0).unwrap();
        assert_eq!(glyphs(&joined), 3);
        let alone = joined.fonts[1].outlines().unwrap().glyph_id('س');
        assert!(joined.runs[0].glyphs.iter().all(|(id, ..)| *id != alone));
    }

    #[test]
    fn words_keep_to_their_width_and_no_text_is_too_odd() {
        for text in [
            "",
            " ",
            "\u{1b}[31m\nred\0\u{85}",
            "\u{202e}jazz\u{202c}",
            "\u{301}",
            "a שלום b سلام c",
            &"שלום ".repeat(500),
            &"a\u{301}".repeat(10_000),
            &"w".repeat(10_000),
        ] {
            for width in [0.0, 20.0, 300.0] {
                let Some(words) = with(text, width) else {
                    continue;
                };
                let outlines = words.outlines((0.0, 0.0));
                let end = outlines.iter().map(|o| o.px_bounds().max.x);
                let end = end.fold(0.0, f32::max);
                assert!(
                    f64::from(end) <= width.max(SIZE) + 2.0,
                    "{text}: {end} > {width}"
                );
            }
        }
        let long = with(&"w".repeat(200), 300.0).unwrap();
        let whole = with("www", 300.0).unwrap();
        assert!(long.width() > 250.0 && glyphs(&whole) == 3);
    }
}
