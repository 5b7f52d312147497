//! What recordings go through that training never heard: rooms, crowds, telephones, codecs, other tempos and keys.
//!
//! A [`Shift`] alters samples by an amount in its own unit and is a plain function of them and of a random stream, so
//! that it serves evaluation (the same room for the same file every time) and augmentation alike.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sound is computed in f64 and kept in f32, and times are rounded to samples"
)]

mod amateur;
mod filter;
mod level;
mod live;
mod stretch;

use std::fmt;

use crate::random::Stream;

/// A way in which a recording can differ from a clean one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shift {
    /// Reverberation of a room; amount: the time in seconds in which it falls by 60 dB.
    Reverb,
    /// Talk of a crowd; amount: the music's level over it in dB.
    Crowd,
    /// Equalisation of a loudspeaker system: much bass and presence, no air; amount: the boost of the bass in dB.
    Pa,
    /// The band of a telephone; amount: its upper edge in Hz, 3400 for a real one. The lower one is 1020000 / upper.
    Phone,
    /// An overdriven input; amount: how far in dB the loudest peak would exceed full scale.
    Clipping,
    /// Hum of the mains with harmonics; amount: the music's level over it in dB.
    Hum,
    /// Opus at a low bit rate; amount: kbit/s, 6 to 510.
    Codec,
    /// Time stretching at the same pitch; amount: the new tempo over the old one, 0.25 to 4.
    Tempo,
    /// Transposition at the same tempo; amount: semitones, -24 to 24.
    Pitch,
    /// A recording level, with the rounding and the full scale of 16 bits; amount: dB.
    Level,
}

/// Why a recording cannot be altered so.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{shift} by {amount} failed: {reason}")]
pub struct ShiftError {
    /// The shift.
    pub shift: Shift,
    /// Its amount.
    pub amount: f64,
    /// What went wrong.
    pub reason: String,
}

