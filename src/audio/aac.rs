//! AAC as it describes itself. Symphonia decodes AAC-LC of one or two channels; HE-AAC is that, with
//! the upper half of the spectrum described in a few bytes beside it, which can be left out.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::io::{BitReaderLtr, ReadBitsLtr};

use super::error::AudioErrorKind;

/// Sample rates in Hz by the index that stands for them.
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Bytes at the end of a packet in which the extension of HE-AAC and the filling lie.
const MAX_EXTENSION: usize = 600;

/// Object types.
const LC: u32 = 2;
const SBR: u32 = 5;
const PS: u32 = 29;

/// The fields of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) that matter here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Config {
    object: u32,
    /// Index into the rates, or 15 for a rate that is spelt out.
    rate_index: u32,
    /// Sample rate of the core, in Hz.
    rate: u32,
    channels: u32,
    /// Frames of 960 samples and not of 1024.
    short: bool,
    /// The upper half of the spectrum is described apart.
    pub(super) high_efficiency: bool,
}

impl Config {
    /// Reads the description in an MP4, Matroska or CAF file; None if it is cut off or senseless.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut bits = BitReaderLtr::new(bytes);
        let mut object = object_type(&mut bits)?;
        let (rate_index, rate) = sample_rate(&mut bits)?;
        let channels = bits.read_bits_leq32(4).ok()?;
        let mut high_efficiency = object == SBR || object == PS;
        if high_efficiency {
            sample_rate(&mut bits)?;
            object = object_type(&mut bits)?;
        }
        let mut flag = || bits.read_bool().unwrap_or(false);
        // Whether the frames are short, and depend on another stream; and an extension of no use here.
        let (short, dependent, _) = (flag(), flag(), flag());
        // For the sake of old players the extension may stand behind the description of the core.
        if !high_efficiency && !dependent && bits.read_bits_leq32(11).ok() == Some(0x2b7) {
            high_efficiency = object_type(&mut bits) == Some(SBR) && bits.read_bool().ok()?;
        }
        Some(Self {
            object,
            rate_index,
            rate,
            channels,
            short,
            high_efficiency,
        })
    }

    /// Of the fields of an ADTS header.
    pub(super) fn adts(profile: u32, rate_index: u32, channels: u32) -> Option<Self> {
        Some(Self {
            object: profile + 1,
            rate_index,
            rate: *RATES.get(rate_index as usize)?,
            channels,
            short: false,
            high_efficiency: false,
        })
    }

    /// The description of the core alone.
    pub(super) fn core(&self) -> Box<[u8]> {
        let mut value = u64::from(self.object) << 4 | u64::from(self.rate_index);
        let mut used = 9_usize;
        if self.rate_index == 15 {
            value = value << 24 | u64::from(self.rate);
            used += 24;
        }
        value = (value << 4 | u64::from(self.channels)) << 3;
        used += 7;
        let bytes = (value << (64 - used)).to_be_bytes();
        bytes[..used.div_ceil(8)].into()
    }

    /// What hinders decoding.
    fn refusal(&self) -> Option<String> {
        let what = match (self.object, self.channels) {
            (LC, _) if self.short => "AAC in frames of 960 samples".to_owned(),
            (LC, 1 | 2) => return None,
            (LC, 0 | 8..) => "AAC with a channel layout of its own".to_owned(),
            (LC, 7) => "AAC with 8 channels".to_owned(),
            (LC, channels) => format!("AAC with {channels} channels"),
            (1, _) => "AAC Main".to_owned(),
            (3, _) => "AAC SSR".to_owned(),
            (4, _) => "AAC LTP".to_owned(),
            (23 | 39, _) => "AAC-LD or AAC-ELD".to_owned(),
            (36, _) => "MPEG-4 ALS".to_owned(),
            (42, _) => "xHE-AAC".to_owned(),
            (object, _) => format!("MPEG-4 audio of type {object}"),
        };
        Some(what)
    }
}

fn object_type(bits: &mut BitReaderLtr<'_>) -> Option<u32> {
    match bits.read_bits_leq32(5).ok()? {
        31 => Some(32 + bits.read_bits_leq32(6).ok()?),
        object => Some(object),
    }
}

fn sample_rate(bits: &mut BitReaderLtr<'_>) -> Option<(u32, u32)> {
    match bits.read_bits_leq32(4).ok()? {
        15 => Some((15, bits.read_bits_leq32(24).ok()?)),
        index => Some((index, *RATES.get(index as usize)?)),
    }
}

/// `params` as Symphonia decodes them, and whether that is the lower half of HE-AAC.
pub(super) fn playable(
    params: &AudioCodecParameters,
) -> Result<(AudioCodecParameters, bool), AudioErrorKind> {
    let mut params = params.clone();
    // Symphonia says what is wrong with a description that makes no sense.
    let Some(config) = params.extra_data.as_deref().and_then(Config::read) else {
        return Ok((params, false));
    };
    if let Some(what) = config.refusal() {
        return Err(AudioErrorKind::Unsupported(what));
    }
    params.with_extra_data(config.core());
    Ok((params, config.high_efficiency))
}

/// Whether a packet of AAC holds the extension of HE-AAC, which no header needs to announce. It is
/// the last element but for filling, so that it is found from where the packet ends: an element of
/// the right kind whose length reaches the end. One packet in some hundreds looks so by chance.
pub(super) fn is_extended(packet: &[u8]) -> bool {
    let packet = &packet[packet.len().saturating_sub(MAX_EXTENSION)..];
    let bit = |at: usize| u32::from(packet[at / 8] >> (7 - at % 8) & 1);
    let len = packet.len() * 8;
    let read = |at: usize, count: usize| {
        (at + count <= len).then(|| (at..at + count).fold(0, |value, at| value << 1 | bit(at)))
    };
    // The first bit behind the filling element at `at`, and what it is filled with.
    let fill = |at: usize| {
        if read(at, 3)? != 6 {
            return None;
        }
        let (count, body) = match read(at + 3, 4)? {
            15 => (14 + read(at + 7, 8)?, at + 15),
            count => (count, at + 7),
        };
        Some((body + count as usize * 8, read(body, 4)?))
    };
    let ends = |mut at: usize| {
        while let Some((next, _)) = fill(at) {
            at = next;
        }
        read(at, 3) == Some(7) && len - (at + 3) < 8
    };
    (0..len).any(|at| fill(at).is_some_and(|(next, kind)| matches!(kind, 13 | 14) && ends(next)))
}
