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

/// Mel-frequency cepstral coefficients `[n_mfcc][n_frames]` of frames in decibels
/// `[n_mels][n_frames]`: the first values of an orthonormal DCT-II over the bands.
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
    let frames = db.len() / n_mels;
    let coefficient = |row: &Vec<f64>| {
        let mut sums = vec![0.0; frames];
        for (band, c) in db.chunks_exact(frames.max(1)).zip(row) {
            for (sum, &x) in sums.iter_mut().zip(band) {
                *sum += f64::from(x) * c;
            }
        }
        sums.into_iter().map(|sum| sum as f32)
    };
    basis.iter().flat_map(coefficient).collect()
}

/// What a network sees of a power: `log10(1 + gain * power)`, exact for small powers too.
pub fn compress(power: &[f32], gain: f32) -> Vec<f32> {
    power
        .iter()
        .map(|&p| (gain * p).ln_1p() * std::f32::consts::LOG10_E)
        .collect()
}

/// Blocks of frames `[bands][frames of the block]`, one after another in time, as one `[bands][frames]`.
pub fn join_frames(blocks: &[Vec<f32>], bands: usize) -> Vec<f32> {
    let mut joined = Vec::with_capacity(blocks.iter().map(Vec::len).sum());
    for band in 0..bands {
        for block in blocks {
            let frames = block.len() / bands;
            joined.extend_from_slice(&block[band * frames..][..frames]);
        }
    }
    joined
}

/// Rows of `width` values turned into columns: `[n_mels][n_frames]`, given `n_frames`, becomes `[n_frames][n_mels]`.
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
        let (first, rest) = coefficients.split_at(2);
        assert!(first.iter().all(|x| (x - 3.0 * 40f32.sqrt()).abs() < 1e-5));
        assert!(rest.iter().all(|x| x.abs() < 1e-5));
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
    fn blocks_are_joined_band_by_band() {
        let blocks = [vec![1.0, 2.0, 5.0, 6.0], vec![3.0, 7.0], Vec::new()];
        assert_eq!(join_frames(&blocks, 2), [1.0, 2.0, 3.0, 5.0, 6.0, 7.0]);
        assert!(join_frames(&[], 2).is_empty());
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
