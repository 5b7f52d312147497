//! Second-order filters (Bristow-Johnson, Audio EQ Cookbook).

use std::f64::consts::{PI, TAU};

/// One second-order section, in direct form II transposed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    fn new(b: [f64; 3], a: [f64; 3]) -> Self {
        Self {
            b: b.map(|b| b / a[0]),
            a: [a[1] / a[0], a[2] / a[0]],
            state: [0.0; 2],
        }
    }

    /// cos and sin / (2 q) of a frequency, kept below the Nyquist frequency.
    fn angle(rate: f64, hz: f64, q: f64) -> (f64, f64) {
        let w = TAU * hz.min(0.49 * rate) / rate;
        (w.cos(), w.sin() / (2.0 * q))
    }

    pub(super) fn low_pass(rate: f64, hz: f64, q: f64) -> Self {
        let (cos, alpha) = Self::angle(rate, hz, q);
        let b = (1.0 - cos) / 2.0;
        Self::new([b, 2.0 * b, b], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    pub(super) fn high_pass(rate: f64, hz: f64, q: f64) -> Self {
        let (cos, alpha) = Self::angle(rate, hz, q);
        let b = (1.0 + cos) / 2.0;
        Self::new([b, -2.0 * b, b], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    /// Gain 1 at `hz`.
    pub(super) fn band_pass(rate: f64, hz: f64, q: f64) -> Self {
        let (cos, alpha) = Self::angle(rate, hz, q);
        Self::new([alpha, 0.0, -alpha], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    /// `db` at `hz`, 0 far from it.
    pub(super) fn peak(rate: f64, hz: f64, q: f64, db: f64) -> Self {
        let (cos, alpha) = Self::angle(rate, hz, q);
        let a = 10f64.powf(db / 40.0);
        Self::new(
            [1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a],
            [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a],
        )
    }

    /// `db` well below `hz`, 0 well above.
    pub(super) fn low_shelf(rate: f64, hz: f64, db: f64) -> Self {
        let (cos, alpha) = Self::angle(rate, hz, std::f64::consts::FRAC_1_SQRT_2);
        let a = 10f64.powf(db / 40.0);
        let root = 2.0 * a.sqrt() * alpha;
        let (more, less) = (a + 1.0, a - 1.0);
        Self::new(
            [
                a * (more - less * cos + root),
                2.0 * a * (less - more * cos),
                a * (more - less * cos - root),
            ],
            [
                more + less * cos + root,
                -2.0 * (less + more * cos),
                more + less * cos - root,
            ],
        )
    }

    fn step(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.state[0];
        self.state = [
            self.b[1] * x - self.a[0] * y + self.state[1],
            self.b[2] * x - self.a[1] * y,
        ];
        y
    }
}

/// Passes samples through sections in turn.
pub(super) fn filter(samples: &[f32], sections: &mut [Biquad]) -> Vec<f32> {
    let through = |x: &f32| {
        sections
            .iter_mut()
            .fold(f64::from(*x), |x, section| section.step(x)) as f32
    };
    samples.iter().map(through).collect()
}

/// The quality of each section of a Butterworth filter of order 8.
pub(super) fn butterworth() -> [f64; 4] {
    [1.0, 3.0, 5.0, 7.0].map(|k| 1.0 / (2.0 * (PI * k / 16.0).cos()))
}
