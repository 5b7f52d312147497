//! Altered copies of the training files: what recordings go through ([`crate::shift`]), heard in training.

use serde::{Deserialize, Serialize};

use super::error::{SettingsError, ensure, must_be};
use crate::random::Stream;
use crate::shift::{Shift, ShiftError, file_number};

/// Altered copies of each training file, of which clips of episodes are cut instead of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shifts {
    /// What copies go through, one of them each, drawn at random with its amount.
    pub kinds: Vec<Shift>,
    /// Copies of each file, 1 to 64.
    pub copies: usize,
    /// Share of the clips that are cut from a copy, 0 to 1.
    pub share: f64,
}

impl Default for Shifts {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            copies: 2,
            share: 0.5,
        }
    }
}

impl Shifts {
    /// Most copies of a file: all of them are stored.
    const MOST_COPIES: usize = 64;

    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// [`SettingsError`] naming the first that does not.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let names = Shift::ALL.map(Shift::name).join(", ");
        let chosen = !self.kinds.is_empty();
        ensure(chosen, format!("shifts.kinds is empty; choose of {names}"))?;
        let most = Self::MOST_COPIES;
        let holds = (1..=most).contains(&self.copies);
        let ends = format!("1 to {most}; leave [shifts] out for none");
        must_be("shifts.copies", self.copies, holds, ends)?;
        let holds = (0.0..=1.0).contains(&self.share);
        must_be("shifts.share", self.share, holds, "between 0 and 1")
    }

    /// Copy `copy` of a file, from its mono samples at `sample_rate` Hz. What it goes through is fixed by `seed`, the file's
    /// content ([`crate::data::Item::hash`]) and the copy's number.
    ///
    /// # Errors
    /// As [`Shift::apply`].
    pub(crate) fn alter(
        &self,
        copy: usize,
        seed: u64,
        hash: &str,
        samples: &[f32],
        sample_rate: u32,
    ) -> Result<Vec<f32>, ShiftError> {
        let mut stream = Stream::new(seed, &format!("shift copy {copy}"), file_number(hash));
        let kind = self.kinds[stream.below(self.kinds.len())];
        let amount = kind.draw(&mut stream);
        kind.apply(amount, samples, sample_rate, &mut stream)
    }

    /// For each of the clips of an episode the version of its file that it is cut from: 0 is the file itself, others
    /// are its copies. Fixed by `seed`, `step` and the clip's place.
    pub(crate) fn versions(&self, seed: u64, step: usize, clips: usize) -> Vec<usize> {
        let mut stream = Stream::new(seed, "shift clips", step as u64);
        let mut version = || {
            let (altered, copy) = (stream.unit() < self.share, stream.below(self.copies));
            if altered { 1 + copy } else { 0 }
        };
        (0..clips).map(|_| version()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shifts(kinds: &[Shift], copies: usize, share: f64) -> Shifts {
        Shifts {
            kinds: kinds.to_vec(),
            copies,
            share,
        }
    }

    #[test]
    fn which_clips_are_altered_is_fixed_by_seed_and_step_and_of_the_share_asked_for() {
        let three = shifts(&[Shift::Hum], 3, 0.25);
        let drawn: Vec<Vec<usize>> = (0..500).map(|step| three.versions(7, step, 48)).collect();
        assert_eq!(drawn[11], three.versions(7, 11, 48));
        assert_ne!(drawn[11], drawn[12]);
        assert_ne!(drawn[11], three.versions(8, 11, 48));
        // More clips do not change the first.
        assert_eq!(drawn[11], three.versions(7, 11, 60)[..48]);
        // 24,000 clips: five deviations are 335 of the clean ones, 220 of a copy's.
        let count = |version| drawn.iter().flatten().filter(|v| **v == version).count();
        assert!(count(0).abs_diff(18_000) < 335, "{}", count(0));
        for copy in 1..=3 {
            assert!(count(copy).abs_diff(2000) < 220, "{}", count(copy));
        }
        assert_eq!(count(4), 0);
        for (share, all) in [(0.0, false), (1.0, true)] {
            let drawn = shifts(&[Shift::Hum], 3, share).versions(7, 0, 100);
            assert!(drawn.iter().all(|&version| (version > 0) == all));
        }
    }

    #[test]
    fn a_copy_is_fixed_by_seed_content_and_number_and_each_kind_comes_up() {
        let samples: Vec<f32> = (0..2205).map(|i| 0.3 * (i as f32 * 0.2).sin()).collect();
        let both = shifts(&[Shift::Level, Shift::Crowd], 2, 0.5);
        let hash = |file: u64| format!("{file:016x}");
        let copy = |number, seed, file| both.alter(number, seed, &hash(file), &samples, 22_050);
        let first = copy(0, 1, 5).unwrap();
        assert_eq!(first, copy(0, 1, 5).unwrap());
        for other in [copy(1, 1, 5), copy(0, 2, 5), copy(0, 1, 6)] {
            assert_ne!(first, other.unwrap());
        }
        // A level is a factor, but for rounding to 16 bits; a crowd is none.
        let a_level = |altered: &[f32]| {
            let factor = altered[8] / samples[8];
            let off = |(x, y): (&f32, &f32)| (x * factor).clamp(-1.0, 1.0) - y;
            let offs = samples.iter().zip(altered).map(off);
            offs.into_iter().all(|off| off.abs() < 0.02)
        };
        let levels = (0..40)
            .filter(|&file| a_level(&copy(0, 1, file).unwrap()))
            .count();
        assert!((8..=32).contains(&levels), "{levels} of 40");
    }
}
