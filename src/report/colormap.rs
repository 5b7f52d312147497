//! Colours for values.

use super::style::{ACCENT, CARD, Colour, INK, WARM};

/// How many colours a picture has for its values.
pub(super) const LEVELS: usize = 192;

/// Matplotlib's magma (Smith and van der Walt, CC0) at 33 points; linear between them within 2 of 255.
const MAGMA: [u32; 33] = [
    0x000004, 0x030311, 0x0a0822, 0x130d33, 0x1d1146, 0x28115a, 0x36106a, 0x430f76, 0x50127c,
    0x5d177f, 0x691c81, 0x762181, 0x822681, 0x8f2a81, 0x9c2e7f, 0xa9327d, 0xb63779, 0xc33b75,
    0xcf4170, 0xdb486a, 0xe65163, 0xee5c5e, 0xf5695c, 0xf9785d, 0xfb8761, 0xfd9668, 0xfea571,
    0xfeb47b, 0xfec387, 0xfed194, 0xfde0a2, 0xfceeb0, 0xfcfdbf,
];

/// Blue below zero, red above, equally dark at equal distance.
const DIVERGING: [u32; 9] = [
    0x12355b, 0x2166a5, 0x5b9bcb, 0xb3d1e6, 0xf4f4f2, 0xf3c3a5, 0xe08a5f, 0xbf4a2c, 0x741a14,
];

/// Steps of loudness of [`Colormap::Heard`], and of what mattered, an odd number: for one side, for neither, for the other.
const LOUD: usize = 12;
const SIDES: usize = 15;

/// The colours of one kind of value, low to high.
#[derive(Debug, Clone, Copy)]
pub(super) enum Colormap {
    Magma,
    Diverging,
    /// How loud something is as a grey, under the colour of the side that it speaks for.
    Heard {
        dark: bool,
    },
}

impl Colormap {
    /// The place among the colours of [`Self::Heard`] of a loudness from 0 to 1 and of a side from -1 to 1.
    pub(super) fn heard(loud: f64, side: f64) -> u8 {
        let step = |part: f64, steps: usize| (part.clamp(0.0, 1.0) * (steps - 1) as f64).round();
        (step(loud, LOUD) * SIDES as f64 + step(0.5 + side / 2.0, SIDES)) as u8
    }

    fn heard_colours(dark: bool) -> Vec<[u8; 3]> {
        // The ground and its ink, and the accent's counterpart, neither, and the accent.
        let hex = |colour: Colour| {
            let text = if dark { colour.dark } else { colour.light };
            let value = u32::from_str_radix(&text[1..], 16).unwrap_or(0);
            [16, 8, 0].map(|shift| f64::from((value >> shift) & 0xff))
        };
        let mix = |a: [f64; 3], b: [f64; 3], part: f64| {
            std::array::from_fn::<f64, 3, _>(|k| a[k] + part * (b[k] - a[k]))
        };
        (0..LEVELS)
            .map(|level| {
                let (loud, side) = (level / SIDES, level % SIDES);
                let loud = loud as f64 / (LOUD - 1) as f64;
                let side = 2.0 * side as f64 / (SIDES - 1) as f64 - 1.0;
                let grey = mix(hex(CARD), hex(INK), 0.55 * loud.min(1.0));
                let colour = hex(if side < 0.0 { WARM } else { ACCENT });
                mix(grey, colour, side.abs()).map(|value| value.round() as u8)
            })
            .collect()
    }

    /// `LEVELS` colours as r, g, b.
    pub(super) fn colours(self) -> Vec<[u8; 3]> {
        let stops: &[u32] = match self {
            Self::Magma => &MAGMA,
            Self::Diverging => &DIVERGING,
            Self::Heard { dark } => return Self::heard_colours(dark),
        };
        (0..LEVELS)
            .map(|level| {
                let place = level as f64 / (LEVELS - 1) as f64 * (stops.len() - 1) as f64;
                let below = (place as usize).min(stops.len() - 2);
                let part = place - below as f64;
                [16, 8, 0].map(|shift| {
                    let channel = |stop: u32| f64::from((stop >> shift) & 0xff);
                    let (a, b) = (channel(stops[below]), channel(stops[below + 1]));
                    (a + part * (b - a)).round() as u8
                })
            })
            .collect()
    }
}
