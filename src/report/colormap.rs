//! Colours for values.

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

/// The colours of one kind of value, low to high.
#[derive(Debug, Clone, Copy)]
pub(super) enum Colormap {
    Magma,
    Diverging,
}

impl Colormap {
    /// `LEVELS` colours as r, g, b.
    pub(super) fn colours(self) -> Vec<[u8; 3]> {
        let stops: &[u32] = match self {
            Self::Magma => &MAGMA,
            Self::Diverging => &DIVERGING,
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
