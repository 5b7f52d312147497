//! How a file was before a change, told by what it is after it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Bytes that are kept at most, in a file of which more has changed nothing.
const MOST: usize = 1 << 20;

/// So many equal bytes between two differences are kept with them.
const GAP: usize = 16;

/// What makes the old bytes of the new: up to a place both are alike from the front, behind it from the back, but for some pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// How many bytes there were.
    length: usize,
    /// How many are taken from the front of the new ones. Bytes that are new follow, or a gap where old ones were.
    front: usize,
    /// Where bytes differ, and what they were, in hexadecimal digits.
    pieces: Vec<(usize, String)>,
}

impl Patch {
    /// None where so much differs that it is not worth keeping.
    pub(super) fn new(old: &[u8], new: &[u8]) -> Option<Self> {
        let (gap, more) = apart(old.len(), new.len());
        let both = old.len().min(new.len());
        let unlike_front = |at: usize| old[at] != new[at];
        let unlike_back = |at: usize| old[at + gap] != new[at + more];
        let mut cost = (0..both).filter(|&at| unlike_back(at)).count();
        let (mut front, mut lowest) = (0, cost);
        for at in 0..both {
            cost = cost + usize::from(unlike_front(at)) - usize::from(unlike_back(at));
            if cost < lowest {
                (front, lowest) = (at + 1, cost);
            }
        }
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for at in 0..old.len() {
            let unlike = match at {
                _ if at < front => unlike_front(at),
                _ if at < front + gap => true,
                _ => unlike_back(at - gap),
            };
            match ranges.last_mut() {
                Some(range) if unlike && at < range.end + GAP => range.end = at + 1,
                _ if unlike => ranges.push(at..at + 1),
                _ => {}
            }
        }
        let kept: usize = ranges.iter().map(Range::len).sum();
        let hex = |range: &[u8]| range.iter().map(|byte| format!("{byte:02x}")).collect();
        let pieces = ranges.into_iter().map(|r| (r.start, hex(&old[r])));
        (kept <= MOST).then(|| Self {
            length: old.len(),
            front,
            pieces: pieces.collect(),
        })
    }

    /// The old bytes; none if these are not the new ones.
    pub(super) fn apply(&self, new: &[u8]) -> Option<Vec<u8>> {
        let (gap, more) = apart(self.length, new.len());
        let mut old = new.get(..self.front)?.to_vec();
        old.resize(self.front + gap, 0);
        old.extend(new.get(self.front + more..)?);
        for (start, hex) in &self.pieces {
            for (i, digits) in hex.as_bytes().chunks(2).enumerate() {
                let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                *old.get_mut(start.checked_add(i)?)? = byte;
            }
        }
        Some(old)
    }
}

/// How many bytes there are no more, and how many more there are.
fn apart(old: usize, new: usize) -> (usize, usize) {
    (old.saturating_sub(new), new.saturating_sub(old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn any_bytes_come_back_and_a_piece_put_in_costs_little() {
        for number in 0..400 {
            let mut random = Stream::new(7, "patch", number);
            let old: Vec<u8> = (0..random.below(300))
                .map(|_| random.below(4) as u8)
                .collect();
            let mut new = old.clone();
            let from = random.below(new.len() + 1);
            let to = from + random.below(new.len() - from + 1);
            new.splice(from..to, vec![9; random.below(60)]);
            for _ in 0..random.below(3).min(new.len()) {
                let at = random.below(new.len());
                new[at] ^= 1;
            }
            let patch = Patch::new(&old, &new).unwrap();
            assert_eq!(patch.apply(&new), Some(old.clone()), "{number}");
            let json = serde_json::to_string(&patch).unwrap();
            assert_eq!(serde_json::from_str::<Patch>(&json).unwrap(), patch);
            // Others give other bytes, or none.
            for others in [&new[new.len() / 2..], &[]] {
                let _ = patch.apply(others);
            }
        }
        let old: Vec<u8> = (0..200_000_u32)
            .map(|i| (i.wrapping_mul(i) / 7) as u8)
            .collect();
        let mut new = old.clone();
        new.splice(1000..1000, [1, 2, 3]);
        new[150_000] ^= 0xff;
        let patch = Patch::new(&old, &new).unwrap();
        assert!(patch.pieces.len() < 3, "{:?}", patch.pieces.len());
        assert!(patch.apply(&new) == Some(old));
        let other = vec![0; 3 << 20];
        assert!(Patch::new(&vec![1; 3 << 20], &other).is_none());
    }
}
