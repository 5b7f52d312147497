//! What is known of files' lengths, and the parts that tracks are cut into.

use std::collections::HashMap;
use std::ops::Range;

use crate::data::Dataset;
use crate::settings::TrainConfig;

/// What is known of the files of some data sets after reading them: for each data set, by a file's index, the mel frames
/// that it has; 0 if it cannot be read.
pub type Heard = Vec<HashMap<usize, usize>>;

/// Where the parts of a track lie that has `frames` frames: `parts` of equal length, of at least two segments each, with a
/// gap of a segment between them, so that no two parts have a beat in common. None if the track is too short.
pub(super) fn parts_of_track(
    frames: usize,
    parts: usize,
    segment: usize,
) -> Option<Vec<Range<usize>>> {
    let length = ((frames + segment) / parts).checked_sub(segment)?;
    let part = |k: usize| k * (length + segment)..k * (length + segment) + length;
    (length >= 2 * segment).then(|| (0..parts).map(part).collect())
}

/// Into how many parts a data set's files are cut: one, or as many as an episode takes of a track.
pub(super) fn parts(dataset: &Dataset, config: &TrainConfig) -> usize {
    let task = config.train_task(config.train_way);
    if dataset.tracks { task.files() } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_track_are_of_one_length_with_a_segment_between_them_and_end_with_the_track() {
        for (frames, parts, segment) in [(110, 4, 10), (111, 4, 10), (5000, 4, 64), (320, 10, 8)] {
            let ranges = parts_of_track(frames, parts, segment).unwrap();
            assert_eq!(ranges.len(), parts);
            assert_eq!(ranges[0].start, 0);
            for pair in ranges.windows(2) {
                assert_eq!(pair[1].start - pair[0].end, segment);
                assert_eq!(pair[0].len(), pair[1].len());
            }
            assert!(ranges[0].len() >= 2 * segment);
            // No part could be longer.
            let end = ranges[parts - 1].end;
            assert!(end <= frames && end + parts > frames);
        }
        for frames in [0, 1, 50, 109] {
            assert_eq!(parts_of_track(frames, 4, 10), None);
        }
    }
}
