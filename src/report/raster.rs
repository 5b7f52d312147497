//! A picture of pixels with text, written as an indexed PNG: one byte a pixel, a third of the file that RGB would be.

use ab_glyph::{Font, OutlinedGlyph, point};

use super::ReportError;
use super::canvas::Anchor;
use super::colormap::{Colormap, LEVELS};
use super::style::{FONT, text_width};

/// Greys from ink to white follow the colours of the values in the palette.
const GREYS: usize = 256 - LEVELS;

/// Red, green and blue of ink and of the ground.
pub(super) type Greys = [[f32; 3]; 2];
/// Of a print.
pub(super) const LIGHT: Greys = [[28.0; 3], [255.0; 3]];
/// Of a page in dark mode.
pub(super) const DARK: Greys = [[232.0, 234.0, 237.0], [22.0, 25.0, 29.0]];

/// A colour of the palette: a level of the colour map, or a grey.
pub(super) type Index = u8;

/// The grey that covers white with `coverage` (0 to 1) of ink.
pub(super) fn grey(coverage: f32) -> Index {
    let steps = (GREYS - 1) as f32;
    (LEVELS as f32 + steps * (1.0 - coverage.clamp(0.0, 1.0))).round() as Index
}

/// The pixels.
pub(super) struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<Index>,
}

impl Raster {
    /// A white one.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![grey(0.0); width * height],
        }
    }

    /// Sets one pixel; nothing outside the picture.
    pub(super) fn set(&mut self, x: i64, y: i64, index: Index) {
        if (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y) {
            self.pixels[y as usize * self.width + x as usize] = index;
        }
    }

    /// Fills a rectangle.
    pub(super) fn rect(&mut self, x: i64, y: i64, width: i64, height: i64, index: Index) {
        for row in y..y + height {
            for column in x..x + width {
                self.set(column, row, index);
            }
        }
    }

    /// Sets a text of `size` pixels an em on white ground with its baseline from (x, y), rightwards or upwards.
    pub(super) fn text(
        &mut self,
        (x, y): (f64, f64),
        anchor: Anchor,
        size: f64,
        upwards: bool,
        text: &str,
    ) {
        let units = FONT.units_per_em().unwrap_or(1000.0);
        let scale = size as f32 * FONT.height_unscaled() / units;
        let mut pen = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -0.5 * text_width(text, size),
            Anchor::End => -text_width(text, size),
        };
        // The fraction is kept, so that letters stand at even distances.
        let (column, row) = (x.floor(), y.floor());
        for c in text.chars() {
            let origin = point((pen + x - column) as f32, (y - row) as f32);
            let glyph = FONT.glyph_id(c).with_scale_and_position(scale, origin);
            if let Some(outline) = FONT.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                let (left, top) = (bounds.min.x as i64, bounds.min.y as i64);
                outline.draw(|dx, dy, coverage| {
                    let (along, across) = (left + i64::from(dx), top + i64::from(dy));
                    let (dx, dy) = if upwards {
                        (across, -along)
                    } else {
                        (along, across)
                    };
                    self.ink(column as i64 + dx, row as i64 + dy, coverage);
                });
            }
            pen += text_width(c.encode_utf8(&mut [0; 4]), size);
        }
    }

    /// Sets outlines on white ground where they stand.
    pub(super) fn outlines(&mut self, outlines: &[OutlinedGlyph]) {
        for outline in outlines {
            let bounds = outline.px_bounds();
            let (left, top) = (bounds.min.x as i64, bounds.min.y as i64);
            outline.draw(|dx, dy, coverage| {
                self.ink(left + i64::from(dx), top + i64::from(dy), coverage);
            });
        }
    }

    /// Darkens a pixel of white ground; letters that touch keep the darker value.
    fn ink(&mut self, x: i64, y: i64, coverage: f32) {
        if (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y) {
            let pixel = &mut self.pixels[y as usize * self.width + x as usize];
            *pixel = (*pixel).min(grey(coverage));
        }
    }

    /// The picture as PNG, its greys from the ink to the ground.
    pub(super) fn png(
        &self,
        colormap: Colormap,
        [ink, ground]: Greys,
    ) -> Result<Vec<u8>, ReportError> {
        let mut palette: Vec<u8> = colormap.colours().into_flattened();
        for step in 0..GREYS {
            let part = step as f32 / (GREYS - 1) as f32;
            let mixed = ink.iter().zip(ground).map(|(a, b)| a + (b - a) * part);
            palette.extend(mixed.map(|value| value.round() as u8));
        }
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(palette);
        // Bands are several pixels high: rows repeat.
        encoder.set_filter(png::Filter::Up);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}
