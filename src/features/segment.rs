//! Segments of a fixed length out of a stream of frames.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::mel::Preset;

/// Length of a segment and the way from one to the next, in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct SegmentShape {
    frames: usize,
    hop: usize,
}

/// A segment's shape as a model file holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    frames: usize,
    hop: usize,
}

impl TryFrom<Stored> for SegmentShape {
    type Error = String;

    fn try_from(Stored { frames, hop }: Stored) -> Result<Self, String> {
        Self::new(frames, hop)
    }
}

impl SegmentShape {
    /// Most frames of a segment.
    pub const MOST_FRAMES: usize = 1 << 16;
    /// Most frames from one segment to the next.
    pub const LONGEST_HOP: usize = 1 << 20;

    /// Segments of `frames` frames, one every `hop` frames.
    ///
    /// # Errors
    /// A sentence if one of them is 0 or beyond [`Self::MOST_FRAMES`] and [`Self::LONGEST_HOP`].
    pub fn new(frames: usize, hop: usize) -> Result<Self, String> {
        for (what, number, most) in [
            ("a segment", frames, Self::MOST_FRAMES),
            (
                "the way from one segment to the next",
                hop,
                Self::LONGEST_HOP,
            ),
        ] {
            if !(1..=most).contains(&number) {
                return Err(format!(
                    "{what} has {number} frames, but must have from 1 to {most}"
                ));
            }
        }
        Ok(Self { frames, hop })
    }

    /// Segments of about `seconds` every `hop_seconds`: lengths are rounded down to a multiple of 8
    /// frames where they are that long, so that strided convolutions divide them evenly, and no longer than
    /// [`Self::new`] allows.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "frames are rounded down, within limits"
    )]
    pub fn from_seconds(preset: &Preset, seconds: f64, hop_seconds: f64) -> Self {
        let frames = |seconds: f64, most: usize| {
            let exact = seconds * f64::from(preset.sample_rate) / preset.hop_length as f64;
            let whole = exact.clamp(1.0, most as f64) as usize;
            if whole < 8 { whole } else { whole / 8 * 8 }
        };
        Self {
            frames: frames(seconds, Self::MOST_FRAMES),
            hop: frames(hop_seconds, Self::LONGEST_HOP),
        }
    }

    /// The same segments so far apart that of a file one of so many such lengths is heard, or farther apart if they were.
    pub(crate) fn one_of(self, lengths: usize) -> Self {
        let hop = self.frames.saturating_mul(lengths);
        Self {
            hop: self.hop.max(hop.min(Self::LONGEST_HOP)),
            ..self
        }
    }

    /// Frames of a segment.
    pub fn frames(self) -> usize {
        self.frames
    }

    /// Frames from the start of one segment to the start of the next.
    pub fn hop(self) -> usize {
        self.hop
    }

    /// Time of a frame in seconds.
    pub fn seconds(preset: &Preset, frame: usize) -> f64 {
        (frame * preset.hop_length) as f64 / f64::from(preset.sample_rate)
    }
}

/// One segment of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its first frame within the file.
    pub first: usize,
    /// How many of its frames the file has; the rest is silence.
    pub present: usize,
    /// Its values, band-major `[bands][frames]`.
    pub values: Vec<f32>,
}

/// Cuts segments from frames that arrive in pieces, in the memory of one segment.
///
/// A rest of at least half a segment gives a last segment that ends with the file; a file shorter
/// than a segment gives one that is filled up with silence.
#[derive(Debug)]
pub struct Segmenter {
    shape: SegmentShape,
    /// By band, its values from frame `first` on.
    buffer: Vec<Vec<f32>>,
    /// Frame number of the buffer's first frame.
    first: usize,
    /// Where the next segment starts.
    next: usize,
}

impl Segmenter {
    /// A segmenter for frames of `bands` values.
    pub fn new(shape: SegmentShape, bands: usize) -> Self {
        Self {
            shape,
            buffer: vec![Vec::new(); bands],
            first: 0,
            next: 0,
        }
    }

    /// The segments of a whole file, from its frames band-major `[bands][frames]`.
    pub fn whole(shape: SegmentShape, bands: usize, values: &[f32]) -> Vec<Segment> {
        let mut segmenter = Self::new(shape, bands);
        let mut segments = segmenter.push(values);
        segments.extend(segmenter.finish());
        segments
    }

    /// Takes more frames, band-major `[bands][frames]`, and gives the segments that they complete.
    pub fn push(&mut self, block: &[f32]) -> Vec<Segment> {
        let frames = block.len() / self.buffer.len();
        let bands = self.buffer.iter_mut().zip(block.chunks(frames.max(1)));
        bands.for_each(|(band, values)| band.extend_from_slice(values));
        let mut segments = Vec::new();
        while self.next + self.shape.frames <= self.end() {
            segments.push(self.cut(self.next));
            self.next += self.shape.hop;
        }
        // Keep a segment's length for the last one, which may end with the file.
        let keep_from = self.end().saturating_sub(self.shape.frames).min(self.next);
        let old = keep_from.saturating_sub(self.first);
        self.buffer
            .iter_mut()
            .for_each(|band| drop(band.drain(..old)));
        self.first = self.first.max(keep_from);
        segments
    }