impl Shift {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 10] = [
        Self::Reverb,
        Self::Crowd,
        Self::Pa,
        Self::Phone,
        Self::Clipping,
        Self::Hum,
        Self::Codec,
        Self::Tempo,
        Self::Pitch,
        Self::Level,
    ];

    /// Its name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reverb => "reverb",
            Self::Crowd => "crowd",
            Self::Pa => "pa",
            Self::Phone => "phone",
            Self::Clipping => "clipping",
            Self::Hum => "hum",
            Self::Codec => "codec",
            Self::Tempo => "tempo",
            Self::Pitch => "pitch",
            Self::Level => "level",
        }
    }

    /// The kind of recording that it belongs to: live, amateur, or itself.
    pub fn family(self) -> &'static str {
        match self {
            Self::Reverb | Self::Crowd | Self::Pa => "live",
            Self::Phone | Self::Clipping | Self::Hum | Self::Codec => "amateur",
            Self::Tempo | Self::Pitch | Self::Level => self.name(),
        }
    }

    /// Four amounts for an evaluation: from weak to strong, or, where [`Self::neutral`] lies between them, two to
    /// each side of it, in rising order.
    pub fn steps(self) -> [f64; 4] {
        match self {
            Self::Reverb => [0.3, 0.8, 1.6, 3.0],
            Self::Crowd | Self::Hum => [20.0, 10.0, 5.0, 0.0],
            Self::Pa => [3.0, 6.0, 9.0, 12.0],
            Self::Phone => [8000.0, 6000.0, 4500.0, 3400.0],
            Self::Clipping => [6.0, 12.0, 18.0, 24.0],
            Self::Codec => [32.0, 16.0, 10.0, 6.0],
            Self::Tempo => [0.7, 0.85, 1.18, 1.4],
            Self::Pitch => [-4.0, -2.0, 2.0, 4.0],
            Self::Level => [-40.0, -20.0, 10.0, 20.0],
        }
    }

    /// The amount that changes nothing, for a shift that goes both ways.
    pub fn neutral(self) -> Option<f64> {
        match self {
            Self::Tempo => Some(1.0),
            Self::Pitch | Self::Level => Some(0.0),
            _ => None,
        }
    }

    /// An amount between the first and the last of [`Self::steps`]; between any two neighbours as often as between others.
    pub fn draw(self, stream: &mut Stream) -> f64 {
        let steps = self.steps();
        let at = (steps.len() - 1) as f64 * stream.unit();
        let step = at as usize;
        steps[step] + at.fract() * (steps[step + 1] - steps[step])
    }

    /// What its amount measures, with the unit.
    pub fn quantity(self) -> &'static str {
        match self {
            Self::Reverb => "reverberation time (s)",
            Self::Crowd => "music over crowd (dB)",
            Self::Pa => "bass boost (dB)",
            Self::Phone => "upper edge (Hz)",
            Self::Clipping => "overdrive (dB)",
            Self::Hum => "music over hum (dB)",
            Self::Codec => "Opus (kbit/s)",
            Self::Tempo => "tempo (times)",
            Self::Pitch => "pitch (semitones)",
            Self::Level => "level (dB)",
        }
    }

    /// An amount with its unit, such as `0.3 s`.
    pub fn label(self, amount: f64) -> String {
        match self {
            Self::Reverb => format!("{amount} s"),
            Self::Phone => format!("{amount} Hz"),
            Self::Codec => format!("{amount} kbit/s"),
            Self::Tempo => format!("{amount} times"),
            Self::Pitch => format!("{amount:+} semitones"),
            Self::Pa | Self::Level => format!("{amount:+} dB"),
            Self::Crowd | Self::Clipping | Self::Hum => format!("{amount} dB"),
        }
    }

    /// Alters mono samples at `sample_rate` Hz by `amount` (in the shift's unit). The result has the same length,
    /// after [`Shift::Tempo`] about `samples.len() / amount`. It depends on nothing but the arguments. What is random
    /// (the room, the talk, the phases) comes from `stream`; amounts change its scale only, so that the steps of
    /// one stream can be compared. Reverberation, equalisation, a band and clipping keep the root mean square; a
    /// crowd and hum are added to the music as it is.
    ///
    /// # Errors
    /// [`ShiftError`]: an amount out of range for [`Shift::Codec`], [`Shift::Tempo`] or [`Shift::Pitch`].
    pub fn apply(
        self,
        amount: f64,
        samples: &[f32],
        sample_rate: u32,
        stream: &mut Stream,
    ) -> Result<Vec<f32>, ShiftError> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let rate = f64::from(sample_rate);
        let failed = |reason| ShiftError {
            shift: self,
            amount,
            reason,
        };
        match self {
            Self::Reverb => Ok(live::reverb(samples, rate, amount, stream)),
            Self::Crowd => Ok(live::crowd(samples, rate, amount, stream)),
            Self::Pa => Ok(live::pa(samples, rate, amount, stream)),
            Self::Phone => Ok(amateur::phone(samples, rate, amount)),
            Self::Clipping => Ok(amateur::clipping(samples, amount)),
            Self::Hum => Ok(amateur::hum(samples, rate, amount, stream)),
            Self::Codec => amateur::codec(samples, sample_rate, amount).map_err(failed),
            Self::Tempo => stretch::tempo(samples, sample_rate, amount).map_err(failed),
            Self::Pitch => stretch::pitch(samples, sample_rate, amount).map_err(failed),
            Self::Level => Ok(amateur::level(samples, amount)),
        }
    }

    /// The stream for one file under `seed`: the same for every amount. `hash` is [`crate::data::Item::hash`].
    pub fn stream(self, seed: u64, hash: &str) -> Stream {
        Stream::new(seed, &format!("shift {}", self.name()), file_number(hash))
    }
}

/// A number for what is random about one file, from [`crate::data::Item::hash`].
pub(crate) fn file_number(hash: &str) -> u64 {
    let number = hash.get(..16).and_then(|h| u64::from_str_radix(h, 16).ok());
    number.unwrap_or_default()
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The shifts that one word of the command line means: a shift, or a family of them.
///
/// # Errors
/// A sentence with the words there are.
pub fn parse(word: &str) -> Result<Vec<Shift>, String> {
    let named = |shift: &Shift| shift.name() == word || shift.family() == word;
    let found: Vec<Shift> = Shift::ALL.into_iter().filter(named).collect();
    if found.is_empty() {
        let names = Shift::ALL.map(Shift::name).join(", ");
        return Err(format!(
            "`{word}` is no shift; choose of live, amateur, {names}"
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
