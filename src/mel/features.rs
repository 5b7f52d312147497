/// The least power that [`decibels`] tells apart from silence, in librosa and torchaudio.
pub const AMIN: f32 = 1e-10;

/// Range in dB that librosa and torchaudio keep below the loudest value of a clip.
pub const TOP_DB: f32 = 80.0;

/// Power in decibels, `10 log10(max(power, amin) / max(reference, amin))`, and, given `top_db`, at
/// least the largest value of the slice minus `top_db` (librosa's `power_to_db` of one clip).
/// `amin` must be positive. A NaN stays a NaN.
pub fn decibels(power: &[f32], reference: f32, amin: f32, top_db: Option<f32>) -> Vec<f32> {
    let offset = 10.0 * reference.max(amin).log10();
    let at_least = |x: f32, least: f32| if x < least { least } else { x };
    let mut db: Vec<f32> = power
        .iter()
        .map(|&p| 10.0 * at_least(p, amin).log10() - offset)
        .collect();
    if let Some(top_db) = top_db {
        let floor = db.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x)) - top_db;
        for x in &mut db {
            *x = at_least(*x, floor);
        }
    }
    db
}

/// Mel-frequency cepstral coefficients `[n_frames][n_mfcc]` of frames in decibels
/// `[n_frames][n_mels]`: the first values of an orthonormal DCT-II over the bands.
///
/// Gives nothing for no bands, and at most `n_mels` coefficients.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the transform is summed in f64"
)]
pub fn mfcc(db: &[f32], n_mels: usize, n_mfcc: usize) -> Vec<f32> {
    if n_mels == 0 {
        return Vec::new();
    }
    let n = n_mels as f64;
    let basis: Vec<Vec<f64>> = (0..n_mfcc.min(n_mels))
        .map(|k| {
            let scale = (if k == 0 { 1.0 } else { 2.0 } / n).sqrt();
            let angle = std::f64::consts::PI * k as f64 / n;
            (0..n_mels)
                .map(|i| scale * (angle * (i as f64 + 0.5)).cos())
                .collect()
        })
        .collect();
    let coefficient = |frame: &[f32], row: &[f64]| {
        let products = frame.iter().zip(row).map(|(&x, c)| f64::from(x) * c);
        products.sum::<f64>() as f32
    };
    db.chunks_exact(n_mels)
        .flat_map(|frame| basis.iter().map(move |row| coefficient(frame, row)))
        .collect()
}

/// What a network sees of a power: `log10(1 + gain * power)`, exact for small powers too.
pub fn compress(power: &[f32], gain: f32) -> Vec<f32> {
    power
        .iter()
        .map(|&p| (gain * p).ln_1p() * std::f32::consts::LOG10_E)
        .collect()
}

/// Rows of `width` values turned into columns: frame-major `[n_frames][n_mels]` becomes the
/// `(n_mels, n_frames)` that librosa and torchaudio write.
pub fn transpose(values: &[f32], width: usize) -> Vec<f32> {
    (0..width)
        .flat_map(|column| values.chunks_exact(width).map(move |row| row[column]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::log_compress;

    #[test]
    fn decibels_of_known_powers() {
        assert_eq!(
            decibels(&[1.0, 100.0, 0.001], 1.0, AMIN, None),
            [0.0, 20.0, -30.0]
        );
        assert_eq!(decibels(&[1.0, 100.0], 100.0, AMIN, None), [-20.0, 0.0]);
        assert_eq!(decibels(&[0.0, 1e-12], 1.0, AMIN, None), [-100.0, -100.0]);
        assert_eq!(
            decibels(&[1e4, 0.0], 1.0, AMIN, Some(TOP_DB)),
            [40.0, -40.0]
        );
        assert_eq!(decibels(&[0.0; 3], 1.0, AMIN, Some(TOP_DB)), [-100.0; 3]);
        assert!(decibels(&[], 1.0, AMIN, Some(TOP_DB)).is_empty());
    }

    #[test]
    fn a_nan_power_is_not_taken_for_silence() {
        let db = decibels(&[f32::NAN, 1.0], 1.0, AMIN, Some(TOP_DB));
        assert!(db[0].is_nan());
        assert_eq!(db[1], 0.0);
    }

    #[test]
    fn the_cepstrum_of_a_flat_frame_is_its_first_coefficient() {
        let coefficients = mfcc(&[3.0; 2 * 40], 40, 13);
        assert_eq!(coefficients.len(), 2 * 13);
        for frame in coefficients.chunks(13) {
            assert!((frame[0] - 3.0 * 40f32.sqrt()).abs() < 1e-5);
            assert!(frame[1..].iter().all(|x| x.abs() < 1e-5));
        }
    }

    #[test]
    fn all_cepstral_coefficients_keep_the_energy() {
        for n_mels in [1, 3, 63, 65] {
            let db: Vec<f32> = (0..n_mels).map(|i| ((i * i) as f32).sin() * 20.0).collect();
            let energy = |x: &[f32]| x.iter().map(|v| v * v).sum::<f32>();
            let (before, after) = (energy(&db), energy(&mfcc(&db, n_mels, n_mels)));
            assert!((before - after).abs() <= 1e-5 * before, "{before} {after}");
        }
    }

    #[test]
    fn mfcc_of_nothing_is_nothing() {
        assert!(mfcc(&[], 40, 13).is_empty());
        assert!(mfcc(&[1.0], 0, 13).is_empty());
        assert_eq!(mfcc(&[1.0; 4], 4, 13).len(), 4);
    }

    #[test]
    fn compression_agrees_with_the_twin_from_silence_to_full_scale() {
        let power: Vec<f32> = (-60..40)
            .map(|e| 10f32.powf(e as f32 / 5.0))
            .chain([0.0])
            .collect();
        let want = log_compress(&power.iter().map(|&p| p.into()).collect::<Vec<_>>(), 1e4);
        for (got, want) in compress(&power, 1e4).iter().zip(want) {
            assert!(
                (f64::from(*got) - want).abs() <= 1e-6 * want,
                "{got} {want}"
            );
        }
    }

    #[test]
    fn a_transpose_swaps_frames_and_bands() {
        assert_eq!(
            transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
        assert!(transpose(&[], 3).is_empty());
        assert!(transpose(&[], 0).is_empty());
    }
}