    /// Ends the file and gives the segment that remains, if any.
    pub fn finish(self) -> Option<Segment> {
        let end = self.end();
        if end == 0 {
            return None;
        }
        if self.next == 0 {
            return Some(self.cut(0));
        }
        let covered = self.next - self.shape.hop + self.shape.frames;
        let rest = end.saturating_sub(covered);
        (2 * rest >= self.shape.frames).then(|| self.cut(end - self.shape.frames))
    }

    fn end(&self) -> usize {
        self.first + self.buffer.first().map_or(0, Vec::len)
    }

    fn cut(&self, first: usize) -> Segment {
        let frames = self.shape.frames;
        let (at, present) = (first - self.first, frames.min(self.end() - first));
        let mut values = Vec::with_capacity(frames * self.buffer.len());
        for (k, band) in self.buffer.iter().enumerate() {
            values.extend_from_slice(&band[at..at + present]);
            values.resize((k + 1) * frames, 0.0);
        }
        Segment {
            first,
            present,
            values,
        }
    }
}

/// Some frames of a file whose frames are band-major `[bands][frames]`; beyond its end is silence.
pub fn cut_window(values: &[f32], bands: usize, window: Range<usize>) -> Vec<f32> {
    let frames = values.len() / bands;
    let mut cut = Vec::with_capacity(bands * window.len());
    for (band, values) in values.chunks(frames.max(1)).enumerate() {
        cut.extend_from_slice(&values[window.start.min(frames)..window.end.min(frames)]);
        cut.resize((band + 1) * window.len(), 0.0);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts of the segments of a file of `length` frames that arrives in pieces of `piece`; each
    /// segment is checked to hold its own frames.
    fn starts(shape: SegmentShape, length: usize, piece: usize) -> Vec<usize> {
        let frames: Vec<f32> = (0..length).map(|f| f as f32).collect();
        let mut segmenter = Segmenter::new(shape, 2);
        let mut segments = Vec::new();
        for part in frames.chunks(piece) {
            let negative = part.iter().map(|f| -f);
            let block: Vec<f32> = part.iter().copied().chain(negative).collect();
            segments.extend(segmenter.push(&block));
            assert!(segmenter.buffer[1].len() <= (shape.frames.max(shape.hop) + piece));
        }
        segments.extend(segmenter.finish());
        for segment in &segments {
            for k in 0..shape.frames {
                let want = if k < segment.present {
                    (segment.first + k) as f32
                } else {
                    0.0
                };
                assert_eq!(segment.values[k], want);
                assert_eq!(segment.values[shape.frames + k], -want);
            }
        }
        segments.iter().map(|s| s.first).collect()
    }

    #[test]
    fn a_window_is_cut_band_by_band_and_silent_behind_the_end() {
        let values: Vec<f32> = (1u8..=10).map(f32::from).collect();
        assert_eq!(cut_window(&values, 2, 1..4), [2.0, 3.0, 4.0, 7.0, 8.0, 9.0]);
        assert_eq!(
            cut_window(&values, 2, 3..6),
            [4.0, 5.0, 0.0, 9.0, 10.0, 0.0]
        );
        assert_eq!(cut_window(&values, 2, 5..7), [0.0; 4]);
    }

    #[test]
    fn segments_do_not_depend_on_how_the_frames_arrive() {
        for piece in [1, 3, 7, 100] {
            let shape = SegmentShape { frames: 8, hop: 4 };
            assert_eq!(starts(shape, 24, piece), [0, 4, 8, 12, 16]);
            assert_eq!(
                starts(SegmentShape { frames: 4, hop: 10 }, 25, piece),
                [0, 10, 20]
            );
        }
    }

    #[test]
    fn a_rest_of_half_a_segment_gives_a_last_one_and_a_smaller_rest_none() {
        let shape = SegmentShape { frames: 8, hop: 8 };
        assert_eq!(starts(shape, 20, 5), [0, 8, 12]);
        assert_eq!(starts(shape, 19, 5), [0, 8]);
    }

    #[test]
    fn a_short_file_is_filled_up_with_silence_and_an_empty_one_has_none() {
        let shape = SegmentShape { frames: 8, hop: 8 };
        assert_eq!(starts(shape, 3, 2), [0]);
        assert!(starts(shape, 0, 1).is_empty());
    }

    #[test]
    fn one_of_some_segments_is_so_many_lengths_from_the_next_unless_they_were_farther_apart() {
        let shape = |frames, hop| SegmentShape::new(frames, hop).unwrap();
        assert_eq!(shape(8, 4).one_of(3), shape(8, 24));
        assert_eq!(shape(8, 100).one_of(3), shape(8, 100));
        let longest = SegmentShape::LONGEST_HOP;
        assert_eq!(shape(1 << 16, 1).one_of(1000).hop(), longest);
    }

    #[test]
    fn lengths_in_seconds_become_multiples_of_eight_frames() {
        let preset = Preset::gamaka();
        assert_eq!(
            SegmentShape::from_seconds(&preset, 3.0, 1.5),
            SegmentShape {
                frames: 128,
                hop: 64
            }
        );
        assert_eq!(
            SegmentShape::from_seconds(&preset, 0.0, 0.1),
            SegmentShape { frames: 1, hop: 4 }
        );
    }
}
