//! CAF, whose data may go on to the end of the file without saying for how long.

use std::fs::File;
use std::ops::Range;

use super::view::{Claim, Piece, View, read_at};
use crate::audio::error::AudioErrorKind;

/// Chunks of a file. More are damage.
const MAX_CHUNKS: usize = 1000;

/// Bytes of a chunk's header: its name and its length.
const HEADER: u64 = 12;

/// Writes the length of the data into the file if it is not stated or too large, and leaves out what
/// follows the last whole chunk.
pub(super) fn view(mut file: File, audio: Range<u64>) -> Result<View, AudioErrorKind> {
    // Behind the name and version of the format.
    let mut at = audio.start + 8;
    for _ in 0..MAX_CHUNKS {
        let header = read_at(&mut file, at, HEADER).map_err(AudioErrorKind::of)?;
        let Some((name, stated)) = header.split_first_chunk::<4>() else {
            break;
        };
        let Ok(stated) = stated.try_into().map(i64::from_be_bytes) else {
            break;
        };
        let there = audio.end.saturating_sub(at + HEADER);
        match u64::try_from(stated) {
            Ok(stated) if stated <= there => at += HEADER + stated,
            stated if name == b"data" => {
                let mended = there.to_be_bytes().to_vec();
                let pieces = vec![
                    Piece::File(audio.start..at + 4),
                    Piece::Bytes(mended),
                    Piece::File(at + HEADER..audio.end),
                ];
                let mut view = View::spliced(file, pieces);
                // A length below 0 is one that was not known when the file was begun.
                if let Ok(stated) = stated {
                    let share = there as f64 / stated as f64;
                    view.claim = Claim::Cut { share };
                }
                return Ok(view);
            }
            _ => break,
        }
    }
    Ok(View::plain(file, audio.start..at.min(audio.end)))
}
