//! Mel-spectrograms and MFCCs as one prints them in a paper.

use super::ReportError;
use super::letters::{Words, machine_fonts};
use super::raster::{DARK, Greys, LIGHT, Raster};
use super::spectrogram_axes::{Plot, RIGHT};
use super::spectrogram_range::{Rows, colour_range};

const PICTURE: &str = "spectrogram";
/// Width of the picture in pixels.
const WIDTH: usize = 1400;
/// And on a phone, whose pixels are half as many.
const NARROW: usize = 720;
/// Pixels left of, above (with a title) and below the values.
const LEFT: i64 = 128;
const TOP: i64 = 76;
const TOP_BARE: i64 = 28;
const BOTTOM: i64 = 92;
/// About how high the values stand: bands are a whole number of pixels.
const HEIGHT: usize = 540;
const NARROW_HEIGHT: usize = 400;
const TITLE: f64 = 30.0;

/// What [`spectrogram_png`] draws.
#[derive(Debug, Clone, Copy)]
pub struct Spectrogram<'a> {
    /// Frame by frame, each with all its rows, lowest first. Values that are not finite become gaps.
    pub values: &'a [f32],
    /// What the rows are, and how many.
    pub rows: Rows<'a>,
    /// Samples from frame to frame.
    pub hop_length: usize,
    /// Samples a second.
    pub sample_rate: u32,
    /// Written above, if given, and if [`has_letters`] of it.
    pub title: Option<&'a str>,
}

/// Draws a spectrogram, 1400 pixels wide. Recordings longer than that are averaged over time (power as power, dB as
/// dB); of more than 540 rows, neighbours are averaged too.
///
/// # Errors
/// [`ReportError`] where there is nothing to draw, or it makes no sense.
pub fn spectrogram_png(spectrogram: &Spectrogram) -> Result<Vec<u8>, ReportError> {
    draw(spectrogram, [WIDTH, HEIGHT], LIGHT)
}

/// A spectrogram for a page.
pub(super) struct Looks {
    /// As [`spectrogram_png`] draws it, and for dark mode.
    pub wide: [Vec<u8>; 2],
    /// The same for a phone.
    pub narrow: [Vec<u8>; 2],
}

impl Looks {
    pub(super) fn new(spectrogram: &Spectrogram) -> Result<Self, ReportError> {
        let both = |size| -> Result<_, ReportError> {
            Ok([
                draw(spectrogram, size, LIGHT)?,
                draw(spectrogram, size, DARK)?,
            ])
        };
        Ok(Self {
            wide: both([WIDTH, HEIGHT])?,
            narrow: both([NARROW, NARROW_HEIGHT])?,
        })
    }
}

fn draw(spectrogram: &Spectrogram, size: [usize; 2], greys: Greys) -> Result<Vec<u8>, ReportError> {
    let Spectrogram {
        values,
        rows,
        hop_length,
        sample_rate,
        title,
    } = *spectrogram;
    let frames = values.len().div_ceil(rows.len().max(1));
    let mut canvas = SpectrogramCanvas::of_size(rows, frames, hop_length, sample_rate, size)?;
    if frames * rows.len() != values.len() {
        return Err(ReportError::Shape {
            picture: PICTURE,
            what: format!("the last of {frames} frames"),
            found: values.len() % rows.len(),
            expected: rows.len(),
        });
    }
    canvas.push(values);
    canvas.drawn(title, greys)
}

/// A spectrogram whose frames come in pieces, as [`spectrogram_png`] draws it whole: what a long recording takes is the
/// memory of the picture.
#[derive(Debug)]
pub struct SpectrogramCanvas<'a> {
    rows: Rows<'a>,
    /// How many there will be.
    frames: usize,
    hop_length: usize,
    sample_rate: u32,
    /// How many there were.
    taken: usize,
    /// About how high the values stand.
    height: usize,
    /// Pixel columns, and rows that are told apart.
    size: (usize, usize),
    /// For each cell the values of its frames and rows, each times the time that it is in the cell, and the sum of these
    /// times: `[columns][rows]`.
    sums: Vec<f64>,
    weights: Vec<f64>,
}

impl<'a> SpectrogramCanvas<'a> {
    /// For `frames` frames of these rows, `hop_length` samples apart at `sample_rate` Hz.
    ///
    /// # Errors
    /// [`ReportError`] where there is nothing to draw, or it makes no sense.
    pub fn new(
        rows: Rows<'a>,
        frames: usize,
        hop_length: usize,
        sample_rate: u32,
    ) -> Result<Self, ReportError> {
        Self::of_size(rows, frames, hop_length, sample_rate, [WIDTH, HEIGHT])
    }

