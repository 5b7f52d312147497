//! The sound of a file, with what mattered for a decision over it.

use crate::report::ReportError;
use crate::report::axis::Axis;
use crate::report::canvas::Anchor;
use crate::report::colormap::Colormap;
use crate::report::raster::{DARK, Greys, LIGHT, Raster, grey};
use crate::report::spectrogram::Looks;
use crate::report::spectrogram_axes::{LABEL, Plot, RIGHT};
use crate::report::spectrogram_range::Rows;
use crate::report::style::fit;

const PICTURE: &str = "picture of what was heard";
/// Pixels left of, above and below the sound.
const LEFT: i64 = 128;
const TOP: i64 = 28;
const BOTTOM: i64 = 92;
/// Of the bars below it, and the way to them.
const BARS: i64 = 120;
const GAP: i64 = 20;
/// Share of all places whose colour is not full.
const FULL: f64 = 0.985;

/// What is drawn. Matrices are band-major, `[bands][frames]`.
#[derive(Debug, Clone, Copy)]
pub struct HeardPicture<'a> {
    /// How loud it is: compressed mel frames.
    pub levels: &'a [f32],
    /// What spoke for the first of `sides` (above 0) and for the second (below).
    pub added: &'a [f32],
    /// Centres of the bands in Hz, ascending.
    pub centres: &'a [f64],
    /// Seconds from frame to frame.
    pub frame_s: f64,
    /// The same for the whole, one bar for each of some equal spans of so many frames.
    pub spans: &'a [f64],
    /// Frames of a span.
    pub span_frames: usize,
    /// What the sides are, in few words.
    pub sides: [&'a str; 2],
}

impl HeardPicture<'_> {
    /// Draws it for wide and narrow pages, in light and dark.
    pub(in crate::report) fn looks(&self) -> Result<Looks, ReportError> {
        let frames = self.levels.len() / self.centres.len().max(1);
        let finite = |values: &[f32]| values.iter().any(|value| value.is_finite());
        if frames == 0 || !finite(self.levels) {
            return Err(ReportError::Nothing {
                picture: PICTURE,
                what: "it has no frames",
            });
        }
        if self.added.len() != self.levels.len() {
            return Err(ReportError::Shape {
                picture: PICTURE,
                what: "what mattered".into(),
                found: self.added.len(),
                expected: self.levels.len(),
            });
        }
        let both = |size| -> Result<_, ReportError> {
            Ok([
                self.draw(size, frames, LIGHT, false)?,
                self.draw(size, frames, DARK, true)?,
            ])
        };
        Ok(Looks {
            wide: both([1400, 540])?,
            narrow: both([720, 400])?,
        })
    }

    fn draw(
        &self,
        [width, height]: [usize; 2],
        frames: usize,
        greys: Greys,
        dark: bool,
    ) -> Result<Vec<u8>, ReportError> {
        let bands = self.centres.len();
        let band_height = (height / bands).max(1);
        let plot = Plot {
            x: LEFT,
            y: TOP,
            width: width as i64 - LEFT - RIGHT,
            height: (band_height * bands) as i64,
        };
        let bars = Plot {
            y: TOP + plot.height + GAP,
            height: BARS,
            ..plot
        };
        let mut raster = Raster::new(width, (bars.y + BARS + BOTTOM) as usize);

        let levels = columns(self.levels, frames, plot.width as usize);
        let added = columns(self.added, frames, plot.width as usize);
        let loudest = quantile(levels.iter().map(|level| f64::from(*level)), 0.995);
        let full = quantile(added.iter().map(|v| f64::from(v.abs())), FULL);
        for x in 0..plot.width {
            for y in 0..plot.height {
                let band = bands - 1 - y as usize / band_height;
                let at = band * plot.width as usize + x as usize;
                let loud = (f64::from(levels[at]) / loudest).clamp(0.0, 1.0);
                let side = (f64::from(added[at]) / full).clamp(-1.0, 1.0);
                raster.set(plot.x + x, plot.y + y, Colormap::heard(loud, side));
            }
        }
        plot.frame(&mut raster);
        plot.row_axis(&mut raster, &Rows::Bands(self.centres, ""));
        self.key(&plot, &mut raster);

        let largest = self
            .spans
            .iter()
            .fold(0.0, |most: f64, v| most.max(v.abs()));
        let reach = if largest > 0.0 { largest } else { 1.0 };
        let axis = Axis::new((-reach, reach), (bars.y + BARS) as f64, bars.y as f64);
        let middle = axis.at(0.0).round() as i64;
        let frame_width = plot.width as f64 / frames as f64;
        for (span, &value) in self.spans.iter().enumerate() {
            let from = (span * self.span_frames) as f64 * frame_width;
            let to = ((span + 1) * self.span_frames).min(frames) as f64 * frame_width;
            let end = axis.at(value).round() as i64;
            let (top, bottom) = (end.min(middle), end.max(middle));
            let (from, to) = (from.round() as i64, to.round() as i64);
            let wide = (to - from - 1).max(1);
            let colour = Colormap::heard(0.5, value.signum());
            raster.rect(bars.x + from, top, wide, bottom - top, colour);
        }
        raster.rect(bars.x, middle - 1, bars.width, 2, grey(0.55));
        bars.time_axis(&mut raster, frames as f64 * self.frame_s);
        raster.png(Colormap::Heard { dark }, greys)
    }

    /// What the colours say, at the right.
    fn key(&self, plot: &Plot, raster: &mut Raster) {
        const BAR: i64 = 26;
        let x = plot.x + plot.width + 34;
        for y in 0..plot.height {
            let side = 1.0 - 2.0 * y as f64 / (plot.height - 1).max(1) as f64;
            raster.rect(x, plot.y + y, BAR, 1, Colormap::heard(0.35, side));
        }
        let half = plot.height as f64 / 2.0;
        for (side, name) in self.sides.iter().enumerate() {
            let middle = plot.y as f64 + half * (side as f64 + 0.5);
            let name = fit(name, LABEL, half - 12.0);
            let at = ((x + BAR) as f64 + 34.0, middle);
            raster.text(at, Anchor::Middle, LABEL, true, &name);
        }
    }
}

/// The means of a matrix's rows over the frames that each pixel column shows, or the nearest frame where they are fewer.
fn columns(values: &[f32], frames: usize, width: usize) -> Vec<f32> {
    let mut means = Vec::with_capacity(values.len() / frames * width);
    for row in values.chunks(frames) {
        for x in 0..width {
            let first = x * frames / width;
            let end = ((x + 1) * frames / width).max(first + 1);
            let some = &row[first..end];
            means.push(some.iter().sum::<f32>() / some.len() as f32);
        }
    }
    means
}

/// A value that so large a share is not above; 1 where that would be nothing.
fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    match values.get(at.min(values.len().saturating_sub(1))) {
        Some(&value) if value > 0.0 => value,
        _ => 1.0,
    }
}
