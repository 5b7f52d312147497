//! What is kept of one file.

use super::{Segment, SegmentShape, Segmenter};
use crate::audio::AudioWarning;

/// A file's features, for training and evaluation.
#[derive(Debug, Clone)]
pub struct Features {
    /// Number of frames.
    pub frames: usize,
    /// Compressed mel frames, band-major `[bands][frames]`.
    pub values: Vec<f32>,
    /// Mean and deviation over time of 20 MFCC: what the floor classifies by.
    pub mfcc: Vec<f32>,
    /// Whether the file is longer than what was heard of it.
    pub stopped: bool,
    /// What is wrong with the file.
    pub warnings: Vec<AudioWarning>,
}

impl Features {
    /// Length of [`Self::mfcc`]: librosa's 20 coefficients, their means, then their deviations.
    pub const MFCC_LEN: usize = 40;

    /// The file's segments.
    pub fn segments(&self, shape: SegmentShape) -> Vec<Segment> {
        match self.values.len().checked_div(self.frames) {
            Some(bands) => Segmenter::whole(shape, bands, &self.values),
            None => Vec::new(),
        }
    }
}