    fn of_size(
        rows: Rows<'a>,
        frames: usize,
        hop_length: usize,
        sample_rate: u32,
        [width, height]: [usize; 2],
    ) -> Result<Self, ReportError> {
        if rows.len() == 0 || frames == 0 {
            return Err(ReportError::Nothing {
                picture: PICTURE,
                what: "it has no frames",
            });
        }
        let invalid = |what: &str| ReportError::Invalid {
            picture: PICTURE,
            what: what.to_owned(),
        };
        if hop_length == 0 || sample_rate == 0 {
            return Err(invalid("hop length and sample rate must not be zero"));
        }
        if let Rows::Bands(centres, _) | Rows::Power(centres) = rows
            && !centres.is_sorted_by(|a, b| a < b)
        {
            return Err(invalid(
                "the centres of the bands are not ascending frequencies",
            ));
        }
        let size = (width - (LEFT + RIGHT) as usize, height.min(rows.len()));
        Ok(Self {
            rows,
            frames,
            hop_length,
            sample_rate,
            taken: 0,
            height,
            size,
            sums: vec![0.0; size.0 * size.1],
            weights: vec![0.0; size.0 * size.1],
        })
    }

    /// Takes the next frames, one by one, each with all its rows, lowest first; those beyond the number promised are not
    /// shown.
    pub fn push(&mut self, values: &[f32]) {
        let rows = self.rows.len();
        let (width, height) = self.size;
        // Frames in a column, a fraction if they are fewer than pixels.
        let step = self.frames as f64 / width as f64;
        for values in values.chunks_exact(rows) {
            let frame = self.taken;
            self.taken += 1;
            let first = (frame as f64 / step) as usize;
            let last = ((frame + 1) as f64 / step) as usize;
            // One to either side, for the division rounds.
            for x in first.saturating_sub(1)..(last + 2).min(width) {
                let (start, end) = (x as f64 * step, (x + 1) as f64 * step);
                let weight = end.min((frame + 1) as f64) - start.max(frame as f64);
                // A sliver left by rounding must not bring in a frame that the column does not show.
                if weight < 1e-9 * step {
                    continue;
                }
                let column = x * height..(x + 1) * height;
                let sums = &mut self.sums[column.clone()];
                let weights = &mut self.weights[column];
                for (row, value) in values.iter().enumerate() {
                    if value.is_finite() {
                        sums[row * height / rows] += weight * f64::from(*value);
                        weights[row * height / rows] += weight;
                    }
                }
            }
        }
    }

    /// Draws what was taken, with the title above, if given, and if [`has_letters`] of it.
    ///
    /// # Errors
    /// [`ReportError`] if the picture cannot be encoded.
    pub fn png(self, title: Option<&str>) -> Result<Vec<u8>, ReportError> {
        self.drawn(title, LIGHT)
    }

    fn drawn(self, title: Option<&str>, greys: Greys) -> Result<Vec<u8>, ReportError> {
        let rows = self.rows.len();
        let (width, drawn_rows) = self.size;
        let band_height = (self.height as f64 / rows as f64).round().max(1.0) as usize;
        let height = if rows > self.height {
            self.height
        } else {
            rows * band_height
        };
        // Gaps where nothing is finite.
        let means = self.sums.iter().zip(&self.weights);
        let mut cells: Vec<f64> = means.map(|(sum, weight)| sum / weight).collect();
        let (colormap, range) = colour_range(&mut cells, self.rows, drawn_rows);

        let title = title.and_then(|title| title_words(title, width));
        let top = if title.is_some() { TOP } else { TOP_BARE };
        let mut raster = Raster::new(
            width + (LEFT + RIGHT) as usize,
            top as usize + height + BOTTOM as usize,
        );
        let plot = Plot {
            x: LEFT,
            y: top,
            width: width as i64,
            height: height as i64,
        };
        for y in 0..height {
            let row = (height - 1 - y) * drawn_rows / height;
            for x in 0..width {
                raster.set(
                    LEFT + x as i64,
                    top + y as i64,
                    range.index(cells[x * drawn_rows + row]),
                );
            }
        }
        plot.frame(&mut raster);
        if let Some(title) = title {
            raster.outlines(&title.outlines((LEFT as f64, top as f64 - 26.0)));
        }
        let seconds = self.frames as f64 * self.hop_length as f64 / f64::from(self.sample_rate);
        plot.time_axis(&mut raster, seconds);
        plot.row_axis(&mut raster, &self.rows);
        plot.colour_bar(&mut raster, &range, &self.rows);
        raster.png(colormap, greys)
    }
}

/// Whether the fonts at hand, that of gamaka and those of this machine, have the letters of a title.
pub fn has_letters(title: &str) -> bool {
    title_words(title, WIDTH - (LEFT + RIGHT) as usize).is_some()
}

fn title_words(title: &str, width: usize) -> Option<Words> {
    Words::new(title, TITLE, width as f64, machine_fonts)
}
