//! Pictures and the page that holds them: what a run found, for people who look before they read.
//!
//! Every function is pure and gives the same bytes for the same data. The charts are SVG, drawn with colours that
//! follow the reader's light or dark mode; the spectrogram is a PNG. [`Page`] puts them, with text, tables and sound,
//! into one HTML file that needs nothing else.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pictures round to pixels, ticks and steps of colour"
)]

mod axis;
mod bars;
mod canvas;
mod colormap;
mod confusion;
mod curve;
mod dots;
mod explain;
mod intervals;
mod lettering;
mod letters;
mod lines;
mod map;
mod page;
mod panels;
mod plane;
mod projection;
mod raster;
mod scatter;
mod spectrogram;
mod spectrogram_axes;
mod spectrogram_range;
mod splines;
mod style;
mod trade;

pub use bars::bars_svg;
pub use canvas::Svg;
pub use confusion::confusion_svg;
pub use curve::{Curve, Validation, curve_svg};
pub use dots::{DotRow, dots_svg};
pub use explain::{
    HeardPicture, add_chooser, channels_svg, gallery_svg, shapes_svg, shares_svg, signed_svg,
};
pub use intervals::{IntervalRow, differences_svg, intervals_svg};
pub use lines::{Line, lines_svg};
pub use map::{Map, MapTrack, NEAREST, Places, Placing, place};
pub use page::{Column, Headline, Page, Sound};
pub use panels::{Panel, PanelLine, panels_svg};
pub use plane::{LineAxes, LinePoint};
pub use projection::{Projection, project};
pub use scatter::{Role, ScatterPoint, scatter_svg};
pub use spectrogram::{Spectrogram, SpectrogramCanvas, has_letters, spectrogram_png};
pub use spectrogram_range::Rows;
pub use splines::{Edge, splines_svg};
pub use style::decimal;
pub use trade::{TradePoint, trade_svg};

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// No data, or nothing finite among them.
    #[error("the {picture} cannot be drawn: {what}")]
    Nothing {
        /// The picture.
        picture: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// Two things that belong together differ in size.
    #[error("the {picture} cannot be drawn: {what} has {found} values where {expected} belong")]
    Shape {
        /// The picture.
        picture: &'static str,
        /// Which of its data.
        what: String,
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A number means nothing where it stands.
    #[error("the {picture} cannot be drawn: {what}")]
    Invalid {
        /// The picture.
        picture: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The PNG encoder failed.
    #[error("the spectrogram cannot be encoded as PNG: {0}")]
    Png(#[from] png::EncodingError),
}

#[cfg(test)]
mod tests;
